//! Notes on intended statements with notable consequences: rules that no bridge enforces, gateways
//! that a party owns, addresses without an owner.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use crate::finding::Finding;
use crate::finding_code::FindingCode;
use crate::network::text::report::quote;
use crate::network::{Allow, EnforcementPoint, LinkRole, NetworkFile, Protocol, Span};

/// Limits the names that one note lists.
const LISTED: usize = 8;

/// Returns the notes on a file without errors, in the order of the text. A note that repeats in
/// every copy of a template is given once.
pub fn notes(file: &NetworkFile) -> Vec<Finding> {
    let mut notes = Notes::default();
    carried(file, &mut notes);
    gateways(file, &mut notes);
    leases(file, &mut notes);
    routers(file, &mut notes);
    ranges(file, &mut notes);
    let told = |(mut note, more): (Finding, usize)| {
        if more > 0 {
            note.message.push_str(&format!("; likewise {more} more of the template's copies"));
        }
        note
    };
    notes.by_place.into_values().map(told).collect()
}

/// Notes by place, code and subject, each with the number of repetitions. Copies of a template
/// share one place.
#[derive(Default)]
struct Notes {
    by_place: BTreeMap<(usize, FindingCode, usize), (Finding, usize)>,
}

impl Notes {
    fn add(&mut self, code: FindingCode, span: &Span, which: usize, message: String, help: &str) {
        let note = Finding::note(code, span.clone(), message, help);
        let entry = self.by_place.entry((span.start, code, which));
        entry.and_modify(|(_, more)| *more += 1).or_insert((note, 0));
    }
}

/// Notes rules that are written down but enforced on no bridge.
fn carried(file: &NetworkFile, notes: &mut Notes) {
    for allow in &file.allows {
        let (message, help) = match &allow.place {
            EnforcementPoint::Switch => continue,
            EnforcementPoint::Overlay(overlay) => (
                format!(
                    "rule {} is not enforced: it travels inside overlay {}, of which a switch sees the envelope alone",
                    quote(&allow.name),
                    quote(overlay),
                ),
                "whoever may send the envelope may send anything inside: set the overlay's own firewall",
            ),
            EnforcementPoint::Elsewhere(place) => (
                format!(
                    "rule {} is not enforced: it passes no bridge ({})",
                    quote(&allow.name),
                    quote(place)
                ),
                "see to it where it passes",
            ),
        };
        notes.add(FindingCode::NotEnforced, &allow.span, 0, message, help);
    }
}

/// Notes the owner of a network's default gateway.
fn gateways(file: &NetworkFile, notes: &mut Notes) {
    let mut owners: HashMap<IpAddr, &str> = HashMap::new();
    let mut behind = Vec::new();
    for endpoint in &file.endpoints {
        for plug in &endpoint.attachments {
            owners.extend(plug.addresses.iter().map(|address| (*address, &*endpoint.name)));
            owners.extend(plug.shared.iter().map(|shared| (shared.address, &*endpoint.name)));
            behind.extend(plug.behind.iter().map(|prefix| (*prefix, &*endpoint.name)));
        }
    }
    // A router is expected at exits and links.
    let expected: Vec<IpAddr> = file.exits.iter().flat_map(|exit| &exit.next_hop).copied().collect();
    let ends = file.links.iter().flat_map(|link| &link.ends);
    let remote: Vec<_> = ends
        .filter_map(|end| match &end.role {
            LinkRole::Network { behind, .. } => Some(behind),
            LinkRole::Forwards { .. } | LinkRole::Crossing | LinkRole::Declared => None,
        })
        .flatten()
        .collect();
    for network in &file.networks {
        for (which, gateway) in network.gateway.iter().enumerate() {
            let owner = owners.get(gateway).copied();
            let owner =
                owner.or_else(|| behind.iter().find(|(p, _)| p.contains(*gateway)).map(|(_, owner)| *owner));
            if let Some(owner) = owner {
                let message = format!(
                    "the gateway {gateway} of network {} is endpoint {}: its address has one owner",
                    quote(&network.name),
                    quote(owner),
                );
                let help = "members reach it and what goes `via` it, as rules say; it joins the networks that it is on \
                            only as far as they do";
                notes.add(FindingCode::GatewayOwned, &network.span, which, message, help);
            } else if !expected.contains(gateway) && !remote.iter().any(|prefix| prefix.contains(*gateway)) {
                let message =
                    format!("the gateway {gateway} of network {} is nobody's here", quote(&network.name));
                let help = "members that have it for their default route reach nothing by it";
                notes.add(FindingCode::GatewayNobody, &network.span, which, message, help);
            }
        }
    }
}

/// Notes addresses that no server gives, or that the first user obtains.
fn leases(file: &NetworkFile, notes: &mut Notes) {
    let mut made: HashMap<&str, Vec<&str>> = HashMap::new();
    for endpoint in &file.endpoints {
        for plug in endpoint.attachments.iter().filter(|plug| plug.leased) {
            let Some(network) = file.network(&plug.network) else { continue };
            let makes = network.subnets.iter().any(IpNetwork::is_ipv6) && file.has_router(&network.name);
            if makes {
                made.entry(&plug.network).or_default().push(&endpoint.name);
            }
            let asks = |allow: &Allow| {
                let named = |name: &String| *name == endpoint.name || *name == plug.network;
                allow.place == EnforcementPoint::Switch
                    && allow.protocol == Protocol::Dhcp
                    && allow.from.iter().any(named)
            };
            let needs = network.subnets.iter().any(IpNetwork::is_ipv4) || !makes;
            if needs && !file.allows.iter().any(asks) {
                let message = format!(
                    "the address of endpoint {} on network {} comes from DHCP, and no rule lets it ask for one",
                    quote(&endpoint.name),
                    quote(&plug.network),
                );
                let help = "whatever it sends is dropped until a server gives it an address: write an [[allow]] with \
                            protocol = \"dhcp\", or for IPv6 `router = true` where a router advertises itself";
                notes.add(FindingCode::LeasedWithoutDhcp, &plug.span, 0, message, help);
            }
        }
    }
    for network in &file.networks {
        let Some(names) = made.get(&*network.name).filter(|names| names.len() > 1) else { continue };
        let message = format!(
            "on network {} {} make their IPv6 addresses of what a router advertises: each is bound to the port that uses it \
             first, and what DHCPv6 gives to the port that got it",
            quote(&network.name),
            list(names.iter().copied()),
        );
        let help = "write down `addresses` where another must not come first, or leave `router` out where DHCPv6 gives them all";
        notes.add(FindingCode::LeasedAddress, &network.span, 0, message, help);
    }
}

/// Notes routers whose link-local address, by which hosts find them, has no owner. Parties that are
/// joined to the same hosts may advertise it.
fn routers(file: &NetworkFile, notes: &mut Notes) {
    let plugs = file.endpoints.iter().flat_map(|e| e.attachments.iter().map(move |plug| (e, plug)));
    let open = plugs.filter(|(_, plug)| plug.router && plug.mac.is_none() && plug.link_local.is_none());
    let endpoints = open.map(|(endpoint, plug)| ("endpoint", &endpoint.name, &plug.span));
    let exits = file.exits.iter().filter(|exit| exit.router && exit.link_local.is_none());
    for (what, name, span) in endpoints.chain(exits.map(|exit| ("exit", &exit.name, &exit.span))) {
        let message = format!(
            "the link-local address of router {what} {} is nobody's: others whom a rule joins to its hosts may speak of it",
            quote(name),
        );
        notes.add(FindingCode::RouterLinkLocal, span, 0, message, "give it a `link_local`, or pin its `mac`");
    }
}

/// Notes container numbers whose port or address is in use.
fn ranges(file: &NetworkFile, notes: &mut Notes) {
    for network in &file.networks {
        let Some(range) = &network.containers else { continue };
        let plugs = file.endpoints.iter().flat_map(|e| e.attachments.iter().map(move |plug| (e, plug)));
        let mut names = Vec::new();
        let mut of_plug: HashMap<&str, &str> = HashMap::new();
        let mut of_address: HashMap<IpAddr, &str> = HashMap::new();
        for (endpoint, plug) in plugs.filter(|(_, plug)| plug.network == network.name) {
            // A container itself is expected in its range.
            if plug.span != range.span {
                of_plug.insert(&plug.port, &endpoint.name);
                of_address.extend(plug.addresses.iter().map(|address| (*address, &*endpoint.name)));
            }
        }
        for id in range.ids.0..=range.ids.1 {
            let by_port = of_plug.get(&*range.port_of(id)).copied();
            let taken =
                by_port.or_else(|| range.addresses_of(id).iter().find_map(|a| of_address.get(a).copied()));
            names.extend(taken.map(|owner| format!("{id} ({})", quote(owner))));
        }
        if !names.is_empty() {
            let message = format!(
                "of the containers of network {} these numbers are taken by the file: {}",
                quote(&network.name),
                list(names.iter().map(String::as_str)),
            );
            notes.add(
                FindingCode::ContainerNumbersTaken,
                &range.span,
                0,
                message,
                "they are left out when one is created",
            );
        }
        let without: Vec<u32> = (range.ids.0..=range.ids.1).filter(|id| !network.can_hold(*id)).collect();
        if let (Some(first), Some(last)) = (without.first(), without.last()) {
            let message = format!(
                "{} of the containers' numbers of network {} have no place in its subnets, {first} to {last} among them",
                without.len(),
                quote(&network.name),
            );
            let help = "they are left out when one is created: take other numbers or wider subnets for more";
            notes.add(FindingCode::ContainerNumbersWithoutPlace, &range.span, 0, message, help);
        }
    }
}

fn list<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let mut text = names.take(LISTED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
