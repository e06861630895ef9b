//! OFPT_MULTIPART_REQUEST and OFPT_MULTIPART_REPLY (OpenFlow 1.3.5 §7.3.5).

mod desc;
mod dispatch;
mod flow;
mod group;
mod ipfix;
mod meter;
mod port;
mod queue;
mod table;
mod table_features;

use bytes::Bytes;

pub use self::desc::Desc;
pub use self::flow::{AggregateReply, FlowStats, FlowStatsRequest};
pub use self::group::{BucketCounter, GroupDesc, GroupFeatures, GroupStats};
pub use self::ipfix::IpfixStats;
pub use self::meter::{MeterBandStats, MeterConfig, MeterFeatures, MeterStats};
pub use self::port::PortStats;
pub use self::queue::{QueueStats, QueueStatsRequest};
pub use self::table::TableStats;
pub use self::table_features::{FeatureId, OxmId, TableFeatureProperty, TableFeatures};
use super::experimenter::Experimenter;
use crate::ids::{GroupId, MeterId, PortNo};
use crate::message::ports::port::Port;
use crate::message::tables::monitor::{MonitorRequest, MonitorUpdate};

/// OFPMPF_REQ_MORE and OFPMPF_REPLY_MORE: another part follows under the same xid.
pub const MULTIPART_MORE: u16 = 1;

/// A request. Only a list may be split into parts: monitors, or tables' features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultipartRequest {
    /// `MULTIPART_MORE`.
    pub flags: u16,
    /// The body.
    pub body: MultipartRequestBody,
}

/// The body of a request.
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
    /// OFPMP_QUEUE 5.
    Queue(QueueStatsRequest),
    /// OFPMP_GROUP 6, of one group or `ALL`.
    Group(GroupId),
    /// OFPMP_GROUP_DESC 7.
    GroupDesc,
    /// OFPMP_GROUP_FEATURES 8.
    GroupFeatures,
    /// OFPMP_METER 9, of one meter or `ALL`.
    Meter(MeterId),
    /// OFPMP_METER_CONFIG 10, of one meter or `ALL`.
    MeterConfig(MeterId),
    /// OFPMP_METER_FEATURES 11.
    MeterFeatures,
    /// OFPMP_TABLE_FEATURES 12: a query if the list is empty, otherwise a change.
    TableFeatures(Vec<TableFeatures>),
    /// OFPMP_PORT_DESC 13.
    PortDesc,
    /// ONF flow monitor (0xffff, 0x4f4e4600, 1870).
    Monitor(Vec<MonitorRequest>),
    /// Nicira's IPFIX counters of the bridge (0xffff, 0x2320, 3).
    IpfixBridge,
    /// Nicira's IPFIX counters of sampling flows (0xffff, 0x2320, 4).
    IpfixFlow,
    /// Any other experimenter's body (0xffff), with its bytes unchanged.
    Experimenter(Experimenter),
    /// Any other type, with its bytes unchanged.
    Unknown {
        /// OFPMP_ type.
        kind: u16,
        /// The bytes after flags and padding.
        body: Bytes,
    },
}

/// A reply, or one part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultipartReply {
    /// `MULTIPART_MORE`.
    pub flags: u16,
    /// The body.
    pub body: MultipartReplyBody,
}

/// The body of a reply.
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
    /// OFPMP_QUEUE 5.
    Queue(Vec<QueueStats>),
    /// OFPMP_GROUP 6.
    Group(Vec<GroupStats>),
    /// OFPMP_GROUP_DESC 7.
    GroupDesc(Vec<GroupDesc>),
    /// OFPMP_GROUP_FEATURES 8.
    GroupFeatures(GroupFeatures),
    /// OFPMP_METER 9.
    Meter(Vec<MeterStats>),
    /// OFPMP_METER_CONFIG 10.
    MeterConfig(Vec<MeterConfig>),
    /// OFPMP_METER_FEATURES 11.
    MeterFeatures(MeterFeatures),
    /// OFPMP_TABLE_FEATURES 12.
    TableFeatures(Vec<TableFeatures>),
    /// OFPMP_PORT_DESC 13.
    PortDesc(Vec<Port>),
    /// ONF flow monitor (0xffff, 0x4f4e4600, 1870).
    Monitor(Vec<MonitorUpdate>),
    /// Nicira's IPFIX counters of the bridge (0xffff, 0x2320, 3).
    IpfixBridge(IpfixStats),
    /// Nicira's IPFIX counters of sampling flows (0xffff, 0x2320, 4), by collector set.
    IpfixFlow(Vec<IpfixStats>),
    /// Any other experimenter's body (0xffff), with its bytes unchanged.
    Experimenter(Experimenter),
    /// Any other type, with its bytes unchanged.
    Unknown {
        /// OFPMP_ type.
        kind: u16,
        /// The bytes after flags and padding.
        body: Bytes,
    },
}
