//! The rules of the network file: one for each row of the document, or a comment with the reason
//! for its omission.

use std::collections::{BTreeMap, HashMap, HashSet};

use flows::finding::Finding;
use flows::finding_code::FindingCode;
use flows::network::{Protocol, Returns};
use ofctl::nearest;

use super::super::words::{is_itself, protocol_word, short, slug, via_of};
use super::super::{Matrix, MatrixRow, Presence, Temp};
use super::plan::{ImportPlan, RowParty, fresh};
use super::{Findings, compare};

/// The window of rows that do not name one. All rows that an upgrade needs open together.
const WINDOW: &str = "updates";

/// The ports of protocols with one question and one answer, whose return flows may be by service:
/// DNS and NTP.
const QUERIES: [u16; 2] = [53, 123];

/// The item of the network file that stands for a row.
pub(super) enum ImportedItem {
    /// The title of a section.
    Section(String),
    /// A rule.
    Rule(Box<ImportedRule>),
    /// The reason why a row has no rule.
    Comment(String),
}

impl ImportedItem {
    pub(super) fn rule(&self) -> Option<&ImportedRule> {
        match self {
            ImportedItem::Rule(rule) => Some(rule),
            ImportedItem::Section(_) | ImportedItem::Comment(_) => None,
        }
    }
}

/// An allow rule.
pub(super) struct ImportedRule {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) protocol: Protocol,
    pub(super) ports: Vec<u16>,
    pub(super) purpose: String,
    pub(super) temp: Option<String>,
    pub(super) how: RuleDirection,
    pub(super) returns: Option<Returns>,
}

/// The direction of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum RuleDirection {
    Direct,
    Via(String),
    Overlay(String),
    Elsewhere(String),
}

impl ImportPlan<'_> {
    /// Reports each DHCP client that no row lets ask for its address.
    pub(super) fn without_leave(&self, items: &[ImportedItem], findings: &mut Findings) {
        let asks: HashSet<&str> = items
            .iter()
            .filter_map(ImportedItem::rule)
            .filter(|rule| rule.protocol == Protocol::Dhcp)
            .map(|rule| &*rule.from)
            .collect();
        let mut said: BTreeMap<usize, ()> = BTreeMap::new();
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            let leased = endpoint.plugs.iter().find(|plug| plug.presence == Presence::Dhcp);
            let Some(plug) = leased.filter(|_| !asks.contains(&*endpoint.name)) else { continue };
            let Some(place) = self.absence(at, plug.net) else { continue };
            if said.insert(place.span.start, ()).is_none() {
                let message = format!("no row lets `{}` ask for its address", short(&endpoint.title));
                let help = "add one: its name | DHCP server | the network | UDP | 67/68";
                findings.list.push(Finding::note(FindingCode::NoDhcpRow, place.span.clone(), message, help));
            }
        }
    }
}

/// The reason why a row is left out.
struct OmissionReason {
    code: flows::finding_code::FindingCode,
    message: String,
    help: &'static str,
}

fn left<T>(
    code: flows::finding_code::FindingCode,
    message: impl Into<String>,
    help: &'static str,
) -> Result<T, OmissionReason> {
    Err(OmissionReason { code, message: message.into(), help })
}

/// The key that tells rules apart.
type RuleGrantKey = (String, String, Protocol, Vec<u16>, Option<String>, RuleDirection);

/// Returns the rules of all rows.
pub(super) fn rules(
    document: &Matrix,
    plan: &mut ImportPlan<'_>,
    findings: &mut Findings,
) -> Vec<ImportedItem> {
    let mut items = Vec::new();
    let mut names = HashSet::new();
    let mut grants: HashMap<RuleGrantKey, usize> = HashMap::new();
    let mut section: Option<&str> = None;
    for row in &document.rows {
        let title = if row.in_overlay.is_some() { "" } else { &*row.section };
        if section != Some(title) && !title.is_empty() {
            items.push(ImportedItem::Section(title.to_owned()));
        }
        section = Some(title);
        let line = findings.line(&row.places.row);
        let end = match end_of(row, plan, findings) {
            Ok(end) => end,
            Err(OmissionReason { code, message, help }) => {
                let who = format!("{} → {} {}", row.from, row.to, compare::what(row));
                items.push(ImportedItem::Comment(format!(
                    "Left out, line {line} of the document: {who}: {message}."
                )));
                let message = format!("{who} is left out: {message}");
                findings.list.push(Finding::warning(code, row.places.row.clone(), message, help));
                continue;
            }
        };
        misspelt(row, plan, findings);
        let temp = match &row.temp {
            Temp::Always => None,
            Temp::Window => Some(WINDOW.to_owned()),
            Temp::Named(window) => Some(window.clone()),
        };
        let mut ports = row.ports.clone();
        ports.sort_unstable();
        let grant = (end.from, end.to, row.protocol, ports.clone(), temp.clone(), end.how);
        if let Some(first) = grants.get(&grant) {
            // The table of an overlay repeats rows of the table of all flows.
            if row.in_overlay.is_none() {
                let message = format!("line {first} says the same: it is not repeated");
                let help = "take one of the two out of the document";
                findings.list.push(Finding::note(
                    FindingCode::RepeatedRow,
                    row.places.row.clone(),
                    message,
                    help,
                ));
                items.push(ImportedItem::Comment(format!(
                    "Line {line} of the document says the same as line {first}."
                )));
            }
            continue;
        }
        grants.insert(grant.clone(), line);
        let (from, to, protocol, _, _, how) = grant;
        let queries = protocol == Protocol::Udp
            && !ports.is_empty()
            && ports.iter().all(|port| QUERIES.contains(port))
            && matches!(how, RuleDirection::Direct | RuleDirection::Via(_));
        items.push(ImportedItem::Rule(Box::new(ImportedRule {
            line,
            name: fresh(&mut names, &name(&from, &to, &how, protocol, &row.ports), ""),
            from,
            to,
            protocol,
            ports: row.ports.clone(),
            purpose: row.purpose.clone(),
            temp,
            how,
            returns: queries.then_some(Returns::Service),
        })));
    }
    items
}

/// Reports a party outside whose name is close to that of a host.
fn misspelt(row: &MatrixRow, plan: &ImportPlan<'_>, findings: &mut Findings) {
    for (name, span) in [(&row.from, &row.places.from), (&row.to, &row.places.to)] {
        let RowParty::Other(_) = plan.who(name) else { continue };
        let hosts = plan.endpoints.iter().map(|endpoint| &*endpoint.name);
        if let Some(host) = nearest(&slug(name), hosts).filter(|_| !is_itself(name)) {
            let message = format!("`{}` is no host, so it is taken for somebody outside", short(name));
            let help = format!("is it {host}?");
            findings.list.push(Finding::warning(FindingCode::MaybeAHost, span.clone(), message, help));
        }
    }
}

fn name(from: &str, to: &str, how: &RuleDirection, protocol: Protocol, ports: &[u16]) -> String {
    let cut = |name: &str| name.chars().take(18).collect::<String>();
    let mut name = match how {
        RuleDirection::Via(via) => format!("{}-via-{}", cut(from), cut(via)),
        _ => format!("{}-{}", cut(from), cut(to)),
    };
    name.push('-');
    name += if protocol == Protocol::Dhcp { "dhcp" } else { protocol_word(protocol) };
    for port in ports.iter().take(2) {
        name += &format!("-{port}");
    }
    name.to_ascii_lowercase()
}

/// The two ends of a rule.
struct RuleEnd {
    from: String,
    to: String,
    how: RuleDirection,
}

fn end_of(
    row: &MatrixRow,
    plan: &mut ImportPlan<'_>,
    findings: &mut Findings,
) -> Result<RuleEnd, OmissionReason> {
    let from = plan.who(&row.from);
    let to = if is_itself(&row.to) { from } else { plan.who(&row.to) };
    if let Some(overlay) = row.nets.iter().find_map(|net| plan.overlay(net)) {
        return in_overlay(row, plan, overlay, from, to);
    }
    let nets: Vec<usize> = row.nets.iter().filter_map(|net| plan.net_of(net)).collect();
    if from == to && matches!(from, RowParty::Endpoint(_)) {
        let name = name_of(plan, from);
        let place = if row.nets.is_empty() { format!("inside {name}") } else { row.nets.join(", ") };
        return Ok(RuleEnd { from: name.clone(), to: name, how: RuleDirection::Elsewhere(place) });
    }
    if let Some(net) = row.nets.iter().find(|net| plan.net_of(net).is_none()) {
        return left(
            FindingCode::UnknownNetwork,
            format!("`{}` is no column of the table of hosts, and no overlay", short(net)),
            "add the column, or name one of those that are there",
        );
    }
    if let Some(via) = via_of(&row.section) {
        let via = plan.who(&via);
        if let (RowParty::Endpoint(hop), true) = (via, via != from) {
            return by_next_hop(row, plan, &nets, (from, to), hop);
        }
    }
    let nets = on_networks(row, plan, &nets, from, to, findings)?;
    let (from, to) = (party(plan, from, &nets)?, party(plan, to, &nets)?);
    if from == to && !plan.nets.iter().any(|net| net.name == from) {
        return left(FindingCode::NoRule, "both ends are outside", "name a host at one end");
    }
    Ok(RuleEnd { from, to, how: RuleDirection::Direct })
}

fn name_of(plan: &ImportPlan<'_>, who: RowParty<'_>) -> String {
    match who {
        RowParty::Endpoint(at) => {
            plan.endpoint_at(at).map(|endpoint| endpoint.name.clone()).unwrap_or_default()
        }
        RowParty::Net(at) => plan.nets.get(at).map(|net| net.name.clone()).unwrap_or_default(),
        RowParty::Anybody => "any".to_owned(),
        RowParty::Other(name) => name.to_owned(),
    }
}

fn in_overlay(
    row: &MatrixRow,
    plan: &ImportPlan<'_>,
    overlay: usize,
    from: RowParty<'_>,
    to: RowParty<'_>,
) -> Result<RuleEnd, OmissionReason> {
    const HELP: &str = "name two hosts that the sentence about its envelope names";
    let Some(overlay) = plan.overlays.get(overlay) else {
        return left(FindingCode::NoRule, "no such overlay", HELP);
    };
    for (who, name) in [(from, &row.from), (to, &row.to)] {
        if !matches!(who, RowParty::Endpoint(_)) {
            return left(
                FindingCode::NotAMember,
                format!("`{}` is no host in {}", short(name), overlay.title),
                HELP,
            );
        }
        let key = slug(name);
        if overlay.envelope.is_some() && !overlay.members.iter().any(|member| slug(member) == key) {
            return left(
                FindingCode::NotAMember,
                format!("`{}` is no member of {}", short(name), overlay.title),
                HELP,
            );
        }
    }
    let how = match overlay.envelope {
        Some(_) => RuleDirection::Overlay(overlay.name.clone()),
        // An overlay without its envelope cannot be expressed; its rows are kept as elsewhere.
        None => RuleDirection::Elsewhere(overlay.title.clone()),
    };
    Ok(RuleEnd { from: name_of(plan, from), to: name_of(plan, to), how })
}

/// Returns the networks of a row, on which both ends have a place.
fn on_networks(
    row: &MatrixRow,
    plan: &ImportPlan<'_>,
    nets: &[usize],
    from: RowParty<'_>,
    to: RowParty<'_>,
    findings: &mut Findings,
) -> Result<Vec<usize>, OmissionReason> {
    for net in nets {
        for (who, name) in [(from, &row.from), (to, &row.to)] {
            let RowParty::Endpoint(at) = who else { continue };
            if plan.plug(at, *net).is_some() {
                continue;
            }
            let label = plan.nets.get(*net).map(|net| short(&net.label)).unwrap_or_default();
            let line = plan.absence(at, *net).map(|place| findings.line(&place.span));
            let said = line.map(|line| format!(" (line {line})")).unwrap_or_default();
            return left(
                FindingCode::NotAttached,
                format!("`{}` has no place on {label} by the table of hosts{said}", short(name)),
                "take the row out of the document, or give the host its place there",
            );
        }
    }
    let of = |who: RowParty<'_>| match who {
        RowParty::Endpoint(at) => Some(plan.nets_of(at)),
        RowParty::Net(at) => Some(vec![at]),
        RowParty::Anybody | RowParty::Other(_) => None,
    };
    // Rules do not reach a host whose address comes by DHCP.
    let found = |net: &usize| match to {
        RowParty::Endpoint(at) => {
            plan.plug(at, *net).is_some_and(|p| matches!(p.presence, Presence::At { .. }))
        }
        _ => true,
    };
    let on = match (of(from), of(to)) {
        (Some(one), Some(other)) => {
            let shared: Vec<usize> = one.into_iter().filter(|net| other.contains(net)).collect();
            if shared.is_empty() {
                return left(
                    FindingCode::NoNetwork,
                    "they share no network",
                    "it takes a crossing, with approval and reason: write one into the network file",
                );
            }
            let wider: Vec<String> = shared
                .iter()
                .filter(|net| !nets.is_empty() && !nets.contains(net) && found(net))
                .filter_map(|net| plan.nets.get(*net).map(|net| short(&net.label)))
                .collect();
            if !wider.is_empty() {
                let message = format!("the rule holds on {} too, which both are on", wider.join(", "));
                let help = "a rule holds on all networks that its ends share: see whether that may be";
                findings.list.push(Finding::warning(
                    FindingCode::WiderThanRow,
                    row.places.net.clone(),
                    message,
                    help,
                ));
            }
            shared
        }
        (Some(known), None) | (None, Some(known)) if nets.is_empty() => {
            let out: Vec<usize> = known.iter().copied().filter(|net| plan.leads_out(*net)).collect();
            match (out.as_slice(), known.as_slice()) {
                ([net], _) | ([], [net]) => vec![*net],
                _ => {
                    return left(
                        FindingCode::NoNetwork,
                        "it is not said on which network",
                        "name the network under Interface/Net",
                    );
                }
            }
        }
        (None, None) => return left(FindingCode::NoRule, "neither end is a host", "name a host at one end"),
        _ => nets.to_vec(),
    };
    if row.protocol != Protocol::Dhcp
        && !on.iter().any(|net| found(net) && (nets.is_empty() || nets.contains(net)))
    {
        return left(
            FindingCode::NoAddress,
            format!("the address of `{}` there is not known", short(&row.to)),
            "a rule leads to an address: write it into the table of hosts",
        );
    }
    Ok(on)
}

/// Returns the name that a rule uses for a party of a row.
fn party(plan: &mut ImportPlan<'_>, who: RowParty<'_>, nets: &[usize]) -> Result<String, OmissionReason> {
    const HELP: &str = "name the network under Interface/Net";
    match who {
        RowParty::Endpoint(_) | RowParty::Net(_) => Ok(name_of(plan, who)),
        RowParty::Anybody | RowParty::Other(_) => {
            let [net] = nets else {
                return left(FindingCode::NoNetwork, "it is not said on which one network", HELP);
            };
            let name = match who {
                RowParty::Other(title) => plan.outside(title, *net),
                _ if plan.leads_out(*net) => plan.exit(*net),
                _ => plan.nets.get(*net).map(|net| net.name.clone()),
            };
            name.map_or_else(|| left(FindingCode::NoNetwork, "there is no such network", HELP), Ok)
        }
    }
}

/// Builds the rule of a row in a section of a next hop. A destination equal to the next hop stands
/// for the outside.
fn by_next_hop(
    row: &MatrixRow,
    plan: &mut ImportPlan<'_>,
    nets: &[usize],
    (from, to): (RowParty<'_>, RowParty<'_>),
    hop: usize,
) -> Result<RuleEnd, OmissionReason> {
    let name = name_of(plan, RowParty::Endpoint(hop));
    let RowParty::Endpoint(source) = from else {
        return left(FindingCode::NoRule, format!("only a host goes via {name}"), "name a host under From");
    };
    let of_hop = plan.nets_of(hop);
    let mut shared = plan.nets_of(source);
    shared.retain(|net| of_hop.contains(net) && (nets.is_empty() || nets.contains(net)));
    let Some(net) = shared.first().copied() else {
        return left(
            FindingCode::NotAttached,
            format!("`{}` and {name} share no network of the row", short(&row.from)),
            "name a network that both are on",
        );
    };
    let beyond = of_hop.into_iter().filter(|other| !shared.contains(other));
    let Some(out) = beyond.min_by_key(|other| !plan.leads_out(*other)) else {
        return left(
            FindingCode::NoWayOut,
            format!("{name} is on no other network, so it leads nowhere"),
            "give it a place in the network that leads outside, such as WAN",
        );
    };
    let to = match to {
        RowParty::Endpoint(to) if to == hop => plan.exit(out),
        RowParty::Anybody => plan.exit(out),
        RowParty::Other(title) => plan.outside(title, out),
        RowParty::Endpoint(_) | RowParty::Net(_) => {
            return left(
                FindingCode::ViaInside,
                format!("what goes via {name} is for the outside, and `{}` is not", short(&row.to)),
                "name the next hop itself, or somebody outside",
            );
        }
    };
    let Some(to) = to else {
        return left(
            FindingCode::NoWayOut,
            format!("{name} leads nowhere"),
            "give it a place in the network outside",
        );
    };
    plan.next_hop(hop, net);
    Ok(RuleEnd { from: name_of(plan, from), to, how: RuleDirection::Via(name) })
}
