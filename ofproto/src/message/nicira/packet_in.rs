//! NXT_PACKET_IN 17: as OFPT_PACKET_IN, with a match in NXM.

use super::nxm;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{BufferId, Cookie, TableId};
use crate::message::PacketIn;

/// A packet for the controller in Nicira's first format, which a controller asks for by
/// [`super::PacketInFormat::Nxt`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NxPacketIn(pub PacketIn);

impl Wire for NxPacketIn {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let buffer_id = BufferId(r.u32("nx_packet_in.buffer_id")?);
        let total_len = r.u16("nx_packet_in.total_len")?;
        let reason = r.u8("nx_packet_in.reason")?;
        let table_id = TableId(r.u8("nx_packet_in.table_id")?);
        let cookie = Cookie(r.u64("nx_packet_in.cookie")?);
        let match_len = r.u16("nx_packet_in.match_len")?;
        r.skip(6, "nx_packet_in.pad")?;
        let fields = nxm::decode(r, match_len, "nx_packet_in.match")?;
        // Two bytes of padding put the IP header of the frame on a multiple of four.
        r.skip(2, "nx_packet_in.pad2")?;
        let data = r.rest_shared();
        Ok(Self(PacketIn { buffer_id, total_len, reason, table_id, cookie, fields, data }))
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let Self(packet) = self;
        w.u32(packet.buffer_id.0);
        w.u16(packet.total_len);
        w.u8(packet.reason);
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
