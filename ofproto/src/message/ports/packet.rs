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
    /// Where the switch keeps it.
    pub buffer_id: BufferId,
    /// Its full length, bytes.
    pub total_len: u16,
    /// Why it comes.
    pub reason: PacketInReason,
    /// Where it was matched.
    pub table_id: TableId,
    /// The flow's cookie.
    pub cookie: Cookie,
    /// Port of arrival and other metadata.
    pub fields: Match,
    /// The frame, or its beginning.
    pub data: Bytes,
}

/// A packet for the switch to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketOut {
    /// A buffered packet, or `NO_BUFFER` and the packet in `data`.
    pub buffer_id: BufferId,
    /// The port it is taken to have arrived at.
    pub in_port: PortNo,
    /// What to do with it.
    pub actions: Vec<Action>,
    /// The frame.
    pub data: Bytes,
}

impl PacketIn {
    /// Reads what stands before the match, of which there is nothing yet: for those who read that in their own way, such as
    /// [`Match::decode_strict`].
    ///
    /// # Errors
    /// `Truncated` for a message that ends before.
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
        // Two bytes of padding put the IP header of the frame on a multiple of four.
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
        // The length counts the actions alone, which begin behind the padding.
        let actions_len = w.len_slot(w.len() + 8);
        w.zeros(6);
        Action::encode_list(&self.actions, w)?;
        w.close(actions_len, "packet_out.actions")?;
        w.bytes(&self.data);
        Ok(())
    }
}
