//! The flows that a change revokes: learned flows without a learner that accounts for them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use flows::compile::layout::{ADMISSION, DESTINATION};
use flows::{Flow, FlowKey, FlowMatch};
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::oxm::Field;
use ofproto::{Cookie, TableId, ethertype};

use super::compiled::{Compiled, Orphans};

/// Number of previous programs that are kept.
const REMEMBERED: usize = 8;
/// Number of addresses in a change for which the learned flows are derived. The read finds the
/// flows of all others.
const ADDRESSES: usize = 16;
/// Number of learned flows that are deleted one by one.
const FEW: usize = 16;

/// The recently installed programs, which may have taught the switch more flows since.
#[derive(Debug)]
pub(super) struct Revoked {
    before: Vec<Arc<Compiled>>,
    /// The tables and cookies of removed learners.
    pub(super) orphans: Orphans,
    /// A read that begins after this time shows whether any revoked flow is left.
    pub(super) until: Instant,
    /// The time for revocations by a new file, a window or a port, until such a read is complete.
    /// Repeated foreign changes do not delay the acknowledgement of those.
    pub(super) changed_until: Option<Instant>,
}

impl Revoked {
    /// Adds the flows that a change revoked to those revoked `earlier`. A repair has no
    /// `changed_until`.
    pub(super) fn after(
        earlier: Option<Self>,
        before: Option<Arc<Compiled>>,
        orphans: Orphans,
        until: Instant,
        changed_until: Option<Instant>,
    ) -> Self {
        let (mut all, orphans, last, changed_last) = match earlier {
            Some(earlier) => {
                (earlier.before, &earlier.orphans | &orphans, earlier.until, earlier.changed_until)
            }
            None => (Vec::new(), orphans, until, None),
        };
        all.extend(before);
        let many = all.len().saturating_sub(REMEMBERED);
        all.drain(..many);
        Self { before: all, orphans, until: until.max(last), changed_until: changed_until.max(changed_last) }
    }

    /// Returns whether a previous program may have taught the switch a flow.
    pub(super) fn left_behind(&self, flow: &Flow) -> bool {
        self.orphans.contains(&(flow.table, flow.cookie))
            || self.before.iter().any(|before| before.learned(flow))
    }
}

/// Deletes all flows with those cookies, except cookies that a desired flow has too: those do not
/// tell the flows apart.
pub(super) fn by_cookie(orphans: &Orphans, desired: &Compiled) -> Vec<FlowMod> {
    if orphans.is_empty() {
        return Vec::new();
    }
    let fixed = fixed(desired);
    orphans.difference(&fixed).map(|(table, cookie)| delete(*table, *cookie, &FlowMatch::any())).collect()
}

fn fixed(desired: &Compiled) -> Orphans {
    desired.program.flows().map(|flow| (flow.table, flow.cookie)).collect()
}

/// Deletes the flows of endpoints whose admission or destination flow is deleted or changed. It
/// covers the flows of learners that the endpoints' packets do not reach any more, and needs no
/// read of the switch.
pub(super) fn by_address(before: &Compiled, desired: &Compiled, gone: &[Flow]) -> Vec<FlowMod> {
    // The answers to packets with a value in one field have it in the other one.
    let ends = [(Field::Ipv4Src, Field::Ipv4Dst), (Field::Ipv6Src, Field::Ipv6Dst)];
    let mut said: BTreeSet<(Field, Field, u128)> = BTreeSet::new();
    for flow in gone {
        for (src, dst) in ends {
            let (said_by, answered_by) = match flow.table {
                ADMISSION => (src, dst),
                DESTINATION => (dst, src),
                _ => continue,
            };
            said.extend(flow.matches.exact(said_by).map(|value| (said_by, answered_by, value)));
        }
    }
    if said.is_empty() || said.len() > ADDRESSES {
        return Vec::new();
    }
    let fixed = fixed(desired);
    let mut mods = Vec::new();
    for (said_by, answered_by, value) in said {
        let lost = desired.judge().lost(before.judge(), said_by, value);
        let of = |(table, cookie): &(TableId, Cookie)| delete(*table, *cookie, &address(answered_by, value));
        mods.extend(lost.difference(&fixed).map(of));
    }
    mods
}

fn address(field: Field, value: u128) -> FlowMatch {
    let v4 = matches!(field, Field::Ipv4Src | Field::Ipv4Dst);
    let eth_type = if v4 { ethertype::IPV4 } else { ethertype::IPV6 };
    FlowMatch::any().with(Field::EthType, eth_type.into()).with(field, value)
}

fn delete(table: TableId, cookie: Cookie, matches: &FlowMatch) -> FlowMod {
    FlowMod {
        table_id: table,
        cookie,
        cookie_mask: u64::MAX,
        command: FlowModCommand::Delete,
        fields: matches.to_wire(),
        ..FlowMod::default()
    }
}

fn is_strict(m: &FlowMod) -> bool {
    m.command == FlowModCommand::DeleteStrict
}

/// The learned flows of one table and cookie that share an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Group {
    table: TableId,
    cookie: Cookie,
    field: Field,
    address: u128,
}

impl Group {
    /// Returns the groups that a flow belongs to.
    pub(super) fn of(flow: &Flow) -> impl Iterator<Item = Self> {
        let fields = [Field::Ipv4Dst, Field::Ipv6Dst, Field::Ipv4Src, Field::Ipv6Src];
        let group = |field| {
            let address = flow.matches.exact(field)?;
            Some(Self { table: flow.table, cookie: flow.cookie, field, address })
        };
        fields.into_iter().filter_map(group)
    }
}

/// Deletes a group of learned flows by one message if none of the group stays. That is shorter, and
/// includes flows learned meanwhile. The changes delete the flows `gone`; `stays` tells whether a
/// flow of a group stays.
pub(super) fn together(
    mods: &mut Vec<FlowMod>,
    gone: &[Flow],
    stays: impl Fn(&Group) -> bool,
    desired: &Compiled,
) {
    if gone.len() <= FEW {
        return;
    }
    let fixed = fixed(desired);
    let tables = desired.judge().tables();
    let learned = |flow: &&Flow| tables.contains(&flow.table) && !fixed.contains(&(flow.table, flow.cookie));
    let mut taken: BTreeSet<Group> = BTreeSet::new();
    let mut done: HashSet<FlowKey<'_>> = HashSet::new();
    for flow in gone.iter().filter(learned) {
        if let Some(whole) = Group::of(flow).find(|group| !stays(group)) {
            taken.insert(whole);
            done.insert(flow.key());
        }
    }
    if done.is_empty() {
        return;
    }
    mods.retain(|m| {
        let matches = FlowMatch::from_wire(&m.fields);
        !is_strict(m) || !done.contains(&(m.table_id, m.priority, &matches))
    });
    let whole =
        |Group { table, cookie, field, address: value }| delete(table, cookie, &address(field, value));
    mods.extend(taken.into_iter().map(whole));
}
