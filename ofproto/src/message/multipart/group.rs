//! OFPMP_GROUP, OFPMP_GROUP_DESC and OFPMP_GROUP_FEATURES (OpenFlow 1.3.5 §7.3.5.9 to §7.3.5.11).

use super::super::{decode_list, encode_list};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::GroupId;
use crate::message::tables::group::{Bucket, GroupType};

/// A group's counters. A counter that the switch does not keep is all ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStats {
    /// The group.
    pub group_id: GroupId,
    /// Number of flows and groups that send packets to it.
    pub ref_count: u32,
    /// Number of packets.
    pub packet_count: u64,
    /// Number of bytes.
    pub byte_count: u64,
    /// The age of the group, in whole seconds.
    pub duration_sec: u32,
    /// The age of the group: the nanoseconds beyond the whole seconds.
    pub duration_nsec: u32,
    /// The counters of each bucket, in order.
    pub buckets: Vec<BucketCounter>,
}

/// A bucket's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketCounter {
    /// Number of packets.
    pub packet_count: u64,
    /// Number of bytes.
    pub byte_count: u64,
}

/// A group's configuration in the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDesc {
    /// The type, which determines the choice of a bucket.
    pub kind: GroupType,
    /// The group.
    pub group_id: GroupId,
    /// The buckets of the group.
    pub buckets: Vec<Bucket>,
}

/// The switch's support for groups. Arrays are by type: all, select, indirect, fast failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupFeatures {
    /// Bits 1 << OFPGT_.
    pub types: u32,
    /// OFPGFC_ bits: 1 select by weight, 2 select by liveness, 4 chaining, 8 loop checks.
    pub capabilities: u32,
    /// Maximum number of groups.
    pub max_groups: [u32; 4],
    /// Bits 1 << OFPAT_ of the actions that buckets may hold.
    pub actions: [u32; 4],
}

impl Wire for GroupStats {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut g = r.sized("group_stats.length")?;
        g.skip(2, "group_stats.pad")?;
        let group_id = GroupId(g.u32("group_stats.group_id")?);
        let ref_count = g.u32("group_stats.ref_count")?;
        g.skip(4, "group_stats.pad2")?;
        Ok(Self {
            group_id,
            ref_count,
            packet_count: g.u64("group_stats.packet_count")?,
            byte_count: g.u64("group_stats.byte_count")?,
            duration_sec: g.u32("group_stats.duration_sec")?,
            duration_nsec: g.u32("group_stats.duration_nsec")?,
            buckets: decode_list(&mut g)?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let length = w.len_slot(start);
        w.zeros(2);
        w.u32(self.group_id.0);
        w.u32(self.ref_count);
        w.zeros(4);
        w.u64(self.packet_count);
        w.u64(self.byte_count);
        w.u32(self.duration_sec);
        w.u32(self.duration_nsec);
        encode_list(&self.buckets, w)?;
        w.close(length, "group_stats")
    }
}

impl Wire for BucketCounter {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            packet_count: r.u64("bucket_counter.packet_count")?,
            byte_count: r.u64("bucket_counter.byte_count")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u64(self.packet_count);
        w.u64(self.byte_count);
        Ok(())
    }
}

impl Wire for GroupDesc {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut g = r.sized("group_desc.length")?;
        let kind = g.u8("group_desc.type")?.into();
        g.skip(1, "group_desc.pad")?;
        let group_id = GroupId(g.u32("group_desc.group_id")?);
        Ok(Self { kind, group_id, buckets: decode_list(&mut g)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let length = w.len_slot(start);
        w.u8(self.kind.into());
        w.zeros(1);
        w.u32(self.group_id.0);
        encode_list(&self.buckets, w)?;
        w.close(length, "group_desc")
    }
}

impl Wire for GroupFeatures {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            types: r.u32("group_features.types")?,
            capabilities: r.u32("group_features.capabilities")?,
            max_groups: words(r, "group_features.max_groups")?,
            actions: words(r, "group_features.actions")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.types);
        w.u32(self.capabilities);
        for word in self.max_groups.into_iter().chain(self.actions) {
            w.u32(word);
        }
        Ok(())
    }
}

/// Reads one word for each group type.
fn words(r: &mut Reader<'_>, field: &'static str) -> Result<[u32; 4], DecodeError> {
    Ok([r.u32(field)?, r.u32(field)?, r.u32(field)?, r.u32(field)?])
}
