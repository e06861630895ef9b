//! Messages, as bytes.

use bytes::Bytes;
use flow_model::{Flow, FlowMatch};
use ofctl::syntax::{NoNames, parse_flow};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::monitor::{MonitorRequest, MonitorUpdate, MonitoredFlow};
use ofproto::message::multipart::{
    FlowStats, FlowStatsRequest, GroupDesc, MultipartReply, MultipartReplyBody, MultipartRequest,
    MultipartRequestBody,
};
use ofproto::message::{
    Bucket, BundleAdd, ErrorMsg, FlowMod, FlowModCommand, FlowRemoved, GroupMod, GroupModCommand, GroupType,
    Message, PacketIn, PacketOut,
};
use ofproto::oxm::Field;
use ofproto::testing::messages as any_messages;
use ofproto::{BufferId, Cookie, GroupId, PortNo, TableId, Xid};
use portcullis_tests::lines;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::packets::frame;

/// Whatever the strategies of `ofproto` make, sense or not, but for three things: metadata of packets, which may lack what
/// they need and are printed by rules of their own (see [`sensible`]); a VLAN's control word as NXM has it, which may
/// have a priority without a tag: that is no match that the model of flows knows; and recirc_id, which is the switch's own.
pub(crate) fn arbitrary() -> BoxedStrategy<Vec<u8>> {
    portcullis_tests::write_for_installed();
    let told = |message: &Message| {
        !matches!(
            message,
            Message::PacketIn(_) | Message::NxPacketIn(_) | Message::PacketIn2(_) | Message::Resume(_)
        ) && !["field: VlanTci", "field: RecircId"].iter().any(|field| format!("{message:?}").contains(field))
    };
    (any_messages::message().prop_filter("left out", told), any::<u32>())
        .prop_map(|(message, xid)| message.encode(Xid(xid)).unwrap())
        .boxed()
}

/// Messages that a switch or a controller would send.
pub(crate) fn sensible() -> BoxedStrategy<Vec<u8>> {
    portcullis_tests::write_for_installed();
    // Those without matches and actions make sense whatever their bits are.
    let plain = any_messages::message().prop_filter("with a match or actions", is_plain);
    let message = prop_oneof![
        8 => plain,
        4 => flow_mod().prop_map(Message::FlowMod),
        2 => flow_removed().prop_map(Message::FlowRemoved),
        2 => packet_in().prop_map(Message::PacketIn),
        2 => packet_out().prop_map(Message::PacketOut),
        2 => group_mod().prop_map(Message::GroupMod),
        3 => request(),
        4 => reply(),
    ];
    let message = (message, any::<u32>()).prop_flat_map(|(message, xid)| {
        let bytes = message.encode(Xid(xid)).unwrap();
        prop_oneof![9 => Just(bytes.clone()), 1 => wrapped(bytes, xid)]
    });
    message.boxed()
}

/// Changes of flows whose actions are those of another flow; some in bundles.
pub(crate) fn mismatched() -> BoxedStrategy<Vec<u8>> {
    (flow_mod(), flow(), 0..8_u8, any::<u32>())
        .prop_flat_map(|(flow_mod, other, table, xid)| {
            let table = if table == 7 { TableId::ALL } else { TableId(table) };
            let flow_mod = FlowMod { table_id: table, instructions: other.instructions, ..flow_mod };
            let bytes = Message::FlowMod(flow_mod).encode(Xid(xid)).unwrap();
            prop_oneof![9 => Just(bytes.clone()), 1 => wrapped(bytes, xid)]
        })
        .boxed()
}

/// A message in a bundle, or in the error that answers it.
fn wrapped(bytes: Vec<u8>, xid: u32) -> BoxedStrategy<Vec<u8>> {
    let fits = bytes.len() <= 60_000;
    let message = Bytes::from(bytes);
    let bundle = BundleAdd { bundle_id: 7, flags: 3, message: message.clone(), properties: Vec::new() };
    let quoted = message.slice(..message.len().min(64));
    let error = ErrorMsg { kind: 1, code: 6, experimenter: None, data: quoted };
    select(vec![Message::BundleAdd(bundle), Message::Error(error)])
        .prop_filter("too long", move |_| fits)
        .prop_map(move |message| message.encode(Xid(xid)).unwrap())
        .boxed()
}

/// Whether it has no match and no actions.
fn is_plain(message: &Message) -> bool {
    match message {
        Message::FlowMod(_)
        | Message::NxFlowMod(_)
        | Message::FlowRemoved(_)
        | Message::NxFlowRemoved(_)
        | Message::PacketIn(_)
        | Message::NxPacketIn(_)
        | Message::PacketIn2(_)
        | Message::Resume(_)
        | Message::PacketOut(_)
        | Message::GroupMod(_)
        | Message::BundleAdd(_)
        | Message::RequestForward(_) => false,
        Message::MultipartRequest(request) => !matches!(
            request.body,
            MultipartRequestBody::Flow(_)
                | MultipartRequestBody::Aggregate(_)
                | MultipartRequestBody::Monitor(_)
        ),
        Message::MultipartReply(reply) => !matches!(
            reply.body,
            MultipartReplyBody::Flow(_) | MultipartReplyBody::GroupDesc(_) | MultipartReplyBody::Monitor(_)
        ),
        _ => true,
    }
}

/// Flows of the lines that both parsers take.
fn flow() -> BoxedStrategy<Flow> {
    let lines = [lines::MATCHES, lines::ACTIONS, lines::LEARN, lines::NORMALIZED].concat();
    let flows: Vec<Flow> = lines.iter().filter_map(|line| parse_flow(line, &NoNames).ok()).collect();
    assert!(flows.len() > 100, "{}", flows.len());
    select(flows).boxed()
}

fn port() -> BoxedStrategy<PortNo> {
    prop_oneof![3 => 1..20_u32, 1 => 0xffff_fff8..=0xffff_fffe_u32, 1 => 0..0xff00_u32]
        .prop_map(PortNo)
        .boxed()
}

fn flow_mod() -> BoxedStrategy<FlowMod> {
    let numbers = any::<(u64, u16, u16, u16, bool)>();
    let selection = prop_oneof![Just((0, PortNo::ANY)), (any::<u64>(), port())];
    (flow(), 0..5_u8, numbers, selection, 0..32_u16, any::<u32>())
        .prop_map(|(flow, command, (cookie, idle, hard, priority, plain), (mask, port), flags, buffer)| {
            let command = FlowModCommand::from(command);
            let flow_mod = flow.to_flow_mod(command);
            FlowMod {
                cookie: Cookie(cookie),
                cookie_mask: mask,
                idle_timeout: if plain { 0 } else { idle },
                hard_timeout: if plain { 0 } else { hard },
                priority: if plain { 0x8000 } else { priority },
                buffer_id: if plain { BufferId::NO_BUFFER } else { BufferId(buffer) },
                out_port: port,
                flags,
                ..flow_mod
            }
        })
        .boxed()
}

fn flow_removed() -> BoxedStrategy<FlowRemoved> {
    (flow(), any::<(u64, u16, u8, u32, u32, u16, u16)>(), 0..8_u8, any::<(u64, u64)>())
        .prop_map(|(flow, (cookie, priority, table, sec, nsec, idle, hard), reason, (packets, bytes))| {
            FlowRemoved {
                cookie: Cookie(cookie),
                priority,
                reason,
                table_id: TableId(table),
                duration_sec: sec,
                duration_nsec: nsec % 1_000_000_000,
                idle_timeout: idle,
                hard_timeout: hard,
                packet_count: packets,
                byte_count: bytes,
                fields: flow.matches.to_wire(),
            }
        })
        .boxed()
}

/// What a switch tells of a packet beside its bytes.
fn metadata() -> BoxedStrategy<FlowMatch> {
    let port = port().prop_map(|port| FlowMatch::any().with(Field::InPortOxm, u128::from(port.0)));
    (port, any::<u64>(), any::<u32>(), 0..16_u8)
        .prop_map(|(mut fields, wide, narrow, which)| {
            let more = [
                (Field::Metadata, wide),
                (Field::TunId, wide),
                (Field::Reg3, narrow.into()),
                (Field::PktMark, narrow.into()),
            ];
            for (bit, (field, value)) in more.into_iter().enumerate() {
                if which >> bit & 1 != 0 {
                    fields = fields.with(field, value.into());
                }
            }
            fields
        })
        .boxed()
}

fn packet_in() -> BoxedStrategy<PacketIn> {
    (any::<(bool, u32, u64, u8)>(), 0..9_u8, metadata(), frame(), 0..2_u16)
        .prop_map(|((buffered, buffer, cookie, table), reason, fields, data, more)| PacketIn {
            buffer_id: if buffered { BufferId(buffer) } else { BufferId::NO_BUFFER },
            total_len: u16::try_from(data.len()).unwrap() + more,
            reason: ofproto::PacketInReason(reason),
            table_id: TableId(table),
            cookie: Cookie(cookie),
            fields: fields.to_wire(),
            data: data.into(),
        })
        .boxed()
}

/// The actions of a flow that needs no match for them.
fn actions() -> BoxedStrategy<Vec<Action>> {
    flow()
        .prop_filter_map("no list of actions", |flow| match flow.instructions.as_slice() {
            [] => Some(Vec::new()),
            [Instruction::ApplyActions(list)] => Some(list.clone()),
            _ => None,
        })
        .boxed()
}

fn packet_out() -> BoxedStrategy<PacketOut> {
    let port = prop_oneof![1..20_u32, Just(PortNo::CONTROLLER.0), Just(PortNo::LOCAL.0), Just(PortNo::ANY.0)];
    (any::<(bool, u32)>(), port, actions(), frame())
        .prop_map(|((buffered, buffer), in_port, actions, data)| PacketOut {
            buffer_id: if buffered { BufferId(buffer) } else { BufferId::NO_BUFFER },
            in_port: PortNo(in_port),
            actions,
            data: data.into(),
        })
        .boxed()
}

fn buckets(kind: GroupType) -> BoxedStrategy<Vec<Bucket>> {
    let count = if kind == GroupType::Indirect { 1..2 } else { 0..4 };
    let bucket = (any::<u16>(), port(), actions()).prop_map(move |(weight, port, actions)| Bucket {
        weight: if kind == GroupType::Select { weight } else { 0 },
        watch_port: if kind == GroupType::FastFailover { port } else { PortNo::ANY },
        watch_group: GroupId::ANY,
        actions,
    });
    vec(bucket, count).boxed()
}

fn group_mod() -> BoxedStrategy<GroupMod> {
    (0..3_u16, 0..4_u8, any::<u32>())
        .prop_flat_map(|(command, kind, id)| {
            let kind = GroupType::from(kind);
            buckets(kind).prop_map(move |buckets| {
                let command = GroupModCommand::from(command);
                let buckets = if command == GroupModCommand::Delete { Vec::new() } else { buckets };
                GroupMod { command, kind, group_id: GroupId(id), buckets }
            })
        })
        .boxed()
}

fn request() -> BoxedStrategy<Message> {
    let selection =
        (flow(), any::<(u8, u64, u64)>(), port()).prop_map(|(flow, (table, cookie, mask), port)| {
            FlowStatsRequest {
                table_id: TableId(table),
                out_port: port,
                out_group: GroupId::ANY,
                cookie: Cookie(cookie),
                cookie_mask: mask,
                fields: flow.matches.to_wire(),
            }
        });
    let monitor =
        (flow(), any::<(u32, u8)>(), 2..64_u16, port()).prop_map(|(flow, (id, table), flags, port)| {
            let flags = flags | 2;
            MonitorRequest {
                id,
                flags,
                out_port: port,
                table_id: TableId(table),
                fields: flow.matches.to_wire(),
            }
        });
    let body = prop_oneof![
        selection.clone().prop_map(MultipartRequestBody::Flow),
        selection.prop_map(MultipartRequestBody::Aggregate),
        vec(monitor, 0..3).prop_map(MultipartRequestBody::Monitor),
    ];
    body.prop_map(|body| Message::MultipartRequest(MultipartRequest { flags: 0, body })).boxed()
}

fn reply() -> BoxedStrategy<Message> {
    let group = (0..4_u8, any::<u32>()).prop_flat_map(|(kind, id)| {
        let kind = GroupType::from(kind);
        buckets(kind).prop_map(move |buckets| GroupDesc { kind, group_id: GroupId(id), buckets })
    });
    let body = prop_oneof![
        vec(stats(), 0..4).prop_map(MultipartReplyBody::Flow),
        vec(group, 0..4).prop_map(MultipartReplyBody::GroupDesc),
        vec(update(), 0..4).prop_map(MultipartReplyBody::Monitor),
    ];
    (0..2_u16, body).prop_map(|(flags, body)| Message::MultipartReply(MultipartReply { flags, body })).boxed()
}

fn stats() -> BoxedStrategy<FlowStats> {
    (flow(), any::<(u8, u32, u32, u16, u16, u16, u64)>(), 0..32_u16, any::<(u64, u64)>())
        .prop_map(|(flow, (table, sec, nsec, priority, idle, hard, cookie), flags, (packets, bytes))| {
            FlowStats {
                table_id: TableId(table),
                duration_sec: sec,
                duration_nsec: nsec % 1_000_000_000,
                priority,
                idle_timeout: idle,
                hard_timeout: hard,
                flags,
                importance: 0,
                cookie: Cookie(cookie),
                packet_count: packets,
                byte_count: bytes,
                fields: flow.matches.to_wire(),
                instructions: flow.instructions,
            }
        })
        .boxed()
}

fn update() -> BoxedStrategy<MonitorUpdate> {
    use ofproto::message::monitor::MonitorEvent::{Added, Deleted, Modified};
    let event = select(vec![Added, Deleted, Modified]);
    let flow = (event, flow(), any::<(u8, u16, u16, u16, u64)>(), 0..8_u16).prop_map(
        |(event, flow, (table, priority, idle, hard, cookie), reason)| {
            MonitorUpdate::Flow(Box::new(MonitoredFlow {
                event,
                reason,
                priority,
                idle_timeout: idle,
                hard_timeout: hard,
                table_id: TableId(table),
                cookie: Cookie(cookie),
                fields: flow.matches.to_wire(),
                instructions: flow.instructions,
            }))
        },
    );
    prop_oneof![4 => flow, 1 => any::<u32>().prop_map(|xid| MonitorUpdate::Abbreviated(Xid(xid)))].boxed()
}
