//! Probes all pairs of places by the installed flows of the bridges. Every kind of packet that a
//! rule names, and one that no rule names, runs through the reference interpreter. Allowed packets
//! come out at their receiver and nowhere else. All other packets come out nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use flows::verify::interp::{Output, Packet, Pipeline, TCP_SYN};
use ofctl::syntax::{NoNames, parse_flow};
use ofproto::oxm::Field;
use ofproto::{PortNo, ip_protocol};

use super::definition::{Action, Expected, PacketCase, Probe};
use super::view::{LabView, TrialKind};
use crate::error::LabError;
use crate::handle::Lab;
use crate::plan::{HOST, LabPlan, PlannedPort};

/// Largest number of bridges on the way of a packet.
const HOPS: usize = 8;

/// Adds one row for passing packets and one for denied packets, for each place.
pub(super) fn probes(view: &LabView<'_>, kinds: &[TrialKind], probes: &mut Vec<Probe>) {
    let places = || view.plan.places.iter().filter(|p| p.network.is_some());
    for a in places() {
        let (mut passes, mut denied) = (Vec::new(), Vec::new());
        for b in places().filter(|b| b.name != a.name) {
            for client in view.clients(a) {
                for server in view.sites(b) {
                    if client.address.is_ipv4() != server.address.is_ipv4() {
                        continue;
                    }
                    for kind in kinds {
                        // The packet then leaves by the rule's exit, whatever receiver the frame
                        // has.
                        let leaves = || {
                            view.leaves_by((a, client.address), server.address, *kind).map(|(exit, _)| exit)
                        };
                        if server.beyond && leaves().is_some_and(|exit| exit.name != b.name) {
                            continue;
                        }
                        let case = PacketCase {
                            to: b.clone(),
                            kind: kind.said(),
                            packet: Box::new(packet(*kind, a, b, client.address, server.address)),
                            source: client.address,
                            target: server.address,
                        };
                        let may = view.may((a, client.address), (b, &server), *kind).is_some();
                        let hop =
                            server.beyond && view.reaches_hop((a, client.address), b, server.address, *kind);
                        if may || hop { passes.push(case) } else { denied.push(case) }
                    }
                }
            }
            denied.extend(forged(view, a, b, kinds));
        }
        for (expected, cases) in [(Expected::Passes, passes), (Expected::Denied, denied)] {
            if !cases.is_empty() {
                let others: BTreeSet<_> = cases.iter().map(|c| c.to.name.as_str()).collect();
                let to = match others.len() {
                    1 => cases.first().map(|c| c.to.name.clone()).unwrap_or_default(),
                    n => format!("{n} others"),
                };
                let what = format!("{} packets by the flows", cases.len());
                let action = Action::Flows { from: Box::new(a.clone()), cases };
                probes.push(Probe { from: a.name.clone(), to, what, expected, action });
            }
        }
    }
}

/// Returns packets that impersonate every other sender with rights there.
fn forged(view: &LabView<'_>, a: &PlannedPort, b: &PlannedPort, kinds: &[TrialKind]) -> Vec<PacketCase> {
    let mut cases = Vec::new();
    for c in view.plan.places.iter().filter(|c| c.network.is_some() && c.name != a.name && c.name != b.name) {
        for (client, server) in view.clients(c).iter().take(1).zip(view.sites(b)) {
            let may = |kind: &&TrialKind| view.may((c, client.address), (b, &server), **kind).is_some();
            let Some(kind) = kinds.iter().find(may) else { continue };
            if view.may_use(a, client.address) || client.address.is_ipv4() != server.address.is_ipv4() {
                continue;
            }
            cases.push(PacketCase {
                to: b.clone(),
                kind: format!("{} as {}", kind.said(), c.name),
                packet: Box::new(packet(*kind, a, b, client.address, server.address)),
                source: client.address,
                target: server.address,
            });
        }
    }
    cases
}

fn packet(kind: TrialKind, a: &PlannedPort, b: &PlannedPort, from: IpAddr, to: IpAddr) -> Packet {
    let proto = match (kind, from.is_ipv4()) {
        (TrialKind::Tcp(_), _) => ip_protocol::TCP,
        (TrialKind::Udp(_), _) => ip_protocol::UDP,
        (TrialKind::Sctp(_), _) => ip_protocol::SCTP,
        (TrialKind::Ping, true) => ip_protocol::ICMP,
        (TrialKind::Ping, false) => ip_protocol::ICMPV6,
    };
    let packet = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Packet::ipv4(a.mac, b.mac, from, to, proto),
        (IpAddr::V6(from), IpAddr::V6(to)) => Packet::ipv6(a.mac, b.mac, from, to, proto),
        // All callers pair addresses of one family.
        _ => Packet::default(),
    };
    let packet = packet.with(Field::IpTtl, 64);
    let packet = match (kind, from.is_ipv4()) {
        (TrialKind::Tcp(port), _) => packet.tcp(40_000, port, TCP_SYN),
        (TrialKind::Udp(port), _) => packet.udp(40_000, port),
        (TrialKind::Sctp(port), _) => packet.sctp(40_000, port),
        (TrialKind::Ping, true) => packet.icmp(8, 0),
        (TrialKind::Ping, false) => packet.icmpv6(128, 0),
    };
    match a.vlan {
        Some(vlan) => packet.tagged(vlan, 0),
        None => packet,
    }
}

/// The installed flows of a lab's bridges.
pub(super) struct Bridges {
    pipelines: BTreeMap<String, (Pipeline, BTreeMap<String, PortNo>)>,
    /// The other ends of cables between bridges, as bridge and port, by bridge and port.
    wires: BTreeMap<(String, String), (String, String)>,
}

impl Bridges {
    /// Reads the flows from the switch.
    pub(super) fn read(lab: &Lab) -> Result<Self, LabError> {
        let plan = lab.plan();
        let mut pipelines = BTreeMap::new();
        for bridge in &plan.bridges {
            let text = lab.ofctl(&["--no-names", "--no-stats", "dump-flows", &bridge.name])?;
            let mut flows = Vec::new();
            for line in text.lines().filter(|l| l.contains("actions=")) {
                let flow = parse_flow(line.trim(), &NoNames);
                flows
                    .push(flow.map_err(|e| LabError::Flow { line: line.trim().to_owned(), why: e.message })?);
            }
            let ports = numbers(&lab.ofctl(&["show", &bridge.name])?);
            pipelines.insert(bridge.name.clone(), (Pipeline::new(flows), ports));
        }
        Ok(Self { pipelines, wires: wires(plan) })
    }

    /// Returns the ports (bridge, port) at which a packet from a place comes out, without cables.
    /// Returns `None` if the interpreter does not know a part of the flows.
    pub(super) fn ends(&self, from: &PlannedPort, packet: &Packet) -> Option<BTreeSet<(String, String)>> {
        let mut ends = BTreeSet::new();
        let mut at = vec![(from.bridge.clone(), from.port.clone(), packet.clone())];
        for _ in 0..HOPS {
            let mut next = Vec::new();
            for (bridge, port, packet) in std::mem::take(&mut at) {
                let (pipeline, ports) = self.pipelines.get(&bridge)?;
                let number = if port == bridge { PortNo::LOCAL } else { *ports.get(&port)? };
                let outcome = pipeline.run(number, &packet);
                if !outcome.unsupported.is_empty() {
                    return None;
                }
                for (output, packet) in outcome.outputs {
                    let (Output::Port(out) | Output::InPort(out)) = output else { continue };
                    let name = ports.iter().find(|(_, n)| **n == out).map(|(name, _)| name.clone());
                    let name = if out == PortNo::LOCAL { bridge.clone() } else { name? };
                    match self.wires.get(&(bridge.clone(), name.clone())) {
                        Some((bridge, port)) => next.push((bridge.clone(), port.clone(), packet)),
                        None => {
                            ends.insert((bridge.clone(), name));
                        }
                    }
                }
            }
            at = next;
        }
        Some(ends)
    }
}

/// Returns the numbers of ports in the output of `ovs-ofctl show`: ` 3(veth100): addr:…`.
fn numbers(text: &str) -> BTreeMap<String, PortNo> {
    let port = |line: &str| {
        let (number, rest) = line.trim_start().split_once('(')?;
        let (name, _) = rest.split_once("): addr:")?;
        Some((name.to_owned(), PortNo(number.parse().ok()?)))
    };
    text.lines().filter_map(port).collect()
}

fn wires(plan: &LabPlan) -> BTreeMap<(String, String), (String, String)> {
    let bridge_of = |port: &str| plan.bridges.iter().find(|b| b.ports.iter().any(|p| p == port));
    let mut wires = BTreeMap::new();
    for cable in plan.cables.iter().filter(|c| c.a.namespace == HOST && c.b.namespace == HOST) {
        let (Some(a), Some(b)) = (bridge_of(&cable.a.device), bridge_of(&cable.b.device)) else { continue };
        let a = (a.name.clone(), cable.a.device.clone());
        let b = (b.name.clone(), cable.b.device.clone());
        wires.insert(a.clone(), b.clone());
        wires.insert(b, a);
    }
    wires
}

/// Returns the result of a row of cases, in words, and whether it is as expected.
pub(super) fn judge(
    bridges: &Bridges,
    from: &PlannedPort,
    cases: &[PacketCase],
    expected: Expected,
) -> (String, bool) {
    let (mut wrong, mut unknown) = (Vec::new(), 0);
    for case in cases {
        let Some(ends) = bridges.ends(from, &case.packet) else {
            unknown += 1;
            continue;
        };
        let there = (case.to.bridge.clone(), case.to.port.clone());
        let good = match expected {
            Expected::Passes => ends.len() == 1 && ends.contains(&there),
            Expected::Denied | Expected::Never => ends.is_empty(),
        };
        if !good {
            let out: Vec<_> = ends.into_iter().map(|(bridge, port)| format!("{port} of {bridge}")).collect();
            let out = if out.is_empty() { "nowhere".to_owned() } else { out.join(", ") };
            wrong.push(format!("{} {} → {} comes out {out}", case.kind, case.source, case.target));
        }
    }
    let word = if expected == Expected::Passes { "passes" } else { "denied" };
    match wrong.first() {
        Some(first) => (format!("{} of {} differ: {first}", wrong.len(), cases.len()), false),
        None if unknown > 0 => (format!("{unknown} of {} cannot be told by the flows", cases.len()), true),
        None => (word.to_owned(), true),
    }
}
