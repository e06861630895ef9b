//! Groups: changes, descriptions, counters.
//!
//! These are read field by field, not by the types of `ofproto`: Open vSwitch reports an error in
//! one field before it reads the next.

use ofproto::codec::Reader;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::{GroupDesc, GroupFeatures, GroupStats};
use ofproto::message::{Bucket, GroupMod, GroupModCommand, GroupType};
use ofproto::{GroupId, OvsError, PortNo, Wire as _};

use super::port::check_port;
use super::{MessagePrinter, Printed, actions, put, text};
use crate::syntax::{Names, print_actions};

pub(super) fn group_mod(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let group = read_mod(r)?;
    print_mod(&mut out.text, &group, out.names);
    Ok(())
}

/// Reads a change of groups as strictly as a switch does.
pub(super) fn read_mod(r: &mut Reader<'_>) -> Result<GroupMod, OvsError> {
    let command = r.u16("group_mod.command")?.into();
    let kind = r.u8("group_mod.type")?.into();
    r.skip(1, "group_mod.pad")?;
    let group_id = GroupId(r.u32("group_mod.group_id")?);
    let buckets = buckets(r)?;
    if command == GroupModCommand::Delete && !buckets.is_empty() {
        return Err(OvsError::GroupInvalid);
    }
    match kind {
        GroupType::Unknown(_) => return Err(OvsError::GroupType),
        GroupType::Indirect if command != GroupModCommand::Delete && buckets.len() != 1 => {
            return Err(OvsError::GroupInvalid);
        }
        _ => {}
    }
    match command {
        GroupModCommand::Unknown(REMOVE_BUCKET) if !buckets.is_empty() => {
            return Err(OvsError::GroupBucket);
        }
        GroupModCommand::Unknown(ADD_OR_MODIFY | INSERT_BUCKET | REMOVE_BUCKET) => {}
        GroupModCommand::Unknown(_) => return Err(OvsError::GroupCommand),
        _ => {}
    }
    let weights = kind == GroupType::Select || command == GroupModCommand::Unknown(INSERT_BUCKET);
    buckets.iter().try_for_each(|bucket| check_bucket(bucket, kind, weights))?;
    Ok(GroupMod { command, kind, group_id, buckets })
}

/// Commands of Nicira and of OpenFlow 1.5, which Open vSwitch accepts in 1.3 too.
const ADD_OR_MODIFY: u16 = 0x8000;
const INSERT_BUCKET: u16 = 3;
const REMOVE_BUCKET: u16 = 5;

fn check_bucket(bucket: &Bucket, kind: GroupType, weights: bool) -> Printed {
    let watches = bucket.watch_port != PortNo::ANY || bucket.watch_group != GroupId::ANY;
    if bucket.weight != 0 && !weights {
        return Err(OvsError::GroupInvalid);
    }
    match kind {
        GroupType::All | GroupType::Indirect if watches => Err(OvsError::GroupWatchUnsupported),
        GroupType::FastFailover if !watches => Err(OvsError::GroupInvalid),
        _ => Ok(()),
    }
}

/// Reads buckets until no bytes are left.
fn buckets(r: &mut Reader<'_>) -> Result<Vec<Bucket>, OvsError> {
    const LEN: usize = 16;
    let mut buckets = Vec::new();
    while !r.is_empty() {
        let available = r.remaining();
        let len = usize::from(r.clone().u16("bucket.len").map_err(|_| OvsError::GroupBucket)?);
        if available < LEN || len < LEN || len > available {
            return Err(OvsError::GroupBucket);
        }
        let mut b = r.sub(len, "bucket").map_err(|_| OvsError::GroupBucket)?;
        b.skip(2, "bucket.len")?;
        let weight = b.u16("bucket.weight")?;
        let watch_port = PortNo(b.u32("bucket.watch_port")?);
        let watch_group = GroupId(b.u32("bucket.watch_group")?);
        b.skip(4, "bucket.pad")?;
        let actions = actions::list(&mut b, len - LEN)?;
        check_port(watch_port).map_err(|_| OvsError::GroupWatch)?;
        buckets.push(Bucket { weight, watch_port, watch_group, actions });
    }
    Ok(buckets)
}

/// Prints a change of groups after the name of the message.
pub(super) fn print_mod(out: &mut String, group: &GroupMod, names: &dyn Names) {
    let command = match group.command {
        GroupModCommand::Add => "ADD",
        GroupModCommand::Modify => "MOD",
        GroupModCommand::Delete => "DEL",
        GroupModCommand::Unknown(INSERT_BUCKET) => "INSERT_BUCKET",
        GroupModCommand::Unknown(REMOVE_BUCKET) => "REMOVE_BUCKET",
        GroupModCommand::Unknown(_) => "ADD_OR_MOD",
    };
    // A command on single buckets prints no type.
    let says_kind = !command.ends_with("_BUCKET");
    put!(out, "\n {command} ");
    print_group(out, group.group_id, group.kind, says_kind, &group.buckets, names);
}

pub(super) fn desc_request(out: &mut MessagePrinter<'_>) -> Printed {
    out.text.push_str(" group_id=ALL");
    Ok(())
}

pub(super) fn desc_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const LEN: usize = 8;
    while !r.is_empty() {
        let available = r.remaining();
        let len = usize::from(r.clone().u16("group_desc.length")?);
        if available < LEN || len < LEN || len > available {
            return Err(OvsError::RequestLen);
        }
        let mut g = r.sub(len, "group_desc")?;
        g.skip(2, "group_desc.length")?;
        let kind = g.u8("group_desc.type")?.into();
        g.skip(1, "group_desc.pad")?;
        let group_id = GroupId(g.u32("group_desc.group_id")?);
        let desc = GroupDesc { kind, group_id, buckets: buckets(&mut g)? };
        out.text.push('\n');
        print_group_desc(&mut out.text, &desc, out.names);
    }
    Ok(())
}

/// Prints a group as a line of `ovs-ofctl -O OpenFlow13 dump-groups`, without the line end.
pub fn print_group_desc(out: &mut String, desc: &GroupDesc, names: &dyn Names) {
    out.push(' ');
    print_group(out, desc.group_id, desc.kind, true, &desc.buckets, names);
}

fn print_group(
    out: &mut String,
    id: GroupId,
    kind: GroupType,
    says_kind: bool,
    buckets: &[Bucket],
    names: &dyn Names,
) {
    put!(out, "group_id={}", id.0);
    if says_kind {
        let name = match kind {
            GroupType::All => "all",
            GroupType::Select => "select",
            GroupType::Indirect => "indirect",
            GroupType::FastFailover => "ff",
            GroupType::Unknown(_) => "unknown",
        };
        put!(out, ",type={name}");
    }
    let usual_weight = u16::from(kind == GroupType::Select);
    for bucket in buckets {
        out.push_str(",bucket=");
        if bucket.weight != usual_weight {
            put!(out, "weight:{},", bucket.weight);
        }
        if bucket.watch_port != PortNo::ANY {
            out.push_str("watch_port:");
            text::port(out, bucket.watch_port, names);
            out.push(',');
        }
        if bucket.watch_group != GroupId::ANY {
            put!(out, "watch_group:{},", bucket.watch_group.0);
        }
        let actions = [Instruction::ApplyActions(bucket.actions.clone())];
        put!(out, "actions={}", print_actions(&actions, names));
    }
}

/// Prints a group's number, or the word for all groups.
fn id(out: &mut String, group: GroupId) {
    match group {
        GroupId::ALL => out.push_str("ALL"),
        GroupId::ANY => out.push_str("ANY"),
        GroupId(n) => put!(out, "{n}"),
    }
}

pub(super) fn stats_request(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    out.text.push_str(" group_id=");
    id(&mut out.text, GroupId(r.u32("group_stats_request.group_id")?));
    Ok(())
}

pub(super) fn stats_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    while !r.is_empty() {
        let Ok(stats) = GroupStats::decode(r) else {
            out.text.push_str(" ***parse error***");
            return Err(OvsError::RequestLen);
        };
        out.text.push('\n');
        print_group_stats(&mut out.text, &stats);
    }
    Ok(())
}

/// Prints the counters of a group as a line of `ovs-ofctl -O OpenFlow13 dump-group-stats`, without
/// the line end. Counters of a bucket that the switch does not keep are omitted.
pub fn print_group_stats(out: &mut String, stats: &GroupStats) {
    put!(out, " group_id={},", stats.group_id.0);
    if stats.duration_sec != u32::MAX {
        out.push_str("duration=");
        text::duration(out, stats.duration_sec, stats.duration_nsec);
        out.push(',');
    }
    put!(
        out,
        "ref_count={},packet_count={},byte_count={}",
        stats.ref_count,
        stats.packet_count,
        stats.byte_count
    );
    for (at, bucket) in stats.buckets.iter().enumerate().filter(|(_, b)| b.packet_count != u64::MAX) {
        put!(out, ",bucket{at}:packet_count={},byte_count={}", bucket.packet_count, bucket.byte_count);
    }
}

pub(super) fn features(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const TYPES: [&str; 4] = ["all", "select", "indirect", "fast failover"];
    let features = GroupFeatures::decode(r)?;
    let text = &mut out.text;
    put!(
        text,
        "\n Group table:\n    Types:  {:#x}\n    Capabilities:  {:#x}\n",
        features.types,
        features.capabilities
    );
    let limits = features.max_groups.iter().zip(features.actions);
    for (bit, (name, (max_groups, actions))) in TYPES.iter().zip(limits).enumerate() {
        if features.types >> bit & 1 == 0 {
            continue;
        }
        put!(text, "    {name} group:\n       max_groups={}\n       actions: ", text::c_hex(*max_groups));
        put!(text, "{}\n", actions_of_bitmap(actions));
    }
    Ok(())
}

/// Returns the words of `ovs-ofctl` for OFPAT_ bits, in its order. Types that it does not know have
/// no word.
pub(super) fn actions_of_bitmap(bits: u32) -> String {
    const NAMES: [(u32, &str); 12] = [
        (0, "output"),
        (22, "group"),
        (25, "set_field"),
        (18, "strip_vlan"),
        (17, "push_vlan"),
        (23, "mod_nw_ttl"),
        (24, "dec_ttl"),
        (15, "set_mpls_ttl"),
        (16, "dec_mpls_ttl"),
        (19, "push_mpls"),
        (20, "pop_mpls"),
        (21, "set_queue"),
    ];
    let set = NAMES.iter().filter(|(bit, _)| bits >> bit & 1 != 0);
    let names: Vec<&str> = set.map(|(_, name)| *name).collect();
    if names.is_empty() { "<none>".to_owned() } else { names.join(" ") }
}
