//! Packets that belong to a rule's traffic but have no ports to show it: the later fragments of a
//! datagram, and ICMP errors about answers.
//!
//! A rule lets both pass from its senders to its receivers, whatever ports it names: no flow can
//! see the ports. These flows have a higher priority than the allows, so that nothing is learned
//! from such packets. Those towards the opener are learned
//! ([`returns`](crate::compile::tables::returns)). Only for traffic that any outside address may
//! open do they pass without learning as well.

use flow_model::FlowMatch;
use ofproto::ip_protocol;

use crate::compile::input::overlap::RequestedPackets;
use crate::compile::input::rule_parties::with_bit;
use crate::compile::output::program::{FlowSpec, load};
use crate::compile::tables::joint::JointPass;
use crate::compile::tables::policy::{out_of, towards};
use crate::compile::tables::returns::later;
use crate::compile::tables::rules::{RuleCompiler, RuleSide};
use crate::compile::vocabulary::address::AddressFamily;
use crate::compile::vocabulary::identity::{FlowIdentity, PortlessTraffic};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::{MARKS, OUT_PORT};
use crate::compile::vocabulary::traffic::{PortlessPackets, Traffic};
use crate::network::{Allow, Protocol, Stateful};

impl PortlessPackets {
    /// Returns the packets without ports that belong to a rule's protocol.
    pub(in crate::compile) fn of(protocol: Protocol, family: AddressFamily) -> Vec<Self> {
        let later = match (protocol, family) {
            (Protocol::Dhcp, _) => Vec::new(),
            // Open vSwitch does not parse past the fragment header of IPv6, and reports that as the
            // protocol.
            (Protocol::Any, _) | (_, AddressFamily::V6) => vec![Self::Later(None)],
            _ => Traffic::of(protocol).iter().map(|t| Self::Later(t.ip_proto(family))).collect(),
        };
        let errors = (!later.is_empty()).then_some(Self::Errors);
        later.into_iter().chain(errors).collect()
    }

    /// Returns the priority of the first rule that lets the packets out.
    fn out(self) -> u16 {
        match self {
            Self::Later(_) => layout::PORTLESS_OUT,
            Self::Errors => layout::PORTLESS_OUT_ERRORS,
        }
    }

    pub(in crate::compile) fn matches(self, family: AddressFamily) -> FlowMatch {
        match self {
            Self::Later(proto) => later(family, proto),
            Self::Errors => with_bit(family.matches(), MARKS, layout::ERROR),
        }
    }

    pub(in crate::compile) fn describe(self, family: AddressFamily) -> String {
        let proto = match self {
            Self::Errors => return format!("{} ICMP errors", family.label()),
            Self::Later(None) => "",
            Self::Later(Some(ip_protocol::TCP)) => "tcp ",
            Self::Later(Some(ip_protocol::UDP)) => "udp ",
            Self::Later(Some(ip_protocol::SCTP)) => "sctp ",
            Self::Later(Some(ip_protocol::VRRP)) => "vrrp ",
            Self::Later(Some(_)) => "icmp ",
        };
        format!("{} {proto}later fragments", family.label())
    }
}

impl<'a> RuleCompiler<'_, '_, 'a> {
    /// Compiles the packets without ports between the two sides of a rule.
    pub(in crate::compile) fn portless(
        &mut self,
        allow: &'a Allow,
        (from, to): (&RuleSide<'a>, &RuleSide<'a>),
        family: AddressFamily,
        ends: Option<u16>,
    ) {
        if self.sites.network.stateful != Stateful::Learn {
            return;
        }
        for what in PortlessPackets::of(allow.protocol, family) {
            self.portless_way(false, allow, what, (from, to), family, ends);
            if from.visitor && !to.outside {
                self.portless_way(true, allow, what, (to, from), family, ends);
            }
        }
    }

    fn portless_way(
        &mut self,
        back: bool,
        allow: &'a Allow,
        what: PortlessPackets,
        (from, to): (&RuleSide<'a>, &RuleSide<'a>),
        family: AddressFamily,
        ends: Option<u16>,
    ) {
        // Any outside router may send an error.
        let from_range = from.range.filter(|_| !(from.visitor && what == PortlessPackets::Errors));
        let mut matches = from.parties.sends(self.sites.network, what.matches(family));
        if let Some(range) = from_range {
            matches = out_of(range, matches);
        }
        let described = what.describe(family);
        let detail = format!("{} to {}: {described}", self.listed(from), self.listed(to));
        let network = &self.sites.network.name;
        let asked = |to_next_hop: bool| {
            let traffic = PortlessTraffic {
                rule: &allow.name,
                network,
                from: from.parties.part,
                to: to.parties.part,
                family,
                packets: what,
                to_next_hop,
            };
            let identity = match back {
                false => FlowIdentity::Portless { traffic },
                true => FlowIdentity::PortlessBack { traffic },
            };
            let more = if to_next_hop { ", to the next hop" } else { "" };
            FlowSpec::new(identity, format!("{detail}{more}")).of(&allow.name).until(ends)
        };
        let wanted = |outside| RequestedPackets {
            from_range,
            to_range: to.range,
            outside,
            ..RequestedPackets::between(&from.parties.sites, &to.parties.reached(self.sites), ends.is_none())
        };
        let exit = to.parties.single().filter(|_| to.outside || to.visitor);
        if exit.is_none() || to.visitor && self.has_next_hop(to, family) {
            let mut matches = to.parties.receives(matches.clone());
            if let Some(range) = to.range {
                matches = towards(range, matches);
            }
            if self.portless_level(what, family, wanted(false)).is_some() {
                let (priority, asked) = (layout::PORTLESS_PASS, asked(exit.is_some()));
                self.joint.add(JointPass { priority, matches, actions: Vec::new(), asked });
            }
        }
        if let Some(exit) = exit {
            // The first rule decides by which exit, as for all outside traffic.
            let Some(level) = self.portless_level(what, family, wanted(true)) else { return };
            let mut matches = matches.with(OUT_PORT, layout::OUTSIDE.into());
            if let Some(range) = to.range {
                matches = towards(range, matches);
            }
            let priority = what.out() - level.min(layout::PORTLESS_LEVELS);
            let actions = vec![load(OUT_PORT, exit.into())];
            self.joint.add(JointPass { priority, matches, actions, asked: asked(false) });
        }
    }

    /// Returns the level of a flow among those that lead outside, or `None` if an earlier rule
    /// passes all of its packets.
    fn portless_level(
        &mut self,
        what: PortlessPackets,
        family: AddressFamily,
        wanted: RequestedPackets,
    ) -> Option<u16> {
        let all = match what {
            PortlessPackets::Later(_) => PortlessPackets::Later(None),
            PortlessPackets::Errors => PortlessPackets::Errors,
        };
        let claimed = &mut self.portless_claimed;
        let covered = [all, what].iter().any(|what| claimed.covers(&(*what, family, Claims::Cover), &wanted));
        if covered {
            return None;
        }
        claimed.place((what, family, Claims::Cover), wanted.clone());
        Some(claimed.place((all, family, Claims::Order), wanted))
    }
}

/// The reason to remember a claim: its coverage, or its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::compile) enum Claims {
    /// Claims by protocol, for their coverage.
    Cover,
    /// Claims of all protocols, for their order: two may match one packet.
    Order,
}
