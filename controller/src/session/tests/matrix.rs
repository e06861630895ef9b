//! Tests every input in every state.

use ofproto::message::monitor::MonitorUpdate;
use ofproto::message::multipart::{MultipartReplyBody, MultipartRequest, MultipartRequestBody};
use ofproto::message::{
    BundleControl, BundleControlKind, ErrorMsg, FlowMod, Hello, Message, PacketIn, Role, SwitchConfig,
};
use ofproto::oxm::Match;
use ofproto::testing::switch;
use ofproto::{Cookie, PortNo, TableId, Xid};

use super::{HandshakePoint, Rig, desc, features, multipart, port_status, ports};
use crate::session::{Config, Event};

/// The result of an input: the sent messages, then the events. `x` ends the session.
fn outcome(rig: &mut Rig) -> String {
    let mut words: Vec<String> = Vec::new();
    for (_, message) in rig.sent() {
        words.push(match message {
            Message::Error(e) => format!("E{}.{}", e.kind, e.code),
            Message::EchoReply(_) => "echo".to_owned(),
            Message::FeaturesRequest | Message::MultipartRequest(_) => "ask".to_owned(),
            Message::SetConfig(_) => "set".to_owned(),
            other => format!("?{}", other.name()),
        });
    }
    for event in rig.told() {
        words.push(
            match event {
                Event::Connected(_) => "up",
                Event::PortChanged(_) => "port",
                Event::Replied(..) => "reply",
                Event::FlowsReported { .. } => "flows",
                Event::Monitored(_) => "monitored",
                Event::Refused(..) => "refused",
                Event::Received(..) => "message",
                Event::Garbled { .. } => "garbled",
                Event::Closed(_) => "x",
            }
            .to_owned(),
        );
    }
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

fn encoded(xid: u32, message: &Message) -> Vec<u8> {
    message.encode(Xid(xid)).unwrap()
}

fn with(mut bytes: Vec<u8>, at: usize, new: &[u8]) -> Vec<u8> {
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

/// The inputs that a peer can send, by kinds that differ.
fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    let error = ErrorMsg { kind: 1, code: 1, experimenter: None, data: "abc".into() };
    let packet_in =
        PacketIn { cookie: Cookie(1), fields: Match::default(), ..switch::packet_in(PortNo(1), b"abc") };
    let removed = switch::flow_removed(TableId(0), 1, Match::default(), Cookie(1));
    let echo = Message::EchoRequest("hi".into());
    let open = BundleControl::new(1, BundleControlKind::OpenReply, 3);
    let ask = MultipartRequest { flags: 0, body: MultipartRequestBody::Desc };
    let updates = vec![MonitorUpdate::Abbreviated(Xid(7))];
    vec![
        ("HELLO", encoded(0, &Message::Hello(Hello::ours()))),
        ("HELLO 1.0", encoded(0, &Message::Hello(Hello::new(1, None)))),
        ("ERROR", encoded(2, &Message::Error(error.clone()))),
        ("ERROR about DESC", encoded(4, &Message::Error(error.clone()))),
        ("ERROR in version 1", with(encoded(77, &Message::Error(error)), 0, &[1])),
        ("ECHO_REQUEST", encoded(9, &echo)),
        ("ECHO_REPLY", encoded(9, &Message::EchoReply("hi".into()))),
        (
            "experimenter",
            encoded(
                9,
                &Message::Unknown {
                    kind: ofproto::MessageType(4),
                    body: vec![0, 0, 0x23, 0x20, 0, 0, 0, 9].into(),
                },
            ),
        ),
        ("bundle control", encoded(9, &Message::BundleControl(open))),
        ("FEATURES_REQUEST", encoded(9, &Message::FeaturesRequest)),
        ("FEATURES_REPLY", encoded(2, &Message::FeaturesReply(features()))),
        (
            "GET_CONFIG_REPLY",
            encoded(9, &Message::GetConfigReply(SwitchConfig { flags: 0, miss_send_len: 1 })),
        ),
        ("SET_CONFIG", encoded(9, &Message::SetConfig(SwitchConfig { flags: 0, miss_send_len: 1 }))),
        ("PACKET_IN", encoded(0, &Message::PacketIn(packet_in))),
        ("FLOW_REMOVED", encoded(0, &Message::FlowRemoved(removed))),
        ("PORT_STATUS", encoded(0, &port_status())),
        ("FLOW_MOD", encoded(9, &Message::FlowMod(FlowMod::default()))),
        ("MULTIPART_REQUEST", encoded(9, &Message::MultipartRequest(ask))),
        ("DESC reply", encoded(4, &desc())),
        ("PORT_DESC reply", encoded(5, &ports(0))),
        ("PORT_DESC for DESC", encoded(4, &ports(0))),
        ("unasked reply", encoded(99, &multipart(0, MultipartReplyBody::Flow(vec![])))),
        ("monitor update", encoded(0, &multipart(0, MultipartReplyBody::Monitor(updates)))),
        ("BARRIER_REPLY", encoded(9, &Message::BarrierReply)),
        ("ROLE_REPLY", encoded(9, &Message::RoleReply(Role { role: 1, generation_id: 0 }))),
        // OFPT_ROLE_STATUS of OpenFlow 1.4 (§7.4.4), which Open vSwitch and others send over 1.3,
        // too.
        (
            "ROLE_STATUS",
            encoded(0, &Message::Unknown { kind: ofproto::MessageType(30), body: vec![0; 16].into() }),
        ),
        (
            "unknown type 99",
            encoded(9, &Message::Unknown { kind: ofproto::MessageType(99), body: "".into() }),
        ),
        ("echo in version 5", with(encoded(9, &echo), 0, &[5])),
        ("FLOW_REMOVED cut short", vec![4, 11, 0, 12, 0, 0, 0, 0, 1, 2, 3, 4]),
        ("ERROR cut short", vec![4, 1, 0, 9, 0, 0, 0, 9, 1]),
        ("DESC reply cut short", vec![4, 19, 0, 17, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("length 0", vec![4, 2, 0, 0, 0, 0, 0, 9]),
        ("length 7", vec![4, 2, 0, 7, 0, 0, 0, 9]),
        ("half a message", encoded(9, &echo)[..9].to_vec()),
        ("length 65535, begun", vec![4, 2, 0xff, 0xff, 0, 0, 0, 9]),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("zeros", vec![0; 64]),
        ("ones", vec![0xff; 64]),
    ]
}

/// Results by state: Hello, Features, Describing, Ports, Ready, Closed. `-` is nothing, `E` an
/// error sent, `x` the end.
const EXPECTED: &str = "\
    HELLO                  | ask set ask ask   | -                 | -                 | -                 | -                 | -
    HELLO 1.0              | E0.0 x            | -                 | -                 | -                 | -                 | -
    ERROR                  | x                 | x                 | -                 | -                 | refused           | -
    ERROR about DESC       | x                 | x                 | x                 | x                 | refused           | -
    ERROR in version 1     | x                 | -                 | -                 | -                 | refused           | -
    ECHO_REQUEST           | echo              | echo              | echo              | echo              | echo              | -
    ECHO_REPLY             | -                 | -                 | -                 | -                 | -                 | -
    experimenter           | E1.1 x            | -                 | -                 | -                 | message           | -
    bundle control         | E1.1 x            | -                 | -                 | -                 | message           | -
    FEATURES_REQUEST       | E1.1 x            | E1.1              | E1.1              | E1.1              | E1.1              | -
    FEATURES_REPLY         | E1.1 x            | -                 | -                 | -                 | message           | -
    GET_CONFIG_REPLY       | E1.1 x            | -                 | -                 | -                 | message           | -
    SET_CONFIG             | E1.1 x            | E1.1              | E1.1              | E1.1              | E1.1              | -
    PACKET_IN              | E1.1 x            | -                 | -                 | -                 | message           | -
    FLOW_REMOVED           | E1.1 x            | -                 | -                 | -                 | message           | -
    PORT_STATUS            | E1.1 x            | -                 | -                 | -                 | port              | -
    FLOW_MOD               | E1.1 x            | E1.1              | E1.1              | E1.1              | E1.1              | -
    MULTIPART_REQUEST      | E1.1 x            | E1.1              | E1.1              | E1.1              | E1.1              | -
    DESC reply             | E1.1 x            | -                 | -                 | -                 | -                 | -
    PORT_DESC reply        | E1.1 x            | -                 | up                | up                | -                 | -
    PORT_DESC for DESC     | E1.1 x            | x                 | x                 | -                 | -                 | -
    unasked reply          | E1.1 x            | -                 | -                 | -                 | -                 | -
    monitor update         | E1.1 x            | -                 | -                 | -                 | monitored         | -
    BARRIER_REPLY          | E1.1 x            | -                 | -                 | -                 | message           | -
    ROLE_REPLY             | E1.1 x            | -                 | -                 | -                 | message           | -
    ROLE_STATUS            | E1.1 x            | E1.1              | E1.1              | E1.1              | E1.1              | -
    unknown type 99        | E1.1 x            | E1.1              | E1.1              | E1.1              | E1.1              | -
    echo in version 5      | E1.0 x            | E1.0 x            | E1.0 x            | E1.0 x            | E1.0              | -
    FLOW_REMOVED cut short | E1.6 garbled x    | E1.6 garbled x    | E1.6 garbled x    | E1.6 garbled x    | E1.6 garbled      | -
    ERROR cut short        | garbled x         | garbled x         | garbled x         | garbled x         | garbled           | -
    DESC reply cut short   | E1.6 garbled x    | E1.6 garbled x    | E1.6 garbled x    | E1.6 garbled x    | E1.6 garbled      | -
    length 0               | E1.6 x            | E1.6 x            | E1.6 x            | E1.6 x            | E1.6 x            | -
    length 7               | E1.6 x            | E1.6 x            | E1.6 x            | E1.6 x            | E1.6 x            | -
    half a message         | -                 | -                 | -                 | -                 | -                 | -
    length 65535, begun    | -                 | -                 | -                 | -                 | -                 | -
    HTTP                   | -                 | -                 | -                 | -                 | -                 | -
    zeros                  | E1.6 x            | E1.6 x            | E1.6 x            | E1.6 x            | E1.6 x            | -
    ones                   | -                 | -                 | -                 | -                 | -                 | -
";

#[test]
fn every_input_in_every_state() {
    let mut table = String::new();
    for (name, bytes) in inputs() {
        let cells = HandshakePoint::ALL.map(|at| {
            let mut rig = Rig::at(at, Config::default());
            rig.give_bytes(&bytes);
            outcome(&mut rig)
        });
        table += &format!("{name:22} | {}\n", cells.map(|c| format!("{c:18}")).join("| ").trim_end());
    }
    let expected: String = EXPECTED.lines().map(|l| format!("{}\n", l.trim_start())).collect();
    assert!(table.trim() == expected.trim(), "the table is now:\n{table}");
}

#[test]
fn a_session_that_is_over_says_so_once_and_takes_nothing() {
    for (name, bytes) in inputs() {
        let mut rig = Rig::ready();
        for _ in 0..100 {
            rig.give_bytes(&bytes);
        }
        rig.session.close(crate::session::CloseReason::Silent);
        let closed = rig.told().iter().filter(|e| matches!(e, Event::Closed(_))).count();
        assert_eq!(closed, 1, "{name}");
        assert_eq!(rig.session.poll_timeout(), None);
        assert!(rig.session.send(&Message::BarrierRequest).is_err());
    }
}

#[test]
fn it_makes_no_difference_how_the_bytes_are_cut() {
    for (name, bytes) in inputs() {
        let mut whole = Rig::ready();
        whole.give_bytes(&bytes);
        let mut single = Rig::ready();
        for byte in &bytes {
            single.give_bytes(&[*byte]);
        }
        assert_eq!(outcome(&mut single), outcome(&mut whole), "{name}");
    }
}
