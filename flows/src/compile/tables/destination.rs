//! Table 4: the owner of the destination address. Admission identifies the sender's network, this
//! table finds the destination's port in it, and policy decides on the pair. So flows grow with
//! parties plus rules, not with their product.

use std::collections::HashSet;

use flow_model::FlowMatch;
use ofproto::action::Action;
use ofproto::icmpv6;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoints, PointsSharingAddress};
use crate::compile::input::rule_parties::PartySets;
use crate::compile::input::scope::{Scope, Scopes};
use crate::compile::output::program::{FlowSpec, ProgramBuilder, load, mark, resubmit};
use crate::compile::tables::{claims, lease, neighbour_discovery, router_discovery, shared};
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{AddressUse, FlowIdentity};
use crate::compile::vocabulary::layout::{DESTINATION, HoldRank, by_prefix};
use crate::compile::vocabulary::{address, layout};
use crate::network::Network;

/// The kinds of packets that address a party, each with its own address field.
const WAYS: [AddressingKind; 5] = [
    AddressingKind::Ipv4,
    AddressingKind::Arp,
    AddressingKind::Ipv6,
    AddressingKind::Solicit,
    AddressingKind::Advert,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressingKind {
    Ipv4,
    Arp,
    Ipv6,
    Solicit,
    Advert,
}

impl AddressingKind {
    fn family(self) -> AddressFamily {
        match self {
            Self::Ipv4 | Self::Arp => AddressFamily::V4,
            Self::Ipv6 | Self::Solicit | Self::Advert => AddressFamily::V6,
        }
    }

    /// Returns whether the packet asks for or tells a MAC address.
    fn resolves(self) -> bool {
        !matches!(self, Self::Ipv4 | Self::Ipv6)
    }

    /// Returns the field that holds the address.
    fn sought(self) -> Field {
        match self {
            Self::Ipv4 => Field::Ipv4Dst,
            Self::Arp => Field::ArpTpa,
            Self::Ipv6 | Self::Advert => Field::Ipv6Dst,
            Self::Solicit => Field::NdTarget,
        }
    }

    fn to(self, range: AddressRange) -> FlowMatch {
        let packet = match self {
            Self::Ipv4 => AddressFamily::V4.matches(),
            Self::Arp => address::arp(),
            Self::Ipv6 => AddressFamily::V6.matches(),
            Self::Solicit => address::nd(icmpv6::NEIGHBOUR_SOLICITATION),
            Self::Advert => address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT),
        };
        range.on(packet, self.sought())
    }

    /// Returns the priority offset. Neighbour discovery is IPv6 too, so it is matched first.
    fn above(self) -> u16 {
        if matches!(self, Self::Solicit | Self::Advert) { layout::RESOLUTION } else { 0 }
    }

    fn packets(self) -> AddressUse {
        match self {
            Self::Ipv4 | Self::Ipv6 => AddressUse::IpDestination,
            Self::Arp => AddressUse::ArpTarget,
            Self::Solicit => AddressUse::NdSolicitationTarget,
            Self::Advert => AddressUse::NdAdvertisementDestination,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Ipv4 | Self::Ipv6 => "to",
            Self::Arp => "ARP for",
            Self::Solicit => "ND solicitation for",
            Self::Advert => "ND advertisement to",
        }
    }
}

/// Compiles the addresses of a network.
pub(in crate::compile) fn compile(
    out: &mut ProgramBuilder<'_>,
    scope: &Scope<'_>,
    sites: &AttachmentPoints<'_>,
    sets: &PartySets<'_>,
) {
    let network = sites.network;
    let mut table = DestinationTable { out, seen: HashSet::new() };
    let mut by_link = Vec::new();
    for (place, site) in sites.all.iter().enumerate() {
        let member = site.kind == AttachmentKind::Endpoint;
        let mut found: Vec<Action> =
            site.port.and_then(layout::port_value).map(to_port).into_iter().collect();
        if !found.is_empty() {
            found.extend(member.then(|| mark(layout::mark_bit(layout::TO_MEMBER))));
            found.extend(sets.of_site(place).iter().map(|set| mark(layout::to_set(*set))));
        }
        let whose = format!("{} at {}", site.party, site.port_name);
        if sites.resolves(site, AddressFamily::V6) {
            by_link.push((site, found.clone()));
        }
        for way in WAYS {
            for &range in
                site.dhcp.iter().filter(|_| matches!(way, AddressingKind::Ipv4 | AddressingKind::Arp))
            {
                let look = lease::look_up();
                table.add(way, Some(network), range, HoldRank::Owner, &look, "whoever has a lease of it");
            }
            for &PointsSharingAddress { range, .. } in &site.shared {
                let look = shared::look_up(sites, range, !way.resolves());
                table.add(way, Some(network), range, HoldRank::Owner, &look, "whoever holds it");
            }
            let ranges = if way.resolves() { &site.resolves } else { &site.prefixes };
            for &range in ranges {
                table.add(way, Some(network), range, HoldRank::Owner, &found, &whose);
            }
            for &range in &site.leases {
                // A silent host may still have the address, so the solicitation also goes to all
                // possible owners.
                let asks = way == AddressingKind::Solicit && sites.autoconfigured;
                let mut look: Vec<Action> = asks.then(|| to_port(layout::LEASED)).into_iter().collect();
                look.extend(claims::look_up(way.sought()));
                look.push(resubmit(layout::OWNERS));
                table.add(way, Some(network), range, HoldRank::Owner, &look, "whoever has it");
            }
        }
    }
    let nobody = format!("nobody in network {}", network.name);
    for range in network.subnets.iter().copied().map(AddressRange::from).chain(scope.behind.iter().copied()) {
        for way in WAYS {
            table.add(way, Some(network), range, HoldRank::Network, &[], &nobody);
        }
    }
    table.foreign(network, &scope.known);
    if !by_link.is_empty() {
        neighbour_discovery::destination(out, network, &by_link);
        router_discovery::destination(out, sites);
    }
}

/// Compiles all other addresses. Those without an owner are outside, and only rules that lead there
/// match them. Neighbour discovery does not lead there.
pub(in crate::compile) fn common(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    let mut table = DestinationTable { out, seen: HashSet::new() };
    for (network, known) in &scopes.elsewhere {
        table.foreign(network, known);
    }
    for &range in &scopes.nobodys {
        for way in [AddressingKind::Ipv4, AddressingKind::Ipv6] {
            table.add(way, None, range, HoldRank::Owned, &[], "nobody");
        }
    }
    for &range in &scopes.rest {
        for way in [AddressingKind::Ipv4, AddressingKind::Ipv6] {
            table.add(way, None, range, HoldRank::Owned, &[to_port(layout::OUTSIDE)], "the outside");
        }
        for way in [AddressingKind::Solicit, AddressingKind::Advert] {
            table.add(way, None, range, HoldRank::Owned, &[], "nobody");
        }
    }
}

struct DestinationTable<'o, 'b> {
    out: &'o mut ProgramBuilder<'b>,
    seen: HashSet<(u16, FlowMatch)>,
}

impl DestinationTable<'_, '_> {
    /// Compiles the addresses of a network, as all other networks know them.
    fn foreign(&mut self, network: &Network, known: &[AddressRange]) {
        let of_network = [load(layout::FOREIGN, network.number.into())];
        let whose = format!("network {}", network.name);
        for &range in known {
            for way in WAYS {
                self.add(way, None, range, HoldRank::Owned, &of_network, &whose);
            }
        }
    }

    /// Adds a flow unless an earlier one has claimed the address.
    fn add(
        &mut self,
        way: AddressingKind,
        network: Option<&Network>,
        range: AddressRange,
        hold: HoldRank,
        actions: &[Action],
        whose: &str,
    ) {
        if range.family != way.family() {
            return;
        }
        let mut matches = way.to(range);
        if let Some(network) = network {
            matches = matches.with(layout::NETWORK, network.number.into());
        }
        let priority = way.above() + by_prefix(range.length(), hold);
        if !self.seen.insert((priority, matches.clone())) {
            return;
        }
        let within = network.map(|n| format!(", within {}", n.name)).unwrap_or_default();
        let detail = format!("{} {range}{within}: {whose}", way.label());
        let (network, packets) = (network.map(|network| &*network.name), way.packets());
        let asked = FlowSpec::new(FlowIdentity::Destination { network, packets, range, hold }, detail);
        let instructions =
            if actions.is_empty() { Vec::new() } else { vec![Instruction::ApplyActions(actions.to_vec())] };
        self.out.flow(DESTINATION, priority, matches, instructions, asked);
    }
}

fn to_port(value: u32) -> Action {
    load(layout::OUT_PORT, value.into())
}
