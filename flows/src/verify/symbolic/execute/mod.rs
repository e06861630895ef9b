//! Executes a program on a set of packets, up to the next lookup.

mod bits;
mod branch;
mod connections;
mod output;

use bdd::{Bdd, Replacement};
use ofproto::action::{Action, Subfield};
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, TableId};

use self::branch::{Branch, assignment, pop_vlan, push_vlan};
use super::changes::Changes;
use super::emission::{At, Emission, Target};
use super::engine::Engine;
use super::layout::{self, IN_PORT};
use super::program::Operation;
use super::registers::Registers;
use super::space;
use super::state::{Continuation, Frame, Place, StateKey};
use super::tracked;
use crate::verify::action_set;
use crate::verify::interp::MAX_DEPTH;

impl Engine<'_> {
    /// Executes the rest of a program on a set of packets.
    pub(super) fn execute(&mut self, at: At, registers: Registers, set: Bdd) -> Vec<Emission> {
        let mut out = Vec::new();
        let changes = Changes::default();
        self.finish(at, Branch { place: at.frame.place, set, registers, changes }, &mut out);
        out
    }

    /// Executes the rest of a program on one way.
    fn finish(&mut self, at: At, branch: Branch, out: &mut Vec<Emission>) {
        let mut open = vec![branch];
        while let Some(mut branch) = open.pop() {
            if branch.set.is_false() {
                continue;
            }
            let Some(operation) = self.programs.operation(at.frame.program, branch.place).cloned() else {
                self.leave(at, branch, out);
                continue;
            };
            branch.place += 1;
            self.operate(at, &operation, branch, &mut open, out);
        }
    }

    fn emit(&mut self, target: Target, branch: &Branch, out: &mut Vec<Emission>) {
        self.emit_but(target, None, branch, out);
    }

    /// Emits packets, but for those that came in at a port.
    fn emit_but(
        &mut self,
        target: Target,
        but_from: Option<PortNo>,
        branch: &Branch,
        out: &mut Vec<Emission>,
    ) {
        if branch.set.is_false() {
            return;
        }
        let kept = self.kept(&target, branch.registers.untagged);
        let Branch { set: before, registers, changes, .. } = branch.clone();
        let set = match but_from {
            None => changes.after(&mut self.diagrams, before, &kept),
            Some(port) => {
                // Without what the target does not read, the sets are small.
                let mut with_port = (*kept).clone();
                with_port.extend(IN_PORT.variables());
                let all = changes.after(&mut self.diagrams, before, &with_port);
                let own = space::from_port(&mut self.diagrams, port);
                let others = self.diagrams.difference(all, own);
                let kept = kept.set(&mut self.diagrams);
                self.diagrams.project(others, kept)
            }
        };
        if !set.is_false() {
            out.push(Emission { target, set, before, changes, but_from, registers, learned: None });
        }
    }

    /// Goes on behind the end of a program.
    fn leave(&mut self, at: At, branch: Branch, out: &mut Vec<Emission>) {
        let continuation = at.frame.parent;
        if self.states.frame(continuation).is_some() {
            let registers = self.states.registers_id(&branch.registers);
            let key = StateKey { bridge: at.bridge, place: Place::Resume, continuation, registers };
            self.emit(Target::State(key), &branch, out);
        } else if continuation == Continuation::END && branch.registers.action_set.is_some() {
            let mut branch = branch;
            let actions = branch.registers.action_set.take();
            let ordered = action_set::ordered(actions.as_deref().map_or(&[][..], Vec::as_slice));
            self.inside(at, ordered, &branch, out);
        }
    }

    /// Executes a list of actions on a copy of the packets. Nothing follows.
    fn inside(&mut self, at: At, actions: Vec<Action>, branch: &Branch, out: &mut Vec<Emission>) {
        let program = self.programs.add(actions.into_iter().map(Operation::Apply).collect());
        let frame = Frame { program, place: 0, parent: Continuation::NOTHING, ..at.frame };
        self.finish(At { frame, ..at }, Branch { place: 0, ..branch.clone() }, out);
    }

    fn operate(
        &mut self,
        at: At,
        operation: &Operation,
        mut branch: Branch,
        open: &mut Vec<Branch>,
        out: &mut Vec<Emission>,
    ) {
        match operation {
            Operation::Apply(action) => return self.act(at, action, branch, open, out),
            Operation::ClearActions => branch.registers.action_set = None,
            Operation::WriteActions(actions) => {
                let set = branch.registers.action_set.get_or_insert_default();
                std::rc::Rc::make_mut(set).extend(actions.iter().cloned());
            }
            Operation::WriteMetadata { value, mask } => {
                let old = branch.registers.value(Field::Metadata);
                let (value, mask) = (u128::from(*value), u128::from(*mask));
                branch.registers.put(Field::Metadata, old & !mask | value & mask);
            }
            Operation::Goto(table) => {
                return self.look_up(at, *table, None, at.frame.parent, at.frame.depth, &branch, out);
            }
            Operation::LoadCopied { dst, src } => return self.load(at, *dst, src, branch, open),
            Operation::OutputCopied { src } => self.output_value(at, src, &branch, out),
            Operation::Unknown(kind) => self.gap(format!("instruction {kind}")),
        }
        open.push(branch);
    }

    fn act(
        &mut self,
        at: At,
        action: &Action,
        mut branch: Branch,
        open: &mut Vec<Branch>,
        out: &mut Vec<Emission>,
    ) {
        match action {
            Action::Output { port, .. } | Action::OutputTrunc { port, .. } => {
                if *port == PortNo::TABLE {
                    self.resubmit(at, None, TableId(0), &branch, out);
                    return;
                }
                self.output(at, *port, &branch, out);
            }
            Action::OutputReg { src, .. } if self.concrete.has(src.field) => {
                if let Ok(port) = u16::try_from(branch.registers.part(*src)) {
                    self.output(at, PortNo::from_u16(port), &branch, out);
                }
            }
            Action::OutputReg { src, .. } => self.output_value(at, &layout::bits(*src), &branch, out),
            Action::Controller(_) => self.output(at, PortNo::CONTROLLER, &branch, out),
            Action::Resubmit { port, table } | Action::ResubmitCt { port, table } => {
                if matches!(action, Action::ResubmitCt { .. }) {
                    self.gap("resubmit(...,ct)".to_owned());
                }
                return self.resubmit(at, *port, table.unwrap_or(at.frame.table), &branch, out);
            }
            Action::SetField(Oxm::Known { field, value, mask })
            | Action::RegLoad2(Oxm::Known { field, value, mask }) => {
                let mask = mask.unwrap_or(field.info().exact());
                if self.concrete.has(*field) {
                    let old = branch.registers.value(*field);
                    branch.registers.put(*field, old & !mask | value & mask);
                } else {
                    let set = (0..128).filter(|bit| mask >> bit & 1 == 1);
                    let pairs = set.filter_map(|bit| {
                        let variable = layout::variable(*field, bit)?;
                        Some((variable, Replacement::Constant(value >> bit & 1 == 1)))
                    });
                    return self.set(*field, pairs.collect(), branch, open);
                }
            }
            Action::Load { dst, value } if self.concrete.has(dst.field) => {
                branch.registers.put_part(*dst, (*value).into());
            }
            Action::Load { dst, value } => {
                let pairs = assignment(*dst, (*value).into());
                return self.set(dst.field, pairs, branch, open);
            }
            Action::Move { src, dst } | Action::CopyField { src, dst } => {
                return self.move_bits(at, *src, *dst, branch, open);
            }
            Action::SetNwTtl(ttl) => {
                let pairs = assignment(Subfield::whole(Field::IpTtl), (*ttl).into());
                return self.set(Field::IpTtl, pairs, branch, open);
            }
            Action::DecNwTtl | Action::DecNwTtlIds(_) => return self.decrement_ttl(at, branch, open, out),
            Action::PushVlan(_) => push_vlan(&mut branch),
            Action::PopVlan => pop_vlan(&mut branch),
            Action::Learn(learn) => return self.learn(at, learn, branch, open, out),
            Action::Ct(ct) => self.track(at, ct, &branch, out),
            Action::CtClear => {
                let pairs = tracked::fields().map(|v| (v, Replacement::Constant(false))).collect();
                branch.assign(pairs);
            }
            Action::Clone(actions) => self.inside(at, actions.clone(), &branch, out),
            Action::Group(group) => {
                let buckets = self.world.bridges.get(at.bridge).and_then(|b| b.groups.get(&group.0)).cloned();
                match buckets {
                    Some(buckets) => {
                        for bucket in buckets {
                            self.inside(at, action_set::ordered(&bucket), &branch, out);
                        }
                    }
                    None => self.gap(format!("group {}", group.0)),
                }
            }
            Action::CheckPktLarger { dst, .. } => return self.either(*dst, &branch, open),
            Action::Exit => return,
            Action::Note(_)
            | Action::FinTimeout { .. }
            | Action::SetQueue(_)
            | Action::PopQueue
            | Action::Sample(_)
            | Action::Conjunction { .. } => {}
            Action::WriteMetadata { value, mask } => {
                let old = branch.registers.value(Field::Metadata);
                let (value, mask) = (u128::from(*value), u128::from(*mask));
                branch.registers.put(Field::Metadata, old & !mask | value & mask);
            }
            // What the rest of the program does with the packet is unknown.
            other => {
                let text = format!("{other:?}");
                let name = text.split(['(', ' ', '{']).next().unwrap_or_default();
                self.gap(format!("action {name}"));
            }
        }
        open.push(branch);
    }

    /// Looks packets up, and goes on with the program afterwards.
    fn resubmit(
        &mut self,
        at: At,
        port: Option<PortNo>,
        table: TableId,
        branch: &Branch,
        out: &mut Vec<Emission>,
    ) {
        let deeper = u32::from(table <= at.frame.table);
        let depth = at.frame.depth + deeper;
        if depth >= MAX_DEPTH {
            // The switch drops the packet, with all its outputs.
            return;
        }
        let last = usize::from(branch.place) == self.programs.operations(at.frame.program).len();
        let continuation = if last {
            at.frame.parent
        } else {
            self.states.waiting(Frame { place: branch.place, ..at.frame })
        };
        let classes = self.classes.get(at.bridge);
        let port = port.map(|port| classes.map_or(port, |classes| classes.representative(port)));
        self.look_up(at, table, port, continuation, depth, branch, out);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a state")]
    fn look_up(
        &mut self,
        at: At,
        table: TableId,
        in_port: Option<PortNo>,
        continuation: Continuation,
        depth: u32,
        branch: &Branch,
        out: &mut Vec<Emission>,
    ) {
        let registers = self.states.registers_id(&branch.registers);
        let place = Place::Lookup { table, in_port, depth };
        let key = StateKey { bridge: at.bridge, place, continuation, registers };
        self.emit(Target::State(key), branch, out);
    }
}
