//! The inputs of each network's flows on a bridge, separated before compilation. A network's
//! program part is compiled from its scope alone. Networks of one bridge may meet at a port that
//! carries several, or at an address that two could claim. Such cases are decided here for all
//! networks at once, and the scope records the result.

pub(in crate::compile) mod reachable;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use ipnetwork::IpNetwork;
use ofproto::PortNo;

use crate::compile::PortMap;
use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoint, PointsSharingAddress};
use crate::compile::input::scope::reachable::Reachable;
use crate::compile::input::time_context;
use crate::compile::input::time_context::TimeContext;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::{address, layout};
use crate::network::{Allow, Endpoint, LinkRole, Network, NetworkFile, Outside, link_local_of};

/// The complete inputs of a network's flows on the bridge.
pub(in crate::compile) struct Scope<'a> {
    pub(in crate::compile) network: &'a Network,
    pub(in crate::compile) sites: Vec<AttachmentPoint<'a>>,
    /// The rules that may concern the network, in the order of the file.
    pub(in crate::compile) rules: Vec<NetworkRule<'a>>,
    /// The prefixes behind its endpoints.
    pub(in crate::compile) behind: Vec<AddressRange>,
    /// The addresses that belong to the network, and to no network before it.
    pub(in crate::compile) owned: Vec<OwnedPrefix<'a>>,
    /// Addresses of its endpoints that a party with a wider prefix could claim by neighbour
    /// discovery.
    pub(in crate::compile) discovered: Vec<(AddressRange, &'a str)>,
    /// The prefixes by which other networks know its addresses.
    pub(in crate::compile) known: Vec<AddressRange>,
}

/// A rule as it concerns one network.
pub(in crate::compile) struct NetworkRule<'a> {
    pub(in crate::compile) allow: &'a Allow,
    /// When the rule ends, if it is open now.
    pub(in crate::compile) open: Option<Option<u16>>,
    /// The outsides that the rule names.
    pub(in crate::compile) outsides: Vec<&'a Outside>,
    /// The receivers of the rule's packets by its next hop.
    pub(in crate::compile) by_hop: Vec<&'a String>,
}

/// A prefix with an owner. Packets from it are dropped wherever the owner's own claim does not win.
#[derive(Debug, Clone, Hash)]
pub(in crate::compile) struct OwnedPrefix<'a> {
    pub(in crate::compile) range: AddressRange,
    pub(in crate::compile) reason: Reason,
    pub(in crate::compile) whose: AddressOwner<'a>,
}

#[derive(Debug, Clone, Copy, Hash)]
pub(in crate::compile) enum AddressOwner<'a> {
    Party(&'a str),
    Network(&'a str),
    Behind(&'a str),
    Holders,
    Nobody,
}

impl fmt::Display for AddressOwner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Party(name) => write!(f, "owned by {name}"),
            Self::Network(name) => write!(f, "in network {name}"),
            Self::Behind(name) => write!(f, "behind {name}"),
            Self::Holders => f.write_str("shared by its holders"),
            Self::Nobody => f.write_str("nobody's address"),
        }
    }
}

/// The networks of a bridge, and the addresses outside of them.
#[derive(Default)]
pub(in crate::compile) struct Scopes<'a> {
    pub(in crate::compile) all: Vec<Scope<'a>>,
    /// Addresses that belong to none of the bridge's networks.
    pub(in crate::compile) owned: Vec<OwnedPrefix<'a>>,
    /// The networks of other bridges with addresses [within reach](Reachable), with their prefixes.
    pub(in crate::compile) elsewhere: Vec<(&'a Network, Vec<AddressRange>)>,
    /// Whole families, except addresses with an owner.
    pub(in crate::compile) rest: Vec<AddressRange>,
    pub(in crate::compile) nobodys: Vec<AddressRange>,
}

impl<'a> Scopes<'a> {
    pub(in crate::compile) fn new(
        file: &'a NetworkFile,
        bridge: &str,
        ports: &PortMap,
        moment: &TimeContext,
    ) -> Self {
        let mut this = Self::default();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for network in file.networks_on(bridge) {
            places.insert(&network.name, this.all.len());
            this.all.push(Scope {
                network,
                sites: Vec::new(),
                rules: Vec::new(),
                behind: Vec::new(),
                owned: Vec::new(),
                discovered: Vec::new(),
                known: Vec::new(),
            });
        }
        let mut sites = Located { places: &places, ports, all: Vec::new() }.read(file);
        this.firsts(&mut sites);
        this.rules(file, moment, &places, &sites);
        let reachable = Reachable::new(file, bridge, &this.all, &sites);
        this.own(file, &sites, &reachable);
        this.know(file, &places, &reachable);
        for (place, site) in sites {
            if let Some(scope) = this.all.get_mut(place) {
                scope.sites.push(site);
            }
        }
        this
    }

    fn network(&self, place: usize) -> Option<&'a Network> {
        self.all.get(place).map(|scope| scope.network)
    }

    /// Marks the first attachment point at each port.
    fn firsts(&self, sites: &mut [(usize, AttachmentPoint<'a>)]) {
        let (mut at, mut out) = (HashSet::new(), HashSet::new());
        let six = |site: &AttachmentPoint<'_>| site.kind == AttachmentKind::Exit || site.six();
        let six: HashSet<_> = sites.iter().filter(|(_, s)| six(s)).filter_map(|(_, s)| s.port).collect();
        for (place, site) in sites {
            let Some(port) = site.port else { continue };
            site.first_at_port = at.insert(port);
            site.ipv6_at_port = six.contains(&port);
            let vlan = self.network(*place).and_then(|network| network.vlan);
            site.first_out = layout::port_value(port).is_some_and(|value| out.insert((value, vlan)));
        }
    }

    /// Assigns each source address to an owner: the first network that claims it.
    fn own(&mut self, file: &'a NetworkFile, sites: &[(usize, AttachmentPoint<'a>)], reachable: &Reachable) {
        let mut seen: HashSet<AddressRange> = HashSet::new();
        // Neighbour discovery is admitted with a higher priority than flows by address. Where a
        // party may use a wider prefix, the owned addresses in it stay reserved to their owner here
        // too.
        let wide = sites.iter().flat_map(|(_, site)| match site.kind {
            AttachmentKind::Link => &site.prefixes,
            _ => &site.leases,
        });
        let wide: Vec<AddressRange> =
            wide.copied().filter(|range| range.family == AddressFamily::V6).collect();
        let mut discovered = HashSet::new();
        for (place, site) in sites.iter().filter(|(_, site)| site.kind != AttachmentKind::Link) {
            let Some(scope) = self.all.get_mut(*place) else { continue };
            for PointsSharingAddress { range, .. } in &site.shared {
                if wide.iter().any(|wide| wide.contains(*range)) && discovered.insert(*range) {
                    scope.discovered.push((*range, "its holders"));
                }
                if seen.insert(*range) {
                    let (range, whose) = (*range, AddressOwner::Holders);
                    scope.owned.push(OwnedPrefix { range, reason: Reason::Spoofed, whose });
                }
            }
            for &range in &site.prefixes {
                if wide.iter().any(|wide| wide.contains(range)) && discovered.insert(range) {
                    scope.discovered.push((range, site.party));
                }
                if seen.insert(range) {
                    let whose = AddressOwner::Party(site.party);
                    scope.owned.push(OwnedPrefix { range, reason: Reason::Spoofed, whose });
                }
            }
        }
        let here: HashSet<u16> = sites.iter().filter_map(|(at, _)| Some(self.network(*at)?.number)).collect();
        let places: HashMap<u16, usize> =
            self.all.iter().enumerate().map(|(place, scope)| (scope.network.number, place)).collect();
        for network in &file.networks {
            let ranges = network.subnets.iter().copied().map(AddressRange::from);
            for range in ranges.filter(|range| reachable.meets(*range) && seen.insert(*range)) {
                let reason = if here.contains(&network.number) { Reason::Spoofed } else { Reason::Isolation };
                let owned = OwnedPrefix { range, reason, whose: AddressOwner::Network(&network.name) };
                match places.get(&network.number).and_then(|place| self.all.get_mut(*place)) {
                    Some(scope) => scope.owned.push(owned),
                    None => self.owned.push(owned),
                }
            }
        }
        for endpoint in &file.endpoints {
            for prefix in endpoint.attachments.iter().flat_map(|a| &a.behind) {
                let (range, reason) = (AddressRange::from(*prefix), Reason::Isolation);
                if reachable.meets(range) && seen.insert(range) {
                    self.owned.push(OwnedPrefix {
                        range,
                        reason,
                        whose: AddressOwner::Behind(&endpoint.name),
                    });
                }
            }
        }
        for (range, reason) in address::martians() {
            if seen.insert(range) {
                self.owned.push(OwnedPrefix { range, reason, whose: AddressOwner::Nobody });
            }
        }
    }

    /// Assigns each destination address to an owner, likewise.
    fn know(&mut self, file: &'a NetworkFile, places: &HashMap<&str, usize>, reachable: &Reachable) {
        let mut behind: HashMap<&str, Vec<AddressRange>> = HashMap::new();
        for plug in file.endpoints.iter().flat_map(|e| &e.attachments).filter(|a| !a.behind.is_empty()) {
            let ranges = plug.behind.iter().copied().map(AddressRange::from);
            behind.entry(&plug.network).or_default().extend(ranges);
        }
        let mut seen = HashSet::new();
        for network in &file.networks {
            let behind = match behind.is_empty() {
                true => Vec::new(),
                false => behind.remove(&*network.name).unwrap_or_default(),
            };
            let ranges =
                network.subnets.iter().copied().map(AddressRange::from).chain(behind.iter().copied());
            let ranges = ranges.filter(|range| reachable.meets(*range));
            let known: Vec<AddressRange> = ranges.filter(|range| seen.insert(range.bits())).collect();
            match places.get(&*network.name).and_then(|place| self.all.get_mut(*place)) {
                Some(scope) => (scope.behind, scope.known) = (behind, known),
                // No sender on this bridge can reach them.
                None if known.is_empty() => {}
                None => self.elsewhere.push((network, known)),
            }
        }
        let mut new = |range: &AddressRange| seen.insert(range.bits());
        self.nobodys = address::martians().into_iter().map(|(range, _)| range).filter(&mut new).collect();
        self.rest = AddressFamily::BOTH.map(AddressRange::all).into_iter().filter(new).collect();
    }

    /// Assigns every rule to the networks on which both of its lists may have a party.
    fn rules(
        &mut self,
        file: &'a NetworkFile,
        moment: &TimeContext,
        places: &HashMap<&str, usize>,
        sites: &[(usize, AttachmentPoint<'a>)],
    ) {
        let mut on: HashMap<&str, Vec<usize>> = HashMap::with_capacity(sites.len());
        for (place, site) in sites {
            let on = on.entry(site.party).or_default();
            // A party that is on every network mostly lists them in order.
            if on.last() != Some(place) {
                on.push(*place);
            }
        }
        on.values_mut().for_each(|on| {
            on.sort_unstable();
            on.dedup();
        });
        on.extend(places.iter().map(|(name, place)| (*name, vec![*place])));
        let outsides: HashMap<&str, &Outside> = file.outsides.iter().map(|o| (&*o.name, o)).collect();
        let outside = |name: &String| outsides.get(&**name).copied();
        for outside in &file.outsides {
            if let Some(places) = on.get(&*outside.exit).cloned() {
                on.insert(&outside.name, places);
            }
        }
        let on = |name: &String| on.get(&**name).map(Vec::as_slice);
        let of = |names: &'a [String]| -> Vec<&[usize]> { names.iter().filter_map(on).collect() };
        for (allow, open) in time_context::on_switches(file, moment) {
            let from = of(&allow.from);
            // Most rules of a large file are about other bridges.
            if from.is_empty() {
                continue;
            }
            let mut concerned = shared(&from, &of(&allow.to));
            if let Some(via) = allow.via.as_ref().and_then(on) {
                concerned.extend(shared(&from, &[via]));
            }
            concerned.sort_unstable();
            concerned.dedup();
            for place in concerned {
                let Some(scope) = self.all.get_mut(place) else { continue };
                let outsides = allow.from.iter().chain(&allow.to).filter_map(outside).collect();
                let by_hop =
                    |to: &&String| allow.via.is_some() && file.goes_by_hop(allow, &scope.network.name, to);
                let by_hop = allow.to.iter().filter(by_hop).collect();
                scope.rules.push(NetworkRule { allow, open, outsides, by_hop });
            }
        }
    }
}

/// Returns the places that both groups contain; each list is sorted.
fn shared(from: &[&[usize]], to: &[&[usize]]) -> Vec<usize> {
    // The shorter side is looked up in the longer one: a template's rules name few parties on one
    // side.
    let count = |lists: &[&[usize]]| lists.iter().map(|list| list.len()).sum::<usize>();
    let (few, many) = if count(from) <= count(to) { (from, to) } else { (to, from) };
    let has = |place: &usize| many.iter().any(|list| list.binary_search(place).is_ok());
    few.iter().copied().flatten().copied().filter(has).collect()
}

/// The parties on the networks of a bridge, each with the place of the network.
struct Located<'l, 'a> {
    places: &'l HashMap<&'a str, usize>,
    ports: &'l PortMap,
    all: Vec<(usize, AttachmentPoint<'a>)>,
}

impl<'a> Located<'_, 'a> {
    fn read(mut self, file: &'a NetworkFile) -> Vec<(usize, AttachmentPoint<'a>)> {
        file.endpoints.iter().for_each(|endpoint| self.endpoint(file, endpoint));
        for link in &file.links {
            for end in &link.ends {
                let LinkRole::Network { network, behind } = &end.role else { continue };
                let prefixes = behind.iter().copied().map(AddressRange::from).collect();
                self.other(&link.name, &end.port, network, AttachmentKind::Link, prefixes);
            }
        }
        for exit in &file.exits {
            let Some(network) = &exit.network else { continue };
            let prefixes = exit.next_hop.iter().map(host).collect();
            self.other(&exit.name, &exit.port, network, AttachmentKind::Exit, prefixes);
            if let Some((_, site)) = self.all.last_mut().filter(|(_, site)| site.party == exit.name) {
                site.router = exit.router;
                site.link_local = exit.link_local.map(address::v6_host);
                site.link_locals = site.link_local.unwrap_or_else(address::link_local);
            }
        }
        self.all
    }

    fn number(&self, port: &str) -> Option<PortNo> {
        if port == "LOCAL" { Some(PortNo::LOCAL) } else { self.ports.get(port).copied() }
    }

    fn endpoint(&mut self, file: &'a NetworkFile, endpoint: &'a Endpoint) {
        let reached_by_lease = endpoint.is_only_leased();
        for plug in &endpoint.attachments {
            let Some(&place) = self.places.get(&*plug.network) else { continue };
            let resolves: Vec<AddressRange> = plug.addresses.iter().map(host).collect();
            let shared = plug.shared.iter();
            let shared =
                shared.map(|s| PointsSharingAddress { range: host(&s.address), vrid: s.vrid }).collect();
            let behind = plug.behind.iter().copied().map(AddressRange::from);
            let subnets = match plug.leased {
                true => file.network(&plug.network).map_or(&[][..], |network| &network.subnets),
                false => &[],
            };
            let (dhcp, leases) = subnets
                .iter()
                .copied()
                .map(AddressRange::from)
                .partition(|range| range.family == AddressFamily::V4);
            let site = AttachmentPoint {
                party: &endpoint.name,
                port_name: &plug.port,
                port: self.number(&plug.port),
                first_at_port: false,
                ipv6_at_port: false,
                first_out: false,
                kind: AttachmentKind::Endpoint,
                prefixes: resolves.iter().copied().chain(behind).collect(),
                resolves,
                shared,
                leases,
                dhcp,
                reached_by_lease,
                mac: plug.mac,
                router: plug.router,
                link_locals: plug.link_local.map_or_else(address::link_local, address::v6_host),
                link_local: plug.link_local.or_else(|| plug.mac.map(link_local_of)).map(address::v6_host),
            };
            self.all.push((place, site));
        }
    }

    fn other(
        &mut self,
        party: &'a str,
        port_name: &'a str,
        network: &str,
        kind: AttachmentKind,
        prefixes: Vec<AddressRange>,
    ) {
        let Some(&place) = self.places.get(network) else { return };
        let site = AttachmentPoint {
            party,
            port_name,
            port: self.number(port_name),
            first_at_port: false,
            ipv6_at_port: false,
            first_out: false,
            kind,
            resolves: prefixes.clone(),
            prefixes,
            shared: Vec::new(),
            leases: Vec::new(),
            dhcp: Vec::new(),
            reached_by_lease: false,
            mac: None,
            router: false,
            link_locals: address::link_local(),
            link_local: None,
        };
        self.all.push((place, site));
    }
}

fn host(address: &IpAddr) -> AddressRange {
    AddressRange::from(IpNetwork::from(*address))
}

impl Scope<'_> {
    /// Returns the scope, its bridge and the sampling flag as bytes. Two scopes with equal bytes
    /// give equal flows.
    ///
    /// Every value is destructured field by field, so that a new field of the language cannot be
    /// forgotten here. Fields that mean nothing to the compiler are left out by name.
    pub(in crate::compile) fn inputs(&self, bridge: &str, samples: bool) -> Vec<u8> {
        let Self { network, sites, rules, behind, owned, discovered, known } = self;
        let mut out = HashedBytes(Vec::with_capacity(1 << 11));
        (bridge, samples).hash(&mut out);
        let Network {
            name,
            number,
            bridge: _,
            subnets,
            inside,
            gateway,
            stateful,
            vlan,
            containers: _,
            span: _,
        } = network;
        (name, number, subnets, inside, gateway, stateful, vlan).hash(&mut out);
        (sites, behind, owned, discovered, known).hash(&mut out);
        out.write_usize(rules.len());
        for NetworkRule { allow, open, outsides, by_hop } in rules {
            let Allow {
                name,
                from,
                to,
                protocol,
                ports,
                purpose: _,
                limit,
                // The window's deadline is in `open`.
                temp: _,
                via,
                returns,
                // Rules enforced elsewhere are left out.
                place: _,
                chain: _,
                span: _,
            } = allow;
            (name, from, to, protocol, ports, limit, via, returns, open, by_hop).hash(&mut out);
            out.write_usize(outsides.len());
            for Outside { name, exit, addresses, span: _ } in outsides {
                (name, exit, addresses).hash(&mut out);
            }
        }
        out.0
    }
}

/// The complete hashed bytes. [`Hash`] writes lengths and ends, so different values have different
/// bytes.
struct HashedBytes(Vec<u8>);

impl Hasher for HashedBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
