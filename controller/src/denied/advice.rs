//! Finds both ends of a denied packet, and a rule that would allow it.

use std::net::IpAddr;

use flows::compile::Reason;
use flows::network::{
    Allow, Attachment, LinkEnd, LinkRole, NetworkFile, Party, Protocol as Allowed, proposal_text, propose,
};
use ofproto::PortNo;

use super::sample::{Protocol, Sample};

/// The advice about a denied packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Text to add to the network file (TOML).
    Add(String),
    /// No rule would help; with the reason.
    Nothing(String),
}

/// Both ends of a denied packet, as far as the file knows them.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeniedEnds<'f> {
    pub(super) from: Option<Party<'f>>,
    pub(super) to: Option<Party<'f>>,
}

impl<'f> DeniedEnds<'f> {
    /// Finds the party at the port, and the owner of the address.
    pub(super) fn of(file: &'f NetworkFile, bridge: &str, sample: &Sample) -> Self {
        let from = sender(file, bridge, sample);
        let to = sample.seen.to.and_then(|to| receiver(file, bridge, from, to));
        Self { from, to }
    }

    /// Returns whether both ends are on one network.
    fn shared(&self) -> bool {
        let (Some(from), Some(to)) = (self.from, self.to) else { return false };
        let on = to.networks();
        from.networks().iter().any(|network| on.contains(network))
    }
}

fn owns(plug: &Attachment, address: IpAddr) -> bool {
    plug.addresses.contains(&address) || plug.behind.iter().any(|prefix| prefix.contains(address))
}

fn sender<'f>(file: &'f NetworkFile, bridge: &str, sample: &Sample) -> Option<Party<'f>> {
    let here = |port: &str| port == sample.port_name || port == "LOCAL" && sample.in_port == PortNo::LOCAL;
    let from = sample.seen.from;
    let mut plugs: Vec<_> = file.attachments_on(bridge).filter(|(_, plug)| here(&plug.port)).collect();
    // Several parties may share a port: the owner of the address goes first.
    plugs.sort_by_key(|(_, plug)| !from.is_some_and(|from| owns(plug, from)));
    if let Some((endpoint, _)) = plugs.first() {
        return Some(Party::Endpoint(endpoint));
    }
    if let Some((link, _)) = file.link_ends_on(bridge).find(|(_, end)| here(&end.port)) {
        return Some(Party::Link(link));
    }
    let exit = file.exits_on(bridge).find(|exit| here(&exit.port))?;
    let mut outsides = file.outsides.iter().filter(|outside| outside.exit == exit.name);
    let outside =
        outsides.find(|o| from.is_some_and(|from| o.addresses.iter().any(|prefix| prefix.contains(from))));
    Some(outside.map_or(Party::Exit(exit), |outside| Party::Outside(outside, exit)))
}

fn receiver<'f>(
    file: &'f NetworkFile,
    bridge: &str,
    from: Option<Party<'f>>,
    to: IpAddr,
) -> Option<Party<'f>> {
    let mine = from.map(Party::networks).unwrap_or_default();
    let mut plugs: Vec<_> = file
        .endpoints
        .iter()
        .flat_map(|endpoint| endpoint.attachments.iter().map(move |plug| (endpoint, plug)))
        .filter(|(_, plug)| owns(plug, to))
        .collect();
    plugs.sort_by_key(|(_, plug)| !mine.contains(&&*plug.network));
    if let Some((endpoint, _)) = plugs.first() {
        return Some(Party::Endpoint(endpoint));
    }
    let behind = |end: &LinkEnd| match &end.role {
        LinkRole::Network { behind, .. } => behind.iter().any(|prefix| prefix.contains(to)),
        _ => false,
    };
    if let Some((link, _)) = file.link_ends_on(bridge).find(|(_, end)| behind(end)) {
        return Some(Party::Link(link));
    }
    if let Some(exit) = file.exits.iter().find(|exit| exit.next_hop.contains(&to)) {
        return Some(Party::Exit(exit));
    }
    if let Some(network) = file.networks.iter().find(|n| n.subnets.iter().any(|s| s.contains(to))) {
        return Some(Party::Network(network));
    }
    let exits =
        || file.exits_on(bridge).filter(|exit| exit.network.as_deref().is_some_and(|n| mine.contains(&n)));
    let named = exits().find_map(|exit| {
        let mut outsides = file.outsides.iter().filter(|outside| outside.exit == exit.name);
        let outside = outsides.find(|o| o.addresses.iter().any(|prefix| prefix.contains(to)))?;
        Some(Party::Outside(outside, exit))
    });
    named.or_else(|| exits().next().map(Party::Exit))
}

/// Returns the advice about a denied packet.
pub(super) fn advise(file: &NetworkFile, ends: &DeniedEnds<'_>, sample: &Sample) -> Advice {
    let nothing = |why: &str| Advice::Nothing(why.to_owned());
    // An unknown sender is reported before any other fault.
    if ends.from.is_none() {
        let port = &sample.port_name;
        return Advice::Nothing(format!("the file knows no port {port}: attach an endpoint to it"));
    }
    match sample.origin.reason {
        Some(Reason::Spoofed) => return nothing("the address is not the sender's own: no rule allows that"),
        Some(Reason::NotLeased) => {
            return nothing(
                "its address is another port's, or none that the sender got: by DHCP, or over IPv6 from a router's advertisement",
            );
        }
        Some(Reason::NotHolder) => {
            return nothing(
                "another holder has the shared address: announce it by gratuitous ARP or by an NA",
            );
        }
        Some(Reason::Rogue) => {
            return nothing("it answers for a router or a DHCP server that it is not: no rule allows that");
        }
        Some(Reason::Tagged) => {
            return nothing("a frame with a tag that its network does not have: see `vlan`");
        }
        Some(Reason::NotJoined) => {
            return nothing("it only asks for an address: any rule between the two lets it be answered");
        }
        _ => {}
    }
    let (Some(from), Some(to)) = (ends.from, ends.to) else {
        return nothing("the file does not know both ends: no rule can name them");
    };
    if !ends.shared() {
        return Advice::Nothing(format!(
            "{} and {} are on no network together: only a [[crossing]], with who approved it, joins them",
            from.name(),
            to.name()
        ));
    }
    if let Party::Network(network) = to {
        return Advice::Nothing(format!("nobody in network {} has this address", network.name));
    }
    if from.name() == to.name() {
        return nothing("it is for whoever sent it");
    }
    if !sample.seen.opens {
        return nothing("it opens no connection: an answer is let through by the rule of who asked");
    }
    let protocol = match sample.seen.protocol {
        Protocol::Tcp => Allowed::Tcp,
        Protocol::Udp => Allowed::Udp,
        Protocol::Sctp => Allowed::Sctp,
        Protocol::Icmp => Allowed::Icmp,
        Protocol::Dhcp => Allowed::Dhcp,
        _ => {
            return nothing(
                "a rule names tcp, udp, sctp, icmp echo or dhcp, or all of IP: this one alone none",
            );
        }
    };
    let port = sample.seen.port.filter(|_| !matches!(protocol, Allowed::Dhcp | Allowed::Icmp));
    if port.is_none() && !matches!(protocol, Allowed::Dhcp | Allowed::Icmp) {
        return nothing("a later fragment: it says not which port it is for");
    }
    if let Some((rule, window)) = closed(file, from.name(), to.name(), protocol, port) {
        return Advice::Nothing(format!("rule {rule} allows it while window {window} is open"));
    }
    Advice::Add(proposal_text(&propose(file, from.name(), to.name(), protocol, port)))
}

/// Returns a rule that allows the packet while a window is open, with the window.
fn closed<'f>(
    file: &'f NetworkFile,
    from: &str,
    to: &str,
    protocol: Allowed,
    port: Option<u16>,
) -> Option<(&'f str, &'f str)> {
    let fits = |allow: &&Allow| {
        allow.from.iter().any(|name| name == from)
            && allow.to.iter().any(|name| name == to)
            && (allow.protocol == protocol || allow.protocol == Allowed::Any)
            && (allow.ports.is_empty() || port.is_some_and(|port| allow.ports.contains(&port)))
    };
    let allow = file.allows.iter().filter(|allow| allow.temp.is_some()).find(fits)?;
    Some((&allow.name, allow.temp.as_deref()?))
}
