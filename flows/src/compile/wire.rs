//! Outputs: table 3, and the bridges that only forward a link.

use std::collections::BTreeSet;

use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::address::{self, Family, Range};
use super::admission::{at, tagged};
use super::layout::{self, ADMISSION, FORWARDING};
use super::origin::{OriginKind, Reason};
use super::program::{Asked, Builder, output};
use super::site::Site;
use super::{PortMap, forwards, policy};
use crate::model::FlowMatch;
use crate::network::{LinkRole, NetworkFile};

/// Table 3: the port that policy chose, if it is one of the file's.
pub(super) fn compile_forwarding(out: &mut Builder<'_>, sites: &[Site<'_>]) {
    let kind = OriginKind::Forwarding;
    let mut seen = BTreeSet::new();
    for site in sites {
        let Some(port) = site.port else { continue };
        if !seen.insert(port) {
            continue;
        }
        let matches = FlowMatch::any().with(layout::OUT_PORT, port.0.into());
        let actions = vec![Instruction::ApplyActions(vec![output(port)])];
        let asked = Asked::new(kind, kind.label(), format!("to {} at {}", site.party, site.port_name));
        out.flow(FORWARDING, layout::WIRE, matches, actions, asked);
    }
    out.drop(
        FORWARDING,
        layout::DEFAULT,
        FlowMatch::any(),
        OriginKind::Deny,
        Reason::NoPort,
        "a port that is not there",
    );
}

/// A bridge without networks: each forwarding link passes between its two ports, but for what belongs to
/// another network than the one that the link carries.
pub(super) fn compile_links(out: &mut Builder<'_>, file: &NetworkFile, bridge: &str, ports: &PortMap) {
    let ends: Vec<_> = forwards(file, bridge).collect();
    if ends.is_empty() {
        return;
    }
    tagged(out);
    for (index, a, b) in ends {
        let Some(link) = file.links.get(index) else { continue };
        for name in [a, b].into_iter().filter(|p| !ports.contains_key(*p)) {
            out.missing(name);
        }
        let carries = link.ends.iter().find_map(|e| match &e.role {
            LinkRole::Network { network, .. } => Some(network.as_str()),
            _ => None,
        });
        if let Some(carries) = carries {
            isolate(out, file, carries);
        }
        for (from, to) in [(a, b), (b, a)] {
            let (Some(in_port), Some(out_port)) = (ports.get(from), ports.get(to)) else { continue };
            let actions = vec![Instruction::ApplyActions(vec![output(*out_port)])];
            let asked = Asked::new(OriginKind::Wire, &link.name, format!("{from} to {to}"));
            out.flow(ADMISSION, layout::WIRE, at(*in_port, FlowMatch::any()), actions, asked);
        }
    }
    let detail = "any port that the file does not name";
    out.drop(
        ADMISSION,
        layout::DEFAULT,
        FlowMatch::any(),
        OriginKind::Admission,
        Reason::UnknownPort,
        detail,
    );
}

/// Nothing from or to the subnets of other networks.
fn isolate(out: &mut Builder<'_>, file: &NetworkFile, carries: &str) {
    for other in file.networks.iter().filter(|n| n.name != carries) {
        for range in other.subnets.iter().copied().map(Range::from) {
            policy::into(out, range, &other.name, "", &FlowMatch::any(), ADMISSION);
            let mut from = vec![("from", range.on(range.family.matches(), range.family.src()))];
            if range.family == Family::V4 {
                from.push(("ARP from", range.on(address::arp(), Field::ArpSpa)));
            }
            for (how, matches) in from {
                let detail = format!("{how} {range} of network {}", other.name);
                let mut asked = Asked::drop(OriginKind::Isolation, Reason::Isolation, detail);
                asked.rule = &other.name;
                // Below its twin for destinations: a packet of the other network on both sides is both.
                out.flow(ADMISSION, layout::ISOLATION - 1, matches, Vec::new(), asked);
            }
        }
    }
}
