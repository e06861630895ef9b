//! A view of OFPT_PACKET_IN (OpenFlow 1.3.5 §7.4.1).

use super::OXM_IN_PORT;
use crate::ids::{BufferId, PortNo};

/// The parts of a PACKET_IN that a forwarding decision needs, borrowed from the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketInView<'a> {
    /// The buffer of the switch that holds the packet.
    pub buffer_id: BufferId,
    /// The full length of the packet, in bytes. It exceeds that of `data` if the switch truncated
    /// the packet.
    pub total_len: u16,
    /// The ingress port.
    pub in_port: PortNo,
    /// The frame, or its beginning.
    pub data: &'a [u8],
}

impl<'a> PacketInView<'a> {
    /// Parses one whole message, header included. `None` if it is malformed or has no `in_port`;
    /// [`crate::Message::decode`] then returns the error.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let (_header, rest) = frame.split_first_chunk::<8>()?;
        let (buffer_id, rest) = rest.split_first_chunk::<4>()?;
        let (total_len, rest) = rest.split_first_chunk::<2>()?;
        // Reason, table and cookie.
        let (_, rest) = rest.split_first_chunk::<10>()?;
        let (kind, after) = rest.split_first_chunk::<2>()?;
        let (length, _) = after.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if *kind != [0, 1] {
            return None;
        }
        let fields = rest.get(4..length)?;
        // The match is padded to a multiple of eight, and two more bytes precede the frame.
        let data = rest.get(length.checked_next_multiple_of(8)?.checked_add(2)?..)?;
        Some(Self {
            buffer_id: BufferId(u32::from_be_bytes(*buffer_id)),
            total_len: u16::from_be_bytes(*total_len),
            in_port: in_port(fields)?,
            data,
        })
    }
}

/// Returns the value of `in_port` among OXMs, and skips other fields.
fn in_port(mut fields: &[u8]) -> Option<PortNo> {
    loop {
        let (header, rest) = fields.split_first_chunk::<4>()?;
        let header = u32::from_be_bytes(*header);
        if header == OXM_IN_PORT {
            return Some(PortNo(u32::from_be_bytes(*rest.first_chunk()?)));
        }
        fields = rest.get((header & 0xff) as usize..)?;
    }
}
