//! What a lab is made of: a pure function of the network file.
//!
//! Every decision about names, MACs, addresses and routes is made here; `up` only carries it out.

use std::collections::BTreeSet;
use std::net::IpAddr;

use flows::network::{Exit, LinkEnd, LinkRole, Network, NetworkFile};
use ipnetwork::IpNetwork;

use super::addressing::{self, Addresses};

/// The key of the lab's own host namespace, where Open vSwitch and the controller run.
pub const HOST: &str = "";
/// The namespace behind the exits.
pub const INTERNET: &str = "internet";

/// Everything that a lab is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabPlan {
    /// The bridges with their ports.
    pub bridges: Vec<PlannedBridge>,
    /// The namespaces, the lab's host first.
    pub namespaces: Vec<PlannedNamespace>,
    /// The veth pairs.
    pub cables: Vec<Cable>,
    /// Where traffic can be sent from and looked for.
    pub places: Vec<Place>,
    /// What a person should know about this plan: things of the file that the lab cannot wire.
    pub remarks: Vec<String>,
}

/// A bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedBridge {
    /// Its name.
    pub name: String,
    /// The MAC of its internal port, and so its datapath id.
    pub mac: [u8; 6],
    /// Its ports in the order of their numbers, from 1.
    pub ports: Vec<String>,
}

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlannedNamespace {
    /// Its key: [`HOST`] or the part of its name after the lab's id.
    pub key: String,
    /// Whether it routes between its devices.
    pub forwards: bool,
    /// The addresses of its devices (`lo` among them).
    pub addresses: Vec<(String, IpNetwork)>,
    /// Its routes, by way of a neighbour.
    pub routes: Vec<(IpNetwork, IpAddr)>,
}

/// A veth pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Cable {
    /// One end; that of a bridge port is always this one, and in the lab's host.
    pub a: CableEnd,
    /// The other.
    pub b: CableEnd,
}

/// An end of a veth pair.
#[derive(Debug, Clone, PartialEq)]
pub struct CableEnd {
    /// The key of the namespace.
    pub namespace: String,
    /// The device's name there.
    pub device: String,
    /// Its MAC.
    pub mac: [u8; 6],
}

/// Something plugged into a bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its name in tables and for [`exec`](super::Lab::exec): that of the endpoint or exit, or of the port
    /// behind a link; `name@network` for the further attachments of a multi-homed endpoint.
    pub name: String,
    /// What of the network file it is.
    pub subject: Subject,
    /// The network it is on, where it is on one.
    pub network: Option<String>,
    /// The bridge.
    pub bridge: String,
    /// The bridge's port (the bridge's name for `LOCAL`).
    pub port: String,
    /// The device in the lab's host by which its frames come to the bridge of its network: its port, or the
    /// network's end of the link that it is behind.
    pub entry: String,
    /// The key of the namespace it lives in.
    pub namespace: String,
    /// Its device there.
    pub device: String,
    /// The device's MAC.
    pub mac: [u8; 6],
    /// Its addresses in the network's subnets.
    pub addresses: Vec<IpNetwork>,
    /// Further addresses that it may send from, one of each prefix behind it.
    pub behind: Vec<IpAddr>,
}

/// What of the network file a place stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The endpoint of that name.
    Endpoint(String),
    /// Another node behind the link of that name.
    Link(String),
    /// What is behind the exit of that name.
    Exit(String),
    /// A port that the file only declares.
    Declared,
}

impl Place {
    /// Its address of the same family as `other`.
    pub fn address_like(&self, other: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().map(IpNetwork::ip).find(|a| a.is_ipv4() == other.is_ipv4())
    }
}

/// A locally administered MAC, the same for the same number in every lab.
pub(crate) fn mac(kind: u8, number: usize) -> [u8; 6] {
    let [.., high, low] = number.to_be_bytes();
    [0x02, 0x50, 0x43, kind, high, low]
}

const MAC_BRIDGE: u8 = 0;
const MAC_PORT: u8 = 1;
const MAC_PLACE: u8 = 2;
const MAC_OUTSIDE: u8 = 3;
pub(crate) const MAC_WIRE: u8 = 4;

/// A name as namespaces and files take it.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.@".contains(c) { c } else { '-' }).collect()
}

impl LabPlan {
    /// The plan for a network file.
    pub fn new(file: &NetworkFile) -> Self {
        let mut plan = Self::default();
        plan.namespaces.push(PlannedNamespace { key: HOST.to_owned(), ..Default::default() });
        for (number, bridge) in file.bridges.iter().enumerate() {
            plan.bridges.push(PlannedBridge {
                name: bridge.name.clone(),
                mac: mac(MAC_BRIDGE, number + 1),
                ports: Vec::new(),
            });
        }
        let mut addresses = Addresses::of(file);
        plan.endpoints(file);
        plan.exits(file);
        plan.links(file, &mut addresses);
        plan.declared(file);
        plan
    }

    /// The place of that name.
    pub fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|p| p.name == name)
    }

    /// The namespace that a name stands for: that of a place, else the one with that key.
    pub fn namespace_of(&self, name: &str) -> Option<&str> {
        if let Some(place) = self.place(name) {
            return Some(&place.namespace);
        }
        self.namespaces.iter().map(|n| n.key.as_str()).find(|k| *k == name)
    }

    pub(super) fn namespace(&mut self, key: &str) -> Option<&mut PlannedNamespace> {
        self.namespaces.iter_mut().find(|n| n.key == key)
    }

    /// A namespace of that name, or with a number behind it where the name is taken.
    pub(super) fn new_namespace(&mut self, name: &str) -> String {
        let name = plain(name);
        let taken = |key: &str| self.namespaces.iter().any(|n| n.key == key);
        let mut key = name.clone();
        let mut number = 2;
        while taken(&key) {
            key = format!("{name}-{number}");
            number += 1;
        }
        self.namespaces.push(PlannedNamespace { key: key.clone(), ..Default::default() });
        key
    }

    fn has_port(&self, bridge: &str, port: &str) -> bool {
        bridge == port || self.bridges.iter().any(|b| b.name == bridge && b.ports.iter().any(|p| p == port))
    }

    fn add_port(&mut self, bridge: &str, port: &str) {
        if !self.has_port(bridge, port)
            && let Some(bridge) = self.bridges.iter_mut().find(|b| b.name == bridge)
        {
            bridge.ports.push(port.to_owned());
        }
    }

    /// A port of a bridge whose other end is a new device in `namespace`. Returns the device's name and MAC.
    pub(super) fn plug(
        &mut self,
        bridge: &str,
        port: &str,
        namespace: &str,
        pinned: Option<[u8; 6]>,
    ) -> (String, [u8; 6]) {
        self.add_port(bridge, port);
        let number = self.cables.len() + 1;
        let used = self.cables.iter().filter(|c| c.b.namespace == namespace).count();
        let device = format!("eth{used}");
        let mac_b = pinned.unwrap_or_else(|| mac(MAC_PLACE, number));
        self.cables.push(Cable {
            a: CableEnd { namespace: HOST.to_owned(), device: port.to_owned(), mac: mac(MAC_PORT, number) },
            b: CableEnd { namespace: namespace.to_owned(), device: device.clone(), mac: mac_b },
        });
        (device, mac_b)
    }

    pub(super) fn address(&mut self, namespace: &str, device: &str, address: IpNetwork) {
        if let Some(ns) = self.namespace(namespace) {
            ns.addresses.push((device.to_owned(), address));
        }
    }

    pub(super) fn route(&mut self, namespace: &str, to: IpNetwork, via: IpAddr) {
        if let Some(ns) = self.namespace(namespace) {
            // Two networks with an exit on one multi-homed endpoint: the first has the default route.
            if !ns.routes.iter().any(|(t, _)| *t == to) {
                ns.routes.push((to, via));
            }
        }
    }

    /// Default routes by way of the network's exits.
    fn default_routes(&mut self, namespace: &str, network: &str, exits: &[Exit]) {
        for exit in exits.iter().filter(|e| e.network.as_deref() == Some(network)) {
            for via in &exit.next_hop {
                self.route(namespace, addressing::everything(*via), *via);
            }
        }
    }

    fn endpoints(&mut self, file: &NetworkFile) {
        for endpoint in &file.endpoints {
            let mut own: Option<String> = None;
            for (number, attachment) in endpoint.attachments.iter().enumerate() {
                let Some(network) = file.network(&attachment.network) else { continue };
                let name = match number {
                    0 => endpoint.name.clone(),
                    _ => format!("{}@{}", endpoint.name, attachment.network),
                };
                let local = attachment.port == "LOCAL" || attachment.port == network.bridge;
                let (namespace, port, device, mac) = if local {
                    let Some(bridge) = self.bridges.iter_mut().find(|b| b.name == network.bridge) else {
                        continue;
                    };
                    if let Some(pinned) = attachment.mac {
                        bridge.mac = pinned;
                    }
                    (HOST.to_owned(), bridge.name.clone(), bridge.name.clone(), bridge.mac)
                } else {
                    let namespace = match &own {
                        Some(key) => key.clone(),
                        None => self.new_namespace(&endpoint.name),
                    };
                    own = Some(namespace.clone());
                    let port = attachment.port.clone();
                    let (device, mac) = self.plug(&network.bridge, &port, &namespace, attachment.mac);
                    (namespace, port, device, mac)
                };
                let addresses: Vec<_> =
                    attachment.addresses.iter().map(|a| addressing::in_subnet(network, *a)).collect();
                for address in &addresses {
                    self.address(&namespace, &device, *address);
                }
                let behind: Vec<_> =
                    attachment.behind.iter().filter_map(|p| addressing::nth(*p, 2)).collect();
                for address in &behind {
                    self.address(&namespace, "lo", IpNetwork::from(*address));
                }
                if !local {
                    self.default_routes(&namespace, &network.name, &file.exits);
                }
                self.places.push(Place {
                    name,
                    subject: Subject::Endpoint(endpoint.name.clone()),
                    network: Some(network.name.clone()),
                    bridge: network.bridge.clone(),
                    entry: port.clone(),
                    port,
                    namespace,
                    device,
                    mac,
                    addresses,
                    behind,
                });
            }
        }
    }

    /// An exit is a namespace that routes between its bridge port and the internet: a WireGuard device has
    /// no Ethernet, so a real one is wired the same way.
    fn exits(&mut self, file: &NetworkFile) {
        for (number, exit) in file.exits.iter().enumerate() {
            let namespace = self.new_namespace(&exit.name);
            let (device, mac_in) = self.plug(&exit.bridge, &exit.port, &namespace, None);
            let network = exit.network.as_deref().and_then(|n| file.network(n));
            let mut addresses = Vec::new();
            if let Some(network) = network {
                addresses.extend(exit.next_hop.iter().map(|a| addressing::in_subnet(network, *a)));
                self.beyond(file, network, exit, number, &namespace);
            }
            for address in &addresses {
                self.address(&namespace, &device, *address);
            }
            self.places.push(Place {
                name: exit.name.clone(),
                subject: Subject::Exit(exit.name.clone()),
                network: exit.network.clone(),
                bridge: exit.bridge.clone(),
                port: exit.port.clone(),
                entry: exit.port.clone(),
                namespace,
                device,
                mac: mac_in,
                addresses,
                behind: Vec::new(),
            });
        }
    }

    /// The internet behind an exit, with routes there and back and no translation of addresses.
    fn beyond(&mut self, file: &NetworkFile, network: &Network, exit: &Exit, number: usize, key: &str) {
        if self.namespace_of(INTERNET).is_none() {
            self.new_namespace(INTERNET);
        }
        let device = format!("inet{number}");
        self.cables.push(Cable {
            a: CableEnd {
                namespace: key.to_owned(),
                device: "out0".to_owned(),
                mac: mac(MAC_OUTSIDE, 2 * number),
            },
            b: CableEnd {
                namespace: INTERNET.to_owned(),
                device: device.clone(),
                mac: mac(MAC_OUTSIDE, 2 * number + 1),
            },
        });
        if let Some(ns) = self.namespace(key) {
            ns.forwards = true;
        }
        for hop in &exit.next_hop {
            let Some((inner, outer)) = addressing::outside(number, hop.is_ipv6()) else {
                self.remarks.push(format!("exit {}: no internet behind it, 16 exits have one", exit.name));
                continue;
            };
            self.address(key, "out0", inner);
            self.address(INTERNET, &device, outer);
            self.route(key, addressing::everything(*hop), outer.ip());
            let same_family = |p: &IpNetwork| p.is_ipv6() == hop.is_ipv6();
            for subnet in network.subnets.iter().copied().filter(same_family) {
                self.route(INTERNET, subnet, inner.ip());
            }
            let attachments = file.endpoints.iter().flat_map(|e| &e.attachments);
            for attachment in attachments.filter(|a| a.network == network.name) {
                let via = attachment.addresses.iter().copied().find(|a| a.is_ipv6() == hop.is_ipv6());
                let Some(via) = via else { continue };
                for prefix in attachment.behind.iter().copied().filter(same_family) {
                    self.route(key, prefix, via);
                    self.route(INTERNET, prefix, inner.ip());
                }
            }
        }
    }

    fn links(&mut self, file: &NetworkFile, addresses: &mut Addresses) {
        for link in &file.links {
            let [one, other] = &link.ends;
            self.add_port(&one.bridge, &one.port);
            self.add_port(&other.bridge, &other.port);
            let number = self.cables.len() + 1;
            let end = |end: &LinkEnd, number: usize| CableEnd {
                namespace: HOST.to_owned(),
                device: end.port.clone(),
                mac: mac(MAC_PORT, number),
            };
            self.cables.push(Cable { a: end(one, number), b: end(other, number + 0x8000) });
            for (near, far) in [(one, other), (other, one)] {
                let LinkRole::Forwards { port } = &far.role else { continue };
                self.node(file, &link.name, near, &far.bridge, port, addresses);
            }
        }
    }

    /// Another node, behind the port that a link's far end forwards to.
    fn node(
        &mut self,
        file: &NetworkFile,
        link: &str,
        near: &LinkEnd,
        bridge: &str,
        port: &str,
        addresses: &mut Addresses,
    ) {
        if self.has_port(bridge, port) {
            self.remarks.push(format!("link {link}: {port} is something else already, no node behind it"));
            return;
        }
        let namespace = self.new_namespace(port);
        let (device, mac) = self.plug(bridge, port, &namespace, None);
        let mut owned = Vec::new();
        let mut on = None;
        if let LinkRole::Network { network, behind } = &near.role {
            on = Some(network.clone());
            if let Some(network) = file.network(network) {
                owned.extend(
                    behind
                        .iter()
                        .filter_map(|p| addresses.free(*p))
                        .map(|a| addressing::in_subnet(network, a)),
                );
                self.default_routes(&namespace, &network.name, &file.exits);
            }
        }
        for address in &owned {
            self.address(&namespace, &device, *address);
        }
        self.places.push(Place {
            name: port.to_owned(),
            subject: Subject::Link(link.to_owned()),
            network: on,
            bridge: bridge.to_owned(),
            port: port.to_owned(),
            entry: near.port.clone(),
            namespace,
            device,
            mac,
            addresses: owned,
            behind: Vec::new(),
        });
    }

    fn declared(&mut self, file: &NetworkFile) {
        for bridge in &file.bridges {
            let ports: BTreeSet<_> = bridge.ports.iter().collect();
            for port in ports {
                if port == "LOCAL" || self.has_port(&bridge.name, port) {
                    continue;
                }
                let namespace = self.new_namespace(port);
                let (device, mac) = self.plug(&bridge.name, port, &namespace, None);
                self.places.push(Place {
                    name: port.clone(),
                    subject: Subject::Declared,
                    network: None,
                    bridge: bridge.name.clone(),
                    port: port.clone(),
                    entry: port.clone(),
                    namespace,
                    device,
                    mac,
                    addresses: Vec::new(),
                    behind: Vec::new(),
                });
            }
        }
    }
}
