//! Advertisements of virtual routers (RFC 5798 §5, CARP). Parties that a rule with `protocol =
//! "vrrp"` joins receive each other's advertisements.
//!
//! The source is a router's own address, over IPv6 a link-local one. The MAC is its own or a
//! virtual one that its port may have. The destination is the group of all virtual routers, which
//! here means the parties that the rule names, or one of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flow_model::FlowMatch;
use ipnetwork::IpNetwork;
use ofproto::ip_protocol;
use ofproto::oxm::Field;

use crate::compile::input::attachment_point::AttachmentPoints;
use crate::compile::input::rule_parties::PartySets;
use crate::compile::output::program::ProgramBuilder;
use crate::compile::tables::sender::{AdmittedSender, loads};
use crate::compile::vocabulary::address;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::AdmittedPackets;
use crate::compile::vocabulary::layout::{HoldRank, by_prefix};

/// Returns the group of all virtual routers (RFC 5798 §5.1.1.2, §5.1.2.2).
fn group(family: AddressFamily) -> AddressRange {
    match family {
        AddressFamily::V4 => AddressRange::from(IpNetwork::from(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)))),
        AddressFamily::V6 => address::v6_host(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
    }
}

/// Matches a virtual router's advertisements to its group.
pub(in crate::compile) fn advertisements(family: AddressFamily) -> FlowMatch {
    let vrrp = family.matches().with(Field::IpProto, ip_protocol::VRRP.into());
    group(family).on(vrrp, family.dst())
}

/// Admits the advertisements of virtual routers beyond their other packets.
pub(in crate::compile) fn admit(
    out: &mut ProgramBuilder<'_>,
    sites: &AttachmentPoints<'_>,
    sets: &PartySets<'_>,
    family: AddressFamily,
    routers: impl Iterator<Item = usize>,
) {
    for place in routers {
        let Some((site, port)) = sites.at(place).and_then(|site| Some((site, site.port?))) else { continue };
        let sender = AdmittedSender::new(sites, site, port, loads(sites, site, sets.of_site(place)));
        let mut senders = Vec::new();
        // An IPv4 packet from the router's own address and MAC is admitted like any other.
        if family == AddressFamily::V6 {
            senders.push(sender.clone());
        }
        if site.mac.is_some() {
            let mut macs: Vec<[u8; 6]> = site.shared.iter().flat_map(|s| s.virtual_macs()).collect();
            macs.sort_unstable();
            macs.dedup();
            senders.extend(macs.into_iter().map(|mac| {
                let [.., of_family, vrid] = mac;
                sender.with_virtual_mac(mac, &format!(", by virtual router {vrid}'s MAC {of_family}"))
            }));
        }
        let own: Vec<AddressRange> = match family {
            AddressFamily::V4 => {
                site.resolves.iter().copied().filter(|range| range.family == family).collect()
            }
            // If the router's own link-local address is known, only that one; policy guards the
            // addresses of others.
            AddressFamily::V6 => vec![site.link_local.unwrap_or(site.link_locals)],
        };
        for sender in senders {
            for &range in &own {
                let matches = sender.pin(range.on(advertisements(family), family.src()));
                let what = format!("VRRP from {range}");
                let sender = sender.marked(site.link_local == Some(range));
                let packets = AdmittedPackets::Vrrp { source: range };
                sender.pass(out, by_prefix(range.length(), HoldRank::Owner) + 1, matches, packets, &what);
            }
        }
    }
}
