//! What a file says about neighbour discovery, and about what goes to all whom a rule joins to its sender.

use std::net::{IpAddr, Ipv6Addr};

use flows::network::Inside;

use super::who::{Kind, Party};
use super::{Content, Frame, Judge};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// A neighbour solicitation or advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Discovery {
    pub(crate) advert: bool,
    pub(crate) src: Ipv6Addr,
    pub(crate) dst: Ipv6Addr,
    pub(crate) target: Ipv6Addr,
    /// The MAC that it tells.
    pub(crate) told: Option<[u8; 6]>,
}

impl Judge<'_, '_> {
    pub(super) fn discovery(&self, from: &Party<'_>, frame: Frame, d: Discovery) -> Vec<&Party<'_>> {
        let Discovery { advert, src, dst, target, told } = d;
        if !self.world.resolves_family(from, false)
            || told.is_some_and(|mac| from.mac.is_some() && frame.eth_src != mac)
        {
            return Vec::new();
        }
        let announces = advert && dst == ALL_NODES && from.shares(target.into());
        if announces && (src == target || from.may_have(src)) {
            return self.neighbours(from, false);
        }
        // Whether somebody has the address that it may take over.
        if !advert && src.is_unspecified() && told.is_none() && from.shares(target.into()) {
            return self.owners(from, target.into(), true);
        }
        let spoken_of = match (advert, src.is_unspecified()) {
            (true, _) => {
                // From one of its addresses, about another of the same kind.
                let fine = match (link_local(src), link_local(target)) {
                    (true, _) => from.may_have(src) && self.own(from, target),
                    (false, true) => {
                        self.own(from, src) && self.own(from, target) && !from.shares(src.into())
                    }
                    (false, false) => {
                        self.own(from, src)
                            && self.own(from, target)
                            && from.one_place(src.into(), target.into())
                    }
                };
                if !fine {
                    return Vec::new();
                }
                target
            }
            // Whether another has it anybody may ask who may make it.
            (false, true) if told.is_none() && self.leased_to_another(from, target.into()) => {
                return match from.makes(target.into()) {
                    true => self.owners(from, target.into(), true),
                    false => Vec::new(),
                };
            }
            (false, true) if told.is_none() => target,
            (false, true) => return Vec::new(),
            (false, false) => src,
        };
        if !self.own(from, spoken_of) {
            return Vec::new();
        }
        let wanted = if advert { dst } else { target };
        if advert && wanted == ALL_NODES {
            return self.neighbours(from, false);
        }
        if !link_local(wanted) {
            return self.owners(from, wanted.into(), !advert);
        }
        let here = || self.world.parties.iter().filter(|p| self.on_its_network(from, p));
        let by_mac = |p: &Party<'_>| p.mac == Some(frame.eth_dst) && self.world.resolves_family(p, false);
        let found = |is: &dyn Fn(&Party<'_>) -> bool| {
            let other = here().find(|p| is(p)).map(|p| p.port);
            if is(from) { Some(from.port) } else { other }
        };
        match found(&|p| self.has_alone(p, wanted)).or_else(|| found(&by_mac)) {
            Some(port) if port == from.port && !advert => self.neighbours(from, false),
            Some(port) => here().filter(|p| p.port == port && self.joins(from, p)).collect(),
            None => self.neighbours(from, false),
        }
    }

    fn leased_to_another(&self, from: &Party<'_>, address: IpAddr) -> bool {
        let has = |p: &&Party<'_>| p.leases.iter().any(|l| l.address == address);
        self.world
            .parties
            .iter()
            .find(has)
            .is_some_and(|p| p.port != from.port && self.on_its_network(from, p))
    }

    /// Whether the sender may speak of the address.
    fn own(&self, from: &Party<'_>, address: Ipv6Addr) -> bool {
        if !link_local(address) {
            return self.world.resolves(from, address.into());
        }
        let mut others = self.world.parties.iter().filter(|p| self.on_its_network(from, p));
        from.may_have(address)
            && (self.has_alone(from, address) || !others.any(|p| self.has_alone(p, address)))
    }

    /// Whether a link-local address is its own and nobody else's.
    fn has_alone(&self, party: &Party<'_>, address: Ipv6Addr) -> bool {
        self.world.resolves_family(party, false) && party.link_local_of_its_own() == Some(address)
    }

    fn on_its_network(&self, from: &Party<'_>, other: &Party<'_>) -> bool {
        other.network.name == from.network.name && other.port != from.port
    }

    pub(super) fn joins(&self, from: &Party<'_>, to: &Party<'_>) -> bool {
        from.inside(to) || self.rules.joined(from, to) || self.rules.joined(to, from)
    }

    /// All whom a rule joins to it, and who hear ARP, or neighbour discovery.
    pub(super) fn neighbours(&self, from: &Party<'_>, v4: bool) -> Vec<&Party<'_>> {
        let all = self.world.parties.iter().filter(|p| self.on_its_network(from, p));
        // Members who may talk freely hear each other's broadcasts, whatever they speak.
        let hears = |p: &Party<'_>| from.inside(p) || self.world.resolves_family(p, v4);
        all.filter(|p| self.joins(from, p) && hears(p)).collect()
    }

    /// Router discovery and reports of listeners; none where it is an ordinary packet.
    pub(super) fn routers(
        &self,
        from: &Party<'_>,
        src: IpAddr,
        dst: IpAddr,
        content: Content,
    ) -> Option<Vec<&Party<'_>>> {
        let (IpAddr::V6(src), IpAddr::V6(dst), Content::OtherIcmp(kind)) = (src, dst, content) else {
            return None;
        };
        let here = self.world.parties.iter().filter(|p| p.network.name == from.network.name);
        let routed = here.filter(|p| p.router).count() > 0;
        let free = from.network.inside == Inside::Allow;
        let a_member = free && from.kind == Kind::Endpoint;
        if !self.world.resolves_family(from, false) {
            return None;
        }
        let of_link = link_local(src) && from.may_have(src);
        let neighbours = || self.neighbours(from, false);
        let routers = || {
            let all = self.neighbours(from, false);
            all.into_iter().filter(|p| a_member || p.router).collect::<Vec<_>>()
        };
        let claimed = self.world.claims(from, src.into());
        match kind {
            134 if from.router && of_link => Some(neighbours()),
            134 => Some(Vec::new()),
            133 if dst == ALL_ROUTERS && (routed || free) => {
                let unset = src.is_unspecified() && routed;
                let own = of_link && routed && self.own(from, src);
                (claimed || unset || own).then(routers).filter(|to| !to.is_empty())
            }
            131 | 132 | 143 if dst.is_multicast() && (routed || free) => {
                let said = (of_link || src.is_unspecified()) && (routed || a_member);
                (claimed || said).then(routers).filter(|to| !to.is_empty())
            }
            130 if dst.is_multicast() && of_link && (from.router || a_member) => Some(neighbours()),
            _ => None,
        }
    }
}

fn link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local()
}
