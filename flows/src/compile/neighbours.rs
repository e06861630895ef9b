//! Whom a rule joins to whom: a packet that goes to nobody in particular, such as a gratuitous ARP, reaches all whom a
//! rule joins to its sender, and nobody else.
//!
//! Senders with the same neighbours share one list of ports in the table of outputs, so that flows grow with parties and
//! lists, not with pairs.

use std::collections::{BTreeMap, HashMap, HashSet};

use ofproto::action::Action;
use ofproto::instruction::Instruction;

use super::address::{self, Family, ND_SOLICIT};
use super::admission::at;
use super::cookie::cookie;
use super::layout::{self, FORWARDING, OUT_PORT, POLICY};
use super::origin::OriginKind;
use super::policy::forward;
use super::program::{Asked, Builder, load, resubmit};
use super::site::{Site, SiteKind, Sites};
use super::wire::emit;
use crate::model::FlowMatch;
use crate::network::Inside;

/// Ports that one flow outputs to; a longer list goes on in another flow. (A flow's message has 65,535 bytes.)
const OUTPUTS: usize = 1_000;

/// Places in [`Sites::all`], as bits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Places(Vec<u64>);

impl Places {
    fn of(places: impl IntoIterator<Item = usize>) -> Self {
        let mut this = Self::default();
        for place in places {
            let word = place / 64;
            if this.0.len() <= word {
                this.0.resize(word + 1, 0);
            }
            this.0.get_mut(word).into_iter().for_each(|bits| *bits |= 1 << (place % 64));
        }
        this
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(bits, more)| *bits |= more);
    }

    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * 64).filter(|place| self.has(*place))
    }
}

/// Whom the rules of a network join to each of its sites.
pub(super) struct Neighbours {
    /// By place: those whom a rule joins to it that no clock ends.
    lasting: Vec<Places>,
    /// Those whom any rule does, and when the first of these rules ends.
    passing: Vec<(Places, Option<u16>)>,
}

impl Neighbours {
    pub(super) fn new(sites: &Sites<'_>) -> Self {
        let members = match sites.network.inside {
            Inside::Allow => Places::of(sites.members().map(|(place, _)| place)),
            Inside::Deny => Places::default(),
        };
        let inside = |place| if members.has(place) { members.clone() } else { Places::default() };
        let lasting: Vec<Places> = (0..sites.all.len()).map(inside).collect();
        let passing = vec![(Places::default(), None); lasting.len()];
        Self { lasting, passing }
    }

    /// Joins each of some to each of others, until the rule ends.
    pub(super) fn join(&mut self, some: &[usize], others: &[usize], ends: Option<u16>) {
        for (here, there) in [(some, others), (others, some)] {
            let joined = Places::of(there.iter().copied());
            for &place in here {
                match ends {
                    None => self.lasting.get_mut(place).into_iter().for_each(|places| places.add(&joined)),
                    Some(ends) => {
                        let Some((places, first)) = self.passing.get_mut(place) else { continue };
                        places.add(&joined);
                        *first = Some(first.map_or(ends, |first| first.min(ends)));
                    }
                }
            }
        }
    }

    /// The flows: in policy for each sender, in the table of outputs for each list.
    pub(super) fn finish(self, out: &mut Builder<'_>, sites: &Sites<'_>) {
        let mut lists = Lists { sites, values: HashMap::new(), taken: HashSet::new() };
        for family in Family::BOTH {
            let senders = sites.all.iter().enumerate().filter(|(_, site)| sites.resolves(site, family));
            for (place, site) in senders {
                let Some(lasting) = self.lasting.get(place) else { continue };
                self.send(out, &mut lists, Sender { place, site, family }, lasting, None);
                if let Some((more, Some(ends))) = self.passing.get(place) {
                    let mut all = lasting.clone();
                    all.add(more);
                    self.send(out, &mut lists, Sender { place, site, family }, &all, Some(*ends));
                }
            }
        }
        lists.finish(out);
    }

    fn send(
        &self,
        out: &mut Builder<'_>,
        lists: &mut Lists<'_, '_>,
        Sender { place, site, family }: Sender<'_>,
        to: &Places,
        ends: Option<u16>,
    ) {
        let sites = lists.sites;
        let Some(port) = site.port else { return };
        let Some(own) = layout::port_value(port) else { return };
        let hears = |place: &usize| sites.at(*place).is_some_and(|site| sites.resolves(site, family));
        let router = |place: &usize| sites.at(*place).is_some_and(|site| site.router);
        // Nothing goes out where it came in, so a list may have its sender in it: so all who are joined to all share one.
        let all: Vec<usize> = to.iter().filter(hears).collect();
        let free = sites.network.inside == Inside::Allow && site.kind == SiteKind::Endpoint;
        let routers: Vec<usize> = all.iter().copied().filter(|place| free || router(place)).collect();
        let six = family == Family::V6;
        let by_link = six && site.link_local.is_some();
        let addressed = by_link || site.resolves.iter().any(|range| range.family == family);
        let leased = site.leases.iter().any(|range| range.family == family);
        let asks = match family {
            Family::V4 => address::arp(),
            Family::V6 => address::nd(ND_SOLICIT),
        };
        for (wanted, matches, to_port, list, what) in [
            (addressed, asks.clone(), own, &all, "of itself"),
            (leased, asks, layout::LEASED, &all, "for leased addresses"),
            (six, family.matches(), layout::NEIGHBOURS, &all, "to its neighbours"),
            (six, family.matches(), layout::ROUTERS, &routers, "to its routers"),
        ] {
            if !wanted || list.iter().all(|other| *other == place) {
                continue;
            }
            let Some(value) = lists.value(list) else { continue };
            let matches = at(port, matches).with(layout::NETWORK, sites.network.number.into());
            let matches = matches.with(OUT_PORT, to_port.into());
            let while_open = if ends.is_some() { ", while a window is open" } else { "" };
            let detail = format!(
                "{} at {}: {} {what}{while_open}",
                site.party,
                site.port_name,
                if six { "ND" } else { "ARP" }
            );
            let key = format!("{}: {detail}", sites.network.name);
            let kind = OriginKind::Resolution;
            let asked = Asked { key: Some(key), ends, ..Asked::new(kind, kind.label(), detail) };
            let priority = layout::JOINED + u16::from(ends.is_some());
            out.flow(POLICY, priority, matches, forward(vec![load(OUT_PORT, value.into())]), asked);
        }
    }
}

/// Somebody, as one of a family.
struct Sender<'s> {
    place: usize,
    site: &'s Site<'s>,
    family: Family,
}

/// The lists of a network, each once.
struct Lists<'l, 'a> {
    sites: &'l Sites<'a>,
    values: HashMap<Vec<usize>, u32>,
    taken: HashSet<u16>,
}

impl Lists<'_, '_> {
    /// What stands for a list in [`OUT_PORT`]; none for one that is empty. It comes from the names, so that it stays
    /// while other lists come and go.
    fn value(&mut self, list: &[usize]) -> Option<u32> {
        if list.is_empty() {
            return None;
        }
        if let Some(value) = self.values.get(list) {
            return Some(*value);
        }
        let [.., high, low] = cookie(&[&self.names(list)]).0.to_be_bytes();
        let first = u16::from_be_bytes([high, low]);
        let free = (first..=u16::MAX).chain(0..first).find(|value| !self.taken.contains(value))?;
        self.taken.insert(free);
        let value = layout::LIST | u32::from(free);
        self.values.insert(list.to_vec(), value);
        Some(value)
    }

    fn names(&self, list: &[usize]) -> String {
        let name = |place: &usize| {
            Some(format!("{} at {}", self.sites.at(*place)?.party, self.sites.at(*place)?.port_name))
        };
        list.iter().filter_map(name).collect::<Vec<_>>().join(", ")
    }

    fn finish(mut self, out: &mut Builder<'_>) {
        // The rest of a long list is a list too.
        let mut todo: BTreeMap<u32, Vec<usize>> =
            self.values.iter().map(|(list, value)| (*value, list.clone())).collect();
        while let Some((value, list)) = todo.pop_first() {
            let (here, rest) = list.split_at(list.len().min(OUTPUTS));
            let mut actions = self.outputs(here);
            let known = self.values.contains_key(rest);
            if let Some(rest_value) = self.value(rest) {
                if !known {
                    todo.insert(rest_value, rest.to_vec());
                }
                actions.extend([load(OUT_PORT, rest_value.into()), resubmit(FORWARDING)]);
            }
            let network = self.sites.network;
            let matches = FlowMatch::any().with(layout::NETWORK, network.number.into());
            let matches = matches.with(OUT_PORT, value.into());
            let kind = OriginKind::Forwarding;
            let names = self.names(&list);
            let few = match list.len() {
                0..=8 => format!("to {names}"),
                many => format!("to {many} neighbours"),
            };
            let key = format!("{}: to {names}", network.name);
            let asked = Asked { key: Some(key), ..Asked::new(kind, kind.label(), few) };
            out.flow(FORWARDING, layout::WIRE, matches, vec![Instruction::ApplyActions(actions)], asked);
        }
    }

    fn outputs(&self, list: &[usize]) -> Vec<Action> {
        let port = |place: &usize| self.sites.at(*place)?.port;
        list.iter().filter_map(port).flat_map(|port| emit(self.sites.network, port)).collect()
    }
}
