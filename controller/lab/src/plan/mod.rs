//! What a lab is made of: a pure function of the network file.
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
/// The namespace behind the exits.
pub const INTERNET: &str = "internet";
/// The bridge that tags and untags frames for the members of networks with a VLAN. It is the lab's own: no network
/// file owns it, and no controller.
pub const TAGGER: &str = "lab-tagger";

/// Everything that a lab is made of.
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
    /// Where traffic can be sent from and looked for.
    pub places: Vec<PlannedPort>,
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
    /// The devices out of which it gives what it forwards its own address.
    pub translates: Vec<String>,
    /// The addresses of its devices (`lo` among them).
    pub addresses: Vec<(String, IpNetwork)>,
    /// Its routes, by way of a neighbour.
    pub routes: Vec<(IpNetwork, IpAddr)>,
    /// What it takes to be on a device's own link.
    pub on_link: Vec<(IpNetwork, String)>,
    /// Where it has several attachments: what leaves with an address of one leaves by that one.
    pub by_source: Vec<SourceRoutes>,
}

/// The routes for what leaves with one address.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRoutes {
    /// The address.
    pub from: IpAddr,
    /// The device.
    pub device: String,
    /// What is on that device's link.
    pub on_link: Vec<IpNetwork>,
    /// By way of a neighbour there.
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

/// Two ports of [`TAGGER`]: what comes in at one leaves by the other, with the tag put on or taken off. Not every kernel
/// has VLAN devices.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedPorts {
    /// The port without the tag, to the member.
    pub member: String,
    /// The port with it, to the bridge's port.
    pub trunk: String,
    /// The VLAN.
    pub vlan: u16,
}

/// Something plugged into a bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPort {
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
    /// The VLAN that its frames carry there.
    pub vlan: Option<u16>,
    /// The key of the namespace it lives in.
    pub namespace: String,
    /// Its device there.
    pub device: String,
    /// The device's MAC.
    pub mac: [u8; 6],
    /// Its addresses in the network's subnets.
    pub addresses: Vec<IpNetwork>,
    /// Whether these are leased: any that nobody owns would do.
    pub leased: bool,
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

impl PlannedPort {
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
const MAC_TAG: u8 = 5;

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

    /// The place of that name.
    pub fn place(&self, name: &str) -> Option<&PlannedPort> {
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
        self.cable(port, namespace, pinned)
    }

    /// A cable from a device of the host to a new one in `namespace`.
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

    /// The same for somebody whose frames carry a VLAN tag at the port, which may have others with other tags.
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

    /// The far end of the cable at a port that carries tagged frames.
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
            // Two networks with an exit on one multi-homed endpoint: the first has the default route.
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
