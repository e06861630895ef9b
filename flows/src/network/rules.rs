//! Whether the rules make sense: names, parties, networks, and nothing granted twice.

use std::collections::{HashMap, HashSet};

use super::Protocol;
use super::draft::{At, Draft, DraftAllow};
use super::names::{Kind, NamedParty, Names};
use super::report::{Report, quote};

/// Triples of from, to and port in one file: each becomes at least one flow.
const MAX_GRANTS: usize = 1 << 18;

/// Checks all rules of a file.
pub(super) fn check(draft: &Draft, names: &Names<'_>, report: &mut Report) {
    unique(draft, report);
    let mut granted = Granted { by_pair: HashMap::new(), left: MAX_GRANTS, full: false };
    for allow in &draft.allows {
        let (from, to) = (parties(&allow.from, names, report), parties(&allow.to, names, report));
        repeated_ports(allow, report);
        let from = in_a_network(allow, from, report);
        let to = in_a_network(allow, to, report);
        if granted.has_room(allow, from.len(), to.len(), report) {
            one_network(allow, &from, &to, report);
            granted.add(allow, &from, &to, report);
        }
    }
    for never in &draft.nevers {
        parties(&never.from, names, report);
        parties(&never.to, names, report);
    }
}

/// An allow, for errors; one without a name has an error already.
fn label(allow: &DraftAllow) -> String {
    if allow.name.value.is_empty() {
        "a nameless allow".to_owned()
    } else {
        format!("allow {}", quote(&allow.name.value))
    }
}

/// A party and the place where a rule names it.
type Named<'n, 'd> = (&'n At<String>, &'n NamedParty<'d>);

fn unique(draft: &Draft, report: &mut Report) {
    let allows = draft.allows.iter().map(|allow| ("allow", &allow.name));
    let nevers = draft.nevers.iter().map(|never| ("never", &never.name));
    let mut all: Vec<_> = allows.chain(nevers).filter(|(_, name)| !name.value.is_empty()).collect();
    all.sort_by_key(|(_, name)| name.span.start);
    let mut seen: HashMap<&str, (&str, &At<String>)> = HashMap::new();
    for (word, name) in all {
        if let Some((first_word, first)) = seen.get(&*name.value) {
            let line = report.line(&first.span);
            let message =
                format!("there already is a rule {} ({first_word}, line {line})", quote(&name.value));
            report.error(
                "duplicate-rule",
                &name.span,
                message,
                "counters go by the names of rules: rename one",
            );
        } else {
            seen.insert(&name.value, (word, name));
        }
    }
}

fn parties<'n, 'd>(list: &'n [At<String>], names: &'n Names<'d>, report: &mut Report) -> Vec<Named<'n, 'd>> {
    let mut seen = HashSet::new();
    let mut parties = Vec::new();
    for name in list {
        let Some(party) = names.party(name, report) else { continue };
        if seen.insert(&*name.value) {
            parties.push((name, party));
        } else {
            report.warning(
                "repeated",
                &name.span,
                format!("{} stands twice", quote(&name.value)),
                "keep one",
            );
        }
    }
    parties
}

fn repeated_ports(allow: &DraftAllow, report: &mut Report) {
    let mut seen = HashSet::new();
    for port in &allow.ports {
        if !seen.insert(port.value) {
            report.warning("repeated", &port.span, format!("port {} stands twice", port.value), "keep one");
        }
    }
}

/// Leaves out those that are on no network: an allow can do nothing for them.
fn in_a_network<'n, 'd>(
    allow: &DraftAllow,
    mut parties: Vec<Named<'n, 'd>>,
    report: &mut Report,
) -> Vec<Named<'n, 'd>> {
    parties.retain(|(name, party)| {
        if party.networks.is_empty() && !party.broken {
            let message = format!(
                "{} {} is only declared and on no network, so {} means nothing for it",
                party.kind.word(),
                quote(&name.value),
                label(allow),
            );
            let help = format!(
                "give the {} a `network`",
                if party.kind == Kind::Link { "link's end" } else { "exit" }
            );
            report.error("not-on-a-network", &name.span, message, help);
        }
        !party.networks.is_empty() && !party.broken
    });
    parties
}

fn one_network(allow: &DraftAllow, from: &[Named<'_, '_>], to: &[Named<'_, '_>], report: &mut Report) {
    // What a network means here is each of its endpoints with each other.
    if let ([(source, party)], [(target, _)]) = (from, to)
        && source.value == target.value
        && party.kind != Kind::Network
    {
        let message = format!(
            "{} grants nothing: {} needs no leave to talk to itself",
            label(allow),
            quote(&source.value)
        );
        report.warning("allow-to-itself", &target.span, message, "name somebody else");
    }
    for (source, source_party) in from {
        for (target, target_party) in to {
            if report.is_full() {
                return;
            }
            if source_party.networks.iter().any(|network| target_party.networks.contains(network)) {
                continue;
            }
            let message = format!(
                "{} joins two networks: {} is on {}, {} on {}",
                label(allow),
                quote(&source.value),
                list(&source_party.networks),
                quote(&target.value),
                list(&target_party.networks),
            );
            let help = "an allow holds within one network; one between networks needs a crossing, \
                        which this version does not have yet";
            // The second of the two names is the one that does not belong.
            let span = if target.span.start > source.span.start { &target.span } else { &source.span };
            report.error("crosses-networks", span, message, help);
        }
    }
}

fn list(networks: &[&str]) -> String {
    networks.iter().map(|network| quote(network).to_string()).collect::<Vec<_>>().join(" and ")
}

/// What each pair may already do, and by which rule.
struct Granted<'d> {
    by_pair: HashMap<(&'d str, &'d str), ByPort<'d>>,
    left: usize,
    /// Whether the report has an error about it.
    full: bool,
}

/// The first rule for each protocol and port; no port stands for all.
type ByPort<'d> = HashMap<(Protocol, Option<u16>), &'d At<String>>;

impl<'d> Granted<'d> {
    fn has_room(&mut self, allow: &DraftAllow, from: usize, to: usize, report: &mut Report) -> bool {
        let count = from.saturating_mul(to).saturating_mul(allow.ports.len().max(1));
        if count > self.left && !self.full {
            let message = format!(
                "the rules up to {} grant more than {MAX_GRANTS} combinations of from, to and port",
                label(allow),
            );
            report.error("too-many", &allow.name.span, message, "name networks in place of their endpoints");
            self.full = true;
        }
        let fits = count <= self.left && !self.full;
        self.left -= if fits { count } else { 0 };
        fits
    }

    fn add(
        &mut self,
        allow: &'d DraftAllow,
        from: &[Named<'d, '_>],
        to: &[Named<'d, '_>],
        report: &mut Report,
    ) {
        let Some(protocol) = allow.protocol else { return };
        let ports: HashSet<Option<u16>> = allow.ports.iter().map(|port| Some(port.value)).collect();
        let mut ports: Vec<Option<u16>> =
            if ports.is_empty() { vec![None] } else { ports.into_iter().collect() };
        ports.sort_unstable();
        let mut told = HashSet::new();
        for (source, _) in from {
            for (target, _) in to {
                let pair = self.by_pair.entry((&source.value, &target.value)).or_default();
                for &port in &ports {
                    let wider = [(Protocol::Any, None), (protocol, None), (protocol, port)];
                    let earlier = wider.iter().find_map(|key| pair.get(key).copied());
                    // A rule that names nobody twice meets each of its own pairs once.
                    let Some(rule) = earlier else {
                        pair.insert((protocol, port), &allow.name);
                        continue;
                    };
                    if told.insert(rule.span.start) {
                        let message = format!(
                            "{} may already open {} to {} by rule {} (line {})",
                            quote(&source.value),
                            describe(protocol, port),
                            quote(&target.value),
                            quote(&rule.value),
                            report.line(&rule.span),
                        );
                        let help = "take it out of one of the two: packets are counted by rule";
                        report.warning("already-allowed", &allow.name.span, message, help);
                    }
                }
            }
        }
    }
}

fn describe(protocol: Protocol, port: Option<u16>) -> String {
    let word = match protocol {
        Protocol::Any => "anything",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
        Protocol::Icmp => "ICMP echo",
        Protocol::Dhcp => "DHCP",
    };
    port.map_or_else(|| word.to_owned(), |port| format!("{word} {port}"))
}
