//! Actions that remember packets: `learn` and `ct`.

use bdd::{Bdd, Diagrams, Replacement};
use ofproto::TableId;
use ofproto::action::{Action, CT_COMMIT, Ct, CtZone, Learn, Subfield};
use ofproto::oxm::Field;

use super::branch::{Branch, assignment};
use crate::verify::symbolic::emission::{At, Emission, Target};
use crate::verify::symbolic::engine::Engine;
use crate::verify::symbolic::layout;
use crate::verify::symbolic::learned::{self, LearnedRule};
use crate::verify::symbolic::ports::PortClasses;
use crate::verify::symbolic::registers::Registers;
use crate::verify::symbolic::state::Continuation;
use crate::verify::symbolic::tracked;

impl Engine<'_> {
    pub(super) fn learn(
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
            return self.either(dst, &branch, open);
        }
        open.push(branch);
    }

    /// Returns the number of the rule of a learner with these register values.
    pub(super) fn learned_rule(&mut self, at: At, learn: &Learn, registers: &Registers, place: u16) -> usize {
        let none = PortClasses::default();
        let classes = self.classes.get(at.bridge).unwrap_or(&none);
        let copied = learned::copied_registers(learn, registers, self.concrete, classes);
        let key = (at.bridge, at.frame.program, place, copied);
        if let Some(known) = self.rule_numbers.get(&key) {
            return *known;
        }
        let rule = LearnedRule::new(at.bridge, learn, registers, self.concrete, classes, &mut self.programs);
        if rule.copies_too_much {
            self.gap("a learned flow that copies more than 128 bits".to_owned());
        }
        self.copied_ports.extend(rule.copied_ports.iter().cloned());
        self.rules.push(rule);
        self.rule_numbers.insert(key, self.rules.len() - 1);
        self.rules.len() - 1
    }

    /// Tracks a connection: remembers it, and looks a copy of the packet up with its state.
    pub(super) fn track(&mut self, at: At, ct: &Ct, branch: &Branch, out: &mut Vec<Emission>) {
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
    pub(super) fn commit(
        &mut self,
        at: At,
        ct: &Ct,
        zone: u128,
        mut branch: Branch,
        out: &mut Vec<Emission>,
    ) {
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

    pub(super) fn tracked_lookup(
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
        if !base.changes.restore(tracked::fields()) {
            self.gap("a copy of a connection's mark or label, before another lookup".to_owned());
        }
        // What the tracker says is new: it is no value of the packet as it came.
        let fields = self.diagrams.set(tracked::fields());
        base.set = self.diagrams.exists(base.set, fields);
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
