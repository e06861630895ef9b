//! The effect of actions on the packets of a walk.

use std::collections::HashSet;

use flow_model::Masked;
use ofproto::action::{Action, Learn};
use ofproto::oxm::{Field, Oxm};

use super::super::AdmittedSenders;
use super::super::known_packet::{KnownPacket, spellings};
use super::copies::may_teach;
use super::tables::written;
use super::walk::{OpenerFound, OpenerWalk, WalkTarget};
use crate::verify::interp::FieldSet;

impl OpenerWalk<'_> {
    /// Records a learner, and returns whether it is the one that the walk looks for.
    fn learns(&mut self, number: usize, learn: &Learn, now: &[KnownPacket]) -> bool {
        match &mut self.aim {
            WalkTarget::Reaches(flows) => {
                flows.insert(number);
                false
            }
            WalkTarget::Teaches(flow) => {
                let mut of_flow = self.openers.learners.get(&number).into_iter().flatten();
                of_flow.any(|learner| {
                    learner.learn == *learn
                        && learner.writes(flow, &AdmittedSenders::new())
                        && now.iter().any(|known| may_teach(learner, flow, known))
                })
            }
        }
    }

    /// Applies an action to the packets that may reach it.
    pub(in crate::runtime::return_flows::openers) fn act(
        &mut self,
        number: usize,
        action: &Action,
        mut now: Vec<KnownPacket>,
        ends: bool,
        depth: u32,
    ) -> Result<Vec<KnownPacket>, OpenerFound> {
        match action {
            Action::Load { dst, value } => {
                let bits = Masked { value: (*value).into(), mask: u128::MAX };
                now.iter_mut().for_each(|known| known.write(*dst, bits));
            }
            Action::Move { src, dst } => {
                for known in &mut now {
                    let bits = known.read(*src);
                    known.write(*dst, bits);
                }
            }
            Action::Learn(learn) => {
                if self.learns(number, learn, &now) {
                    return Err(OpenerFound);
                }
                if let Some(dst) = learn.result_dst {
                    // The bit of the result becomes unknown; the other bits keep their knowledge.
                    let untold = Masked { value: 0, mask: 0 };
                    now.iter_mut().for_each(|known| known.write(dst, untold));
                }
            }
            Action::Resubmit { port: None, table: Some(table) } => {
                let mut back = Vec::new();
                for known in now {
                    self.enter(*table, known, ends, depth + 1, &mut back)?;
                }
                // Many paths through a table give equal packets.
                let mut different = HashSet::new();
                back.retain(|known| different.insert(known.fingerprint(0)));
                return Ok(back);
            }
            Action::Ct(ct) => {
                if let Some(table) = ct.table {
                    for known in &now {
                        let mut seen = known.clone();
                        [Field::CtState, Field::CtZone, Field::CtMark, Field::CtLabel]
                            .into_iter()
                            .for_each(|field| seen.forget(field));
                        self.enter(table, seen, true, depth + 1, &mut Vec::new())?;
                    }
                }
            }
            other => {
                let mut fields = FieldSet::EMPTY;
                written(other, &mut fields);
                for known in &mut now {
                    fields.iter().for_each(|field| known.forget(field));
                }
                if let Action::SetField(Oxm::Known { field, value, mask: None }) = other
                    && spellings(*field) == [*field]
                {
                    now.iter_mut().for_each(|known| _ = known.add(*field, Masked::exact(*field, *value)));
                }
            }
        }
        Ok(now)
    }
}
