//! Compares the table with a map, and checks the messages of every decision.

use std::collections::HashMap;

use ofproto::action::Action;
use ofproto::message::{FlowModCommand, Message, PacketIn};
use ofproto::oxm::Oxm;
use ofproto::testing::switch::{self, mac};
use ofproto::{BufferId, Cookie, Framer, PortNo, TableId, Xid};
use proptest::prelude::*;

use super::switch::FlowKind;
use super::*;

type Mac = [u8; 6];

/// The reference for the table, as a map: addresses in VLANs with their port, and the time they
/// were last seen.
struct ReferenceTable {
    places: HashMap<(Mac, u16), (u32, u32)>,
    shares: Shares,
    age: u32,
}

impl ReferenceTable {
    /// Forgets what is older than an age, but only at the end of a quarter.
    fn forget_old(&mut self, now: u32) {
        let quarter = self.age.div_ceil(4).max(1);
        let kept = self.age.div_ceil(quarter);
        self.places.retain(|_, (_, seen)| now / quarter - *seen / quarter <= kept);
    }

    fn learn(&mut self, mac: Mac, vlan: u16, port: PortNo, now: u32) -> LearnOutcome {
        self.forget_old(now);
        let at_port = self.places.values().filter(|(p, _)| *p == port.0).count();
        let full = self.places.len() >= self.shares.all as usize;
        match self.places.get_mut(&(mac, vlan)) {
            Some((p, seen)) if *p == port.0 => {
                *seen = now;
                LearnOutcome::Known
            }
            None if full => LearnOutcome::Full,
            _ if at_port >= self.shares.per_port as usize => LearnOutcome::Full,
            Some(place) => LearnOutcome::Moved(PortNo(std::mem::replace(place, (port.0, now)).0)),
            None => {
                self.places.insert((mac, vlan), (port.0, now));
                LearnOutcome::New
            }
        }
    }
}

#[derive(Debug, Clone)]
enum TableStep {
    Learn(u32, u16, u32),
    Wait(u32),
    ForgetPort(u32),
    Bound(u32),
}

fn steps() -> impl Strategy<Value = Vec<TableStep>> {
    let step = prop_oneof![
        60 => (0_u32..300, 0_u16..4, 1_u32..5).prop_map(|(n, vlan, port)| TableStep::Learn(n, vlan, port)),
        6 => (0_u32..4).prop_map(TableStep::Wait),
        1 => (4_u32..60).prop_map(TableStep::Wait),
        2 => (1_u32..5).prop_map(TableStep::ForgetPort),
        1 => (1_u32..30).prop_map(TableStep::Bound),
    ];
    prop::collection::vec(step, 0..1500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_table_is_a_map_with_ages_and_shares(steps in steps(), per_port in 1_u32..300, all in 1_u32..600) {
        let (shares, age) = (Shares { per_port, all }, 10);
        let mut table = MacTable::new(shares, age);
        let mut model = ReferenceTable { places: HashMap::new(), shares, age };
        let mut now = 0;
        for step in steps {
            match step {
                TableStep::Learn(n, vlan, port) => {
                    prop_assert_eq!(
                        table.learn(mac(n), vlan, PortNo(port), now),
                        model.learn(mac(n), vlan, PortNo(port), now)
                    );
                }
                TableStep::Wait(seconds) => {
                    now += seconds;
                    table.forget_old(now);
                    model.forget_old(now);
                }
                TableStep::ForgetPort(port) => {
                    table.forget_port(PortNo(port));
                    model.places.retain(|_, (p, _)| *p != port);
                }
                TableStep::Bound(age) => {
                    // The table's last quarter began at or before `now`: the entries count as seen
                    // then.
                    let quarter = model.age.div_ceil(4).max(1);
                    let seen = now / quarter * quarter;
                    table.bound(shares, age);
                    if age != model.age {
                        model.places.values_mut().for_each(|(_, at)| *at = seen);
                    }
                    model.age = age;
                    table.forget_old(now);
                    model.forget_old(now);
                }
            }
            prop_assert_eq!(table.len(), model.places.len());
        }
        for (n, vlan) in (0..300).flat_map(|n| (0..4).map(move |vlan| (n, vlan))) {
            let port = model.places.get(&(mac(n), vlan)).map(|(port, _)| PortNo(*port));
            prop_assert_eq!(table.port(mac(n), vlan), port, "{} in {}", n, vlan);
        }
    }

    #[test]
    fn an_address_lives_for_its_age_and_no_longer_than_half_of_it_more(age in 1_u32..1_000, seen in 0_u32..5_000) {
        let mut table = MacTable::new(Shares { per_port: 9, all: 9 }, age);
        table.learn(mac(1), 0, PortNo(1), seen);
        table.forget_old(seen + age);
        prop_assert_eq!(table.port(mac(1), 0), Some(PortNo(1)));
        let quarter = age.div_ceil(4);
        table.forget_old(seen + age + 2 * quarter);
        prop_assert_eq!(table.port(mac(1), 0), None);
    }
}

#[test]
fn more_ports_than_can_be_told_apart_learn_nothing() {
    let mut table = MacTable::new(Shares { per_port: 9, all: 1 << 20 }, 10);
    for port in 0..8_192 {
        assert_eq!(table.learn(mac(port), 0, PortNo(port), 0), LearnOutcome::New);
    }
    assert_eq!(table.learn(mac(9_000), 0, PortNo(9_000), 0), LearnOutcome::Full);
    assert_eq!((table.port(mac(8_191), 0), table.port(mac(9_000), 0)), (Some(PortNo(8_191)), None));
    // The place of a port without addresses is given to another port.
    table.forget_port(PortNo(17));
    assert_eq!(table.learn(mac(9_000), 0, PortNo(9_000), 0), LearnOutcome::New);
    assert_eq!((table.port(mac(9_000), 0), table.port(mac(17), 0)), (Some(PortNo(9_000)), None));
}

#[test]
fn one_port_with_every_vlan_leaves_the_others_their_places() {
    let mut table = MacTable::new(Shares { per_port: 1 << 20, all: 1 << 20 }, 10);
    let in_port_1 = |vlan| table.learn(mac(vlan), u16::try_from(vlan).unwrap(), PortNo(1), 0);
    assert!((1..4_095).map(in_port_1).all(|learned| learned == LearnOutcome::New));
    // Two of the places for VLANs are left, and all of those for ports.
    let in_port_2 = (1..4).map(|vlan| table.learn(mac(20_000), vlan, PortNo(2), 0)).collect::<Vec<_>>();
    assert_eq!(in_port_2, [LearnOutcome::New, LearnOutcome::New, LearnOutcome::Full]);
    assert_eq!(table.learn(mac(2), 2, PortNo(2), 0), LearnOutcome::Moved(PortNo(1)), "where it has a place");
    for port in 1..=4_096 {
        assert_eq!(table.learn(mac(10_000 + port), 0, PortNo(port), 0), LearnOutcome::New, "{port}");
    }
    table.forget_port(PortNo(1));
    assert_eq!(table.learn(mac(20_000), 3, PortNo(2), 0), LearnOutcome::New);
    assert_eq!(table.port(mac(77), 77), None);
}

#[test]
fn groups_and_zero_are_nobodys() {
    let mut table = MacTable::new(Shares { per_port: 9, all: 9 }, 10);
    for nobodys in [[0; 6], [1, 0, 0, 0, 0, 1], [0xff; 6], [0x33, 0x33, 0, 0, 0, 1]] {
        assert_eq!(table.learn(nobodys, 0, PortNo(1), 0), LearnOutcome::Nobodys);
        assert_eq!(table.port(nobodys, 0), None);
    }
    assert!(table.is_empty());
}

const KEPT: FlowKind = FlowKind { table: TableId(0), priority: 100, cookie: Cookie(0xabc), idle_timeout: 60 };

fn switch() -> LearningSwitch {
    let shares = Shares { per_port: 4, all: 100 };
    LearningSwitch::new(Settings { flow: KEPT, shares, age: 300 }).unwrap()
}

fn packet_in(in_port: u32, buffer_id: BufferId, total_len: usize, data: &[u8]) -> Vec<u8> {
    let total_len = u16::try_from(total_len).unwrap();
    let packet = PacketIn { buffer_id, total_len, ..switch::packet_in(PortNo(in_port), data) };
    Message::PacketIn(packet).encode(Xid(0)).unwrap().to_vec()
}

/// Returns the messages for a packet, in words.
fn sent(switch: &mut LearningSwitch, in_port: u32, dst: Mac, src: Mac) -> Vec<String> {
    sent_tagged(switch, in_port, dst, src, None)
}

/// Returns the messages for a packet with a tag, in words.
fn sent_tagged(
    switch: &mut LearningSwitch,
    in_port: u32,
    dst: Mac,
    src: Mac,
    tci: Option<u16>,
) -> Vec<String> {
    let mut data = switch::frame(src, dst);
    if let Some(tci) = tci {
        let [high, low] = tci.to_be_bytes();
        data.splice(12..12, [0x81, 0, high, low]);
    }
    said(switch, &packet_in(in_port, BufferId::NO_BUFFER, data.len(), &data), &data)
}

fn said(switch: &mut LearningSwitch, message: &[u8], data: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    assert!(switch.packet_in(message, 5, &mut out));
    let mut framer = Framer::new();
    framer.feed(&out);
    let mut words = Vec::new();
    while let Some(frame) = framer.next_frame().unwrap() {
        words.push(match Message::decode_shared(&frame).unwrap().1 {
            Message::FlowMod(flow) => {
                assert_eq!(flow.cookie, KEPT.cookie);
                let fields = flow.fields.fields.iter().map(|oxm| match oxm {
                    Oxm::Known { field, value, mask: None } => format!("{field:?}={:x}", value & 0xffff),
                    other => panic!("{other:?}"),
                });
                let fields = fields.collect::<Vec<_>>().join(",");
                match flow.command {
                    FlowModCommand::Add => {
                        assert_eq!((flow.priority, flow.idle_timeout, flow.hard_timeout), (100, 60, 0));
                        format!("add {fields} {:?}", flow.instructions)
                    }
                    FlowModCommand::Delete => {
                        assert_eq!(flow.cookie_mask, u64::MAX);
                        format!("delete {fields}")
                    }
                    other => panic!("{other:?}"),
                }
            }
            Message::PacketOut(out) => {
                let kept = if out.buffer_id == BufferId::NO_BUFFER {
                    assert_eq!(out.data, data);
                    String::new()
                } else {
                    assert!(out.data.is_empty());
                    format!(" of buffer {}", out.buffer_id.0)
                };
                match out.actions.as_slice() {
                    [Action::Output { port, .. }] if *port == PortNo::ALL => format!("flood{kept}"),
                    [Action::Output { port, .. }] => format!("out {}{kept}", port.0),
                    [] => format!("discard{kept}"),
                    other => panic!("{other:?}"),
                }
            }
            other => panic!("{other:?}"),
        });
    }
    words
}

#[test]
fn unknown_destinations_are_flooded_and_known_ones_get_a_flow() {
    let mut switch = switch();
    assert_eq!(sent(&mut switch, 1, mac(2), mac(1)), ["flood"]);
    let answer = sent(&mut switch, 2, mac(1), mac(2));
    assert_eq!(answer.len(), 2);
    assert!(answer[0].starts_with("add InPortOxm=2,EthDst=1,EthSrc=2,VlanVid=0 "), "{answer:?}");
    assert!(answer[0].contains("Output { port: PortNo(1)"), "{answer:?}");
    assert_eq!(answer[1], "out 1");
    // Packets to groups are flooded, and nothing is learned from them.
    assert_eq!(sent(&mut switch, 2, [0xff; 6], mac(2)), ["flood"]);
    let tally = switch.batch_ended(5);
    assert_eq!((tally.packets, tally.forwarded, tally.flooded, tally.learned), (3, 1, 2, 2));
}

#[test]
fn a_host_that_moves_takes_its_flows_along() {
    let mut switch = switch();
    sent(&mut switch, 1, mac(2), mac(1));
    let deleted = [
        "delete EthDst=1,VlanVid=0",
        "delete EthSrc=1,VlanVid=0",
        "delete EthDst=1,VlanVid=1000",
        "delete EthSrc=1,VlanVid=1000",
    ];
    assert_eq!(sent(&mut switch, 3, mac(9), mac(1)), [&deleted[..], &["flood"]].concat());
    assert_eq!(sent(&mut switch, 2, mac(1), mac(2))[1], "out 3");
    assert_eq!(switch.batch_ended(5).moved, 1);
}

#[test]
fn each_vlan_knows_its_own_hosts() {
    let mut switch = switch();
    let (ten, twenty) = (Some(0x600a), Some(20));
    sent_tagged(&mut switch, 1, mac(9), mac(1), ten);
    sent_tagged(&mut switch, 2, mac(9), mac(1), twenty);
    sent_tagged(&mut switch, 4, mac(9), mac(1), None);
    assert_eq!(switch.batch_ended(5).moved, 0, "one address in three VLANs is three hosts");
    for (tci, output, vlan) in
        [(ten, 1, "100a"), (twenty, 2, "1014"), (None, 4, "0"), (Some(0xa000), 4, "1000")]
    {
        let answer = sent_tagged(&mut switch, 3, mac(1), mac(2), tci);
        let flow = format!("add InPortOxm=3,EthDst=1,EthSrc=2,VlanVid={vlan} ");
        assert!(answer[0].starts_with(&flow), "{answer:?}");
        assert_eq!(answer[1], format!("out {output}"));
    }
    assert_eq!(sent_tagged(&mut switch, 3, mac(1), mac(2), Some(30)), ["flood"]);
    // The address moves in one VLAN alone.
    let moved = ["delete EthDst=1,VlanVid=100a", "delete EthSrc=1,VlanVid=100a", "flood"];
    assert_eq!(sent_tagged(&mut switch, 2, mac(9), mac(1), ten), moved);
    assert_eq!(sent_tagged(&mut switch, 3, mac(1), mac(2), None)[1], "out 4");
    assert_eq!(sent_tagged(&mut switch, 3, mac(1), mac(2), ten)[1], "out 2");
}

#[test]
fn what_makes_no_sense_goes_nowhere() {
    let mut switch = switch();
    sent(&mut switch, 1, mac(2), mac(1));
    for (what, dst, src) in [
        ("from a group", mac(1), [1, 0, 0, 0, 0, 9]),
        ("from nobody", mac(1), [0; 6]),
        ("back to where it came from", mac(1), mac(3)),
        ("a bridge's own", [1, 0x80, 0xc2, 0, 0, 0], mac(1)),
    ] {
        assert_eq!(sent(&mut switch, 1, dst, src), [""; 0], "{what}");
    }
    // The first packet is too short, the second is cut off.
    let short = packet_in(1, BufferId::NO_BUFFER, 10, &[2; 10]);
    assert_eq!(said(&mut switch, &short, &[]), [""; 0]);
    let data = switch::frame(mac(2), mac(1));
    let cut = packet_in(2, BufferId::NO_BUFFER, data.len() + 1, &data);
    assert_eq!(said(&mut switch, &cut, &data), [""; 0]);
    assert_eq!(switch.batch_ended(5).dropped, 6);
    // The switch is told to free its buffer. Half of a buffered packet is enough to send it on.
    let kept = packet_in(1, BufferId(7), 10, &[2; 10]);
    assert_eq!(said(&mut switch, &kept, &[]), ["discard of buffer 7"]);
    let cut = packet_in(2, BufferId(8), 1500, &data);
    assert_eq!(said(&mut switch, &cut, &data)[1], "out 1 of buffer 8");
}

#[test]
fn who_invents_addresses_fills_the_share_of_its_own_port() {
    let mut switch = switch();
    sent(&mut switch, 2, mac(900), mac(1));
    for n in 100..200 {
        sent(&mut switch, 1, mac(900), mac(n));
    }
    let tally = switch.batch_ended(5);
    assert_eq!((tally.learned, tally.refused, switch.known()), (5, 96, 5));
    sent(&mut switch, 3, mac(900), mac(2));
    assert_eq!(sent(&mut switch, 3, mac(1), mac(2))[1], "out 2", "the others are known as before");
}

#[test]
fn what_is_no_packet_in_is_left_to_whoever_says_why() {
    let mut out = Vec::new();
    assert!(!switch().packet_in(&[4, 10, 0, 8, 0, 0, 0, 0], 5, &mut out));
    assert!(out.is_empty());
}
