//! Executes a program on a set of packets, up to the next lookup.

use std::collections::BTreeMap;

use bdd::{Bdd, Diagrams, Replacement, Variable};
use ofproto::action::{Action, CT_COMMIT, Ct, CtZone, Learn, Subfield};
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, TableId};

use super::emission::{At, Emission, Step, Target};
use super::engine::Engine;
use super::layout::{self, IN_PORT, INNER_TAG, SCRATCH, is_register};
use super::learned::LearnedRule;
use super::program::Operation;
use super::registers::Registers;
use super::space;
use super::state::{Continuation, Frame, Place, StateKey};
use super::tracked;
use crate::verify::action_set;
use crate::verify::interp::{MAX_DEPTH, VLAN_PRESENT};

/// The maximum number of values by which one set is split.
const MAX_VALUES: usize = 1 << 17;

/// Packets on one way through a program.
#[derive(Debug, Clone)]
struct Branch {
    place: u16,
    set: Bdd,
    registers: Registers,
    steps: Vec<Step>,
}

impl Branch {
    fn step(&mut self, at: At, step: Step) {
        if at.record {
            self.steps.push(step);
        }
    }

    fn keep(&mut self, diagrams: &mut Diagrams, at: At, set: Bdd) {
        self.set = diagrams.and(self.set, set);
        self.step(at, Step::Keep(set));
    }

    fn forget(&mut self, diagrams: &mut Diagrams, at: At, variables: impl IntoIterator<Item = Variable>) {
        let set = diagrams.set(variables);
        self.set = diagrams.exists(self.set, set);
        self.step(at, Step::Forget(set));
    }

    /// Gives variables new values, all at once.
    fn assign(&mut self, diagrams: &mut Diagrams, at: At, mut pairs: Vec<(Variable, Replacement)>) {
        pairs.retain(|(variable, to)| *to != Replacement::Variable(*variable));
        let assigned = |variable: Variable| pairs.iter().any(|(known, _)| *known == variable);
        let (mut constant, mut copies) = (Vec::new(), Vec::new());
        for (variable, to) in &pairs {
            match to {
                Replacement::Constant(value) => constant.push((*variable, *value)),
                Replacement::Variable(from) => copies.push((*variable, *from)),
            }
        }
        // A variable that is read and written keeps its old value in another one meanwhile.
        let both = copies.iter().map(|(_, from)| *from).filter(|from| assigned(*from));
        let kept: BTreeMap<Variable, Variable> = both.zip(SCRATCH.variables()).collect();
        let pairs_kept = kept.iter().map(|(variable, scratch)| (*variable, Replacement::Variable(*scratch)));
        let keeping = diagrams.substitution(pairs_kept.collect::<Vec<_>>());
        self.set = diagrams.replace(self.set, keeping);
        let written = diagrams.set(pairs.iter().map(|(variable, _)| *variable));
        self.set = diagrams.exists(self.set, written);
        for (to, from) in copies {
            let from = kept.get(&from).copied().unwrap_or(from);
            let (to, from) = (diagrams.variable(to), diagrams.variable(from));
            let (one, other) = (diagrams.difference(to, from), diagrams.difference(from, to));
            let differ = diagrams.or(one, other);
            self.set = diagrams.difference(self.set, differ);
        }
        let constant = diagrams.cube(constant);
        self.set = diagrams.and(self.set, constant);
        let scratch = diagrams.set(kept.into_values());
        self.set = diagrams.exists(self.set, scratch);
        self.step(at, Step::Assign(pairs));
    }
}

/// Returns the assignment of a value to bits, the lowest bit first.
fn constants(bits: &[Variable], value: u128) -> Vec<(Variable, Replacement)> {
    bits.iter().zip(0..).map(|(bit, n)| (*bit, Replacement::Constant(value >> n & 1 == 1))).collect()
}

impl Engine<'_> {
    /// Executes the rest of a program on a set of packets.
    pub(super) fn execute(&mut self, at: At, registers: Registers, set: Bdd) -> Vec<Emission> {
        let mut out = Vec::new();
        let mut open = vec![Branch { place: at.frame.place, set, registers, steps: Vec::new() }];
        while let Some(mut branch) = open.pop() {
            if branch.set.is_false() {
                continue;
            }
            let Some(operation) = self.programs.operation(at.frame.program, branch.place).cloned() else {
                self.leave(at, branch, &mut out);
                continue;
            };
            branch.place += 1;
            self.operate(at, &operation, branch, &mut open, &mut out);
        }
        out
    }

    fn emit(&self, target: Target, branch: &Branch, out: &mut Vec<Emission>) {
        if !branch.set.is_false() {
            let Branch { set, registers, steps, .. } = branch.clone();
            out.push(Emission { target, set, registers, steps, learned: None });
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
            let Branch { set, mut registers, steps, .. } = branch;
            let actions = registers.action_set.take();
            let ordered = action_set::ordered(actions.as_deref().map_or(&[][..], Vec::as_slice));
            let operations = ordered.into_iter().map(Operation::Apply).collect();
            let program = self.programs.add(operations);
            let frame = Frame { program, place: 0, parent: Continuation::NOTHING, ..at.frame };
            self.inside(At { frame, ..at }, set, registers, &steps, out);
        }
    }

    /// Executes a program of its own on a copy of the packets.
    fn inside(&mut self, at: At, set: Bdd, registers: Registers, before: &[Step], out: &mut Vec<Emission>) {
        for mut emission in self.execute(at, registers, set) {
            emission.steps.splice(0..0, before.iter().cloned());
            out.push(emission);
        }
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
            Action::OutputReg { src, .. } if is_register(src.field) => {
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
                if is_register(*field) {
                    let old = branch.registers.value(*field);
                    branch.registers.put(*field, old & !mask | value & mask);
                } else {
                    let set = (0..128).filter(|bit| mask >> bit & 1 == 1);
                    let pairs = set.filter_map(|bit| {
                        let variable = layout::variable(*field, bit)?;
                        Some((variable, Replacement::Constant(value >> bit & 1 == 1)))
                    });
                    return self.set(at, *field, pairs.collect(), branch, open);
                }
            }
            Action::Load { dst, value } if is_register(dst.field) => {
                branch.registers.put_part(*dst, (*value).into());
            }
            Action::Load { dst, value } => {
                let pairs = constants(&layout::bits(*dst), (*value).into());
                return self.set(at, dst.field, pairs, branch, open);
            }
            Action::Move { src, dst } | Action::CopyField { src, dst } => {
                return self.move_bits(at, *src, *dst, branch, open);
            }
            Action::SetNwTtl(ttl) => {
                let pairs = constants(&layout::bits(Subfield::whole(Field::IpTtl)), (*ttl).into());
                return self.set(at, Field::IpTtl, pairs, branch, open);
            }
            Action::DecNwTtl | Action::DecNwTtlIds(_) => return self.decrement_ttl(at, branch, open, out),
            Action::PushVlan(_) => self.push_vlan(at, &mut branch),
            Action::PopVlan => self.pop_vlan(at, &mut branch),
            Action::Learn(learn) => return self.learn(at, learn, branch, open, out),
            Action::Ct(ct) => self.track(at, ct, &branch, out),
            Action::CtClear => {
                let pairs = tracked::fields().map(|v| (v, Replacement::Constant(false))).collect();
                branch.assign(&mut self.diagrams, at, pairs);
            }
            Action::Clone(actions) => {
                let operations = actions.iter().cloned().map(Operation::Apply).collect();
                let program = self.programs.add(operations);
                let frame = Frame { program, place: 0, parent: Continuation::NOTHING, ..at.frame };
                let (set, registers) = (branch.set, branch.registers.clone());
                self.inside(At { frame, ..at }, set, registers, &branch.steps.clone(), out);
            }
            Action::Group(group) => {
                let buckets = self.world.bridges.get(at.bridge).and_then(|b| b.groups.get(&group.0)).cloned();
                match buckets {
                    Some(buckets) => {
                        for bucket in buckets {
                            let ordered = action_set::ordered(&bucket);
                            let operations = ordered.into_iter().map(Operation::Apply).collect();
                            let program = self.programs.add(operations);
                            let frame =
                                Frame { program, place: 0, parent: Continuation::NOTHING, ..at.frame };
                            let (set, registers) = (branch.set, branch.registers.clone());
                            self.inside(At { frame, ..at }, set, registers, &branch.steps.clone(), out);
                        }
                    }
                    None => self.gap(format!("group {}", group.0)),
                }
            }
            Action::CheckPktLarger { dst, .. } => {
                let mut other = branch.clone();
                other.registers.put_part(*dst, 1);
                open.push(other);
                branch.registers.put_part(*dst, 0);
            }
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
            self.approximates("a resubmit deeper than Open vSwitch follows");
            return;
        }
        let last = usize::from(branch.place) == self.programs.operations(at.frame.program).len();
        let continuation = if last {
            at.frame.parent
        } else {
            self.states.waiting(Frame { place: branch.place, ..at.frame })
        };
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

    /// Sets bits of a header field. A packet without the field stays as it is.
    fn set(
        &mut self,
        at: At,
        field: Field,
        pairs: Vec<(Variable, Replacement)>,
        mut branch: Branch,
        open: &mut Vec<Branch>,
    ) {
        let present = space::present(&mut self.diagrams, field);
        if !present.is_true() {
            let absent = self.diagrams.not(present);
            let mut without = branch.clone();
            without.keep(&mut self.diagrams, at, absent);
            open.push(without);
            branch.keep(&mut self.diagrams, at, present);
        }
        branch.assign(&mut self.diagrams, at, pairs);
        open.push(branch);
    }

    fn move_bits(
        &mut self,
        at: At,
        src: Subfield,
        dst: Subfield,
        mut branch: Branch,
        open: &mut Vec<Branch>,
    ) {
        match (is_register(src.field), is_register(dst.field)) {
            (true, true) => {
                let value = branch.registers.part(src);
                branch.registers.put_part(dst, value);
                open.push(branch);
            }
            (true, false) => {
                let pairs = constants(&layout::bits(dst), branch.registers.part(src));
                self.set(at, dst.field, pairs, branch, open);
            }
            (false, true) => {
                let present = space::present(&mut self.diagrams, src.field);
                if !present.is_true() {
                    let absent = self.diagrams.not(present);
                    let mut without = branch.clone();
                    without.keep(&mut self.diagrams, at, absent);
                    open.push(without);
                    branch.keep(&mut self.diagrams, at, present);
                }
                self.load(at, dst, &layout::bits(src), branch, open);
            }
            (false, false) => {
                let pairs = (0..src.n_bits).filter_map(|bit| {
                    let to = layout::variable(dst.field, dst.ofs + bit)?;
                    let from = layout::variable(src.field, src.ofs + bit);
                    Some((to, from.map_or(Replacement::Constant(false), Replacement::Variable)))
                });
                self.set(at, dst.field, pairs.collect(), branch, open);
            }
        }
    }

    /// Splits packets by the value of some bits, the lowest bit first.
    fn split(&mut self, set: Bdd, bits: &[Variable]) -> Vec<(u128, Bdd)> {
        let mut ordered: Vec<Variable> = bits.to_vec();
        ordered.sort_unstable();
        let only = self.diagrams.set(ordered.iter().copied());
        let values = self.diagrams.project(set, only);
        let Some(values) = self.diagrams.values(values, &ordered, MAX_VALUES) else {
            self.gap("a copy of more values than can be told apart".to_owned());
            return Vec::new();
        };
        let split = values.into_iter().map(|value| {
            let width = ordered.len();
            let bit = |place: usize| value >> (width - 1 - place) & 1 == 1;
            let literals: Vec<_> = ordered.iter().enumerate().map(|(n, v)| (*v, bit(n))).collect();
            let own = literals.iter().cloned();
            let number = bits.iter().zip(0..).fold(0_u128, |number, (variable, n)| {
                let one = literals.iter().any(|(v, value)| v == variable && *value);
                number | u128::from(one) << n
            });
            let cube = self.diagrams.cube(own);
            (number, cube)
        });
        split.collect()
    }

    /// Loads header bits, the lowest first, into bits of a field: one way for each value.
    fn load(&mut self, at: At, dst: Subfield, src: &[Variable], branch: Branch, open: &mut Vec<Branch>) {
        for (value, cube) in self.split(branch.set, src) {
            let mut one = branch.clone();
            one.keep(&mut self.diagrams, at, cube);
            if is_register(dst.field) {
                one.registers.put_part(dst, value);
                open.push(one);
            } else {
                self.set(at, dst.field, constants(&layout::bits(dst), value), one, open);
            }
        }
    }

    /// Outputs to the port that some bits hold.
    fn output_value(&mut self, at: At, src: &[Variable], branch: &Branch, out: &mut Vec<Emission>) {
        for (value, cube) in self.split(branch.set, src) {
            let Ok(port) = u16::try_from(value) else { continue };
            let mut one = branch.clone();
            one.keep(&mut self.diagrams, at, cube);
            self.output(at, PortNo::from_u16(port), &one, out);
        }
    }

    fn output(&mut self, at: At, port: PortNo, branch: &Branch, out: &mut Vec<Emission>) {
        match port {
            PortNo::IN_PORT => {
                let bits: Vec<Variable> = (0..16).map(|bit| IN_PORT.bit(bit)).collect();
                for (value, cube) in self.split(branch.set, &bits) {
                    let mut one = branch.clone();
                    one.keep(&mut self.diagrams, at, cube);
                    let port = PortNo::from_u16(u16::try_from(value).unwrap_or(u16::MAX));
                    self.emit(Target::Output(port), &one, out);
                }
            }
            PortNo::NORMAL | PortNo::FLOOD | PortNo::ALL => {
                let mut branch = branch.clone();
                if port == PortNo::NORMAL {
                    // An access port takes the tag off, and another puts one on.
                    let tag = layout::whole(Field::VlanVid).chain(layout::whole(Field::VlanPcp));
                    branch.forget(&mut self.diagrams, at, tag.collect::<Vec<_>>());
                }
                let ports = self.world.bridges.get(at.bridge).map(|b| b.ports.clone()).unwrap_or_default();
                for port in ports {
                    self.output(at, port, &branch, out);
                }
            }
            PortNo::CONTROLLER => self.emit(Target::Output(port), branch, out),
            PortNo::ANY => {}
            // A packet leaves by its ingress port only with IN_PORT (OpenFlow 1.3.5 §7.2.5).
            port => {
                let own = space::from_port(&mut self.diagrams, port);
                let other = self.diagrams.not(own);
                let mut branch = branch.clone();
                branch.keep(&mut self.diagrams, at, other);
                self.emit(Target::Output(port), &branch, out);
            }
        }
    }

    fn decrement_ttl(&mut self, at: At, mut branch: Branch, open: &mut Vec<Branch>, out: &mut Vec<Emission>) {
        let present = space::present(&mut self.diagrams, Field::IpTtl);
        let absent = self.diagrams.not(present);
        let mut without = branch.clone();
        without.keep(&mut self.diagrams, at, absent);
        open.push(without);
        branch.keep(&mut self.diagrams, at, present);
        let last = space::having(&mut self.diagrams, Field::IpTtl, 0, 0xfe);
        let mut ended = branch.clone();
        ended.keep(&mut self.diagrams, at, last);
        self.output(at, PortNo::CONTROLLER, &ended, out);
        let more = self.diagrams.not(last);
        branch.keep(&mut self.diagrams, at, more);
        branch.forget(&mut self.diagrams, at, layout::whole(Field::IpTtl).collect::<Vec<_>>());
        open.push(branch);
    }

    fn push_vlan(&mut self, at: At, branch: &mut Branch) {
        let tci: Vec<Variable> = layout::bits(Subfield { field: Field::VlanTci, ofs: 0, n_bits: 16 });
        let inner = (0..16).map(|bit| INNER_TAG.bit(bit));
        let copy = inner.zip(tci.iter().map(|v| Replacement::Variable(*v))).collect();
        branch.assign(&mut self.diagrams, at, copy);
        branch.assign(&mut self.diagrams, at, constants(&tci, VLAN_PRESENT));
    }

    fn pop_vlan(&mut self, at: At, branch: &mut Branch) {
        let tci: Vec<Variable> = layout::bits(Subfield { field: Field::VlanTci, ofs: 0, n_bits: 16 });
        let inner: Vec<Variable> = (0..16).map(|bit| INNER_TAG.bit(bit)).collect();
        let copy = tci.iter().copied().zip(inner.iter().map(|v| Replacement::Variable(*v))).collect();
        branch.assign(&mut self.diagrams, at, copy);
        branch.assign(&mut self.diagrams, at, constants(&inner, 0));
        branch.registers.untagged = true;
    }

    fn learn(
        &mut self,
        at: At,
        learn: &Learn,
        mut branch: Branch,
        open: &mut Vec<Branch>,
        out: &mut Vec<Emission>,
    ) {
        let rule = self.learned_rule(at, learn, &branch.registers, branch.place);
        self.emit(Target::Learner(rule), &branch, out);
        if let Some(dst) = learn.result_dst {
            // Nobody knows whether the limit was reached.
            for value in [0, 1] {
                let mut one = branch.clone();
                if is_register(dst.field) {
                    one.registers.put_part(dst, value);
                    open.push(one);
                } else {
                    self.set(at, dst.field, constants(&layout::bits(dst), value), one, open);
                }
            }
            return;
        }
        branch.step(at, Step::Keep(Bdd::TRUE));
        open.push(branch);
    }

    /// Returns the number of the rule of a learner with these register values.
    fn learned_rule(&mut self, at: At, learn: &Learn, registers: &Registers, place: u16) -> usize {
        let copied = super::learned::copied_registers(learn, registers);
        let key = (at.bridge, at.frame.program, place, copied);
        if let Some(known) = self.rule_numbers.get(&key) {
            return *known;
        }
        let rule = LearnedRule::new(at.bridge, learn, registers, &mut self.programs);
        self.rules.push(rule);
        self.rule_numbers.insert(key, self.rules.len() - 1);
        self.rules.len() - 1
    }

    /// Tracks a connection: remembers it, and looks a copy of the packet up with its state.
    fn track(&mut self, at: At, ct: &Ct, branch: &Branch, out: &mut Vec<Emission>) {
        if ct.actions.iter().any(|action| matches!(action, Action::Nat(_))) {
            self.gap("nat of a connection".to_owned());
        }
        let zones: Vec<(u128, Branch)> = match ct.zone {
            CtZone::Immediate(zone) => vec![(zone.into(), branch.clone())],
            CtZone::Field(src) if is_register(src.field) => {
                vec![(branch.registers.part(src), branch.clone())]
            }
            CtZone::Field(src) => {
                let values = self.split(branch.set, &layout::bits(src));
                let of = |(value, cube), diagrams: &mut Diagrams| {
                    let mut one = branch.clone();
                    one.keep(diagrams, at, cube);
                    (value, one)
                };
                values.into_iter().map(|value| of(value, &mut self.diagrams)).collect()
            }
        };
        for (zone, branch) in zones {
            if ct.flags & CT_COMMIT != 0 {
                self.commit(at, ct, zone, branch.clone(), out);
            }
            if let Some(table) = ct.table {
                self.tracked_lookup(at, table, zone, branch, out);
            }
        }
    }

    /// Remembers connections, with the mark and label that the nested actions give them.
    fn commit(&mut self, at: At, ct: &Ct, zone: u128, mut branch: Branch, out: &mut Vec<Emission>) {
        let zero = tracked::fields().map(|v| (v, Replacement::Constant(false))).collect();
        branch.assign(&mut self.diagrams, at, zero);
        let zone = constants(&layout::bits(Subfield::whole(Field::CtZone)), zone);
        branch.assign(&mut self.diagrams, at, zone);
        let mut ways = vec![branch];
        for action in &ct.actions {
            let mut next = Vec::new();
            for mut way in ways {
                // A copy of header bits needs no other name: the connection keeps no packet.
                way.place = 0;
                self.act(at, action, way, &mut next, &mut Vec::new());
            }
            ways = next;
        }
        for way in ways {
            self.emit(Target::Tracker, &way, out);
        }
    }

    fn tracked_lookup(
        &mut self,
        at: At,
        table: TableId,
        zone: u128,
        branch: Branch,
        out: &mut Vec<Emission>,
    ) {
        self.looked_up_connections = true;
        let connections = self.trackers.get(at.bridge).map_or(Bdd::FALSE, |tracker| tracker.connections);
        let mut base = branch;
        base.registers.action_set = None;
        base.forget(&mut self.diagrams, at, tracked::fields().collect::<Vec<_>>());
        let zone = constants(&layout::bits(Subfield::whole(Field::CtZone)), zone);
        base.assign(&mut self.diagrams, at, zone);
        for (state, set) in tracked::states(&mut self.diagrams, connections) {
            let mut one = base.clone();
            one.keep(&mut self.diagrams, at, set);
            let state = constants(&layout::bits(Subfield::whole(Field::CtState)), state);
            one.assign(&mut self.diagrams, at, state);
            self.look_up(at, table, None, Continuation::END, 0, &one, out);
        }
    }
}
