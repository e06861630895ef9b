//! Which messages Open vSwitch asks whether actions fit a match, and what it says.

use flows::Flow;
use ofctl::ofp_print::print_message;
use ofctl::syntax::{NoNames, parse_flow};
use ofproto::action::{Action, Legacy};
use ofproto::instruction::Instruction;
use ofproto::message::monitor::{MonitorEvent, MonitorUpdate, MonitoredFlow};
use ofproto::message::multipart::{FlowStats, MultipartReply, MultipartReplyBody};
use ofproto::message::{BundleAdd, FlowMod, FlowModCommand, Message, PacketOut};
use ofproto::oxm::Field;
use ofproto::{BufferId, Cookie, PortNo, TableId, Xid};
use portcullis_tests::ofp_print;

use super::refusal;

fn flow(line: &str) -> Flow {
    parse_flow(line, &NoNames).unwrap()
}

/// The name of the error that both print, if they do.
fn error(message: Message) -> Option<String> {
    let bytes = message.encode(Xid(7)).unwrap();
    let ours = print_message(&bytes, 2, &NoNames);
    assert_eq!(ours, ofp_print(&bytes, 2), "{message:?}");
    refusal(&ours).map(|_| {
        let (_, rest) = ours.split_once("***decode error: ").unwrap();
        rest.split_once("***").unwrap().0.to_owned()
    })
}

fn change(matched: &str, instructions: Vec<Instruction>) -> FlowMod {
    let flow_mod = flow(&format!("{matched}actions=drop")).to_flow_mod(FlowModCommand::Add);
    FlowMod { instructions, ..flow_mod }
}

fn refused(matched: &str, instructions: Vec<Instruction>) -> Option<String> {
    error(Message::FlowMod(change(matched, instructions)))
}

/// The same match and actions in every message that has both, or actions alone.
#[test]
fn only_flow_mods_are_asked() {
    let Flow { instructions, .. } = flow("ip,actions=dec_ttl");
    let flow_mod = change("", instructions.clone());
    let inconsistent = Some("OFPBAC_MATCH_INCONSISTENT".to_owned());
    for command in [FlowModCommand::Add, FlowModCommand::ModifyStrict, FlowModCommand::Delete] {
        assert_eq!(error(Message::FlowMod(FlowMod { command, ..flow_mod.clone() })), inconsistent);
    }
    let message = Message::FlowMod(flow_mod).encode(Xid(7)).unwrap().into();
    let bundled = BundleAdd { bundle_id: 1, flags: 3, message, properties: Vec::new() };
    assert_eq!(error(Message::BundleAdd(bundled)), inconsistent);
    let stats = FlowStats {
        table_id: TableId(0),
        duration_sec: 1,
        duration_nsec: 0,
        priority: 1,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: 0,
        importance: 0,
        cookie: Cookie(0),
        packet_count: 0,
        byte_count: 0,
        fields: flow("actions=drop").matches.to_wire(),
        instructions: instructions.clone(),
    };
    let update = MonitorUpdate::Flow(Box::new(MonitoredFlow {
        event: MonitorEvent::Added,
        reason: 0,
        priority: 1,
        idle_timeout: 0,
        hard_timeout: 0,
        table_id: TableId(0),
        cookie: Cookie(0),
        fields: stats.fields.clone(),
        instructions,
    }));
    for body in [MultipartReplyBody::Flow(vec![stats]), MultipartReplyBody::Monitor(vec![update])] {
        assert_eq!(error(Message::MultipartReply(MultipartReply { flags: 0, body })), None);
    }
    let packet_out = PacketOut {
        buffer_id: BufferId::NO_BUFFER,
        in_port: PortNo(1),
        actions: vec![Action::DecNwTtl],
        data: vec![0; 60].into(),
    };
    assert_eq!(error(Message::PacketOut(packet_out)), None);
}

#[test]
fn each_error_has_its_name() {
    let apply = |actions: Vec<Action>| vec![Instruction::ApplyActions(actions)];
    let push = Action::PushVlan(0x8100);
    let truncated = Action::OutputTrunc { port: PortNo::ANY, max_len: 100 };
    let delete = Action::DeleteField(Field::Reg0);
    let vlan = Action::Legacy(Legacy::VlanVid(5));
    let port = Action::Legacy(Legacy::TpSrc(80));
    let ttl = Action::DecNwTtl;
    let cases = [
        ("", apply(vec![push.clone(), push.clone()]), ""),
        ("", apply(vec![push.clone(), push.clone(), push.clone()]), "OFPBAC_BAD_TAG"),
        ("", apply(vec![push.clone(), push.clone(), Action::PopVlan, push.clone()]), ""),
        // What is worse is found behind what OpenFlow 1.0 would let pass.
        ("", apply(vec![ttl.clone(), push.clone(), push.clone(), push.clone()]), "OFPBAC_BAD_TAG"),
        ("", apply(vec![vlan.clone(), push.clone(), push.clone()]), "OFPBAC_BAD_TAG"),
        ("", apply(vec![vlan.clone()]), "OFPBAC_MATCH_INCONSISTENT"),
        ("dl_vlan=5,", apply(vec![vlan]), ""),
        ("ip,", apply(vec![port.clone()]), "OFPBAC_MATCH_INCONSISTENT"),
        ("udp,", apply(vec![port]), ""),
        ("", apply(vec![truncated.clone()]), "OFPBAC_BAD_OUT_PORT"),
        ("", apply(vec![Action::Clone(vec![truncated])]), "OFPBAC_BAD_OUT_PORT"),
        ("", apply(vec![delete]), "OFPBAC_BAD_ARGUMENT"),
        ("", apply(vec![Action::Clone(vec![ttl.clone()])]), "OFPBAC_MATCH_INCONSISTENT"),
        ("", vec![Instruction::WriteActions(vec![ttl])], ""),
        ("", vec![Instruction::Meter(0)], "OFPMMFC_INVALID_METER"),
        ("", vec![Instruction::Meter(0xffff_0001)], "OFPMMFC_INVALID_METER"),
        ("table=3,", vec![Instruction::GotoTable(TableId(3))], "OFPBIC_BAD_TABLE_ID"),
        ("table=3,", vec![Instruction::GotoTable(TableId(4))], ""),
    ];
    for (matched, instructions, name) in cases {
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        assert_eq!(refused(matched, instructions.clone()), name, "{matched} {instructions:?}");
    }
}
