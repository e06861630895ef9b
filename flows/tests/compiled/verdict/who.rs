//! Who is at which port, and whose an address is.

use std::net::{IpAddr, Ipv6Addr};

use flows::network::{Inside, LinkRole, Network, NetworkFile, SharedAddress};
use ipnetwork::IpNetwork;

use super::Leased;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Endpoint,
    Link,
    Exit,
}

#[derive(Debug, Clone)]
pub(super) struct Party<'a> {
    pub(super) name: &'a str,
    pub(super) port: &'a str,
    pub(super) network: &'a Network,
    pub(super) kind: Kind,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) leased: bool,
    pub(super) router: bool,
    link_local: Option<Ipv6Addr>,
    addresses: Vec<IpAddr>,
    /// What it may hold.
    pub(super) shared: Vec<SharedAddress>,
    /// What it holds.
    held: Vec<IpAddr>,
    behind: Vec<IpNetwork>,
    /// Whether it has no address but by DHCP, anywhere.
    pub(super) only_leased: bool,
    /// Whether a router of its network may advertise itself.
    autoconfigured: bool,
    /// What DHCP gave it.
    pub(super) leases: Vec<&'a Leased>,
}

impl Party<'_> {
    /// Whether both are members of a network whose members may talk freely.
    pub(super) fn inside(&self, to: &Party<'_>) -> bool {
        self.kind == Kind::Endpoint
            && to.kind == Kind::Endpoint
            && self.network.name == to.network.name
            && self.network.inside == Inside::Allow
    }

    pub(super) fn leases_v4(&self) -> bool {
        self.leased && self.network.subnets.iter().any(IpNetwork::is_ipv4)
    }

    /// Whether it may make the address of what a router advertises: one that is no gateway's and no router's.
    pub(super) fn makes(&self, address: IpAddr) -> bool {
        let routers = |s: &IpNetwork| s.prefix() < 127 && s.network() == address;
        self.leased
            && self.autoconfigured
            && address.is_ipv6()
            && self.network.subnets.iter().any(|s| s.contains(address))
            && !self.network.subnets.iter().any(routers)
            && !self.network.gateway.contains(&address)
    }

    /// Whether it has addresses of the family, or may get one.
    pub(super) fn speaks(&self, like: IpAddr) -> bool {
        let same = |v4: bool| v4 == like.is_ipv4();
        self.addresses.iter().any(|a| same(a.is_ipv4()))
            || self.shared.iter().any(|s| same(s.address.is_ipv4()))
            || self.behind.iter().any(|p| same(p.is_ipv4()))
            || (self.leased && self.network.subnets.iter().any(|s| same(s.is_ipv4())))
    }

    /// Whether it may hold an address.
    pub(super) fn shares(&self, address: IpAddr) -> bool {
        self.shared.iter().any(|shared| shared.address == address)
    }

    /// Whether the MAC is that of a virtual router that has one of its addresses.
    pub(super) fn is_router(&self, mac: [u8; 6], address: Option<IpAddr>) -> bool {
        self.shared.iter().filter(|s| address.is_none_or(|a| a == s.address)).any(|s| {
            let families: &[u8] = if s.address.is_ipv4() { &[1] } else { &[1, 2] };
            families.iter().any(|family| s.vrid.is_some_and(|vrid| mac == [0, 0, 0x5e, 0, *family, vrid]))
        })
    }

    pub(super) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Whether the file gives it this link-local address, or none.
    pub(super) fn may_have(&self, address: Ipv6Addr) -> bool {
        address.is_unicast_link_local() && self.link_local.is_none_or(|own| own == address)
    }

    /// The one of the file, or that of its MAC.
    pub(super) fn link_local_of_its_own(&self) -> Option<Ipv6Addr> {
        let of_mac = |mac: [u8; 6]| {
            let mut octets = [0; 16];
            octets[..2].copy_from_slice(&[0xfe, 0x80]);
            octets[8..11].copy_from_slice(&mac[..3]);
            octets[8] ^= 0b10;
            octets[11..13].copy_from_slice(&[0xff, 0xfe]);
            octets[13..].copy_from_slice(&mac[3..]);
            Ipv6Addr::from(octets)
        };
        self.link_local.or_else(|| self.mac.map(of_mac))
    }

    /// Whether both are one address, lie behind the same link, or are leased from the same subnet.
    pub(super) fn one_place(&self, a: IpAddr, b: IpAddr) -> bool {
        let both = |p: &IpNetwork| p.contains(a) && p.contains(b);
        a == b
            || (self.kind == Kind::Link && self.behind.iter().any(both))
            || (self.leased && self.network.subnets.iter().any(both))
    }

    /// Whether the file says anything of it and IPv6.
    fn six(&self) -> bool {
        self.router
            || self.link_local.is_some()
            || self.addresses.iter().any(IpAddr::is_ipv6)
            || self.shared.iter().any(|s| s.address.is_ipv6())
            || self.behind.iter().any(IpNetwork::is_ipv6)
            || (self.leased && self.network.subnets.iter().any(IpNetwork::is_ipv6))
    }

    /// Its addresses and what is behind it.
    pub(super) fn prefixes(&self) -> Vec<IpNetwork> {
        let hosts = self.addresses.iter().map(|a| IpNetwork::from(*a));
        hosts.chain(self.behind.iter().copied()).collect()
    }

    /// Where DHCP may give it an address.
    pub(super) fn subnets_by_dhcp(&self) -> Vec<IpNetwork> {
        self.network.subnets.iter().copied().filter(|s| self.leased && s.is_ipv4()).collect()
    }

    /// A multicast or broadcast address, as seen from it.
    pub(super) fn group(&self, dst: IpAddr) -> bool {
        let broadcast =
            |subnet: &IpNetwork| subnet.is_ipv4() && subnet.prefix() < 31 && subnet.broadcast() == dst;
        dst.is_multicast() || dst == IpAddr::from([255; 4]) || self.network.subnets.iter().any(broadcast)
    }
}

pub(super) struct Topology<'a> {
    file: &'a NetworkFile,
    pub(super) parties: Vec<Party<'a>>,
}

impl<'a> Topology<'a> {
    pub(super) fn new(
        file: &'a NetworkFile,
        leases: &'a [Leased],
        held: &[(IpAddr, String)],
        bridge: &str,
    ) -> Self {
        let here = |name: &str| file.network(name).filter(|n| n.bridge == bridge);
        let mut parties = Vec::new();
        for e in &file.endpoints {
            for a in &e.attachments {
                let Some(network) = here(&a.network) else { continue };
                parties.push(Party {
                    name: &e.name,
                    port: &a.port,
                    network,
                    kind: Kind::Endpoint,
                    mac: a.mac,
                    leased: a.leased,
                    router: a.router,
                    link_local: a.link_local,
                    addresses: a.addresses.clone(),
                    held: held.iter().filter(|(_, port)| *port == a.port).map(|(ip, _)| *ip).collect(),
                    shared: a.shared.clone(),
                    behind: a.behind.clone(),
                    autoconfigured: file
                        .endpoints
                        .iter()
                        .flat_map(|e| &e.attachments)
                        .any(|p| p.router && p.network == a.network)
                        || file.exits.iter().any(|x| x.router && x.network.as_ref() == Some(&a.network)),
                    only_leased: !e.attachments.iter().any(|a| {
                        !a.leased || !a.addresses.is_empty() || !a.shared.is_empty() || !a.behind.is_empty()
                    }),
                    leases: leases
                        .iter()
                        .filter(|l| a.leased && l.port == a.port)
                        .filter(|l| network.subnets.iter().any(|s| s.contains(l.address)))
                        .collect(),
                });
            }
        }
        let other = |name, port, network, kind, addresses, behind| Party {
            name,
            port,
            network,
            kind,
            mac: None,
            leased: false,
            router: false,
            link_local: None,
            addresses,
            shared: Vec::new(),
            held: Vec::new(),
            behind,
            only_leased: false,
            autoconfigured: false,
            leases: Vec::new(),
        };
        for l in &file.links {
            for end in &l.ends {
                let LinkRole::Network { network, behind } = &end.role else { continue };
                let Some(network) = here(network) else { continue };
                parties.push(other(&l.name, &end.port, network, Kind::Link, Vec::new(), behind.clone()));
            }
        }
        for x in &file.exits {
            let Some(network) = x.network.as_deref().and_then(here) else { continue };
            let exit = other(&x.name, &x.port, network, Kind::Exit, x.next_hop.clone(), Vec::new());
            parties.push(Party { router: x.router, link_local: x.link_local, ..exit });
        }
        Self { file, parties }
    }

    /// Who an address belongs to: the longest prefix says, and an owner before a link that shares the prefix.
    pub(super) fn owner(&self, address: IpAddr) -> Option<&Party<'a>> {
        self.parties
            .iter()
            .flat_map(|p| {
                let leased = p.leases.iter().map(|l| IpNetwork::from(l.address));
                let held = p.held.iter().map(|address| IpNetwork::from(*address));
                p.prefixes().into_iter().chain(leased).chain(held).map(move |prefix| (prefix, p))
            })
            .filter(|(prefix, _)| prefix.contains(address))
            .max_by_key(|(prefix, p)| (prefix.prefix(), p.kind != Kind::Link))
            .map(|(_, p)| p)
    }

    /// Who answers for an address when somebody asks for its MAC: its very owner, or a link that leads to it.
    pub(super) fn resolver(&self, address: IpAddr) -> Option<&Party<'a>> {
        let leased = |p: &&Party<'a>| p.leases.iter().any(|l| l.address == address);
        let has = |p: &Party<'_>| p.addresses.contains(&address) || p.held.contains(&address);
        let own = self.parties.iter().find(|p| has(p) || leased(p));
        let link = || self.owner(address).filter(|p| p.kind == Kind::Link);
        own.or_else(link)
    }

    /// Whether it may send ARP and neighbour discovery from the address: its own, one leased, and a link all that is
    /// behind it.
    pub(super) fn resolves(&self, from: &Party<'_>, sender: IpAddr) -> bool {
        match self.resolver(sender) {
            Some(owner) => owner.port == from.port,
            None => self.owner(sender).is_none() && from.makes(sender),
        }
    }

    /// Whether it takes part in ARP, or in neighbour discovery. What is outside does in the latter where anybody here does.
    pub(super) fn resolves_family(&self, party: &Party<'_>, v4: bool) -> bool {
        let mut here = self.parties.iter().filter(|p| p.network.name == party.network.name);
        match (v4, party.kind) {
            (true, Kind::Exit) => true,
            (true, _) => party.speaks(IpAddr::from([0; 4])),
            (false, Kind::Exit) => here.any(Party::six),
            (false, _) => party.six(),
        }
    }

    /// Whether it may send from the address.
    pub(super) fn claims(&self, from: &Party<'_>, src: IpAddr) -> bool {
        match self.owner(src) {
            Some(owner) => owner.port == from.port,
            None if from.makes(src) => true,
            None => from.kind == Kind::Exit && self.outside(src),
        }
    }

    /// Whether the address is nobody's here, and a host's.
    pub(super) fn outside(&self, address: IpAddr) -> bool {
        public(address) && self.owner(address).is_none() && self.home(address).is_none()
    }

    /// Whether the address is in another network than the sender's.
    pub(super) fn foreign(&self, from: &Party<'_>, address: IpAddr) -> bool {
        self.owner(address)
            .map(|p| p.network.name.as_str())
            .or_else(|| self.home(address))
            .is_some_and(|network| network != from.network.name)
    }

    /// The network in whose subnets, or behind whose endpoint, the address lies.
    fn home(&self, address: IpAddr) -> Option<&str> {
        let attachments = self.file.endpoints.iter().flat_map(|e| &e.attachments);
        let behind = attachments.flat_map(|a| a.behind.iter().map(|p| (p, a.network.as_str())));
        let subnets = self.file.networks.iter().flat_map(|n| n.subnets.iter().map(|s| (s, n.name.as_str())));
        let all = subnets.chain(behind).filter(|(prefix, _)| prefix.contains(address));
        all.max_by_key(|(prefix, _)| prefix.prefix()).map(|(_, network)| network)
    }
}

/// Out in the world, and a host.
pub(super) fn public(address: IpAddr) -> bool {
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
