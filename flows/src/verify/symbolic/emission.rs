//! What becomes of packets in a program: where they go, and how they changed.

use bdd::Bdd;
use ofproto::PortNo;

use super::changes::Changes;
use super::program::ProgramId;
use super::registers::Registers;
use super::state::{Frame, StateKey};

/// The end of a packet's way through a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Another state of the same bridge.
    State(StateKey),
    /// A port of the bridge, or CONTROLLER.
    Output(usize, PortNo),
    /// A learner: the number of its rule.
    Learner(usize),
    /// The connection tracker of the bridge, which remembers the packet's connection.
    Tracker(usize),
}

/// Packets at the end of a way.
#[derive(Debug, Clone)]
pub(super) struct Emission {
    pub(super) target: Target,
    /// The packets as they are, as far as the target reads them.
    pub(super) set: Bdd,
    /// The packets as they came.
    pub(super) before: Bdd,
    pub(super) changes: Changes,
    /// The ingress port whose packets are left out: a packet leaves by it only with IN_PORT.
    pub(super) but_from: Option<PortNo>,
    pub(super) registers: Registers,
    /// The program, if it is that of learned flows in a table.
    pub(super) learned: Option<ProgramId>,
}

/// The place at which a program is executed.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) bridge: usize,
    pub(super) frame: Frame,
}
