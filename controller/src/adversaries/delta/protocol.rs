//! Tries the cases of the protocol: versions, types, handshakes and connections.

use std::sync::Arc;
use std::time::Duration;

use flows::FlowMatch;
use ofproto::message::{Message, PacketIn};
use ofproto::testing::switch as said;
use ofproto::testing::switch::{frame, mac};
use ofproto::{Cookie, MessageType, PortNo, TableId};

use super::{Sent, new, recovers, settled, tamper};
use crate::active_policy::ActivePolicy;
use crate::adversaries::networks;
use crate::adversaries::simulation::{BEGUN, Direction, ShownState, Simulation};
use crate::adversaries::switch::{Abilities, ConnectionId, Switch};
use crate::bridge::Bridge;
use crate::clock::Clock;
use crate::session::{Config, Session};

const S: fn(u64) -> Duration = Duration::from_secs;
/// OFPBRC_BAD_VERSION and OFPBRC_BAD_TYPE of OFPET_BAD_REQUEST.
const BAD_VERSION: (u16, u16) = (1, 0);
const BAD_TYPE: (u16, u16) = (1, 1);

/// Replaces one byte of every PORT_STATUS.
fn garble(simulation: &mut Simulation, at: usize, value: u8) -> Sent {
    tamper(simulation, move |direction, bytes| {
        if direction == Direction::ToController && bytes[1] == MessageType::PORT_STATUS.0 {
            bytes[at] = value;
        }
        true
    })
}

/// Checks that a message gets an error, and changes nothing. Too many of them end the session.
fn is_refused(at: usize, value: u8, error: (u16, u16)) {
    let mut simulation = settled();
    let sent = garble(&mut simulation, at, value);
    simulation.links[0].switch.remove_port(PortNo(1));
    simulation.pass(S(1));
    assert_eq!(sent.errors(), [error]);
    assert!(simulation.differences(0).is_none(), "the port is still there, as far as was told");
    assert_eq!(simulation.links[0].shown(), ShownState::Settled);
    assert_eq!(simulation.links[0].last_close, None);
    for _ in 0..40 {
        simulation.links[0].switch.put_port(PortNo(1), "a0");
        simulation.links[0].switch.remove_port(PortNo(1));
    }
    simulation.pass(S(1));
    let reason = simulation.links[0].last_close.clone();
    assert!(reason.as_deref().is_some_and(|why| why.starts_with("too many bad messages")), "{reason:?}");
    recovers(&mut simulation);
}

#[test]
fn delta_2_1_010_malformed_version() {
    is_refused(0, 1, BAD_VERSION);
    is_refused(0, 5, BAD_VERSION);
}

#[test]
fn delta_2_1_020_corrupted_control_message_type() {
    is_refused(1, 99, BAD_TYPE);
    // OFPT_ROLE_STATUS of OpenFlow 1.4.
    is_refused(1, 30, BAD_TYPE);
}

#[test]
fn delta_2_1_030_handshake_without_hello() {
    let mut simulation = new();
    let sent = tamper(&mut simulation, |direction, bytes| {
        direction == Direction::ToSwitch || bytes[1] != MessageType::HELLO.0
    });
    simulation.pass(S(9));
    let kinds = sent.kinds();
    assert!(
        kinds.iter().all(|kind| [MessageType::HELLO.0, MessageType::ECHO_REPLY.0].contains(kind)),
        "it is told nothing: {kinds:?}"
    );
    simulation.pass(S(2));
    let reason = simulation.links[0].last_close.clone();
    assert!(reason.as_deref().is_some_and(|why| why.contains("HELLO")), "{reason:?}");
}

#[test]
fn delta_2_1_040_control_message_before_hello() {
    let mut simulation = new();
    let mut first = true;
    let sent = tamper(&mut simulation, move |direction, bytes| {
        if direction == Direction::ToController && std::mem::take(&mut first) {
            *bytes = Message::FeaturesReply(said::features(ofproto::DatapathId(1)))
                .encode(ofproto::Xid(2))
                .unwrap();
        }
        true
    });
    simulation.pass(Duration::from_millis(900));
    let kinds = sent.kinds();
    assert!(
        kinds.iter().all(|kind| [MessageType::HELLO.0, MessageType::ERROR.0].contains(kind)),
        "{kinds:?}"
    );
    assert_ne!(simulation.links[0].shown(), ShownState::Settled);
    recovers(&mut simulation);
    assert!(sent.kinds().contains(&MessageType::FEATURES_REQUEST.0), "when it comes again, and greets");
}

/// Runs another session with the same switch.
struct Second {
    connection: ConnectionId,
    session: Session,
    bridge: Bridge,
}

impl Second {
    fn new(simulation: &mut Simulation) -> Self {
        let now = simulation.now;
        Self {
            connection: simulation.links[0].switch.connect(now),
            session: Session::new(now, Config::default()),
            bridge: Bridge::new(simulation.active.clone(), Clock::new(simulation.begun, S(BEGUN))),
        }
    }

    /// Advances the time of both sessions.
    fn pass(&mut self, simulation: &mut Simulation, time: Duration) {
        let end = simulation.now + time;
        while simulation.now < end {
            simulation.pass(Duration::from_millis(10));
            let (now, switch) = (simulation.now, &mut simulation.links[0].switch);
            self.session.handle_timeout(now);
            self.bridge.handle_timeout(now, &mut self.session);
            while let Some(bytes) = self.session.poll_transmit() {
                switch.receive(now, self.connection, &bytes);
            }
            for frame in switch.transmit(self.connection) {
                self.session.receive(now, &frame);
            }
            while let Some(event) = self.session.poll_event() {
                self.bridge.handle_event(now, event, &mut self.session);
            }
        }
    }
}

/// Checks that two sessions of one switch with the same policy do not undo each other's changes.
/// Which of them may stay is decided by `crate::hub`.
#[test]
fn delta_2_1_050_several_main_connections_of_one_switch() {
    let mut simulation = settled();
    let mut second = Second::new(&mut simulation);
    second.pass(&mut simulation, S(10));
    let now = simulation.now;
    simulation.links[0].switch.foreign(now, &super::rules::normal(TableId(0), 65_000));
    second.pass(&mut simulation, S(10));
    assert!(simulation.true_differences(0).is_none(), "{:#?}", simulation.true_differences(0));
    assert_eq!(simulation.links[0].shown(), ShownState::Settled);
    assert!(second.bridge.status().settled);
    let (reads, _) = simulation.rates.most_reads();
    assert!(reads <= 20, "{reads} reads a second");
}

#[test]
fn delta_2_1_060_flow_removed_without_a_flag_frees_no_place_of_a_limit() {
    let text = r#"
[bridge.br0]
ports = ["p1", "p2"]
learn = "controller"
flows = ["cookie=1,in_port=p1,actions=learn(table=1,cookie=7,limit=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:p2"]
"#;
    let policy = Arc::new(networks::policy(&[text]));
    let switch = Switch::new(1, "br0", &["p1", "p2"], Abilities::OPEN_VSWITCH);
    let mut simulation = Simulation::new(ActivePolicy::new(policy), [switch]);
    recovers(&mut simulation);
    let fixed = learned(&simulation);
    let teach = |simulation: &mut Simulation, from: u32| {
        let packet = said::packet_in(PortNo(1), &frame(mac(from), mac(9)));
        let packet = PacketIn { cookie: Cookie(1), table_id: TableId(0), ..packet };
        simulation.links[0].switch.tell(&Message::PacketIn(packet));
        simulation.pass(Duration::from_millis(50));
    };
    teach(&mut simulation, 1);
    assert_eq!(learned(&simulation), fixed + 1);
    teach(&mut simulation, 2);
    assert_eq!(learned(&simulation), fixed + 1, "the limit is reached");
    let flow = super::flows(&simulation).into_iter().find(|flow| flow.cookie == Cookie(7)).unwrap();
    // FLOW_REMOVED without a flag: of the learner's own flow, of one with another cookie, and of
    // one with another priority.
    for (table, priority, matches, cookie) in [
        (TableId(0), 0x8000, FlowMatch::any(), Cookie(1)),
        (flow.table, flow.priority, flow.matches.clone(), Cookie(8)),
        (flow.table, flow.priority + 1, flow.matches.clone(), flow.cookie),
        (TableId(2), flow.priority, flow.matches.clone(), flow.cookie),
    ] {
        let removed = said::flow_removed(table, priority, matches.to_wire(), cookie);
        simulation.links[0].switch.tell(&Message::FlowRemoved(removed));
    }
    teach(&mut simulation, 3);
    assert_eq!(learned(&simulation), fixed + 1, "one that was not flagged made room");
    let out = tamper(&mut simulation, |_, _| true);
    teach(&mut simulation, 3);
    assert!(out.kinds().contains(&MessageType::PACKET_OUT.0), "and packets go on all the same");
}

fn learned(simulation: &Simulation) -> usize {
    super::flows(simulation).iter().filter(|flow| flow.table == TableId(1)).count()
}

/// Checks that an auxiliary connection that was not requested (OpenFlow 1.3.5 §6.3.5) gets no
/// policy.
#[test]
fn delta_2_1_080_auxiliary_connection_mismatch() {
    let mut simulation = new();
    let sent = tamper(&mut simulation, |direction, bytes| {
        if direction == Direction::ToController && bytes[1] == MessageType::FEATURES_REPLY.0 {
            bytes[21] = 1;
        }
        true
    });
    simulation.pass(S(20));
    assert!(super::flows(&simulation).is_empty(), "{:?}", sent.kinds());
    let reason = simulation.links[0].last_close.clone();
    assert!(reason.as_deref().is_some_and(|why| why.contains("auxiliary")), "{reason:?}");
}
