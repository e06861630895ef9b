//! Executes a program on a set of packets, up to the next lookup.

use bdd::{Bdd, Diagrams, Replacement, Variable};
use ofproto::action::{Action, CT_COMMIT, Ct, CtZone, Learn, Subfield};
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, TableId};

use super::changes::{Changes, Value};
use super::emission::{At, Emission, Target};
use super::engine::Engine;
use super::layout::{self, IN_PORT, INNER_TAG};
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
    /// The packets as they came.
    set: Bdd,
    registers: Registers,
    changes: Changes,
}

impl Branch {
    /// Keeps the packets that are in a set now.
    fn keep(&mut self, diagrams: &mut Diagrams, set: Bdd) {
        let before = self.changes.before(diagrams, set);
        self.set = diagrams.and(self.set, before);
    }

    fn forget(&mut self, variables: impl IntoIterator<Item = Variable>) {
        self.changes.forget(variables);
    }

    fn assign(&mut self, pairs: Vec<(Variable, Replacement)>) {
        self.changes.assign(pairs);
    }
}

/// Returns the assignment of a value to bits of a field.
fn assignment(sub: Subfield, value: u128) -> Vec<(Variable, Replacement)> {
    let bit = |n: u16| {
        Some((layout::variable(sub.field, sub.ofs + n)?, Replacement::Constant(value >> n & 1 == 1)))
    };
    (0..sub.n_bits).filter_map(bit).collect()
}

/// Returns the assignment of a value to variables, the lowest bit first.
fn constants(bits: &[Variable], value: u128) -> Vec<(Variable, Replacement)> {
    bits.iter().zip(0..).map(|(bit, n)| (*bit, Replacement::Constant(value >> n & 1 == 1))).collect()
}

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
        field: Field,
        pairs: Vec<(Variable, Replacement)>,
        mut branch: Branch,
        open: &mut Vec<Branch>,
    ) {
        let present = space::present(&mut self.diagrams, field);
        if !present.is_true() {
            let absent = self.diagrams.not(present);
            let mut without = branch.clone();
            without.keep(&mut self.diagrams, absent);
            open.push(without);
            branch.keep(&mut self.diagrams, present);
        }
        branch.assign(pairs);
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
        match (self.concrete.has(src.field), self.concrete.has(dst.field)) {
            (true, true) => {
                let value = branch.registers.part(src);
                branch.registers.put_part(dst, value);
                open.push(branch);
            }
            (true, false) => {
                let pairs = assignment(dst, branch.registers.part(src));
                self.set(dst.field, pairs, branch, open);
            }
            (false, true) => {
                let present = space::present(&mut self.diagrams, src.field);
                if !present.is_true() {
                    let absent = self.diagrams.not(present);
                    let mut without = branch.clone();
                    without.keep(&mut self.diagrams, absent);
                    open.push(without);
                    branch.keep(&mut self.diagrams, present);
                }
                self.load(at, dst, &layout::bits(src), branch, open);
            }
            (false, false) => {
                let pairs = (0..src.n_bits).filter_map(|bit| {
                    let to = layout::variable(dst.field, dst.ofs + bit)?;
                    let from = layout::variable(src.field, src.ofs + bit);
                    Some((to, from.map_or(Replacement::Constant(false), Replacement::Variable)))
                });
                self.set(dst.field, pairs.collect(), branch, open);
            }
        }
    }

    /// Splits packets by the value that some bits have now, the lowest bit first. Returns the packets
    /// of each value as they came.
    fn split(&mut self, branch: &Branch, bits: &[Variable]) -> Vec<(u128, Bdd)> {
        let values: Vec<Value> = bits.iter().map(|bit| branch.changes.value(*bit)).collect();
        let mut ordered: Vec<Variable> = values
            .iter()
            .filter_map(|value| if let Value::Of(variable) = value { Some(*variable) } else { None })
            .collect();
        ordered.sort_unstable();
        ordered.dedup();
        let only = self.diagrams.set(ordered.iter().copied());
        let projected = self.diagrams.project(branch.set, only);
        let known = if values.contains(&Value::Any) || ordered.len() > 64 {
            None
        } else {
            self.diagrams.values(projected, &ordered, MAX_VALUES)
        };
        let Some(known) = known else {
            self.gap("a copy of more values than can be told apart".to_owned());
            return Vec::new();
        };
        let width = ordered.len();
        let split = known.into_iter().map(|number| {
            let literals: Vec<(Variable, bool)> = ordered
                .iter()
                .enumerate()
                .map(|(place, variable)| (*variable, number >> (width - 1 - place) & 1 == 1))
                .collect();
            let one = |value: &Value| match value {
                Value::Constant(value) => *value,
                Value::Of(variable) => literals.contains(&(*variable, true)),
                Value::Any => false,
            };
            let number = values
                .iter()
                .zip(0..)
                .fold(0_u128, |number, (value, n)| number | u128::from(one(value)) << n);
            (number, self.diagrams.cube(literals))
        });
        split.collect()
    }

    /// Returns the values that a value may stand for: that of an ingress port stands for its class.
    fn members(&self, bridge: usize, bits: &[Variable], value: u128) -> Vec<u128> {
        let is_port = bits.first() == Some(&IN_PORT.bit(0)) || self.copied_ports.contains(bits);
        let port = u16::try_from(value).ok().filter(|_| is_port).map(PortNo::from_u16);
        match (port, self.classes.get(bridge)) {
            (Some(port), Some(classes)) => {
                classes.members(port).iter().filter_map(|port| port.to_u16()).map(u128::from).collect()
            }
            _ => vec![value],
        }
    }

    /// Loads header bits, the lowest first, into bits of a field: into a register in one way for
    /// each value.
    fn load(&mut self, at: At, dst: Subfield, src: &[Variable], branch: Branch, open: &mut Vec<Branch>) {
        if !self.concrete.has(dst.field) {
            let pairs = (0..dst.n_bits).zip(src).filter_map(|(bit, from)| {
                Some((layout::variable(dst.field, dst.ofs + bit)?, Replacement::Variable(*from)))
            });
            return self.set(dst.field, pairs.collect(), branch, open);
        }
        for (value, cube) in self.split(&branch, src) {
            let mut one = branch.clone();
            one.set = self.diagrams.and(one.set, cube);
            for value in self.members(at.bridge, src, value) {
                one.registers.put_part(dst, value);
                open.push(one.clone());
            }
        }
    }

    /// Outputs to the port that some bits hold.
    fn output_value(&mut self, at: At, src: &[Variable], branch: &Branch, out: &mut Vec<Emission>) {
        for (value, cube) in self.split(branch, src) {
            let mut one = branch.clone();
            one.set = self.diagrams.and(one.set, cube);
            for value in self.members(at.bridge, src, value) {
                let Ok(port) = u16::try_from(value) else { continue };
                self.output(at, PortNo::from_u16(port), &one, out);
            }
        }
    }

    fn output(&mut self, at: At, port: PortNo, branch: &Branch, out: &mut Vec<Emission>) {
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

    fn decrement_ttl(&mut self, at: At, mut branch: Branch, open: &mut Vec<Branch>, out: &mut Vec<Emission>) {
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

    fn learn(
        &mut self,
        at: At,
        learn: &Learn,
        branch: Branch,
        open: &mut Vec<Branch>,
        out: &mut Vec<Emission>,
    ) {
        let rule = self.learned_rule(at, learn, &branch.registers, branch.place);
        self.emit(Target::Learner(rule), &branch, out);
        if let Some(dst) = learn.result_dst {
            // Nobody knows whether the limit was reached.
            for value in [0, 1] {
                let mut one = branch.clone();
                if self.concrete.has(dst.field) {
                    one.registers.put_part(dst, value);
                    open.push(one);
                } else {
                    self.set(dst.field, assignment(dst, value), one, open);
                }
            }
            return;
        }
        open.push(branch);
    }

    /// Returns the number of the rule of a learner with these register values.
    fn learned_rule(&mut self, at: At, learn: &Learn, registers: &Registers, place: u16) -> usize {
        let classes = self.classes.get(at.bridge).cloned().unwrap_or_default();
        let copied = super::learned::copied_registers(learn, registers, self.concrete, &classes);
        let key = (at.bridge, at.frame.program, place, copied);
        if let Some(known) = self.rule_numbers.get(&key) {
            return *known;
        }
        let rule = LearnedRule::new(at.bridge, learn, registers, self.concrete, &classes, &mut self.programs);
        self.copied_ports.extend(rule.copied_ports.iter().cloned());
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
            CtZone::Field(src) if self.concrete.has(src.field) => {
                vec![(branch.registers.part(src), branch.clone())]
            }
            CtZone::Field(src) => {
                let values = self.split(branch, &layout::bits(src));
                let of = |(value, cube), diagrams: &mut Diagrams| {
                    let mut one = branch.clone();
                    one.set = diagrams.and(one.set, cube);
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
        branch.assign(zero);
        let zone = assignment(Subfield::whole(Field::CtZone), zone);
        branch.assign(zone);
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
            self.emit(Target::Tracker(at.bridge), &way, out);
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
        base.forget(tracked::fields().collect::<Vec<_>>());
        let zone = assignment(Subfield::whole(Field::CtZone), zone);
        base.assign(zone);
        for (state, set) in tracked::states(&mut self.diagrams, connections) {
            let mut one = base.clone();
            one.keep(&mut self.diagrams, set);
            let state = assignment(Subfield::whole(Field::CtState), state);
            one.assign(state);
            self.look_up(at, table, None, Continuation::END, 0, &one, out);
        }
    }
}

/// Adds an outer tag with VLAN 0.
fn push_vlan(branch: &mut Branch) {
    let tci: Vec<Variable> = layout::bits(Subfield { field: Field::VlanTci, ofs: 0, n_bits: 16 });
    let inner = (0..16).map(|bit| INNER_TAG.bit(bit));
    let copy = inner.zip(tci.iter().map(|v| Replacement::Variable(*v))).collect();
    branch.assign(copy);
    branch.assign(constants(&tci, VLAN_PRESENT));
}

/// Removes the outer tag.
fn pop_vlan(branch: &mut Branch) {
    let tci: Vec<Variable> = layout::bits(Subfield { field: Field::VlanTci, ofs: 0, n_bits: 16 });
    let inner: Vec<Variable> = (0..16).map(|bit| INNER_TAG.bit(bit)).collect();
    let copy = tci.iter().copied().zip(inner.iter().map(|v| Replacement::Variable(*v))).collect();
    branch.assign(copy);
    branch.assign(constants(&inner, 0));
    branch.registers.untagged = true;
}
