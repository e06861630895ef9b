//! Bundles: several changes that take effect together (ONF EXT-230, experimenter 0x4f4e4600).

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::header::{HEADER_LEN, Header};
use crate::ids::Xid;
use crate::message::tlv::Property;
use crate::message::{Message, decode_list, encode_list};
use crate::ovs_errors::OvsError;

/// OFPBF_ATOMIC.
pub const BUNDLE_ATOMIC: u16 = 1;
/// OFPBF_ORDERED.
pub const BUNDLE_ORDERED: u16 = 2;

/// The message that opens, closes, commits or discards a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleControl {
    /// The bundle's number, unique in the session.
    pub bundle_id: u32,
    /// The operation, or its reply.
    pub kind: BundleControlKind,
    /// `BUNDLE_` bits.
    pub flags: u16,
    /// Experimenters' properties, which Open vSwitch ignores.
    pub properties: Vec<Property>,
}

/// OFPBCT_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleControlKind {
    /// 0.
    OpenRequest,
    /// 1.
    OpenReply,
    /// 2.
    CloseRequest,
    /// 3.
    CloseReply,
    /// 4.
    CommitRequest,
    /// 5.
    CommitReply,
    /// 6.
    DiscardRequest,
    /// 7.
    DiscardReply,
    /// Any other value.
    Unknown(u16),
}

/// The message that adds a message to a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleAdd {
    /// The bundle's number.
    pub bundle_id: u32,
    /// `BUNDLE_` bits, equal to those of the open request.
    pub flags: u16,
    /// The whole message, header included. Its xid equals the outer one.
    pub message: Bytes,
    /// Experimenters' properties, which Open vSwitch ignores.
    pub properties: Vec<Property>,
}

wire_enum!(BundleControlKind: u16 {
    0 => OpenRequest, 1 => OpenReply, 2 => CloseRequest, 3 => CloseReply,
    4 => CommitRequest, 5 => CommitReply, 6 => DiscardRequest, 7 => DiscardReply
});

impl BundleControl {
    /// Returns a message without properties.
    pub const fn new(bundle_id: u32, kind: BundleControlKind, flags: u16) -> Self {
        Self { bundle_id, kind, flags, properties: Vec::new() }
    }
}

impl BundleAdd {
    /// Wraps `message` for a bundle. Send it under the same `xid`, or the switch refuses it.
    ///
    /// # Errors
    /// Returns the errors of [`Message::encode`].
    pub fn new(bundle_id: u32, flags: u16, xid: Xid, message: &Message) -> Result<Self, EncodeError> {
        Ok(Self { bundle_id, flags, message: message.encode(xid)?.into(), properties: Vec::new() })
    }
}

/// Returns a whole message inside another, of the length in its header.
///
/// # Errors
/// `BadLength` for a length below that of a header, or beyond the bytes left.
pub(in crate::message) fn inner_message(
    r: &mut Reader<'_>,
    field: &'static str,
) -> Result<Bytes, DecodeError> {
    let bad = |error: DecodeError| error.named(OvsError::BundleMessageLen);
    let length = usize::from(Header::decode(&mut r.clone()).map_err(bad)?.length);
    if length < HEADER_LEN || length > r.remaining() {
        return Err(bad(r.error(DecodeErrorKind::BadLength(length), field)));
    }
    Ok(r.sub(length, field)?.rest_shared())
}

impl Wire for BundleControl {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            bundle_id: r.u32("bundle_control.bundle_id")?,
            kind: r.u16("bundle_control.type")?.into(),
            flags: r.u16("bundle_control.flags")?,
            properties: decode_list(r)?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.bundle_id);
        w.u16(self.kind.into());
        w.u16(self.flags);
        encode_list(&self.properties, w)
    }
}

impl Wire for BundleAdd {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bundle_id = r.u32("bundle_add.bundle_id")?;
        r.skip(2, "bundle_add.pad")?;
        let flags = r.u16("bundle_add.flags")?;
        let message = inner_message(r, "bundle_add.message")?;
        let mut properties = Vec::new();
        if !r.is_empty() {
            // Padding precedes properties only.
            r.skip(message.len().next_multiple_of(8) - message.len(), "bundle_add.pad2")?;
            properties.push(Property::decode(r)?);
            properties.extend(decode_list(r)?);
        }
        Ok(Self { bundle_id, flags, message, properties })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.bundle_id);
        w.zeros(2);
        w.u16(self.flags);
        let start = w.len();
        w.bytes(&self.message);
        if !self.properties.is_empty() {
            w.pad8(start);
        }
        encode_list(&self.properties, w)
    }
}
