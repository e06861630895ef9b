//! Strategies for Nicira's messages, and for ONF's about other controllers.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;

use super::actions::{actions, instructions, matches, unknown_oxm};
use super::messages::{cookie, flow_removed, packet_in, table_id};
use super::tables::async_config;
use super::{bytes, may_use};
use crate::codec::{Wire, Writer};
use crate::ids::{BufferId, Xid};
use crate::message::multipart::IpfixStats;
use crate::message::tables::monitor::MonitorCancel;
use crate::message::{
    AsyncConfig2, AsyncMessage, AsyncProperty, ContinuationProperty, ControllerId, CtFlush, CtFlushProperty,
    CtFlushZone, CtTupleProperty, FlowModTableId, Message, NxFlowMod, NxFlowRemoved, NxPacketIn, PacketIn2,
    PacketInProperty, Property, RequestForward, RoleStatus, TlvMap, TlvTableMod, TlvTableReply,
};
use crate::oxm::{Match, Oxm};

/// Generates every message of this module, with equal probability.
pub fn message() -> BoxedStrategy<Message> {
    prop_oneof![
        any::<u32>().prop_map(|id| Message::MonitorCancel(MonitorCancel { id })),
        role_status().prop_map(Message::RoleStatus),
        request_forward().prop_map(Message::RequestForward),
        (0..5u32).prop_map(|role| Message::NxRoleRequest(role.into())),
        (0..5u32).prop_map(|role| Message::NxRoleReply(role.into())),
        nx_flow_mod().prop_map(Message::NxFlowMod),
        nx_flow_removed().prop_map(Message::NxFlowRemoved),
        any::<u8>().prop_map(|set| Message::FlowModTableId(FlowModTableId { set })),
        (0..5u32).prop_map(|format| Message::SetPacketInFormat(format.into())),
        nx_packet_in().prop_map(Message::NxPacketIn),
        Just(Message::FlowAge),
        async_config().prop_map(Message::NxSetAsync),
        any::<u16>().prop_map(|id| Message::SetControllerId(ControllerId(id))),
        tlv_table_mod().prop_map(Message::TlvTableMod),
        Just(Message::TlvTableRequest),
        tlv_table_reply().prop_map(Message::TlvTableReply),
        async_config2().prop_map(Message::SetAsyncConfig2),
        packet_in2().prop_map(Message::Resume),
        any::<u16>().prop_map(|zone_id| Message::CtFlushZone(CtFlushZone { zone_id })),
        packet_in2().prop_map(Message::PacketIn2),
        ct_flush().prop_map(Message::CtFlush),
    ]
    .boxed()
}

/// Generates properties of an unknown type.
pub fn property() -> impl Strategy<Value = Property> {
    (100..0x8000u16, bytes(20)).prop_map(|(kind, body)| Property { kind, body })
}

fn role_status() -> impl Strategy<Value = RoleStatus> {
    (0..5u32, 0..5u8, any::<u64>(), vec(property(), 0..3)).prop_map(
        |(role, reason, generation_id, properties)| RoleStatus {
            role,
            reason: reason.into(),
            generation_id,
            properties,
        },
    )
}

/// Generates a whole message: any type, any body, and a valid length.
pub fn inner_message() -> impl Strategy<Value = Bytes> {
    (any::<u8>(), any::<[u8; 4]>(), vec(any::<u8>(), 0..200)).prop_map(|(kind, xid, body)| {
        let length = u16::try_from(body.len() + 8).unwrap_or(u16::MAX).to_be_bytes();
        [&[4, kind], &length[..], &xid, &body].concat().into()
    })
}

fn request_forward() -> impl Strategy<Value = RequestForward> {
    let forwarded = prop_oneof![
        super::tables::group_mod().prop_map(Message::GroupMod),
        super::tables::meter_mod().prop_map(Message::MeterMod),
    ];
    let real = forwarded.prop_filter_map("too long", |m| m.encode(Xid(7)).ok()).prop_map(Bytes::from);
    prop_oneof![inner_message().boxed(), real.boxed()].prop_map(|message| RequestForward { message })
}

/// Generates matches whose fields all have the NXM header that they are decoded from.
fn nx_matches() -> impl Strategy<Value = Match> {
    prop_oneof![
        matches(),
        vec(unknown_oxm(), 0..3).prop_map(|fields| Match { fields }),
        Just(Match { fields: Vec::<Oxm>::new() }),
    ]
}

fn nx_flow_mod() -> impl Strategy<Value = NxFlowMod> {
    ((cookie(), table_id(), 0..7u8), any::<(u16, u16, u16, u32, u16, u16)>(), (nx_matches(), instructions()))
        .prop_map(
            |(
                (cookie, table_id, command),
                (idle_timeout, hard_timeout, priority, buffer_id, out_port, flags),
                (fields, instructions),
            )| NxFlowMod {
                cookie,
                table_id,
                command: command.into(),
                idle_timeout,
                hard_timeout,
                priority,
                buffer_id: BufferId(buffer_id),
                out_port,
                flags,
                fields,
                instructions,
            },
        )
}

fn nx_flow_removed() -> impl Strategy<Value = NxFlowRemoved> {
    flow_removed().prop_map(|mut removed| {
        removed.hard_timeout = 0;
        NxFlowRemoved(removed)
    })
}

fn nx_packet_in() -> impl Strategy<Value = NxPacketIn> {
    (packet_in(), nx_matches()).prop_map(|(mut packet, fields)| {
        packet.fields = fields;
        NxPacketIn(packet)
    })
}

fn tlv_maps() -> impl Strategy<Value = Vec<TlvMap>> {
    let map = any::<(u16, u8, u8, u16)>().prop_map(|(option_class, option_type, option_len, index)| TlvMap {
        option_class,
        option_type,
        option_len,
        index,
    });
    vec(map, 0..5)
}

fn tlv_table_mod() -> impl Strategy<Value = TlvTableMod> {
    (0..5u16, tlv_maps()).prop_map(|(command, maps)| TlvTableMod { command: command.into(), maps })
}

fn tlv_table_reply() -> impl Strategy<Value = TlvTableReply> {
    (any::<(u32, u16)>(), tlv_maps()).prop_map(|((max_option_space, max_fields), maps)| TlvTableReply {
        max_option_space,
        max_fields,
        maps,
    })
}

fn async_config2() -> impl Strategy<Value = AsyncConfig2> {
    let reasons = (prop::sample::select(&AsyncMessage::ALL[..]), any::<(bool, u32)>())
        .prop_map(|(message, (slave, mask))| AsyncProperty::Reasons { message, slave, mask });
    let property = prop_oneof![3 => reasons, 1 => property().prop_map(AsyncProperty::Unknown)];
    vec(property, 0..5).prop_map(|properties| AsyncConfig2 { properties })
}

/// Generates packets for the controller, in both directions.
pub fn packet_in2() -> impl Strategy<Value = PacketIn2> {
    let property = prop_oneof![
        bytes(200).prop_map(PacketInProperty::Packet),
        any::<u32>().prop_map(PacketInProperty::FullLen),
        any::<u32>().prop_map(|id| PacketInProperty::BufferId(BufferId(id))),
        table_id().prop_map(PacketInProperty::TableId),
        cookie().prop_map(PacketInProperty::Cookie),
        any::<u8>().prop_map(|n| PacketInProperty::Reason(crate::ids::PacketInReason(n))),
        matches().prop_map(PacketInProperty::Metadata),
        bytes(20).prop_map(PacketInProperty::Userdata),
        continuation().prop_map(PacketInProperty::Continuation),
        bytes(40).prop_map(PacketInProperty::Continuation),
        property().prop_map(PacketInProperty::Unknown),
    ];
    vec(property, 0..6).prop_map(|properties| PacketIn2 { properties })
}

/// Generates the properties of a continuation.
pub fn continuation_property() -> impl Strategy<Value = ContinuationProperty> {
    prop_oneof![
        any::<[u8; 16]>().prop_map(ContinuationProperty::Bridge),
        bytes(20).prop_map(ContinuationProperty::Stack),
        any::<u32>().prop_map(ContinuationProperty::Mirrors),
        Just(ContinuationProperty::Conntracked),
        table_id().prop_map(ContinuationProperty::TableId),
        cookie().prop_map(ContinuationProperty::Cookie),
        actions().prop_map(ContinuationProperty::Actions),
        actions().prop_map(ContinuationProperty::ActionSet),
        any::<u32>().prop_map(ContinuationProperty::OdpPort),
        property().prop_map(ContinuationProperty::Unknown),
    ]
}

fn continuation() -> impl Strategy<Value = Bytes> {
    vec(continuation_property(), 0..4).prop_filter_map("too long", |properties| {
        let mut w = Writer::new();
        properties.iter().try_for_each(|property| property.encode(&mut w)).ok()?;
        Some(w.into_vec().into())
    })
}

fn ct_flush() -> impl Strategy<Value = CtFlush> {
    let mut part = vec![
        any::<[u8; 16]>().prop_map(CtTupleProperty::Src).boxed(),
        any::<[u8; 16]>().prop_map(CtTupleProperty::Dst).boxed(),
        any::<u16>().prop_map(CtTupleProperty::SrcPort).boxed(),
        any::<u16>().prop_map(CtTupleProperty::DstPort).boxed(),
        any::<u16>().prop_map(CtTupleProperty::IcmpId).boxed(),
        any::<u8>().prop_map(CtTupleProperty::IcmpType).boxed(),
        any::<u8>().prop_map(CtTupleProperty::IcmpCode).boxed(),
    ];
    let mut later = Vec::new();
    // Open vSwitch skips unknown properties before this version, and refuses them since.
    if may_use((3, 3)) {
        part.push(property().prop_map(CtTupleProperty::Unknown).boxed());
        later = vec![
            any::<u32>().prop_map(CtFlushProperty::Mark).boxed(),
            any::<u32>().prop_map(CtFlushProperty::MarkMask).boxed(),
            any::<u128>().prop_map(CtFlushProperty::Labels).boxed(),
            any::<u128>().prop_map(CtFlushProperty::LabelsMask).boxed(),
            property().prop_map(CtFlushProperty::Unknown).boxed(),
        ];
    }
    let tuple = vec(Union::new(part), 0..5).boxed();
    let property = [
        tuple.clone().prop_map(CtFlushProperty::OrigTuple).boxed(),
        tuple.prop_map(CtFlushProperty::ReplyTuple).boxed(),
        any::<u16>().prop_map(CtFlushProperty::ZoneId).boxed(),
    ];
    let property = Union::new(property.into_iter().chain(later));
    (any::<u8>(), vec(property, 0..4)).prop_map(|(ip_proto, properties)| CtFlush { ip_proto, properties })
}

/// Generates IPFIX counters.
pub fn ipfix_stats() -> impl Strategy<Value = IpfixStats> {
    any::<([u64; 10], u32)>().prop_map(
        |(
            [
                total_flows,
                current_flows,
                packets,
                ipv4_packets,
                ipv6_packets,
                error_packets,
                ipv4_error_packets,
                ipv6_error_packets,
                tx_packets,
                tx_errors,
            ],
            collector_set_id,
        )| IpfixStats {
            total_flows,
            current_flows,
            packets,
            ipv4_packets,
            ipv6_packets,
            error_packets,
            ipv4_error_packets,
            ipv6_error_packets,
            tx_packets,
            tx_errors,
            collector_set_id,
        },
    )
}
