//! NXT_PACKET_IN2 30, and NXT_RESUME 28, which returns one to the switch.

use bytes::Bytes;

use crate::action::Action;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{BufferId, Cookie, PacketInReason, TableId};
use crate::message::tlv::{self, Property};
use crate::message::{decode_list, encode_list};
use crate::oxm::Match;

/// A packet for the controller in Nicira's second format, which a controller requests with
/// [`super::PacketInFormat::Nxt2`]. NXT_RESUME returns the packet, so that the switch continues
/// with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PacketIn2 {
    /// The properties, in wire order. A missing property is 0; the packet is mandatory.
    pub properties: Vec<PacketInProperty>,
}

/// NXPINT_: a part of a packet for the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketInProperty {
    /// 0: the frame, or its beginning.
    Packet(Bytes),
    /// 1: its full length, in bytes, if it differs from that of the packet.
    FullLen(u32),
    /// 2: the buffer of the switch that holds it.
    BufferId(BufferId),
    /// 3: the table of the matching flow.
    TableId(TableId),
    /// 4: the flow's cookie.
    Cookie(Cookie),
    /// 5: OFPR_ reason.
    Reason(PacketInReason),
    /// 6: the ingress port and other metadata.
    Metadata(Match),
    /// 7: the bytes of `controller(userdata=...)`.
    Userdata(Bytes),
    /// 8: the point at which the switch stopped, for NXT_RESUME. It is opaque and must be sent back
    /// unchanged. [`ContinuationProperty::list`] decodes it.
    Continuation(Bytes),
    /// Any other type, with its bytes unchanged.
    Unknown(Property),
}

/// NXCPT_: a part of the point at which a switch stopped. It is private to the version of the
/// switch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContinuationProperty {
    /// 0x8000: the bridge's UUID.
    Bridge([u8; 16]),
    /// 0x8001: an element of the stack, from its bottom.
    Stack(Bytes),
    /// 0x8002: the mirrors that have received the packet.
    Mirrors(u32),
    /// 0x8003: the packet has passed connection tracking.
    Conntracked,
    /// 0x8004: the table whose actions follow.
    TableId(TableId),
    /// 0x8005: the cookie of the flow whose actions follow.
    Cookie(Cookie),
    /// 0x8006: the remaining actions.
    Actions(Vec<Action>),
    /// 0x8007: the action set.
    ActionSet(Vec<Action>),
    /// 0x8008: the ingress port of the datapath.
    OdpPort(u32),
    /// Any other type, with its bytes unchanged.
    Unknown(Property),
}

impl Wire for PacketIn2 {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { properties: tlv::decode_properties(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        encode_list(&self.properties, w)
    }
}

impl Wire for PacketInProperty {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut p) = tlv::decode_padded(r, "packet_in2.property")?;
        let property = match kind {
            0 => Self::Packet(p.rest_shared()),
            1 => Self::FullLen(p.u32("packet_in2.full_len")?),
            2 => Self::BufferId(BufferId(p.u32("packet_in2.buffer_id")?)),
            3 => Self::TableId(TableId(p.u8("packet_in2.table_id")?)),
            4 => Self::Cookie(Cookie(wide(&mut p, "packet_in2.cookie")?)),
            5 => Self::Reason(PacketInReason(p.u8("packet_in2.reason")?)),
            6 => Self::Metadata(Match::decode_fields(&mut p)?),
            7 => Self::Userdata(p.rest_shared()),
            8 => {
                p.skip(4, "packet_in2.continuation")?;
                Self::Continuation(p.rest_shared())
            }
            kind => return Ok(Self::Unknown(Property::new(kind, p))),
        };
        p.finish("packet_in2.property")?;
        Ok(property)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Self::Packet(data) => put(w, 0, data),
            Self::FullLen(len) => put(w, 1, &len.to_be_bytes()),
            Self::BufferId(id) => put(w, 2, &id.0.to_be_bytes()),
            Self::TableId(id) => put(w, 3, &[id.0]),
            Self::Cookie(cookie) => put_wide(w, 4, &cookie.0.to_be_bytes()),
            Self::Reason(reason) => put(w, 5, &[reason.0]),
            Self::Metadata(fields) => {
                tlv::encode_padded(w, 6, "packet_in2.metadata", |w| fields.encode_fields(w))
            }
            Self::Userdata(data) => put(w, 7, data),
            Self::Continuation(properties) => put_wide(w, 8, properties),
            Self::Unknown(property) => property.encode(w),
        }
    }
}

impl ContinuationProperty {
    /// Decodes the bytes of [`PacketInProperty::Continuation`]. Offsets in errors count from its
    /// first byte.
    ///
    /// # Errors
    /// Returns a [`DecodeError`] as for a message.
    pub fn list(continuation: &[u8]) -> Result<Vec<Self>, DecodeError> {
        decode_list(&mut Reader::new(continuation))
    }
}

impl Wire for ContinuationProperty {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut p) = tlv::decode_padded(r, "continuation.property")?;
        let property = match kind {
            0x8000 => Self::Bridge(p.array("continuation.bridge")?),
            0x8001 => Self::Stack(p.rest_copied()),
            0x8002 => Self::Mirrors(p.u32("continuation.mirrors")?),
            0x8003 => Self::Conntracked,
            0x8004 => Self::TableId(TableId(p.u8("continuation.table_id")?)),
            0x8005 => Self::Cookie(Cookie(wide(&mut p, "continuation.cookie")?)),
            0x8006 => Self::Actions(actions(&mut p, "continuation.actions")?),
            0x8007 => Self::ActionSet(actions(&mut p, "continuation.action_set")?),
            0x8008 => Self::OdpPort(p.u32("continuation.odp_port")?),
            kind => return Ok(Self::Unknown(Property::new(kind, p))),
        };
        p.finish("continuation.property")?;
        Ok(property)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Self::Bridge(uuid) => put(w, 0x8000, uuid),
            Self::Stack(element) => put(w, 0x8001, element),
            Self::Mirrors(mirrors) => put(w, 0x8002, &mirrors.to_be_bytes()),
            Self::Conntracked => put(w, 0x8003, &[]),
            Self::TableId(id) => put(w, 0x8004, &[id.0]),
            Self::Cookie(cookie) => put_wide(w, 0x8005, &cookie.0.to_be_bytes()),
            Self::Actions(actions) => put_actions(w, 0x8006, actions),
            Self::ActionSet(actions) => put_actions(w, 0x8007, actions),
            Self::OdpPort(port) => put(w, 0x8008, &port.to_be_bytes()),
            Self::Unknown(property) => property.encode(w),
        }
    }
}

/// Reads eight bytes after the padding to a multiple of eight.
fn wide(p: &mut Reader<'_>, field: &'static str) -> Result<u64, DecodeError> {
    p.skip(4, field)?;
    p.u64(field)
}

fn actions(p: &mut Reader<'_>, field: &'static str) -> Result<Vec<Action>, DecodeError> {
    p.skip(4, field)?;
    Action::decode_list(p)
}

/// Appends a property with a plain value.
fn put(w: &mut Writer, kind: u16, value: &[u8]) -> Result<(), EncodeError> {
    tlv::encode_padded(w, kind, "packet_in2.property", |w| {
        w.bytes(value);
        Ok(())
    })
}

/// Appends a property with four bytes of padding before the value.
fn put_wide(w: &mut Writer, kind: u16, value: &[u8]) -> Result<(), EncodeError> {
    tlv::encode_padded(w, kind, "packet_in2.property", |w| {
        w.zeros(4);
        w.bytes(value);
        Ok(())
    })
}

fn put_actions(w: &mut Writer, kind: u16, actions: &[Action]) -> Result<(), EncodeError> {
    tlv::encode_padded(w, kind, "continuation.actions", |w| {
        w.zeros(4);
        Action::encode_list(actions, w)
    })
}
