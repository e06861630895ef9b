//! What becomes of packets in a program: where they go, and by which steps.

use bdd::{Bdd, Replacement, Variable, VariableSet};
use ofproto::PortNo;

use super::program::ProgramId;
use super::registers::Registers;
use super::state::{Frame, StateKey};

/// A step of a packet through a program, for the way back.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Only these packets go on.
    Keep(Bdd),
    /// Variables get other values.
    Assign(Vec<(Variable, Replacement)>),
    /// Variables get any value.
    Forget(VariableSet),
}

/// The end of a packet's way through a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Another state of the same bridge.
    State(StateKey),
    /// A port, or CONTROLLER.
    Output(PortNo),
    /// A learner: the number of its rule.
    Learner(usize),
    /// The connection tracker, which remembers the packet's connection.
    Tracker,
}

/// Packets at the end of a way.
#[derive(Debug, Clone)]
pub(super) struct Emission {
    pub(super) target: Target,
    pub(super) set: Bdd,
    pub(super) registers: Registers,
    /// The steps, if they are recorded.
    pub(super) steps: Vec<Step>,
    /// The program, if it is that of learned flows in a table.
    pub(super) learned: Option<ProgramId>,
}

/// The place at which a program is executed.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) bridge: usize,
    pub(super) frame: Frame,
    /// True to record the steps.
    pub(super) record: bool,
}
