//! The eight bytes before every message (OpenFlow 1.3.5 §7.1).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::Xid;
use crate::message_type::MessageType;

/// The version byte of OpenFlow 1.3.
pub const VERSION: u8 = 4;

/// The length of a header, in bytes. No message is shorter.
pub const HEADER_LEN: usize = 8;

/// The header that precedes every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The protocol version: 4 for OpenFlow 1.3.
    pub version: u8,
    /// The OFPT_ type.
    pub kind: MessageType,
    /// The length of the message with its header, in bytes.
    pub length: u16,
    /// The transaction id.
    pub xid: Xid,
}

impl Wire for Header {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: r.u8("header.version")?,
            kind: MessageType(r.u8("header.type")?),
            length: r.u16("header.length")?,
            xid: Xid(r.u32("header.xid")?),
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u8(self.version);
        w.u8(self.kind.0);
        w.u16(self.length);
        w.u32(self.xid.0);
        Ok(())
    }
}
