//! OFPT_MULTIPART_REQUEST and OFPT_MULTIPART_REPLY (OpenFlow 1.3.5 §7.3.5).

use bytes::Bytes;

use super::monitor::{MonitorRequest, MonitorUpdate};
use super::{ONF, port::Port};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::PortNo;

mod desc;
mod flow;
mod group;
mod port;
mod table;

pub use desc::Desc;
pub use flow::{AggregateReply, FlowStats, FlowStatsRequest};
pub use group::GroupDesc;
pub use port::PortStats;
pub use table::TableStats;

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
    /// OFPMP_GROUP_DESC 7.
    GroupDesc(Vec<GroupDesc>),
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

/// OFPMP_EXPERIMENTER.
const EXPERIMENTER: u16 = 0xffff;
/// ONF's flow monitor, after its experimenter id.
const ONF_FLOW_MONITOR: u32 = 1870;

/// Passes over an experimenter's header if it is that of ONF's flow monitor, and says whether it was.
fn is_onf_monitor(r: &mut Reader<'_>) -> bool {
    let mut ahead = r.clone();
    let (id, kind) = (ahead.u32("multipart.experimenter"), ahead.u32("multipart.exp_type"));
    let found = id == Ok(ONF) && kind == Ok(ONF_FLOW_MONITOR);
    if found {
        *r = ahead;
    }
    found
}

fn encode_onf_monitor<T: Wire>(list: &[T], w: &mut Writer) -> Result<(), EncodeError> {
    w.u32(ONF);
    w.u32(ONF_FLOW_MONITOR);
    encode_list(list, w)
}

fn decode_list<T: Wire>(r: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
    let mut list = Vec::new();
    while !r.is_empty() {
        list.push(T::decode(r)?);
    }
    Ok(list)
}

fn encode_list<T: Wire>(list: &[T], w: &mut Writer) -> Result<(), EncodeError> {
    list.iter().try_for_each(|item| item.encode(w))
}

impl MultipartRequestBody {
    /// Its OFPMP_ type.
    pub const fn kind(&self) -> u16 {
        match self {
            Self::Desc => 0,
            Self::Flow(_) => 1,
            Self::Aggregate(_) => 2,
            Self::Table => 3,
            Self::PortStats(_) => 4,
            Self::GroupDesc => 7,
            Self::PortDesc => 13,
            Self::Monitor(_) => EXPERIMENTER,
            Self::Unknown { kind, .. } => *kind,
        }
    }
}

impl Wire for MultipartRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.u16("multipart.type")?;
        let flags = r.u16("multipart.flags")?;
        r.skip(4, "multipart.pad")?;
        let body = match kind {
            0 => MultipartRequestBody::Desc,
            1 => MultipartRequestBody::Flow(Wire::decode(r)?),
            2 => MultipartRequestBody::Aggregate(Wire::decode(r)?),
            3 => MultipartRequestBody::Table,
            4 => {
                let port = PortNo(r.u32("port_stats_request.port_no")?);
                r.skip(4, "port_stats_request.pad")?;
                MultipartRequestBody::PortStats(port)
            }
            7 => MultipartRequestBody::GroupDesc,
            13 => MultipartRequestBody::PortDesc,
            EXPERIMENTER if is_onf_monitor(r) => MultipartRequestBody::Monitor(decode_list(r)?),
            _ => MultipartRequestBody::Unknown { kind, body: r.rest_copied() },
        };
        Ok(Self { flags, body })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.body.kind());
        w.u16(self.flags);
        w.zeros(4);
        match &self.body {
            MultipartRequestBody::Desc
            | MultipartRequestBody::Table
            | MultipartRequestBody::GroupDesc
            | MultipartRequestBody::PortDesc => {}
            MultipartRequestBody::Flow(b) | MultipartRequestBody::Aggregate(b) => b.encode(w)?,
            MultipartRequestBody::PortStats(port) => {
                w.u32(port.0);
                w.zeros(4);
            }
            MultipartRequestBody::Monitor(list) => encode_onf_monitor(list, w)?,
            MultipartRequestBody::Unknown { body, .. } => w.bytes(body),
        }
        Ok(())
    }
}

impl MultipartReplyBody {
    /// Its OFPMP_ type.
    pub const fn kind(&self) -> u16 {
        match self {
            Self::Desc(_) => 0,
            Self::Flow(_) => 1,
            Self::Aggregate(_) => 2,
            Self::Table(_) => 3,
            Self::PortStats(_) => 4,
            Self::GroupDesc(_) => 7,
            Self::PortDesc(_) => 13,
            Self::Monitor(_) => EXPERIMENTER,
            Self::Unknown { kind, .. } => *kind,
        }
    }
}

impl Wire for MultipartReply {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.u16("multipart.type")?;
        let flags = r.u16("multipart.flags")?;
        r.skip(4, "multipart.pad")?;
        let body = match kind {
            0 => MultipartReplyBody::Desc(Wire::decode(r)?),
            1 => MultipartReplyBody::Flow(decode_list(r)?),
            2 => MultipartReplyBody::Aggregate(Wire::decode(r)?),
            3 => MultipartReplyBody::Table(decode_list(r)?),
            4 => MultipartReplyBody::PortStats(decode_list(r)?),
            7 => MultipartReplyBody::GroupDesc(decode_list(r)?),
            13 => MultipartReplyBody::PortDesc(decode_list(r)?),
            EXPERIMENTER if is_onf_monitor(r) => MultipartReplyBody::Monitor(decode_list(r)?),
            _ => MultipartReplyBody::Unknown { kind, body: r.rest_copied() },
        };
        Ok(Self { flags, body })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.body.kind());
        w.u16(self.flags);
        w.zeros(4);
        match &self.body {
            MultipartReplyBody::Desc(b) => b.encode(w),
            MultipartReplyBody::Flow(list) => encode_list(list, w),
            MultipartReplyBody::Aggregate(b) => b.encode(w),
            MultipartReplyBody::Table(list) => encode_list(list, w),
            MultipartReplyBody::PortStats(list) => encode_list(list, w),
            MultipartReplyBody::GroupDesc(list) => encode_list(list, w),
            MultipartReplyBody::PortDesc(list) => encode_list(list, w),
            MultipartReplyBody::Monitor(list) => encode_onf_monitor(list, w),
            MultipartReplyBody::Unknown { body, .. } => {
                w.bytes(body);
                Ok(())
            }
        }
    }
}
