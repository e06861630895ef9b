//! The attachment points of a bridge: parties at ports.

use std::collections::{HashMap, HashSet};

use ofproto::PortNo;

use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::Attachment;
use crate::compile::vocabulary::stable_hash::stable_hash;
use crate::compile::vocabulary::{address, layout};
use crate::network::Network;

/// A party of the file at a port of the bridge that is compiled.
#[derive(Debug, Clone, Hash)]
pub(in crate::compile) struct AttachmentPoint<'a> {
    /// The endpoint's, link's or exit's name.
    pub(in crate::compile) party: &'a str,
    pub(in crate::compile) port_name: &'a str,
    /// The port's number; `None` while the bridge lacks the port.
    pub(in crate::compile) port: Option<PortNo>,
    /// True if it is the first of the bridge at its port, which may carry several networks. Drops
    /// that concern every party of the port are compiled once.
    pub(in crate::compile) first_at_port: bool,
    /// True if any party at its port may send IPv6.
    pub(in crate::compile) ipv6_at_port: bool,
    /// True if it is the first of the bridge whose frames leave by its port with its tag, or
    /// untagged.
    pub(in crate::compile) first_out: bool,
    pub(in crate::compile) kind: AttachmentKind,
    /// The prefixes that it sends from and is reached at.
    pub(in crate::compile) prefixes: Vec<AddressRange>,
    /// The prefixes that answer ARP and neighbour discovery.
    pub(in crate::compile) resolves: Vec<AddressRange>,
    /// The addresses that it may hold, one holder at a time.
    pub(in crate::compile) shared: Vec<PointsSharingAddress>,
    /// The IPv6 prefixes in which it obtains addresses by DHCP or autoconfiguration.
    pub(in crate::compile) leases: Vec<AddressRange>,
    /// The IPv4 prefixes in which DHCP gives it an address.
    pub(in crate::compile) dhcp: Vec<AddressRange>,
    /// True if rules reach it at leased addresses. If the file gives it addresses on any network,
    /// rules reach it there.
    pub(in crate::compile) reached_by_lease: bool,
    pub(in crate::compile) mac: Option<[u8; 6]>,
    /// True if its router advertisements pass.
    pub(in crate::compile) router: bool,
    /// The link-local addresses that it may have.
    pub(in crate::compile) link_locals: AddressRange,
    /// The link-local address that no other party on its network may have.
    pub(in crate::compile) link_local: Option<AddressRange>,
}

/// An address that several attachment points may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::compile) struct PointsSharingAddress {
    pub(in crate::compile) range: AddressRange,
    /// The number of its virtual router.
    pub(in crate::compile) vrid: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::compile) enum AttachmentKind {
    /// Owns its prefixes: no other party may send from them.
    Endpoint,
    /// Shares the prefixes behind it with the endpoints that are on the bridge.
    Link,
    /// Leads to all other addresses.
    Exit,
}

impl AttachmentPoint<'_> {
    /// Returns whether rules reach it at an address of a family.
    pub(in crate::compile) fn is_reached(&self, family: AddressFamily) -> bool {
        let leased = self.leased(family).next().is_some() && self.reached_by_lease;
        leased || self.prefixes.iter().any(|p| p.family == family) || self.shares(family)
    }

    /// Returns whether it shares an address of a family.
    pub(in crate::compile) fn shares(&self, family: AddressFamily) -> bool {
        self.shared.iter().any(|shared| shared.range.family == family)
    }

    /// Returns the prefixes of a family in which it obtains addresses.
    pub(in crate::compile) fn leased(&self, family: AddressFamily) -> impl Iterator<Item = AddressRange> {
        self.dhcp.iter().chain(&self.leases).copied().filter(move |range| range.family == family)
    }

    /// Returns whether it obtains addresses at which no rule that names it reaches it.
    pub(in crate::compile) fn is_unnamed_by_lease(&self) -> bool {
        let gets = !self.dhcp.is_empty() || !self.leases.is_empty();
        gets && !self.reached_by_lease
    }

    /// Returns whether it sends packets of a family.
    pub(in crate::compile) fn speaks(&self, family: AddressFamily) -> bool {
        self.kind == AttachmentKind::Exit || self.has(family)
    }

    /// Returns whether it has addresses of a family, or may obtain one.
    fn has(&self, family: AddressFamily) -> bool {
        self.prefixes.iter().chain(&self.leases).chain(&self.dhcp).any(|p| p.family == family)
            || self.shares(family)
    }

    /// Returns whether the file gives it any IPv6 property.
    pub(in crate::compile) fn six(&self) -> bool {
        self.has(AddressFamily::V6) || self.router || self.link_locals != address::link_local()
    }
}

/// The parties on a network, in the order of the file: endpoints, links, exits.
pub(in crate::compile) struct AttachmentPoints<'a> {
    pub(in crate::compile) network: &'a Network,
    pub(in crate::compile) all: &'a [AttachmentPoint<'a>],
    plugs: HashMap<&'a str, Vec<usize>>,
    /// The values of shared addresses in the register of the output port, while they have no known
    /// holder.
    unheld: HashMap<AddressRange, u32>,
    /// True if the network has IPv6.
    six: bool,
    /// True if hosts autoconfigure IPv6 addresses from the advertisements of a router of the
    /// network.
    pub(in crate::compile) autoconfigured: bool,
}

impl<'a> AttachmentPoints<'a> {
    pub(in crate::compile) fn new(network: &'a Network, all: &'a [AttachmentPoint<'a>]) -> Self {
        let mut plugs: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, site) in all.iter().enumerate() {
            plugs.entry(site.party).or_default().push(place);
        }
        let (six, autoconfigured) =
            (all.iter().any(AttachmentPoint::six), all.iter().any(|site| site.router));
        Self { network, all, plugs, unheld: unheld(all), six, autoconfigured }
    }

    /// Returns the places of possible holders of an address that are at a port of the bridge.
    pub(in crate::compile) fn holders(&self, range: AddressRange) -> Vec<usize> {
        let holds = |site: &AttachmentPoint<'_>| {
            site.port.is_some_and(|port| layout::port_value(port).is_some())
                && site.shared.iter().any(|shared| shared.range == range)
        };
        let holders = self.all.iter().enumerate().filter(|(_, site)| holds(site));
        holders.map(|(place, _)| place).collect()
    }

    /// Returns the value of a shared address without a known holder, or `None` if its network has
    /// too many.
    pub(in crate::compile) fn unheld(&self, range: AddressRange) -> Option<u32> {
        self.unheld.get(&range).copied()
    }

    /// Returns an attachment point with its network, as identities name it.
    pub(in crate::compile) fn attachment(&self, site: &AttachmentPoint<'a>) -> Attachment<'a> {
        Attachment { network: &self.network.name, party: site.party, port: site.port_name }
    }

    /// Returns the attachment point at a place.
    pub(in crate::compile) fn at(&self, place: usize) -> Option<&'a AttachmentPoint<'a>> {
        self.all.get(place)
    }

    /// Returns the network's endpoints, with their places.
    pub(in crate::compile) fn members(&self) -> impl Iterator<Item = (usize, &'a AttachmentPoint<'a>)> {
        self.all.iter().enumerate().filter(|(_, site)| site.kind == AttachmentKind::Endpoint)
    }

    /// Returns whether an attachment point uses ARP, or neighbour discovery. An exit has IPv6 if
    /// the network has it.
    pub(in crate::compile) fn resolves(&self, site: &AttachmentPoint<'_>, family: AddressFamily) -> bool {
        match family {
            AddressFamily::V4 => site.speaks(family),
            AddressFamily::V6 => site.six() || (self.six && site.kind == AttachmentKind::Exit),
        }
    }

    /// Returns whether both lists of a rule have a party on the network.
    pub(in crate::compile) fn share(&self, from: &[String], to: &[String]) -> bool {
        !self.places(from).is_empty() && !self.places(to).is_empty()
    }

    /// Returns the places of a rule's list, sorted and without duplicates. A network stands for its
    /// endpoints.
    pub(in crate::compile) fn places(&self, names: &[String]) -> Vec<usize> {
        let mut places = Vec::new();
        for name in names {
            if *name == self.network.name {
                places.extend(self.members().map(|(place, _)| place));
            } else if let Some(plugs) = self.plugs.get(name.as_str()) {
                places.extend(plugs);
            }
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Assigns a value to each shared address, which stays while other addresses come and go. Its low
/// half is the number of no port. So a flow that is learned while no holder is known admits no
/// sender.
fn unheld(all: &[AttachmentPoint<'_>]) -> HashMap<AddressRange, u32> {
    const FIRST: u16 = 0xff00;
    const COUNT: u16 = 0xf0;
    let mut values = HashMap::new();
    let mut taken = HashSet::new();
    for PointsSharingAddress { range, .. } in all.iter().flat_map(|site| &site.shared) {
        if values.contains_key(range) {
            continue;
        }
        let start = stable_hash(&["shared", &range.to_string()]) % u64::from(COUNT);
        let start = u16::try_from(start).unwrap_or(0);
        let slots = (0..COUNT).map(|n| FIRST + (start + n) % COUNT);
        let Some(slot) = slots.into_iter().find(|slot| !taken.contains(slot)) else { continue };
        taken.insert(slot);
        values.insert(*range, layout::UNHELD | u32::from(slot));
    }
    values
}
