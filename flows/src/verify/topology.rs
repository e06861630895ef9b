//! The topology: the bridges, the parties attached to them, and the wires and hosts between them.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::Flow;
use ofproto::{MacAddr, PortNo};

use super::bridge_flows::BridgeFlows;
use super::symbolic::{BridgeInput, BridgePort, World};
use crate::network::{LinkRole, NetworkFile, Party};

/// The bridges of a file and what is attached to them.
pub(in crate::verify) struct Topology<'a> {
    pub(in crate::verify) file: &'a NetworkFile,
    pub(in crate::verify) bridges: &'a [BridgeFlows<'a>],
    /// The far end of each wire, by its near end.
    wires: BTreeMap<BridgePort, BridgePort>,
    /// The places of parties that may forward between them: the host's LOCAL ports, and those of
    /// multi-homed endpoints.
    forwarders: Vec<Vec<BridgePort>>,
    /// The places of each `never`: the senders', and the receivers'.
    pub(in crate::verify) nevers: Vec<(BTreeSet<BridgePort>, BTreeSet<BridgePort>)>,
    sources: BTreeSet<BridgePort>,
    macs: BTreeMap<BridgePort, u128>,
}

impl<'a> Topology<'a> {
    pub(in crate::verify) fn new(file: &'a NetworkFile, bridges: &'a [BridgeFlows<'a>]) -> Self {
        let mut world = Self {
            file,
            bridges,
            wires: BTreeMap::new(),
            forwarders: Vec::new(),
            nevers: Vec::new(),
            sources: BTreeSet::new(),
            macs: BTreeMap::new(),
        };
        for link in &file.links {
            let ends: Vec<BridgePort> =
                link.ends.iter().filter_map(|e| world.place(&e.bridge, &e.port)).collect();
            if let [a, b] = *ends {
                world.wires.insert(a, b);
                world.wires.insert(b, a);
            }
        }
        world.forwarders.push((0..bridges.len()).map(|b| (b, PortNo::LOCAL)).collect());
        for endpoint in &file.endpoints {
            let mut places = Vec::new();
            for plug in &endpoint.attachments {
                let Some(place) =
                    file.network(&plug.network).and_then(|n| world.place(&n.bridge, &plug.port))
                else {
                    continue;
                };
                places.push(place);
                if let Some(mac) = plug.mac {
                    world.macs.insert(place, MacAddr(mac).bits());
                }
            }
            if places.len() > 1 {
                world.forwarders.push(places);
            }
        }
        for never in &file.nevers {
            let never = world.never(&never.from, &never.to);
            world.nevers.push(never);
        }
        for (b, bridge) in bridges.iter().enumerate() {
            let names = file.bridge_ports(bridge.name);
            let sources: Vec<BridgePort> = names.into_iter().filter_map(|p| world.at(b, p)).collect();
            world.sources.extend(sources);
            // The host is always attached.
            world.sources.insert((b, PortNo::LOCAL));
        }
        world
    }

    /// Returns the places of the senders and of the receivers of a never.
    pub(in crate::verify) fn never(
        &self,
        from: &[String],
        to: &[String],
    ) -> (BTreeSet<BridgePort>, BTreeSet<BridgePort>) {
        let mut senders = self.places(from);
        // A host that is attached here may send by the LOCAL port of any bridge.
        if senders.iter().any(|p| p.1 == PortNo::LOCAL) {
            senders.extend((0..self.bridges.len()).map(|b| (b, PortNo::LOCAL)));
        }
        (senders, self.places(to))
    }

    /// Returns the place of a port by its name.
    pub(in crate::verify) fn port(&self, bridge: &str, port: &str) -> Option<BridgePort> {
        self.place(bridge, port)
    }

    fn place(&self, bridge: &str, port: &str) -> Option<BridgePort> {
        self.at(self.bridges.iter().position(|b| b.name == bridge)?, port)
    }

    fn at(&self, bridge: usize, port: &str) -> Option<BridgePort> {
        if port == "LOCAL" {
            return Some((bridge, PortNo::LOCAL));
        }
        Some((bridge, *self.bridges.get(bridge)?.ports.get(port)?))
    }

    /// Returns every place that belongs to one of the parties; a network stands for all parties on
    /// it.
    pub(in crate::verify) fn places(&self, names: &[String]) -> BTreeSet<BridgePort> {
        let mut places = BTreeSet::new();
        for party in names.iter().filter_map(|n| self.file.party(n)) {
            match party {
                Party::Endpoint(endpoint) => {
                    for plug in &endpoint.attachments {
                        let bridge = self.file.network(&plug.network).map(|n| &*n.bridge);
                        places.extend(bridge.and_then(|b| self.place(b, &plug.port)));
                    }
                }
                Party::Link(link) => self.link(link, &mut places),
                Party::Exit(exit) | Party::Outside(_, exit) => {
                    places.extend(self.place(&exit.bridge, &exit.port))
                }
                Party::Network(network) => {
                    for plug in self.file.endpoints.iter().flat_map(|e| &e.attachments) {
                        if plug.network == network.name {
                            places.extend(self.place(&network.bridge, &plug.port));
                        }
                    }
                    for link in &self.file.links {
                        if link.ends.iter().any(|e| e.network() == Some(&network.name)) {
                            self.link(link, &mut places);
                        }
                    }
                    for exit in &self.file.exits {
                        if exit.network.as_deref() == Some(&network.name) {
                            places.extend(self.place(&exit.bridge, &exit.port));
                        }
                    }
                }
            }
        }
        places
    }

    /// Returns the places of the parties of a confine: a network stands for its endpoints and links.
    pub(in crate::verify) fn confined(&self, names: &[String]) -> BTreeSet<BridgePort> {
        let mut places = self.places(names);
        for exit in &self.file.exits {
            let named = names.contains(&exit.name);
            let outside = |name: &String| matches!(self.file.party(name), Some(Party::Outside(_, of)) if of.name == exit.name);
            if !named && !names.iter().any(outside) {
                self.place(&exit.bridge, &exit.port).into_iter().for_each(|place| _ = places.remove(&place));
            }
        }
        places
    }

    /// Adds both ends of a link, and the ports that they forward to.
    fn link(&self, link: &crate::network::Link, places: &mut BTreeSet<BridgePort>) {
        for end in &link.ends {
            places.extend(self.place(&end.bridge, &end.port));
            if let LinkRole::Forwards { port } = &end.role {
                places.extend(self.place(&end.bridge, port));
            }
        }
    }

    /// Returns the world of the symbolic engine, without classes of senders. `temporary` tells which
    /// flows may be absent.
    pub(in crate::verify) fn world(&self, temporary: impl Fn(&BridgeFlows<'_>, &Flow) -> bool) -> World<'a> {
        let mut world =
            World { wires: self.wires.clone(), forwarders: self.forwarders.clone(), ..World::default() };
        for bridge in self.bridges {
            let mut input = BridgeInput::new(bridge.ports.values().copied());
            for flow in &bridge.flows {
                input.add(flow, temporary(bridge, flow));
            }
            world.bridges.push(input);
        }
        world
    }

    /// Returns every place where a packet can come in.
    pub(in crate::verify) fn sources(&self) -> impl Iterator<Item = BridgePort> + '_ {
        self.sources.iter().copied()
    }

    /// Returns the ports of a bridge, LOCAL included.
    pub(in crate::verify) fn ports(&self, bridge: usize) -> impl Iterator<Item = PortNo> + '_ {
        let named = self.bridges.get(bridge).into_iter().flat_map(|b| b.ports.values().copied());
        named.filter(|port| *port != PortNo::LOCAL).chain([PortNo::LOCAL])
    }

    pub(in crate::verify) fn wire(&self, place: BridgePort) -> Option<BridgePort> {
        self.wires.get(&place).copied()
    }

    pub(in crate::verify) fn bridge_name(&self, bridge: usize) -> &str {
        self.bridges.get(bridge).map_or("?", |b| b.name)
    }

    pub(in crate::verify) fn port_name(&self, (bridge, port): BridgePort) -> String {
        if port == PortNo::LOCAL {
            return "LOCAL".to_owned();
        }
        let names = self.bridges.get(bridge).and_then(|b| b.ports.iter().find(|(_, n)| **n == port));
        names.map_or_else(|| port.0.to_string(), |(name, _)| name.clone())
    }
}

/// For the sampling check alone.
#[cfg(test)]
impl Topology<'_> {
    /// Returns the ports of a bridge except one, LOCAL included: the targets of a flood.
    pub(in crate::verify) fn others(&self, bridge: usize, but: PortNo) -> Vec<PortNo> {
        let ports = self.bridges.get(bridge).into_iter().flat_map(|b| b.ports.values().copied());
        let all: BTreeSet<PortNo> = ports.chain([PortNo::LOCAL]).filter(|p| *p != but).collect();
        all.into_iter().collect()
    }

    /// Returns the other places at which the receiver of a packet may send it in again.
    pub(in crate::verify) fn forwards(&self, place: BridgePort) -> impl Iterator<Item = BridgePort> + '_ {
        let group = self.forwarders.iter().filter(move |g| g.contains(&place));
        group.flatten().copied().filter(move |p| *p != place)
    }

    /// Returns the MAC address that the file pins at a place.
    pub(in crate::verify) fn mac(&self, place: BridgePort) -> Option<u128> {
        self.macs.get(&place).copied()
    }
}
