//! Answers to what anybody outside may open by TCP, without anything learned.
//!
//! A learned flow lets a server answer to whom a SYN came from. Where the SYN may come from anybody outside, a forged one
//! from anywhere is enough: learning adds nothing that a stranger could not ask for, and fills a table for him. So a flow
//! of policy lets the server send from the rule's port what opens no connection, to those whom the rule names as senders
//! and by their exit. It holds no state: there is nothing to fill, and no connection is idle for too long.

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

/// Those outside whom rules let open TCP connections: the place of their exit, and their addresses.
#[derive(Debug, Default)]
pub(in crate::compile) struct Visitors {
    all: Vec<(usize, Option<AddressRange>)>,
}

impl Visitors {
    /// Those of a network's rules, open or not: so opening a window changes no flow of another rule.
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

    /// Whether some of them come in by another exit too. Then only what was learned tells by which to answer.
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
    /// Whether the answers to what a rule's flow lets through need no learning.
    pub(in crate::compile) fn is_answered(&self, opening: &RuleFlow<'_, 'a>) -> bool {
        let RuleFlow { allow, from, to, traffic, .. } = opening;
        self.sites.network.stateful == Stateful::Learn
            && from.visitor
            && !to.outside
            && *traffic == Traffic::Tcp
            && allow.returns != Some(Returns::Connection)
            && !self.visitors.come_by_another(&from.parties.sites, from.range)
    }

    /// The flows that let them pass.
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
        // As a learned flow has it: whatever opens a connection has SYN without ACK (RFC 9293 §3.5), and a reset from one
        // who forgot the connection has no ACK either.
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

    /// Whether a next hop of the exit is one of those behind it whom a rule names.
    pub(in crate::compile) fn has_next_hop(&self, side: &RuleSide<'_>, family: AddressFamily) -> bool {
        let sites = side.parties.sites.iter().filter_map(|place| self.sites.at(*place));
        let mut hops = sites.flat_map(|site| &site.prefixes).filter(|hop| hop.family == family);
        hops.any(|hop| side.range.is_none_or(|range| range.contains(*hop)))
    }
}
