//! Computes the changes that bring a switch to the desired flows.

use std::collections::{HashMap, HashSet};

use flow_model::{Flow, FlowKey};
use ofproto::instruction::Instruction;
use ofproto::message::{FLOW_NO_BYT_COUNTS, FLOW_NO_PKT_COUNTS, FLOW_SEND_FLOW_REM, FlowMod, FlowModCommand};
use ofproto::{Cookie, TableId};

/// The flags that a switch keeps with a flow; the others only affect its addition.
const KEPT_FLAGS: u16 = FLOW_SEND_FLOW_REM | FLOW_NO_PKT_COUNTS | FLOW_NO_BYT_COUNTS;

/// Returns the changes that lead from `actual` to `desired`. An unchanged flow is not touched, and
/// neither is one for which `keep` answers (learned flows).
///
/// The order is safe even on a switch that applies the changes one by one. New drops are added
/// first. Then unwanted flows are deleted, except drops. Then the other flows are added, those of
/// later tables first. Old drops are deleted last. A learner is deleted late if another learner has
/// its cookie from now on: only after that one is added. Open vSwitch deletes learned flows with
/// the last learner of their cookie (ovs-actions(7), `delete_learned`). Flows that other parties
/// taught must stay when one party leaves a rule.
pub fn diff<'d, 'a>(
    desired: impl IntoIterator<Item = &'d Flow>,
    actual: impl IntoIterator<Item = &'a Flow>,
    keep: impl Fn(&Flow) -> bool,
) -> Vec<FlowMod> {
    let (desired, actual) = differing(desired.into_iter().collect(), actual.into_iter().collect());
    let have: HashMap<FlowKey<'_>, &Flow> = actual.iter().map(|f| (f.key(), *f)).collect();
    let want: HashMap<FlowKey<'_>, &Flow> = desired.iter().map(|f| (f.key(), *f)).collect();

    let added = desired.iter().copied().filter(|flow| {
        // Of two desired flows with one key the last counts, as on the switch.
        want.get(&flow.key()).is_some_and(|f| std::ptr::eq(*f, *flow))
            && have.get(&flow.key()).is_none_or(|have| !same(have, flow))
    });
    let goes = actual.iter().copied().filter(|flow| !want.contains_key(&flow.key()) && !keep(flow));
    let goes: Vec<_> = goes.map(|flow| (flow, learned(flow))).collect();
    changes(added, goes.iter().map(|(flow, learns)| Deleted { flow, drops: flow.drops(), learns }))
}

/// A flow to delete.
#[derive(Debug, Clone, Copy)]
pub struct Deleted<'a> {
    /// Its table, priority and match.
    pub flow: &'a Flow,
    /// True if the flow drops.
    pub drops: bool,
    /// The table and cookie of the flows that it teaches.
    pub learns: &'a [(TableId, Cookie)],
}

/// Returns the changes that add flows, in place of those with the same keys, and delete others, in
/// the order of [`diff`].
pub fn changes<'d, 'a>(
    added: impl IntoIterator<Item = &'d Flow>,
    deleted: impl IntoIterator<Item = Deleted<'a>>,
) -> Vec<FlowMod> {
    let mut changes: Vec<(DiffStep, &Flow, FlowModCommand)> = Vec::new();
    for flow in added {
        changes.push((
            if flow.drops() { DiffStep::AddDrop } else { DiffStep::Add },
            flow,
            FlowModCommand::Add,
        ));
    }
    let comes: HashSet<_> = changes.iter().flat_map(|(_, flow, _)| learned(flow)).collect();
    for Deleted { flow, drops, learns } in deleted {
        let step = match drops {
            true => DiffStep::DeleteDrop,
            false if learns.iter().any(|cookie| comes.contains(cookie)) => DiffStep::DeleteLearner,
            false => DiffStep::Delete,
        };
        changes.push((step, flow, FlowModCommand::DeleteStrict));
    }
    changes.sort_by_key(|(step, flow, _)| (*step, std::cmp::Reverse(flow.table)));
    changes.into_iter().map(|(_, flow, command)| flow.to_flow_mod(command)).collect()
}

/// Returns the table and cookie of the flows that a flow teaches.
fn learned(flow: &Flow) -> Vec<(TableId, Cookie)> {
    flow.learns().map(|learn| (learn.table, learn.cookie)).collect()
}

/// The number of flows up to which they are searched one by one.
const FEW: usize = 64;

/// Returns the flows that differ between the two lists. Compiled flows have a cookie each, by which
/// they are paired. That costs a tenth of a lookup by match, and usually no flow is left.
fn differing<'d, 'a>(desired: Vec<&'d Flow>, actual: Vec<&'a Flow>) -> (Vec<&'d Flow>, Vec<&'a Flow>) {
    let places: HashMap<u64, usize> = actual.iter().enumerate().map(|(n, f)| (f.cookie.0, n)).collect();
    let mut settled = vec![false; actual.len()];
    let mut cookies: HashSet<u64> = HashSet::with_capacity(desired.len());
    let mut left = Vec::new();
    for &flow in &desired {
        // Several flows with one cookie are raw lines, and may share a key as well.
        if !cookies.insert(flow.cookie.0) {
            return (desired, actual);
        }
        match places.get(&flow.cookie.0).and_then(|&n| Some((settled.get_mut(n)?, actual.get(n)?))) {
            Some((settled, there)) if same(there, flow) => *settled = true,
            _ => left.push(flow),
        }
    }
    // Many differences justify whole tables. If a flow shares its key with a paired one, the order
    // decides.
    let shared = |flow: &Flow| left.iter().any(|l| l.key() == flow.key() && !std::ptr::eq(*l, flow));
    if left.len() > FEW || (!left.is_empty() && desired.iter().copied().any(shared)) {
        return (desired, actual);
    }
    let rest = actual.into_iter().zip(settled).filter(|(_, settled)| !settled);
    (left, rest.map(|(flow, _)| flow).collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DiffStep {
    AddDrop,
    Delete,
    Add,
    DeleteLearner,
    DeleteDrop,
}

/// Returns whether an installed flow equals a desired one, without its counters.
pub fn same(actual: &Flow, desired: &Flow) -> bool {
    actual.key() == desired.key()
        && actual.cookie == desired.cookie
        && actual.idle_timeout == desired.idle_timeout
        && actual.hard_timeout == desired.hard_timeout
        && actual.importance == desired.importance
        && actual.flags & KEPT_FLAGS == desired.flags & KEPT_FLAGS
        && effective(&actual.instructions).eq(effective(&desired.instructions))
}

/// Returns the instructions without those that do nothing.
fn effective(instructions: &[Instruction]) -> impl Iterator<Item = &Instruction> {
    instructions.iter().filter(|i| !matches!(i, Instruction::ApplyActions(a) if a.is_empty()))
}

#[cfg(test)]
mod tests {
    use flow_model::FlowMatch;
    use ofproto::oxm::Field;
    use ofproto::{Cookie, PortNo, TableId};

    use super::*;

    fn flow(table: u8, priority: u16, port: u32) -> Flow {
        let matches = FlowMatch::any().with(Field::InPortOxm, port.into());
        Flow::new(TableId(table), priority, matches)
    }

    fn passing(table: u8, priority: u16, port: u32) -> Flow {
        let mut flow = flow(table, priority, port);
        let output = ofproto::action::Action::Output { port: PortNo(9), max_len: 0 };
        flow.instructions = vec![Instruction::ApplyActions(vec![output])];
        flow
    }

    #[test]
    fn what_is_as_desired_is_left_alone() {
        let flows = [flow(0, 1, 1), passing(2, 7, 2)];
        assert_eq!(diff(&flows, &flows, |_| false), vec![]);
    }

    #[test]
    fn an_empty_apply_is_no_difference() {
        let mut written = flow(0, 1, 1);
        written.instructions = vec![Instruction::ApplyActions(vec![])];
        assert_eq!(diff(&[flow(0, 1, 1)], &[written], |_| false), vec![]);
    }

    #[test]
    fn a_changed_flow_is_added_over_the_old_one() {
        let mut new = passing(0, 1, 1);
        new.cookie = Cookie(5);
        let mods = diff(&[new], &[passing(0, 1, 1)], |_| false);
        assert_eq!(mods.len(), 1);
        assert_eq!((mods[0].command, mods[0].cookie), (FlowModCommand::Add, Cookie(5)));
    }

    #[test]
    fn a_learner_goes_after_the_one_that_has_its_cookie_now() {
        let learner = |port, cookie: &str| {
            let line = format!(
                "table=2,in_port={port},actions=learn(table=1,cookie={cookie},delete_learned,eth_type=0x800),output:9"
            );
            ofctl::syntax::parse_flow(&line, &ofctl::syntax::NoNames).unwrap()
        };
        let commands = |mods: Vec<FlowMod>| mods.into_iter().map(|m| m.command).collect::<Vec<_>>();
        let mods = diff(&[learner(1, "7")], &[learner(2, "7")], |_| false);
        assert_eq!(commands(mods), [FlowModCommand::Add, FlowModCommand::DeleteStrict]);
        let mods = diff(&[learner(1, "7")], &[learner(2, "8")], |_| false);
        assert_eq!(commands(mods), [FlowModCommand::DeleteStrict, FlowModCommand::Add]);
    }

    #[test]
    fn of_two_with_one_key_the_last_counts_whatever_is_there() {
        let of = |cookie| Flow { cookie: Cookie(cookie), ..passing(0, 1, 1) };
        let (first, last) = (of(1), of(2));
        let desired = [first.clone(), last.clone()];
        assert_eq!(diff(&desired, std::slice::from_ref(&last), |_| false), vec![]);
        let mods = diff(&desired, std::slice::from_ref(&first), |_| false);
        assert_eq!(
            mods.iter().map(|m| (m.command, m.cookie)).collect::<Vec<_>>(),
            [(FlowModCommand::Add, Cookie(2))]
        );
    }

    #[test]
    fn a_few_changes_among_many_are_those_alone() {
        let many: Vec<Flow> =
            (0..500).map(|n| Flow { cookie: Cookie(n.into()), ..passing(2, 7, n) }).collect();
        for changed in [1, 100] {
            let mut desired = many.clone();
            desired.iter_mut().take(changed).for_each(|f| f.hard_timeout = 9);
            desired.pop();
            let mods = diff(&desired, &many, |_| false);
            let deleted = mods.iter().filter(|m| m.command == FlowModCommand::DeleteStrict).count();
            assert_eq!((mods.len(), deleted), (changed + 1, 1));
        }
    }

    #[test]
    fn a_foreign_flow_goes_unless_it_is_kept() {
        let learned = passing(1, 110, 3);
        assert_eq!(diff(&[], std::slice::from_ref(&learned), |f| f.table == TableId(1)), vec![]);
        let mods = diff(&[], &[learned], |_| false);
        assert_eq!(mods.len(), 1);
        assert_eq!(mods[0].command, FlowModCommand::DeleteStrict);
    }

    #[test]
    fn denies_come_before_and_go_after() {
        let desired = [passing(0, 5, 1), passing(3, 5, 1), flow(2, 9, 1)];
        let actual = [flow(2, 8, 1), passing(2, 7, 1)];
        let order: Vec<_> = diff(&desired, &actual, |_| false)
            .iter()
            .map(|m| (m.command, m.table_id.0, m.priority))
            .collect();
        use FlowModCommand::{Add, DeleteStrict};
        assert_eq!(
            order,
            [(Add, 2, 9), (DeleteStrict, 2, 7), (Add, 3, 5), (Add, 0, 5), (DeleteStrict, 2, 8)]
        );
    }
}
