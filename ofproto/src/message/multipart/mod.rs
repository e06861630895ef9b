//! OFPT_MULTIPART_REQUEST and OFPT_MULTIPART_REPLY (OpenFlow 1.3.5 §7.3.5).

mod desc;
mod flow;
mod port;
mod table;

use bytes::Bytes;

pub use desc::Desc;
pub use flow::{AggregateReply, FlowStats, FlowStatsRequest};
pub use port::PortStats;
pub use table::TableStats;

use super::monitor::{MonitorRequest, MonitorUpdate};
use super::port::Port;
use crate::ids::{GroupId, PortNo};

/// OFPMPF_REQ_MORE and OFPMPF_REPLY_MORE: another part follows under the same xid.
pub const MULTIPART_MORE: u16 = 1;

/// A request. None of those here is ever split, but a flow monitor's may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultipartRequest {
    /// `MULTIPART_MORE`.
    pub flags: u16,
    /// What is asked.
    pub body: MultipartRequestBody,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultipartRequestBody {
    /// OFPMP_DESC 0.
    Desc,
    /// OFPMP_FLOW 1.
    Flow(FlowStatsRequest),
    /// OFPMP_AGGREGATE 2.
    Aggregate(FlowStatsRequest),
    /// OFPMP_TABLE 3.
    Table,
    /// OFPMP_PORT_STATS 4, of one port or `ANY`.
    PortStats(PortNo),
    /// OFPMP_GROUP_DESC 7.
    GroupDesc,
    /// OFPMP_PORT_DESC 13.
    PortDesc,
    /// ONF flow monitor (0xffff, 0x4f4e4600, 1870).
    Monitor(Vec<MonitorRequest>),
    /// Any other, kept as it came.
    Unknown {
        /// OFPMP_ type; 0xffff is an experimenter's.
        kind: u16,
        /// All behind flags and padding.
        body: Bytes,
    },
}

/// A reply, or one part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultipartReply {
    /// `MULTIPART_MORE`.
    pub flags: u16,
    /// What is answered.
    pub body: MultipartReplyBody,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultipartReplyBody {
    /// OFPMP_DESC 0.
    Desc(Desc),
    /// OFPMP_FLOW 1.
    Flow(Vec<FlowStats>),
    /// OFPMP_AGGREGATE 2.
    Aggregate(AggregateReply),
    /// OFPMP_TABLE 3.
    Table(Vec<TableStats>),
    /// OFPMP_PORT_STATS 4.
    PortStats(Vec<PortStats>),
    /// OFPMP_GROUP_DESC 7: the groups' numbers with type and buckets.
    GroupDesc(Vec<(GroupId, u8, Bytes)>),
    /// OFPMP_PORT_DESC 13.
    PortDesc(Vec<Port>),
    /// ONF flow monitor (0xffff, 0x4f4e4600, 1870).
    Monitor(Vec<MonitorUpdate>),
    /// Any other, kept as it came.
    Unknown {
        /// OFPMP_ type; 0xffff is an experimenter's.
        kind: u16,
        /// All behind flags and padding.
        body: Bytes,
    },
}
