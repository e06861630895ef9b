//! Compares the rows of a document with the grants of a network file.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use flows::finding::Finding;
use flows::finding_code::FindingCode;
use flows::network::{NetworkFile, Party, Protocol};
use ofctl::nearest;

use super::super::effective::{envelopes as own_envelopes, granted};
use super::super::resolve::{DocumentNames, RowGrant, RowPath, same_time};
use super::super::words::{is_anybody, is_itself, short, slug, split, temp_word, via_of};
use super::super::{Matrix, MatrixRow};
use super::{ComparedPositions, Comparison, what};

/// Limit on the pairs of rows to compare, above which the comparison is refused as too large.
const MAX_WORK: usize = 1 << 26;

/// The party of the index that stands for any other.
const ANYBODY: &str = "*";

/// A row of the document, with the names of the network file.
struct ResolvedRow<'d, 'f> {
    row: &'d MatrixRow,
    /// The source. `None` for a name that the file does not have.
    from: Option<&'f str>,
    to: Option<&'f str>,
    /// The destination by a next hop, for a row in a section of one. The inner `None` stands for
    /// any destination, in a row that names the next hop itself.
    via: Option<Option<&'f str>>,
}

struct Rows<'r, 'd, 'f> {
    names: &'r DocumentNames<'f>,
    said: Vec<ResolvedRow<'d, 'f>>,
    granted: Vec<RowGrant<'f>>,
    said_by: HashMap<(&'f str, &'f str), Vec<usize>>,
    granted_by: HashMap<(&'f str, &'f str), Vec<usize>>,
    left: Cell<usize>,
}

/// Compares the rows of flows.
pub(super) fn compare(
    document: &Matrix,
    names: &DocumentNames<'_>,
    places: &ComparedPositions<'_>,
    found: &mut Comparison,
) {
    let said: Vec<ResolvedRow<'_, '_>> = document.rows.iter().map(|row| read(row, names)).collect();
    let granted = granted(names.file);
    let mut rows = Rows {
        names,
        said_by: HashMap::new(),
        granted_by: HashMap::new(),
        said,
        granted,
        left: Cell::new(MAX_WORK),
    };
    for (at, said) in rows.said.iter().enumerate() {
        if let (Some(from), Some(to)) = (said.from, said.to) {
            rows.said_by.entry((from, to)).or_default().push(at);
        }
    }
    for (at, granted) in rows.granted.iter().enumerate() {
        rows.granted_by.entry((granted.from, granted.to)).or_default().push(at);
    }
    rows.report(places, found);
    rows.addresses(places, found);
    if rows.left.get() == 0 {
        let message =
            "the matrices are too big to be compared wholly: some rows of lists may be reported wrongly";
        let help = "name networks in place of their hosts, or split the document";
        found.document.push(Finding::error(FindingCode::TooMuchToCompare, None, message, help));
    }
}

fn read<'d, 'f>(row: &'d MatrixRow, names: &DocumentNames<'f>) -> ResolvedRow<'d, 'f> {
    let party = |name: &str| {
        let known = names.party(name);
        known.or_else(|| is_anybody(name).then_some(ANYBODY))
    };
    let from = party(&row.from);
    let to = if is_itself(&row.to) { from } else { party(&row.to) };
    let via = via_of(&row.section).and_then(|via| names.party(&via)).filter(|via| {
        // Traffic to the next hop itself takes no next hop.
        row.in_overlay.is_none()
            && from != Some(via)
            && from != to
            && names.file.endpoints.iter().any(|e| e.name == *via)
    });
    let (to, via) = match (via, to) {
        (Some(via), Some(to)) if via == to => (Some(to), Some(None)),
        (Some(via), to) => (to.map(|_| via), Some(to)),
        (None, to) => (to, None),
    };
    ResolvedRow { row, from, to, via }
}

/// Returns whether a protocol and ports cover one protocol and port.
fn covers(protocol: Protocol, ports: &[u16], of: Protocol, port: Option<u16>) -> bool {
    let any = protocol == Protocol::Any && of != Protocol::Dhcp;
    any || protocol == of && (ports.is_empty() || port.is_some_and(|port| ports.contains(&port)))
}

/// Returns the ports one by one. An empty list yields `None`, which stands for any port.
fn each_port(ports: &[u16]) -> Vec<Option<u16>> {
    if ports.is_empty() { vec![None] } else { ports.iter().copied().map(Some).collect() }
}

impl<'f> Rows<'_, '_, 'f> {
    /// Returns whether a row of the document and a row of the network are of one kind. They agree
    /// on the next hop, the destination beyond it, the times and the network.
    fn alike(&self, said: &ResolvedRow<'_, '_>, granted: &RowGrant<'_>, path: RowPath<'_>) -> bool {
        self.way(said, granted, path)
            && same_time(&said.row.temp, &granted.row.temp)
            && self.names.fits(&said.row.nets, path)
    }

    fn way(&self, said: &ResolvedRow<'_, '_>, granted: &RowGrant<'_>, path: RowPath<'_>) -> bool {
        match (said.via, path) {
            (Some(beyond), RowPath::Via(_)) => {
                beyond.is_none_or(|to| to == ANYBODY || granted.beyond.iter().any(|name| name == to))
            }
            (None, RowPath::Via(_)) | (Some(_), _) => false,
            (None, _) => true,
        }
    }

    fn spend(&self, work: usize) -> bool {
        self.left.set(self.left.get().saturating_sub(work));
        self.left.get() > 0
    }

    /// Returns the index keys under which a row that grants traffic between these two parties may
    /// be filed.
    fn under(&self, from: &'f str, to: &'f str, network: Option<&'f str>) -> Vec<(&'f str, &'f str)> {
        let over = |party: &'f str| {
            let of_network = network.filter(|network| self.names.wider(party).contains(network));
            let of_exit = self.names.file.outsides.iter().find(|outside| outside.name == party);
            [Some(party), of_network, of_exit.map(|outside| &*outside.exit)].into_iter().flatten()
        };
        let pairs = over(from).flat_map(|from| over(to).map(move |to| (from, to)));
        pairs.filter(|(one, other)| one != other || from == to || self.names.is_network(one)).collect()
    }

    /// Returns whether the network grants this in one row of the file.
    fn is_granted(
        &self,
        said: &ResolvedRow<'_, '_>,
        pair: (&'f str, &'f str),
        net: &[String],
        port: Option<u16>,
    ) -> bool {
        let one = |key: (&'f str, &'f str)| {
            let rows = self.granted_by.get(&key).map_or(&[][..], Vec::as_slice);
            self.spend(rows.len() + 1)
                && rows.iter().filter_map(|at| self.granted.get(*at)).any(|granted| {
                    let row = &granted.row;
                    let only = ResolvedRow { row: said.row, from: said.from, to: said.to, via: said.via };
                    covers(row.protocol, &row.ports, said.row.protocol, port)
                        && granted.paths.iter().any(|path| {
                            self.way(&only, granted, *path)
                                && same_time(&only.row.temp, &row.temp)
                                && self.names.fits(net, *path)
                        })
                })
        };
        let mut networks: Vec<Option<&'f str>> = vec![None];
        let of = |name: &'f str| {
            let endpoint = self.names.wider(name).iter().copied();
            endpoint.filter(|name| self.names.is_network(name)).map(Some)
        };
        networks.extend(of(pair.0).chain(of(pair.1)));
        let pairs: BTreeSet<_> =
            networks.into_iter().flat_map(|network| self.under(pair.0, pair.1, network)).collect();
        pairs.into_iter().any(one)
            || self
                .members(pair, None)
                .is_some_and(|pairs| pairs.into_iter().all(|pair| self.is_granted(said, pair, net, port)))
    }

    /// Returns whether the document states this in a row of its own.
    fn is_said(
        &self,
        granted: &RowGrant<'f>,
        pair: (&'f str, &'f str),
        path: RowPath<'f>,
        port: Option<u16>,
    ) -> bool {
        let mut pairs = self.under(pair.0, pair.1, path.network());
        pairs.extend([(pair.0, ANYBODY), (ANYBODY, pair.1), (ANYBODY, ANYBODY)]);
        let one = |key: &(&'f str, &'f str)| {
            let rows = self.said_by.get(key).map_or(&[][..], Vec::as_slice);
            self.spend(rows.len() + 1)
                && rows.iter().filter_map(|at| self.said.get(*at)).any(|said| {
                    covers(said.row.protocol, &said.row.ports, granted.row.protocol, port)
                        && self.alike(said, granted, path)
                })
        };
        pairs.iter().any(one)
            || self
                .members(pair, path.network())
                .is_some_and(|pairs| pairs.into_iter().all(|pair| self.is_said(granted, pair, path, port)))
    }

    /// Returns the endpoint pairs of a pair of networks. `None` if the pair has no network, or too
    /// many endpoints.
    fn members(&self, pair: (&'f str, &'f str), on: Option<&'f str>) -> Option<Vec<(&'f str, &'f str)>> {
        let (from, to) = pair;
        let of = |name: &'f str| -> Vec<&'f str> {
            if self.names.is_network(name) { self.names.members(name).to_vec() } else { vec![name] }
        };
        let network = |name: &'f str| self.names.is_network(name) && on.is_none_or(|on| on == name);
        if !network(from) && !network(to) {
            return None;
        }
        let (from, to) = (of(from), of(to));
        let count = from.len().saturating_mul(to.len());
        if count == 0 || count > self.left.get() {
            return None;
        }
        Some(from.into_iter().flat_map(|f| to.iter().map(move |t| (f, *t))).filter(|(f, t)| f != t).collect())
    }

    fn report(&self, places: &ComparedPositions<'_>, found: &mut Comparison) {
        let missing: Vec<Vec<Option<u16>>> = self.said.iter().map(|said| self.not_granted(said)).collect();
        let unsaid: Vec<Vec<Option<u16>>> =
            self.granted.iter().map(|granted| self.not_said(granted)).collect();
        let mut taken = vec![false; self.granted.len()];
        for (said, ports) in self.said.iter().zip(&missing).filter(|(_, ports)| !ports.is_empty()) {
            let pair = said.from.zip(said.to);
            let like = pair.and_then(|pair| self.granted_by.get(&pair)).map_or(&[][..], Vec::as_slice);
            let open = |at: &&usize| {
                unsaid.get(**at).is_some_and(|ports| !ports.is_empty()) && taken.get(**at) == Some(&false)
            };
            let other = like
                .iter()
                .filter(open)
                .filter_map(|at| Some((*at, self.granted.get(*at)?)))
                .max_by_key(|(_, granted)| 8 - self.differences(said, granted).len());
            let finding = match other {
                Some((at, granted)) => {
                    if let Some(taken) = taken.get_mut(at) {
                        *taken = true;
                    }
                    self.differs(said, granted, places)
                }
                None => self.not_allowed(said, ports, like, places),
            };
            found.document.push(finding);
        }
        for ((granted, ports), taken) in self.granted.iter().zip(&unsaid).zip(&taken) {
            if !ports.is_empty() && !taken {
                found.network.push(self.not_in_document(granted, ports, places));
            }
        }
    }

    /// Returns the ports of a row of the document that the network does not grant.
    fn not_granted(&self, said: &ResolvedRow<'_, 'f>) -> Vec<Option<u16>> {
        let mut nets: Vec<&[String]> = said.row.nets.chunks(1).collect();
        // An `elsewhere` may be any text.
        if nets.len() > 1 && self.elsewhere(said) || nets.is_empty() {
            nets = vec![&said.row.nets];
        }
        let (Some(from), Some(to)) = (said.from, said.to) else { return each_port(&said.row.ports) };
        let pairs = self.anybody(said, from, to);
        let granted = |port: &Option<u16>| {
            nets.iter().all(|net| pairs.iter().any(|pair| self.is_granted(said, *pair, net, *port)))
        };
        each_port(&said.row.ports).into_iter().filter(|port| !granted(port)).collect()
    }

    fn elsewhere(&self, said: &ResolvedRow<'_, '_>) -> bool {
        let key = slug(&said.row.nets.join(", "));
        self.granted.iter().any(|granted| {
            granted.paths.iter().any(|path| matches!(path, RowPath::Elsewhere(what) if slug(what) == key))
        })
    }

    /// Returns the parties that the word for everybody stands for in a row: all on the network, or
    /// all behind its exit.
    fn anybody(&self, said: &ResolvedRow<'_, 'f>, from: &'f str, to: &'f str) -> Vec<(&'f str, &'f str)> {
        let file: &'f NetworkFile = self.names.file;
        let of = |name: &'f str| -> Vec<&'f str> {
            if name != ANYBODY {
                return vec![name];
            }
            let networks: Vec<&str> = said.row.nets.iter().flat_map(|net| self.names.networks(net)).collect();
            let here = |network: &str| networks.is_empty() || networks.contains(&network);
            let exits = || file.exits.iter().filter(|exit| exit.network.as_deref().is_some_and(here));
            let open = |name: &str| exits().any(|exit| exit.name == name);
            let outsides = file.outsides.iter().filter(|o| o.addresses.is_empty() && open(&o.exit));
            let networks = file.networks.iter().filter(|network| here(&network.name));
            exits()
                .map(|exit| &*exit.name)
                .chain(outsides.map(|outside| &*outside.name))
                .chain(networks.map(|network| &*network.name))
                .collect()
        };
        let to = of(to);
        of(from).into_iter().flat_map(|from| to.iter().map(move |to| (from, *to))).collect()
    }

    /// Returns the ports of a rule's row that the document lacks.
    fn not_said(&self, granted: &RowGrant<'f>) -> Vec<Option<u16>> {
        let pair = (granted.from, granted.to);
        let said =
            |port: &Option<u16>| granted.paths.iter().all(|path| self.is_said(granted, pair, *path, *port));
        each_port(&granted.row.ports).into_iter().filter(|port| !said(port)).collect()
    }

    /// Returns the columns in which two rows differ, with their contents.
    fn differences(
        &self,
        said: &ResolvedRow<'_, '_>,
        granted: &RowGrant<'_>,
    ) -> Vec<(&'static str, String, String)> {
        let (mine, theirs) = (&said.row, &granted.row);
        let mut found = Vec::new();
        if mine.protocol != theirs.protocol
            || mine.ports.iter().collect::<BTreeSet<_>>() != theirs.ports.iter().collect()
        {
            found.push(("ports", what(mine), what(theirs)));
        }
        if !same_time(&mine.temp, &theirs.temp) {
            let word = |row: &MatrixRow| Some(temp_word(&row.temp)).filter(|w| !w.is_empty());
            let word = |row: &MatrixRow| word(row).unwrap_or_else(|| "always open".to_owned());
            found.push(("time", word(mine), word(theirs)));
        }
        if !granted.paths.iter().all(|path| self.names.fits(&mine.nets, *path)) {
            found.push(("path", short(&mine.nets.join(", ")), theirs.nets.join(", ")));
        }
        if !granted.paths.iter().all(|path| self.way(said, granted, *path)) {
            let by = |hop: bool| if hop { "onwards by it".to_owned() } else { "to it alone".to_owned() };
            let ours = granted.paths.iter().any(|path| matches!(path, RowPath::Via(_)));
            let beyond = |via: Option<Option<&str>>| via.flatten().map(|to| format!("by it to {to}"));
            let document = beyond(said.via).unwrap_or_else(|| by(said.via.is_some()));
            let network = if ours { format!("by it to {}", granted.beyond.join(", ")) } else { by(false) };
            found.push(("next hop", document, network));
        }
        found
    }

    fn differs(
        &self,
        said: &ResolvedRow<'_, '_>,
        granted: &RowGrant<'_>,
        places: &ComparedPositions<'_>,
    ) -> Finding {
        let differences = self.differences(said, granted);
        let row = said.row;
        let span = match differences.first().map(|(column, ..)| *column) {
            Some("ports") if row.protocol == granted.row.protocol => &row.places.port,
            Some("ports") => &row.places.protocol,
            Some("time") => &row.places.temp,
            Some("path") => &row.places.net,
            _ => &row.places.row,
        };
        let span = if span.is_empty() { &row.places.row } else { span };
        let said: Vec<String> = differences
            .iter()
            .map(|(column, mine, theirs)| format!("{column}: the document says {mine}, the network {theirs}"))
            .collect();
        let said = if said.is_empty() { "only in part the same".to_owned() } else { said.join("; ") };
        let line = places.network(&granted.row.places.row);
        let message = format!("{} → {}: {said} (rule {}, {line})", row.from, row.to, granted.rule);
        Finding::error(FindingCode::RowDiffers, span.clone(), message, "change the one that is out of date")
    }

    fn not_allowed(
        &self,
        said: &ResolvedRow<'_, 'f>,
        ports: &[Option<u16>],
        like: &[usize],
        places: &ComparedPositions<'_>,
    ) -> Finding {
        let row = said.row;
        let what = what(&MatrixRow { ports: ports.iter().copied().flatten().collect(), ..row.clone() });
        let when = Some(temp_word(&row.temp)).filter(|word| !word.is_empty()).map(|word| format!(" {word}"));
        let on = if row.nets.is_empty() { String::new() } else { format!(" on {}", row.nets.join(", ")) };
        let mut message = format!(
            "the network does not allow {} → {} {what}{}{on}",
            row.from,
            row.to,
            when.unwrap_or_default()
        );
        let unknown = [(said.from, &row.from, &row.places.from), (said.to, &row.to, &row.places.to)]
            .into_iter()
            .find(|(known, ..)| known.is_none());
        let mut span = &row.places.row;
        let mut help = "add a rule to the network file, or take the row out of the document".to_owned();
        if let Some((_, name, at)) = unknown {
            message += &format!(": it has nothing called `{}`", short(name));
            span = at;
            if let Some(near) = nearest(&slug(name), self.names.all_parties()) {
                help = format!("is it {near}?");
            }
        } else if let Some((name, net)) = self.not_there(said) {
            message += &format!(": {name} has no place on {net}");
            span = &row.places.net;
            help = "take the row out of the document, or attach it there".to_owned();
        }
        let lines: Vec<String> = like
            .iter()
            .filter_map(|at| self.granted.get(*at))
            .map(|granted| places.network(&granted.row.places.row))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .take(4)
            .collect();
        let party = said.from.and_then(|from| self.names.file.endpoints.iter().find(|e| e.name == from));
        if !lines.is_empty() {
            message += &format!(" (what it allows them: {})", lines.join(", "));
        } else if let Some(endpoint) = party {
            message += &format!(" ({} is at {})", endpoint.name, places.network(&endpoint.span));
        }
        Finding::error(FindingCode::RowNotAllowed, span.clone(), message, help)
    }

    /// Returns a party that is not on the network of its row.
    fn not_there(&self, said: &ResolvedRow<'_, 'f>) -> Option<(&'f str, String)> {
        let networks: Vec<&str> = said.row.nets.iter().flat_map(|net| self.names.networks(net)).collect();
        let away = |name: &&'f str| match self.names.file.party(name) {
            Some(Party::Endpoint(endpoint)) => {
                !endpoint.attachments.iter().any(|plug| networks.contains(&&*plug.network))
            }
            _ => false,
        };
        let party = [said.from, said.to].into_iter().flatten().find(away)?;
        (!networks.is_empty()).then(|| (party, short(&said.row.nets.join(", "))))
    }

    fn not_in_document(
        &self,
        granted: &RowGrant<'_>,
        ports: &[Option<u16>],
        places: &ComparedPositions<'_>,
    ) -> Finding {
        let row = MatrixRow { ports: ports.iter().copied().flatten().collect(), ..granted.row.clone() };
        let key = (granted.from, granted.to);
        let like = self.said_by.get(&key).and_then(|rows| self.said.get(*rows.first()?));
        let line = match like {
            Some(said) => {
                format!(", which has other rows for them ({})", places.document(&said.row.places.row))
            }
            None => String::new(),
        };
        let when = temp_word(&row.temp);
        let message = format!(
            "the network allows {} → {} {} on {}{}{when} (rule {}), and the document does not say so{line}",
            row.from,
            row.to,
            what(&row),
            row.nets.join(", "),
            if when.is_empty() { "" } else { ", " },
            granted.rule,
        );
        let cells = [
            row.from.clone(),
            row.to.clone(),
            row.nets.join(", "),
            super::super::words::protocol_word(row.protocol).to_owned(),
            super::super::words::ports_word(row.protocol, &row.ports),
            short(&row.purpose),
            when,
        ];
        let section = if row.section.contains("(via ") {
            format!(" in a section **{}**", row.section)
        } else {
            String::new()
        };
        let help = format!("take the rule away, or add to the document{section}: | {} |", cells.join(" | "));
        Finding::error(FindingCode::RowNotInDocument, row.places.row.clone(), message, help)
    }

    /// Checks that the addresses in the table of an overlay are those of the receivers.
    fn addresses(&self, places: &ComparedPositions<'_>, found: &mut Comparison) {
        for said in &self.said {
            let Some(address) = said.row.in_overlay.as_ref().and_then(|inside| inside.address) else {
                continue;
            };
            let overlay = said.row.nets.first().and_then(|net| self.names.overlay(net));
            let overlay = self.names.file.overlays.iter().find(|one| Some(&*one.name) == overlay);
            let Some((overlay, to)) = overlay.zip(said.to) else { continue };
            let own = overlay.members.iter().find(|(name, _)| name == to);
            if own.is_none_or(|(_, addresses)| !addresses.contains(&address)) {
                let line = places.network(&overlay.span);
                let message = format!("{address} is not the address of {to} in {} ({line})", overlay.name);
                let help = "change the one that is out of date";
                let finding =
                    Finding::error(FindingCode::AddressDiffers, said.row.places.row.clone(), message, help);
                found.document.push(finding);
            }
        }
    }
}

/// Compares the sentences about overlays' envelopes with the traffic that the network allows.
pub(super) fn envelopes(
    document: &Matrix,
    names: &DocumentNames<'_>,
    places: &ComparedPositions<'_>,
    found: &mut Comparison,
) {
    let own = own_envelopes(names.file);
    let mut said = vec![false; own.len()];
    for envelope in &document.envelopes {
        let overlay = names.overlay(&envelope.overlay);
        let members: BTreeSet<Option<&str>> = envelope.members.iter().map(|name| names.party(name)).collect();
        let mut like = own.iter().enumerate().filter(|(_, one)| Some(&*one.overlay) == overlay);
        let here = |one: &super::super::Envelope| {
            envelope.net.is_empty() || names.networks(&envelope.net).contains(&&*one.net)
        };
        let same = |one: &super::super::Envelope| {
            one.protocol == envelope.protocol
                && one.ports.iter().collect::<BTreeSet<_>>() == envelope.ports.iter().collect()
                && one.members.iter().map(|name| Some(&**name)).collect::<BTreeSet<_>>() == members
                && here(one)
        };
        if let Some((at, _)) = like.clone().find(|(_, one)| same(one)) {
            if let Some(said) = said.get_mut(at) {
                *said = true;
            }
            continue;
        }
        let (message, help) = match like.next() {
            Some((at, one)) => {
                if let Some(said) = said.get_mut(at) {
                    *said = true;
                }
                let line = places.network(&one.span);
                let what = super::super::print::sentence(one);
                (
                    format!("the envelope of {} is another one in the network: {what} ({line})", one.overlay),
                    "change the one that is out of date",
                )
            }
            None => (
                format!("the network has no overlay `{}`", short(split(&envelope.overlay).0)),
                "add it as [overlay.NAME], or take it out of the document",
            ),
        };
        found.document.push(Finding::error(
            FindingCode::EnvelopeDiffers,
            envelope.span.clone(),
            message,
            help,
        ));
    }
    for (one, _) in own.iter().zip(&said).filter(|(_, said)| !**said) {
        let message =
            format!("the network allows the envelope of {}, and the document does not say so", one.overlay);
        let help = format!("add to the document: {}", super::super::print::sentence(one));
        found.network.push(Finding::error(
            FindingCode::EnvelopeNotInDocument,
            one.span.clone(),
            message,
            help,
        ));
    }
}
