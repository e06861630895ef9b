//! Which probes a network file asks for: a pure function.

use std::net::IpAddr;

use flows::network::{Allow, Inside, LinkRole, Network, NetworkFile, Never, Party, Protocol};

use super::forged;
use super::frames::{Body, Frame};
use super::talk::Speech;
use crate::lab::addressing;
use crate::lab::plan::{HOST, INTERNET, LabPlan, MAC_WIRE, Place, Subject, mac};

/// Ports for rules that leave them open.
const ANY_TCP: u16 = 443;
const ANY_UDP: u16 = 53;
/// The port at which members of an open network are probed (Proxmox).
const INSIDE_TCP: u16 = 8006;
/// Ports that no rule should list; the first that none lists is probed.
const UNLISTED: [u16; 4] = [4444, 5555, 6666, 7777];
/// Probed ports of one rule.
const PORTS: usize = 16;

/// What should become of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It gets an answer.
    Passes,
    /// It does not arrive, as no rule says it may.
    Denied,
    /// It does not arrive, as the file says it must never.
    Never,
}

impl Expected {
    /// The word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Denied => "denied",
            Self::Never => "never",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// From whom (a place's name).
    pub from: String,
    /// To whom.
    pub to: String,
    /// What is tried, and because of what.
    pub what: String,
    /// What should become of it.
    pub expected: Expected,
    /// How it is tried.
    pub action: Action,
}

/// How a probe is tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A conversation.
    Talk {
        /// The key of the client's namespace.
        client: String,
        /// The client's address.
        source: IpAddr,
        /// The key of the server's namespace.
        server: String,
        /// The server's address.
        target: IpAddr,
        /// By which protocol.
        speech: Speech,
    },
    /// Raw frames from one place.
    Frames {
        /// Where they are sent.
        from: Box<Place>,
        /// The frames.
        frames: Vec<Frame>,
        /// The device in the lab's host by which all of them must come into a bridge: else nothing is shown.
        enters: String,
        /// Where they are looked for: none may turn up there. For [`Expected::Passes`], all must.
        at: Vec<Place>,
    },
}

/// A side of a conversation.
#[derive(Debug, Clone, PartialEq)]
struct Site {
    namespace: String,
    address: IpAddr,
}

/// The probes of a file in its lab.
pub fn derive(file: &NetworkFile, plan: &LabPlan) -> Vec<Probe> {
    let view = View { file, plan };
    let mut probes = Vec::new();
    for allow in &file.allows {
        view.allow(allow, &mut probes);
    }
    for network in &file.networks {
        view.inside(network, &mut probes);
    }
    for network in &file.networks {
        view.unlisted(network, &mut probes);
    }
    for bridge in &file.bridges {
        view.unknown_local(&bridge.name, &mut probes);
    }
    for never in &file.nevers {
        view.never(never, &mut probes);
    }
    probes
}

struct View<'a> {
    file: &'a NetworkFile,
    plan: &'a LabPlan,
}

impl<'a> View<'a> {
    fn of_subject(&self, subject: &Subject) -> Vec<&'a Place> {
        self.plan.places.iter().filter(|p| p.subject == *subject && p.network.is_some()).collect()
    }

    fn endpoints_of(&self, network: &str) -> Vec<&'a Place> {
        let endpoint = |p: &&Place| matches!(p.subject, Subject::Endpoint(_));
        self.members(network).into_iter().filter(endpoint).collect()
    }

    /// All that is on a network: endpoints, what is behind its links, and its exits.
    fn members(&self, network: &str) -> Vec<&'a Place> {
        self.plan.places.iter().filter(|p| p.network.as_deref() == Some(network)).collect()
    }

    fn named(&self, name: &str, whole: bool) -> Vec<&'a Place> {
        match self.file.party(name) {
            Some(Party::Network(n)) if whole => self.members(&n.name),
            Some(Party::Network(n)) => self.endpoints_of(&n.name),
            Some(Party::Endpoint(e)) => self.of_subject(&Subject::Endpoint(e.name.clone())),
            Some(Party::Link(l)) => self.of_subject(&Subject::Link(l.name.clone())),
            Some(Party::Exit(e) | Party::Outside(_, e)) => self.of_subject(&Subject::Exit(e.name.clone())),
            None => Vec::new(),
        }
    }

    fn list(&self, names: &[String], whole: bool) -> Vec<&'a Place> {
        let mut places: Vec<&Place> = Vec::new();
        for place in names.iter().flat_map(|n| self.named(n, whole)) {
            if !places.iter().any(|p| p.name == place.name) {
                places.push(place);
            }
        }
        places
    }

    /// The wires of links into the networks that names of a `never` stand for, as places at their far ends:
    /// what comes in there has passed no other bridge of ours.
    fn wires(&self, names: &[String]) -> Vec<Place> {
        let mut wires: Vec<Place> = Vec::new();
        for (number, link) in self.file.links.iter().enumerate() {
            let [one, other] = &link.ends;
            for (near, far) in [(one, other), (other, one)] {
                let LinkRole::Network { network, behind } = &near.role else { continue };
                let Some(network) = self.file.network(network) else { continue };
                if !names.iter().any(|n| *n == link.name || *n == network.name) {
                    continue;
                }
                let node = self.of_subject(&Subject::Link(link.name.clone())).into_iter().next();
                let addresses = match node {
                    Some(node) => node.addresses.clone(),
                    None => behind.iter().filter_map(|p| addressing::free_like(*p, network)).collect(),
                };
                wires.push(Place {
                    name: format!("wire {}", near.port),
                    subject: Subject::Link(link.name.clone()),
                    network: Some(network.name.clone()),
                    bridge: near.bridge.clone(),
                    port: near.port.clone(),
                    entry: near.port.clone(),
                    vlan: None,
                    namespace: HOST.to_owned(),
                    device: far.port.clone(),
                    mac: node.map_or_else(|| mac(MAC_WIRE, number), |n| n.mac),
                    addresses,
                    leased: false,
                    behind: Vec::new(),
                });
            }
        }
        wires
    }

    fn never(&self, never: &Never, probes: &mut Vec<Probe>) {
        let (from_wires, to_wires) = (self.wires(&never.from), self.wires(&never.to));
        let mut from = self.list(&never.from, true);
        from.extend(&from_wires);
        let mut to = self.list(&never.to, true);
        // Where a node is behind the wire, it is looked for at both; else only at the wire.
        to.extend(to_wires.iter().filter(|w| !self.plan.places.iter().any(|p| p.subject == w.subject)));
        for a in &from {
            for b in to.iter().filter(|b| b.name != a.name) {
                let at: Vec<Place> = to.iter().filter(|p| p.name != a.name).map(|p| (*p).clone()).collect();
                let frames = forged::frames(a, b, &to, &self.local_macs());
                probes.push(Probe {
                    from: a.name.clone(),
                    to: b.name.clone(),
                    what: format!("{} raw frames ({})", frames.len(), never.name),
                    expected: Expected::Never,
                    // A mesh bridge may drop what is forged; that it came that far is enough here.
                    action: Action::Frames {
                        from: Box::new((*a).clone()),
                        frames,
                        enters: a.port.clone(),
                        at,
                    },
                });
            }
        }
    }

    /// The bridges' own MACs: a host that routes is addressed by them.
    fn local_macs(&self) -> Vec<(&'a str, [u8; 6])> {
        self.plan.bridges.iter().map(|b| (b.name.as_str(), b.mac)).collect()
    }

    /// Where conversations with a place are held: at its own addresses, and for an exit also beyond it.
    fn sites(&self, place: &Place) -> Vec<Site> {
        let at = |namespace: &str, address| Site { namespace: namespace.to_owned(), address };
        let mut sites: Vec<_> = place.addresses.iter().map(|a| at(&place.namespace, a.ip())).collect();
        if matches!(place.subject, Subject::Exit(_)) {
            // Its namespace and the internet are joined by a cable: the far end's device has the address.
            let cable = self.plan.cables.iter().find(|c| c.a.namespace == place.namespace);
            let internet = self.plan.namespaces.iter().find(|n| n.key == INTERNET);
            if let (Some(cable), Some(internet)) = (cable, internet) {
                let beyond = internet.addresses.iter().filter(|(device, _)| *device == cable.b.device);
                sites.extend(beyond.map(|(_, a)| at(INTERNET, a.ip())));
            }
        }
        sites
    }

    /// Where an exit's traffic comes from is the internet, not the exit.
    fn clients(&self, place: &Place) -> Vec<Site> {
        let sites = self.sites(place);
        match place.subject {
            Subject::Exit(_) => sites.into_iter().filter(|s| s.namespace == INTERNET).collect(),
            _ => sites,
        }
    }

    fn allow(&self, allow: &Allow, probes: &mut Vec<Probe>) {
        let speeches = speeches(allow);
        let (from, to) = (self.list(&allow.from, false), self.list(&allow.to, false));
        for a in &from {
            for b in to.iter().filter(|b| b.name != a.name && b.network == a.network) {
                let mut clients = self.clients(a);
                if matches!(b.subject, Subject::Exit(_)) {
                    // Only beyond an exit does everybody have a way back to the addresses behind an endpoint.
                    let behind = a.behind.iter();
                    clients.extend(behind.map(|b| Site { namespace: a.namespace.clone(), address: *b }));
                }
                for (number, client) in clients.iter().enumerate() {
                    for server in self.sites(b) {
                        for speech in &speeches {
                            let note = if number == 0 { "" } else { " from behind it" };
                            let what = format!("{}{note} ({})", said(*speech, &server, b), allow.name);
                            probes.extend(talk(a, b, client, &server, *speech, what));
                        }
                    }
                }
                if allow.protocol == Protocol::Sctp {
                    probes.extend(self.sctp(allow, a, b));
                }
            }
        }
    }

    /// No conversation, as many kernels have no SCTP: an INIT has to arrive.
    fn sctp(&self, allow: &Allow, a: &Place, b: &Place) -> Option<Probe> {
        let port = allow.ports.first().copied().unwrap_or(ANY_TCP);
        let sites = (self.clients(a), self.sites(b));
        let (IpAddr::V4(source), IpAddr::V4(target)) = (sites.0.first()?.address, sites.1.first()?.address)
        else {
            return None;
        };
        let frames = vec![Frame::new(a.mac, b.mac, Body::Sctp(source, 40_000, target, port))];
        let (enters, at) = (a.entry.clone(), vec![b.clone()]);
        let action = Action::Frames { from: Box::new(a.clone()), frames, enters, at };
        let what = format!("sctp {port}, an INIT ({})", allow.name);
        Some(Probe { from: a.name.clone(), to: b.name.clone(), what, expected: Expected::Passes, action })
    }

    fn inside(&self, network: &Network, probes: &mut Vec<Probe>) {
        if network.inside != Inside::Allow {
            return;
        }
        let members = self.endpoints_of(&network.name);
        for a in &members {
            for b in members.iter().filter(|b| b.name != a.name) {
                for speech in [Speech::Tcp(INSIDE_TCP), Speech::Ping] {
                    for (client, server) in self.clients(a).iter().zip(self.sites(b)) {
                        let what = format!("{} (inside {})", said(speech, &server, b), network.name);
                        probes.extend(talk(a, b, client, &server, speech, what));
                    }
                }
            }
        }
    }

    /// What no rule says: to every member from every other, at a port that no rule lists.
    fn unlisted(&self, network: &Network, probes: &mut Vec<Probe>) {
        let members = self.members(&network.name);
        let endpoint = |p: &Place| matches!(p.subject, Subject::Endpoint(_));
        for a in &members {
            for b in members.iter().filter(|b| b.name != a.name) {
                if network.inside == Inside::Allow && endpoint(a) && endpoint(b) {
                    continue;
                }
                let names =
                    |list: &[String], p: &Place| self.list(list, false).iter().any(|q| q.name == p.name);
                let between: Vec<&Allow> =
                    self.file.allows.iter().filter(|r| names(&r.from, a) && names(&r.to, b)).collect();
                // A rule without ports leaves none unlisted, and one without a protocol leaves nothing.
                let open = |protocol: Protocol| {
                    let fits = |r: &&&Allow| r.protocol == protocol && r.ports.is_empty();
                    between.iter().any(|r| r.protocol == Protocol::Any) || between.iter().find(fits).is_some()
                };
                let port = UNLISTED.into_iter().find(|p| !between.iter().any(|r| r.ports.contains(p)));
                let Some(port) = port else { continue };
                let mut frames = Vec::new();
                let mut said = Vec::new();
                for (client, server) in self.clients(a).iter().zip(self.sites(b)) {
                    let (source, target) = (client.address, server.address);
                    if source.is_ipv4() != target.is_ipv4() {
                        continue;
                    }
                    let mut add = |name: String, body| {
                        frames.push(Frame::new(a.mac, b.mac, body));
                        if !said.contains(&name) {
                            said.push(name);
                        }
                    };
                    if !open(Protocol::Tcp) {
                        add(format!("tcp {port}"), Body::Syn(source, 40_000, target, port));
                    }
                    if !open(Protocol::Udp) {
                        add(format!("udp {port}"), Body::Udp(source, 40_000, target, port));
                    }
                    if !open(Protocol::Icmp) {
                        add("ping".to_owned(), Body::Echo(source, target));
                    }
                }
                if frames.is_empty() {
                    continue;
                }
                probes.push(Probe {
                    from: a.name.clone(),
                    to: b.name.clone(),
                    what: format!("{} (no rule)", said.join(", ")),
                    expected: Expected::Denied,
                    action: Action::Frames {
                        from: Box::new((*a).clone()),
                        frames,
                        enters: a.entry.clone(),
                        at: vec![(*b).clone()],
                    },
                });
            }
        }
    }

    /// The internal port of a bridge on which the file gives the host no place.
    fn unknown_local(&self, bridge: &str, probes: &mut Vec<Probe>) {
        let Some(planned) = self.plan.bridges.iter().find(|b| b.name == bridge) else { return };
        if self.plan.places.iter().any(|p| p.port == bridge) {
            return;
        }
        let near = |p: &&Place| {
            let network = p.network.as_deref().and_then(|n| self.file.network(n));
            network.is_some_and(|n| p.bridge == bridge || n.bridge == bridge)
        };
        let targets: Vec<&Place> = self.plan.places.iter().filter(near).collect();
        let local = Place {
            name: format!("LOCAL of {bridge}"),
            subject: Subject::Declared,
            network: None,
            bridge: bridge.to_owned(),
            port: bridge.to_owned(),
            entry: bridge.to_owned(),
            vlan: None,
            namespace: HOST.to_owned(),
            device: bridge.to_owned(),
            mac: planned.mac,
            addresses: Vec::new(),
            leased: false,
            behind: Vec::new(),
        };
        for target in &targets {
            let frames = forged::frames(&local, target, &targets, &[]);
            probes.push(Probe {
                from: local.name.clone(),
                to: target.name.clone(),
                what: format!("{} raw frames (not in the file)", frames.len()),
                expected: Expected::Denied,
                action: Action::Frames {
                    from: Box::new(local.clone()),
                    frames,
                    enters: bridge.to_owned(),
                    at: targets.iter().map(|p| (*p).clone()).collect(),
                },
            });
        }
    }
}

/// How a rule's traffic is tried.
fn speeches(allow: &Allow) -> Vec<Speech> {
    let ports = |any: u16| if allow.ports.is_empty() { vec![any] } else { allow.ports.clone() };
    let ports = |any: u16| ports(any).into_iter().take(PORTS);
    match allow.protocol {
        Protocol::Any => vec![Speech::Tcp(ANY_TCP), Speech::Udp(ANY_UDP), Speech::Ping],
        Protocol::Tcp => ports(ANY_TCP).map(Speech::Tcp).collect(),
        Protocol::Udp => ports(ANY_UDP).map(Speech::Udp).collect(),
        Protocol::Icmp => vec![Speech::Ping],
        Protocol::Sctp | Protocol::Dhcp => Vec::new(),
    }
}

fn said(speech: Speech, server: &Site, place: &Place) -> String {
    let what = match speech {
        Speech::Tcp(port) => format!("tcp {port}"),
        Speech::Udp(port) => format!("udp {port}"),
        Speech::Ping => "ping".to_owned(),
    };
    let several = place.addresses.len() > 1 || matches!(place.subject, Subject::Exit(_));
    if several { format!("{what} to {}", server.address) } else { what }
}

fn talk(a: &Place, b: &Place, client: &Site, server: &Site, speech: Speech, what: String) -> Option<Probe> {
    if client.address.is_ipv4() != server.address.is_ipv4() {
        return None;
    }
    Some(Probe {
        from: a.name.clone(),
        to: b.name.clone(),
        what,
        expected: Expected::Passes,
        action: Action::Talk {
            client: client.namespace.clone(),
            source: client.address,
            server: server.namespace.clone(),
            target: server.address,
            speech,
        },
    })
}
