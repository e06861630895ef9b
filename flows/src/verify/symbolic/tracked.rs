//! The connection tracker: packets of any state, as far as a connection of theirs can exist.

use std::collections::BTreeSet;

use bdd::{Bdd, Diagrams, Replacement, Variable};
use ofproto::oxm::Field;
use ofproto::{ethertype, ip_protocol};

use super::layout;
use super::space;
use super::state::{Predecessor, StateId};
use super::variables;

// ovs-fields(7), "ct_state".
const NEW: u128 = 0x01;
const ESTABLISHED: u128 = 0x02;
const RELATED: u128 = 0x04;
const REPLY: u128 = 0x08;
const INVALID: u128 = 0x10;
const TRACKED: u128 = 0x20;

/// The connections that a bridge may have committed.
#[derive(Debug)]
pub(super) struct Tracker {
    /// Addresses and ports as in the first packet, with zone, mark and label.
    pub(super) connections: Bdd,
    pub(super) predecessors: Vec<Predecessor>,
    /// The states that looked connections up.
    pub(super) users: BTreeSet<StateId>,
    changed: bool,
}

impl Default for Tracker {
    fn default() -> Self {
        let (predecessors, users) = (Vec::new(), BTreeSet::new());
        Self { connections: Bdd::FALSE, predecessors, users, changed: false }
    }
}

impl Tracker {
    /// Adds connections.
    pub(super) fn commit(&mut self, diagrams: &mut Diagrams, set: Bdd, from: Predecessor) {
        let connections = diagrams.or(self.connections, set);
        if !self.predecessors.contains(&from) {
            self.predecessors.push(from);
        }
        self.changed |= connections != self.connections;
        self.connections = connections;
    }

    /// Returns the states that have to look connections up again, because there are more.
    pub(super) fn outdated(&mut self) -> BTreeSet<StateId> {
        if std::mem::take(&mut self.changed) { self.users.clone() } else { BTreeSet::new() }
    }
}

/// Returns what the tracker remembers of a packet.
pub(super) fn kept() -> impl Iterator<Item = Variable> {
    let fields = [Field::CtZone, Field::CtMark, Field::CtLabel].into_iter().flat_map(layout::whole);
    fields.chain(variables::connection())
}

/// The variables of the tracker's fields.
pub(super) fn fields() -> impl Iterator<Item = Variable> {
    [Field::CtState, Field::CtZone, Field::CtMark, Field::CtLabel].into_iter().flat_map(layout::whole)
}

/// Returns the packets that the tracker may give each state, with zone, mark and label.
pub(super) fn states(diagrams: &mut Diagrams, connections: Bdd) -> Vec<(u128, Bdd)> {
    let unmarked = [Field::CtMark, Field::CtLabel].into_iter().flat_map(layout::whole);
    let unmarked = diagrams.cube(unmarked.map(|variable| (variable, false)));
    let back = reversed(diagrams, connections);
    let (about_first, about_reply) = related(diagrams, connections);
    vec![
        (TRACKED | NEW, unmarked),
        (TRACKED | INVALID, unmarked),
        (TRACKED | ESTABLISHED, connections),
        (TRACKED | ESTABLISHED | REPLY, back),
        (TRACKED | RELATED | REPLY, about_first),
        (TRACKED | RELATED, about_reply),
    ]
}

/// Returns connections as their answers look: addresses and ports exchanged. The types of ICMP have
/// an answer of their own, so they may be any.
fn reversed(diagrams: &mut Diagrams, connections: Bdd) -> Bdd {
    let swap = |a: Field, b: Field| -> Vec<(Variable, Replacement)> {
        let pairs: Vec<(Variable, Variable)> = layout::whole(a).zip(layout::whole(b)).collect();
        let there = pairs.iter().map(|(a, b)| (*a, Replacement::Variable(*b)));
        let back = pairs.iter().map(|(a, b)| (*b, Replacement::Variable(*a)));
        there.chain(back).collect()
    };
    let pairs = [swap(Field::Ipv6Src, Field::Ipv6Dst), swap(Field::TcpSrc, Field::TcpDst)].concat();
    let substitution = diagrams.substitution(pairs);
    let swapped = diagrams.replace(connections, substitution);
    let icmp = icmp(diagrams);
    let ports = diagrams.set([Field::TcpSrc, Field::TcpDst].into_iter().flat_map(layout::whole));
    let any_type = diagrams.and(swapped, icmp);
    let any_type = diagrams.exists(any_type, ports);
    let others = diagrams.difference(swapped, icmp);
    diagrams.or(any_type, others)
}

/// Returns ICMP errors about packets of connections: those about the first direction, which go to
/// the opener, and those about answers, which go to the other party. Anybody may send them.
fn related(diagrams: &mut Diagrams, connections: Bdd) -> (Bdd, Bdd) {
    let forgotten = [Field::IpProto, Field::IpFrag, Field::TcpSrc, Field::TcpDst];
    let about = |diagrams: &mut Diagrams, other: Field| {
        let variables = forgotten.into_iter().chain([other]).flat_map(layout::whole);
        let variables = diagrams.set(variables.collect::<Vec<_>>());
        diagrams.exists(connections, variables)
    };
    let icmp = icmp(diagrams);
    let to_opener = about(diagrams, Field::Ipv6Dst);
    let renamed = layout::whole(Field::Ipv6Src).zip(layout::whole(Field::Ipv6Dst));
    let renamed = renamed.map(|(src, dst)| (src, Replacement::Variable(dst)));
    let substitution = diagrams.substitution(renamed.collect::<Vec<_>>());
    let to_opener = diagrams.replace(to_opener, substitution);
    let to_other = about(diagrams, Field::Ipv6Src);
    (diagrams.and(to_opener, icmp), diagrams.and(to_other, icmp))
}

fn icmp(diagrams: &mut Diagrams) -> Bdd {
    let family = |diagrams: &mut Diagrams, of: u16, protocol: u8| {
        let family = space::exactly(diagrams, Field::EthType, of.into());
        let protocol = space::exactly(diagrams, Field::IpProto, protocol.into());
        diagrams.and(family, protocol)
    };
    let v4 = family(diagrams, ethertype::IPV4, ip_protocol::ICMP);
    let v6 = family(diagrams, ethertype::IPV6, ip_protocol::ICMPV6);
    diagrams.or(v4, v6)
}
