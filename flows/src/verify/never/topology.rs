//! The topology: the bridges, and the parties attached to them.

use std::collections::{BTreeMap, BTreeSet};

use ofproto::{MacAddr, PortNo};

use super::BridgeFlows;
use crate::network::{LinkRole, NetworkFile, Party};

/// A port of a bridge; the number is the bridge's place in the list.
pub(in crate::verify::never) type BridgePort = (usize, PortNo);

pub(in crate::verify::never) struct Topology<'a> {
    pub(in crate::verify::never) file: &'a NetworkFile,
    pub(in crate::verify::never) bridges: &'a [BridgeFlows<'a>],
    /// The far end of each wire, by its near end.
    wires: BTreeMap<BridgePort, BridgePort>,
    /// The places of parties that may forward between them: the host's LOCAL ports, and those of
    /// multi-homed endpoints.
    forwarders: Vec<Vec<BridgePort>>,
    /// The places of each `never`: the senders', and the receivers'.
    pub(in crate::verify::never) nevers: Vec<(BTreeSet<BridgePort>, BTreeSet<BridgePort>)>,
    sources: BTreeSet<BridgePort>,
    macs: BTreeMap<BridgePort, u128>,
}

impl<'a> Topology<'a> {
    pub(in crate::verify::never) fn new(file: &'a NetworkFile, bridges: &'a [BridgeFlows<'a>]) -> Self {
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
            let mut from = world.places(&never.from);
            // A host that is attached here may send by the LOCAL port of any bridge.
            if from.iter().any(|p| p.1 == PortNo::LOCAL) {
                from.extend((0..bridges.len()).map(|b| (b, PortNo::LOCAL)));
            }
            let to = world.places(&never.to);
            world.nevers.push((from, to));
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
    fn places(&self, names: &[String]) -> BTreeSet<BridgePort> {
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

    /// Adds both ends of a link, and the ports that they forward to.
    fn link(&self, link: &crate::network::Link, places: &mut BTreeSet<BridgePort>) {
        for end in &link.ends {
            places.extend(self.place(&end.bridge, &end.port));
            if let LinkRole::Forwards { port } = &end.role {
                places.extend(self.place(&end.bridge, port));
            }
        }
    }

    /// Returns every place where a packet can come in.
    pub(in crate::verify::never) fn sources(&self) -> impl Iterator<Item = BridgePort> + '_ {
        self.sources.iter().copied()
    }

    /// Returns the ports of a bridge except one, LOCAL included: the targets of a flood.
    pub(in crate::verify::never) fn others(&self, bridge: usize, but: PortNo) -> Vec<PortNo> {
        let ports = self.bridges.get(bridge).into_iter().flat_map(|b| b.ports.values().copied());
        let all: BTreeSet<PortNo> = ports.chain([PortNo::LOCAL]).filter(|p| *p != but).collect();
        all.into_iter().collect()
    }

    pub(in crate::verify::never) fn wire(&self, place: BridgePort) -> Option<BridgePort> {
        self.wires.get(&place).copied()
    }

    /// Returns the other places at which the receiver of a packet may send it in again.
    pub(in crate::verify::never) fn forwards(
        &self,
        place: BridgePort,
    ) -> impl Iterator<Item = BridgePort> + '_ {
        let group = self.forwarders.iter().filter(move |g| g.contains(&place));
        group.flatten().copied().filter(move |p| *p != place)
    }

    /// Returns the MAC address that the file pins at a place.
    pub(in crate::verify::never) fn mac(&self, place: BridgePort) -> Option<u128> {
        self.macs.get(&place).copied()
    }

    pub(in crate::verify::never) fn bridge_name(&self, bridge: usize) -> &str {
        self.bridges.get(bridge).map_or("?", |b| b.name)
    }

    pub(in crate::verify::never) fn port_name(&self, (bridge, port): BridgePort) -> String {
        if port == PortNo::LOCAL {
            return "LOCAL".to_owned();
        }
        let names = self.bridges.get(bridge).and_then(|b| b.ports.iter().find(|(_, n)| **n == port));
        names.map_or_else(|| port.0.to_string(), |(name, _)| name.clone())
    }
}
