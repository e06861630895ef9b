//! Table 0: which port, and is it who it says.

use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};

use super::address::{self, Family, ND_ADVERT, ND_SOLICIT, Range};
use super::layout::{self, ADMISSION, Claim, by_prefix};
use super::origin::{OriginKind, Reason};
use super::program::{Asked, Builder, apply_and_goto, load};
use super::site::{Site, SiteKind};
use crate::model::FlowMatch;
use crate::network::NetworkFile;

const KIND: OriginKind = OriginKind::Admission;

/// The claims on senders' addresses are told apart by the length of the prefix: who owns the longest one may
/// use it, and nobody else may (`Owned` is one class weaker than the owner's own claim).
pub(super) fn compile(out: &mut Builder<'_>, file: &NetworkFile, sites: &[Site<'_>]) {
    guards(out);
    foreign(out, file, sites);
    for site in sites {
        let Some(port) = site.port else { continue };
        admit(out, site, port);
        let detail = format!("{} at {}: anything else", site.party, site.port_name);
        out.drop(ADMISSION, layout::PORT_DEFAULT, at(port, FlowMatch::any()), KIND, Reason::Spoofed, detail);
    }
    out.drop(
        ADMISSION,
        layout::DEFAULT,
        FlowMatch::any(),
        KIND,
        Reason::UnknownPort,
        "any port that the file does not name",
    );
}

/// What no port may send, whoever is there.
fn guards(out: &mut Builder<'_>) {
    tagged(out);
    let udp = |family: Family, from: u16, to: u16| {
        family
            .matches()
            .with(Field::IpProto, address::IPPROTO_UDP.into())
            .with(Field::UdpSrc, from.into())
            .with(Field::UdpDst, to.into())
    };
    let icmp = Family::V4.matches().with(Field::IpProto, address::IPPROTO_ICMP.into());
    let icmp6 = Family::V6.matches().with(Field::IpProto, address::IPPROTO_ICMPV6.into());
    for (what, matches) in [
        ("DHCP answers", udp(Family::V4, 67, 68)),
        ("DHCPv6 answers", udp(Family::V6, 547, 546)),
        ("ICMP redirects", icmp.with(Field::Icmpv4Type, 5)),
        ("router advertisements", icmp6.clone().with(Field::Icmpv6Type, 134)),
        ("ICMPv6 redirects", icmp6.with(Field::Icmpv6Type, 137)),
    ] {
        out.drop(ADMISSION, layout::ROGUE, matches, KIND, Reason::Rogue, what);
    }
}

/// Frames with a VLAN tag.
pub(super) fn tagged(out: &mut Builder<'_>) {
    let matches = FlowMatch::any().with_masked(Field::VlanVid, 0x1000, 0x1000);
    out.drop(ADMISSION, layout::TAGGED, matches, KIND, Reason::Tagged, "tagged frames");
}

/// Addresses that have an owner: dropped wherever the owner's own claim does not win.
fn foreign(out: &mut Builder<'_>, file: &NetworkFile, sites: &[Site<'_>]) {
    let mut seen: Vec<Range> = Vec::new();
    let mut owned = |out: &mut Builder<'_>, range: Range, reason: Reason, whose: String| {
        if seen.contains(&range) {
            return;
        }
        seen.push(range);
        let priority = by_prefix(range.length(), Claim::Owned);
        let matches = range.on(range.family.matches(), range.family.src());
        out.drop(ADMISSION, priority, matches, KIND, reason, format!("from {range}: {whose}"));
        if range.family == Family::V4 {
            let matches = range.on(address::arp(), Field::ArpSpa);
            out.drop(ADMISSION, priority, matches, KIND, reason, format!("ARP from {range}: {whose}"));
        }
    };
    for site in sites {
        for &range in &site.prefixes {
            if site.kind == SiteKind::Link {
                continue;
            }
            owned(out, range, Reason::Spoofed, format!("owned by {}", site.party));
        }
    }
    for network in &file.networks {
        let here = sites.iter().any(|s| s.network.name == network.name);
        let reason = if here { Reason::Spoofed } else { Reason::Isolation };
        for &subnet in &network.subnets {
            owned(out, subnet.into(), reason, format!("in network {}", network.name));
        }
    }
    for endpoint in &file.endpoints {
        for prefix in endpoint.attachments.iter().flat_map(|a| &a.behind) {
            owned(out, (*prefix).into(), Reason::Isolation, format!("behind {}", endpoint.name));
        }
    }
    for (range, reason) in address::martians() {
        owned(out, range, reason, "nobody's address".to_owned());
    }
}

/// What a port may send.
fn admit(out: &mut Builder<'_>, site: &Site<'_>, port: PortNo) {
    let who = |what: &str| format!("{} at {}: {what}", site.party, site.port_name);
    let pin = |m: FlowMatch| match site.mac {
        Some(mac) => at(port, m).with(Field::EthSrc, mac_bits(mac)),
        None => at(port, m),
    };
    for &range in &site.prefixes {
        let matches = pin(range.on(range.family.matches(), range.family.src()));
        pass(out, site, by_prefix(range.length(), Claim::Protocol), matches, who(&format!("from {range}")));
    }
    if site.kind == SiteKind::Exit {
        for family in Family::BOTH {
            let range = Range::all(family);
            let matches = pin(family.matches());
            pass(
                out,
                site,
                by_prefix(range.length(), Claim::Protocol),
                matches,
                who(&format!("from {range}")),
            );
        }
    }
    for &range in &site.resolves {
        match range.family {
            Family::V4 => {
                let mut matches = pin(range.on(address::arp(), Field::ArpSpa));
                if let Some(mac) = site.mac {
                    matches = matches.with(Field::ArpSha, mac_bits(mac));
                }
                pass(
                    out,
                    site,
                    by_prefix(range.length(), Claim::Protocol),
                    matches,
                    who(&format!("ARP from {range}")),
                );
            }
            Family::V6 => {
                // Above every claim by address: an advertisement must also be *about* an address of the
                // sender, or it redirects its neighbours' traffic.
                let priority = layout::MULTICAST + by_prefix(range.length(), Claim::Protocol);
                let from = |kind| pin(range.on(address::nd(kind), Field::Ipv6Src));
                pass(out, site, priority, from(ND_SOLICIT), who(&format!("ND solicitation from {range}")));
                let advert = range.on(from(ND_ADVERT), Field::NdTarget);
                pass(out, site, priority, advert, who(&format!("ND advertisement of {range}")));
            }
        }
    }
    for (kind, what) in [(ND_SOLICIT, "other ND solicitations"), (ND_ADVERT, "other ND advertisements")] {
        let matches = at(port, address::nd(kind));
        out.drop(ADMISSION, layout::MULTICAST, matches, KIND, Reason::Spoofed, who(what));
    }
}

/// Admits, with the network's number in the registers.
fn pass(out: &mut Builder<'_>, site: &Site<'_>, priority: u16, matches: FlowMatch, detail: String) {
    let mut actions = vec![load(layout::NETWORK, site.network.number.into())];
    if site.kind == SiteKind::Endpoint {
        actions.push(load(layout::MEMBER, 1));
    }
    let next: TableId = layout::RETURNS;
    out.flow(
        ADMISSION,
        priority,
        matches,
        apply_and_goto(actions, next),
        Asked::new(KIND, site.party, detail),
    );
}

/// Adds the port of arrival.
pub(super) fn at(port: PortNo, matches: FlowMatch) -> FlowMatch {
    matches.with(Field::InPortOxm, port.0.into())
}

fn mac_bits(mac: [u8; 6]) -> u128 {
    mac.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}
