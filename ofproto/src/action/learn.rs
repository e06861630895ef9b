//! `learn`: an action that installs flows (NXAST_LEARN 16 and NXAST_LEARN2 45, ovs-actions(7)).

use super::Subfield;
use crate::ids::{Cookie, TableId};

/// The parameters of a `learn` action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Learn {
    /// Idle timeout of learned flows, in seconds.
    pub idle_timeout: u16,
    /// Hard timeout of learned flows, in seconds.
    pub hard_timeout: u16,
    /// Priority of learned flows.
    pub priority: u16,
    /// Cookie of learned flows.
    pub cookie: Cookie,
    /// NX_LEARN_F_SEND_FLOW_REM (1), NX_LEARN_F_DELETE_LEARNED (2), NX_LEARN_F_WRITE_RESULT (4).
    /// The last is set on the wire exactly if `result_dst` is present.
    pub flags: u16,
    /// Table of learned flows.
    pub table: TableId,
    /// Idle timeout after a FIN or RST, in seconds.
    pub fin_idle_timeout: u16,
    /// Hard timeout after a FIN or RST, in seconds.
    pub fin_hard_timeout: u16,
    /// Maximum number of learned flows; 0 for no limit. Needs NXAST_LEARN2.
    pub limit: u32,
    /// The bit that receives whether the flow was learned. Needs NXAST_LEARN2.
    pub result_dst: Option<Subfield>,
    /// Matches and actions of learned flows, in order.
    pub specs: Vec<LearnSpec>,
}

/// NX_LEARN_F_SEND_FLOW_REM.
pub const LEARN_SEND_FLOW_REM: u16 = 1;
/// NX_LEARN_F_DELETE_LEARNED.
pub const LEARN_DELETE_LEARNED: u16 = 2;
/// NX_LEARN_F_WRITE_RESULT.
pub const LEARN_WRITE_RESULT: u16 = 4;

/// One match or action of a learned flow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LearnSpec {
    /// Matches `dst` against the value of `src`.
    Match {
        /// The bits to match.
        dst: Subfield,
        /// The source of the value.
        src: LearnSrc,
    },
    /// Loads the value of `src` into `dst`.
    Load {
        /// The bits to load.
        dst: Subfield,
        /// The source of the value.
        src: LearnSrc,
    },
    /// Outputs to the port number in `src`.
    Output {
        /// The source of the port number.
        src: Subfield,
    },
}

/// The source of a value in a learned flow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LearnSrc {
    /// Bits of the packet that triggers learning.
    Field(Subfield),
    /// A constant, right-aligned. Only as many of its bits as the destination has are learned.
    Immediate(u128),
}
