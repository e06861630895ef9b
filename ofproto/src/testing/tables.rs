//! Strategies for groups, meters, queues and other tables of a switch: changes, requests and
//! replies.

use proptest::collection::vec;
use proptest::prelude::*;

use super::actions::actions;
use super::bytes;
use super::messages::{group_id, port_no, table_id};
use crate::ids::{MeterId, QueueId};
use crate::message::multipart::{
    BucketCounter, GroupDesc, GroupFeatures, GroupStats, MeterBandStats, MeterConfig, MeterFeatures,
    MeterStats, QueueStats, QueueStatsRequest,
};
use crate::message::{
    AsyncConfig, Bucket, GroupMod, GroupType, MeterBand, MeterBandType, MeterMod, PacketQueue, PortMod,
    QueueGetConfigReply, QueueGetConfigRequest, QueueProperty, TableMod,
};

/// Generates meter numbers.
pub fn meter_id() -> impl Strategy<Value = MeterId> {
    prop_oneof![any::<u32>(), 1..=9u32, 0xffff_fff0..=u32::MAX].prop_map(MeterId)
}

fn queue_id() -> impl Strategy<Value = QueueId> {
    any::<u32>().prop_map(QueueId)
}

fn group_type() -> impl Strategy<Value = GroupType> {
    (0..6u8).prop_map(GroupType::from)
}

fn bucket() -> impl Strategy<Value = Bucket> {
    (any::<u16>(), port_no(), group_id(), actions()).prop_map(|(weight, watch_port, watch_group, actions)| {
        Bucket { weight, watch_port, watch_group, actions }
    })
}

/// Generates changes of groups.
pub fn group_mod() -> impl Strategy<Value = GroupMod> {
    (0..5u16, group_type(), group_id(), vec(bucket(), 0..4)).prop_map(|(command, kind, group_id, buckets)| {
        GroupMod { command: command.into(), kind, group_id, buckets }
    })
}

/// Generates descriptions of groups.
pub fn group_desc() -> impl Strategy<Value = GroupDesc> {
    (group_type(), group_id(), vec(bucket(), 0..4)).prop_map(|(kind, group_id, buckets)| GroupDesc {
        kind,
        group_id,
        buckets,
    })
}

/// Generates counters of groups.
pub fn group_stats() -> impl Strategy<Value = GroupStats> {
    let bucket =
        any::<(u64, u64)>().prop_map(|(packet_count, byte_count)| BucketCounter { packet_count, byte_count });
    (group_id(), any::<(u32, u64, u64, u32, u32)>(), vec(bucket, 0..4)).prop_map(
        |(group_id, (ref_count, packet_count, byte_count, duration_sec, duration_nsec), buckets)| {
            GroupStats { group_id, ref_count, packet_count, byte_count, duration_sec, duration_nsec, buckets }
        },
    )
}

/// Generates the group features of a switch.
pub fn group_features() -> impl Strategy<Value = GroupFeatures> {
    any::<(u32, u32, [u32; 4], [u32; 4])>().prop_map(|(types, capabilities, max_groups, actions)| {
        GroupFeatures { types, capabilities, max_groups, actions }
    })
}

fn meter_band() -> impl Strategy<Value = MeterBand> {
    let kind = prop_oneof![
        Just(MeterBandType::Drop),
        any::<u8>().prop_map(|prec_level| MeterBandType::DscpRemark { prec_level }),
        (any::<u32>(), bytes(20))
            .prop_map(|(experimenter, data)| MeterBandType::Experimenter { experimenter, data }),
        (3..0xffffu16, bytes(20)).prop_map(|(kind, body)| MeterBandType::Unknown { kind, body }),
    ];
    (any::<(u32, u32)>(), kind).prop_map(|((rate, burst_size), kind)| MeterBand { rate, burst_size, kind })
}

/// Generates a band of a multiple of eight bytes, as changes of meters need.
fn padded_band() -> impl Strategy<Value = MeterBand> {
    meter_band().prop_map(|mut band| {
        match &mut band.kind {
            MeterBandType::Experimenter { data, .. } => data.truncate(data.len() / 8 * 8),
            // The header of the body, length included, is 12 bytes.
            MeterBandType::Unknown { body, .. } => {
                let whole = body.split_off(body.len() % 8);
                *body = [&[0; 4][..], &whole].concat().into();
            }
            _ => {}
        }
        band
    })
}

/// Generates changes of meters.
pub fn meter_mod() -> impl Strategy<Value = MeterMod> {
    (0..5u16, any::<u16>(), meter_id(), vec(padded_band(), 0..4)).prop_map(
        |(command, flags, meter_id, bands)| MeterMod { command: command.into(), flags, meter_id, bands },
    )
}

/// Generates configurations of meters.
pub fn meter_config() -> impl Strategy<Value = MeterConfig> {
    (any::<u16>(), meter_id(), vec(meter_band(), 0..4)).prop_map(|(flags, meter_id, bands)| MeterConfig {
        flags,
        meter_id,
        bands,
    })
}

/// Generates counters of meters.
pub fn meter_stats() -> impl Strategy<Value = MeterStats> {
    let band = any::<(u64, u64)>().prop_map(|(packet_band_count, byte_band_count)| MeterBandStats {
        packet_band_count,
        byte_band_count,
    });
    (meter_id(), any::<(u32, u64, u64, u32, u32)>(), vec(band, 0..4)).prop_map(
        |(meter_id, (flow_count, packet_in_count, byte_in_count, duration_sec, duration_nsec), bands)| {
            MeterStats {
                meter_id,
                flow_count,
                packet_in_count,
                byte_in_count,
                duration_sec,
                duration_nsec,
                bands,
            }
        },
    )
}

/// Generates the meter features of a switch.
pub fn meter_features() -> impl Strategy<Value = MeterFeatures> {
    any::<(u32, u32, u32, u8, u8)>().prop_map(
        |(max_meter, band_types, capabilities, max_bands, max_color)| MeterFeatures {
            max_meter,
            band_types,
            capabilities,
            max_bands,
            max_color,
        },
    )
}

/// Generates requests for counters of queues.
pub fn queue_stats_request() -> impl Strategy<Value = QueueStatsRequest> {
    (port_no(), queue_id()).prop_map(|(port_no, queue_id)| QueueStatsRequest { port_no, queue_id })
}

/// Generates counters of queues.
pub fn queue_stats() -> impl Strategy<Value = QueueStats> {
    (port_no(), queue_id(), any::<(u64, u64, u64, u32, u32)>()).prop_map(
        |(port_no, queue_id, (tx_bytes, tx_packets, tx_errors, duration_sec, duration_nsec))| QueueStats {
            port_no,
            queue_id,
            tx_bytes,
            tx_packets,
            tx_errors,
            duration_sec,
            duration_nsec,
        },
    )
}

/// Generates requests for the queues of a port.
pub fn queue_get_config_request() -> impl Strategy<Value = QueueGetConfigRequest> {
    port_no().prop_map(|port| QueueGetConfigRequest { port })
}

/// Generates the queues of a port.
pub fn queue_get_config_reply() -> impl Strategy<Value = QueueGetConfigReply> {
    let property = prop_oneof![
        any::<u16>().prop_map(QueueProperty::MinRate),
        any::<u16>().prop_map(QueueProperty::MaxRate),
        (any::<u32>(), bytes(20))
            .prop_map(|(experimenter, data)| QueueProperty::Experimenter { experimenter, data }),
        (3..0xffffu16, bytes(20)).prop_map(|(kind, body)| QueueProperty::Unknown { kind, body }),
    ];
    let queue = (queue_id(), port_no(), vec(property, 0..4))
        .prop_map(|(queue_id, port, properties)| PacketQueue { queue_id, port, properties });
    (port_no(), vec(queue, 0..4)).prop_map(|(port, queues)| QueueGetConfigReply { port, queues })
}

/// Generates changes of ports.
pub fn port_mod() -> impl Strategy<Value = PortMod> {
    (port_no(), any::<([u8; 6], u32, u32, u32)>()).prop_map(
        |(port_no, (hw_addr, config, mask, advertise))| PortMod { port_no, hw_addr, config, mask, advertise },
    )
}

/// Generates changes of tables.
pub fn table_mod() -> impl Strategy<Value = TableMod> {
    (table_id(), any::<u32>()).prop_map(|(table_id, config)| TableMod { table_id, config })
}

/// Generates asynchronous configurations.
pub fn async_config() -> impl Strategy<Value = AsyncConfig> {
    any::<[[u32; 2]; 3]>().prop_map(|[packet_in_mask, port_status_mask, flow_removed_mask]| AsyncConfig {
        packet_in_mask,
        port_status_mask,
        flow_removed_mask,
    })
}
