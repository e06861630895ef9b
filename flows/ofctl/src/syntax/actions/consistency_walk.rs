//! Checks the actions of a flow against its match, as a switch does for every flow_mod.

use flow_model::FlowMatch;
use ofproto::action::{Action, CtZone};
use ofproto::instruction::Instruction;
use ofproto::{OvsError, TableId};

use crate::syntax::actions::consistency::{ActionPosition, PacketFacts};
use crate::syntax::matching::fields::Fields;

/// OFPM_MAX.
const MAX_METER: u32 = 0xffff_0000;

/// Returns the error that Open vSwitch reports for instructions once it knows the match and the
/// table of their flow. `None` if they fit. The instructions must be valid by themselves
/// ([`Instruction::ovs_error`] returns `None` for them).
pub fn misfit(matches: &FlowMatch, table: TableId, instructions: &[Instruction]) -> Option<OvsError> {
    let mut walk = ActionWalk { packet: PacketFacts::new(Fields::of(matches)), passed: false };
    if let Err(error) = walk.instructions(table, instructions) {
        return Some(error);
    }
    walk.passed.then_some(OvsError::MatchInconsistent)
}

struct ActionWalk {
    packet: PacketFacts,
    /// True after a misfit that lets Open vSwitch continue to look for a worse one.
    passed: bool,
}

impl ActionWalk {
    /// Checks instructions in the order in which they run.
    fn instructions(&mut self, table: TableId, instructions: &[Instruction]) -> Result<(), OvsError> {
        for instruction in instructions {
            if matches!(instruction, Instruction::Meter(id) if !(1..=MAX_METER).contains(id)) {
                return Err(OvsError::MeterNumber);
            }
        }
        for instruction in instructions {
            if let Instruction::ApplyActions(list) = instruction {
                self.list(list)?;
            }
        }
        for instruction in instructions {
            if let Instruction::WriteActions(list) = instruction {
                self.nested(ActionPosition::Set, list)?;
            }
        }
        for instruction in instructions {
            // A deletion from all tables may name any table.
            if matches!(instruction, Instruction::GotoTable(next) if table != TableId::ALL && *next <= table)
            {
                return Err(OvsError::InstructionTable);
            }
        }
        Ok(())
    }

    fn list(&mut self, actions: &[Action]) -> Result<(), OvsError> {
        actions.iter().try_for_each(|action| self.one(action))
    }

    fn one(&mut self, action: &Action) -> Result<(), OvsError> {
        match self.packet.run("", action) {
            Err(misfit) if misfit.passable => self.passed = true,
            fit => fit.map_err(|misfit| misfit.ovs_error)?,
        }
        match action {
            Action::Clone(list) => self.nested(ActionPosition::Clone, list),
            // Open vSwitch does not check the other arguments if a field holds the zone.
            Action::Ct(ct) if matches!(ct.zone, CtZone::Immediate(_)) => {
                self.nested(ActionPosition::Ct, &ct.actions)
            }
            _ => Ok(()),
        }
    }

    /// Checks nested actions. Their changes to the packet are forgotten afterwards.
    fn nested(&mut self, place: ActionPosition, actions: &[Action]) -> Result<(), OvsError> {
        let before = self.packet.enter(place);
        let fit = self.list(actions);
        self.packet = before;
        fit
    }
}
