//! What a network file says about a packet, read from the file alone: an oracle for the compiler that shares
//! no code with it. First packets only; answers are the matter of learned flows.

mod discovery;
mod rules;
mod who;

use std::net::{IpAddr, Ipv6Addr};

use flows::compile::TimeContext;
use flows::network::{LinkRole, NetworkFile};
use ipnetwork::IpNetwork;

pub(crate) use self::discovery::Discovery;
use self::rules::Rules;
use self::who::{Kind, Party, Topology, public};

/// A frame as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The VLAN of its tag, if it has one.
    pub(crate) vlan: Option<u16>,
    pub(crate) eth_src: [u8; 6],
    pub(crate) eth_dst: [u8; 6],
    pub(crate) what: What,
}

/// A packet as the file's words see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// An ARP or neighbour discovery request or answer: sender's and target's address.
    Resolution { sender: IpAddr, target: IpAddr, answer: bool },
    /// Neighbour discovery of any kind.
    Discovery(Discovery),
    /// An IP packet.
    Ip { src: IpAddr, dst: IpAddr, content: Content },
    /// Neither.
    Frame(u16),
}

/// How a packet is judged beside its addresses.
#[derive(Debug, Clone, Copy)]
struct Manner {
    v4: bool,
    /// Whether later fragments go with the first.
    later: bool,
    /// Whether ICMP errors go with what they are about: not where a connection tracker knows better.
    errors: bool,
}

impl Content {
    /// A message about another packet (RFC 792, RFC 4443 §2.1).
    fn is_error(self, v4: bool) -> bool {
        match self {
            Self::OtherIcmp(kind) if v4 => [3, 11, 12].contains(&kind),
            Self::OtherIcmp(kind) => (1..=4).contains(&kind),
            _ => false,
        }
    }

    fn has_no_ports(self, v4: bool) -> bool {
        matches!(self, Self::Later(_)) || self.is_error(v4)
    }
}

/// What an IP packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Tcp(u16),
    Udp {
        src: u16,
        dst: u16,
    },
    Sctp(u16),
    EchoRequest,
    OtherIcmp(u8),
    Other,
    /// A later fragment of this IP protocol.
    Later(u8),
}

/// Where a packet comes out, and as what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Out {
    pub(crate) port: String,
    /// The VLAN of its tag.
    pub(crate) vlan: Option<u16>,
    pub(crate) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// As it came.
    Same,
    /// For this MAC, from another: it was routed.
    Routed([u8; 6]),
    /// The answer to an ARP request, out of the port that asked.
    Answer,
}

/// An address that DHCP gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leased {
    pub(crate) port: String,
    pub(crate) address: IpAddr,
    /// With which MAC alone it may be used.
    pub(crate) mac: Option<[u8; 6]>,
}

/// Where on `bridge` the frame comes out, in the order of the ports' names.
pub(crate) fn verdict(
    file: &NetworkFile,
    moment: &TimeContext,
    leases: &[Leased],
    held: &[(IpAddr, String)],
    bridge: &str,
    in_port: &str,
    frame: Frame,
) -> Vec<Out> {
    let mut outs = if file.networks.iter().any(|n| n.bridge == bridge) {
        let world = Topology::new(file, leases, held, bridge);
        let rules = Rules::new(file, moment);
        Judge { file, world: &world, rules: &rules, bridge }.judge(in_port, frame)
    } else {
        wire(file, bridge, in_port, frame)
    };
    outs.sort();
    outs
}

struct Judge<'j, 'a> {
    file: &'a NetworkFile,
    world: &'j Topology<'a>,
    rules: &'j Rules<'a>,
    bridge: &'j str,
}

impl Judge<'_, '_> {
    fn judge(&self, in_port: &str, frame: Frame) -> Vec<Out> {
        if let Some(outs) = self.by_crossing(in_port, frame) {
            return outs;
        }
        let Some(from) = self.world.parties.iter().find(|p| p.port == in_port) else { return Vec::new() };
        if frame.vlan != from.network.vlan || !self.wears(from, frame) {
            return Vec::new();
        }
        // Who has an address by DHCP has it with the MAC that it was given to.
        let source = match frame.what {
            What::Frame(_) | What::Discovery(_) => None,
            What::Ip { src, .. } => Some(src),
            What::Resolution { sender, .. } => Some(sender),
        };
        let other_mac =
            |l: &Leased| Some(l.address) == source && l.mac.is_some_and(|mac| mac != frame.eth_src);
        if from.leases.iter().any(|l| other_mac(l)) {
            return Vec::new();
        }
        let to = match frame.what {
            What::Frame(_) => Vec::new(),
            What::Resolution { sender: IpAddr::V6(src), target: IpAddr::V6(target), answer } => {
                // (A solicitation is for a group.)
                let (dst, about) = if answer { (target, src) } else { (Ipv6Addr::UNSPECIFIED, target) };
                let told = Some(frame.eth_src);
                self.discovery(from, frame, Discovery { advert: answer, src, dst, target: about, told })
            }
            What::Discovery(discovery) => self.discovery(from, frame, discovery),
            What::Resolution { sender, target, answer } => self.arp(from, sender, target, answer),
            What::Ip { src, dst, content } => self.ip(from, frame.eth_dst, src, dst, content),
        };
        let out = |to: &Party<'_>| Out { port: to.port.to_owned(), vlan: to.network.vlan, form: Form::Same };
        to.into_iter().filter(|to| to.port != in_port).map(out).collect()
    }

    /// Whether the frame has a MAC that the sender may have for it.
    fn wears(&self, from: &Party<'_>, frame: Frame) -> bool {
        let routers = self.world.parties.iter().filter(|p| p.is_router(frame.eth_src, None));
        if routers.clone().count() > 0 && !routers.into_iter().any(|p| p.port == from.port) {
            return false;
        }
        let spoken_of = match frame.what {
            What::Ip { src, .. } => Some(src),
            What::Resolution { sender, target, answer: false } if sender == IpAddr::from([0; 4]) => {
                Some(target)
            }
            What::Resolution { sender, .. } => Some(sender),
            What::Discovery(d) if d.advert || d.src.is_unspecified() => Some(d.target.into()),
            What::Discovery(d) => Some(d.src.into()),
            What::Frame(_) => None,
        };
        let virtually = || spoken_of.is_some_and(|ip| from.is_router(frame.eth_src, Some(ip)));
        from.mac.is_none_or(|mac| mac == frame.eth_src) || virtually()
    }

    fn arp(&self, from: &Party<'_>, sender: IpAddr, target: IpAddr, answer: bool) -> Vec<&Party<'_>> {
        // Whether somebody has the address that it is to have, or may get.
        if sender == target && from.shares(sender) {
            return self.neighbours(from, true);
        }
        let to_have = || from.addresses().contains(&target) || from.shares(target) || from.leases_v4();
        let probe = sender == IpAddr::from([0; 4]) && !answer && to_have();
        if !probe && !self.world.resolves(from, sender) {
            return Vec::new();
        }
        self.owners(from, target, true)
    }

    /// Who is at an address when somebody asks for its MAC, or tells it his.
    fn owners(&self, from: &Party<'_>, target: IpAddr, asks: bool) -> Vec<&Party<'_>> {
        let on = |p: &&Party<'_>| p.network.name == from.network.name && p.port != from.port;
        let all = || self.world.parties.iter().filter(on);
        let fine = |to: &Party<'_>| self.joins(from, to);
        if let Some(owner) = self.world.resolver(target) {
            // It speaks of itself: to all who may want to know.
            if owner.port == from.port && asks {
                return self.neighbours(from, target.is_ipv4());
            }
            return all().filter(|to| to.port == owner.port && fine(to)).collect();
        }
        let neighbours = self.neighbours(from, target.is_ipv4());
        let nobody = asks && self.world.owner(target).is_none();
        if nobody && from.makes(target) && !neighbours.is_empty() {
            return neighbours;
        }
        // Whoever makes addresses may have it: all are asked, if one of them may be.
        let leased = |p: &&Party<'_>| nobody && p.makes(target);
        // Those of a list ask alike, also where it is one of themselves who has a lease.
        let on_it: Vec<_> =
            self.world.parties.iter().filter(|p| p.network.name == from.network.name).collect();
        let alike = leased(&from) && self.rules.joined_in_a_list(&on_it, from);
        match alike || all().filter(leased).any(fine) {
            true => all().filter(leased).collect(),
            false => Vec::new(),
        }
    }

    fn ip(
        &self,
        from: &Party<'_>,
        eth_dst: [u8; 6],
        src: IpAddr,
        dst: IpAddr,
        content: Content,
    ) -> Vec<&Party<'_>> {
        let dhcp = self.dhcp(from, src, dst, content);
        if let Some(to) = dhcp {
            return to;
        }
        if let Some(to) = self.routers(from, src, dst, content) {
            return to;
        }
        if rogue(content, src) || !self.world.claims(from, src) {
            return Vec::new();
        }
        let others = || self.world.parties.iter().filter(|p| p.port != from.port);
        let on = || others().filter(|p| p.network.name == from.network.name);
        if from.group(dst) {
            // The members of a network hear each other's broadcasts where they may talk freely.
            return on().filter(|to| from.inside(to)).collect();
        }
        if self.world.outside(dst) {
            // By a next hop if the frame is for one, else by the exit that the first of the special rules names.
            let hop =
                on().find(|hop| hop.mac == Some(eth_dst) && self.rules.by_hop(from, hop, src, dst, content));
            let exit = || {
                let here = |p: &&Party<'_>| p.kind == Kind::Exit && p.network.name == from.network.name;
                let exits: Vec<_> = self.world.parties.iter().filter(here).collect();
                self.rules.exit(from, &exits, src, dst, content)
            };
            return hop.or_else(exit).into_iter().collect();
        }
        let Some(to) = self.world.owner(dst).filter(|to| public(dst) && to.network.name == from.network.name)
        else {
            return Vec::new();
        };
        // At what it leased a rule reaches nobody by name whom the file gives addresses.
        let nameless = !to.only_leased && to.leases.iter().any(|l| l.address == dst);
        let fine = from.inside(to)
            || self.rules.allowed(from, (to, nameless), src, content)
            || self.rules.answered(from, to, dst, content);
        fine.then_some(to).into_iter().collect()
    }

    /// DHCP of those whom rules name; none where it is an ordinary packet.
    fn dhcp(&self, from: &Party<'_>, src: IpAddr, dst: IpAddr, content: Content) -> Option<Vec<&Party<'_>>> {
        let Content::Udp { src: from_port, dst: to_port } = content else { return None };
        let request = match (src.is_ipv4(), from_port, to_port) {
            (true, 68, 67) | (false, 546, 547) => true,
            (true, 67, 68) | (false, 547, 546) => false,
            _ => return None,
        };
        let on = |p: &&Party<'_>| p.network.name == from.network.name && p.port != from.port;
        let others: Vec<_> = self.world.parties.iter().filter(on).collect();
        // Each of the other side, with where the server of the two is.
        let pairs: Vec<_> = others
            .iter()
            .flat_map(|to| {
                let places = if request { self.rules.dhcp(from, to) } else { self.rules.dhcp(to, from) };
                places.into_iter().map(|at| (*to, at))
            })
            .collect();
        if pairs.is_empty() {
            return None;
        }
        let link_local = |a: IpAddr| matches!(a, IpAddr::V6(a) if a.is_unicast_link_local());
        let everybody: IpAddr = if src.is_ipv4() { [255; 4].into() } else { "ff02::1:2".parse().unwrap() };
        let all = match request || src.is_ipv4() {
            true => dst == everybody,
            false => link_local(dst),
        };
        // By the longest of the prefixes that a unicast packet may be for.
        let is_for = |to: &Party<'_>, at: &[IpNetwork]| {
            let prefixes = match (request, src.is_ipv4()) {
                (true, _) => at.to_vec(),
                (false, true) => [to.prefixes(), to.subnets_by_dhcp()].concat(),
                (false, false) => Vec::new(),
            };
            prefixes.into_iter().filter(|p| p.contains(dst)).map(|p| p.prefix()).max()
        };
        let longest = pairs.iter().filter_map(|(to, at)| is_for(to, at)).max();
        let mut to: Vec<&Party<'_>> = Vec::new();
        for (party, at) in &pairs {
            let is_meant = all || (longest.is_some() && is_for(party, at) == longest);
            if is_meant && !to.iter().any(|had| std::ptr::eq(*had, *party)) {
                to.push(party);
            }
        }
        let unset = src == IpAddr::from([0; 4]) || link_local(src);
        if request && !unset && to.is_empty() {
            return None;
        }
        let may = match request {
            true => unset || self.world.claims(from, src),
            false => {
                let server = pairs.iter().any(|(_, at)| at.iter().any(|p| p.contains(src)));
                server || (src.is_ipv6() && link_local(src))
            }
        };
        let stays = !self.world.foreign(from, dst);
        Some(if may && stays { to } else { Vec::new() })
    }

    /// What crossings make of a frame; none where it has nothing to do with one.
    fn by_crossing(&self, in_port: &str, frame: Frame) -> Option<Vec<Out>> {
        let link = self.file.links.iter().find(|l| {
            let here = |e: &&flows::network::LinkEnd| e.bridge == self.bridge && e.port == in_port;
            matches!(l.ends.iter().find(here), Some(e) if e.role == LinkRole::Crossing)
        });
        for crossing in self.rules.crossings() {
            let over = self.file.links.iter().find(|l| l.name == crossing.over)?;
            let Some(end) = over.ends.iter().find(|e| e.bridge == self.bridge) else { continue };
            for (a, b) in self.rules.crossed(self.file, crossing, over) {
                let (here, there) = (a.bridge == self.bridge, b.bridge == self.bridge);
                match frame.what {
                    What::Ip { src, dst, content } if src == a.address && dst == b.address => {
                        let manner = Manner { v4: src.is_ipv4(), later: true, errors: true };
                        if !self.rules.admits(crossing.protocol, &crossing.ports, content, manner) {
                            continue;
                        }
                        let tagged = if here { a.vlan } else { None };
                        let honest =
                            here && in_port == a.port && a.mac.is_none_or(|mac| mac == frame.eth_src);
                        let arrived = there && in_port == end.port;
                        if frame.vlan != tagged || !(honest || arrived) || rogue(content, src) {
                            continue;
                        }
                        let out = match (here, b.mac) {
                            (true, _) => Out { port: end.port.clone(), vlan: None, form: Form::Same },
                            (false, Some(mac)) => {
                                Out { port: b.port.to_owned(), vlan: b.vlan, form: Form::Routed(mac) }
                            }
                            (false, None) => continue,
                        };
                        return Some(vec![out]);
                    }
                    What::Resolution { sender, target, answer: false } if target.is_ipv4() => {
                        // Whichever of the two is here asks for the other.
                        let (near, far) = if here { (&a, &b) } else { (&b, &a) };
                        if target != far.address || in_port != near.port || frame.vlan != near.vlan {
                            continue;
                        }
                        let from = self.world.parties.iter().find(|p| p.port == in_port)?;
                        let probe = sender == IpAddr::from([0; 4]) && from.leases_v4();
                        let honest = from.mac.is_none_or(|mac| mac == frame.eth_src);
                        if honest && (probe || self.world.resolves(from, sender)) {
                            let answer =
                                Out { port: in_port.to_owned(), vlan: frame.vlan, form: Form::Answer };
                            return Some(vec![answer]);
                        }
                    }
                    _ => {}
                }
            }
        }
        // Nothing else comes in by such a link.
        link.map(|_| Vec::new())
    }
}

/// What servers and routers say, from wherever.
fn rogue(content: Content, src: IpAddr) -> bool {
    match content {
        Content::Udp { src: 67, dst: 68 } => src.is_ipv4(),
        Content::Udp { src: 547, dst: 546 } => src.is_ipv6(),
        Content::OtherIcmp(5 | 9 | 10) => src.is_ipv4(),
        Content::OtherIcmp(134 | 137) => src.is_ipv6(),
        _ => false,
    }
}

/// A bridge without networks: two ports of a forwarding link, and nothing of the networks that it does not carry.
fn wire(file: &NetworkFile, bridge: &str, in_port: &str, frame: Frame) -> Vec<Out> {
    let forwards = file.links.iter().flat_map(|l| l.ends.iter().map(move |e| (l, e)));
    let mut ends = forwards.filter(|(_, e)| e.bridge == bridge).filter_map(|(l, e)| match &e.role {
        LinkRole::Forwards { port } => Some((l, e.port.as_str(), port.as_str())),
        _ => None,
    });
    let found = ends.find_map(|(l, a, b)| match in_port {
        port if port == a => Some((l, b)),
        port if port == b => Some((l, a)),
        _ => None,
    });
    let Some((link, to)) = found else { return Vec::new() };
    let carries = link.ends.iter().find_map(|e| e.network());
    if frame.vlan != carries.and_then(|n| file.network(n)).and_then(|n| n.vlan) {
        return Vec::new();
    }
    let foreign = |address: IpAddr| {
        let others = file.networks.iter().filter(|n| Some(n.name.as_str()) != carries);
        carries.is_some() && others.flat_map(|n| &n.subnets).any(|s: &IpNetwork| s.contains(address))
    };
    let speaks_of = match frame.what {
        What::Frame(_) => Vec::new(),
        What::Resolution { sender, target, .. } => vec![sender, target],
        What::Discovery(Discovery { advert: true, src, dst, .. }) => vec![src.into(), dst.into()],
        What::Discovery(Discovery { src, dst, target, .. }) => vec![src.into(), dst.into(), target.into()],
        What::Ip { src, dst, .. } => vec![src, dst],
    };
    if speaks_of.into_iter().any(foreign) {
        return Vec::new();
    }
    vec![Out { port: to.to_owned(), vlan: frame.vlan, form: Form::Same }]
}
