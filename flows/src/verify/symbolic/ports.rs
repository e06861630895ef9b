//! Classes of ingress ports.
//!
//! Parties that registers and questions do not tell apart share one ingress port here, their
//! representative. A flow that matches the port of one of them may then match packets of all. So
//! the sets only grow, and what no packet reaches is still decided. They are much smaller: no set
//! relates ports and addresses any more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use flow_model::Flow;
use ofproto::PortNo;
use ofproto::action::{Action, LearnSpec, LearnSrc};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};

use super::world::{BridgeInput, BridgePort, World};

/// The classes of one bridge's ports.
#[derive(Debug, Clone, Default)]
pub(super) struct PortClasses {
    /// The ports of each class of more than one, by each of them. The first is the representative.
    members: HashMap<PortNo, Rc<[PortNo]>>,
}

impl PortClasses {
    /// Returns the classes of each bridge's ports: those with one mark that admission treats alike.
    /// Returns no classes if flows do more with an ingress port than to match it, to output to it,
    /// and to load it into a register.
    pub(super) fn of(world: &World<'_>, marks: &BTreeMap<BridgePort, u32>) -> Vec<Self> {
        let flows = || world.bridges.iter().flat_map(BridgeInput::flows).map(|(flow, _)| flow);
        if flows().any(moves_ports) {
            return world.bridges.iter().map(|_| Self::default()).collect();
        }
        let of_bridge = |(number, bridge): (usize, &BridgeInput<'_>)| {
            let mut admitted: HashMap<PortNo, Admitted<'_>> = HashMap::new();
            for flow in bridge.flows().map(|(flow, _)| flow).filter(|flow| flow.table.0 == 0) {
                if let Some(port) = flow.matches.in_port() {
                    admitted.entry(port).or_default().insert(&flow.instructions);
                }
            }
            // Ports of wires and hosts keep their own number: packets come from elsewhere there.
            let apart = |port: &&PortNo| world.onward((number, **port)).is_empty();
            let mut classes: Vec<(Option<u32>, Admitted<'_>, Vec<PortNo>)> = Vec::new();
            for port in bridge.ports.iter().filter(apart) {
                let mark = marks.get(&(number, *port)).copied();
                let programs = admitted.remove(port).unwrap_or_default();
                match classes.iter_mut().find(|class| class.0 == mark && class.1 == programs) {
                    Some(class) => class.2.push(*port),
                    None => classes.push((mark, programs, vec![*port])),
                }
            }
            let mut this = Self::default();
            for (_, _, ports) in classes.into_iter().filter(|class| class.2.len() > 1) {
                let ports: Rc<[PortNo]> = ports.into();
                this.members.extend(ports.iter().map(|port| (*port, Rc::clone(&ports))));
            }
            this
        };
        world.bridges.iter().enumerate().map(of_bridge).collect()
    }

    /// Returns the ports of a port's class.
    pub(super) fn members(&self, port: PortNo) -> Vec<PortNo> {
        self.members.get(&port).map_or_else(|| vec![port], |ports| ports.to_vec())
    }

    /// Returns the representative of a port's class.
    pub(super) fn representative(&self, port: PortNo) -> PortNo {
        self.members.get(&port).and_then(|ports| ports.first()).copied().unwrap_or(port)
    }

    /// Returns whether the port is alone in its class.
    pub(super) fn is_alone(&self, port: PortNo) -> bool {
        !self.members.contains_key(&port)
    }
}

/// What admission does with the packets of a port.
type Admitted<'f> = HashSet<&'f [Instruction]>;

/// Returns whether a flow copies ingress ports to where they are compared with others.
fn moves_ports(flow: &Flow) -> bool {
    let is_port = |field: Field| matches!(field, Field::InPort | Field::InPortOxm);
    let is_register = |field: Field| field >= Field::Reg0 && field <= Field::Reg31;
    flow.actions().any(|action| match action {
        Action::Move { src, dst } | Action::CopyField { src, dst } => {
            is_port(dst.field) || is_port(src.field) && !is_register(dst.field)
        }
        Action::Load { dst, .. } => is_port(dst.field),
        Action::SetField(Oxm::Known { field, .. }) | Action::RegLoad2(Oxm::Known { field, .. }) => {
            is_port(*field)
        }
        Action::Push(sub) | Action::Pop(sub) => is_port(sub.field),
        Action::Learn(learn) => learn.specs.iter().any(|spec| match spec {
            LearnSpec::Match { dst, src: LearnSrc::Field(src) } => {
                is_port(src.field) || is_port(dst.field) && !is_register(src.field)
            }
            LearnSpec::Load { dst, src: LearnSrc::Field(src) } => {
                is_port(src.field) && !is_register(dst.field)
            }
            _ => false,
        }),
        _ => false,
    })
}
