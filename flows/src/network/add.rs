//! Adds one container to a network that was read, without reading it again: what [`load`](super::load()) would do with
//! it, at the cost of a look through the names.

use super::additions::Container;
use super::report::quote;
use super::{Allow, Attachment, Endpoint, MAX_ATTACHMENTS, NetworkFile, Place, Protocol};
use crate::finding::Finding;

impl NetworkFile {
    /// Adds a container: the file is then as if it had been read with that one as the last of its additions.
    ///
    /// # Errors
    ///
    /// Why it cannot be, and what to do; the file is as before then.
    pub fn add_container(&mut self, container: &Container) -> Result<(), Finding> {
        let Container { id, name, network, services } = container;
        let what = format!("container {} ({id})", quote(name));
        let Some(target) = self.network(network) else {
            let message = format!("{what} is to be on network {}, which there is not", quote(network));
            return Err(Finding::error("addition-unknown-network", None, message, "name another network"));
        };
        let Some(range) = &target.containers else {
            let message = format!("{what} is to be on network {}, which has no containers", quote(network));
            let help = format!("add [network.{network}.containers], or name another network");
            return Err(Finding::error("addition-unknown-network", target.span.clone(), message, help));
        };
        let wrong =
            |code, message: String, help: &str| Err(Finding::error(code, range.span.clone(), message, help));
        if !target.can_hold(*id) {
            let message = format!("{what} has no place among the numbers of network {}", quote(network));
            return wrong(
                "addition-out-of-range",
                message,
                "take a number of `ids` that gives an address of the subnets",
            );
        }
        if self.party(name).is_some() || self.overlays.iter().any(|overlay| overlay.name == *name) {
            return wrong("addition-name-taken", format!("the name of {what} is taken"), "take another one");
        }
        let plain = |text: &str| super::read::is_plain(text);
        if !plain(name) || services.iter().any(|service| !plain(&service.name)) {
            let message = format!("{what}, or a service of it, has a name that cannot be one");
            return wrong("bad-name", message, "use up to 64 ASCII letters, digits, `-`, `_` and `.`");
        }
        let (port, addresses) = (range.port_of(*id), range.addresses_of(*id));
        let plugs = || self.endpoints.iter().flat_map(|endpoint| &endpoint.attachments);
        let held = plugs().any(|plug| {
            let owns = |address| {
                plug.addresses.contains(address) || plug.behind.iter().any(|p| p.contains(*address))
            };
            addresses.iter().any(owns)
        });
        let hop = self.exits.iter().any(|exit| exit.next_hop.iter().any(|hop| addresses.contains(hop)));
        if held || hop || self.bridge_ports(&target.bridge).contains(&&*port) {
            let message = format!("the number of {what} is taken");
            return wrong("addition-number-taken", message, "take the next free one");
        }
        if plugs().count() >= MAX_ATTACHMENTS {
            return wrong("too-many", format!("there are {MAX_ATTACHMENTS} attachments"), "delete some");
        }
        let mut allows: Vec<Allow> = Vec::new();
        for service in services {
            if !matches!(service.protocol, Protocol::Tcp | Protocol::Udp | Protocol::Sctp)
                || service.port == 0
            {
                let message = format!("service {} of {what} has no port", quote(&service.name));
                return wrong(
                    "addition-service",
                    message,
                    "a service has TCP, UDP or SCTP and a port from 1",
                );
            }
            let rule = format!("container.{name}.{}", service.name);
            let names = self.allows.iter().chain(&allows).map(|allow| &allow.name);
            let names = names.chain(self.crossings.iter().map(|crossing| &crossing.name));
            let chains = self.allows.iter().filter_map(|allow| allow.chain.as_ref());
            if names
                .chain(self.nevers.iter().map(|never| &never.name))
                .chain(chains)
                .any(|other| *other == rule)
            {
                let message = format!("there already is a rule {}", quote(&rule));
                return wrong(
                    "duplicate-rule",
                    message,
                    "counters go by the names of rules: rename the service",
                );
            }
            if range.clients.is_empty() {
                continue;
            }
            allows.push(Allow {
                name: rule,
                from: range.clients.clone(),
                to: vec![name.clone()],
                protocol: service.protocol,
                ports: vec![service.port],
                purpose: format!("{} of container {name}", service.name),
                limit: None,
                temp: None,
                via: None,
                returns: None,
                place: Place::Switch,
                chain: None,
                span: range.span.clone(),
            });
        }
        let span = range.span.clone();
        let attachment = Attachment {
            network: network.clone(),
            port,
            addresses,
            behind: Vec::new(),
            leased: false,
            mac: None,
            span: span.clone(),
        };
        self.endpoints.push(Endpoint { name: name.clone(), attachments: vec![attachment], span });
        self.allows.extend(allows);
        Ok(())
    }
}
