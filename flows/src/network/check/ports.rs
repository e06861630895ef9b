//! The use of ports: each port of a bridge has one.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::finding_code::FindingCode;
use crate::network::draft::{Draft, DraftNetwork, Spanned};
use crate::network::names::NameIndex;
use crate::network::read::datapath;
use crate::network::read::datapath::is_datapath_id;
use crate::network::text::report::{FindingReport, NamedInText, quote};
use crate::network::{ANY_BRIDGE, LearnBy, Span};

/// The longest name of a Linux interface: IFNAMSIZ counts the NUL.
const LONGEST: usize = 15;

/// The bridge's own port, as `ovs-ofctl` and the network file write it.
const LOCAL: &str = "LOCAL";

/// Names that ovs-ofctl reads as a reserved port, in any case.
const RESERVED: [&str; 10] =
    ["IN_PORT", "TABLE", "NORMAL", "FLOOD", "ALL", "CONTROLLER", "ANY", "NONE", "UNSET", "MAX"];

/// Checks the names of bridges and ports, and that each port has one use.
pub(in crate::network) fn check(draft: &Draft, names: &NameIndex<'_>, report: &mut FindingReport) {
    let mut seen = HashSet::new();
    for bridge in draft.bridge_names() {
        if seen.insert(&*bridge.value) {
            bridge_name(bridge, report);
        }
    }
    any_bridge(draft, report);
    datapath::check(draft, report);
    let mut by_cut: HashMap<(&str, &str), HashSet<&str>> = HashMap::new();
    for (bridge, port) in all_ports(draft, names) {
        by_cut.entry((bridge, cut(port))).or_default().insert(port);
    }
    let mut uses = PortUses { by_place: HashMap::new(), bridge_of: HashMap::new(), by_cut };
    for endpoint in &draft.endpoints {
        for attachment in &endpoint.attachments {
            let bridge = names.bridge_of(attachment.network.as_ref(), None);
            uses.add(
                bridge,
                attachment.port.as_ref(),
                PortUse {
                    what: NamedInText { word: "endpoint", name: &endpoint.name.value },
                    forwards: false,
                },
                report,
            );
        }
    }
    for link in &draft.links {
        let what = NamedInText { word: "link", name: &link.name.value };
        for end in &link.ends {
            let bridge = names.bridge_of(end.network.as_ref(), end.bridge.as_ref());
            uses.add(bridge, end.port.as_ref(), PortUse { what, forwards: false }, report);
            if end.bridge.is_some() {
                uses.add(bridge, end.forwards.as_ref(), PortUse { what, forwards: true }, report);
            }
        }
        let mut bridges =
            link.ends.iter().filter_map(|end| names.bridge_of(end.network.as_ref(), end.bridge.as_ref()));
        let networks: Vec<_> = link.ends.iter().filter_map(|end| end.network.as_ref()).collect();
        match (networks.as_slice(), bridges.next(), bridges.next()) {
            ([one, other], ..) if one.value != other.value => {
                let message = format!(
                    "{what} would join the networks {} and {}",
                    quote(&one.value),
                    quote(&other.value)
                );
                let help =
                    "let one end carry the network; the other names its `bridge` and what it `forwards`";
                report.error(FindingCode::LinkJoinsNetworks, &other.span, message, help);
            }
            (_, Some(one), Some(other)) if one == other => {
                let message = format!("both ends of {what} are on bridge {}", quote(one));
                report.error(
                    FindingCode::LinkOneBridge,
                    &link.name.span,
                    message,
                    "a link joins two bridges",
                );
            }
            _ => {}
        }
    }
    for exit in &draft.exits {
        let bridge = names.bridge_of(exit.network.as_ref(), exit.bridge.as_ref());
        let what = NamedInText { word: "exit", name: &exit.name.value };
        uses.add(bridge, exit.port.as_ref(), PortUse { what, forwards: false }, report);
    }
    let mut first_network: HashMap<&str, &DraftNetwork> = HashMap::new();
    for network in &draft.networks {
        if let Some(bridge) = &network.bridge {
            first_network.entry(&bridge.value).or_insert(network);
        }
    }
    bridge_words(draft, &first_network, report);
    let mut sections: HashMap<&str, &Span> = HashMap::new();
    for bridge in &draft.bridges {
        // Within one text the syntax ensures it.
        if let Some(first) = sections.insert(&bridge.name.value, &bridge.name.span) {
            let message = format!(
                "bridge {} has two sections, the first on line {}",
                quote(&bridge.name.value),
                report.line(first)
            );
            report.error(FindingCode::DuplicateBridge, &bridge.name.span, message, "put both into one");
        }
        let mut seen: HashMap<&str, &Span> = HashMap::new();
        for port in &bridge.ports {
            uses.declare(&bridge.name.value, port, report);
            if let Some(first) = seen.insert(&port.value, &port.span) {
                let message =
                    format!("port {} stands twice, first on line {}", quote(&port.value), report.line(first));
                report.warning(FindingCode::Repeated, &port.span, message, "keep one");
            }
        }
        let network = first_network.get(&*bridge.name.value);
        if let (Some(network), Some(learning)) = (network, &bridge.learning) {
            let message = format!(
                "bridge {} has `learning`, and network {} lives on it",
                quote(&bridge.name.value),
                quote(&network.name.value),
            );
            let help = "a learning switch joins all that is attached to it: take one of the two away";
            report.error(FindingCode::LearningBesideNetworks, &learning.span, message, help);
        }
        if let (Some(_), Some(rate)) = (&bridge.learning, &bridge.sample_denied) {
            let message = format!(
                "`sample_denied` of bridge {} means nothing: a learning switch denies nobody",
                quote(&bridge.name.value)
            );
            let help = "what it denies is sampled where networks live: take one of the two away";
            report.error(FindingCode::SamplingBesideLearning, &rate.span, message, help);
        }
        if let (Some(network), Some(flow)) = (network, bridge.flows.first()) {
            let message = format!(
                "bridge {} has raw flows beside those of network {}",
                quote(&bridge.name.value),
                quote(&network.name.value),
            );
            let help = "raw flows are installed as they are and may break its isolation: say it with rules";
            report.warning(FindingCode::FlowsBesideNetworks, &flow.span, message, help);
        }
    }
}

/// Returns the ports that the file names, each with its bridge.
fn all_ports<'d>(draft: &'d Draft, names: &NameIndex<'d>) -> Vec<(&'d str, &'d str)> {
    let mut all = Vec::new();
    let mut add = |bridge: Option<&'d str>, port: Option<&'d Spanned<String>>| {
        all.extend(bridge.zip(port.map(|port| &*port.value)));
    };
    for plug in draft.endpoints.iter().flat_map(|endpoint| &endpoint.attachments) {
        add(names.bridge_of(plug.network.as_ref(), None), plug.port.as_ref());
    }
    for end in draft.links.iter().flat_map(|link| &link.ends) {
        let bridge = names.bridge_of(end.network.as_ref(), end.bridge.as_ref());
        add(bridge, end.port.as_ref());
        add(bridge, end.forwards.as_ref());
    }
    for exit in &draft.exits {
        add(names.bridge_of(exit.network.as_ref(), exit.bridge.as_ref()), exit.port.as_ref());
    }
    for bridge in &draft.bridges {
        bridge.ports.iter().for_each(|port| add(Some(&bridge.name.value), Some(port)));
    }
    all
}

/// Returns the part of a port's name that a switch reports.
fn cut(name: &str) -> &str {
    name.get(..LONGEST).unwrap_or(name)
}

/// Reports settings of a bridge that its other settings make meaningless.
fn bridge_words(draft: &Draft, first_network: &HashMap<&str, &DraftNetwork>, report: &mut FindingReport) {
    let mut forwarding: HashSet<&str> = HashSet::new();
    let learning = |name: &str| draft.bridges.iter().find(|b| b.name.value == name)?.learning.as_ref();
    for link in &draft.links {
        for end in &link.ends {
            let (Some(bridge), Some(forwards)) = (&end.bridge, &end.forwards) else { continue };
            forwarding.insert(&bridge.value);
            if let Some(network) = first_network.get(&*bridge.value) {
                let message = format!(
                    "an end of link {} `forwards` on bridge {}, and network {} lives on it",
                    quote(&link.name.value),
                    quote(&bridge.value),
                    quote(&network.name.value),
                );
                let help = "a bridge with networks passes what they allow: let the end name its `network`, or forward on \
                            a bridge of its own";
                report.error(FindingCode::ForwardsBesideNetworks, &forwards.span, message, help);
            }
            if let Some(learning) = learning(&bridge.value) {
                let message = format!(
                    "bridge {} has `learning`, and an end of link {} `forwards` on it",
                    quote(&bridge.value),
                    quote(&link.name.value),
                );
                let help = "a learning switch joins all that is attached to it: take one of the two away";
                report.error(FindingCode::LearningBesideForwards, &learning.span, message, help);
            }
        }
    }
    for bridge in &draft.bridges {
        let name = &*bridge.name.value;
        let compiled = first_network.contains_key(name) || forwarding.contains(name);
        if let Some(rate) = bridge.sample_denied.as_ref().filter(|_| !compiled && bridge.learning.is_none()) {
            let message = format!(
                "`sample_denied` of bridge {} means nothing: no network lives on it whose rules could deny",
                quote(name)
            );
            let help = "raw lines do as they are written: let one send to the controller, or take it away";
            report.error(FindingCode::SamplingNothing, &rate.span, message, help);
        }
        if bridge.learn == LearnBy::Controller && bridge.flows.is_empty() {
            let message = format!("`learn` of bridge {} is about raw flows, and it has none", quote(name));
            let help = "take it away: the flows of networks are always the switch's to learn";
            report.error(FindingCode::LearnWithoutFlows, &bridge.name.span, message, help);
        }
    }
}

/// Checks the bridge `*`. It stands for bridges that no section names, so it has no ports to attach
/// to.
fn any_bridge(draft: &Draft, report: &mut FindingReport) {
    let networks = draft.networks.iter().filter_map(|network| network.bridge.as_ref());
    let ends = draft.links.iter().flat_map(|link| &link.ends).filter_map(|end| end.bridge.as_ref());
    let exits = draft.exits.iter().filter_map(|exit| exit.bridge.as_ref());
    for bridge in networks.chain(ends).chain(exits).filter(|bridge| bridge.value == ANY_BRIDGE) {
        let message = format!("{} is every bridge that the file does not name", quote(ANY_BRIDGE));
        report.error(FindingCode::BadBridgeName, &bridge.span, message, "name one bridge");
    }
    let section = draft.bridges.iter().filter(|bridge| bridge.name.value == ANY_BRIDGE);
    for port in section.flat_map(|bridge| &bridge.ports) {
        let message = format!("{} is every bridge that the file does not name", quote(ANY_BRIDGE));
        report.error(FindingCode::BadPortName, &port.span, message, "give ports to bridges with a name");
    }
}

/// The use of a port.
#[derive(Clone, Copy)]
struct PortUse<'d> {
    what: NamedInText<'d>,
    /// True if the port belongs to the user only as the port that it forwards to.
    forwards: bool,
}

impl fmt::Display for PortUse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.what, if self.forwards { ", which forwards to it" } else { "" })
    }
}

/// The first use of each port, with its place.
struct PortUses<'d> {
    by_place: HashMap<(&'d str, &'d str), (PortUse<'d>, &'d Span)>,
    bridge_of: HashMap<&'d str, (&'d str, &'d Span)>,
    /// The names on one bridge that share their first bytes, by those bytes.
    by_cut: HashMap<(&'d str, &'d str), HashSet<&'d str>>,
}

impl<'d> PortUses<'d> {
    fn add(
        &mut self,
        bridge: Option<&'d str>,
        port: Option<&'d Spanned<String>>,
        user: PortUse<'d>,
        report: &mut FindingReport,
    ) {
        let Some(port) = port else { return };
        if !self.port_name(port, bridge, report) {
            return;
        }
        let Some(bridge) = bridge else { return };
        if let Some((first, span)) = self.by_place.get(&(bridge, &*port.value)) {
            let message = format!(
                "port {} of bridge {} is already used by {first} (line {})",
                quote(&port.value),
                quote(bridge),
                report.line(span),
            );
            report.error(FindingCode::PortUsedTwice, &port.span, message, "give each a port of its own");
            return;
        }
        self.by_place.insert((bridge, &port.value), (user, &port.span));
        self.on_one_bridge(bridge, port, report);
    }

    /// Declares a port that the file lists without a use; it may have one elsewhere.
    fn declare(&mut self, bridge: &'d str, port: &'d Spanned<String>, report: &mut FindingReport) {
        if self.port_name(port, Some(bridge), report) {
            self.on_one_bridge(bridge, port, report);
        }
    }

    /// Returns whether a port can have the name.
    fn port_name(&self, port: &Spanned<String>, bridge: Option<&str>, report: &mut FindingReport) -> bool {
        let name = &*port.value;
        let help = if bridge == Some(name) || (name != LOCAL && name.eq_ignore_ascii_case(LOCAL)) {
            "write \"LOCAL\" for the bridge's own port".to_owned()
        } else if is_reserved(name) {
            "name a real port: this word means something else in ovs-ofctl".to_owned()
        } else if !is_interface_name(name) {
            match self.by_cut.get(&(bridge.unwrap_or_default(), cut(name))).map(HashSet::len) {
                _ if name.len() <= LONGEST || !is_interface_name(cut(name)) => NAME_HELP.to_owned(),
                // A switch reports no more of a name (OpenFlow 1.3.5 §7.2.1,
                // OFP_MAX_PORT_NAME_LEN).
                None | Some(0 | 1) => {
                    format!("write the {LONGEST} bytes that a switch says of it: {:?}", cut(name))
                }
                Some(_) => format!(
                    "rename it: of several ports of the bridge a switch says the same {LONGEST} bytes, {:?}",
                    cut(name)
                ),
            }
        } else {
            return true;
        };
        report.error(
            FindingCode::BadPortName,
            &port.span,
            format!("{} cannot be the name of a port", quote(name)),
            help,
        );
        false
    }

    fn on_one_bridge(&mut self, bridge: &'d str, port: &'d Spanned<String>, report: &mut FindingReport) {
        if port.value == LOCAL {
            return;
        }
        let (first, span) = *self.bridge_of.entry(&port.value).or_insert((bridge, &port.span));
        if first != bridge {
            let message = format!(
                "port {} is on bridge {}, and on line {} on bridge {}",
                quote(&port.value),
                quote(bridge),
                report.line(span),
                quote(first),
            );
            report.warning(
                FindingCode::PortOnTwoBridges,
                &port.span,
                message,
                "in one Open vSwitch a port is on one bridge",
            );
        }
    }
}

/// Returns whether Linux and ovs-ofctl accept the text as an interface name.
pub(in crate::network) fn is_interface_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@' | b'+');
    // A number would be read as a port number, and `.` and `..` are no file names in sysfs.
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(plain)
        && !name.bytes().all(|b| b.is_ascii_digit())
        && !matches!(name, "." | "..")
}

pub(in crate::network) const NAME_HELP: &str =
    "use 1 to 15 ASCII letters, digits, `-`, `_`, `.`, `@` and `+`, not a number alone";

fn bridge_name(bridge: &Spanned<String>, report: &mut FindingReport) {
    if bridge.value == ANY_BRIDGE || is_datapath_id(&bridge.value) {
        return;
    }
    let reserved = bridge.value.eq_ignore_ascii_case(LOCAL) || is_reserved(&bridge.value);
    if reserved || !is_interface_name(&bridge.value) {
        let message = format!("{} cannot be the name of a bridge", quote(&bridge.value));
        let id = bridge.value.to_ascii_lowercase();
        let help = if is_datapath_id(&id) {
            format!("write the datapath id of a switch without a LOCAL port as {id:?}")
        } else {
            NAME_HELP.to_owned()
        };
        report.error(FindingCode::BadBridgeName, &bridge.span, message, help);
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved))
}
