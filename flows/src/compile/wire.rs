//! Outputs: table 3, and the bridges that only forward a link.

use std::collections::BTreeSet;

use ofproto::PortNo;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};

use super::address::{self, Family, ND_SOLICIT, Range};
use super::admission::{at, tagged};
use super::layout::{self, ADMISSION, FORWARDING};
use super::origin::{OriginKind, Reason};
use super::program::{Asked, Builder, output};
use super::site::{Site, SiteKind, Sites};
use super::{PortMap, forwards};
use crate::model::FlowMatch;
use crate::network::{Inside, LinkRole, NetworkFile};

/// Table 3: the port that policy chose, if it is one of the file's.
pub(super) fn compile_forwarding(out: &mut Builder<'_>, sites: &Sites<'_>) {
    let kind = OriginKind::Forwarding;
    let mut seen = BTreeSet::new();
    for site in &sites.all {
        let (Some(port), vlan) = (site.port, site.network.vlan) else { continue };
        let Some(value) = layout::port_value(port) else { continue };
        // A port may carry several networks, each with a tag of its own.
        if !seen.insert((value, vlan)) {
            continue;
        }
        let mut matches = FlowMatch::any().with(layout::OUT_PORT, value.into());
        if vlan.is_some() {
            matches = matches.with(layout::NETWORK, site.network.number.into());
        }
        let asked = Asked::new(kind, kind.label(), format!("to {} at {}", site.party, site.port_name));
        out.flow(FORWARDING, layout::WIRE, matches, vec![Instruction::ApplyActions(emit(site, port))], asked);
    }
    for network in &sites.networks {
        let members = sites.on(&network.name).filter(|(_, s)| s.kind == SiteKind::Endpoint);
        let members: Vec<&Site<'_>> = members.map(|(_, site)| site).collect();
        let mut flood = |value: u32, to: Vec<&Site<'_>>, what: &str| {
            let actions: Vec<Action> = to.iter().filter_map(|s| Some(emit(s, s.port?))).flatten().collect();
            if actions.is_empty() {
                return;
            }
            let matches = FlowMatch::any()
                .with(layout::NETWORK, network.number.into())
                .with(layout::OUT_PORT, value.into());
            let asked = Asked::new(kind, kind.label(), format!("{what} of {}", network.name));
            out.flow(FORWARDING, layout::WIRE, matches, vec![Instruction::ApplyActions(actions)], asked);
        };
        if network.inside == Inside::Allow {
            flood(layout::EVERYBODY, members.clone(), "to all members");
        }
        let leased = members.into_iter().filter(|s| !s.leases.is_empty()).collect();
        flood(layout::LEASED, leased, "to all whose address is leased");
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

/// Output to a site's port, in the VLAN of its network.
pub(super) fn emit(site: &Site<'_>, port: PortNo) -> Vec<Action> {
    let Some(vlan) = site.network.vlan else { return vec![output(port)] };
    let tag = Oxm::Known { field: Field::VlanVid, value: u128::from(vlan) | 0x1000, mask: None };
    vec![Action::PushVlan(0x8100), Action::SetField(tag), output(port), Action::PopVlan]
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
            let mut to = vec![("to", range.on(range.family.matches(), range.family.dst()))];
            match range.family {
                Family::V4 => to.push(("ARP for", range.on(address::arp(), Field::ArpTpa))),
                Family::V6 => to.push(("ND for", range.on(address::nd(ND_SOLICIT), Field::NdTarget))),
            }
            let mut from = vec![("from", range.on(range.family.matches(), range.family.src()))];
            if range.family == Family::V4 {
                from.push(("ARP from", range.on(address::arp(), Field::ArpSpa)));
            }
            // A packet of the other network on both sides is both: one of the two is below.
            for (priority, list) in [(layout::ISOLATION, to), (layout::ISOLATION - 1, from)] {
                for (how, matches) in list {
                    let detail = format!("{how} {range} of network {}", other.name);
                    let mut asked = Asked::drop(OriginKind::Isolation, Reason::Isolation, detail);
                    asked.rule = &other.name;
                    out.flow(ADMISSION, priority, matches, Vec::new(), asked);
                }
            }
        }
    }
}
