//! What a network file says about a packet, read from the file alone: an oracle for the compiler that shares
//! no code with it. First packets only; answers are the matter of learned flows.

use std::net::IpAddr;

use flows::network::{Inside, LinkRole, NetworkFile, Protocol};
use ipnetwork::IpNetwork;

/// A packet as the file's words see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// An ARP or neighbour discovery request or answer: sender's and target's address.
    Resolution { sender: IpAddr, target: IpAddr },
    /// An IP packet.
    Ip { src: IpAddr, dst: IpAddr, content: Content },
}

/// What an IP packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Tcp(u16),
    Udp { src: u16, dst: u16 },
    Sctp(u16),
    EchoRequest,
    OtherIcmp(u8),
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Endpoint,
    Link,
    Exit,
}

#[derive(Debug, Clone)]
struct Party<'a> {
    name: &'a str,
    port: &'a str,
    network: &'a str,
    kind: Kind,
    addresses: Vec<IpNetwork>,
    behind: Vec<IpNetwork>,
}

/// The ports of `bridge` that the packet comes out of, untagged.
pub(crate) fn verdict(file: &NetworkFile, bridge: &str, in_port: &str, what: What) -> Vec<String> {
    let parties = parties(file, bridge);
    let Some(from) = parties.iter().find(|p| p.port == in_port) else { return Vec::new() };
    if let What::Ip { src, dst, content } = what
        && group(file, from, dst)
        && !rogue(content, src)
        && claims(file, &parties, from, src)
    {
        // The members of a network hear each other's broadcasts where they may talk freely.
        let heard = parties.iter().filter(|to| to.port != in_port && to.network == from.network);
        return heard.filter(|to| inside(file, from, to)).map(|to| to.port.to_owned()).collect();
    }
    one(file, &parties, from, what).into_iter().collect()
}

/// A multicast or broadcast address, as seen from somebody.
fn group(file: &NetworkFile, from: &Party<'_>, dst: IpAddr) -> bool {
    let subnets = file.network(from.network).into_iter().flat_map(|n| &n.subnets);
    let broadcast = |subnet: &IpNetwork| subnet.is_ipv4() && subnet.broadcast() == dst;
    dst.is_multicast() || dst == IpAddr::from([255; 4]) || subnets.into_iter().any(broadcast)
}

fn one(file: &NetworkFile, parties: &[Party<'_>], from: &Party<'_>, what: What) -> Option<String> {
    let to = match what {
        What::Resolution { sender, target } => {
            // A link resolves whatever is behind it, everybody else their very addresses.
            let own = from.addresses.iter().any(|a| a.contains(sender));
            let may = own || (from.kind == Kind::Link && claims(file, parties, from, sender));
            if !may {
                return None;
            }
            let to = receiver(file, parties, from, target)?;
            let resolves = to.addresses.iter().any(|a| a.contains(target)) || to.kind == Kind::Link;
            if !resolves {
                return None;
            }
            to
        }
        What::Ip { src, dst, content } => {
            if rogue(content, src) || !claims(file, parties, from, src) {
                return None;
            }
            receiver(file, parties, from, dst)?
        }
    };
    let fine = match what {
        What::Resolution { .. } => inside(file, from, to) || joined(file, from, to) || joined(file, to, from),
        What::Ip { content, .. } => inside(file, from, to) || allowed(file, from, to, content),
    };
    fine.then(|| to.port.to_owned())
}

fn parties<'a>(file: &'a NetworkFile, bridge: &str) -> Vec<Party<'a>> {
    let here = |name: &str| file.network(name).is_some_and(|n| n.bridge == bridge);
    let mut all = Vec::new();
    for e in &file.endpoints {
        for a in e.attachments.iter().filter(|a| here(&a.network)) {
            all.push(Party {
                name: &e.name,
                port: &a.port,
                network: &a.network,
                kind: Kind::Endpoint,
                addresses: a.addresses.iter().map(|i| IpNetwork::from(*i)).collect(),
                behind: a.behind.clone(),
            });
        }
    }
    for l in &file.links {
        for end in &l.ends {
            if let LinkRole::Network { network, behind } = &end.role
                && here(network)
            {
                all.push(Party {
                    name: &l.name,
                    port: &end.port,
                    network,
                    kind: Kind::Link,
                    addresses: Vec::new(),
                    behind: behind.clone(),
                });
            }
        }
    }
    for x in &file.exits {
        if let Some(network) = x.network.as_deref().filter(|n| here(n)) {
            all.push(Party {
                name: &x.name,
                port: &x.port,
                network,
                kind: Kind::Exit,
                addresses: x.next_hop.iter().map(|i| IpNetwork::from(*i)).collect(),
                behind: Vec::new(),
            });
        }
    }
    all
}

/// Who an address belongs to: the longest prefix says, and an owner before a link that shares the prefix.
fn owner<'p, 'a>(parties: &'p [Party<'a>], address: IpAddr) -> Option<&'p Party<'a>> {
    parties
        .iter()
        .flat_map(|p| p.addresses.iter().chain(&p.behind).map(move |prefix| (prefix, p)))
        .filter(|(prefix, _)| prefix.contains(address))
        .max_by_key(|(prefix, p)| (prefix.prefix(), p.kind != Kind::Link))
        .map(|(_, p)| p)
}

/// Whether the address lies in any network's subnets, or behind any endpoint of the file.
fn somebodys(file: &NetworkFile, address: IpAddr) -> bool {
    let behind = file.endpoints.iter().flat_map(|e| &e.attachments).flat_map(|a| &a.behind);
    file.networks.iter().flat_map(|n| &n.subnets).chain(behind).any(|p| p.contains(address))
}

/// Out in the world, and a host.
fn public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => !(a.octets()[0] == 0 || a.is_loopback() || a.octets()[0] >= 224),
        IpAddr::V6(a) => {
            !(a.is_unspecified()
                || a.is_loopback()
                || a.is_multicast()
                || a.is_unicast_link_local()
                || a.to_ipv4_mapped().is_some())
        }
    }
}

fn claims(file: &NetworkFile, parties: &[Party<'_>], from: &Party<'_>, src: IpAddr) -> bool {
    match owner(parties, src) {
        Some(owner) => owner.port == from.port,
        None => from.kind == Kind::Exit && public(src) && !somebodys(file, src),
    }
}

/// Who gets a packet for an address, as far as networks go.
fn receiver<'p, 'a>(
    file: &NetworkFile,
    parties: &'p [Party<'a>],
    from: &Party<'a>,
    dst: IpAddr,
) -> Option<&'p Party<'a>> {
    let to = match owner(parties, dst) {
        Some(owner) => owner,
        None if public(dst) && !somebodys(file, dst) => {
            parties.iter().find(|p| p.kind == Kind::Exit && p.network == from.network)?
        }
        None => return None,
    };
    (to.network == from.network && to.port != from.port && public(dst)).then_some(to)
}

/// What servers and routers say, from wherever.
fn rogue(content: Content, src: IpAddr) -> bool {
    match content {
        Content::Udp { src: 67, dst: 68 } => src.is_ipv4(),
        Content::Udp { src: 547, dst: 546 } => src.is_ipv6(),
        Content::OtherIcmp(5) => src.is_ipv4(),
        Content::OtherIcmp(134 | 137) => src.is_ipv6(),
        _ => false,
    }
}

fn inside(file: &NetworkFile, from: &Party<'_>, to: &Party<'_>) -> bool {
    from.kind == Kind::Endpoint
        && to.kind == Kind::Endpoint
        && file.network(from.network).is_some_and(|n| n.inside == Inside::Allow)
}

fn means(names: &[String], party: &Party<'_>) -> bool {
    names.iter().any(|n| n == party.name || (party.kind == Kind::Endpoint && n == party.network))
}

fn joined(file: &NetworkFile, from: &Party<'_>, to: &Party<'_>) -> bool {
    file.allows.iter().any(|a| means(&a.from, from) && means(&a.to, to))
}

fn allowed(file: &NetworkFile, from: &Party<'_>, to: &Party<'_>, content: Content) -> bool {
    file.allows.iter().filter(|a| means(&a.from, from) && means(&a.to, to)).any(|a| {
        let port = |p: u16| a.ports.is_empty() || a.ports.contains(&p);
        match (a.protocol, content) {
            (Protocol::Any, _) | (Protocol::Icmp, Content::EchoRequest) => true,
            (Protocol::Tcp, Content::Tcp(p)) | (Protocol::Sctp, Content::Sctp(p)) => port(p),
            (Protocol::Udp, Content::Udp { dst, .. }) => port(dst),
            _ => false,
        }
    })
}
