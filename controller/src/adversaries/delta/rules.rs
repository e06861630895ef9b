//! Tries the cases of flows, hosts and floods.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use flows::verify::interp::{Packet, Pipeline, TCP_SYN};
use flows::{Flow, FlowMatch};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::{FlowMod, FlowModCommand, Message};
use ofproto::oxm::Field;
use ofproto::testing::switch as said;
use ofproto::{Cookie, MessageType, PortNo, TableId};

use super::{flows, new, recovers, settled, tamper};
use crate::active_policy::ActivePolicy;
use crate::adversaries::networks;
use crate::adversaries::simulation::{BEGUN, Direction, ShownState, Simulation};
use crate::adversaries::switch::{Abilities, Switch};
use crate::clock::Clock;

const S: fn(u64) -> Duration = Duration::from_secs;
/// Deadline for the repair of foreign changes: one second is promised.
const REPAIR: Duration = Duration::from_secs(1);

/// Returns a flow that forwards all packets.
pub(super) fn normal(table_id: TableId, priority: u16) -> FlowMod {
    let instructions =
        vec![Instruction::ApplyActions(vec![Action::Output { port: PortNo::NORMAL, max_len: 0 }])];
    FlowMod { table_id, priority, cookie: Cookie(0xbad), instructions, ..FlowMod::default() }
}

/// Makes a foreign change, and checks that it is repaired in time.
#[track_caller]
fn is_put_back(simulation: &mut Simulation, changes: &[FlowMod]) {
    let before = flows(simulation);
    for change in changes {
        simulation.links[0].switch.foreign(simulation.now, change);
    }
    assert_ne!(flows(simulation), before, "something is changed");
    simulation.pass(REPAIR);
    let differences = simulation.true_differences(0);
    assert!(differences.is_none(), "{changes:?}: {differences:#?}");
}

/// Simulates a switch that commits a bundle although it lost a message of it.
#[test]
fn delta_3_1_002_flow_rule_and_table_inconsistency() {
    let mut simulation = new();
    let mut n = 0;
    tamper(&mut simulation, move |direction, bytes| {
        // ONF's OFPT_BUNDLE_ADD_MESSAGE.
        let add = direction == Direction::ToSwitch && bytes[1] == 4 && bytes[14..16] == 2301u16.to_be_bytes();
        n += u32::from(add);
        !add || n % 7 != 3
    });
    recovers(&mut simulation);
}

#[test]
fn delta_3_1_010_packet_in_flooding() {
    let mut simulation = settled();
    let out = tamper(&mut simulation, |_, _| true);
    let before = simulation.rates.most_messages();
    for n in 0..5_000u32 {
        let frame = said::frame(said::mac(n), said::mac(n + 1));
        simulation.links[0].switch.tell(&Message::PacketIn(said::packet_in(PortNo(n % 7), &frame)));
        if n % 100 == 0 {
            simulation.pass(Duration::from_millis(10));
        }
    }
    assert!(
        out.kinds().iter().all(|kind| ![MessageType::FLOW_MOD.0, MessageType::PACKET_OUT.0].contains(kind))
    );
    assert!(simulation.rates.most_messages() <= before + 100);
    is_put_back(&mut simulation, &[normal(TableId(0), 65_000)]);
}

/// Drops all messages of the controller for a while.
#[test]
fn delta_3_1_020_control_message_drop() {
    let mut simulation = settled();
    tamper(&mut simulation, |direction, _| direction == Direction::ToController);
    simulation.reload(|active| active.policy = Arc::new(networks::files()[2].clone()));
    simulation.pass(S(40));
    assert!(matches!(simulation.links[0].shown(), ShownState::NotSettled(Some(_))));
    tamper(&mut simulation, |_, _| true);
    recovers(&mut simulation);
}

#[test]
fn delta_3_1_050_switch_table_flooding() {
    let mut simulation = settled();
    let flood: Vec<FlowMod> = (0..2_000u32)
        .map(|n| {
            let matches = FlowMatch::any().with(Field::EthSrc, u128::from(n));
            FlowMod { fields: matches.to_wire(), ..normal(TableId((n % 5) as u8), 60_000) }
        })
        .collect();
    is_put_back(&mut simulation, &flood);
    let (second, _) = simulation.rates.most_reads();
    assert!(second <= 20, "{second} reads a second");
}

/// Connects a switch under the name of another's bridge. It gets that bridge's flows at most, and the
/// other keeps its own.
#[test]
fn delta_3_1_060_switch_identification_spoofing() {
    let [policy, ..] = networks::files();
    let switches = [
        Switch::new(1, "br0", &["a0", "b0", "c0"], Abilities::OPEN_VSWITCH),
        // The wire makes this switch claim to be br0.
        Switch::new(1, "br0", &["d0", "e0"], Abilities::OPEN_VSWITCH),
    ];
    let mut simulation = Simulation::new(ActivePolicy::new(Arc::new(policy)), switches);
    simulation.pass(S(10));
    assert!(simulation.true_differences(0).is_none());
    let passes = simulation.links[1].switch.table.installed().iter().map(|one| one.flow.clone()).collect();
    let packet = syn([10, 9, 0, 1], [10, 9, 0, 2], 80);
    assert!(Pipeline::new(passes).run(PortNo(1), &packet).outputs.is_empty());
}

#[test]
fn delta_3_1_070_flow_rule_modification() {
    let mut simulation = settled();
    for flow in flows(&simulation) {
        let instructions = normal(TableId(0), 0).instructions;
        let key = flow.to_flow_mod(FlowModCommand::ModifyStrict);
        let changed = FlowMod { instructions: instructions.clone(), ..key };
        let again =
            FlowMod { cookie: flow.cookie, idle_timeout: 600, ..flow.to_flow_mod(FlowModCommand::Add) };
        is_put_back(&mut simulation, &[changed]);
        is_put_back(&mut simulation, &[again]);
    }
}

#[test]
fn delta_3_1_080_flow_table_clearance() {
    let mut simulation = settled();
    let all = FlowMod { command: FlowModCommand::Delete, table_id: TableId::ALL, ..FlowMod::default() };
    for _ in 0..30 {
        is_put_back(&mut simulation, std::slice::from_ref(&all));
    }
    // Repeated changes are repaired five times a second at most.
    for _ in 0..600 {
        simulation.links[0].switch.foreign(simulation.now, &all);
        simulation.pass(Duration::from_millis(100));
    }
    let (second, minute) = simulation.rates.most_reads();
    assert!(second <= 20 && minute <= 700, "{second} reads a second, {minute} a minute");
    recovers(&mut simulation);
}

/// Clears the table again and again, and checks that a change in force is acknowledged all the
/// same.
#[test]
fn delta_3_1_080_flow_table_clearance_holds_back_no_acknowledgement() {
    let mut simulation = settled();
    let all = FlowMod { command: FlowModCommand::Delete, table_id: TableId::ALL, ..FlowMod::default() };
    simulation.reload(|active| active.policy = Arc::new(networks::files()[2].clone()));
    let generation = simulation.active.generation;
    for _ in 0..8 {
        simulation.links[0].switch.foreign(simulation.now, &all);
        simulation.pass(Duration::from_millis(600));
    }
    let status = simulation.links[0].side.as_ref().unwrap().bridge.status();
    assert_eq!(status.acknowledged.map(|active| active.generation), Some(generation));
}

/// Stops the flow monitor's updates without an error.
#[test]
fn delta_3_1_090_event_listener_unsubscription() {
    let mut simulation = settled();
    tamper(&mut simulation, |direction, bytes| {
        let update = bytes[1] == MessageType::MULTIPART_REPLY.0 && bytes[4..8] == [0; 4];
        direction == Direction::ToSwitch || !update
    });
    simulation.links[0].switch.foreign(simulation.now, &normal(TableId(0), 65_000));
    simulation.pass(S(6));
    assert!(simulation.true_differences(0).is_none(), "{:#?}", simulation.true_differences(0));
}

/// Sets the clock while a window is open, which closes by that clock.
#[test]
fn delta_3_1_130_system_variable_manipulation() {
    let mut simulation = settled();
    let windows = BTreeMap::from([("updates".to_owned(), BEGUN + 1_000)]);
    simulation.reload(|active| active.windows = Arc::new(windows));
    simulation.pass(S(2));
    let timed =
        |simulation: &Simulation| flows(simulation).iter().filter(|flow| flow.hard_timeout != 0).count();
    let fixed = flows(&simulation).len();
    assert!(timed(&simulation) > 0);
    let (now, begun) = (simulation.now, simulation.begun);
    let side = simulation.links[0].side.as_mut().unwrap();
    side.bridge.set_clock(Clock::new(begun, S(BEGUN + 2_000)));
    side.bridge.handle_timeout(now, &mut side.session);
    simulation.pass(S(3));
    assert_eq!(timed(&simulation), 0);
    assert!(flows(&simulation).len() < fixed);
}

fn syn(from: [u8; 4], to: [u8; 4], port: u16) -> Packet {
    let (src, dst) = ([2, 0, 0, 0, 0, from[3]], [2, 0, 0, 0, 0, to[3]]);
    Packet::ipv4(src, dst, Ipv4Addr::from(from), Ipv4Addr::from(to), 6).tcp(40_000, port, TCP_SYN)
}

/// Lets a host use the addresses of another. Its packets are dropped, and the other keeps its
/// traffic.
#[test]
fn delta_3_1_150_host_location_hijacking() {
    let mut simulation = settled();
    let (a, b, c) = ([10, 9, 0, 1], [10, 9, 0, 2], [10, 9, 0, 3]);
    let ways = |simulation: &Simulation, port: u32, packet: &Packet| {
        Pipeline::new(flows(simulation)).run(PortNo(port), packet).outputs
    };
    let honest = ways(&simulation, 3, &syn(c, b, 80));
    assert!(!honest.is_empty(), "c reaches b");
    // The host c, at port 3, claims to be a or b: by its source address, and by ARP.
    for whom in [a, b] {
        assert!(ways(&simulation, 3, &syn(whom, b, 80)).is_empty());
        let arp = Packet::arp([2, 0, 0, 0, 0, 3], [0xff; 6], 2, whom.into(), whom.into());
        assert!(ways(&simulation, 3, &arp).is_empty());
    }
    // The controller gets such a packet.
    simulation.links[0]
        .switch
        .tell(&Message::PacketIn(said::packet_in(PortNo(3), &said::frame(said::mac(1), said::mac(2)))));
    simulation.pass(S(6));
    assert_eq!(ways(&simulation, 3, &syn(c, b, 80)), honest);
    assert!(simulation.true_differences(0).is_none());
}

#[test]
fn delta_3_1_160_link_fabrication() {
    let mut simulation = settled();
    let lldp = Packet::ethernet([2, 0, 0, 0, 0, 1], [1, 0x80, 0xc2, 0, 0, 0x0e], 0x88cc);
    for port in 1..=5 {
        let outcome = Pipeline::new(flows(&simulation)).run(PortNo(port), &lldp);
        assert!(outcome.outputs.is_empty() && outcome.learned.is_empty());
    }
    let out = tamper(&mut simulation, |_, _| true);
    let frame = [&[1, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc][..], &[0; 46]].concat();
    simulation.links[0].switch.tell(&Message::PacketIn(said::packet_in(PortNo(1), &frame)));
    simulation.pass(S(1));
    assert!(
        out.kinds().iter().all(|kind| ![MessageType::FLOW_MOD.0, MessageType::PACKET_OUT.0].contains(kind))
    );
}

/// Adds a flow with the cookie of a rule, for each rule and each relevant table.
#[test]
fn delta_3_1_230_flow_rule_id_spoofing() {
    let mut simulation = settled();
    let cookies: Vec<Cookie> = flows(&simulation).iter().map(|flow| flow.cookie).collect();
    for cookie in cookies {
        for table in [0, 1, 2, 3] {
            is_put_back(&mut simulation, &[FlowMod { cookie, ..normal(TableId(table), 61_000) }]);
        }
    }
    // A flow like one that a rule teaches, with an action of its own.
    let pipeline = Pipeline::new(flows(&simulation));
    let learned: Vec<Flow> = pipeline.run(PortNo(1), &syn([10, 9, 0, 1], [10, 9, 0, 2], 80)).learned;
    assert!(!learned.is_empty());
    for flow in learned {
        let forged = FlowMod {
            instructions: normal(TableId(0), 0).instructions,
            ..flow.to_flow_mod(FlowModCommand::Add)
        };
        is_put_back(&mut simulation, &[forged]);
    }
}

/// Lets a switch report one flow wrongly, whatever the controller sends.
#[test]
fn delta_3_1_240_infinite_flow_rule_synchronization() {
    let mut simulation = new();
    tamper(&mut simulation, |direction, bytes| {
        let flows = bytes[1] == MessageType::MULTIPART_REPLY.0 && bytes[8..10] == [0, 1] && bytes.len() > 32;
        if direction == Direction::ToController && flows {
            // The priority of the first.
            bytes[28..30].copy_from_slice(&[0, 77]);
        }
        true
    });
    simulation.pass(S(180));
    match simulation.links[0].shown() {
        ShownState::NotSettled(Some(why)) => assert!(why.contains("still something to change"), "{why}"),
        other => panic!("{other:?}"),
    }
    let (second, minute) = simulation.rates.most_reads();
    assert!(second <= 20 && minute <= 60, "{second} reads a second, {minute} a minute");
    assert!(simulation.true_differences(0).is_none(), "what it has is right all the same");
}
