//! Adds containers to a resolved file and removes them, without reading the text again.

use std::net::IpAddr;

use super::{Allow, Attachment, Container, Endpoint, EnforcementPoint, Inside, NetworkFile, Party};

/// The reason why a container cannot be added to a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainError {
    /// The file has no such network.
    #[error("the file has no network {0:?}")]
    NoNetwork(String),
    /// The network has no place for containers.
    #[error("the network {0:?} has no `containers` range")]
    NoRange(String),
    /// The number is outside the range.
    #[error("{id} is not among the ids {} to {} of the network {network:?}", range.0, range.1)]
    OutOfRange {
        /// The number.
        id: u32,
        /// The first and the last of the range.
        range: (u32, u32),
        /// The network.
        network: String,
    },
    /// Another item has the name.
    #[error("{0:?} is the name of something else in the file")]
    NameTaken(String),
    /// Another item has the port.
    #[error("the port {port:?} of bridge {bridge:?} is something else's")]
    PortTaken {
        /// The port.
        port: String,
        /// The bridge.
        bridge: String,
    },
    /// Another party has the address.
    #[error("the address {0} is somebody else's")]
    AddressTaken(IpAddr),
    /// Another party on the bridge has the MAC.
    #[error("its MAC is somebody else's on the bridge {0:?}")]
    MacTaken(String),
    /// The range gives no address for this number.
    #[error("{0} is no address of the network")]
    NoAddress(String),
    /// A `never` of the file forbids the container's clients to reach its services.
    #[error("the never {never:?} says that {from} reaches nothing of the network {network:?}")]
    Never {
        /// The never.
        never: String,
        /// The party that must not reach them.
        from: String,
        /// The network.
        network: String,
    },
    /// A `confine` of the file leaves no way between the container and one of its clients.
    #[error("the confine {confine:?} leaves no way between {party} and the network {network:?}")]
    Confine {
        /// The confine.
        confine: String,
        /// The client.
        party: String,
        /// The network.
        network: String,
    },
    /// The file has errors with the container.
    #[error("with it the file has errors: {0}")]
    Refused(String),
}

/// Returns the name of the rule that lets the clients of a range open connections to a service.
pub fn service_rule(container: &str, service: &str) -> String {
    format!("container.{container}.{service}")
}

impl Container {
    /// Returns the endpoint and the rules of a container.
    ///
    /// # Errors
    /// When the network has no place for it.
    pub fn parts(&self, file: &NetworkFile) -> Result<(Endpoint, Vec<Allow>), ContainError> {
        let network =
            file.network(&self.network).ok_or_else(|| ContainError::NoNetwork(self.network.clone()))?;
        let range = network.containers.as_ref().ok_or_else(|| ContainError::NoRange(self.network.clone()))?;
        if self.id < range.ids.0 || self.id > range.ids.1 {
            let (id, range) = (self.id, range.ids);
            return Err(ContainError::OutOfRange { id, range, network: self.network.clone() });
        }
        let addresses = range.addresses_of(self.id);
        let inside = |a: &IpAddr| network.subnets.iter().any(|subnet| subnet.contains(*a));
        if let Some(outside) = addresses.iter().find(|a| !inside(a)) {
            return Err(ContainError::NoAddress(outside.to_string()));
        }
        if addresses.len() < range.addresses.len() {
            return Err(ContainError::NoAddress(format!("one that {} makes", self.id)));
        }
        if !network.can_hold(self.id) {
            let text: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
            return Err(ContainError::NoAddress(text.join(" or ")));
        }
        let attachment = Attachment {
            network: self.network.clone(),
            port: range.port_of(self.id),
            addresses,
            shared: Vec::new(),
            behind: Vec::new(),
            leased: false,
            mac: self.mac,
            router: false,
            link_local: None,
            span: range.span.clone(),
        };
        let allow = |service: &super::Service| Allow {
            name: service_rule(&self.name, &service.name),
            from: range.clients.clone(),
            to: vec![self.name.clone()],
            protocol: service.protocol,
            ports: vec![service.port],
            purpose: format!("{} of container {}", service.name, self.name),
            limit: None,
            temp: None,
            via: None,
            returns: None,
            place: EnforcementPoint::Switch,
            chain: None,
            span: range.span.clone(),
        };
        let allows =
            if range.clients.is_empty() { Vec::new() } else { self.services.iter().map(allow).collect() };
        let endpoint =
            Endpoint { name: self.name.clone(), attachments: vec![attachment], span: range.span.clone() };
        Ok((endpoint, allows))
    }
}

impl NetworkFile {
    /// Returns whether a party on the bridge has that MAC pinned.
    pub fn has_mac(&self, bridge: &str, mac: [u8; 6]) -> bool {
        let on = |network: &str| self.network(network).is_some_and(|network| network.bridge == bridge);
        let plugs = self.endpoints.iter().flat_map(|endpoint| &endpoint.attachments);
        plugs.filter(|plug| plug.mac == Some(mac)).any(|plug| on(&plug.network))
    }

    /// Returns whether an item of the file has that name, or flows are counted under it, so that a
    /// container cannot have it.
    pub fn has_name(&self, name: &str) -> bool {
        crate::network::names::built_in::NAMES.contains(&name)
            || self.party(name).is_some()
            || self.overlays.iter().any(|overlay| overlay.name == name)
            || self.outsides.iter().any(|outside| outside.name == name)
    }

    /// Adds a container to the file: an endpoint, and a rule for each of its services.
    ///
    /// # Errors
    /// When there is no place for it. The file is unchanged then.
    pub fn put(&mut self, container: &Container) -> Result<(), ContainError> {
        if self.has_name(&container.name) {
            return Err(ContainError::NameTaken(container.name.clone()));
        }
        let (endpoint, allows) = container.parts(self)?;
        self.keeps_nevers(container, !allows.is_empty())?;
        self.keeps_confines(container, !allows.is_empty())?;
        for attachment in &endpoint.attachments {
            let bridge = self.network(&attachment.network).map(|n| n.bridge.as_str()).unwrap_or_default();
            if self.bridge_ports(bridge).contains(&attachment.port.as_str()) {
                let (port, bridge) = (attachment.port.clone(), bridge.to_owned());
                return Err(ContainError::PortTaken { port, bridge });
            }
            if attachment.mac.is_some_and(|mac| self.has_mac(bridge, mac)) {
                return Err(ContainError::MacTaken(bridge.to_owned()));
            }
            let others = || self.endpoints.iter().flat_map(|e| &e.attachments);
            let owned =
                |a: &&IpAddr| others().any(|o| o.has(**a) || o.behind.iter().any(|p| p.contains(**a)));
            let hop = |a: &&IpAddr| self.exits.iter().any(|exit| exit.next_hop.contains(a));
            if let Some(taken) = attachment.addresses.iter().find(|a| owned(a) || hop(a)) {
                return Err(ContainError::AddressTaken(*taken));
            }
        }
        self.endpoints.push(endpoint);
        self.allows.extend(allows);
        Ok(())
    }

    /// Checks that every `never` still holds with a container. Its clients are on its network, so
    /// only the `never` statements about parties of that network matter.
    fn keeps_nevers(&self, container: &Container, served: bool) -> Result<(), ContainError> {
        let Some(network) = self.network(&container.network) else { return Ok(()) };
        let name = &network.name;
        let none = Vec::new();
        let clients = network.containers.as_ref().filter(|_| served).map_or(&none, |range| &range.clients);
        let free = network.inside == Inside::Allow;
        let member = |who: &String| {
            let mut endpoints = self.endpoints.iter().filter(|e| e.name == *who);
            endpoints.any(|e| e.attachments.iter().any(|a| a.network == *name))
        };
        let may = |who: &&String| {
            let all = free || clients.contains(name);
            (*who == name && (free || !clients.is_empty())) || clients.contains(who) || (all && member(who))
        };
        for never in self.nevers.iter().filter(|never| never.to.contains(name)) {
            if let Some(from) = never.from.iter().find(may) {
                let (never, from, network) = (never.name.clone(), from.clone(), name.clone());
                return Err(ContainError::Never { never, from, network });
            }
        }
        Ok(())
    }

    /// Checks that every `confine` still holds with a container, which is a party of it by its
    /// network alone. Its clients may send to it, and it answers them.
    fn keeps_confines(&self, container: &Container, served: bool) -> Result<(), ContainError> {
        let Some(network) = self.network(&container.network) else { return Ok(()) };
        let name = &network.name;
        let clients = network.containers.iter().filter(|_| served).flat_map(|range| &range.clients);
        let mut reached: Vec<&str> = clients.map(String::as_str).filter(|client| client != name).collect();
        let all = network.containers.as_ref().is_some_and(|range| served && range.clients.contains(name));
        if all || network.inside == Inside::Allow {
            let on = |endpoint: &&Endpoint| endpoint.attachments.iter().any(|a| a.network == *name);
            reached.extend(self.endpoints.iter().filter(on).map(|endpoint| &*endpoint.name));
        }
        let stands_in = |who: &str, list: &[String]| {
            let named = |name: &str| list.iter().any(|other| other == name);
            named(who)
                || match self.party(who) {
                    Some(party @ (Party::Endpoint(_) | Party::Link(_))) => {
                        party.networks().into_iter().any(named)
                    }
                    Some(Party::Outside(_, exit)) => named(&exit.name),
                    Some(Party::Network(_) | Party::Exit(_)) | None => false,
                }
        };
        for confine in &self.confines {
            let breaks = |who: &&&str| match (confine.from.contains(name), confine.to.contains(name)) {
                (true, _) => !stands_in(who, &confine.from) && !stands_in(who, &confine.to),
                (false, false) => stands_in(who, &confine.from),
                (false, true) => false,
            };
            if let Some(party) = reached.iter().find(breaks) {
                let (confine, party) = (confine.name.clone(), (*party).to_owned());
                return Err(ContainError::Confine { confine, party, network: name.clone() });
            }
        }
        Ok(())
    }

    /// Removes a container. Returns whether it was present.
    pub fn take(&mut self, container: &Container) -> bool {
        let before = self.endpoints.len();
        self.endpoints.retain(|e| e.name != container.name);
        let rules: Vec<String> =
            container.services.iter().map(|s| service_rule(&container.name, &s.name)).collect();
        self.allows.retain(|a| !rules.contains(&a.name));
        self.endpoints.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Protocol, Service};

    fn file() -> NetworkFile {
        let text = r#"
            [network.privacy]
            bridge = "vmbr0"
            subnets = ["10.0.0.0/24"]
            [network.privacy.containers]
            ids = "100-199"
            port = "veth{id}"
            addresses = ["10.0.0.{id}"]
            clients = ["gateway"]
            [endpoint.gateway]
            attach = [{ network = "privacy", port = "veth100", addresses = ["10.0.0.100", "10.0.0.102"] }]
        "#;
        crate::network::parse(text, "test.toml").unwrap().0
    }

    fn container(id: u32) -> Container {
        let service = |name: &str, port| Service { name: name.to_owned(), protocol: Protocol::Tcp, port };
        Container {
            id,
            name: "tor".to_owned(),
            network: "privacy".to_owned(),
            mac: Some([2, 0, 0, 0, 1, u8::try_from(id).unwrap()]),
            services: vec![service("relay", 9001), service("directory", 9030)],
        }
    }

    #[test]
    fn what_is_put_in_can_be_taken_out() {
        let mut file = file();
        let before = file.clone();
        file.put(&container(101)).unwrap();
        let tor = file.endpoints.last().unwrap();
        assert_eq!((tor.name.as_str(), tor.attachments[0].port.as_str()), ("tor", "veth101"));
        assert_eq!(tor.attachments[0].addresses, ["10.0.0.101".parse::<IpAddr>().unwrap()]);
        let rules: Vec<_> = file.allows.iter().map(|a| (a.name.as_str(), a.ports.as_slice())).collect();
        assert_eq!(rules, [("container.tor.relay", &[9001][..]), ("container.tor.directory", &[9030])]);
        assert!(file.allows.iter().all(|a| a.from == ["gateway"] && a.to == ["tor"]));
        assert_eq!(file.put(&container(103)), Err(ContainError::NameTaken("tor".to_owned())));
        assert!(file.take(&container(101)));
        assert_eq!(file, before);
        assert!(!file.take(&container(101)));
    }

    #[test]
    fn what_has_no_place_changes_nothing() {
        let mut file = file();
        let before = file.clone();
        let mut put = |change: &dyn Fn(&mut Container)| {
            let mut container = container(101);
            change(&mut container);
            file.put(&container).unwrap_err().to_string()
        };
        assert_eq!(put(&|c| c.network = "privat".to_owned()), "the file has no network \"privat\"");
        assert_eq!(put(&|c| c.id = 99), "99 is not among the ids 100 to 199 of the network \"privacy\"");
        assert_eq!(put(&|c| c.id = 100), "the port \"veth100\" of bridge \"vmbr0\" is something else's");
        assert_eq!(put(&|c| c.id = 102), "the address 10.0.0.102 is somebody else's");
        assert_eq!(
            put(&|c| c.name = "privacy".to_owned()),
            "\"privacy\" is the name of something else in the file"
        );
        assert_eq!(file, before);
    }

    /// Returns the content of a file, without the places in the text.
    fn said(file: &NetworkFile) -> String {
        let text = format!("{file:?}");
        let mut parts = text.split("span: ");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |said, part| {
            said + part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
        })
    }

    #[test]
    fn a_text_that_is_read_with_containers_means_the_same() {
        let text = r#"
            [network.privacy]
            bridge = "vmbr0"
            subnets = ["10.0.0.0/24", "fd00::/64"]
            [network.privacy.containers]
            ids = "100-199"
            port = "veth{id}"
            addresses = ["10.0.0.{id}", "fd00::{id}"]
            clients = ["gateway", "privacy"]
            [endpoint.gateway]
            attach = [{ network = "privacy", port = "veth100", addresses = ["10.0.0.100"] }]
        "#;
        let load = |containers| {
            let additions = crate::network::Additions { instances: Vec::new(), containers };
            crate::network::load("test.toml", &mut |_| Ok(text.to_owned()), &additions).unwrap().file
        };
        let read = load(vec![container(101), Container { name: "web".to_owned(), ..container(102) }]);
        let mut put = load(Vec::new());
        put.put(&container(101)).unwrap();
        put.put(&Container { name: "web".to_owned(), ..container(102) }).unwrap();
        assert_eq!(said(&put), said(&read));
        assert_ne!(said(&put), said(&load(vec![container(101)])));
    }

    #[test]
    fn what_a_never_says_of_its_clients_is_kept() {
        let never = |from: &str, to: &str| crate::network::Never {
            name: "quiet".to_owned(),
            from: vec![from.to_owned()],
            to: vec![to.to_owned()],
            except: Vec::new(),
            on_violation: crate::network::ViolationResponse::default(),
            span: 0..0,
        };
        let put = |change: &dyn Fn(&mut NetworkFile)| {
            let mut file = file();
            change(&mut file);
            file.put(&container(101)).map_err(|e| e.to_string())
        };
        let said = "the never \"quiet\" says that gateway reaches nothing of the network \"privacy\"";
        assert_eq!(put(&|f| f.nevers.push(never("gateway", "privacy"))), Err(said.to_owned()));
        assert!(put(&|f| f.nevers.push(never("privacy", "privacy"))).is_err());
        assert_eq!(put(&|f| f.nevers.push(never("other", "privacy"))), Ok(()), "no client");
        assert_eq!(put(&|f| f.nevers.push(never("gateway", "other"))), Ok(()), "not this network");
        let unserved = |f: &mut NetworkFile| {
            f.networks[0].containers.as_mut().unwrap().clients.clear();
            f.nevers.push(never("gateway", "privacy"));
        };
        assert_eq!(put(&unserved), Ok(()), "nobody reaches it");
        assert!(
            put(&|f| {
                unserved(f);
                f.networks[0].inside = Inside::Allow;
            })
            .is_err(),
            "all members do"
        );
    }

    #[test]
    fn without_clients_there_are_no_rules() {
        let mut file = file();
        file.networks[0].containers.as_mut().unwrap().clients.clear();
        file.put(&container(101)).unwrap();
        assert!(file.allows.is_empty());
        file.networks[0].containers = None;
        assert_eq!(container(102).parts(&file), Err(ContainError::NoRange("privacy".to_owned())));
    }

    #[test]
    fn what_a_confine_says_of_its_clients_is_kept() {
        let put = |clients: &str, inside: &str, from: &str, to: &str| {
            let text = format!(
                r#"
                [network.privacy]
                bridge = "vmbr0"
                subnets = ["10.0.0.0/24"]
                inside = "{inside}"
                containers = {{ ids = "100-199", port = "v{{id}}", addresses = ["10.0.0.{{id}}"], clients = [{clients}] }}
                [endpoint.gateway]
                attach = [{{ network = "privacy", port = "gateway", addresses = ["10.0.0.10"] }}]
                [link.mesh]
                ends = [
                  {{ network = "privacy", port = "mesh", behind = ["10.0.0.64/26"] }},
                  {{ bridge = "vmbr1", port = "far" }},
                ]
                [exit.warp]
                network = "privacy"
                port = "warp0"
                [outside.web]
                exit = "warp"
                [[confine]]
                name = "quiet"
                from = {from}
                to = {to}
                "#
            );
            let mut file = crate::network::parse(&text, "test.toml").unwrap().0;
            file.put(&container(101)).map_err(|error| error.to_string())
        };
        let refused = |who: &str| {
            Err(format!("the confine \"quiet\" leaves no way between {who} and the network \"privacy\""))
        };
        let gateway = "\"gateway\"";
        // The sender is confined, and the container is no way out.
        assert_eq!(put(gateway, "deny", gateway, "\"warp\""), refused("gateway"));
        assert_eq!(put(gateway, "deny", gateway, "\"privacy\""), Ok(()));
        assert_eq!(put("\"mesh\"", "deny", gateway, "\"warp\""), Ok(()), "no client");
        assert_eq!(put("", "deny", gateway, "\"warp\""), Ok(()), "nobody reaches it");
        assert_eq!(put("", "allow", gateway, "\"warp\""), refused("gateway"));
        assert_eq!(put("\"privacy\"", "deny", gateway, "\"warp\""), refused("gateway"));
        assert_eq!(put("\"web\"", "deny", "\"warp\"", gateway), refused("web"));
        // The container is confined, and answers its clients.
        assert_eq!(put("\"gateway\", \"mesh\"", "allow", "\"privacy\"", "\"warp\""), Ok(()));
        assert_eq!(put("\"warp\", \"web\"", "deny", "\"privacy\"", "\"warp\""), Ok(()));
        assert_eq!(put("\"warp\"", "deny", "[\"privacy\", \"warp\"]", gateway), Ok(()));
        assert_eq!(put("\"warp\"", "deny", "\"privacy\"", "\"mesh\""), refused("warp"));
        assert_eq!(put("\"web\"", "deny", "\"privacy\"", "\"mesh\""), refused("web"));
    }
}
