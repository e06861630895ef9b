//! Answers to TCP connections that any outside address may open, without learned flows.
//!
//! A learned flow lets a server answer the source of a SYN. If any outside address may send the
//! SYN, a forged source is enough. Learning then refuses nothing that a stranger could ask for, and
//! fills a table for him. So a flow of policy lets the server send segments that open no connection
//! from the rule's port. They go to the senders that the rule names, by their exit. The flow holds
//! no state: there is no table to fill, and no connection is idle for too long.

use ofproto::oxm::Field;

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoints};
use crate::compile::input::scope::NetworkRule;
use crate::compile::output::program::{FlowSpec, load};
use crate::compile::tables::joint::JointPass;
use crate::compile::tables::policy::towards;
use crate::compile::tables::rules::{RuleCompiler, RuleFlow, RuleSide};
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{FlowIdentity, RuleAnswer, TcpAnswer};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::OUT_PORT;
use crate::compile::vocabulary::traffic::Traffic;
use crate::network::{EnforcementPoint, Outside, Protocol, Returns, Stateful};

/// The outside addresses that rules let open TCP connections: the place of their exit, and the
/// range.
#[derive(Debug, Default)]
pub(in crate::compile) struct Visitors {
    all: Vec<(usize, Option<AddressRange>)>,
}

impl Visitors {
    /// Collects the visitors of a network's rules, open or not: so opening a window changes no flow
    /// of another rule.
    pub(in crate::compile) fn new(rules: &[NetworkRule<'_>], sites: &AttachmentPoints<'_>) -> Self {
        let mut all = Vec::new();
        let mut add = |exit: &String, range| {
            for place in sites.places(std::slice::from_ref(exit)) {
                let exit = sites.at(place).is_some_and(|site| site.kind == AttachmentKind::Exit);
                if exit && !all.contains(&(place, range)) {
                    all.push((place, range));
                }
            }
        };
        let by_tcp = |rule: &&NetworkRule<'_>| {
            rule.allow.place == EnforcementPoint::Switch
                && rule.allow.via.is_none()
                && matches!(rule.allow.protocol, Protocol::Tcp | Protocol::Any)
        };
        for rule in rules.iter().filter(by_tcp) {
            let outside = |name: &String| rule.outsides.iter().find(|outside| outside.name == *name);
            for name in &rule.allow.from {
                match outside(name) {
                    None => add(name, None),
                    Some(Outside { exit, addresses, .. }) if addresses.is_empty() => add(exit, None),
                    Some(Outside { exit, addresses, .. }) => {
                        addresses.iter().for_each(|address| add(exit, Some(AddressRange::from(*address))));
                    }
                }
            }
        }
        Self { all }
    }

    /// Returns whether some visitors come in by another exit too. Then only a learned flow
    /// identifies the exit of the answer.
    fn come_by_another(&self, exits: &[usize], range: Option<AddressRange>) -> bool {
        self.all.iter().any(|(exit, other)| {
            let meets = match (range, *other) {
                (Some(a), Some(b)) => a.contains(b) || b.contains(a),
                _ => true,
            };
            !exits.contains(exit) && meets
        })
    }
}

impl<'a> RuleCompiler<'_, '_, 'a> {
    /// Returns whether the answers to a rule's flow need no learning.
    pub(in crate::compile) fn is_answered(&self, opening: &RuleFlow<'_, 'a>) -> bool {
        let RuleFlow { allow, from, to, traffic, .. } = opening;
        self.sites.network.stateful == Stateful::Learn
            && from.visitor
            && !to.outside
            && *traffic == Traffic::Tcp
            && allow.returns != Some(Returns::Connection)
            && !self.visitors.come_by_another(&from.parties.sites, from.range)
    }

    /// Compiles the flows that let the answers pass.
    pub(in crate::compile) fn answers(&mut self, opening: &RuleFlow<'_, 'a>) {
        let &RuleFlow { allow, from, to, family, traffic, port, ends } = opening;
        let rule_traffic = opening.identity(&self.sites.network.name);
        let Some(exit) = from.parties.single() else { return };
        let opened = traffic.opens(family, None);
        let (opened, priority) = match (traffic.ports(), port) {
            (Some((src, _)), Some(port)) => (opened.with(src, port.into()), layout::ANSWERS),
            _ => (opened, layout::ANSWERS_OF_ANY_PORT),
        };
        let what = traffic.describe(family, port);
        let mut ways = vec![(false, "outside", layout::OUTSIDE, vec![load(OUT_PORT, exit.into())])];
        if self.has_next_hop(from, family) {
            ways.push((true, "next hop", exit, Vec::new()));
        }
        // As in a learned flow: a segment that opens a connection has SYN without ACK (RFC 9293
        // §3.5). A reset from a host that forgot the connection has no ACK either.
        for (segment, kind, value, mask) in
            [(TcpAnswer::Acknowledgement, "answers", 0x10, 0x10), (TcpAnswer::Reset, "resets", 0x04, 0x06)]
        {
            let flagged = opened.clone().with_masked(Field::TcpFlags, value, mask);
            let answers = to.parties.sends(self.sites.network, flagged);
            for (to_next_hop, way, out, actions) in &ways {
                let matches = answers.clone().with(OUT_PORT, (*out).into());
                let matches = from.range.map_or_else(|| matches.clone(), |r| towards(r, matches.clone()));
                let answer = match to_next_hop {
                    false => RuleAnswer::ToOutside { segment },
                    true => RuleAnswer::ToNextHop { segment },
                };
                let identity = FlowIdentity::Answers { traffic: rule_traffic, answer };
                let detail = format!("{} to {}: {what}, {kind}, {way}", self.listed(to), self.listed(from));
                let asked = FlowSpec::new(identity, detail).of(&allow.name).until(ends);
                self.joint.add(JointPass { priority, matches, actions: actions.clone(), asked });
            }
        }
    }

    /// Returns whether a next hop of the exit is among the parties behind it that a rule names.
    pub(in crate::compile) fn has_next_hop(&self, side: &RuleSide<'_>, family: AddressFamily) -> bool {
        let sites = side.parties.sites.iter().filter_map(|place| self.sites.at(*place));
        let mut hops = sites.flat_map(|site| &site.prefixes).filter(|hop| hop.family == family);
        hops.any(|hop| side.range.is_none_or(|range| range.contains(*hop)))
    }
}
