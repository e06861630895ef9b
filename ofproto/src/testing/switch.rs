//! The messages of a switch, for a test that emulates one.

use bytes::Bytes;

use crate::message::multipart::{Desc, MultipartReply, MultipartReplyBody, MultipartRequestBody};
use crate::message::{FeaturesReply, FlowRemoved, Hello, Message, PacketIn, Port};
use crate::oxm::{Field, Match, Oxm};
use crate::{BufferId, Cookie, DatapathId, PortNo, TableId};

/// Returns the address of one of many hosts.
pub fn mac(n: u32) -> [u8; 6] {
    let [a, b, c, d] = n.to_be_bytes();
    [2, 0, a, b, c, d]
}

/// Returns an Ethernet frame of 98 bytes.
pub fn frame(from: [u8; 6], to: [u8; 6]) -> Vec<u8> {
    [&to[..], &from, &[0x88, 0xb5], &[0x45; 84]].concat()
}

/// Returns the packet-in of a whole frame that missed the table and was not buffered.
pub fn packet_in(in_port: PortNo, frame: &[u8]) -> PacketIn {
    let in_port = Oxm::Known { field: Field::InPortOxm, value: in_port.0.into(), mask: None };
    PacketIn {
        buffer_id: BufferId::NO_BUFFER,
        total_len: u16::try_from(frame.len()).unwrap_or(u16::MAX),
        reason: crate::ids::PacketInReason::NO_MATCH,
        table_id: TableId(0),
        cookie: Cookie(0),
        fields: Match { fields: vec![in_port] },
        data: Bytes::copy_from_slice(frame),
    }
}

/// Returns the notification of a flow that was removed the moment it was added.
pub fn flow_removed(table_id: TableId, priority: u16, fields: Match, cookie: Cookie) -> FlowRemoved {
    FlowRemoved {
        cookie,
        priority,
        reason: 0,
        table_id,
        duration_sec: 0,
        duration_nsec: 0,
        idle_timeout: 0,
        hard_timeout: 0,
        packet_count: 0,
        byte_count: 0,
        fields,
    }
}

/// Returns the features of a switch of 254 tables that buffers no packets.
pub fn features(datapath_id: DatapathId) -> FeaturesReply {
    FeaturesReply { datapath_id, n_buffers: 0, n_tables: 254, auxiliary_id: 0, capabilities: 0, reserved: 0 }
}

/// Returns the reply of a switch with these ports to a message of the handshake: HELLO, and the
/// requests for features, description and ports. `None` for any other message.
pub fn handshake(asked: &Message, datapath_id: DatapathId, ports: &[Port]) -> Option<Message> {
    let body = match asked {
        Message::Hello(_) => return Some(Message::Hello(Hello::ours())),
        Message::FeaturesRequest => return Some(Message::FeaturesReply(features(datapath_id))),
        Message::MultipartRequest(request) => match request.body {
            MultipartRequestBody::Desc => MultipartReplyBody::Desc(Desc::default()),
            MultipartRequestBody::PortDesc => MultipartReplyBody::PortDesc(ports.to_vec()),
            _ => return None,
        },
        _ => return None,
    };
    Some(Message::MultipartReply(MultipartReply { flags: 0, body }))
}

/// Returns whether a message is the last one of the handshake: the request for the ports.
pub fn is_last(asked: &Message) -> bool {
    matches!(asked, Message::MultipartRequest(request) if matches!(request.body, MultipartRequestBody::PortDesc))
}
