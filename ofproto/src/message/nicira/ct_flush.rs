//! NXT_CT_FLUSH_ZONE 29 and NXT_CT_FLUSH 32: connections to flush (ovs-ofctl(8), `ct-flush`).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::message::encode_list;
use crate::message::tlv::{self, Property};

/// The request to flush all connections of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CtFlushZone {
    /// The zone.
    pub zone_id: u16,
}

/// The request to flush the matching connections, or all of them if it has no properties. A switch
/// may skip an unknown property and flush more than requested. Open vSwitch before 3.3 does so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CtFlush {
    /// The IP protocol; 0 for any.
    pub ip_proto: u8,
    /// The criteria that a connection must meet.
    pub properties: Vec<CtFlushProperty>,
}

/// NXT_CT_: a criterion for connections.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CtFlushProperty {
    /// 0: the direction of the first packet.
    OrigTuple(Vec<CtTupleProperty>),
    /// 1: the direction of the replies.
    ReplyTuple(Vec<CtTupleProperty>),
    /// 2: the zone.
    ZoneId(u16),
    /// 3: the mark, compared in all bits unless there is a mask. This and the next three need Open
    /// vSwitch 3.3.
    Mark(u32),
    /// 4: the mask of the mark.
    MarkMask(u32),
    /// 5: the labels, compared in all bits unless there is a mask.
    Labels(u128),
    /// 6: the mask of the labels.
    LabelsMask(u128),
    /// Any other type, with its bytes unchanged.
    Unknown(Property),
}

/// NXT_CT_TUPLE_: one direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CtTupleProperty {
    /// 0: the source. IPv4 addresses are in ::ffff:0:0/96.
    Src([u8; 16]),
    /// 1: the destination, in the form of the source.
    Dst([u8; 16]),
    /// 2: the source port.
    SrcPort(u16),
    /// 3: the destination port.
    DstPort(u16),
    /// 4: ICMP's id.
    IcmpId(u16),
    /// 5: ICMP's type.
    IcmpType(u8),
    /// 6: ICMP's code.
    IcmpCode(u8),
    /// Any other type, with its bytes unchanged.
    Unknown(Property),
}

impl Wire for CtFlushZone {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.skip(6, "ct_flush_zone.zero")?;
        Ok(Self { zone_id: r.u16("ct_flush_zone.zone_id")? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.zeros(6);
        w.u16(self.zone_id);
        Ok(())
    }
}

impl Wire for CtFlush {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let ip_proto = r.u8("ct_flush.ip_proto")?;
        r.skip(7, "ct_flush.zero")?;
        Ok(Self { ip_proto, properties: tlv::decode_properties(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u8(self.ip_proto);
        w.zeros(7);
        encode_list(&self.properties, w)
    }
}

impl Wire for CtFlushProperty {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut p) = tlv::decode_padded(r, "ct_flush.property")?;
        let property = match kind {
            0 => return Ok(Self::OrigTuple(tlv::decode_nested(p, "ct_flush.orig_tuple")?)),
            1 => return Ok(Self::ReplyTuple(tlv::decode_nested(p, "ct_flush.reply_tuple")?)),
            2 => Self::ZoneId(short(&mut p, "ct_flush.zone_id")?),
            3 => Self::Mark(p.u32("ct_flush.mark")?),
            4 => Self::MarkMask(p.u32("ct_flush.mark_mask")?),
            5 => Self::Labels(u128::from_be_bytes(p.array("ct_flush.labels")?)),
            6 => Self::LabelsMask(u128::from_be_bytes(p.array("ct_flush.labels_mask")?)),
            kind => return Ok(Self::Unknown(Property::new(kind, p))),
        };
        p.finish("ct_flush.property")?;
        Ok(property)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Self::OrigTuple(tuple) => tlv::encode_nested(w, 0, "ct_flush.orig_tuple", tuple),
            Self::ReplyTuple(tuple) => tlv::encode_nested(w, 1, "ct_flush.reply_tuple", tuple),
            Self::ZoneId(zone_id) => put_short(w, 2, *zone_id),
            Self::Mark(mark) => put(w, 3, &mark.to_be_bytes()),
            Self::MarkMask(mask) => put(w, 4, &mask.to_be_bytes()),
            Self::Labels(labels) => put(w, 5, &labels.to_be_bytes()),
            Self::LabelsMask(mask) => put(w, 6, &mask.to_be_bytes()),
            Self::Unknown(property) => property.encode(w),
        }
    }
}

impl Wire for CtTupleProperty {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut p) = tlv::decode_padded(r, "ct_tuple.property")?;
        let property = match kind {
            0 => Self::Src(p.array("ct_tuple.src")?),
            1 => Self::Dst(p.array("ct_tuple.dst")?),
            2 => Self::SrcPort(short(&mut p, "ct_tuple.src_port")?),
            3 => Self::DstPort(short(&mut p, "ct_tuple.dst_port")?),
            4 => Self::IcmpId(short(&mut p, "ct_tuple.icmp_id")?),
            5 => Self::IcmpType(p.u8("ct_tuple.icmp_type")?),
            6 => Self::IcmpCode(p.u8("ct_tuple.icmp_code")?),
            kind => return Ok(Self::Unknown(Property::new(kind, p))),
        };
        p.finish("ct_tuple.property")?;
        Ok(property)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Self::Src(address) => put(w, 0, address),
            Self::Dst(address) => put(w, 1, address),
            Self::SrcPort(port) => put_short(w, 2, *port),
            Self::DstPort(port) => put_short(w, 3, *port),
            Self::IcmpId(id) => put_short(w, 4, *id),
            Self::IcmpType(kind) => put(w, 5, &[*kind]),
            Self::IcmpCode(code) => put(w, 6, &[*code]),
            Self::Unknown(property) => property.encode(w),
        }
    }
}

/// Reads two bytes of value and two of padding, which the length includes.
fn short(p: &mut Reader<'_>, field: &'static str) -> Result<u16, DecodeError> {
    let value = p.u16(field)?;
    p.skip(2, field)?;
    Ok(value)
}

fn put_short(w: &mut Writer, kind: u16, value: u16) -> Result<(), EncodeError> {
    let [high, low] = value.to_be_bytes();
    put(w, kind, &[high, low, 0, 0])
}

/// Appends a property with a plain value.
fn put(w: &mut Writer, kind: u16, value: &[u8]) -> Result<(), EncodeError> {
    tlv::encode_padded(w, kind, "ct_flush.property", |w| {
        w.bytes(value);
        Ok(())
    })
}
