//! Actions that output packets.

use bdd::Variable;
use ofproto::PortNo;
use ofproto::oxm::Field;

use super::branch::Branch;
use crate::verify::symbolic::emission::{At, Emission, Target};
use crate::verify::symbolic::engine::Engine;
use crate::verify::symbolic::layout::{self, IN_PORT};
use crate::verify::symbolic::space;

impl Engine<'_> {
    /// Outputs to the port that some bits hold.
    pub(super) fn output_value(
        &mut self,
        at: At,
        src: &[Variable],
        branch: &Branch,
        out: &mut Vec<Emission>,
    ) {
        for (value, cube) in self.split(branch, src) {
            let mut one = branch.clone();
            one.set = self.diagrams.and(one.set, cube);
            for value in self.members(at.bridge, src, value) {
                let Ok(port) = u16::try_from(value) else { continue };
                self.output(at, PortNo::from_u16(port), &one, out);
            }
        }
    }

    pub(super) fn output(&mut self, at: At, port: PortNo, branch: &Branch, out: &mut Vec<Emission>) {
        match port {
            PortNo::IN_PORT => {
                let bits: Vec<Variable> = (0..16).map(|bit| IN_PORT.bit(bit)).collect();
                for (value, cube) in self.split(branch, &bits) {
                    let mut one = branch.clone();
                    one.set = self.diagrams.and(one.set, cube);
                    for value in self.members(at.bridge, &bits, value) {
                        let port = PortNo::from_u16(u16::try_from(value).unwrap_or(u16::MAX));
                        self.emit(Target::Output(at.bridge, port), &one, out);
                    }
                }
            }
            PortNo::NORMAL | PortNo::FLOOD | PortNo::ALL => {
                let mut branch = branch.clone();
                if port == PortNo::NORMAL {
                    // An access port takes the tag off, and another puts one on.
                    let tag = layout::whole(Field::VlanVid).chain(layout::whole(Field::VlanPcp));
                    branch.forget(tag.collect::<Vec<_>>());
                }
                let ports = self.world.bridges.get(at.bridge).map(|b| b.ports.clone()).unwrap_or_default();
                for port in ports {
                    self.output(at, port, &branch, out);
                }
            }
            PortNo::CONTROLLER => self.emit(Target::Output(at.bridge, port), branch, out),
            PortNo::ANY => {}
            // A packet leaves by its ingress port only with IN_PORT (OpenFlow 1.3.5 §7.2.5).
            port => {
                let is_alone = self.classes.get(at.bridge).is_none_or(|classes| classes.is_alone(port));
                self.emit_but(Target::Output(at.bridge, port), is_alone.then_some(port), branch, out);
            }
        }
    }

    pub(super) fn decrement_ttl(
        &mut self,
        at: At,
        mut branch: Branch,
        open: &mut Vec<Branch>,
        out: &mut Vec<Emission>,
    ) {
        let present = space::present(&mut self.diagrams, Field::IpTtl);
        let absent = self.diagrams.not(present);
        let mut without = branch.clone();
        without.keep(&mut self.diagrams, absent);
        open.push(without);
        branch.keep(&mut self.diagrams, present);
        let last = space::having(&mut self.diagrams, Field::IpTtl, 0, 0xfe);
        let mut ended = branch.clone();
        ended.keep(&mut self.diagrams, last);
        self.output(at, PortNo::CONTROLLER, &ended, out);
        let more = self.diagrams.not(last);
        branch.keep(&mut self.diagrams, more);
        branch.forget(layout::whole(Field::IpTtl).collect::<Vec<_>>());
        open.push(branch);
    }
}
