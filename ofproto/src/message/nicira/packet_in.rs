//! NXT_PACKET_IN 17: OFPT_PACKET_IN with a match in NXM.

use super::nxm;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::message::PacketIn;

/// A packet for the controller in Nicira's first format, which a controller asks for by
/// [`super::PacketInFormat::Nxt`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NxPacketIn(pub PacketIn);

impl NxPacketIn {
    /// Decodes the fields before the match, and leaves the match empty. Also returns the length of
    /// the match in bytes, without padding. It is for callers that decode the match in another way,
    /// such as [`Match::decode_told`](crate::oxm::Match::decode_told).
    ///
    /// # Errors
    /// `Truncated` if the message ends before the match.
    pub fn decode_head(r: &mut Reader<'_>) -> Result<(Self, u16), DecodeError> {
        // The fields up to here equal those of the standard message.
        let head = PacketIn::decode_head(r)?;
        let match_len = r.u16("nx_packet_in.match_len")?;
        r.skip(6, "nx_packet_in.pad")?;
        Ok((Self(head), match_len))
    }
}

impl Wire for NxPacketIn {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (Self(head), match_len) = Self::decode_head(r)?;
        let fields = nxm::decode(r, match_len, "nx_packet_in.match")?;
        // Two bytes of padding align the IP header of the frame to four bytes.
        r.skip(2, "nx_packet_in.pad2")?;
        Ok(Self(PacketIn { fields, data: r.rest_shared(), ..head }))
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let Self(packet) = self;
        w.u32(packet.buffer_id.0);
        w.u16(packet.total_len);
        w.u8(packet.reason.0);
        w.u8(packet.table_id.0);
        w.u64(packet.cookie.0);
        let match_len = w.len_slot(w.len() + 8);
        w.zeros(6);
        nxm::encode(&packet.fields, match_len, w, "nx_packet_in.match")?;
        w.zeros(2);
        w.bytes(&packet.data);
        Ok(())
    }
}
