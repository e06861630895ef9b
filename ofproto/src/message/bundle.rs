//! Bundles: several changes that take effect together (ONF EXT-230, experimenter 0x4f4e4600).

use bytes::Bytes;

use super::Message;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::header::{HEADER_LEN, Header};
use crate::ids::Xid;

/// OFPBF_ATOMIC.
pub const BUNDLE_ATOMIC: u16 = 1;
/// OFPBF_ORDERED.
pub const BUNDLE_ORDERED: u16 = 2;

/// Opens, closes, commits or discards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BundleControl {
    /// The bundle's number, unique in the session.
    pub bundle_id: u32,
    /// What to do, or what was done.
    pub kind: BundleControlKind,
    /// `BUNDLE_` bits.
    pub flags: u16,
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
    /// Any other.
    Unknown(u16),
}

/// Puts a message into a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleAdd {
    /// The bundle's number.
    pub bundle_id: u32,
    /// `BUNDLE_` bits, as it was opened.
    pub flags: u16,
    /// The whole message, header included; its xid equals the outer one.
    pub message: Bytes,
}

wire_enum!(BundleControlKind: u16 {
    0 => OpenRequest, 1 => OpenReply, 2 => CloseRequest, 3 => CloseReply,
    4 => CommitRequest, 5 => CommitReply, 6 => DiscardRequest, 7 => DiscardReply
});

impl BundleAdd {
    /// Puts `message` into a bundle; send it under the same `xid`, or the switch refuses it.
    ///
    /// # Errors
    /// As for [`Message::encode`].
    pub fn new(bundle_id: u32, flags: u16, xid: Xid, message: &Message) -> Result<Self, EncodeError> {
        Ok(Self { bundle_id, flags, message: message.encode(xid)?.into() })
    }
}

impl Wire for BundleControl {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            bundle_id: r.u32("bundle_control.bundle_id")?,
            kind: r.u16("bundle_control.type")?.into(),
            flags: r.u16("bundle_control.flags")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.bundle_id);
        w.u16(self.kind.into());
        w.u16(self.flags);
        Ok(())
    }
}

impl Wire for BundleAdd {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bundle_id = r.u32("bundle_add.bundle_id")?;
        r.skip(2, "bundle_add.pad")?;
        let flags = r.u16("bundle_add.flags")?;
        // Properties could follow the message; nobody has defined one but experimenters, and they are refused.
        let (start, len) = (r.clone(), r.remaining());
        let length = usize::from(Header::decode(&mut r.clone())?.length);
        if length != len || length < HEADER_LEN {
            return Err(start.error(DecodeErrorKind::BadLength(length), "bundle_add.message"));
        }
        Ok(Self { bundle_id, flags, message: r.rest_shared() })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.bundle_id);
        w.zeros(2);
        w.u16(self.flags);
        w.bytes(&self.message);
        Ok(())
    }
}
