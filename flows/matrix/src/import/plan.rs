//! The networks, endpoints, exits and overlays of the network file, and the assumptions about them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use flows::finding::Finding;
use flows::finding_code::FindingCode;
use flows::network::Protocol;
use ipnetwork::{IpNetwork, Ipv4Network};

use super::super::words::{is_anybody, is_itself, is_single, names_of, short, slug, split, via_of};
use super::super::{Matrix, MatrixHost, MatrixRow, Presence};
use super::Findings;

/// Limit on the length of the name of a port or a bridge.
const LONGEST_PORT: usize = 15;

/// A network.
pub(super) struct ImportedNetwork {
    pub(super) label: String,
    pub(super) name: String,
    pub(super) bridge: String,
    pub(super) bridge_assumed: bool,
    pub(super) subnets: Vec<IpNetwork>,
    pub(super) subnets_assumed: Option<&'static str>,
    pub(super) gateway: Vec<IpAddr>,
    pub(super) exit: Option<ImportedExit>,
    column: usize,
    /// True if rows of the document lead outside there.
    leads_out: bool,
}

/// The way out of a network.
pub(super) struct ImportedExit {
    pub(super) name: String,
    pub(super) port: String,
    pub(super) next_hop: Option<IpAddr>,
}

/// An endpoint.
pub(super) struct ImportedEndpoint {
    pub(super) title: String,
    pub(super) name: String,
    pub(super) plugs: Vec<ImportedPort>,
    /// The places of the endpoint in overlays.
    pub(super) inside: Vec<(String, Vec<IpAddr>)>,
    host: usize,
}

/// An attachment of an endpoint.
pub(super) struct ImportedPort {
    pub(super) net: usize,
    pub(super) port: String,
    pub(super) presence: Presence,
    pub(super) mac: Option<[u8; 6]>,
}

/// A name for the hosts behind an exit.
pub(super) struct ImportedOutside {
    pub(super) title: String,
    pub(super) name: String,
    pub(super) net: usize,
}

/// An overlay.
pub(super) struct ImportedOverlay {
    pub(super) title: String,
    pub(super) name: String,
    /// The protocol and ports. `None` if the document does not state them.
    pub(super) envelope: Option<(Protocol, Vec<u16>)>,
    /// The networks that carry it, as the document names them.
    pub(super) carriers: Vec<String>,
    /// The members of its envelope, as the document names them.
    pub(super) members: Vec<String>,
}

/// The plan of the whole network file.
pub(super) struct ImportPlan<'d> {
    document: &'d Matrix,
    pub(super) nets: Vec<ImportedNetwork>,
    pub(super) endpoints: Vec<ImportedEndpoint>,
    pub(super) outsides: Vec<ImportedOutside>,
    pub(super) overlays: Vec<ImportedOverlay>,
    by_host: HashMap<String, usize>,
    names: HashSet<String>,
    ports: HashSet<String>,
}

/// The party that a row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowParty<'r> {
    /// An endpoint, by index.
    Endpoint(usize),
    /// A network, by index.
    Net(usize),
    /// The word for everybody.
    Anybody,
    /// Any other party, by its name in the document.
    Other(&'r str),
}

impl<'d> ImportPlan<'d> {
    /// Builds the plan from the tables of hosts and the sentences about overlays.
    pub(super) fn new(document: &'d Matrix, findings: &mut Findings) -> Self {
        let mut plan = ImportPlan {
            document,
            nets: Vec::new(),
            endpoints: Vec::new(),
            outsides: Vec::new(),
            overlays: Vec::new(),
            by_host: HashMap::new(),
            names: HashSet::new(),
            ports: HashSet::new(),
        };
        plan.read_overlays(findings);
        let hosts: Vec<String> =
            document.hosts.iter().map(|host| plan.fresh(&slug(&host.name), "")).collect();
        for (at, column) in document.columns.iter().enumerate() {
            if plan.overlay(&column.label).is_none() && plan.is_used(at) {
                plan.net(at, &column.label, findings);
            }
        }
        for overlay in &mut plan.overlays {
            overlay.name = fresh(&mut plan.names, &slug(&overlay.title), "overlay");
        }
        for (at, (host, name)) in document.hosts.iter().zip(hosts).enumerate() {
            plan.endpoint(at, host, name, findings);
        }
        plan.find_ways_out();
        plan
    }

    fn fresh(&mut self, name: &str, suffix: &str) -> String {
        fresh(&mut self.names, name, suffix)
    }

    fn read_overlays(&mut self, findings: &mut Findings) {
        for envelope in &self.document.envelopes {
            let at = self.overlay(&envelope.overlay).unwrap_or_else(|| self.add_overlay(&envelope.overlay));
            let Some(overlay) = self.overlays.get_mut(at) else { continue };
            let said = (envelope.protocol, envelope.ports.clone());
            if overlay.envelope.get_or_insert_with(|| said.clone()) != &said {
                let message = format!("{} has two envelopes", short(&envelope.overlay));
                let help = "write its protocol and its ports once, or alike";
                findings.list.push(Finding::error(
                    FindingCode::TwoEnvelopes,
                    envelope.span.clone(),
                    message,
                    help,
                ));
            }
            overlay.carriers.extend(Some(envelope.net.clone()).filter(|net| !net.is_empty()));
            for member in &envelope.members {
                if !overlay.members.iter().any(|known| slug(known) == slug(member)) {
                    overlay.members.push(member.clone());
                }
            }
        }
        for row in self.document.rows.iter().filter(|row| row.in_overlay.is_some()) {
            let Some(name) = row.nets.first() else { continue };
            if self.overlay(name).is_none() {
                self.add_overlay(name);
                let message = format!("what {} looks like from outside is not said", short(name));
                let help =
                    "write a sentence like: Nebula itself uses UDP 4242 on vmbr1 between mesh and joi.";
                findings.list.push(Finding::warning(
                    FindingCode::NoEnvelope,
                    row.places.row.clone(),
                    message,
                    help,
                ));
            }
        }
    }

    fn add_overlay(&mut self, title: &str) -> usize {
        self.overlays.push(ImportedOverlay {
            title: title.to_owned(),
            name: String::new(),
            envelope: None,
            carriers: Vec::new(),
            members: Vec::new(),
        });
        self.overlays.len() - 1
    }

    /// Returns the overlay that a word of the document refers to.
    pub(super) fn overlay(&self, word: &str) -> Option<usize> {
        let names = names_of(word);
        self.overlays.iter().position(|overlay| names.contains(&slug(&overlay.title)))
    }

    /// Returns whether a column is a network: a host has an address there, or a row names it.
    fn is_used(&self, column: usize) -> bool {
        let Some(label) = self.document.columns.get(column).map(|column| names_of(&column.label)) else {
            return false;
        };
        let place = |host: &MatrixHost| {
            host.places.iter().any(|p| p.column == column && p.presence != Presence::None)
        };
        let named =
            |row: &MatrixRow| row.nets.iter().any(|net| names_of(net).iter().any(|n| label.contains(n)));
        let addressed = |host: &MatrixHost| {
            let there = |presence: &Presence| matches!(presence, Presence::Dhcp | Presence::At { .. });
            host.places.iter().any(|place| place.column == column && there(&place.presence))
        };
        self.document.hosts.iter().any(place)
            && (self.document.hosts.iter().any(addressed) || self.document.rows.iter().any(named))
    }

    fn net(&mut self, column: usize, label: &str, findings: &mut Findings) {
        let (base, other) = split(label);
        let others: Vec<&str> = other.into_iter().flat_map(|other| other.split(',')).map(str::trim).collect();
        let prefixes = others.iter().filter_map(|other| other.parse().ok());
        let mut subnets: Vec<IpNetwork> = prefixes.filter(|p: &IpNetwork| !is_single(p)).collect();
        let other = others.iter().find(|other| other.parse::<IpNetwork>().is_err()).copied();
        let (bridge, name) = match other {
            Some(other) if is_bridge(base) => (Some(base), other),
            Some(other) if is_bridge(other) => (Some(other), base),
            Some(_) => (None, base),
            None if is_bridge(base) => (Some(base), base),
            None => (None, base),
        };
        let name = self.fresh(&slug(name), "net");
        let assumed: String = format!("br-{name}").chars().take(LONGEST_PORT).collect();
        let span = self.document.columns.get(column).map(|column| column.span.clone());
        if bridge.is_none() {
            let message = format!("the bridge of `{}` is not said: {assumed} is assumed", short(label));
            let help = "write it into the head of the column, like: vmbr1 (internal)";
            findings.list.push(Finding::note(FindingCode::AssumedBridge, span.clone(), message, help));
        }
        let places = self.document.hosts.iter().flat_map(|host| &host.places);
        let here: Vec<IpNetwork> = places
            .filter(|place| place.column == column)
            .filter_map(|place| match &place.presence {
                Presence::At { addresses, .. } => Some(addresses.clone()),
                Presence::None | Presence::Yes | Presence::Dhcp => None,
            })
            .flatten()
            .collect();
        let said = here.iter().filter(|address| !is_single(address)).map(|a| around(a.ip(), a.prefix()));
        subnets.extend(said.flatten());
        subnets.sort_unstable();
        subnets.dedup();
        let covered = |subnets: &[IpNetwork], ip: IpAddr| subnets.iter().any(|subnet| subnet.contains(ip));
        let rest: Vec<IpAddr> = here.iter().map(IpNetwork::ip).filter(|ip| !covered(&subnets, *ip)).collect();
        let mut subnets_assumed = None;
        for v4 in [true, false] {
            let of: Vec<IpAddr> = rest.iter().copied().filter(|ip| ip.is_ipv4() == v4).collect();
            let Some(subnet) = common(&of) else { continue };
            subnets.push(subnet);
            subnets_assumed = Some("from the addresses; the document says no prefix length");
        }
        if subnets.is_empty() {
            subnets.extend(self.placeholder());
            subnets_assumed = Some("a placeholder: the document says no address here");
            let message =
                format!("the subnet of `{}` is not said: a placeholder stands for it", short(label));
            let help = "write it into the head of the column, like: vmbr0 (wan, 198.51.100.0/24)";
            findings.list.push(Finding::note(FindingCode::AssumedSubnet, span, message, help));
        }
        self.nets.push(ImportedNetwork {
            label: label.to_owned(),
            name,
            bridge: bridge.map_or(assumed, |bridge| bridge.trim().to_owned()),
            bridge_assumed: bridge.is_none(),
            subnets,
            subnets_assumed,
            gateway: Vec::new(),
            exit: None,
            column,
            leads_out: false,
        });
    }

    /// Returns a placeholder for a subnet that the document does not state. It is the first free
    /// one of the subnets for documentation (RFC 5737) or for tests (RFC 2544).
    fn placeholder(&self) -> Option<IpNetwork> {
        let of = |a, b, c| Ipv4Network::new(Ipv4Addr::new(a, b, c, 0), 24).ok().map(IpNetwork::V4);
        let documents = [of(192, 0, 2), of(198, 51, 100), of(203, 0, 113)];
        let tests = (0..=255).map(|number| of(198, 18, number));
        let places = self.document.hosts.iter().flat_map(|host| &host.places);
        let addresses: Vec<IpNetwork> = places
            .filter_map(|place| match &place.presence {
                Presence::At { addresses, behind } => Some(addresses.iter().chain(behind).copied()),
                Presence::None | Presence::Yes | Presence::Dhcp => None,
            })
            .flatten()
            .chain(self.nets.iter().flat_map(|net| net.subnets.iter().copied()))
            .collect();
        let mut free = documents.into_iter().chain(tests).flatten();
        free.find(|subnet| !addresses.iter().any(|a| subnet.contains(a.ip()) || a.contains(subnet.ip())))
    }

    fn endpoint(&mut self, at: usize, host: &MatrixHost, name: String, findings: &mut Findings) {
        let mut endpoint = ImportedEndpoint {
            title: host.name.clone(),
            name,
            plugs: Vec::new(),
            inside: Vec::new(),
            host: at,
        };
        for place in host.places.iter().filter(|place| place.presence != Presence::None) {
            let label =
                self.document.columns.get(place.column).map(|column| &*column.label).unwrap_or_default();
            if let Some(net) = self.nets.iter().position(|net| net.column == place.column) {
                let short = self.nets.get(net).map(|net| net.name.clone()).unwrap_or_default();
                let port = self.port(&endpoint.name, &short);
                endpoint.plugs.push(ImportedPort { net, port, presence: place.presence.clone(), mac: None });
                if place.presence == Presence::Yes {
                    let message =
                        format!("the address of `{}` there is not said: DHCP is assumed", host.name);
                    let help = "write its address, or DHCP";
                    findings.list.push(Finding::note(
                        FindingCode::AssumedAddress,
                        place.span.clone(),
                        message,
                        help,
                    ));
                }
            } else if let (Some(_), Presence::At { addresses, .. }) = (self.overlay(label), &place.presence) {
                endpoint.inside.push((slug(label), addresses.iter().map(IpNetwork::ip).collect()));
            } else if self.overlay(label).is_some() {
                endpoint.inside.push((slug(label), Vec::new()));
            }
        }
        if endpoint.plugs.is_empty() {
            let message = format!("`{}` is on no network: it is left out", short(&host.name));
            let help = "write an address, DHCP or yes into the column of a network";
            findings.list.push(Finding::warning(FindingCode::HostNowhere, host.span.clone(), message, help));
            return;
        }
        self.by_host.insert(slug(&host.name), self.endpoints.len());
        self.endpoints.push(endpoint);
    }

    fn port(&mut self, host: &str, net: &str) -> String {
        let net: String = net.chars().take(3).collect();
        let room = LONGEST_PORT.saturating_sub(net.len() + 1);
        let plain: String = host.chars().take(room).collect();
        let mut port = format!("{plain}-{net}");
        let mut number = 2;
        while !self.ports.insert(port.clone()) {
            let digits = number.to_string();
            let start: String = host.chars().take(room.saturating_sub(digits.len())).collect();
            port = format!("{start}{digits}-{net}");
            number += 1;
        }
        port
    }

    /// Marks the networks that lead outside: a row there names a party that is not a host.
    fn find_ways_out(&mut self) {
        let mut out = HashSet::new();
        // A destination behind a next hop is not on the network of the row.
        let by_hop = |row: &&MatrixRow| {
            via_of(&row.section).is_some_and(|via| matches!(self.who(&via), RowParty::Endpoint(_)))
        };
        for row in self.document.rows.iter().filter(|row| !by_hop(row)) {
            for name in [&row.from, &row.to] {
                if let RowParty::Other(_) = self.who(name)
                    && !is_itself(name)
                {
                    out.extend(row.nets.iter().filter_map(|net| self.net_of(net)));
                }
            }
        }
        for (at, net) in self.nets.iter_mut().enumerate() {
            // A network without a known address has hosts that the document does not know.
            let at_home = |endpoint: &ImportedEndpoint| {
                endpoint.plugs.iter().any(|p| p.net == at && matches!(p.presence, Presence::At { .. }))
            };
            net.leads_out = out.contains(&at) || !self.endpoints.iter().any(at_home);
        }
    }

    /// Returns the network that a word of the document refers to.
    pub(super) fn net_of(&self, word: &str) -> Option<usize> {
        names_of(word).iter().find_map(|name| {
            self.nets.iter().position(|net| names_of(&net.label).contains(name) || net.name == *name)
        })
    }

    /// Returns the party that a name of the document refers to.
    pub(super) fn who<'r>(&self, name: &'r str) -> RowParty<'r> {
        let key = slug(name);
        if let Some(endpoint) = self.by_host.get(&key) {
            return RowParty::Endpoint(*endpoint);
        }
        if is_anybody(name) {
            return RowParty::Anybody;
        }
        let net = self.nets.iter().position(|net| net.name == key || slug(split(&net.label).0) == key);
        // An outside may have the name of the network that leads there, such as WAN.
        match net.filter(|net| self.nets.get(*net).is_some_and(|net| !net.leads_out)) {
            Some(net) => RowParty::Net(net),
            None => RowParty::Other(name),
        }
    }

    pub(super) fn endpoint_at(&self, at: usize) -> Option<&ImportedEndpoint> {
        self.endpoints.get(at)
    }

    /// Returns the attachment of an endpoint to a network.
    pub(super) fn plug(&self, endpoint: usize, net: usize) -> Option<&ImportedPort> {
        self.endpoints.get(endpoint)?.plugs.iter().find(|plug| plug.net == net)
    }

    /// Returns the networks of an endpoint.
    pub(super) fn nets_of(&self, endpoint: usize) -> Vec<usize> {
        let plugs = self.endpoints.get(endpoint).map_or(&[][..], |endpoint| &endpoint.plugs);
        plugs.iter().map(|plug| plug.net).collect()
    }

    /// Returns the document's cell for an endpoint in the column of a network, with its position.
    pub(super) fn absence(&self, endpoint: usize, net: usize) -> Option<&'d super::super::HostPlace> {
        let (endpoint, net) = (self.endpoints.get(endpoint)?, self.nets.get(net)?);
        self.document.hosts.get(endpoint.host)?.places.iter().find(|place| place.column == net.column)
    }

    pub(super) fn leads_out(&self, net: usize) -> bool {
        self.nets.get(net).is_some_and(|net| net.leads_out)
    }

    /// Returns the exit of a network.
    pub(super) fn exit(&mut self, net: usize) -> Option<String> {
        if let Some(exit) = self.nets.get(net)?.exit.as_ref() {
            return Some(exit.name.clone());
        }
        let several = self.nets.iter().any(|net| net.exit.is_some());
        let of = self.nets.get(net)?.name.clone();
        let name = if several { format!("uplink-{of}") } else { "uplink".to_owned() };
        let (name, port) = (self.fresh(&name, "exit"), self.port("uplink", &of));
        let next_hop = self.free_address(net);
        self.nets.get_mut(net)?.exit = Some(ImportedExit { name: name.clone(), port, next_hop });
        Some(name)
    }

    /// Returns the first or the last address of a subnet, whichever is free.
    fn free_address(&self, net: usize) -> Option<IpAddr> {
        let owned: HashSet<IpAddr> = self
            .endpoints
            .iter()
            .flat_map(|endpoint| &endpoint.plugs)
            .filter_map(|plug| match &plug.presence {
                Presence::At { addresses, .. } => Some(addresses.iter().map(IpNetwork::ip)),
                Presence::None | Presence::Yes | Presence::Dhcp => None,
            })
            .flatten()
            .collect();
        let subnets = self.nets.get(net)?.subnets.iter();
        let ends = subnets.filter_map(|subnet| match subnet {
            IpNetwork::V4(subnet) if subnet.prefix() < 31 => Some([
                IpAddr::V4(Ipv4Addr::from_bits(subnet.network().to_bits().saturating_add(1))),
                IpAddr::V4(Ipv4Addr::from_bits(subnet.broadcast().to_bits().saturating_sub(1))),
            ]),
            _ => None,
        });
        ends.flatten().find(|address| !owned.contains(address))
    }

    /// Returns a name for the hosts behind the exit of a network.
    pub(super) fn outside(&mut self, title: &str, net: usize) -> Option<String> {
        self.exit(net)?;
        let key = slug(title);
        let known = self.outsides.iter().find(|outside| slug(&outside.title) == key && outside.net == net);
        if let Some(outside) = known {
            return Some(outside.name.clone());
        }
        let name = self.fresh(&key, &self.nets.get(net)?.name.clone());
        self.outsides.push(ImportedOutside { title: title.to_owned(), name: name.clone(), net });
        Some(name)
    }

    /// Makes an endpoint the next hop of a network.
    pub(super) fn next_hop(&mut self, endpoint: usize, net: usize) {
        let Some(plug) = self
            .endpoints
            .get_mut(endpoint)
            .and_then(|endpoint| endpoint.plugs.iter_mut().find(|plug| plug.net == net))
        else {
            return;
        };
        let addresses: Vec<IpAddr> = match &plug.presence {
            Presence::At { addresses, .. } => addresses.iter().map(IpNetwork::ip).collect(),
            Presence::None | Presence::Yes | Presence::Dhcp => Vec::new(),
        };
        let v4 = addresses.iter().find_map(|address| match address {
            IpAddr::V4(address) => Some(address.octets()),
            IpAddr::V6(_) => None,
        });
        let numbered = u32::try_from(endpoint).unwrap_or_default().to_be_bytes();
        let [a, b, c, d] = v4.unwrap_or(numbered);
        plug.mac = Some([2, 0, a, b, c, d]);
        if let Some(net) = self.nets.get_mut(net) {
            for address in addresses {
                if !net.gateway.contains(&address) {
                    net.gateway.push(address);
                }
            }
        }
    }
}

/// Returns a name that is not in use.
pub(super) fn fresh(names: &mut HashSet<String>, name: &str, suffix: &str) -> String {
    const LONGEST: usize = 56;
    let name: String = name.chars().take(LONGEST).collect();
    let mut tries = std::iter::once(name.clone())
        .chain(Some(format!("{name}-{suffix}")).filter(|_| !suffix.is_empty() && suffix.len() < 8))
        .chain((2u32..).map(|number| format!("{name}-{number}")));
    let free = tries.find(|name| !names.contains(name)).unwrap_or(name);
    names.insert(free.clone());
    free
}

/// Returns whether a word looks like the name of a bridge.
fn is_bridge(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let looks =
        word.starts_with("br") || word.starts_with("ovs") || word.ends_with(|c: char| c.is_ascii_digit());
    (1..=LONGEST_PORT).contains(&word.len()) && word.bytes().all(plain) && looks
}

fn around(ip: IpAddr, prefix: u8) -> Option<IpNetwork> {
    let net = IpNetwork::new(ip, prefix).ok()?;
    IpNetwork::new(net.network(), prefix).ok()
}

/// Returns the smallest subnet that holds all addresses, and no smaller than a usual one.
fn common(addresses: &[IpAddr]) -> Option<IpNetwork> {
    let first = *addresses.first()?;
    let usual = if first.is_ipv4() { 24 } else { 64 };
    let holds = |subnet: &IpNetwork| addresses.iter().all(|address| subnet.contains(*address));
    (0..=usual).rev().filter_map(|prefix| around(first, prefix)).find(holds)
}
