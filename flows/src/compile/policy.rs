//! Table 2: isolation, allows, default deny.

use std::collections::BTreeSet;

use ofproto::PortNo;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::address::{self, Family, ND_ADVERT, ND_SOLICIT, Range};
use super::admission::at;
use super::layout::{self, Claim, FORWARDING, POLICY, by_prefix};
use super::moment::Moment;
use super::origin::{OriginKind, Reason};
use super::program::{Asked, Builder, apply_and_goto, load};
use super::returns::{DEFAULT_LIMIT, Traffic, learn};
use super::site::{Site, SiteKind};
use crate::model::FlowMatch;
use crate::network::{Allow, Inside, NetworkFile, Protocol};

pub(super) fn compile(
    out: &mut Builder<'_>,
    file: &NetworkFile,
    bridge: &str,
    sites: &[Site<'_>],
    moment: &Moment,
) {
    isolation(out, file, bridge);
    multicast(out);
    let mut joined = Joined::default();
    let mut granted = Granted::new();
    let open = |allow: &&Allow| allow.temp.as_deref().is_none_or(|window| moment.left(window).is_some());
    for allow in file.allows.iter().filter(open) {
        for (from, to) in pairs(allow, sites) {
            connect(out, &mut granted, allow, from, to);
            joined.both(out, from, to);
        }
    }
    inside(out, file, bridge, sites);
    owned(out, file, bridge, sites);
    let deny = OriginKind::Deny;
    for kind in [ND_SOLICIT, ND_ADVERT] {
        let detail = if kind == ND_SOLICIT { "ND solicitation" } else { "ND advertisement" };
        out.drop(
            POLICY,
            layout::MULTICAST + layout::ND_DEFAULT,
            address::nd(kind),
            deny,
            Reason::NotJoined,
            detail,
        );
    }
    out.drop(POLICY, layout::ND_DEFAULT, address::arp(), deny, Reason::NotJoined, "ARP");
    out.drop(POLICY, layout::DEFAULT, FlowMatch::any(), deny, Reason::NotAllowed, "what no rule allows");
}

/// Who is joined by an allow: both sides at this bridge, in one network, at different ports.
fn pairs<'s, 'a>(
    allow: &'s Allow,
    sites: &'s [Site<'a>],
) -> impl Iterator<Item = (&'s Site<'a>, &'s Site<'a>)> {
    let of = move |names: &'s [String]| sites.iter().filter(move |s| names.iter().any(|n| s.answers_to(n)));
    of(&allow.from)
        .flat_map(move |from| of(&allow.to).map(move |to| (from, to)))
        .filter(|(from, to)| from.network.name == to.network.name && from.port_name != to.port_name)
}

/// Nothing from another network reaches a network's subnets. On a bridge of several networks "another" is
/// said bit by bit of the network's number, so that the flows grow with the networks and not with their pairs.
fn isolation(out: &mut Builder<'_>, file: &NetworkFile, bridge: &str) {
    let here: Vec<_> = file.networks.iter().filter(|n| n.bridge == bridge).collect();
    let bits = here.iter().map(|n| u16::BITS - n.number.leading_zeros()).max().unwrap_or(0);
    for network in &file.networks {
        let local = network.bridge == bridge;
        let behind = file
            .endpoints
            .iter()
            .flat_map(|e| &e.attachments)
            .filter(|a| a.network == network.name)
            .flat_map(|a| &a.behind);
        for range in network.subnets.iter().chain(behind).copied().map(Range::from) {
            let mut others: Vec<(String, FlowMatch)> = Vec::new();
            if !local {
                others.push((String::new(), FlowMatch::any()));
            } else if here.len() > 1 {
                others.extend((0..bits).map(|bit| {
                    let mask = 1u128 << bit;
                    let value = !u128::from(network.number) & mask;
                    (
                        format!(", bit {bit} of the network differs"),
                        FlowMatch::any().with_masked(layout::NETWORK, value, mask),
                    )
                }));
            }
            for (note, other) in others {
                // A match may overlap its sibling for another bit: both drop, so the order is of no matter.
                into(out, range, &network.name, &note, &other, POLICY);
            }
        }
    }
}

/// Drops what goes into `range`, by IP and by ARP or ND.
pub(super) fn into(
    out: &mut Builder<'_>,
    range: Range,
    network: &str,
    note: &str,
    base: &FlowMatch,
    table: ofproto::TableId,
) {
    let merge = |m: FlowMatch| base.iter().fold(m, |m, (f, b)| m.with_masked(f, b.value, b.mask));
    let mut towards = vec![("to", range.on(range.family.matches(), range.family.dst()))];
    match range.family {
        Family::V4 => towards.push(("ARP for", range.on(address::arp(), Field::ArpTpa))),
        Family::V6 => towards.push(("ND for", range.on(address::nd(ND_SOLICIT), Field::NdTarget))),
    }
    for (how, matches) in towards {
        let mut asked = Asked::drop(
            OriginKind::Isolation,
            Reason::Isolation,
            format!("{how} {range} of network {network}{note}"),
        );
        asked.rule = network;
        out.flow(table, layout::ISOLATION, merge(matches), Vec::new(), asked);
    }
}

/// IP multicast and broadcast stay where they are; ARP and ND have flows of their own.
fn multicast(out: &mut Builder<'_>) {
    for prefix in ["224.0.0.0/4", "255.255.255.255/32", "ff00::/8"] {
        let Ok(prefix) = prefix.parse::<ipnetwork::IpNetwork>() else { continue };
        let range = Range::from(prefix);
        let matches = range.on(range.family.matches(), range.family.dst());
        out.drop(
            POLICY,
            layout::MULTICAST,
            matches,
            OriginKind::Deny,
            Reason::Multicast,
            format!("multicast to {range}"),
        );
    }
}

/// What earlier rules grant, by priority and match: where two rules grant the same, the first one does it, since
/// two flows that learn for one kind of packet would contradict each other.
type Granted = BTreeSet<(u16, FlowMatch)>;

/// The flows of one allow between two sites.
fn connect(out: &mut Builder<'_>, granted: &mut Granted, allow: &Allow, from: &Site<'_>, to: &Site<'_>) {
    let (Some(in_port), Some(out_port)) = (from.port, to.port) else { return };
    let traffics: &[Traffic] = match allow.protocol {
        Protocol::Any => &Traffic::ALL,
        Protocol::Tcp => &[Traffic::Tcp],
        Protocol::Udp => &[Traffic::Udp],
        Protocol::Sctp => &[Traffic::Sctp],
        Protocol::Icmp => &[Traffic::Echo],
        Protocol::Dhcp => &[],
    };
    let ports: Vec<Option<u16>> =
        if allow.ports.is_empty() { vec![None] } else { allow.ports.iter().copied().map(Some).collect() };
    for range in to.destinations().into_iter().filter(|r| from.speaks(r.family)) {
        for &traffic in traffics {
            for &port in &ports {
                let claim = match (traffic, port) {
                    (Traffic::Other, _) => Claim::Ip,
                    (Traffic::Echo, _) | (_, Some(_)) => Claim::Port,
                    _ => Claim::Protocol,
                };
                let matches = at(in_port, range.on(traffic.opens(range.family, port), range.family.dst()));
                let priority = by_prefix(range.length(), claim);
                if !granted.insert((priority, matches.clone())) {
                    continue;
                }
                let port = port.map(|p| format!(" {p}")).unwrap_or_default();
                let detail = format!(
                    "{} at {} to {} {range}: {}{port}",
                    from.party,
                    from.port_name,
                    to.party,
                    traffic.label()
                );
                let asked = Asked::new(OriginKind::Allow, &allow.name, detail);
                let limit = allow.limit.unwrap_or(DEFAULT_LIMIT);
                let learn = learn(traffic, range.family, out_port, out.cookie(&asked), limit);
                out.flow(POLICY, priority, matches, deliver(out_port, learn), asked);
            }
        }
    }
}

/// Chooses the port and goes on to forwarding.
fn deliver(port: PortNo, learn: Option<Action>) -> Vec<Instruction> {
    let actions = learn.into_iter().chain([load(layout::OUT_PORT, port.0.into())]).collect();
    apply_and_goto(actions, FORWARDING)
}

/// ARP and neighbour discovery between those whom a rule joins, each pair once.
#[derive(Default)]
struct Joined {
    seen: BTreeSet<(String, String)>,
}

impl Joined {
    fn both(&mut self, out: &mut Builder<'_>, a: &Site<'_>, b: &Site<'_>) {
        for (from, to) in [(a, b), (b, a)] {
            if self.seen.insert((from.port_name.to_owned(), to.port_name.to_owned())) {
                resolve(out, from, to);
            }
        }
    }
}

/// Requests from one site go to the port of whom they ask for, and nowhere else; answers likewise.
fn resolve(out: &mut Builder<'_>, from: &Site<'_>, to: &Site<'_>) {
    let (Some(in_port), Some(out_port)) = (from.port, to.port) else { return };
    for &range in to.resolves.iter().filter(|r| from.speaks(r.family)) {
        let who = format!("{} at {} to {} {range}", from.party, from.port_name, to.party);
        resolve_range(out, range, &who, |m| at(in_port, m), Claim::Protocol, out_port);
    }
}

fn resolve_range(
    out: &mut Builder<'_>,
    range: Range,
    who: &str,
    from: impl Fn(FlowMatch) -> FlowMatch,
    claim: Claim,
    port: PortNo,
) {
    let kind = OriginKind::Resolution;
    let priority = by_prefix(range.length(), claim);
    match range.family {
        Family::V4 => {
            let matches = from(range.on(address::arp(), Field::ArpTpa));
            out.flow(
                POLICY,
                priority,
                matches,
                deliver(port, None),
                Asked::new(kind, kind.label(), format!("{who}: ARP")),
            );
        }
        Family::V6 => {
            for (nd, field, what) in [
                (ND_SOLICIT, Field::NdTarget, "ND solicitation"),
                (ND_ADVERT, Field::Ipv6Dst, "ND advertisement"),
            ] {
                let matches = from(range.on(address::nd(nd), field));
                let asked = Asked::new(kind, kind.label(), format!("{who}: {what}"));
                out.flow(POLICY, layout::MULTICAST + priority, matches, deliver(port, None), asked);
            }
        }
    }
}

/// Members of a network with `inside = "allow"` among themselves, stateless: what one may send, the other may
/// answer. One flow a destination.
fn inside(out: &mut Builder<'_>, file: &NetworkFile, bridge: &str, sites: &[Site<'_>]) {
    for network in file.networks.iter().filter(|n| n.bridge == bridge && n.inside == Inside::Allow) {
        let number = network.number;
        let member = |m: FlowMatch| m.with(layout::NETWORK, number.into()).with(layout::MEMBER, 1);
        let members = sites.iter().filter(|s| s.kind == SiteKind::Endpoint && s.network.name == network.name);
        for site in members {
            let Some(port) = site.port else { continue };
            for &range in &site.prefixes {
                let matches = member(range.on(range.family.matches(), range.family.dst()));
                let detail = format!("members of {} to {} {range}", network.name, site.party);
                let asked = Asked::new(OriginKind::Inside, &network.name, detail);
                out.flow(
                    POLICY,
                    by_prefix(range.length(), Claim::Inside),
                    matches,
                    deliver(port, None),
                    asked,
                );
            }
            for &range in &site.resolves {
                let who = format!("members of {} to {} {range}", network.name, site.party);
                resolve_range(out, range, &who, member, Claim::Inside, port);
            }
        }
    }
}

/// What is addressed to somebody here goes to nobody else, however wide another rule is.
fn owned(out: &mut Builder<'_>, file: &NetworkFile, bridge: &str, sites: &[Site<'_>]) {
    let mut seen: Vec<Range> = Vec::new();
    let mut deny = |out: &mut Builder<'_>, range: Range, whose: &str| {
        if seen.contains(&range) {
            return;
        }
        seen.push(range);
        let priority = by_prefix(range.length(), Claim::Owned);
        let matches = range.on(range.family.matches(), range.family.dst());
        let detail = format!("to {range}{whose}");
        out.drop(POLICY, priority, matches, OriginKind::Deny, Reason::NotAllowed, detail);
        if range.family == Family::V4 {
            let matches = range.on(address::arp(), Field::ArpTpa);
            let detail = format!("ARP for {range}{whose}");
            out.drop(POLICY, priority, matches, OriginKind::Deny, Reason::NotJoined, detail);
        }
    };
    for site in sites {
        for &range in &site.prefixes {
            deny(out, range, &format!(" of {}", site.party));
        }
    }
    for network in file.networks.iter().filter(|n| n.bridge == bridge) {
        for &subnet in &network.subnets {
            deny(out, subnet.into(), &format!(" of network {}", network.name));
        }
    }
    for (range, _) in address::martians() {
        deny(out, range, "");
    }
}
