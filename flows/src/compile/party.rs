//! Lists of parties in rules, and how a flow says "one of these": by a register's bit that admission sets for the
//! sender and the lookup for the destination. So a rule has one flow for each protocol and port, however many it names.

use std::collections::HashMap;

use ofproto::oxm::Field;

use super::layout::{self, FROM_MEMBER, MARKS, OUT_PORT, TO_MEMBER};
use super::site::{Site, Sites};
use crate::model::FlowMatch;
use crate::network::{Allow, Network};

/// A part of a rule's list on one network, and how it is matched.
#[derive(Debug, Clone)]
pub(super) struct Parties {
    how: How,
    /// Places in [`Sites::all`], sorted.
    pub(super) sites: Vec<usize>,
    /// What tells it from the other parts of the list; empty where the list has no other.
    pub(super) part: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The port, by its number in [`OUT_PORT`] and the number to match as `in_port`.
    At { out: u32, in_port: u32, unnamed_by_lease: bool },
    /// All endpoints of the network.
    Members,
    /// The bit of a list.
    Set(u16),
}

impl Parties {
    /// The sender is one of them.
    pub(super) fn sends(&self, network: &Network, m: FlowMatch) -> FlowMatch {
        let m = m.with(layout::NETWORK, network.number.into());
        match self.how {
            How::At { in_port, .. } => m.with(Field::InPortOxm, in_port.into()),
            How::Members => with_bit(m, MARKS, FROM_MEMBER),
            How::Set(set) => with_bit(m, layout::from_set(set).field, layout::from_set(set).ofs),
        }
    }

    /// The destination is one of them.
    pub(super) fn receives(&self, m: FlowMatch) -> FlowMatch {
        match self.how {
            How::At { out, unnamed_by_lease: true, .. } => {
                without_bit(m.with(OUT_PORT, out.into()), MARKS, layout::UNNAMED)
            }
            How::At { out, .. } => m.with(OUT_PORT, out.into()),
            How::Members => with_bit(m, MARKS, TO_MEMBER),
            How::Set(set) => with_bit(m, layout::to_set(set).field, layout::to_set(set).ofs),
        }
    }

    /// Where these are reached: their places, and beyond all places those at whose leased addresses only a rule about all
    /// members reaches them.
    pub(super) fn reached(&self, sites: &Sites<'_>) -> Vec<usize> {
        const BY_LEASE: usize = 1 << (usize::BITS - 1);
        let mut places = self.sites.clone();
        if self.how == How::Members {
            let unnamed = |place: &&usize| sites.at(**place).is_some_and(Site::is_unnamed_by_lease);
            places.extend(self.sites.iter().filter(unnamed).map(|place| place | BY_LEASE));
        }
        places
    }

    /// The one port that these are at, where it is one.
    pub(super) fn single(&self) -> Option<u32> {
        match self.how {
            How::At { out, .. } => Some(out),
            How::Members | How::Set(_) => None,
        }
    }
}

/// Adds "this bit of a register is set" to a match that may say other bits of it.
pub(super) fn with_bit(m: FlowMatch, field: Field, bit: u16) -> FlowMatch {
    let old = m.field(field);
    let (value, mask) = old.map_or((0, 0), |old| (old.value, old.mask));
    let bit = 1u128 << bit;
    m.with_masked(field, value | bit, mask | bit)
}

/// Likewise that it is not set.
fn without_bit(m: FlowMatch, field: Field, bit: u16) -> FlowMatch {
    let (value, mask) = m.field(field).map_or((0, 0), |old| (old.value, old.mask));
    m.with_masked(field, value, mask | 1u128 << bit)
}

/// The lists of a network's rules that have a bit.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// The bit of a list, by its names.
    bits: HashMap<String, u16>,
    /// The bits of a place in [`Sites::all`].
    of_site: Vec<Vec<u16>>,
}

impl Sets {
    /// Gives bits to the lists of the file's rules. A list's bit comes from its names, so that it stays while other
    /// rules and other parties come and go.
    pub(super) fn new<'a>(allows: impl Iterator<Item = &'a Allow>, sites: &Sites<'_>) -> Self {
        let mut sets = Self { bits: HashMap::new(), of_site: vec![Vec::new(); sites.all.len()] };
        let mut used = 0;
        for allow in allows {
            if sites.share(&allow.from, &allow.to) {
                for names in [&allow.from, &allow.to] {
                    sets.add(sites, names, &mut used);
                }
            }
        }
        sets
    }

    fn add(&mut self, sites: &Sites<'_>, names: &[String], used: &mut u128) {
        let list = names.join("\n");
        if list == sites.network.name || self.bits.contains_key(&list) {
            return;
        }
        let places = sites.places(names);
        if places.len() < 2 {
            return;
        }
        let Some(bit) = free_bit(*used, &list) else { return };
        *used |= 1 << bit;
        self.bits.insert(list, bit);
        for place in places {
            self.of_site.get_mut(place).into_iter().for_each(|of| of.push(bit));
        }
    }

    /// The lists that a site is in.
    pub(super) fn of_site(&self, place: usize) -> &[u16] {
        self.of_site.get(place).map_or(&[], Vec::as_slice)
    }

    /// A rule's list: one part, but where there is no bit left for it.
    pub(super) fn parts(&self, sites: &Sites<'_>, names: &[String]) -> Vec<Parties> {
        let places = sites.places(names);
        let list = names.join("\n");
        let how = match self.bits.get(&list) {
            _ if list == sites.network.name => How::Members,
            Some(&bit) => How::Set(bit),
            None => return singles(sites, &places),
        };
        vec![Parties { how, sites: places, part: String::new() }]
    }
}

fn singles(sites: &Sites<'_>, places: &[usize]) -> Vec<Parties> {
    let single = |&place: &usize| {
        let site = sites.at(place)?;
        let port = site.port?;
        let unnamed_by_lease = site.is_unnamed_by_lease();
        let how = How::At { out: layout::port_value(port)?, in_port: port.0, unnamed_by_lease };
        let part =
            if places.len() > 1 { format!("{} at {}", site.party, site.port_name) } else { String::new() };
        Some(Parties { how, sites: vec![place], part })
    };
    places.iter().filter_map(single).collect()
}

/// A bit that is not taken, beginning where the text's hash says.
fn free_bit(taken: u128, text: &str) -> Option<u16> {
    let start = super::cookie::cookie(&[text]).0 % u64::from(layout::SETS);
    let start = u16::try_from(start).unwrap_or(0);
    (0..layout::SETS).map(|n| (start + n) % layout::SETS).find(|bit| taken >> bit & 1 == 0)
}
