//! OFPT_PACKET_OUT to one port (OpenFlow 1.3.5 §7.3.7).

use bytes::Bytes;

use super::{place, put};
use crate::action::Action;
use crate::error::EncodeError;
use crate::ids::{BufferId, PortNo, Xid};
use crate::message::{Message, PacketOut};

/// A PACKET_OUT with one output action.
#[derive(Debug, Clone)]
pub struct PacketOutStamp {
    bytes: Vec<u8>,
    /// The message without an action.
    discard: Vec<u8>,
    buffer_id: usize,
    in_port: usize,
    output: usize,
}

impl PacketOutStamp {
    /// Encodes the message once, under this transaction id.
    ///
    /// # Errors
    /// Returns the errors of [`Message::encode`].
    pub fn new(xid: Xid) -> Result<Self, EncodeError> {
        let message = |buffer_id, in_port, actions| {
            let (buffer_id, in_port) = (BufferId(buffer_id), PortNo(in_port));
            Message::PacketOut(PacketOut { buffer_id, in_port, actions, data: Bytes::new() }).encode(xid)
        };
        let encode = |buffer_id, in_port, output| {
            message(buffer_id, in_port, vec![Action::Output { port: PortNo(output), max_len: 0 }])
        };
        let bytes = encode(0, 0, 0)?;
        Ok(Self {
            buffer_id: place(&bytes, &encode(u32::MAX, 0, 0)?),
            in_port: place(&bytes, &encode(0, u32::MAX, 0)?),
            output: place(&bytes, &encode(0, 0, u32::MAX)?),
            discard: message(0, 0, Vec::new())?.to_vec(),
            bytes: bytes.to_vec(),
        })
    }

    /// Appends the message for a packet, with its bytes, or without any for a buffered packet.
    /// Returns false and appends no bytes if the packet is longer than a message can be.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        buffer_id: BufferId,
        in_port: PortNo,
        output: PortNo,
        data: &[u8],
    ) -> bool {
        let Ok(length) = u16::try_from(self.bytes.len() + data.len()) else { return false };
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(data);
        let Some(bytes) = out.get_mut(start..) else { return false };
        put(bytes, 2, length.to_be_bytes());
        put(bytes, self.buffer_id, buffer_id.0.to_be_bytes());
        put(bytes, self.in_port, in_port.0.to_be_bytes());
        put(bytes, self.output, output.0.to_be_bytes());
        true
    }

    /// Appends the message that makes a switch drop a buffered packet.
    pub fn discard(&self, out: &mut Vec<u8>, buffer_id: BufferId, in_port: PortNo) {
        let start = out.len();
        out.extend_from_slice(&self.discard);
        let Some(bytes) = out.get_mut(start..) else { return };
        put(bytes, self.buffer_id, buffer_id.0.to_be_bytes());
        put(bytes, self.in_port, in_port.0.to_be_bytes());
    }
}
