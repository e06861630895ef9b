//! Deadlines and keepalive, in virtual time.

use std::time::Duration;

use ofproto::Xid;
use ofproto::message::Message;

use super::{HandshakePoint, Rig};
use crate::session::{CloseReason, Config};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_handshake_that_takes_too_long_ends() {
    for (at, waiting) in [
        (HandshakePoint::Hello, "HELLO"),
        (HandshakePoint::Features, "FEATURES_REPLY"),
        (HandshakePoint::Describing, "the switch's description"),
        (HandshakePoint::Ports, "the list of ports"),
    ] {
        let mut rig = Rig::at(at, Config::default());
        // Echoes keep a session alive, not a handshake.
        for _ in 0..9 {
            rig.pass(SECOND);
            rig.give(Xid(1), &Message::EchoRequest("".into()));
        }
        assert_eq!(rig.closed(), None);
        rig.pass(SECOND);
        assert_eq!(rig.closed(), Some(CloseReason::HandshakeTimeout(waiting)));
    }
}

#[test]
fn a_silent_switch_is_asked_and_then_given_up() {
    let mut rig = Rig::ready();
    rig.pass(SECOND * 5 - Duration::from_millis(1));
    assert_eq!(rig.sent(), []);
    rig.pass(Duration::from_millis(1));
    assert!(matches!(&rig.sent()[..], [(_, Message::EchoRequest(_))]));
    rig.pass(SECOND * 5 - Duration::from_millis(1));
    assert_eq!(rig.closed(), None);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.closed(), Some(CloseReason::Silent));
}

#[test]
fn a_switch_that_answers_lives() {
    let mut rig = Rig::ready();
    for _ in 0..100 {
        rig.pass(SECOND);
        for (xid, message) in rig.sent() {
            let Message::EchoRequest(payload) = message else { panic!("{message:?}") };
            rig.give(xid, &Message::EchoReply(payload));
        }
    }
    assert_eq!(rig.closed(), None);
}

#[test]
fn any_whole_message_shows_life_and_saves_the_question() {
    let mut rig = Rig::ready();
    for _ in 0..100 {
        rig.pass(SECOND * 4);
        rig.give(Xid(0), &super::port_status());
    }
    assert_eq!(rig.sent(), []);
    assert!(!rig.session.is_closed());
}

#[test]
fn a_switch_that_is_probed_has_so_long_to_answer() {
    let mut rig = Rig::ready();
    rig.session.probe(rig.now, SECOND * 3);
    assert!(rig.session.is_probed());
    assert!(matches!(&rig.sent()[..], [(_, Message::EchoRequest(_))]));
    // A second probe does not extend the deadline.
    rig.pass(SECOND);
    rig.session.probe(rig.now, SECOND * 3);
    rig.pass(SECOND * 2 - Duration::from_millis(1));
    assert_eq!(rig.closed(), None);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.closed(), Some(CloseReason::Silent));
    // Any message is an answer.
    let mut rig = Rig::ready();
    rig.session.probe(rig.now, SECOND * 3);
    rig.give(Xid(0), &super::port_status());
    assert!(!rig.session.is_probed());
    rig.pass(SECOND * 3);
    assert_eq!(rig.closed(), None);
    // The handshake has a deadline of its own.
    let mut rig = Rig::at(HandshakePoint::Ports, Config::default());
    rig.session.probe(rig.now, SECOND * 3);
    assert_eq!((rig.session.is_probed(), rig.sent()), (false, vec![]));
}

#[test]
fn bytes_that_never_become_a_message_show_no_life() {
    let mut rig = Rig::ready();
    rig.give_bytes(&[4, 2, 0xff, 0xff, 0, 0, 0, 9]);
    for _ in 0..9 {
        rig.pass(SECOND);
        rig.give_bytes(b"drip");
    }
    assert_eq!(rig.closed(), None);
    rig.pass(SECOND);
    assert_eq!(rig.closed(), Some(CloseReason::Silent));
}
