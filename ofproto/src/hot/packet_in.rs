//! A view of OFPT_PACKET_IN (OpenFlow 1.3.5 §7.4.1).

use super::OXM_IN_PORT;
use crate::ids::{BufferId, PortNo};

/// What deciding about a packet takes, out of the bytes of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketInView<'a> {
    /// Where the switch keeps the packet.
    pub buffer_id: BufferId,
    /// Its full length, bytes: more than there is in `data` where the switch cut it off.
    pub total_len: u16,
    /// Where it came in.
    pub in_port: PortNo,
    /// The frame, or its beginning.
    pub data: &'a [u8],
}

impl<'a> PacketInView<'a> {
    /// Reads one whole message, its header included. None where it is not as it should be, or has no `in_port`: what is
    /// wrong with it [`crate::Message::decode`] says.
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
        // The match is padded to a multiple of eight, and two bytes more come before the frame.
        let data = rest.get(length.checked_next_multiple_of(8)?.checked_add(2)?..)?;
        Some(Self {
            buffer_id: BufferId(u32::from_be_bytes(*buffer_id)),
            total_len: u16::from_be_bytes(*total_len),
            in_port: in_port(fields)?,
            data,
        })
    }
}

/// The value of `in_port` among OXMs, whatever else there is.
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
