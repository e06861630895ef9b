//! OFPT_PACKET_IN and OFPT_PACKET_OUT (OpenFlow 1.3.5 §7.4.1 and §7.3.7).

use bytes::Bytes;

use crate::action::Action;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{BufferId, Cookie, PacketInReason, PortNo, TableId};
use crate::oxm::Match;

/// A packet for the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketIn {
    /// The buffer of the switch that holds it.
    pub buffer_id: BufferId,
    /// The full length of the packet, in bytes.
    pub total_len: u16,
    /// The reason why the packet is sent.
    pub reason: PacketInReason,
    /// The table of the matching flow.
    pub table_id: TableId,
    /// The flow's cookie.
    pub cookie: Cookie,
    /// The ingress port and other metadata.
    pub fields: Match,
    /// The frame, or its beginning.
    pub data: Bytes,
}

/// A packet for the switch to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketOut {
    /// A buffered packet, or `NO_BUFFER` and the packet in `data`.
    pub buffer_id: BufferId,
    /// The ingress port.
    pub in_port: PortNo,
    /// The actions for the packet.
    pub actions: Vec<Action>,
    /// The frame.
    pub data: Bytes,
}

impl PacketIn {
    /// Decodes the fields before the match, and leaves the match empty. It is for callers that
    /// decode the match in another way, such as [`Match::decode_strict`].
    ///
    /// # Errors
    /// `Truncated` if the message ends before the match.
    pub fn decode_head(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            buffer_id: BufferId(r.u32("packet_in.buffer_id")?),
            total_len: r.u16("packet_in.total_len")?,
            reason: PacketInReason(r.u8("packet_in.reason")?),
            table_id: TableId(r.u8("packet_in.table_id")?),
            cookie: Cookie(r.u64("packet_in.cookie")?),
            fields: Match::default(),
            data: Bytes::new(),
        })
    }
}

impl Wire for PacketIn {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = Self::decode_head(r)?;
        let fields = Match::decode(r)?;
        // Two bytes of padding align the IP header of the frame to four bytes.
        r.skip(2, "packet_in.pad")?;
        Ok(Self { fields, data: r.rest_shared(), ..head })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.buffer_id.0);
        w.u16(self.total_len);
        w.u8(self.reason.0);
        w.u8(self.table_id.0);
        w.u64(self.cookie.0);
        self.fields.encode(w)?;
        w.zeros(2);
        w.bytes(&self.data);
        Ok(())
    }
}

impl Wire for PacketOut {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let buffer_id = BufferId(r.u32("packet_out.buffer_id")?);
        let in_port = PortNo(r.u32("packet_out.in_port")?);
        let actions_len = usize::from(r.u16("packet_out.actions_len")?);
        r.skip(6, "packet_out.pad")?;
        let actions = Action::decode_list(&mut r.sub(actions_len, "packet_out.actions_len")?)?;
        Ok(Self { buffer_id, in_port, actions, data: r.rest_shared() })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.buffer_id.0);
        w.u32(self.in_port.0);
        // The length covers the actions only, which begin after the padding.
        let actions_len = w.len_slot(w.len() + 8);
        w.zeros(6);
        Action::encode_list(&self.actions, w)?;
        w.close(actions_len, "packet_out.actions")?;
        w.bytes(&self.data);
        Ok(())
    }
}
