//! Lists of parties in rules, and how a flow matches them. Admission sets a list's register bit for
//! the sender, and the lookup sets it for the destination. So a rule has one flow for each protocol
//! and port, however many parties it names.

use std::collections::HashMap;

use flow_model::FlowMatch;
use ofproto::oxm::Field;

use crate::compile::input::attachment_point::{AttachmentPoint, AttachmentPoints};
use crate::compile::vocabulary::identity::{ListPart, PartyList};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::{FROM_MEMBER, MARKS, OUT_PORT, TO_MEMBER};
use crate::compile::vocabulary::stable_hash::stable_hash;
use crate::network::{Allow, Network};

/// A part of a rule's list on one network, and how it is matched.
#[derive(Debug, Clone)]
pub(in crate::compile) struct MatchedParties<'a> {
    how: PartyMatch<'a>,
    /// Places in [`AttachmentPoints::all`], sorted.
    pub(in crate::compile) sites: Vec<usize>,
    /// The part's identity among the parts of the list.
    pub(in crate::compile) part: ListPart<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartyMatch<'a> {
    /// A party's port, by its number in [`OUT_PORT`] and the number to match as `in_port`.
    At { out: u32, in_port: u32, unnamed_by_lease: bool, party: &'a str, port_name: &'a str },
    /// All endpoints of the network.
    Members,
    /// The bit of a list.
    Set { bit: u16, names: &'a [String] },
}

impl<'a> MatchedParties<'a> {
    /// Returns the matched parties, whichever rule names them.
    pub(in crate::compile) fn list(&self) -> PartyList<'a> {
        match self.how {
            PartyMatch::At { party, port_name, .. } => PartyList::Attachment { party, port: port_name },
            PartyMatch::Members => PartyList::Members,
            PartyMatch::Set { names, .. } => PartyList::List { names },
        }
    }

    /// Adds the condition that the sender is one of the parties.
    pub(in crate::compile) fn sends(&self, network: &Network, m: FlowMatch) -> FlowMatch {
        let m = m.with(layout::NETWORK, network.number.into());
        match self.how {
            PartyMatch::At { in_port, .. } => m.with(Field::InPortOxm, in_port.into()),
            PartyMatch::Members => with_bit(m, MARKS, FROM_MEMBER),
            PartyMatch::Set { bit, .. } => {
                with_bit(m, layout::from_set(bit).field, layout::from_set(bit).ofs)
            }
        }
    }

    /// Adds the condition that the destination is one of the parties.
    pub(in crate::compile) fn receives(&self, m: FlowMatch) -> FlowMatch {
        match self.how {
            PartyMatch::At { out, unnamed_by_lease: true, .. } => {
                without_bit(m.with(OUT_PORT, out.into()), MARKS, layout::UNNAMED)
            }
            PartyMatch::At { out, .. } => m.with(OUT_PORT, out.into()),
            PartyMatch::Members => with_bit(m, MARKS, TO_MEMBER),
            PartyMatch::Set { bit, .. } => with_bit(m, layout::to_set(bit).field, layout::to_set(bit).ofs),
        }
    }

    /// Returns the places at which the parties are reached. Beyond all places it lists those whose
    /// leased addresses only a rule about all members reaches.
    pub(in crate::compile) fn reached(&self, sites: &AttachmentPoints<'_>) -> Vec<usize> {
        const BY_LEASE: usize = 1 << (usize::BITS - 1);
        let mut places = self.sites.clone();
        if self.how == PartyMatch::Members {
            let unnamed =
                |place: &&usize| sites.at(**place).is_some_and(AttachmentPoint::is_unnamed_by_lease);
            places.extend(self.sites.iter().filter(unnamed).map(|place| place | BY_LEASE));
        }
        places
    }

    /// Returns the port of the parties if they share a single one.
    pub(in crate::compile) fn single(&self) -> Option<u32> {
        match self.how {
            PartyMatch::At { out, .. } => Some(out),
            PartyMatch::Members | PartyMatch::Set { .. } => None,
        }
    }
}

/// Adds the condition that a bit of a register is set to a match that may fix other bits of it.
pub(in crate::compile) fn with_bit(m: FlowMatch, field: Field, bit: u16) -> FlowMatch {
    let old = m.field(field);
    let (value, mask) = old.map_or((0, 0), |old| (old.value, old.mask));
    let bit = 1u128 << bit;
    m.with_masked(field, value | bit, mask | bit)
}

/// Adds the condition that a bit of a register is not set.
fn without_bit(m: FlowMatch, field: Field, bit: u16) -> FlowMatch {
    let (value, mask) = m.field(field).map_or((0, 0), |old| (old.value, old.mask));
    m.with_masked(field, value, mask | 1u128 << bit)
}

/// The lists of a network's rules that have a register bit.
#[derive(Debug, Default)]
pub(in crate::compile) struct PartySets<'a> {
    /// The bit and the names of a list, keyed by the names in one text.
    bits: HashMap<String, (u16, &'a [String])>,
    /// The bits of a place in [`AttachmentPoints::all`].
    of_site: Vec<Vec<u16>>,
}

impl<'a> PartySets<'a> {
    /// Assigns bits to the lists of the file's rules. A list's bit derives from its names, so it
    /// stays while other rules and parties come and go.
    pub(in crate::compile) fn new(
        allows: impl Iterator<Item = &'a Allow>,
        sites: &AttachmentPoints<'_>,
    ) -> Self {
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

    fn add(&mut self, sites: &AttachmentPoints<'_>, names: &'a [String], used: &mut u128) {
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
        self.bits.insert(list, (bit, names));
        for place in places {
            self.of_site.get_mut(place).into_iter().for_each(|of| of.push(bit));
        }
    }

    /// Returns the bits of the lists that contain an attachment point.
    pub(in crate::compile) fn of_site(&self, place: usize) -> &[u16] {
        self.of_site.get(place).map_or(&[], Vec::as_slice)
    }

    /// Returns the parts of a rule's list: one part if the list has a bit.
    pub(in crate::compile) fn parts(
        &self,
        sites: &AttachmentPoints<'a>,
        names: &[String],
    ) -> Vec<MatchedParties<'a>> {
        let places = sites.places(names);
        let list = names.join("\n");
        let how = match self.bits.get(&list) {
            _ if list == sites.network.name => PartyMatch::Members,
            Some(&(bit, names)) => PartyMatch::Set { bit, names },
            None => return singles(sites, &places),
        };
        vec![MatchedParties { how, sites: places, part: ListPart::Whole }]
    }
}

fn singles<'a>(sites: &AttachmentPoints<'a>, places: &[usize]) -> Vec<MatchedParties<'a>> {
    let single = |&place: &usize| {
        let site = sites.at(place)?;
        let port = site.port?;
        let unnamed_by_lease = site.is_unnamed_by_lease();
        let (party, port_name) = (site.party, site.port_name);
        let out = layout::port_value(port)?;
        let how = PartyMatch::At { out, in_port: port.0, unnamed_by_lease, party, port_name };
        let part = match places {
            [_] => ListPart::Whole,
            _ => ListPart::Attachment { party, port: port_name },
        };
        Some(MatchedParties { how, sites: vec![place], part })
    };
    places.iter().filter_map(single).collect()
}

/// Returns a free bit, searching from the text's hash.
fn free_bit(taken: u128, text: &str) -> Option<u16> {
    let start = stable_hash(&[text]) % u64::from(layout::SETS);
    let start = u16::try_from(start).unwrap_or(0);
    (0..layout::SETS).map(|n| (start + n) % layout::SETS).find(|bit| taken >> bit & 1 == 0)
}
