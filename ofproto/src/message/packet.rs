//! OFPT_PACKET_IN and OFPT_PACKET_OUT (OpenFlow 1.3.5 §7.4.1 and §7.3.7).

use bytes::Bytes;

use crate::action::Action;
use crate::ids::{BufferId, Cookie, PortNo, TableId};
use crate::oxm::Match;

/// A packet for the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketIn {
    /// Where the switch keeps it.
    pub buffer_id: BufferId,
    /// Its full length, bytes.
    pub total_len: u16,
    /// OFPR_ reason: 0 no match, 1 action, 2 invalid TTL.
    pub reason: u8,
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
