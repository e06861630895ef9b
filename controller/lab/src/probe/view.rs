//! The permissions of the network file alone, against which the probes check the flows.
//!
//! It shares no code with the compiler.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use flows::network::{
    Allow, Crossing, EnforcementPoint as Enforced, Inside, Network, NetworkFile, Outside, Party, Protocol,
};

use crate::addressing;
use crate::plan::{INTERNET, LabPlan, PlannedPort, Subject, represented_address};

/// Ports for rules that leave them open.
const ANY_TCP: u16 = 443;
const ANY_UDP: u16 = 53;
/// The port at which members of an open network are probed (Proxmox).
pub(super) const INSIDE_TCP: u16 = 8006;
/// Ports that no rule should name. The first unnamed one is probed.
const UNLISTED: [u16; 4] = [4444, 5555, 6666, 7777];

/// The context of the file's rules: the time and the open windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeContext {
    /// Seconds since 1970-01-01 UTC.
    pub time: u64,
    /// The open windows.
    pub open: Vec<String>,
}

impl ProbeContext {
    /// Returns the present time, with all windows closed.
    pub fn closed() -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Self { time, open: Vec::new() }
    }
}

/// A kind of traffic to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum TrialKind {
    Tcp(u16),
    Udp(u16),
    Sctp(u16),
    Ping,
}

impl TrialKind {
    pub(super) fn said(self) -> String {
        match self {
            Self::Tcp(port) => format!("tcp {port}"),
            Self::Udp(port) => format!("udp {port}"),
            Self::Sctp(port) => format!("sctp {port}"),
            Self::Ping => "ping".to_owned(),
        }
    }

    fn fits(self, protocol: Protocol, ports: &[u16]) -> bool {
        let listed = |port: u16| ports.is_empty() || ports.contains(&port);
        match (protocol, self) {
            (Protocol::Any, _) | (Protocol::Icmp, Self::Ping) => true,
            (Protocol::Tcp, Self::Tcp(port))
            | (Protocol::Udp, Self::Udp(port))
            | (Protocol::Sctp, Self::Sctp(port)) => listed(port),
            _ => false,
        }
    }
}

/// One side of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TrialSide {
    /// The key of the namespace that has the address.
    pub(super) namespace: String,
    pub(super) address: IpAddr,
    /// True if the address lies beyond the place, and is not the place's own.
    pub(super) beyond: bool,
}

/// The file, its lab, and the context.
pub(super) struct LabView<'a> {
    pub(super) file: &'a NetworkFile,
    pub(super) plan: &'a LabPlan,
    pub(super) now: &'a ProbeContext,
}

impl<'a> LabView<'a> {
    pub(super) fn of_subject(&self, subject: &Subject) -> Vec<&'a PlannedPort> {
        self.plan.places.iter().filter(|p| p.subject == *subject && p.network.is_some()).collect()
    }

    /// Returns all places of a network: endpoints, nodes behind its links, and its exits.
    pub(super) fn members(&self, network: &str) -> Vec<&'a PlannedPort> {
        self.plan.places.iter().filter(|p| p.network.as_deref() == Some(network)).collect()
    }

    pub(super) fn network_of(&self, place: &PlannedPort) -> Option<&'a Network> {
        place.network.as_deref().and_then(|n| self.file.network(n))
    }

    fn named(&self, name: &str, whole: bool) -> Vec<&'a PlannedPort> {
        let endpoint = |p: &&PlannedPort| matches!(p.subject, Subject::Endpoint(_));
        match self.file.party(name) {
            Some(Party::Network(n)) if whole => self.members(&n.name),
            Some(Party::Network(n)) => self.members(&n.name).into_iter().filter(endpoint).collect(),
            Some(Party::Endpoint(e)) => self.of_subject(&Subject::Endpoint(e.name.clone())),
            Some(Party::Link(l)) => self.of_subject(&Subject::Link(l.name.clone())),
            Some(Party::Exit(e) | Party::Outside(_, e)) => self.of_subject(&Subject::Exit(e.name.clone())),
            None => Vec::new(),
        }
    }

    /// Returns the places that a list of names stands for. A network stands for all of its places,
    /// or for its endpoints.
    pub(super) fn list(&self, names: &[String], whole: bool) -> Vec<&'a PlannedPort> {
        let mut places: Vec<&PlannedPort> = Vec::new();
        for place in names.iter().flat_map(|n| self.named(n, whole)) {
            if !places.iter().any(|p| p.name == place.name) {
                places.push(place);
            }
        }
        places
    }

    /// Returns whether a list names a place with that address.
    fn is_named(&self, names: &[String], place: &PlannedPort, address: IpAddr) -> bool {
        names.iter().any(|name| match (self.file.party(name), &place.subject) {
            (Some(Party::Network(n)), Subject::Endpoint(_)) => place.network.as_deref() == Some(&*n.name),
            (Some(Party::Endpoint(e)), Subject::Endpoint(s)) => e.name == *s,
            (Some(Party::Link(l)), Subject::Link(s)) => l.name == *s,
            (Some(Party::Exit(e)), Subject::Exit(s)) => e.name == *s,
            (Some(Party::Outside(o, e)), Subject::Exit(s)) => {
                e.name == *s && !self.has(place, address) && self.is_of(o, address)
            }
            _ => false,
        })
    }

    fn is_of(&self, outside: &Outside, address: IpAddr) -> bool {
        outside.addresses.is_empty() || outside.addresses.iter().any(|p| p.contains(address))
    }

    fn has(&self, place: &PlannedPort, address: IpAddr) -> bool {
        place.addresses.iter().any(|a| a.ip() == address)
    }

    fn is_open(&self, allow: &Allow) -> bool {
        allow.place == Enforced::Switch && allow.temp.as_ref().is_none_or(|t| self.now.open.contains(t))
    }

    /// Returns the rules that are active on a bridge in this context.
    pub(super) fn rules(&self) -> impl Iterator<Item = &'a Allow> + '_ {
        self.file.allows.iter().filter(|a| self.is_open(a))
    }

    fn crossings(&self) -> impl Iterator<Item = &'a Crossing> + '_ {
        self.file.crossings.iter().filter(|c| c.expires.is_none_or(|end| end > self.now.time))
    }

    /// Returns the rule by which `a` may open that kind of traffic to `b`, with these addresses.
    pub(super) fn may(
        &self,
        (a, source): (&PlannedPort, IpAddr),
        (b, target): (&PlannedPort, &TrialSide),
        kind: TrialKind,
    ) -> Option<String> {
        let address = target.address;
        if a.network != b.network {
            let end = |names: &[String], p: &PlannedPort, address| {
                matches!(&p.subject, Subject::Endpoint(e) if names.contains(e)) && self.has(p, address)
            };
            let fits = |c: &&Crossing| {
                end(&c.from, a, source) && end(&c.to, b, address) && kind.fits(c.protocol, &c.ports)
            };
            return self.crossings().find(fits).map(|c| c.name.clone());
        }
        if target.beyond && !matches!(b.subject, Subject::Exit(_)) {
            return self.may_by((a, source), b, address, kind);
        }
        if target.beyond {
            let leaves = self.leaves_by((a, source), address, kind)?;
            return (leaves.0.name == b.name).then_some(leaves.1);
        }
        // At a leased address, rules name only an endpoint without another address.
        let named = self.file.endpoints.iter().find(|e| b.subject == Subject::Endpoint(e.name.clone()));
        if b.leased && named.is_some_and(|e| !e.is_only_leased() && !e.has(address)) {
            return self.inside(a, b);
        }
        let rule = self
            .rules()
            .filter(|r| r.via.is_none() && kind.fits(r.protocol, &r.ports))
            .find(|r| self.is_named(&r.from, a, source) && self.is_named(&r.to, b, address));
        rule.map(|r| r.name.clone()).or_else(|| self.inside(a, b))
    }

    /// Returns the exit by which a packet for an outside address leaves its network, and the rule
    /// that sends it there. A rule with ports precedes one without. Of two equal ones, the first in
    /// the file wins.
    pub(super) fn leaves_by(
        &self,
        (a, source): (&PlannedPort, IpAddr),
        target: IpAddr,
        kind: TrialKind,
    ) -> Option<(&'a PlannedPort, String)> {
        let mut rules: Vec<&Allow> = self
            .rules()
            .filter(|r| r.via.is_none() && kind.fits(r.protocol, &r.ports))
            .filter(|r| self.is_named(&r.from, a, source))
            .collect();
        rules.sort_by_key(|r| r.ports.is_empty() && r.protocol != Protocol::Icmp);
        rules.into_iter().find_map(|rule| {
            let outside = |name: &&String| matches!(self.file.party(name), Some(Party::Outside(..)));
            let (outsides, exits): (Vec<&String>, Vec<_>) = rule.to.iter().partition(outside);
            let place = exits.into_iter().chain(outsides).find_map(|name| {
                let mut places = self.named(name, false).into_iter();
                places.find(|p| p.network == a.network && self.is_exit_to(name, p, target))
            })?;
            Some((place, rule.name.clone()))
        })
    }

    /// Returns whether a name in a rule stands for an outside address behind the exit of the place.
    fn is_exit_to(&self, name: &String, place: &PlannedPort, target: IpAddr) -> bool {
        matches!(place.subject, Subject::Exit(_)) && self.is_named(std::slice::from_ref(name), place, target)
    }

    /// Returns the reason, in words, why members of one network talk freely, if they do.
    pub(super) fn inside(&self, a: &PlannedPort, b: &PlannedPort) -> Option<String> {
        let endpoint = |p: &PlannedPort| matches!(p.subject, Subject::Endpoint(_));
        let network = self.network_of(a).filter(|n| n.inside == Inside::Allow)?;
        (endpoint(a) && endpoint(b)).then(|| format!("inside {}", network.name))
    }

    /// Returns the rule that allows the traffic through `hop`, if another rule lets the hop forward
    /// it.
    fn may_by(
        &self,
        (a, source): (&PlannedPort, IpAddr),
        hop: &PlannedPort,
        target: IpAddr,
        kind: TrialKind,
    ) -> Option<String> {
        let rule = self.rule_by((a, source), hop, target, kind)?;
        let beyond = TrialSide { namespace: String::new(), address: target, beyond: true };
        let exits = self.plan.places.iter().filter(|p| matches!(p.subject, Subject::Exit(_)));
        let on = exits.flat_map(|exit| self.of_subject(&hop.subject).into_iter().map(move |leg| (leg, exit)));
        let goes_on = on.filter(|(leg, exit)| leg.network == exit.network).any(|(leg, exit)| {
            let own = leg.address_like(target);
            own.is_some_and(|own| self.may((leg, own), (exit, &beyond), kind).is_some())
        });
        goes_on.then(|| rule.name.clone())
    }

    /// Returns whether a rule lets the packet reach the next hop, whatever happens there.
    pub(super) fn reaches_hop(
        &self,
        (a, source): (&PlannedPort, IpAddr),
        hop: &PlannedPort,
        target: IpAddr,
        kind: TrialKind,
    ) -> bool {
        a.network == hop.network && self.rule_by((a, source), hop, target, kind).is_some()
    }

    /// Returns the rule that sends the traffic to its next hop `hop`.
    fn rule_by(
        &self,
        (a, source): (&PlannedPort, IpAddr),
        hop: &PlannedPort,
        target: IpAddr,
        kind: TrialKind,
    ) -> Option<&'a Allow> {
        let Subject::Endpoint(name) = &hop.subject else { return None };
        let leads = |to: &String| match self.file.party(to) {
            Some(Party::Exit(_)) => true,
            Some(Party::Outside(o, _)) => self.is_of(o, target),
            _ => false,
        };
        self.rules().find(|r| {
            r.via.as_ref() == Some(name)
                && kind.fits(r.protocol, &r.ports)
                && self.is_named(&r.from, a, source)
                && r.to.iter().any(leads)
        })
    }

    /// Returns the sides for conversations with a place: its own addresses, those beyond it for an
    /// exit, and for the next hop of a rule the rule's destination.
    pub(super) fn sites(&self, place: &PlannedPort) -> Vec<TrialSide> {
        let at =
            |namespace: &str, address, beyond| TrialSide { namespace: namespace.to_owned(), address, beyond };
        let mut sites: Vec<_> = place.addresses.iter().map(|a| at(&place.namespace, a.ip(), false)).collect();
        let mut beyond = Vec::new();
        match &place.subject {
            Subject::Exit(exit) => beyond.extend(self.behind(exit)),
            Subject::Endpoint(endpoint) => {
                for allow in self.file.allows.iter().filter(|a| a.via.as_ref() == Some(endpoint)) {
                    if !self.list(&allow.from, false).iter().any(|p| p.network == place.network) {
                        continue;
                    }
                    for name in &allow.to {
                        if let Some(Party::Exit(e) | Party::Outside(_, e)) = self.file.party(name)
                            && e.network != place.network
                        {
                            beyond.extend(self.behind(&e.name));
                        }
                    }
                }
            }
            _ => {}
        }
        for address in beyond {
            let site = at(INTERNET, address, true);
            if !sites.contains(&site) {
                sites.push(site);
            }
        }
        sites
    }

    /// Returns the internet's addresses behind an exit: its own there, and those of the outsides in
    /// the file.
    fn behind(&self, exit: &str) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        // A cable joins its namespace and the internet: the device at the far end has the address.
        let place = self.plan.places.iter().find(|p| p.subject == Subject::Exit(exit.to_owned()));
        let cable =
            place.and_then(|place| self.plan.cables.iter().find(|c| c.a.namespace == place.namespace));
        let internet = self.plan.namespaces.iter().find(|n| n.key == INTERNET);
        if let (Some(cable), Some(internet)) = (cable, internet) {
            let beyond = internet.addresses.iter().filter(|(device, _)| *device == cable.b.device);
            addresses.extend(beyond.map(|(_, a)| a.ip()));
        }
        let families: Vec<bool> = addresses.iter().map(IpAddr::is_ipv4).collect();
        for outside in self.file.outsides.iter().filter(|o| o.exit == exit) {
            let of = outside.addresses.iter().filter_map(|p| represented_address(*p));
            addresses.extend(of.filter(|a| families.contains(&a.is_ipv4())));
        }
        addresses
    }

    /// Returns the client sides of a place. Traffic from an exit comes from the internet behind it.
    pub(super) fn clients(&self, place: &PlannedPort) -> Vec<TrialSide> {
        let sites = self.sites(place);
        match place.subject {
            Subject::Exit(_) => sites.into_iter().filter(|s| s.beyond).collect(),
            _ => sites.into_iter().filter(|s| !s.beyond).collect(),
        }
    }

    /// Returns whether the file reserves the address for one owner.
    fn owned(&self, address: IpAddr) -> bool {
        let plugs = || self.file.endpoints.iter().flat_map(|e| &e.attachments);
        plugs().any(|a| a.addresses.contains(&address) || a.behind.iter().any(|p| p.contains(address)))
            || self.file.exits.iter().any(|e| e.next_hop.contains(&address))
    }

    /// Returns whether a place may make itself an address in a network whose router advertises
    /// itself. No other place may have it.
    fn may_make(&self, place: &PlannedPort, address: IpAddr) -> bool {
        let router = place.network.as_deref().is_some_and(|network| self.file.has_router(network));
        let others = || self.plan.places.iter().filter(|other| other.network == place.network);
        address.is_ipv6() && router && !others().any(|other| self.has(other, address))
    }

    /// Returns whether a place may send with that source address.
    pub(super) fn may_use(&self, place: &PlannedPort, address: IpAddr) -> bool {
        if self.has(place, address) && !place.leased {
            return true;
        }
        let network = self.network_of(place);
        let inside = |n: &Network| n.subnets.iter().any(|s| s.contains(address));
        match &place.subject {
            Subject::Endpoint(name) => {
                let plugs =
                    self.file.endpoints.iter().filter(|e| e.name == *name).flat_map(|e| &e.attachments);
                let here = |network: &str| place.network.as_deref() == Some(network);
                plugs.filter(|a| here(&a.network)).any(|a| {
                    a.behind.iter().any(|p| p.contains(address))
                        || (a.leased
                            && network.is_some_and(inside)
                            && !self.owned(address)
                            && (self.has(place, address) || self.may_make(place, address)))
                })
            }
            Subject::Link(name) => {
                let ends = self.file.links.iter().filter(|l| l.name == *name).flat_map(|l| &l.ends);
                let behind = ends.filter_map(|e| match &e.role {
                    flows::network::LinkRole::Network { behind, .. } => Some(behind),
                    _ => None,
                });
                behind.flatten().any(|p| p.contains(address)) && !self.owned(address)
            }
            Subject::Exit(_) => !self.owned(address) && !self.file.networks.iter().any(inside),
            Subject::Declared => false,
        }
    }

    /// Returns every kind of traffic that a rule of the file names, active or not, and one of each
    /// protocol that no rule names.
    pub(super) fn universe(&self) -> Vec<TrialKind> {
        let (mut tcp, mut udp, mut sctp) = (Vec::new(), Vec::new(), Vec::new());
        let rules = self.file.allows.iter().map(|a| (a.protocol, &a.ports));
        for (protocol, ports) in rules.chain(self.file.crossings.iter().map(|c| (c.protocol, &c.ports))) {
            let of = |any: u16| if ports.is_empty() { vec![any] } else { ports.clone() };
            match protocol {
                Protocol::Any => {
                    tcp.push(ANY_TCP);
                    udp.push(ANY_UDP);
                }
                Protocol::Tcp => tcp.extend(of(ANY_TCP)),
                Protocol::Udp => udp.extend(of(ANY_UDP)),
                Protocol::Sctp => sctp.extend(of(ANY_TCP)),
                Protocol::Icmp | Protocol::Dhcp | Protocol::Vrrp => {}
            }
        }
        let unlisted = |ports: &[u16]| UNLISTED.into_iter().find(|p| !ports.contains(p));
        tcp.extend(unlisted(&tcp));
        udp.extend(unlisted(&udp));
        if !sctp.is_empty() {
            sctp.extend(unlisted(&sctp));
        }
        let mut kinds: Vec<TrialKind> = tcp.into_iter().map(TrialKind::Tcp).collect();
        kinds.extend(udp.into_iter().map(TrialKind::Udp));
        kinds.extend(sctp.into_iter().map(TrialKind::Sctp));
        kinds.push(TrialKind::Ping);
        let mut seen = std::collections::BTreeSet::new();
        kinds.retain(|kind| seen.insert(*kind));
        kinds
    }

    /// Returns an unowned address of a subnet.
    pub(super) fn nobody(&self, place: &PlannedPort) -> Option<IpAddr> {
        const NOBODY: u32 = 77;
        let subnets = self.network_of(place)?.subnets.iter();
        subnets.filter_map(|s| addressing::nth(*s, NOBODY)).find(|a| !self.owned(*a))
    }
}
