//! Containers: the ranges of the file, and the containers added at run time.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::finding_code::FindingCode;
use crate::network::Protocol;
use crate::network::check::addresses::reject;
use crate::network::check::ports::is_interface_name;
use crate::network::draft::{Draft, DraftAllow, DraftAttachment, DraftContainers, DraftEndpoint, Spanned};
use crate::network::model::additions::{Additions, Container};
use crate::network::model::container_ids::{ID, MAX_IDS};
use crate::network::model::prefix::is_member;
use crate::network::read::check_value::check_name;
use crate::network::text::report::{FindingReport, quote};
use crate::network::text::tree::moved;

/// Limits the numbers of all ranges of a file.
const MAX_ALL_IDS: u32 = 65_536;

/// Limits the added containers.
pub(in crate::network) const MAX_CONTAINERS: usize = 65_536;

/// Checks the ranges of the networks.
pub(in crate::network) fn check(draft: &Draft, report: &mut FindingReport) {
    let mut ports: HashMap<String, &Spanned<String>> = HashMap::new();
    let mut left = MAX_ALL_IDS;
    for network in &draft.networks {
        let Some(range) = &network.containers else { continue };
        let what = format!("the containers of network {}", quote(&network.name.value));
        placeholders(range, &what, report);
        let Some(Spanned { value: (first, last), span }) = &range.ids else { continue };
        let count = last.saturating_sub(*first).saturating_add(1);
        if count > MAX_IDS || count > left {
            let message =
                format!("{what} have more than {MAX_IDS} numbers, or all ranges more than {MAX_ALL_IDS}");
            report.error(FindingCode::TooMany, span, message, "take fewer");
            continue;
        }
        left -= count;
        if let Some(port) = range.port.as_ref().filter(|port| port.value.contains(ID)) {
            let longest = of(port, *last);
            if !is_interface_name(&longest) {
                let message = format!("{} cannot be the name of a port", quote(&longest));
                report.error(
                    FindingCode::BadPortName,
                    &port.span,
                    message,
                    crate::network::check::ports::NAME_HELP,
                );
            }
            for id in *first..=*last {
                let Some(other) = ports.insert(of(port, id), &network.name) else { continue };
                let message = format!(
                    "{what} and those of network {} (line {}) would share port {}",
                    quote(&other.value),
                    report.line(&other.span),
                    quote(&of(port, id)),
                );
                let help = "give the ranges other numbers, or their ports other names";
                report.error(FindingCode::RangesOverlap, &port.span, message, help);
                break;
            }
        }
        let can = |id: u32| {
            let subnets = || network.subnets.iter().map(|subnet| subnet.value);
            let addresses = range.addresses.iter().map(|text| of(text, id).parse::<IpAddr>());
            let mut members =
                addresses.map(|address| address.is_ok_and(|address| is_member(address, subnets())));
            members.all(|member| member)
        };
        // If only some numbers are usable, the others are never assigned.
        if network.subnets.is_empty() || (*first..=*last).any(can) {
            continue;
        }
        for text in range.addresses.iter().filter(|text| text.value.contains(ID)) {
            let address = of(text, *first);
            match address.parse::<IpAddr>() {
                Ok(value) => {
                    reject(&Spanned { value, span: text.span.clone() }, network, &what, report);
                }
                Err(_) => {
                    let message = format!("{} in `addresses` of {what} is not an address", quote(&address));
                    let help = "write it like \"10.0.0.{id}\", and let the numbers be such that it is one";
                    report.error(FindingCode::BadAddress, &text.span, message, help);
                }
            }
        }
    }
}

fn placeholders(range: &DraftContainers, what: &str, report: &mut FindingReport) {
    for (text, key) in
        range.port.iter().map(|port| (port, "port")).chain(range.addresses.iter().map(|a| (a, "addresses")))
    {
        if !text.value.contains(ID) {
            let message = format!("{} in {} of {what} has no `{ID}`", quote(&text.value), quote(key));
            let help = "the number of the container goes there: without it, all would share one";
            report.error(FindingCode::NoPlaceholder, &text.span, message, help);
        }
    }
}

fn of(text: &Spanned<String>, id: u32) -> String {
    text.value.replace(ID, &id.to_string())
}

/// Adds the containers of the additions to the draft, each as an endpoint. Returns an allow for
/// each service. They come after all other allows, so that the latest addition at run time changes
/// no earlier one.
pub(in crate::network) fn add(
    draft: &mut Draft,
    additions: &Additions,
    report: &mut FindingReport,
) -> Vec<DraftAllow> {
    if additions.containers.is_empty() {
        return Vec::new();
    }
    if additions.containers.len() > MAX_CONTAINERS {
        let message = format!("more than {MAX_CONTAINERS} containers were added");
        report.whole(FindingCode::TooMany, message, "delete some");
        return Vec::new();
    }
    let mut taken = TakenNames::of(draft, report);
    let (mut endpoints, mut allows) = (Vec::new(), Vec::new());
    for container in &additions.containers {
        taken.add(draft, container, &mut endpoints, &mut allows, report);
    }
    draft.endpoints.extend(endpoints);
    allows
}

/// The names and numbers in use, each with its user.
struct TakenNames {
    names: HashMap<String, String>,
    /// By bridge and port.
    ports: HashMap<(String, String), String>,
    addresses: HashMap<IpAddr, String>,
    /// The place of a network in the draft.
    networks: HashMap<String, usize>,
    /// The names of all networks, in order.
    known: Vec<String>,
}

impl TakenNames {
    fn of(draft: &Draft, report: &FindingReport) -> Self {
        let mut taken = TakenNames {
            names: HashMap::new(),
            ports: HashMap::new(),
            addresses: HashMap::new(),
            networks: HashMap::new(),
            known: draft.networks.iter().map(|network| network.name.value.clone()).collect(),
        };
        for (index, network) in draft.networks.iter().enumerate() {
            taken.networks.entry(network.name.value.clone()).or_insert(index);
        }
        let mut name = |word: &str, at: &Spanned<String>| {
            let what = format!("{word} {} (line {})", quote(&at.value), report.line(&at.span));
            taken.names.entry(at.value.clone()).or_insert(what);
        };
        draft.networks.iter().for_each(|network| name("network", &network.name));
        draft.links.iter().for_each(|link| name("link", &link.name));
        draft.exits.iter().for_each(|exit| name("exit", &exit.name));
        draft.outsides.iter().for_each(|outside| name("outside", &outside.name));
        draft.overlays.iter().for_each(|overlay| name("overlay", &overlay.name));
        draft.endpoints.iter().for_each(|endpoint| name("endpoint", &endpoint.name));
        for endpoint in &draft.endpoints {
            let what = || {
                format!(
                    "endpoint {} (line {})",
                    quote(&endpoint.name.value),
                    report.line(&endpoint.name.span)
                )
            };
            for plug in &endpoint.attachments {
                taken.addresses.extend(plug.addresses.iter().map(|address| (address.value, what())));
                taken.addresses.extend(plug.shared.iter().map(|shared| (shared.value.address, what())));
                let bridge = plug.network.as_ref().and_then(|name| taken.bridge(draft, &name.value));
                if let (Some(bridge), Some(port)) = (bridge, &plug.port) {
                    taken.ports.insert((bridge, port.value.clone()), what());
                }
            }
        }
        for exit in &draft.exits {
            let what = format!("exit {} (line {})", quote(&exit.name.value), report.line(&exit.name.span));
            taken.addresses.extend(exit.next_hop.iter().map(|address| (address.value, what.clone())));
        }
        taken
    }

    fn bridge(&self, draft: &Draft, network: &str) -> Option<String> {
        let network = draft.networks.get(*self.networks.get(network)?)?;
        Some(network.bridge.as_ref()?.value.clone())
    }

    fn add(
        &mut self,
        draft: &Draft,
        container: &Container,
        endpoints: &mut Vec<DraftEndpoint>,
        allows: &mut Vec<DraftAllow>,
        report: &mut FindingReport,
    ) {
        let Container { id, name, network, mac, services } = container;
        let what = format!("container {} ({id})", quote(name));
        let delete = format!("`portcullis container delete {name}`");
        let Some(target) = self.networks.get(network).and_then(|index| draft.networks.get(*index)) else {
            let message = format!("{what} is to be on network {}, which there is not", quote(network));
            let otherwise = format!("add the network, or {delete}");
            let help = report.near(network, self.known.iter().map(String::as_str), otherwise);
            report.whole(FindingCode::AdditionUnknownNetwork, message, help);
            return;
        };
        let Some(range) = &target.containers else {
            let message = format!("{what} is to be on network {}, which has no containers", quote(network));
            let help = format!("add [network.{network}.containers], or {delete}");
            report.error(FindingCode::AdditionUnknownNetwork, &target.name.span, message, help);
            return;
        };
        let (Some(Spanned { value: (first, last), .. }), Some(port)) = (&range.ids, &range.port) else {
            return;
        };
        if !(first..=last).contains(&id) {
            let message =
                format!("{what} is none of the numbers {first} to {last} of network {}", quote(network));
            let help = format!("widen `ids`, or {delete}");
            report.error(FindingCode::AdditionOutOfRange, &range.span, message, help);
            return;
        }
        if let Some(owner) = self.names.get(name) {
            let message = format!("the name of {what} is taken by {owner}");
            let help = format!("rename one, or {delete}");
            report.error(FindingCode::AdditionNameTaken, &range.span, message, help);
            return;
        }
        let port = of(port, *id);
        let texts = || range.addresses.iter().map(|text| of(text, *id));
        let addresses: Vec<IpAddr> = texts().filter_map(|text| text.parse().ok()).collect();
        if let Some(text) = texts().find(|text| text.parse::<IpAddr>().is_err()) {
            let message = format!("{} of {what} is not an address", quote(&text));
            let help = format!("{delete}, and create it again: it gets the next number that has a place");
            report.error(FindingCode::AdditionOutOfRange, &range.span, message, help);
            return;
        }
        let place = target.bridge.as_ref().map(|bridge| (bridge.value.clone(), port.clone()));
        let owner = place.as_ref().and_then(|place| self.ports.get(place));
        let owner = owner.or_else(|| addresses.iter().find_map(|address| self.addresses.get(address)));
        if let Some(owner) = owner {
            let message = format!("the number of {what} is taken by {owner}");
            let help = format!("{delete}, and create it again: it gets the next free number");
            report.error(FindingCode::AdditionNumberTaken, &range.span, message, help);
            return;
        }
        let by = report.add_stamp(&range.span, format!("container {}, added at run time", quote(name)), None);
        let span = moved(range.span.clone(), by);
        let at = |value: String| Spanned { value, span: span.clone() };
        let at_mac = |value: [u8; 6]| Spanned { value, span: span.clone() };
        check_name(&at(name.clone()), "the name of a container", report);
        self.names.insert(name.clone(), what.clone());
        self.ports.extend(place.map(|place| (place, what.clone())));
        self.addresses.extend(addresses.iter().map(|address| (*address, what.clone())));
        endpoints.push(DraftEndpoint {
            name: at(name.clone()),
            attachments: vec![DraftAttachment {
                network: Some(at(network.clone())),
                port: Some(at(port)),
                addresses: addresses.into_iter().map(|value| Spanned { value, span: span.clone() }).collect(),
                shared: Vec::new(),
                behind: Vec::new(),
                mac: mac.map(at_mac),
                leased: false,
                router: false,
                link_local: None,
                span: span.clone(),
            }],
        });
        for service in services {
            let at_service = at(service.name.clone());
            check_name(&at_service, "the name of a service", report);
            if !matches!(service.protocol, Protocol::Tcp | Protocol::Udp | Protocol::Sctp)
                || service.port == 0
            {
                let message = format!("service {} of {what} has no port", quote(&service.name));
                report.error(
                    FindingCode::AdditionService,
                    &span,
                    message,
                    "a service has TCP, UDP or SCTP and a port from 1",
                );
                continue;
            }
            if range.clients.is_empty() {
                continue;
            }
            allows.push(DraftAllow {
                from: range.clients.clone(),
                to: vec![at(name.clone())],
                protocol: Some(service.protocol),
                ports: vec![Spanned { value: service.port, span: span.clone() }],
                purpose: format!("{} of container {name}", service.name),
                ..DraftAllow::new(at(format!("container.{name}.{}", service.name)))
            });
        }
    }
}
