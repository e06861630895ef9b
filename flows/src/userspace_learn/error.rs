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

/// Why a flow with `learn` cannot be executed by a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnsupportedLearn {
    /// An instruction other than a list of actions or a meter.
    #[error(
        "{0} beside learn: the rest of the pipeline would not see what the controller did with the packet"
    )]
    Instruction(&'static str),
    /// An action that goes back to tables.
    #[error("{0} beside learn: a packet that the controller sends out passes no further tables")]
    Action(&'static str),
    /// An action before a `learn` whose effect on the packet only the switch knows.
    #[error("{0} before learn: only the switch knows what the packet is after that")]
    Before(&'static str),
    /// The cookie that no flow can have.
    #[error("learn with cookie 0xffffffffffffffff: no flow can have that cookie")]
    Cookie,
    /// An action that is about the flow, not about the packet.
    #[error(
        "{0} beside learn: it is about the flow that a packet matched, and what the controller sends out matches none"
    )]
    Flow(&'static str),
    /// A table that Open vSwitch keeps to itself.
    #[error("learn into table 254 or above, which the switch keeps to itself")]
    Table,
    /// `fin_timeout` in a learned flow that does not match TCP.
    #[error(
        "learn with fin_idle_timeout or fin_hard_timeout and without nw_proto=6: no controller can write such a flow"
    )]
    Fin,
    /// A tunnel option.
    #[error("learn with a tunnel option (tun_metadata): the controller does not see them")]
    TunnelOption,
}
