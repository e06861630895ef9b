//! What cannot be learned outside of the switch.

use ofproto::TableId;
use thiserror::Error;

/// Why a packet was not learned from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LearnError {
    /// The cookie that means "leave the cookie alone" in a flow_mod (OpenFlow 1.3.5 §7.3.4.1 leaves it to no flow). Open
    /// vSwitch 3.1 ends at the first packet that such a `learn` sees.
    #[error("learn cannot write flows with cookie 0xffffffffffffffff: give it another cookie=")]
    Cookie,
    /// A table that Open vSwitch keeps to itself: its own `learn` may write there, a controller may not.
    #[error("learn into table {table}, which the switch keeps to itself: take one from 0 to 253", table = .0.0)]
    Table(TableId),
    /// A VLAN priority of frames that need not have a tag: NXM_OF_VLAN_TCI can say that, OpenFlow 1.3 cannot (OpenFlow 1.3.5
    /// §7.2.3.8, prerequisite of OXM_OF_VLAN_PCP).
    #[error(
        "learn matches the VLAN priority of frames that may have no tag: let it match vlan_tci[12]=1 too, or the VLAN alone"
    )]
    Vlan,
    /// A flow with `fin_timeout` that does not match TCP: `learn` may write it, a controller may not.
    #[error(
        "fin_idle_timeout and fin_hard_timeout need learn to match TCP: add nw_proto=6 and eth_type=0x800 or 0x86dd"
    )]
    FinWithoutTcp,
    /// A switch that speaks nothing but OpenFlow 1.3.5 cannot have the flow.
    #[error(
        "the flow to learn into table {table} needs {what}, which a switch without Nicira's extensions has not: \
         leave it out of learn",
        table = .table.0
    )]
    Plain {
        /// The learned table.
        table: TableId,
        /// The first thing that it lacks.
        what: String,
    },
}
