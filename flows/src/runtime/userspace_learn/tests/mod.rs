//! Tests that need no switch: bounds, limits of a plain switch, and FLOW_REMOVED. The equality with
//! the flows that Open vSwitch writes is shown against Open vSwitch
//! (`tests/tests/tools/interp/learners.rs`).

mod drift;
mod fair;
mod frames;

use flow_model::Flow;
use ofctl::syntax::{NoNames, parse_flow};
use ofproto::action::{Action, Learn};
use ofproto::message::{FLOW_SEND_FLOW_REM, FlowModCommand, FlowRemoved};
use ofproto::oxm::Field;
use ofproto::testing::switch::flow_removed;

use super::*;
use crate::learner::Learner;
use crate::verify::interp::Packet;

fn learn(text: &str) -> Learn {
    let line = format!("tcp,actions=learn(table=1,cookie=7,eth_type=0x800,NXM_OF_IP_SRC[],{text})");
    parse_flow(&line, &NoNames).unwrap().learns().next().unwrap().clone()
}

fn from(last: u8) -> Packet {
    Packet::ipv4([2; 6], [4; 6], [10, 0, 0, last].into(), [10, 0, 0, 9].into(), 6)
        .tcp(1, 2, 2)
        .with(Field::InPortOxm, 3)
}

fn removed(flow: &Flow, cookie: u64) -> FlowRemoved {
    flow_removed(flow.table, flow.priority, flow.matches.to_wire(), ofproto::Cookie(cookie))
}

#[test]
fn what_ends_makes_room() {
    let mut mirror = LearnedFlowMirror::new(9, Dialect::Nicira);
    let learn = learn("limit=1,output:NXM_OF_IN_PORT[]");
    let teach = |mirror: &mut LearnedFlowMirror, last| mirror.learn(&learn, &from(last), 0).unwrap();
    let first = teach(&mut mirror, 1).flow_mod.unwrap();
    assert_eq!((first.command, first.flags), (FlowModCommand::Add, FLOW_SEND_FLOW_REM));
    assert_eq!(teach(&mut mirror, 2).taught, LearnOutcome::Refused);
    let again = teach(&mut mirror, 1);
    assert_eq!(
        (again.taught, again.flow_mod.unwrap().command),
        (LearnOutcome::Refreshed, FlowModCommand::ModifyStrict)
    );
    let flow = mirror.flows().next().unwrap();
    assert!(!mirror.removed(&removed(&flow, 8)), "another cookie's");
    assert!(mirror.removed(&removed(&flow, 7)) && mirror.is_empty());
    assert_eq!(teach(&mut mirror, 2).taught, LearnOutcome::Added);
    assert_eq!(mirror.count(flow.table, flow.cookie), 1);
}

#[test]
fn what_cannot_be_learned_is_said() {
    let mut plain = LearnedFlowMirror::new(9, Dialect::Plain);
    let said = |mirror: &mut LearnedFlowMirror, text: &str| {
        mirror
            .learn(&learn(text), &from(1), 0)
            .map_or_else(|error| error.to_string(), |_| "learned".to_owned())
    };
    let mut nicira = LearnedFlowMirror::new(9, Dialect::Nicira);
    let fin = "nw_proto=6,fin_idle_timeout=5";
    let all =
        ["output:NXM_OF_IN_PORT[]", fin, "load:1->NXM_NX_REG0[]", "NXM_NX_REG0[]=1", "fin_hard_timeout=5"];
    let of_plain = all.map(|text| format!("plain {text}: {}", said(&mut plain, text)));
    let more = ["cookie=0xffffffffffffffff", "table=254", "vlan_tci=0x2005", "fin_hard_timeout=5", fin];
    let of_nicira = more.map(|text| format!("{text}: {}", said(&mut nicira, text)));
    insta::assert_snapshot!([of_plain, of_nicira].concat().join("\n"));
}

#[test]
fn what_is_left_goes_out() {
    let parse = |actions: &str| {
        let flow = parse_flow(&format!("tcp,actions={actions}"), &NoNames).unwrap();
        Learner::of(&flow).unwrap().unwrap().actions
    };
    let learn = "learn(table=1,limit=1,result_dst=NXM_NX_REG1[0],eth_type=0x800,NXM_OF_IP_SRC[])";
    let mut mirror = LearnedFlowMirror::new(9, Dialect::Nicira);
    let mut left = |actions: &str, packet: &Packet| {
        let reaction = react(&parse(actions), packet, &mut mirror, 0);
        (reaction.flow_mods.len(), reaction.actions)
    };
    let load = |value| Action::Load {
        dst: ofproto::action::Subfield { field: Field::Reg1, ofs: 0, n_bits: 1 },
        value,
    };
    let out = Action::Output { port: ofproto::PortNo(2), max_len: 0 };
    assert_eq!(left(&format!("{learn},output:2"), &from(1)), (1, vec![load(1), out.clone()]));
    assert_eq!(left(&format!("{learn},output:2"), &from(2)), (0, vec![load(0), out.clone()]));
    // No output remains: no packet-out. An action that the packet does not survive ends the list.
    assert_eq!(left(learn, &from(1)), (1, Vec::new()));
    assert_eq!(left(&format!("dec_ttl,{learn}"), &from(1).with(Field::IpTtl, 1)).0, 0);
    assert_eq!(left(&format!("exit,{learn}"), &from(1)).0, 0);
    // The pipeline fields of the packet are kept.
    let carried = Action::Load { dst: ofproto::action::Subfield::whole(Field::Reg5), value: 9 };
    assert_eq!(left(&format!("{learn},output:2"), &from(1).with(Field::Reg5, 9)).1[0], carried);
}
