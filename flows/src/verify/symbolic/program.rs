//! Programs: the instructions of flows, as a list of operations in the order of execution.

use std::collections::HashMap;

use bdd::Variable;
use ofproto::TableId;
use ofproto::action::{Action, Subfield};
use ofproto::instruction::Instruction;

/// An operation on a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    /// Executes an action.
    Apply(Action),
    /// Clears the action set.
    ClearActions,
    /// Adds to the action set.
    WriteActions(Vec<Action>),
    /// Writes bits of the metadata.
    WriteMetadata { value: u64, mask: u64 },
    /// Continues in a table.
    Goto(TableId),
    /// Loads what a learned flow has copied from its opening packet. The lowest bit comes first.
    LoadCopied { dst: Subfield, src: Vec<Variable> },
    /// Outputs to the port that a learned flow has copied.
    OutputCopied { src: Vec<Variable> },
    /// An instruction that the engine does not know.
    Unknown(u16),
}

/// The number of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ProgramId(u32);

/// All programs, each once.
#[derive(Debug, Default)]
pub(super) struct Programs {
    programs: Vec<Vec<Operation>>,
    numbers: HashMap<Vec<Operation>, ProgramId>,
    by_instructions: HashMap<Vec<Instruction>, ProgramId>,
}

impl Programs {
    /// Returns the program of a flow. The order is that of OpenFlow 1.3.5 §5.9, whatever the order
    /// in the message.
    pub(super) fn of_flow(&mut self, instructions: &[Instruction]) -> ProgramId {
        if let Some(known) = self.by_instructions.get(instructions) {
            return *known;
        }
        let rank = |operation: &Operation| match operation {
            Operation::Apply(_) | Operation::Unknown(_) => 0,
            Operation::ClearActions => 1,
            Operation::WriteActions(_) => 2,
            Operation::WriteMetadata { .. } => 3,
            _ => 4,
        };
        let mut operations: Vec<Operation> = instructions.iter().flat_map(of_instruction).collect();
        operations.sort_by_key(rank);
        let number = self.add(operations);
        self.by_instructions.insert(instructions.to_vec(), number);
        number
    }

    /// Returns the program of a list of operations.
    pub(super) fn add(&mut self, operations: Vec<Operation>) -> ProgramId {
        if let Some(known) = self.numbers.get(&operations) {
            return *known;
        }
        let number = ProgramId(u32::try_from(self.programs.len()).unwrap_or(u32::MAX));
        self.programs.push(operations.clone());
        self.numbers.insert(operations, number);
        number
    }

    /// Returns the operations of a program.
    pub(super) fn operations(&self, ProgramId(number): ProgramId) -> &[Operation] {
        self.programs.get(number as usize).map_or(&[], Vec::as_slice)
    }

    /// Returns one operation of a program.
    pub(super) fn operation(&self, program: ProgramId, place: u16) -> Option<&Operation> {
        self.operations(program).get(usize::from(place))
    }
}

fn of_instruction(instruction: &Instruction) -> Vec<Operation> {
    match instruction {
        Instruction::ApplyActions(actions) => actions.iter().cloned().map(Operation::Apply).collect(),
        Instruction::ClearActions => vec![Operation::ClearActions],
        Instruction::WriteActions(actions) => vec![Operation::WriteActions(actions.clone())],
        Instruction::WriteMetadata { value, mask } => {
            vec![Operation::WriteMetadata { value: *value, mask: *mask }]
        }
        Instruction::GotoTable(table) => vec![Operation::Goto(*table)],
        // A meter only drops more.
        Instruction::Meter(_) => Vec::new(),
        Instruction::Unknown { kind, .. } => vec![Operation::Unknown(*kind)],
        _ => vec![Operation::Unknown(u16::MAX)],
    }
}
