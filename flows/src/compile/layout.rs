//! The layout of a compiled bridge: tables, registers, priorities.

use ofproto::TableId;
use ofproto::oxm::Field;

/// Who may send at all: port, addresses, no tag.
pub const ADMISSION: TableId = TableId(0);
/// Learned return flows, and nothing else; a miss goes on.
pub const RETURNS: TableId = TableId(1);
/// Isolation, then allows, then the default deny.
pub const POLICY: TableId = TableId(2);
/// Output to the port that policy chose.
pub const FORWARDING: TableId = TableId(3);

/// The number of the network that the packet came in on.
pub(super) const NETWORK: Field = Field::Reg0;
/// The port that policy chose.
pub(super) const OUT_PORT: Field = Field::Reg1;
/// 1 where the sender is an endpoint of its network, 0 for links and exits.
pub(super) const MEMBER: Field = Field::Reg2;

/// The priority of learned return flows: the user's document fixes it.
pub const RETURN_PRIORITY: u16 = 110;

// Priorities. Where flows are chosen by address, the longer prefix wins and, for one prefix, the more
// specific claim: `by_prefix(length, class)`.

/// Tagged frames.
pub(super) const TAGGED: u16 = 65_000;
/// DHCP answers, router advertisements and redirects.
pub(super) const ROGUE: u16 = 64_000;
/// Between networks.
pub(super) const ISOLATION: u16 = 60_000;
/// IP multicast and broadcast.
pub(super) const MULTICAST: u16 = 50_000;
/// What a known port may not do.
pub(super) const PORT_DEFAULT: u16 = 100;
/// The two wires of a forwarding bridge.
pub(super) const WIRE: u16 = 100;
/// What is left of neighbour discovery.
pub(super) const ND_DEFAULT: u16 = 200;
/// The end of a table.
pub(super) const DEFAULT: u16 = 0;

/// Among claims on one prefix, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The prefix has an owner, and it is not this one.
    Owned = 1,
    /// Members among themselves.
    Inside = 2,
    /// Any protocol.
    Ip = 3,
    /// One protocol, or an owner's claim to its address.
    Protocol = 4,
    /// One protocol and port.
    Port = 5,
}

/// The priority of a claim on a prefix of `length` bits: 1,001 to 2,285.
pub(super) fn by_prefix(length: u8, claim: Claim) -> u16 {
    1_000 + u16::from(length) * 10 + claim as u16
}
