//! Outputs: table 3, and the bridges that only forward a link.

use flow_model::FlowMatch;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, ethertype, icmpv6};

use crate::compile::input::attachment_point::{AttachmentPoint, AttachmentPoints};
use crate::compile::output::program::{FlowSpec, ProgramBuilder, output};
use crate::compile::tables::sender::{at, tagged};
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{AddressUse, Flood, FlowIdentity};
use crate::compile::vocabulary::layout::{ADMISSION, FORWARDING};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::{address, layout};
use crate::compile::{PortMap, forwards};
use crate::network::{Inside, Network, NetworkFile};

/// Compiles table 3: the output to the port that policy chose, if the file knows it.
pub(in crate::compile) fn compile_forwarding(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>) {
    let network = sites.network;
    // A port may carry several networks, each with a tag of its own.
    for site in sites.all.iter().filter(|site| site.first_out) {
        let Some(port) = site.port else { continue };
        let Some(value) = layout::port_value(port) else { continue };
        let mut matches = FlowMatch::any().with(layout::OUT_PORT, value.into());
        if network.vlan.is_some() {
            matches = matches.with(layout::NETWORK, network.number.into());
        }
        let identity = FlowIdentity::Output { port: site.port_name, vlan: network.vlan };
        let asked = FlowSpec::new(identity, format!("to {} at {}", site.party, site.port_name));
        let actions = vec![Instruction::ApplyActions(emit(network, port))];
        out.flow(FORWARDING, layout::WIRE, matches, actions, asked);
    }
    let members: Vec<&AttachmentPoint<'_>> = sites.members().map(|(_, site)| site).collect();
    let mut flood = |value: u32, to: Vec<&AttachmentPoint<'_>>, flood, what: &str| {
        let actions: Vec<Action> = to.iter().filter_map(|s| Some(emit(network, s.port?))).flatten().collect();
        if actions.is_empty() {
            return;
        }
        let matches = FlowMatch::any()
            .with(layout::NETWORK, network.number.into())
            .with(layout::OUT_PORT, value.into());
        let identity = FlowIdentity::FloodOutput { network: &network.name, flood };
        let asked = FlowSpec::new(identity, format!("{what} of {}", network.name));
        out.flow(FORWARDING, layout::WIRE, matches, vec![Instruction::ApplyActions(actions)], asked);
    };
    if network.inside == Inside::Allow {
        flood(layout::EVERYBODY, members.clone(), Flood::Members, "to all members");
    }
    if sites.autoconfigured {
        let leased = members.into_iter().filter(|s| s.leased(AddressFamily::V6).next().is_some()).collect();
        flood(layout::LEASED, leased, Flood::Autoconfigured, "to all who make their addresses");
    }
}

/// Compiles the table miss of table 3.
pub(in crate::compile) fn common(out: &mut ProgramBuilder<'_>) {
    let (identity, reason) = (FlowIdentity::TableMiss { table: FORWARDING }, Reason::NoPort);
    out.drop(FORWARDING, layout::DEFAULT, FlowMatch::any(), identity, reason, "a port that is not there");
}

/// Returns the actions that output to a port of a network, in its VLAN.
pub(in crate::compile) fn emit(network: &Network, port: PortNo) -> Vec<Action> {
    let Some(vlan) = network.vlan else { return vec![output(port)] };
    let tag = Oxm::Known { field: Field::VlanVid, value: u128::from(vlan) | 0x1000, mask: None };
    vec![Action::PushVlan(ethertype::VLAN), Action::SetField(tag), output(port), Action::PopVlan]
}

/// Compiles a bridge without networks. Each forwarding link passes packets between its two ports,
/// except those of another network than the one it carries.
pub(in crate::compile) fn compile_links(
    out: &mut ProgramBuilder<'_>,
    file: &NetworkFile,
    bridge: &str,
    ports: &PortMap,
) {
    let ends: Vec<_> = forwards(file, bridge).collect();
    if ends.is_empty() {
        return;
    }
    let carried = |index: &usize| {
        let ends = file.links.get(*index).map_or(&[][..], |link| &link.ends);
        ends.iter().find_map(|end| file.network(end.network()?))
    };
    let untagged =
        !ends.iter().any(|(index, ..)| carried(index).is_some_and(|network| network.vlan.is_some()));
    if untagged {
        tagged(out);
    }
    let alone = ends.len() == 1;
    for (index, a, b) in ends {
        let Some(link) = file.links.get(index) else { continue };
        for name in [a, b].into_iter().filter(|p| !ports.contains_key(*p)) {
            out.missing(name);
        }
        let carries = carried(&index);
        if let (true, Some(carries)) = (alone, carries) {
            isolate(out, file, &carries.name, None);
        }
        for (from, to) in [(a, b), (b, a)] {
            let (Some(in_port), Some(out_port)) = (ports.get(from), ports.get(to)) else { continue };
            // Traffic that is foreign to one link belongs to another.
            if let (false, Some(carries)) = (alone, carries) {
                isolate(out, file, &carries.name, Some((from, *in_port)));
            }
            let actions = vec![Instruction::ApplyActions(vec![output(*out_port)])];
            let identity = FlowIdentity::Wire { link: &link.name, from, to };
            let asked = FlowSpec::new(identity, format!("{from} to {to}")).of(&link.name);
            let vlan = carries.and_then(|network| network.vlan).map_or(0, |vlan| u128::from(vlan) | 0x1000);
            let matches = at(*in_port, FlowMatch::any());
            if untagged {
                out.flow(ADMISSION, layout::WIRE, matches, actions, asked);
                continue;
            }
            out.flow(ADMISSION, layout::WIRE, matches.clone().with(Field::VlanVid, vlan), actions, asked);
            let detail = format!("{from}: frames with another tag");
            let identity = FlowIdentity::WireTag { port: from };
            out.drop(ADMISSION, layout::WIRE - 1, matches, identity, Reason::Tagged, detail);
        }
    }
    let detail = "any port that the file does not name";
    let identity = FlowIdentity::TableMiss { table: ADMISSION };
    out.drop(ADMISSION, layout::DEFAULT, FlowMatch::any(), identity, Reason::UnknownPort, detail);
}

/// Drops packets from or to the subnets of other networks.
fn isolate(out: &mut ProgramBuilder<'_>, file: &NetworkFile, carries: &str, arrives: Option<(&str, PortNo)>) {
    for other in file.networks.iter().filter(|n| n.name != carries) {
        for range in other.subnets.iter().copied().map(AddressRange::from) {
            let ip = range.family.matches();
            let to = range.on(ip.clone(), range.family.dst());
            let mut to = vec![(AddressUse::IpDestination, "to", to)];
            to.push(match range.family {
                AddressFamily::V4 => {
                    (AddressUse::ArpTarget, "ARP for", range.on(address::arp(), Field::ArpTpa))
                }
                AddressFamily::V6 => {
                    let solicit = range.on(address::nd(icmpv6::NEIGHBOUR_SOLICITATION), Field::NdTarget);
                    (AddressUse::NdSolicitationTarget, "ND for", solicit)
                }
            });
            let mut from = vec![(AddressUse::IpSource, "from", range.on(ip, range.family.src()))];
            if range.family == AddressFamily::V4 {
                from.push((AddressUse::ArpSource, "ARP from", range.on(address::arp(), Field::ArpSpa)));
            }
            // A packet with both ends in the other network matches both lists, so one list has a
            // lower priority.
            for (priority, list) in [(layout::ISOLATION, to), (layout::ISOLATION - 1, from)] {
                for (packets, how, matches) in list {
                    let mut detail = format!("{how} {range} of network {}", other.name);
                    let mut matches = matches;
                    if let Some((name, port)) = arrives {
                        detail = format!("{name}: {detail}");
                        matches = at(port, matches);
                    }
                    let (network, port) = (other.name.as_str(), arrives.map(|(name, _)| name));
                    let identity = FlowIdentity::WireIsolation { network, port, packets, range };
                    let asked = FlowSpec::drop(identity, Reason::Isolation, detail).of(network);
                    out.flow(ADMISSION, priority, matches, Vec::new(), asked);
                }
            }
        }
    }
}
