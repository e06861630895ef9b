//! The plan of a lab: a pure function of the network file.
//!
//! Every decision about names, MACs, addresses and routes is made here; `up` only carries it out.

mod crossings;
mod endpoints;
mod exits;
mod links;
mod routes;

use std::collections::BTreeSet;
use std::net::IpAddr;

use flows::network::NetworkFile;
use ipnetwork::IpNetwork;

pub(crate) use self::exits::represented_address;
use super::addressing::LabAddresses;

/// The key of the lab's own host namespace, where Open vSwitch and the controller run.
pub const HOST: &str = "";
/// The key of the namespace behind the exits.
pub const INTERNET: &str = "internet";
/// The bridge that tags and untags frames for the members of networks with a VLAN. It belongs to
/// the lab: no network file and no controller owns it.
pub const TAGGER: &str = "lab-tagger";

/// The plan of a lab.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabPlan {
    /// The bridges with their ports.
    pub bridges: Vec<PlannedBridge>,
    /// The namespaces, the lab's host first.
    pub namespaces: Vec<PlannedNamespace>,
    /// The veth pairs.
    pub cables: Vec<Cable>,
    /// Members whose frames have a VLAN tag at the bridge's port.
    pub tags: Vec<TaggedPorts>,
    /// The ports at which traffic can be sent and received.
    pub places: Vec<PlannedPort>,
    /// Remarks for the user: parts of the file that the lab cannot wire.
    pub remarks: Vec<String>,
}

/// A bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedBridge {
    /// Its name.
    pub name: String,
    /// The MAC address of its internal port, and so its datapath id.
    pub mac: [u8; 6],
    /// Its ports in the order of their numbers, from 1.
    pub ports: Vec<String>,
}

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlannedNamespace {
    /// Its key: [`HOST`] or the part of its name after the lab's id.
    pub key: String,
    /// True if it routes between its devices.
    pub forwards: bool,
    /// The devices that translate the source of forwarded packets to their own address.
    pub translates: Vec<String>,
    /// The addresses of its devices (`lo` among them).
    pub addresses: Vec<(String, IpNetwork)>,
    /// Its routes, by a neighbour.
    pub routes: Vec<(IpNetwork, IpAddr)>,
    /// Its prefixes on the link of a device.
    pub on_link: Vec<(IpNetwork, String)>,
    /// Its routes by source, if it has several attachments. A packet leaves by the attachment of
    /// its source address.
    pub by_source: Vec<SourceRoutes>,
}

/// The routes of packets with one source address.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRoutes {
    /// The address.
    pub from: IpAddr,
    /// The device.
    pub device: String,
    /// The prefixes on that device's link.
    pub on_link: Vec<IpNetwork>,
    /// The routes by a neighbour on that link.
    pub routes: Vec<(IpNetwork, IpAddr)>,
}

/// A veth pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Cable {
    /// One end. A bridge port is always this end, in the lab's host.
    pub a: CableEnd,
    /// The other end.
    pub b: CableEnd,
}

/// An end of a veth pair.
#[derive(Debug, Clone, PartialEq)]
pub struct CableEnd {
    /// The key of the namespace.
    pub namespace: String,
    /// The device's name there.
    pub device: String,
    /// The MAC address.
    pub mac: [u8; 6],
}

/// Two ports of [`TAGGER`]. A frame that enters one leaves by the other, with its tag added or
/// removed. Not every kernel has VLAN devices.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedPorts {
    /// The port without the tag, to the member.
    pub member: String,
    /// The port with the tag, to the bridge's port.
    pub trunk: String,
    /// The VLAN.
    pub vlan: u16,
}

/// A place: a device plugged into a bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPort {
    /// Its name in tables and for [`exec`](super::Lab::exec): that of the endpoint or exit, or of the port
    /// behind a link; `name@network` for the further attachments of a multi-homed endpoint.
    pub name: String,
    /// The part of the network file that the place stands for.
    pub subject: Subject,
    /// The network of the place, if it has one.
    pub network: Option<String>,
    /// The bridge.
    pub bridge: String,
    /// The bridge's port (the bridge's name for `LOCAL`).
    pub port: String,
    /// The device in the lab's host by which its frames enter the bridge of its network. That is
    /// its port, or the network's end of its link.
    pub entry: String,
    /// The VLAN of its frames on that device.
    pub vlan: Option<u16>,
    /// The key of its namespace.
    pub namespace: String,
    /// Its device there.
    pub device: String,
    /// The MAC address of the device.
    pub mac: [u8; 6],
    /// Its addresses in the network's subnets.
    pub addresses: Vec<IpNetwork>,
    /// True if the addresses are leased. Any free address would do then.
    pub leased: bool,
    /// Further source addresses that it may use, one of each prefix behind it.
    pub behind: Vec<IpAddr>,
}

/// The part of the network file that a place stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The endpoint of that name.
    Endpoint(String),
    /// Another node behind the link of that name.
    Link(String),
    /// The internet behind the exit of that name.
    Exit(String),
    /// A port that the file only declares.
    Declared,
}

impl PlannedPort {
    /// Returns the address in the family of `other`.
    pub fn address_like(&self, other: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().map(IpNetwork::ip).find(|a| a.is_ipv4() == other.is_ipv4())
    }
}

/// Returns a locally administered MAC address. It depends on the numbers alone, in every lab.
pub(crate) fn mac(kind: u8, number: usize) -> [u8; 6] {
    let [.., high, low] = number.to_be_bytes();
    [0x02, 0x50, 0x43, kind, high, low]
}

const MAC_BRIDGE: u8 = 0;
const MAC_PORT: u8 = 1;
const MAC_PLACE: u8 = 2;
const MAC_OUTSIDE: u8 = 3;
pub(crate) const MAC_WIRE: u8 = 4;
const MAC_TAG: u8 = 5;

/// Returns a name in the form of namespaces and files.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.@".contains(c) { c } else { '-' }).collect()
}

impl LabPlan {
    /// Returns the plan for a network file.
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
        let mut addresses = LabAddresses::of(file);
        plan.endpoints(file, &mut addresses);
        plan.exits(file);
        plan.outsides(file);
        plan.links(file, &mut addresses);
        plan.declared(file);
        plan.next_hops(file);
        plan.crossings(file);
        plan.by_source(file);
        plan
    }

    /// Returns the place of that name.
    pub fn place(&self, name: &str) -> Option<&PlannedPort> {
        self.places.iter().find(|p| p.name == name)
    }

    /// Returns the namespace of a name: that of a place, else the one with that key.
    pub fn namespace_of(&self, name: &str) -> Option<&str> {
        if let Some(place) = self.place(name) {
            return Some(&place.namespace);
        }
        self.namespaces.iter().map(|n| n.key.as_str()).find(|k| *k == name)
    }

    pub(super) fn namespace(&mut self, key: &str) -> Option<&mut PlannedNamespace> {
        self.namespaces.iter_mut().find(|n| n.key == key)
    }

    /// Returns a new namespace of that name, or with a number appended if the name is taken.
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

    /// Adds a port to a bridge whose other end is a new device in `namespace`. Returns the device's
    /// name and MAC address.
    pub(super) fn plug(
        &mut self,
        bridge: &str,
        port: &str,
        namespace: &str,
        pinned: Option<[u8; 6]>,
    ) -> (String, [u8; 6]) {
        self.add_port(bridge, port);
        self.cable(port, namespace, pinned)
    }

    /// Adds a cable from a device of the host to a new one in `namespace`.
    fn cable(&mut self, port: &str, namespace: &str, pinned: Option<[u8; 6]>) -> (String, [u8; 6]) {
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

    /// Adds a port for a place whose frames carry a VLAN tag there. The port may carry other places
    /// with other tags.
    fn plug_tagged(
        &mut self,
        bridge: &str,
        port: &str,
        namespace: &str,
        pinned: Option<[u8; 6]>,
        vlan: u16,
    ) -> (String, [u8; 6]) {
        let number = self.cables.len() + 1;
        let trunk = self.trunk(port).map(str::to_owned).unwrap_or_else(|| format!("trunk{number}"));
        if !self.has_port(bridge, port) {
            self.add_port(bridge, port);
            let end = |device: &str, number| CableEnd {
                namespace: HOST.to_owned(),
                device: device.to_owned(),
                mac: mac(MAC_TAG, number),
            };
            self.cables.push(Cable { a: end(port, 2 * number), b: end(&trunk, 2 * number + 1) });
        }
        let member = format!("member{number}");
        self.tags.push(TaggedPorts { member: member.clone(), trunk, vlan });
        self.cable(&member, namespace, pinned)
    }

    /// Returns the far end of the cable at a port that carries tagged frames.
    pub fn trunk(&self, port: &str) -> Option<&str> {
        let cable = self.cables.iter().find(|c| c.a.device == port && c.a.namespace == HOST)?;
        self.tags.iter().map(|t| t.trunk.as_str()).find(|t| *t == cable.b.device)
    }

    pub(super) fn address(&mut self, namespace: &str, device: &str, address: IpNetwork) {
        if let Some(ns) = self.namespace(namespace) {
            let pair = (device.to_owned(), address);
            if !ns.addresses.contains(&pair) {
                ns.addresses.push(pair);
            }
        }
    }

    pub(super) fn route(&mut self, namespace: &str, to: IpNetwork, via: IpAddr) {
        if let Some(ns) = self.namespace(namespace) {
            // If one multi-homed endpoint is on two networks with an exit, the first has the
            // default route.
            if !ns.routes.iter().any(|(t, _)| *t == to) {
                ns.routes.push((to, via));
            }
        }
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
                self.places.push(PlannedPort {
                    name: port.clone(),
                    subject: Subject::Declared,
                    network: None,
                    bridge: bridge.name.clone(),
                    port: port.clone(),
                    entry: port.clone(),
                    vlan: None,
                    namespace,
                    device,
                    mac,
                    addresses: Vec::new(),
                    leased: false,
                    behind: Vec::new(),
                });
            }
        }
    }
}
