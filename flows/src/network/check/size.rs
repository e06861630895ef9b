//! The number of flows that the rules of a file compile to. It is counted before compilation, so
//! that no file exhausts memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use ipnetwork::IpNetwork;

use crate::finding_code::FindingCode;
use crate::network::draft::{Draft, DraftAllow, DraftCrossing, Spanned};
use crate::network::names::rule_party::RuleParty;
use crate::network::names::{NameIndex, NameKind};
use crate::network::text::report::FindingReport;
use crate::network::{Protocol, Stateful};

/// Limits the flows of the rules of one file.
pub(in crate::network) const MAX_FLOWS: usize = 1 << 18;

/// Limits the lists of parties, on one network, for which one flow of a rule is enough. Each party
/// of a further list has a flow of its own.
const LISTS: usize = 128;

/// The flows of a file's rules.
pub(in crate::network) struct FlowCount<'d> {
    draft: &'d Draft,
    /// The number of attachment points of an endpoint, a link or an exit on a network.
    places: HashMap<(&'d str, usize), usize>,
    networks: Vec<Network<'d>>,
    /// The number of an outside's prefixes, and of an endpoint's addresses.
    outsides: HashMap<&'d str, usize>,
    addresses: HashMap<&'d str, usize>,
    left: usize,
    full: bool,
}

#[derive(Default)]
struct Network<'d> {
    members: usize,
    v4: bool,
    v6: bool,
    conntrack: bool,
    /// Addresses that its endpoints share, each counted once per possible holder.
    shared: usize,
    lists: HashSet<Vec<&'d str>>,
}

/// The size of one list of a rule on one network.
#[derive(Default, Clone, Copy)]
struct ListSize {
    /// The parties of the list, each counted once per attachment point.
    places: usize,
    exits: usize,
    /// Prefixes of the outsides.
    outside: usize,
}

impl<'d> FlowCount<'d> {
    pub(in crate::network) fn new(draft: &'d Draft, names: &NameIndex<'d>) -> Self {
        let mut networks: Vec<Network<'d>> = Vec::new();
        for network in &draft.networks {
            let mut of = Network { conntrack: network.stateful == Stateful::Conntrack, ..Network::default() };
            network.subnets.iter().for_each(|subnet| of.speaks(&subnet.value));
            networks.push(of);
        }
        let mut places: HashMap<(&str, usize), usize> = HashMap::new();
        for plug in draft.endpoints.iter().flat_map(|endpoint| &endpoint.attachments) {
            let index = plug.network.as_ref().and_then(|network| names.network(&network.value));
            let network = index.and_then(|(index, _)| networks.get_mut(index));
            network.into_iter().for_each(|network| network.shared += plug.shared.len());
        }
        let mut at = |name: &'d str,
                      network: Option<&Spanned<String>>,
                      member: bool,
                      behind: &[Spanned<IpNetwork>]| {
            let Some((index, _)) = network.and_then(|network| names.network(&network.value)) else { return };
            *places.entry((name, index)).or_default() += 1;
            if let Some(network) = networks.get_mut(index) {
                network.members += usize::from(member);
                behind.iter().for_each(|prefix| network.speaks(&prefix.value));
            }
        };
        for endpoint in &draft.endpoints {
            for plug in &endpoint.attachments {
                at(&endpoint.name.value, plug.network.as_ref(), true, &plug.behind);
            }
        }
        for link in &draft.links {
            link.ends.iter().for_each(|end| at(&link.name.value, end.network.as_ref(), false, &end.behind));
        }
        draft.exits.iter().for_each(|exit| at(&exit.name.value, exit.network.as_ref(), false, &[]));
        let outsides = draft.outsides.iter().map(|o| (&*o.name.value, o.addresses.len().max(1)));
        let addresses = draft.endpoints.iter().map(|endpoint| {
            (&*endpoint.name.value, endpoint.attachments.iter().map(|plug| plug.addresses.len()).sum())
        });
        Self {
            draft,
            places,
            networks,
            outsides: outsides.collect(),
            addresses: addresses.collect(),
            left: MAX_FLOWS,
            full: false,
        }
    }

    /// Counts a rule; reports the first one that exceeds the limit.
    pub(in crate::network) fn fits(
        &mut self,
        label: &str,
        name: &Spanned<String>,
        report: &mut FindingReport,
        count: impl FnOnce(&mut Self) -> usize,
    ) -> bool {
        if self.full {
            return false;
        }
        match self.left.checked_sub(count(self)) {
            Some(left) => self.left = left,
            None => {
                self.full = true;
                let message = format!("the rules up to {label} compile to more than {MAX_FLOWS} flows");
                let help = "use the same lists in several rules, names of networks in place of their endpoints, \
                            wider prefixes, or no ports in place of very many";
                report.error(FindingCode::TooMany, &name.span, message, help);
            }
        }
        !self.full
    }

    /// Returns the number of flows of an allow.
    pub(in crate::network) fn of_allow(
        &mut self,
        allow: &'d DraftAllow,
        from: &[RuleParty<'d, '_>],
        to: &[RuleParty<'d, '_>],
    ) -> usize {
        let (senders, receivers) = (self.sides(from), self.sides(to));
        let ports = allow.ports.len().max(1);
        let kinds = if allow.protocol == Some(Protocol::Any) { 6 } else { 1 };
        let mut count: usize = 1;
        for (index, sender) in &senders {
            let others = match &allow.via {
                None => receivers.get(index).copied(),
                // Every name in `to` is outside, behind the one next hop.
                Some(_) => Some(ListSize {
                    outside: to.iter().map(|(name, _)| self.prefixes(name)).sum(),
                    ..ListSize::default()
                }),
            };
            let Some(receiver) = others else { continue };
            if allow.protocol == Some(Protocol::Dhcp) {
                let pairs = sender.places.saturating_mul(receiver.places);
                count = count.saturating_add(pairs).saturating_add(4 * (sender.places + receiver.places));
                continue;
            }
            let join = sender.places > 0 && receiver.places > 0;
            let a = self.parts(*index, from, *sender, join, false);
            let b = self.parts(*index, to, receiver, join, allow.via.is_none());
            let Some(network) = self.networks.get(*index) else { continue };
            // One flow; with a connection tracker also two for fragments, and three for the return
            // path.
            let each = if network.conntrack { 6 } else { 1 + 2 * network.shared };
            let both = (network.v4 && network.v6) || sender.exits + sender.outside > 0;
            let families = if both { 2 } else { 1 };
            // Further flows: ARP and neighbour discovery in both directions, those for leased
            // addresses, and those of tracked packets.
            let beside = if network.conntrack { 24 } else { 12 };
            let flows = ports * kinds * each * families + beside;
            count = count.saturating_add(a.saturating_mul(b).saturating_mul(flows));
        }
        count
    }

    /// Returns the number of flows of a crossing.
    pub(in crate::network) fn of_crossing(&self, crossing: &DraftCrossing) -> usize {
        let addresses = |names: &[Spanned<String>]| -> usize {
            names.iter().filter_map(|name| self.addresses.get(&*name.value)).sum()
        };
        let pairs = addresses(&crossing.from).saturating_mul(addresses(&crossing.to));
        // On both bridges: the packets, the answers, and ARP.
        pairs.saturating_mul(2 * (crossing.ports.len().max(1) + 2))
    }

    fn prefixes(&self, name: &Spanned<String>) -> usize {
        self.outsides.get(&*name.value).copied().unwrap_or(2)
    }

    fn sides(&self, list: &[RuleParty<'d, '_>]) -> BTreeMap<usize, ListSize> {
        let mut sides: BTreeMap<usize, ListSize> = BTreeMap::new();
        for (name, party) in list {
            for index in &party.networks {
                let side = sides.entry(*index).or_default();
                match party.kind {
                    NameKind::Network => {
                        side.places += self.networks.get(*index).map_or(0, |network| network.members);
                    }
                    NameKind::Outside => side.outside += self.prefixes(name),
                    NameKind::Endpoint | NameKind::Link | NameKind::Exit | NameKind::Overlay => {
                        side.places += self.places.get(&(&*name.value, *index)).copied().unwrap_or(1);
                        side.exits += usize::from(party.kind == NameKind::Exit);
                    }
                }
            }
        }
        sides
    }

    /// Returns the number of parts in which a list is matched. A list with a register bit is one
    /// part, and otherwise each of its attachment points is one.
    fn parts(
        &mut self,
        index: usize,
        names: &[RuleParty<'d, '_>],
        side: ListSize,
        join: bool,
        receiver: bool,
    ) -> usize {
        let beyond = side.outside + if receiver { side.exits } else { 0 };
        let alone =
            |name: &str| self.draft.networks.get(index).is_some_and(|network| network.name.value == name);
        let inner = match names {
            [(name, _)] if alone(&name.value) => 1,
            _ if side.places < 2 => side.places,
            _ if !join || side.outside > 0 => side.places,
            _ => {
                let list: Vec<&'d str> = names.iter().map(|(name, _)| &*name.value).collect();
                let lists = self.networks.get_mut(index).map(|network| &mut network.lists);
                match lists {
                    Some(lists) if lists.contains(&list) => 1,
                    Some(lists) if lists.len() < LISTS => {
                        lists.insert(list);
                        1
                    }
                    _ => side.places,
                }
            }
        };
        inner + beyond
    }
}

impl Network<'_> {
    fn speaks(&mut self, prefix: &IpNetwork) {
        self.v4 |= prefix.is_ipv4();
        self.v6 |= prefix.is_ipv6();
    }
}
