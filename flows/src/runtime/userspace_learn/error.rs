//! The errors of learning outside of the switch.

use ofproto::TableId;
use thiserror::Error;

/// The reason why no flow was learned from a packet.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LearnError {
    /// The cookie that means "leave the cookie alone" in a flow_mod (OpenFlow 1.3.5 §7.3.4.1 leaves
    /// it to no flow). Open vSwitch 3.1 terminates at the first packet of such a `learn`.
    #[error("learn cannot write flows with cookie 0xffffffffffffffff: give it another cookie=")]
    Cookie,
    /// A table that Open vSwitch reserves for itself: its own `learn` may write there, a controller
    /// may not.
    #[error("learn into table {table}, which the switch keeps to itself: take one from 0 to 253", table = .0.0)]
    Table(TableId),
    /// A VLAN priority of frames that may be untagged. NXM_OF_VLAN_TCI can express that, OpenFlow
    /// 1.3 cannot (OpenFlow 1.3.5 §7.2.3.8, prerequisite of OXM_OF_VLAN_PCP).
    #[error(
        "learn matches the VLAN priority of frames that may have no tag: let it match vlan_tci[12]=1 too, or the VLAN alone"
    )]
    Vlan,
    /// A flow with `fin_timeout` that does not match TCP: `learn` may write it, a controller may
    /// not.
    #[error(
        "fin_idle_timeout and fin_hard_timeout need learn to match TCP: add nw_proto=6 and eth_type=0x800 or 0x86dd"
    )]
    FinWithoutTcp,
    /// A flow that a switch with nothing but OpenFlow 1.3.5 cannot have.
    #[error(
        "the flow to learn into table {table} needs {what}, which a switch without Nicira's extensions has not: \
         leave it out of learn",
        table = .table.0
    )]
    Plain {
        /// The learned table.
        table: TableId,
        /// The first feature that the switch lacks.
        what: String,
    },
}
