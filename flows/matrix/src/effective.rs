//! The matrix that a network file has in effect: allows, hops of chains, crossings, and members
//! that talk freely.

use std::collections::{HashMap, HashSet};

use flows::network::{self, Allow, Attachment, Inside, NetworkFile, Overlay, Party, Protocol, Span};
use ipnetwork::IpNetwork;

use super::resolve::{RowGrant, RowPath};
use super::{
    Column, Envelope, HostPlace, InOverlay, Matrix, MatrixHost, MatrixRow, Presence, RowPositions, Temp,
};

/// Returns the matrix of a network file. Its places are those of the rules.
pub fn effective(file: &NetworkFile) -> Matrix {
    let granted = granted(file);
    let mut rows: Vec<MatrixRow> = granted.iter().map(|granted| granted.row.clone()).collect();
    rows.extend(rows_of_overlays(file, &granted));
    let (columns, hosts) = hosts(file);
    Matrix { columns, hosts, rows, envelopes: envelopes(file) }
}

/// Returns the grants of the rules of a file, by sections.
pub(super) fn granted(file: &NetworkFile) -> Vec<RowGrant<'_>> {
    let mut rows = Vec::new();
    let on = NetworkMembers::new(file);
    for allow in file.allows.iter().filter(|allow| !is_envelope(file, allow)) {
        of_allow(&on, allow, &mut rows);
    }
    for network in file.networks.iter().filter(|network| network.inside == Inside::Allow) {
        let row = MatrixRow {
            section: "Inside networks".to_owned(),
            nets: vec![network.name.clone()],
            purpose: "Members talk freely".to_owned(),
            ..row(&network.name, &network.name, &network.span)
        };
        let paths = vec![RowPath::Network(&network.name)];
        rows.push(RowGrant {
            row,
            from: &network.name,
            to: &network.name,
            beyond: &[],
            paths,
            rule: &network.name,
        });
    }
    for crossing in &file.crossings {
        for from in &crossing.from {
            for to in &crossing.to {
                let row = MatrixRow {
                    section: "Crossings".to_owned(),
                    nets: vec![crossing.over.clone()],
                    protocol: crossing.protocol,
                    ports: crossing.ports.clone(),
                    purpose: format!("{} (approved by {})", crossing.reason, crossing.approved_by),
                    ..row(from, to, &crossing.span)
                };
                let paths = vec![RowPath::Link(&crossing.over)];
                rows.push(RowGrant { row, from, to, beyond: &[], paths, rule: &crossing.name });
            }
        }
    }
    let mut sections: HashMap<String, usize> = HashMap::new();
    for granted in &rows {
        let next = sections.len();
        sections.entry(granted.row.section.clone()).or_insert(next);
    }
    rows.sort_by_key(|granted| sections.get(&granted.row.section).copied());
    rows
}

fn row(from: &str, to: &str, span: &Span) -> MatrixRow {
    let whole = || span.clone();
    MatrixRow {
        section: String::new(),
        from: from.to_owned(),
        to: to.to_owned(),
        nets: Vec::new(),
        in_overlay: None,
        protocol: Protocol::Any,
        ports: Vec::new(),
        purpose: String::new(),
        temp: Temp::Always,
        places: RowPositions {
            row: whole(),
            from: whole(),
            to: whole(),
            net: whole(),
            protocol: whole(),
            port: whole(),
            temp: whole(),
        },
    }
}

fn of_allow<'f>(on: &NetworkMembers<'f>, allow: &'f Allow, rows: &mut Vec<RowGrant<'f>>) {
    let base = |from: &str, to: &str| MatrixRow {
        protocol: allow.protocol,
        ports: allow.ports.clone(),
        purpose: allow.purpose.clone(),
        temp: allow.temp.clone().map_or(Temp::Always, Temp::Named),
        ..row(from, to, &allow.span)
    };
    for from in &allow.from {
        if let Some(via) = &allow.via {
            let networks = on.onwards(allow, from, via);
            if networks.is_empty() {
                continue;
            }
            let row = MatrixRow {
                section: format!("Routing (via {via})"),
                nets: networks.iter().map(|network| (*network).to_owned()).collect(),
                ..base(from, via)
            };
            let paths = networks.into_iter().map(RowPath::Via).collect();
            rows.push(RowGrant { row, from, to: via, beyond: &allow.to, paths, rule: &allow.name });
            continue;
        }
        for to in &allow.to {
            let section = allow.chain.as_ref().map_or_else(|| from.clone(), |chain| format!("Chain {chain}"));
            let (paths, to_word) = match &allow.place {
                network::EnforcementPoint::Switch if from == to && !on.is_network(from) => continue,
                network::EnforcementPoint::Switch => {
                    (on.both(allow, from, to).into_iter().map(RowPath::Network).collect(), &**to)
                }
                network::EnforcementPoint::Overlay(overlay) => (vec![RowPath::Overlay(overlay)], &**to),
                network::EnforcementPoint::Elsewhere(what) if from == to => {
                    (vec![RowPath::Elsewhere(what)], "localhost")
                }
                network::EnforcementPoint::Elsewhere(what) => (vec![RowPath::Elsewhere(what)], &**to),
            };
            // A pair of a list without a common network gets no grant.
            if paths.is_empty() {
                continue;
            }
            let nets = paths.iter().map(|path| path.name().to_owned()).collect();
            let row = MatrixRow { section, nets, ..base(from, to_word) };
            rows.push(RowGrant { row, from, to, beyond: &[], paths, rule: &allow.name });
        }
    }
}

/// The members of each network, and the roles that they can have there.
struct NetworkMembers<'f> {
    file: &'f NetworkFile,
    parties: HashMap<&'f str, Vec<&'f str>>,
    endpoints: HashSet<&'f str>,
    /// Endpoint and network pairs where the file knows an address of the endpoint. Rules reach the
    /// endpoint only there.
    found: HashSet<(&'f str, &'f str)>,
    /// Endpoint and network pairs where the file knows a MAC of the endpoint. It can be a next hop
    /// only there.
    pinned: HashSet<(&'f str, &'f str)>,
}

impl<'f> NetworkMembers<'f> {
    fn new(file: &'f NetworkFile) -> Self {
        let networks = file.networks.iter().map(Party::Network);
        let endpoints = file.endpoints.iter().map(Party::Endpoint);
        let links = file.links.iter().map(Party::Link);
        let exits = file.exits.iter().map(Party::Exit);
        let all = networks.chain(endpoints).chain(links).chain(exits);
        let mut parties: HashMap<_, _> = all.map(|party| (party.name(), party.networks())).collect();
        for outside in &file.outsides {
            let of_exit = parties.get(&*outside.exit).cloned().unwrap_or_default();
            parties.insert(&outside.name, of_exit);
        }
        let endpoints = file.endpoints.iter().map(|endpoint| &*endpoint.name).collect();
        let mut on =
            NetworkMembers { file, parties, endpoints, found: HashSet::new(), pinned: HashSet::new() };
        for endpoint in &file.endpoints {
            for plug in &endpoint.attachments {
                let key = (&*endpoint.name, &*plug.network);
                let leased = endpoint.is_only_leased()
                    && file.network(&plug.network).is_some_and(|n| !n.subnets.is_empty());
                let placed = !plug.addresses.is_empty() || !plug.shared.is_empty() || !plug.behind.is_empty();
                if placed || leased {
                    on.found.insert(key);
                }
                if plug.mac.is_some() {
                    on.pinned.insert(key);
                }
            }
        }
        on
    }

    fn is_network(&self, name: &str) -> bool {
        self.of(name) == [name]
    }

    fn of(&self, name: &str) -> &[&'f str] {
        self.parties.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the networks on which one party may open connections to the other. Both are there,
    /// and rules reach the second one there. An endpoint is reached at a leased address only if it
    /// has no other address on any network.
    fn both(&self, allow: &Allow, one: &str, other: &str) -> Vec<&'f str> {
        let there = self.of(other);
        let endpoint = allow.protocol != Protocol::Dhcp && self.endpoints.contains(other);
        let reached = |network: &&str| !endpoint || self.found.contains(&(other, *network));
        self.of(one).iter().filter(|network| there.contains(network)).copied().filter(reached).collect()
    }

    /// Returns the networks on which a next hop forwards the traffic of an allow.
    fn onwards(&self, allow: &Allow, from: &str, via: &str) -> Vec<&'f str> {
        let beyond = |network: &&str| allow.to.iter().any(|to| self.file.goes_by_hop(allow, network, to));
        let hop = |network: &&str| self.pinned.contains(&(via, *network)) && self.of(via).contains(network);
        self.of(from).iter().copied().filter(|network| hop(network) && beyond(network)).collect()
    }
}

/// Returns whether an overlay implies the allow, so that the sentence about its envelope covers it.
fn is_envelope(file: &NetworkFile, allow: &Allow) -> bool {
    let ([from], [to]) = (allow.from.as_slice(), allow.to.as_slice()) else { return false };
    let member = |overlay: &Overlay, name: &str| overlay.members.iter().any(|(member, _)| member == name);
    file.overlays.iter().any(|overlay| {
        member(overlay, from)
            && member(overlay, to)
            && allow.name.strip_prefix(&*overlay.name) == Some(&format!(".{from}.{to}"))
    })
}

/// Returns the rows of the overlays' own tables.
fn rows_of_overlays(file: &NetworkFile, granted: &[RowGrant<'_>]) -> Vec<MatrixRow> {
    let mut rows = Vec::new();
    for overlay in &file.overlays {
        for granted in granted.iter().filter(|one| one.paths.contains(&RowPath::Overlay(&overlay.name))) {
            let member = overlay.members.iter().find(|(name, _)| name == granted.to);
            let address = member.and_then(|(_, addresses)| addresses.first()).copied();
            let in_overlay = Some(InOverlay { address });
            rows.push(MatrixRow { section: String::new(), in_overlay, ..granted.row.clone() });
        }
    }
    rows
}

/// Returns one envelope for each network that carries an overlay.
pub(super) fn envelopes(file: &NetworkFile) -> Vec<Envelope> {
    let mut envelopes = Vec::new();
    for overlay in &file.overlays {
        for network in &file.networks {
            let on_it = |name: &str| {
                let party = file.endpoints.iter().find(|endpoint| endpoint.name == name);
                party.is_some_and(|e| e.attachments.iter().any(|plug| plug.network == network.name))
            };
            let members: Vec<String> =
                overlay.members.iter().map(|(name, _)| name.clone()).filter(|name| on_it(name)).collect();
            if members.len() > 1 {
                envelopes.push(Envelope {
                    overlay: overlay.name.clone(),
                    protocol: overlay.protocol,
                    ports: overlay.ports.clone(),
                    net: network.name.clone(),
                    members,
                    span: overlay.span.clone(),
                });
            }
        }
    }
    envelopes
}

/// Returns the endpoints, with their places in networks and overlays.
fn hosts(file: &NetworkFile) -> (Vec<Column>, Vec<MatrixHost>) {
    let label = |network: &network::Network| {
        if network.bridge == network.name {
            network.name.clone()
        } else {
            format!("{} ({})", network.bridge, network.name)
        }
    };
    let mut columns: Vec<Column> =
        file.networks.iter().map(|n| Column { label: label(n), span: n.span.clone() }).collect();
    columns.extend(file.overlays.iter().map(|o| Column { label: o.name.clone(), span: o.span.clone() }));
    let of_network: HashMap<&str, usize> =
        file.networks.iter().enumerate().map(|(at, network)| (&*network.name, at)).collect();
    let hosts = file.endpoints.iter().map(|endpoint| {
        let mut places: Vec<HostPlace> = Vec::new();
        for plug in &endpoint.attachments {
            let Some(&column) = of_network.get(&*plug.network) else { continue };
            let presence = of_plug(plug);
            match places.iter_mut().find(|place| place.column == column) {
                Some(place) => merge(&mut place.presence, presence),
                None => places.push(HostPlace { column, presence, span: plug.span.clone() }),
            }
        }
        for (at, overlay) in file.overlays.iter().enumerate() {
            let Some((_, addresses)) = overlay.members.iter().find(|(name, _)| *name == endpoint.name) else {
                continue;
            };
            let addresses: Vec<IpNetwork> = addresses.iter().copied().map(IpNetwork::from).collect();
            let presence = if addresses.is_empty() {
                Presence::Yes
            } else {
                Presence::At { addresses, behind: Vec::new() }
            };
            places.push(HostPlace { column: file.networks.len() + at, presence, span: overlay.span.clone() });
        }
        MatrixHost { name: endpoint.name.clone(), span: endpoint.span.clone(), places }
    });
    (columns, hosts.collect())
}

/// Returns the presence of an attachment in the column of its network.
fn of_plug(plug: &Attachment) -> Presence {
    let shared = plug.shared.iter().map(|shared| shared.address);
    let addresses: Vec<IpNetwork> =
        plug.addresses.iter().copied().chain(shared).map(IpNetwork::from).collect();
    match (addresses.is_empty() && plug.behind.is_empty(), plug.leased) {
        (false, _) => Presence::At { addresses, behind: plug.behind.clone() },
        (true, true) => Presence::Dhcp,
        (true, false) => Presence::Yes,
    }
}

/// Merges the presences of two plugs in one network.
fn merge(presence: &mut Presence, other: Presence) {
    match (&mut *presence, other) {
        (Presence::At { addresses, behind }, Presence::At { addresses: more, behind: others }) => {
            addresses.extend(more);
            behind.extend(others);
        }
        (Presence::At { .. }, _) => {}
        (_, other @ Presence::At { .. }) => *presence = other,
        _ => {}
    }
}
