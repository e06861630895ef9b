//! Compares the places of hosts in the document with those in the network file.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use flows::finding::Finding;
use flows::finding_code::FindingCode;
use ipnetwork::IpNetwork;
use ofctl::nearest;

use super::super::effective::effective;
use super::super::resolve::DocumentNames;
use super::super::words::{is_single, short, slug};
use super::super::{Matrix, MatrixHost, Presence};
use super::{ComparedPositions, Comparison};

/// The counterpart of a document's column in the network file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ColumnMeaning<'f> {
    Network(&'f str),
    Overlay(&'f str),
}

/// Compares the tables of hosts. A document without such a table makes no claim about hosts.
pub(super) fn compare(
    document: &Matrix,
    names: &DocumentNames<'_>,
    places: &ComparedPositions<'_>,
    found: &mut Comparison,
) {
    if document.hosts.is_empty() {
        return;
    }
    let columns = columns(document, names, found);
    let ours = effective(names.file);
    // The columns of the effective matrix: networks, then overlays, in the file's order.
    let networks = names.file.networks.iter().map(|network| ColumnMeaning::Network(&network.name));
    let own: Vec<ColumnMeaning<'_>> = networks
        .chain(names.file.overlays.iter().map(|overlay| ColumnMeaning::Overlay(&overlay.name)))
        .collect();
    let mut said: HashMap<&str, &MatrixHost> = HashMap::new();
    for host in &document.hosts {
        match names.party(&host.name) {
            Some(name) => {
                said.insert(name, host);
            }
            None => {
                let near = nearest(&slug(&host.name), ours.hosts.iter().map(|host| &*host.name));
                let help = near.map_or_else(
                    || "add it as [endpoint.NAME], or take it out of the document".to_owned(),
                    |name| format!("is it {name}?"),
                );
                let message = format!("the network has no endpoint `{}`", short(&host.name));
                found.document.push(Finding::error(
                    FindingCode::UnknownHost,
                    host.span.clone(),
                    message,
                    help,
                ));
            }
        }
    }
    let named: HashSet<ColumnMeaning<'_>> = columns.iter().flatten().copied().collect();
    let mut without_column = HashSet::new();
    for host in &ours.hosts {
        let Some(theirs) = said.get(&*host.name) else {
            let message = format!("the document has no host `{}`", host.name);
            let help = "add it to the document's table of hosts";
            found.network.push(Finding::error(
                FindingCode::HostNotInDocument,
                host.span.clone(),
                message,
                help,
            ));
            continue;
        };
        for (at, column) in own.iter().enumerate() {
            let mine = host.places.iter().find(|place| place.column == at);
            let place = theirs.places.iter().find(|place| columns.get(place.column) == Some(&Some(*column)));
            let (ColumnMeaning::Network(name) | ColumnMeaning::Overlay(name)) = *column;
            let Some(place) = place else {
                if let Some(mine) = mine.filter(|_| named.contains(column) || without_column.insert(*column))
                {
                    let at = places.document(&theirs.span);
                    let message =
                        format!("`{}` is in {name}, and the document ({at}) does not say so", host.name);
                    let help = "add it to the document's table of hosts";
                    let finding =
                        Finding::error(FindingCode::PlaceNotInDocument, mine.span.clone(), message, help);
                    found.network.push(finding);
                }
                continue;
            };
            let none = Presence::None;
            let network = mine.map_or(&none, |mine| &mine.presence);
            if !same(&place.presence, network) {
                let line = places.network(mine.map_or(&host.span, |mine| &mine.span));
                let message = format!(
                    "`{}` in {name}: the document says {}, the network {} ({line})",
                    host.name,
                    words(&place.presence),
                    words(network),
                );
                let help = "change the one that is out of date";
                found.document.push(Finding::error(
                    FindingCode::PlaceDiffers,
                    place.span.clone(),
                    message,
                    help,
                ));
            }
        }
    }
}

fn columns<'f>(
    document: &Matrix,
    names: &DocumentNames<'f>,
    found: &mut Comparison,
) -> Vec<Option<ColumnMeaning<'f>>> {
    let mut columns = Vec::new();
    for (at, column) in document.columns.iter().enumerate() {
        let overlay = || names.overlay(&column.label).map(ColumnMeaning::Overlay);
        let known = names.column(&column.label).map(ColumnMeaning::Network).or_else(overlay);
        let used =
            |host: &MatrixHost| host.places.iter().any(|p| p.column == at && p.presence != Presence::None);
        if known.is_none() && document.hosts.iter().any(used) {
            let message = format!("the network has no network or overlay `{}`", short(&column.label));
            let help = "name the column like a network, its bridge if that carries no other, or an overlay";
            found.document.push(Finding::error(
                FindingCode::UnknownNetwork,
                column.span.clone(),
                message,
                help,
            ));
        }
        columns.push(known);
    }
    columns
}

/// Returns whether both presences agree, as far as the document states them.
fn same(document: &Presence, network: &Presence) -> bool {
    let ips = |list: &[IpNetwork]| list.iter().map(IpNetwork::ip).collect::<BTreeSet<IpAddr>>();
    let prefixes = |list: &[IpNetwork]| list.iter().copied().collect::<BTreeSet<IpNetwork>>();
    match (document, network) {
        (Presence::None, Presence::None) => true,
        (Presence::None, _) | (_, Presence::None) => false,
        (Presence::Yes, _) => true,
        (Presence::Dhcp, Presence::Dhcp) => true,
        (Presence::At { addresses, behind }, Presence::At { addresses: others, behind: others_behind }) => {
            ips(addresses) == ips(others) && prefixes(behind) == prefixes(others_behind)
        }
        _ => false,
    }
}

fn words(presence: &Presence) -> String {
    match presence {
        Presence::None => "none".to_owned(),
        Presence::Yes => "yes".to_owned(),
        Presence::Dhcp => "DHCP".to_owned(),
        Presence::At { addresses, behind } => {
            let text = |net: &IpNetwork| if is_single(net) { net.ip().to_string() } else { net.to_string() };
            let all: Vec<String> = addresses.iter().chain(behind).map(text).collect();
            short(&all.join(", "))
        }
    }
}
