//! `learn`: a flow that writes flows (NXAST_LEARN 16 and NXAST_LEARN2 45, ovs-actions(7)).

use super::Subfield;
use crate::ids::{Cookie, TableId};

/// The parameters of a `learn` action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Learn {
    /// Idle timeout of learned flows, seconds.
    pub idle_timeout: u16,
    /// Hard timeout of learned flows, seconds.
    pub hard_timeout: u16,
    /// Their priority.
    pub priority: u16,
    /// Their cookie.
    pub cookie: Cookie,
    /// NX_LEARN_F_SEND_FLOW_REM (1), NX_LEARN_F_DELETE_LEARNED (2), NX_LEARN_F_WRITE_RESULT (4); the last is on the wire
    /// exactly when `result_dst` is there.
    pub flags: u16,
    /// Where they go.
    pub table: TableId,
    /// Idle timeout once FIN or RST was seen, seconds.
    pub fin_idle_timeout: u16,
    /// Hard timeout once FIN or RST was seen, seconds.
    pub fin_hard_timeout: u16,
    /// At most so many; 0 for no limit. Needs NXAST_LEARN2.
    pub limit: u32,
    /// One bit that says whether the flow could be learned. Needs NXAST_LEARN2.
    pub result_dst: Option<Subfield>,
    /// What they match and do, in order.
    pub specs: Vec<LearnSpec>,
}

/// NX_LEARN_F_SEND_FLOW_REM.
pub const LEARN_SEND_FLOW_REM: u16 = 1;
/// NX_LEARN_F_DELETE_LEARNED.
pub const LEARN_DELETE_LEARNED: u16 = 2;
/// NX_LEARN_F_WRITE_RESULT.
pub const LEARN_WRITE_RESULT: u16 = 4;

/// One part of what a learned flow matches or does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LearnSpec {
    /// Match `dst` against what `src` holds.
    Match {
        /// The bits to match.
        dst: Subfield,
        /// Where the value comes from.
        src: LearnSrc,
    },
    /// Load what `src` holds into `dst`.
    Load {
        /// The bits to load.
        dst: Subfield,
        /// Where the value comes from.
        src: LearnSrc,
    },
    /// Output to the port that `src` holds.
    Output {
        /// Where the port number comes from.
        src: Subfield,
    },
}

/// Where a value of a learned flow comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LearnSrc {
    /// From the packet that triggers learning.
    Field(Subfield),
    /// A constant, right-aligned; only as many of its bits as the destination has are learned.
    Immediate(u128),
}
