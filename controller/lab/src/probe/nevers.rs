//! Probes of `never` assertions, and of ports without an owner.

use flows::network::{Crossing, LinkRole, Never};

use super::definition::{Action, Expected, Probe};
use super::forged;
use super::frames::Frame;
use super::view::LabView;
use crate::addressing;
use crate::plan::{HOST, MAC_WIRE, PlannedPort, Subject, mac};

/// Returns the probe that emits raw frames at a port, and listens for them at the ports `at`.
fn raw_frames(
    from: &PlannedPort,
    to: &PlannedPort,
    frames: Vec<Frame>,
    at: Vec<PlannedPort>,
    why: &str,
    expected: Expected,
) -> Probe {
    Probe {
        from: from.name.clone(),
        to: to.name.clone(),
        what: format!("{} raw frames ({why})", frames.len()),
        expected,
        action: Action::Frames {
            from: Box::new(from.clone()),
            frames,
            enters: from.port.clone(),
            at,
            else_at: Vec::new(),
        },
    }
}

impl<'a> LabView<'a> {
    /// Returns the wires of links into the networks that a `never` names, as places at their far
    /// ends. Frames that enter there have passed no other bridge of the lab.
    fn wires(&self, names: &[String]) -> Vec<PlannedPort> {
        let mut wires: Vec<PlannedPort> = Vec::new();
        for (number, link) in self.file.links.iter().enumerate() {
            let [one, other] = &link.ends;
            for (near, far) in [(one, other), (other, one)] {
                let LinkRole::Network { network, behind } = &near.role else { continue };
                let Some(network) = self.file.network(network) else { continue };
                if !names.iter().any(|n| *n == link.name || *n == network.name) {
                    continue;
                }
                let node = self.of_subject(&Subject::Link(link.name.clone())).into_iter().next();
                let addresses = match node {
                    Some(node) => node.addresses.clone(),
                    None => behind.iter().filter_map(|p| addressing::free_like(*p, network)).collect(),
                };
                wires.push(PlannedPort {
                    name: format!("wire {}", near.port),
                    subject: Subject::Link(link.name.clone()),
                    network: Some(network.name.clone()),
                    bridge: near.bridge.clone(),
                    port: near.port.clone(),
                    entry: near.port.clone(),
                    vlan: None,
                    namespace: HOST.to_owned(),
                    device: far.port.clone(),
                    mac: node.map_or_else(|| mac(MAC_WIRE, number), |n| n.mac),
                    addresses,
                    leased: false,
                    behind: Vec::new(),
                });
            }
        }
        wires
    }

    pub(super) fn never(&self, never: &Never, probes: &mut Vec<Probe>) {
        let (from_wires, to_wires) = (self.wires(&never.from), self.wires(&never.to));
        let mut from = self.list(&never.from, true);
        from.extend(&from_wires);
        let mut to = self.list(&never.to, true);
        // A node behind the wire is a listener too. Without one, only the wire is.
        to.extend(to_wires.iter().filter(|w| !self.plan.places.iter().any(|p| p.subject == w.subject)));
        for a in &from {
            for b in to.iter().filter(|b| b.name != a.name) {
                let at: Vec<PlannedPort> =
                    to.iter().filter(|p| p.name != a.name).map(|p| (*p).clone()).collect();
                let frames = forged::frames(a, b, &to, &self.local_macs());
                // A mesh bridge may drop forged frames, so it is enough that they reach it.
                probes.push(raw_frames(a, b, frames, at, &never.name, Expected::Never));
            }
        }
    }

    /// Returns the bridges' own MAC addresses, by which a routing host is addressed.
    pub(super) fn local_macs(&self) -> Vec<(&'a str, [u8; 6])> {
        self.plan.bridges.iter().map(|b| (b.name.as_str(), b.mac)).collect()
    }

    /// Adds probes of a bridge's internal port on which the file gives the host no place.
    pub(super) fn unknown_local(&self, bridge: &str, probes: &mut Vec<Probe>) {
        let Some(planned) = self.plan.bridges.iter().find(|b| b.name == bridge) else { return };
        if self.plan.places.iter().any(|p| p.port == bridge) {
            return;
        }
        let near = |p: &&PlannedPort| {
            let network = p.network.as_deref().and_then(|n| self.file.network(n));
            network.is_some_and(|n| p.bridge == bridge || n.bridge == bridge)
        };
        let targets: Vec<&PlannedPort> = self.plan.places.iter().filter(near).collect();
        let local = PlannedPort {
            name: format!("LOCAL of {bridge}"),
            subject: Subject::Declared,
            network: None,
            bridge: bridge.to_owned(),
            port: bridge.to_owned(),
            entry: bridge.to_owned(),
            vlan: None,
            namespace: HOST.to_owned(),
            device: bridge.to_owned(),
            mac: planned.mac,
            addresses: Vec::new(),
            leased: false,
            behind: Vec::new(),
        };
        for target in &targets {
            let frames = forged::frames(&local, target, &targets, &[]);
            let at = targets.iter().map(|p| (*p).clone()).collect();
            probes.push(raw_frames(&local, target, frames, at, "not in the file", Expected::Denied));
        }
    }

    /// Adds probes of the wires of crossings: frames that enter there pass by a crossing or not at
    /// all.
    pub(super) fn crossing_wires(&self, probes: &mut Vec<Probe>) {
        for (number, link) in self.file.links.iter().enumerate() {
            let crossings: Vec<_> = self.file.crossings.iter().filter(|c| c.over == link.name).collect();
            let tried =
                |c: &&Crossing| c.ports.is_empty() || forged::PORTS.iter().any(|p| c.ports.contains(p));
            if crossings.is_empty() || crossings.iter().any(tried) {
                continue;
            }
            let [one, other] = &link.ends;
            for (near, far) in [(one, other), (other, one)] {
                let names = crossings.iter().flat_map(|c| c.from.iter().chain(&c.to));
                let named: Vec<String> = names.cloned().collect();
                let there = self.list(&named, false).into_iter().filter(|p| p.bridge == far.bridge);
                let wire = PlannedPort {
                    name: format!("wire {}", near.port),
                    subject: Subject::Link(link.name.clone()),
                    network: None,
                    bridge: near.bridge.clone(),
                    port: near.port.clone(),
                    entry: near.port.clone(),
                    vlan: None,
                    namespace: HOST.to_owned(),
                    device: far.port.clone(),
                    mac: mac(MAC_WIRE, 0x100 + number),
                    addresses: there.flat_map(|p| p.addresses.clone()).collect(),
                    leased: false,
                    behind: Vec::new(),
                };
                let here = self.plan.places.iter().filter(|p| p.network.is_some());
                let here: Vec<&PlannedPort> =
                    here.filter(|p| self.network_of(p).is_some_and(|n| n.bridge == near.bridge)).collect();
                for to in &here {
                    let frames = forged::frames(&wire, to, &here, &self.local_macs());
                    let at = here.iter().map(|p| (*p).clone()).collect();
                    probes.push(raw_frames(&wire, to, frames, at, "no crossing", Expected::Denied));
                }
            }
        }
    }
}
