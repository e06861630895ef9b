//! The grants of rules, and the rules that repeat an earlier grant. Lists are compared, not pairs
//! of their members: a rule of a thousand to a thousand is one rectangle.

use std::collections::{HashMap, HashSet};

use crate::finding_code::FindingCode;
use crate::network::Protocol;
use crate::network::draft::{DraftAllow, Spanned};
use crate::network::names::rule_party::RuleParty;
use crate::network::text::report::{FindingReport, quote};

/// Limits the list comparisons for one file. Beyond it, repeated grants are no longer reported.
const MAX_STEPS: usize = 20_000_000;

/// A kind of packets; without a port it covers all ports. Rules with another window or another next
/// hop are separate.
type GrantedPackets<'d> = (Protocol, Option<u16>, Option<&'d str>, Option<&'d str>);

/// The place of a list of names in [`EarlierGrants::lists`].
type GrantList = usize;

/// The grants of earlier rules.
pub(in crate::network) struct EarlierGrants<'d> {
    lists: Vec<HashSet<&'d str>>,
    by_names: HashMap<Vec<&'d str>, GrantList>,
    /// The lists of senders that contain a name.
    senders: HashMap<&'d str, Vec<GrantList>>,
    of_senders: HashSet<GrantList>,
    grants: HashMap<(GrantList, GrantedPackets<'d>), Vec<RuleGrant<'d>>>,
    meet: HashMap<(GrantList, GrantList), bool>,
    steps: usize,
}

/// The grant of a rule to the members of one list of senders.
#[derive(Clone, Copy)]
struct RuleGrant<'d> {
    from: GrantList,
    to: GrantList,
    rule: &'d Spanned<String>,
}

impl<'d> EarlierGrants<'d> {
    pub(in crate::network) fn new() -> Self {
        Self {
            lists: Vec::new(),
            by_names: HashMap::new(),
            senders: HashMap::new(),
            of_senders: HashSet::new(),
            grants: HashMap::new(),
            meet: HashMap::new(),
            steps: MAX_STEPS,
        }
    }

    /// Adds a rule; warns about each earlier rule that grants a part of it.
    pub(in crate::network) fn add(
        &mut self,
        allow: &'d DraftAllow,
        from: &[RuleParty<'d, '_>],
        to: &[RuleParty<'d, '_>],
        report: &mut FindingReport,
    ) {
        let Some(protocol) = allow.protocol.filter(|_| !from.is_empty() && !to.is_empty()) else { return };
        let temp = allow.temp.as_ref().map(|temp| &*temp.value);
        let via = allow.via.as_ref().map(|via| &*via.value);
        let mut ports: Vec<Option<u16>> = allow.ports.iter().map(|port| Some(port.value)).collect();
        if ports.is_empty() {
            ports.push(None);
        }
        ports.sort_unstable();
        ports.dedup();
        let grant = RuleGrant { from: self.list(from, true), to: self.list(to, false), rule: &allow.name };
        let near = self.near(grant.from);
        let mut told = HashSet::new();
        for port in ports {
            let mut found: Vec<RuleGrant<'d>> = Vec::new();
            let mut wider = vec![(Protocol::Any, None), (protocol, None), (protocol, port)];
            wider.dedup();
            for (protocol, port) in wider {
                let temps = if temp.is_some() { &[None, temp][..] } else { &[None][..] };
                for temp in temps {
                    for list in &near {
                        self.earlier(*list, (protocol, port, *temp, via), grant, &mut found);
                    }
                }
            }
            for earlier in &found {
                if !report.is_full() && told.insert(earlier.rule.span.start) {
                    self.say((allow, from, to), (protocol, port), *earlier, report);
                }
            }
            if !found.iter().any(|earlier| self.covers(*earlier, grant, grant)) {
                self.grants.entry((grant.from, (protocol, port, temp, via))).or_default().push(grant);
            }
        }
    }

    fn list(&mut self, names: &[RuleParty<'d, '_>], senders: bool) -> GrantList {
        let mut sorted: Vec<&'d str> = names.iter().map(|(name, _)| &*name.value).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let list = match self.by_names.get(&sorted) {
            Some(list) => *list,
            None => {
                self.lists.push(sorted.iter().copied().collect());
                self.by_names.insert(sorted.clone(), self.lists.len() - 1);
                self.lists.len() - 1
            }
        };
        if senders && self.of_senders.insert(list) {
            sorted.iter().for_each(|name| self.senders.entry(name).or_default().push(list));
        }
        list
    }

    /// Returns the lists of senders that share a name with this one, in the order of the file.
    fn near(&mut self, list: GrantList) -> Vec<GrantList> {
        let names = self.lists.get(list).into_iter().flatten();
        let mut near = Vec::new();
        let mut seen = HashSet::new();
        for lists in names.filter_map(|name| self.senders.get(name)) {
            self.steps = self.steps.saturating_sub(lists.len());
            if self.steps == 0 {
                return Vec::new();
            }
            near.extend(lists.iter().filter(|list| seen.insert(**list)));
        }
        near.sort_unstable();
        near
    }

    /// Returns the earlier grants to senders of a list, without those that another result covers.
    fn earlier(
        &mut self,
        list: GrantList,
        packets: GrantedPackets<'d>,
        grant: RuleGrant<'d>,
        found: &mut Vec<RuleGrant<'d>>,
    ) {
        let Self { lists, grants, meet, steps, .. } = self;
        let mut meets = |a: GrantList, b: GrantList| {
            *meet.entry((a, b)).or_insert_with(|| match (lists.get(a), lists.get(b)) {
                (Some(a), Some(b)) if a.len() > b.len() => !a.is_disjoint(b),
                (Some(a), Some(b)) => !b.is_disjoint(a),
                _ => false,
            })
        };
        let mut new = Vec::new();
        for earlier in grants.get(&(list, packets)).into_iter().flatten() {
            *steps = steps.saturating_sub(1);
            if *steps > 0 && meets(earlier.to, grant.to) {
                new.push(*earlier);
            }
        }
        for earlier in new {
            if !found.iter().any(|other| self.covers(*other, earlier, grant)) {
                found.push(earlier);
            }
        }
    }

    /// Returns whether `outer` grants every part of `within` that `inner` grants.
    fn covers(&self, outer: RuleGrant<'d>, inner: RuleGrant<'d>, within: RuleGrant<'d>) -> bool {
        let side = |outer: GrantList, inner: GrantList, within: GrantList| {
            outer == inner
                || match (self.lists.get(outer), self.lists.get(inner), self.lists.get(within)) {
                    (Some(outer), Some(inner), Some(within)) => {
                        inner.iter().filter(|name| within.contains(*name)).all(|name| outer.contains(name))
                    }
                    _ => false,
                }
        };
        side(outer.from, inner.from, within.from) && side(outer.to, inner.to, within.to)
    }

    fn say(
        &self,
        (allow, from, to): (&DraftAllow, &[RuleParty<'d, '_>], &[RuleParty<'d, '_>]),
        (protocol, port): (Protocol, Option<u16>),
        earlier: RuleGrant<'d>,
        report: &mut FindingReport,
    ) {
        let first = |names: &[RuleParty<'d, '_>], list: GrantList| {
            let list = self.lists.get(list);
            names
                .iter()
                .find(|(name, _)| list.is_some_and(|list| list.contains(&*name.value)))
                .map(|(n, _)| *n)
        };
        let (Some(source), Some(target)) = (first(from, earlier.from), first(to, earlier.to)) else { return };
        let message = format!(
            "{} may already open {} to {} by rule {} (line {})",
            quote(&source.value),
            describe(protocol, port),
            quote(&target.value),
            quote(&earlier.rule.value),
            report.line(&earlier.rule.span),
        );
        let help = "take it out of one of the two: packets are counted by rule";
        report.warning(FindingCode::AlreadyAllowed, &allow.name.span, message, help);
    }
}

fn describe(protocol: Protocol, port: Option<u16>) -> String {
    let word = match protocol {
        Protocol::Any => "anything",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
        Protocol::Icmp => "ICMP echo",
        Protocol::Dhcp => "DHCP",
        Protocol::Vrrp => "VRRP",
    };
    port.map_or_else(|| word.to_owned(), |port| format!("{word} {port}"))
}
