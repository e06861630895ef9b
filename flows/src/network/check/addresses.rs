//! The owner of each address: subnets are disjoint, and every address lies in one and has one
//! owner.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use crate::finding_code::FindingCode;
use crate::network::draft::{Draft, DraftNetwork, Spanned};
use crate::network::model::prefix::{RangeEntry, host, is_edge, overlaps, unusable};
use crate::network::names::NameIndex;
use crate::network::read::{link_local, shared};
use crate::network::text::report::{FindingReport, NamedInText, quote};
use crate::network::{SharedAddress, Span};

/// Limits the subnets of one network.
const MAX_SUBNETS: usize = 64;

/// Checks all addresses, prefixes and MACs of a file.
pub(in crate::network) fn check(draft: &Draft, names: &NameIndex<'_>, report: &mut FindingReport) {
    for network in &draft.networks {
        let what = NamedInText { word: "network", name: &network.name.value };
        usable(network.subnets.iter().map(prefix_at), &what, report);
        if let Some(beyond) = network.subnets.get(MAX_SUBNETS) {
            let message = format!("{what} has more than {MAX_SUBNETS} subnets");
            report.error(FindingCode::TooMany, &beyond.span, message, "use wider ones");
        }
        let what = format_args!("the gateway of {what}");
        usable(network.gateway.iter().map(host_at), &what, report);
        in_subnets(&network.gateway, Some((0, network)), &what, report);
    }
    subnets_apart(draft, report);
    let mut owned = Vec::new();
    let mut behind = Vec::new();
    let mut shared_before = HashSet::new();
    for endpoint in &draft.endpoints {
        let what = NamedInText { word: "endpoint", name: &endpoint.name.value };
        for attachment in &endpoint.attachments {
            let network = attachment.network.as_ref().and_then(|name| names.network(&name.value));
            let holder = AddressHolder::new(what, network.map(|(index, _)| index));
            usable(attachment.addresses.iter().map(host_at), &what, report);
            usable(attachment.behind.iter().map(prefix_at), &what, report);
            in_subnets(&attachment.addresses, network, &what, report);
            let shared = shared::first_mentions(&attachment.shared, &mut shared_before);
            usable(shared.iter().map(|shared| shared_at(shared)), &what, report);
            in_subnets(
                &shared.iter().map(|shared| shared::address(shared)).collect::<Vec<_>>(),
                network,
                &what,
                report,
            );
            let held = shared.into_iter().map(shared_at).collect();
            owned.push((AddressHolder { shared: true, ..holder }, held));
            let all = attachment.addresses.iter().map(host_at).chain(attachment.behind.iter().map(prefix_at));
            owned.push((holder, all.collect::<Vec<_>>()));
            behind.push((holder, attachment.behind.iter().map(prefix_at).collect::<Vec<_>>()));
        }
    }
    for exit in &draft.exits {
        let what = NamedInText { word: "exit", name: &exit.name.value };
        let network = exit.network.as_ref().and_then(|name| names.network(&name.value));
        usable(exit.next_hop.iter().map(host_at), &what, report);
        in_subnets(&exit.next_hop, network, &format_args!("the next hop of {what}"), report);
        let holder =
            AddressHolder { next_hop: true, ..AddressHolder::new(what, network.map(|(index, _)| index)) };
        owned.push((holder, exit.next_hop.iter().map(host_at).collect()));
    }
    one_owner(&owned, report);
    outsides(draft, names, &owned, report);
    overlay_addresses(draft, report);
    let mut remote = Vec::new();
    for link in &draft.links {
        let what = NamedInText { word: "link", name: &link.name.value };
        for end in link.ends.iter().filter(|end| end.network.is_some()) {
            let network = end.network.as_ref().and_then(|name| names.network(&name.value));
            usable(end.behind.iter().map(prefix_at), &what, report);
            let holder = AddressHolder::new(what, network.map(|(index, _)| index));
            remote.push((holder, end.behind.iter().map(prefix_at).collect::<Vec<_>>()));
        }
    }
    links_apart(&remote, report);
    leases_apart(draft, names, &remote, report);
    behind.append(&mut remote);
    not_foreign(draft, &behind, report);
    one_mac(draft, names, report);
    link_local::check(draft, report);
    shared::check(draft, names, report);
}

/// A holder of addresses.
#[derive(Debug, Clone, Copy)]
struct AddressHolder<'d> {
    what: NamedInText<'d>,
    next_hop: bool,
    /// True if others may hold them too.
    shared: bool,
    network: Option<usize>,
}

impl<'d> AddressHolder<'d> {
    fn new(what: NamedInText<'d>, network: Option<usize>) -> Self {
        Self { what, next_hop: false, shared: false, network }
    }
}

/// The prefixes of one attachment, exit or end of a link.
type HeldPrefixes<'d> = (AddressHolder<'d>, Vec<(IpNetwork, &'d Span)>);

fn prefix_at(prefix: &Spanned<IpNetwork>) -> (IpNetwork, &Span) {
    (prefix.value, &prefix.span)
}

fn host_at(address: &Spanned<IpAddr>) -> (IpNetwork, &Span) {
    (host(address.value), &address.span)
}

fn shared_at(shared: &Spanned<SharedAddress>) -> (IpNetwork, &Span) {
    (host(shared.value.address), &shared.span)
}

/// Returns a prefix as the file writes it: without a length if it is one address.
fn text(prefix: IpNetwork) -> String {
    match prefix {
        IpNetwork::V4(p) if p.prefix() == 32 => format!("`{}`", p.ip()),
        IpNetwork::V6(p) if p.prefix() == 128 => format!("`{}`", p.ip()),
        other => format!("`{other}`"),
    }
}

fn usable<'d>(
    prefixes: impl Iterator<Item = (IpNetwork, &'d Span)>,
    what: &dyn fmt::Display,
    report: &mut FindingReport,
) {
    for (prefix, span) in prefixes {
        if let Some(why) = unusable(prefix) {
            let kind = if text(prefix).contains('/') { "prefix" } else { "address" };
            let verb = if kind == "prefix" { "has addresses that are" } else { "is" };
            let message = format!("the {kind} {} of {what} {verb} {why}", text(prefix));
            report.error(FindingCode::UnusableAddress, span, message, "give it addresses of its own");
        }
    }
}

fn in_subnets(
    addresses: &[Spanned<IpAddr>],
    network: Option<(usize, &DraftNetwork)>,
    what: &dyn fmt::Display,
    report: &mut FindingReport,
) {
    let Some((_, network)) = network else { return };
    for address in addresses {
        reject(address, network, what, report);
    }
}

/// Reports an address that no member of the network can have, and then returns true.
pub(in crate::network) fn reject(
    address: &Spanned<IpAddr>,
    network: &DraftNetwork,
    what: &dyn fmt::Display,
    report: &mut FindingReport,
) -> bool {
    // A network whose subnets could not be read has an error of its own, and so has an unusable
    // address.
    if network.subnets.is_empty() || unusable(host(address.value)).is_some() {
        return false;
    }
    let subnet = network.subnets.iter().take(MAX_SUBNETS).find(|subnet| subnet.value.contains(address.value));
    let Some(subnet) = subnet else {
        let list: Vec<_> = network.subnets.iter().take(4).map(|subnet| subnet.value.to_string()).collect();
        let more = if network.subnets.len() > 4 { ", …" } else { "" };
        let message = format!(
            "the address `{}` of {what} is outside the subnets of network {} ({}{more})",
            address.value,
            quote(&network.name.value),
            list.join(", "),
        );
        let help = format!(
            "write an address of the network, or widen its subnets (line {})",
            report.line(&network.name.span)
        );
        report.error(FindingCode::OutsideSubnets, &address.span, message, help);
        return true;
    };
    let whole = is_edge(address.value, subnet.value);
    if whole {
        let message = format!(
            "the address `{}` of {what} stands for the whole subnet {}",
            address.value,
            text(subnet.value)
        );
        report.error(
            FindingCode::UnusableAddress,
            &address.span,
            message,
            "take one between the first and the last",
        );
    }
    whole
}

/// Checks that the addresses of an outside lie outside: in no subnet except those of its exit's
/// network, and owned by no party.
fn outsides(draft: &Draft, names: &NameIndex<'_>, owned: &[HeldPrefixes<'_>], report: &mut FindingReport) {
    // Networks and owners come first, each a group of its own, like each outside.
    let mut items = Vec::new();
    for (index, network) in draft.networks.iter().enumerate() {
        let what = NamedInText { word: "network", name: &network.name.value };
        items.extend(network.subnets.iter().map(|at| (at.value, index, Some(index), what, &at.span)));
    }
    for (holder, prefixes) in owned.iter().filter(|(holder, _)| !holder.next_hop) {
        let group = items.len() + draft.networks.len();
        items.extend(prefixes.iter().map(|(prefix, span)| (*prefix, group, None, holder.what, *span)));
    }
    let inside = items.len();
    for outside in &draft.outsides {
        let what = NamedInText { word: "outside", name: &outside.name.value };
        let party = names.parties.get(&*outside.name.value);
        // If the exit is unknown, so is its network: the number then belongs to no network.
        let network = party.and_then(|party| party.networks.first()).copied().unwrap_or(usize::MAX);
        let group = items.len() + draft.networks.len();
        items.extend(outside.addresses.iter().map(|at| (at.value, group, Some(network), what, &at.span)));
    }
    if inside == items.len() {
        return;
    }
    let first_outside = inside + draft.networks.len();
    let items = items.iter().map(|(prefix, group, network, what, span)| {
        RangeEntry::new(*prefix, *group, (*group, *network, what, *span))
    });
    overlaps(items.collect(), |wider, narrower| {
        let ((group, network, what, at), (outside, of, name, span)) = (wider.tag, narrower.tag);
        // A wide outside may contain networks: isolation takes precedence.
        if outside < first_outside || group >= first_outside || of == Some(usize::MAX) || network == of {
            return false;
        }
        let message = format!(
            "{} of {name} is not outside: it is in {} of {what} (line {})",
            text(narrower.prefix),
            text(wider.prefix),
            report.line(at),
        );
        report.error(FindingCode::NotOutside, span, message, "name addresses that are behind the exit");
        true
    });
}

/// Checks that each address inside an overlay belongs to one member.
fn overlay_addresses(draft: &Draft, report: &mut FindingReport) {
    for overlay in &draft.overlays {
        let what = NamedInText { word: "overlay", name: &overlay.name.value };
        let mut seen: HashMap<IpAddr, (&str, &Span)> = HashMap::new();
        for (name, addresses) in &overlay.members {
            usable(addresses.iter().map(host_at), &what, report);
            for address in addresses {
                let Some((first, span)) = seen.insert(address.value, (&name.value, &address.span)) else {
                    continue;
                };
                let message = format!(
                    "the address `{}` of {} in {what} is already that of {} (line {})",
                    address.value,
                    quote(&name.value),
                    quote(first),
                    report.line(span),
                );
                report.error(
                    FindingCode::AddressOwnedTwice,
                    &address.span,
                    message,
                    "an address has one owner",
                );
            }
        }
    }
}

fn subnets_apart(draft: &Draft, report: &mut FindingReport) {
    let mut items = Vec::new();
    for (index, network) in draft.networks.iter().enumerate() {
        items.extend(
            network.subnets.iter().map(|at| RangeEntry::new(at.value, index, (index, network, &at.span))),
        );
    }
    overlaps(items, |wider, narrower| {
        // Of two prefixes, the later one in the file should change.
        let (first, second) =
            if wider.tag.2.start <= narrower.tag.2.start { (wider, narrower) } else { (narrower, wider) };
        let (index, network, span) = second.tag;
        let line = report.line(first.tag.2);
        if first.tag.0 == index {
            let message =
                format!("the subnet {} overlaps {} (line {line})", text(second.prefix), text(first.prefix));
            report.warning(FindingCode::Repeated, span, message, "keep the wider one");
        } else {
            let message = format!(
                "the subnet {} of network {} overlaps {} of network {} (line {line})",
                text(second.prefix),
                quote(&network.name.value),
                text(first.prefix),
                quote(&first.tag.1.name.value),
            );
            report.error(
                FindingCode::SubnetsOverlap,
                span,
                message,
                "isolation is by address: give each network its own",
            );
        }
        true
    });
}

/// A prefix with its holder's number, its holder, and its place in the text.
type HeldPrefix<'h> = RangeEntry<(usize, &'h AddressHolder<'h>, &'h Span)>;

fn items<'h>(held: &'h [HeldPrefixes<'_>]) -> Vec<HeldPrefix<'h>> {
    let of = |(group, (holder, prefixes)): (usize, &'h HeldPrefixes<'_>)| {
        prefixes.iter().map(move |(prefix, span)| RangeEntry::new(*prefix, group, (group, holder, *span)))
    };
    held.iter().enumerate().flat_map(of).collect()
}

/// Reports an address that one holder names twice.
fn repeated(first: &HeldPrefix<'_>, second: &HeldPrefix<'_>, word: &str, report: &mut FindingReport) {
    let (_, other, span) = second.tag;
    let (line, narrow, wide) = (report.line(first.tag.2), text(second.prefix), text(first.prefix));
    let message = format!("{narrow} {word} {} overlaps {wide} (line {line})", other.what);
    report.warning(FindingCode::Repeated, span, message, "keep the wider one");
}

/// Checks that no address has two owners, and that no next hop of an exit is an endpoint.
fn one_owner(held: &[HeldPrefixes<'_>], report: &mut FindingReport) {
    overlaps(items(held), |wider, narrower| {
        let (first, second) =
            if wider.tag.2.start <= narrower.tag.2.start { (wider, narrower) } else { (narrower, wider) };
        let ((group, one, at), (other_group, other, span)) = (first.tag, second.tag);
        let line = report.line(at);
        if group == other_group {
            repeated(first, second, "of", report);
            return true;
        }
        match (one.next_hop, other.next_hop) {
            (false, false) => {
                let message = format!(
                    "{} of {} is already owned by {}, as {} (line {line})",
                    text(second.prefix),
                    other.what,
                    one.what,
                    text(first.prefix),
                );
                let one_host = first.prefix == second.prefix && !text(first.prefix).contains('/');
                let help = if one.shared || other.shared {
                    "share it at each of those who may hold it"
                } else if one_host {
                    "an address has one owner, by one port; one that several may hold is shared: \
                     { address = \"ADDRESS\", shared = true } at each"
                } else {
                    "an address has one owner, by one port"
                };
                report.error(FindingCode::AddressOwnedTwice, span, message, help);
            }
            (true, true) => {
                let message = format!(
                    "{} is the next hop of {} and of {} (line {line})",
                    text(second.prefix),
                    other.what,
                    one.what
                );
                report.error(
                    FindingCode::AddressOwnedTwice,
                    span,
                    message,
                    "an address answers behind one port",
                );
            }
            _ => {
                let (owner, exit) = if one.next_hop { (other, one) } else { (one, other) };
                let message = format!(
                    "{} is the next hop of {}, and {} owns it (line {line})",
                    text(if one.next_hop { first.prefix } else { second.prefix }),
                    exit.what,
                    owner.what,
                );
                report.error(
                    FindingCode::NextHopOwned,
                    span,
                    message,
                    "the next hop is the router's own address, outside",
                );
            }
        }
        true
    });
}

/// Checks that the prefixes behind two links of one network are disjoint, so that one link leads to
/// each.
fn links_apart(remote: &[HeldPrefixes<'_>], report: &mut FindingReport) {
    overlaps(items(remote), |wider, narrower| {
        let (first, second) =
            if wider.tag.2.start <= narrower.tag.2.start { (wider, narrower) } else { (narrower, wider) };
        let ((group, one, at), (other_group, other, span)) = (first.tag, second.tag);
        let line = report.line(at);
        if group == other_group {
            repeated(first, second, "behind", report);
            return true;
        }
        if one.network.is_none() || one.network != other.network {
            return false;
        }
        let message = format!(
            "{} behind {} overlaps {} behind {} (line {line})",
            text(second.prefix),
            other.what,
            text(first.prefix),
            one.what,
        );
        report.error(FindingCode::LinksOverlap, span, message, "let each link lead to other addresses");
        true
    });
}

/// Checks leased addresses. DHCP may give any address of the network's subnets. If a link leads to
/// one of them, the port of a leased address would be ambiguous.
fn leases_apart(
    draft: &Draft,
    names: &NameIndex<'_>,
    remote: &[HeldPrefixes<'_>],
    report: &mut FindingReport,
) {
    for endpoint in &draft.endpoints {
        for attachment in endpoint.attachments.iter().filter(|attachment| attachment.leased) {
            let name = attachment.network.as_ref();
            let Some((index, network)) = name.and_then(|name| names.network(&name.value)) else { continue };
            let here = remote.iter().filter(|(holder, _)| holder.network == Some(index));
            let mut prefixes = here.flat_map(|(link, prefixes)| prefixes.iter().map(move |p| (link, p.0)));
            let subnets = || network.subnets.iter().take(MAX_SUBNETS).map(|subnet| subnet.value);
            let Some((link, prefix)) = prefixes.find(|(_, p)| subnets().any(|s| meet(*p, s))) else {
                continue;
            };
            let message = format!(
                "endpoint {} has an address by DHCP, and {} leads to {} of the same subnet",
                quote(&endpoint.name.value),
                link.what,
                text(prefix),
            );
            let help = "give it `addresses`, or the network a subnet of its own behind the link";
            report.error(FindingCode::LeaseBesideLink, &attachment.span, message, help);
        }
    }
}

/// Returns whether two prefixes have an address in common.
fn meet(a: IpNetwork, b: IpNetwork) -> bool {
    a.contains(b.network()) || b.contains(a.network())
}

/// Checks that no party sends from the subnets of a network that it is not on.
fn not_foreign(draft: &Draft, behind: &[HeldPrefixes<'_>], report: &mut FindingReport) {
    // Networks come first, so a group is a network or a holder.
    let mut items = Vec::new();
    for (index, network) in draft.networks.iter().enumerate() {
        items.extend(
            network
                .subnets
                .iter()
                .map(|at| RangeEntry::new(at.value, index, (Ok(network), Some(index), &at.span))),
        );
    }
    for (index, (holder, prefixes)) in behind.iter().enumerate() {
        let group = draft.networks.len() + index;
        items.extend(
            prefixes.iter().map(|(p, span)| RangeEntry::new(*p, group, (Err(holder), holder.network, *span))),
        );
    }
    overlaps(items, |wider, narrower| {
        let ((network, subnet), (holder, prefix)) = match (wider.tag.0, narrower.tag.0) {
            (Ok(network), Err(holder)) => ((network, wider), (holder, narrower)),
            (Err(holder), Ok(network)) => ((network, narrower), (holder, wider)),
            _ => return false,
        };
        if holder.network.is_none() || holder.network == subnet.tag.1 {
            return false;
        }
        let message = format!(
            "{} behind {} overlaps the subnet {} of network {} (line {})",
            text(prefix.prefix),
            holder.what,
            text(subnet.prefix),
            quote(&network.name.value),
            report.line(subnet.tag.2),
        );
        report.error(
            FindingCode::BehindForeign,
            prefix.tag.2,
            message,
            "leave out the addresses of other networks",
        );
        true
    });
}

/// Checks that a MAC stands for one attachment on its bridge.
fn one_mac(draft: &Draft, names: &NameIndex<'_>, report: &mut FindingReport) {
    let mut seen: HashMap<(&str, [u8; 6]), (&str, &Span)> = HashMap::new();
    for endpoint in &draft.endpoints {
        for attachment in &endpoint.attachments {
            let Some(mac) = &attachment.mac else { continue };
            let Some(bridge) = names.bridge_of(attachment.network.as_ref(), None) else { continue };
            if let Some((first, span)) = seen.insert((bridge, mac.value), (&endpoint.name.value, &mac.span)) {
                let message = format!(
                    "endpoint {} has the MAC of endpoint {} on bridge {} (line {})",
                    quote(&endpoint.name.value),
                    quote(first),
                    quote(bridge),
                    report.line(span),
                );
                report.error(
                    FindingCode::MacUsedTwice,
                    &mac.span,
                    message,
                    "pin each one's own MAC, or none",
                );
            }
        }
    }
}
