//! Strategies for messages.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::actions::{actions, instructions, matches};
use super::{bytes, features, nicira, tables, text};
use crate::ids::{BufferId, Cookie, DatapathId, GroupId, PortNo, TableId, Xid};
use crate::message::multipart::{
    AggregateReply, Desc, FlowStats, FlowStatsRequest, MultipartReply, MultipartReplyBody, MultipartRequest,
    MultipartRequestBody, PortStats, TableStats,
};
use crate::message::tables::monitor::{MonitorEvent, MonitorRequest, MonitorUpdate, MonitoredFlow};
use crate::message::{
    BundleAdd, BundleControl, ErrorMsg, Experimenter, FeaturesReply, FlowMod, FlowRemoved, Hello, Message,
    PacketIn, PacketOut, Port, PortStatus, Role, SwitchConfig,
};
use crate::message_type::MessageType;

/// Generates every message, with equal probability.
pub fn message() -> BoxedStrategy<Message> {
    prop_oneof![
        1 => Just(Message::FeaturesRequest),
        1 => Just(Message::GetConfigRequest),
        1 => Just(Message::BarrierRequest),
        1 => Just(Message::BarrierReply),
        1 => Just(Message::MonitorPaused),
        1 => Just(Message::MonitorResumed),
        1 => bytes(200).prop_map(Message::EchoRequest),
        1 => bytes(200).prop_map(Message::EchoReply),
        1 => hello().prop_map(Message::Hello),
        1 => error().prop_map(Message::Error),
        1 => features_reply().prop_map(Message::FeaturesReply),
        1 => switch_config().prop_map(Message::GetConfigReply),
        1 => switch_config().prop_map(Message::SetConfig),
        1 => packet_in().prop_map(Message::PacketIn),
        1 => flow_removed().prop_map(Message::FlowRemoved),
        1 => port_status().prop_map(Message::PortStatus),
        1 => packet_out().prop_map(Message::PacketOut),
        1 => flow_mod().prop_map(Message::FlowMod),
        1 => tables::group_mod().prop_map(Message::GroupMod),
        1 => tables::port_mod().prop_map(Message::PortMod),
        1 => tables::table_mod().prop_map(Message::TableMod),
        1 => tables::meter_mod().prop_map(Message::MeterMod),
        1 => tables::queue_get_config_request().prop_map(Message::QueueGetConfigRequest),
        1 => tables::queue_get_config_reply().prop_map(Message::QueueGetConfigReply),
        1 => Just(Message::GetAsyncRequest),
        1 => tables::async_config().prop_map(Message::GetAsyncReply),
        1 => tables::async_config().prop_map(Message::SetAsync),
        1 => multipart_request().prop_map(Message::MultipartRequest),
        1 => multipart_reply().prop_map(Message::MultipartReply),
        1 => role().prop_map(Message::RoleRequest),
        1 => role().prop_map(Message::RoleReply),
        1 => bundle_control().prop_map(Message::BundleControl),
        1 => bundle_add().prop_map(Message::BundleAdd),
        21 => nicira::message(),
        1 => experimenter().prop_map(Message::Experimenter),
        1 => unknown(),
    ]
    .boxed()
}

/// Generates transaction ids.
pub fn xid() -> impl Strategy<Value = Xid> {
    any::<u32>().prop_map(Xid)
}

/// Generates port numbers.
pub fn port_no() -> impl Strategy<Value = PortNo> {
    prop_oneof![any::<u32>(), 0..=16u32, 0xffff_ff00..=u32::MAX].prop_map(PortNo)
}

/// Generates group numbers.
pub fn group_id() -> impl Strategy<Value = GroupId> {
    any::<u32>().prop_map(GroupId)
}

/// Generates table numbers.
pub fn table_id() -> impl Strategy<Value = TableId> {
    any::<u8>().prop_map(TableId)
}

/// Generates cookies.
pub fn cookie() -> impl Strategy<Value = Cookie> {
    any::<u64>().prop_map(Cookie)
}

/// Generates HELLOs of any version.
pub fn hello() -> impl Strategy<Value = Hello> {
    (any::<u8>(), option::of(any::<u32>())).prop_map(|(version, bitmap)| Hello::new(version, bitmap))
}

/// Generates errors, experimenters' included.
pub fn error() -> impl Strategy<Value = ErrorMsg> {
    let standard = (0..0xffffu16, Just(None));
    let experimenter = (Just(0xffff), any::<u32>().prop_map(Some));
    (prop_oneof![standard.boxed(), experimenter.boxed()], any::<u16>(), bytes(80))
        .prop_map(|((kind, experimenter), code, data)| ErrorMsg { kind, code, experimenter, data })
}

/// Generates features replies.
pub fn features_reply() -> impl Strategy<Value = FeaturesReply> {
    any::<(u64, u32, u8, u8, u32, u32)>().prop_map(
        |(id, n_buffers, n_tables, auxiliary_id, capabilities, reserved)| FeaturesReply {
            datapath_id: DatapathId(id),
            n_buffers,
            n_tables,
            auxiliary_id,
            capabilities,
            reserved,
        },
    )
}

fn switch_config() -> impl Strategy<Value = SwitchConfig> {
    any::<(u16, u16)>().prop_map(|(flags, miss_send_len)| SwitchConfig { flags, miss_send_len })
}

/// Generates packet-ins.
pub fn packet_in() -> impl Strategy<Value = PacketIn> {
    (any::<(u32, u16, u8)>(), table_id(), cookie(), matches(), bytes(200)).prop_map(
        |((buffer_id, total_len, reason), table_id, cookie, fields, data)| PacketIn {
            buffer_id: BufferId(buffer_id),
            total_len,
            reason: crate::ids::PacketInReason(reason),
            table_id,
            cookie,
            fields,
            data,
        },
    )
}

/// Generates packet-outs.
pub fn packet_out() -> impl Strategy<Value = PacketOut> {
    (any::<u32>(), port_no(), actions(), bytes(200)).prop_map(|(buffer_id, in_port, actions, data)| {
        PacketOut { buffer_id: BufferId(buffer_id), in_port, actions, data }
    })
}

/// Generates notifications of removed flows.
pub fn flow_removed() -> impl Strategy<Value = FlowRemoved> {
    (cookie(), table_id(), any::<(u16, u8, u32, u32, u16, u16, u64, u64)>(), matches()).prop_map(
        |(cookie, table_id, (priority, reason, sec, nsec, idle, hard, packets, bytes), fields)| FlowRemoved {
            cookie,
            priority,
            reason,
            table_id,
            duration_sec: sec,
            duration_nsec: nsec,
            idle_timeout: idle,
            hard_timeout: hard,
            packet_count: packets,
            byte_count: bytes,
            fields,
        },
    )
}

/// Generates ports.
pub fn port() -> impl Strategy<Value = Port> {
    (port_no(), any::<[u8; 6]>(), text(16), any::<(u32, u32, u32, u32, u32, u32, u32, u32)>()).prop_map(
        |(
            port_no,
            hw_addr,
            name,
            (config, state, curr, advertised, supported, peer, curr_speed, max_speed),
        )| Port {
            port_no,
            hw_addr,
            name,
            config,
            state,
            curr,
            advertised,
            supported,
            peer,
            curr_speed,
            max_speed,
        },
    )
}

/// Generates port status messages.
pub fn port_status() -> impl Strategy<Value = PortStatus> {
    (0..5u8, port()).prop_map(|(reason, port)| PortStatus { reason: reason.into(), port })
}

/// Generates changes of flows.
pub fn flow_mod() -> impl Strategy<Value = FlowMod> {
    (
        (cookie(), any::<u64>(), table_id(), 0..7u8),
        any::<(u16, u16, u16, u32, u16, u16)>(),
        (port_no(), group_id()),
        (matches(), instructions()),
    )
        .prop_map(
            |(
                (cookie, cookie_mask, table_id, command),
                (idle_timeout, hard_timeout, priority, buffer_id, flags, importance),
                (out_port, out_group),
                (fields, instructions),
            )| FlowMod {
                cookie,
                cookie_mask,
                table_id,
                command: command.into(),
                idle_timeout,
                hard_timeout,
                priority,
                buffer_id: BufferId(buffer_id),
                out_port,
                out_group,
                flags,
                importance,
                fields,
                instructions,
            },
        )
}

fn role() -> impl Strategy<Value = Role> {
    any::<(u32, u64)>().prop_map(|(role, generation_id)| Role { role, generation_id })
}

/// Generates multipart requests.
pub fn multipart_request() -> impl Strategy<Value = MultipartRequest> {
    let body = prop_oneof![
        Just(MultipartRequestBody::Desc),
        Just(MultipartRequestBody::Table),
        tables::queue_stats_request().prop_map(MultipartRequestBody::Queue),
        group_id().prop_map(MultipartRequestBody::Group),
        Just(MultipartRequestBody::GroupDesc),
        Just(MultipartRequestBody::GroupFeatures),
        tables::meter_id().prop_map(MultipartRequestBody::Meter),
        tables::meter_id().prop_map(MultipartRequestBody::MeterConfig),
        Just(MultipartRequestBody::MeterFeatures),
        vec(features::table_features(), 0..3).prop_map(MultipartRequestBody::TableFeatures),
        Just(MultipartRequestBody::IpfixBridge),
        Just(MultipartRequestBody::IpfixFlow),
        Just(MultipartRequestBody::PortDesc),
        flow_stats_request().prop_map(MultipartRequestBody::Flow),
        flow_stats_request().prop_map(MultipartRequestBody::Aggregate),
        port_no().prop_map(MultipartRequestBody::PortStats),
        vec(monitor_request(), 0..3).prop_map(MultipartRequestBody::Monitor),
        experimenter().prop_map(MultipartRequestBody::Experimenter),
        unknown_part().prop_map(|(kind, body)| MultipartRequestBody::Unknown { kind, body }),
    ];
    (0..2u16, body).prop_map(|(flags, body)| MultipartRequest { flags, body })
}

/// Generates multipart replies.
pub fn multipart_reply() -> impl Strategy<Value = MultipartReply> {
    let body = prop_oneof![
        desc().prop_map(MultipartReplyBody::Desc),
        vec(flow_stats(), 0..4).prop_map(MultipartReplyBody::Flow),
        aggregate().prop_map(MultipartReplyBody::Aggregate),
        vec(table_stats(), 0..4).prop_map(MultipartReplyBody::Table),
        vec(port_stats(), 0..4).prop_map(MultipartReplyBody::PortStats),
        vec(tables::queue_stats(), 0..4).prop_map(MultipartReplyBody::Queue),
        vec(tables::group_stats(), 0..4).prop_map(MultipartReplyBody::Group),
        vec(tables::group_desc(), 0..4).prop_map(MultipartReplyBody::GroupDesc),
        tables::group_features().prop_map(MultipartReplyBody::GroupFeatures),
        vec(tables::meter_stats(), 0..4).prop_map(MultipartReplyBody::Meter),
        vec(tables::meter_config(), 0..4).prop_map(MultipartReplyBody::MeterConfig),
        tables::meter_features().prop_map(MultipartReplyBody::MeterFeatures),
        vec(features::table_features(), 0..3).prop_map(MultipartReplyBody::TableFeatures),
        nicira::ipfix_stats().prop_map(MultipartReplyBody::IpfixBridge),
        vec(nicira::ipfix_stats(), 0..3).prop_map(MultipartReplyBody::IpfixFlow),
        vec(port(), 0..4).prop_map(MultipartReplyBody::PortDesc),
        vec(monitor_update(), 0..4).prop_map(MultipartReplyBody::Monitor),
        experimenter().prop_map(MultipartReplyBody::Experimenter),
        unknown_part().prop_map(|(kind, body)| MultipartReplyBody::Unknown { kind, body }),
    ];
    (0..2u16, body).prop_map(|(flags, body)| MultipartReply { flags, body })
}

/// Generates parts of an unknown multipart type.
fn unknown_part() -> impl Strategy<Value = (u16, Bytes)> {
    (14..0xffffu16, bytes(40))
}

fn desc() -> impl Strategy<Value = Desc> {
    (text(256), text(256), text(256), text(32), text(256)).prop_map(
        |(mfr_desc, hw_desc, sw_desc, serial_num, dp_desc)| Desc {
            mfr_desc,
            hw_desc,
            sw_desc,
            serial_num,
            dp_desc,
        },
    )
}

fn flow_stats_request() -> impl Strategy<Value = FlowStatsRequest> {
    (table_id(), port_no(), group_id(), cookie(), any::<u64>(), matches()).prop_map(
        |(table_id, out_port, out_group, cookie, cookie_mask, fields)| FlowStatsRequest {
            table_id,
            out_port,
            out_group,
            cookie,
            cookie_mask,
            fields,
        },
    )
}

/// Generates flows with their counters.
pub fn flow_stats() -> impl Strategy<Value = FlowStats> {
    (
        (table_id(), cookie()),
        any::<(u32, u32, u16, u16, u16, u16, u16, u64, u64)>(),
        (matches(), instructions()),
    )
        .prop_map(
            |(
                (table_id, cookie),
                (sec, nsec, priority, idle, hard, flags, importance, packets, bytes),
                (fields, instructions),
            )| FlowStats {
                table_id,
                duration_sec: sec,
                duration_nsec: nsec,
                priority,
                idle_timeout: idle,
                hard_timeout: hard,
                flags,
                importance,
                cookie,
                packet_count: packets,
                byte_count: bytes,
                fields,
                instructions,
            },
        )
}

fn aggregate() -> impl Strategy<Value = AggregateReply> {
    any::<(u64, u64, u32)>().prop_map(|(packet_count, byte_count, flow_count)| AggregateReply {
        packet_count,
        byte_count,
        flow_count,
    })
}

fn table_stats() -> impl Strategy<Value = TableStats> {
    (table_id(), any::<(u32, u64, u64)>()).prop_map(
        |(table_id, (active_count, lookup_count, matched_count))| TableStats {
            table_id,
            active_count,
            lookup_count,
            matched_count,
        },
    )
}

fn port_stats() -> impl Strategy<Value = PortStats> {
    (port_no(), any::<[u64; 12]>(), any::<(u32, u32)>()).prop_map(
        |(
            port_no,
            [
                rx_packets,
                tx_packets,
                rx_bytes,
                tx_bytes,
                rx_dropped,
                tx_dropped,
                rx_errors,
                tx_errors,
                rx_frame_err,
                rx_over_err,
                rx_crc_err,
                collisions,
            ],
            (duration_sec, duration_nsec),
        )| PortStats {
            port_no,
            rx_packets,
            tx_packets,
            rx_bytes,
            tx_bytes,
            rx_dropped,
            tx_dropped,
            rx_errors,
            tx_errors,
            rx_frame_err,
            rx_over_err,
            rx_crc_err,
            collisions,
            duration_sec,
            duration_nsec,
        },
    )
}

fn monitor_request() -> impl Strategy<Value = MonitorRequest> {
    (any::<(u32, u16)>(), port_no(), table_id(), matches()).prop_map(
        |((id, flags), out_port, table_id, fields)| MonitorRequest { id, flags, out_port, table_id, fields },
    )
}

fn monitor_update() -> impl Strategy<Value = MonitorUpdate> {
    prop_oneof![
        monitored_flow().prop_map(|flow| MonitorUpdate::Flow(Box::new(flow))),
        xid().prop_map(MonitorUpdate::Abbreviated),
        (4..=u16::MAX, bytes(40)).prop_map(|(event, body)| MonitorUpdate::Unknown { event, body }),
    ]
}

fn monitored_flow() -> impl Strategy<Value = MonitoredFlow> {
    let event =
        prop_oneof![Just(MonitorEvent::Added), Just(MonitorEvent::Deleted), Just(MonitorEvent::Modified)];
    (event, any::<(u16, u16, u16, u16)>(), table_id(), cookie(), matches(), instructions()).prop_map(
        |(event, (reason, priority, idle_timeout, hard_timeout), table_id, cookie, fields, instructions)| {
            MonitoredFlow {
                event,
                reason,
                priority,
                idle_timeout,
                hard_timeout,
                table_id,
                cookie,
                fields,
                instructions,
            }
        },
    )
}

fn bundle_control() -> impl Strategy<Value = BundleControl> {
    (any::<u32>(), 0..10u16, any::<u16>(), vec(nicira::property(), 0..3)).prop_map(
        |(bundle_id, kind, flags, properties)| BundleControl {
            bundle_id,
            kind: kind.into(),
            flags,
            properties,
        },
    )
}

fn bundle_add() -> impl Strategy<Value = BundleAdd> {
    (any::<(u32, u16)>(), nicira::inner_message(), vec(nicira::property(), 0..3)).prop_map(
        |((bundle_id, flags), message, properties)| BundleAdd { bundle_id, flags, message, properties },
    )
}

/// Generates messages of experimenters other than ONF and Nicira.
fn experimenter() -> impl Strategy<Value = Experimenter> {
    (0..=0x2000u32, any::<u32>(), bytes(40)).prop_map(|(experimenter, exp_type, data)| Experimenter {
        experimenter,
        exp_type,
        data,
    })
}

/// Generates messages of an unknown type.
fn unknown() -> impl Strategy<Value = Message> {
    (30..=u8::MAX, bytes(40)).prop_map(|(kind, body)| Message::Unknown { kind: MessageType(kind), body })
}
