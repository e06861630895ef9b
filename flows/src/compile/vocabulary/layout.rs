//! The layout of a compiled bridge: tables, registers, priorities.

use ofproto::action::Subfield;
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};

/// Who may send at all: port, addresses, no tag.
pub const ADMISSION: TableId = TableId(0);
/// Learned return flows; a miss goes on.
pub const RETURNS: TableId = TableId(1);
/// Isolation, then allows, then the default deny.
pub const POLICY: TableId = TableId(2);
/// Output to the port that is in the register.
pub const FORWARDING: TableId = TableId(3);
/// Looked up on the way to policy: whose is the address that the packet goes to.
pub const DESTINATION: TableId = TableId(4);
/// Learned too: who may send ICMP errors and later fragments to whom. Looked up for such packets alone.
pub const RELATED: TableId = TableId(5);
/// Learned too: the return flows of those who can send from any of many addresses, so that they fill a table of their own.
pub const VISITORS: TableId = TableId(6);
/// Who may send from an address that DHCP gave: see [`lease`](crate::compile::tables::lease).
pub const LEASES: TableId = TableId(7);
/// At which port an address is that the file leaves to others: that of whoever has the lease, or holds it.
pub const HOLDERS: TableId = TableId(8);
/// Who is at that port.
pub const OWNERS: TableId = TableId(9);
/// Networks with a connection tracker, learned: who waits for first fragments of answers.
pub const FIRST_FRAGMENTS: TableId = TableId(10);
/// Networks with a connection tracker, learned: who waits for later fragments of answers.
pub const LATER_FRAGMENTS: TableId = TableId(11);
/// Packets that come back from the connection tracker: which ports their connection was opened between.
pub const TRACKED: TableId = TableId(12);
/// Looked up for those: the party at the port that the connection knows, where no address tells.
pub const BY_CONNECTION: TableId = TableId(13);
/// Packets of tracked connections: does the sender use the connection's port.
pub const SENDER_PORT: TableId = TableId(14);
/// Packets of tracked connections: is the destination at the connection's port.
pub const DESTINATION_PORT: TableId = TableId(15);
/// Networks with a connection tracker, learned: who waits for answers to requests that came in fragments.
pub const UNTRACKED: TableId = TableId(16);

/// Learned: at which port a shared address is held.
pub const SHARED: TableId = TableId(17);
/// Learned too: the return flows of those who open from a shared address. They lead to whoever holds it.
pub const FOLLOWING: TableId = TableId(18);
/// Whether the port that a packet came in at has the IPv6 address that it speaks from or of: see [`claims`](crate::compile::tables::claims).
pub const CLAIMS: TableId = TableId(20);
/// What becomes of packets whose port has it.
pub const CLAIMED: TableId = TableId(21);

/// The number of the network that the packet came in on.
pub(in crate::compile) const NETWORK: Field = Field::Reg0;
/// The port that the packet goes to, as a 16-bit number, or one of [`OUTSIDE`], [`EVERYBODY`], [`LEASED`].
pub(in crate::compile) const OUT_PORT: Field = Field::Reg1;
/// What is known of both ends: the bits below.
pub(in crate::compile) const MARKS: Field = Field::Reg2;
/// The number of the network that owns the destination, where that is another one than [`NETWORK`].
pub(in crate::compile) const FOREIGN: Field = Field::Reg3;

/// The IPv6 address that is looked up in [`HOLDERS`], 32 bits each, the highest first. Nothing is looked up once the
/// connection tracker has said [`CONNECTION`].
pub(crate) const WANTED: [Field; 4] = [Field::Reg4, Field::Reg5, Field::Reg6, Field::Reg7];

/// The ports of a tracked connection: the sender's in the low half, the destination's in the high half.
pub(in crate::compile) const CONNECTION: Field = Field::Reg7;

/// In [`OUT_PORT`]: an address that is nobody's here.
pub(in crate::compile) const OUTSIDE: u32 = 0x1_0000;
/// In [`OUT_PORT`]: all members of the network.
pub(in crate::compile) const EVERYBODY: u32 = 0x1_0001;
/// In [`OUT_PORT`]: all who may have an IPv6 address that no port is known to have.
pub(in crate::compile) const LEASED: u32 = 0x1_0002;

/// In [`OUT_PORT`]: all whom a rule joins to the sender.
pub(in crate::compile) const NEIGHBOURS: u32 = 0x1_0003;
/// In [`OUT_PORT`]: the routers among them.
pub(in crate::compile) const ROUTERS: u32 = 0x1_0004;
/// In [`OUT_PORT`], with 16 bits more: a list of ports.
pub(in crate::compile) const LIST: u32 = 0x2_0000;
/// In [`OUT_PORT`], with 16 bits more: a shared address of which nobody is known to be the holder.
pub(in crate::compile) const UNHELD: u32 = 0x3_0000;
/// In [`OUT_PORT`], with the port: a shared address is held there.
pub(in crate::compile) const HELD: u32 = 0x4_0000;

/// In [`MARKS`]: the sender is an endpoint of its network, not a link or an exit.
pub(in crate::compile) const FROM_MEMBER: u16 = 0;
/// In [`MARKS`]: the destination is an endpoint of its network.
pub(in crate::compile) const TO_MEMBER: u16 = 1;
/// In [`MARKS`]: an ICMP error or a later fragment that somebody waits for.
pub(in crate::compile) const EXPECTED: u16 = 2;
/// In [`MARKS`]: the sender's address is nobody's here, and its port is no exit: only an answer may pass.
pub(in crate::compile) const STRANGER: u16 = 3;

/// In [`MARKS`]: neighbour discovery about a link-local address that is the sender's alone.
pub(in crate::compile) const OWN_LINK_LOCAL: u16 = 8;
/// In [`MARKS`]: an ICMP error.
pub(in crate::compile) const ERROR: u16 = 9;
/// In [`MARKS`]: the destination is at an address that it leased, and rules that name it reach it at others.
pub(in crate::compile) const UNNAMED: u16 = 10;
/// In [`MARKS`]: the frame has a virtual router's MAC and came in at a port that may hold it.
pub(in crate::compile) const VIRTUAL: u16 = 11;
/// In [`MARKS`]: the IPv6 address that was looked up is leased.
pub(in crate::compile) const BY_LEASE: u16 = 20;
/// In [`MARKS`]: the sender's port has the address that was looked up.
pub(in crate::compile) const HAS_IT: u16 = 21;
/// In [`MARKS`]: an advertisement from an address that has to be the sender's as well as the one that it is about.
pub(in crate::compile) const SPEAKS: u16 = 22;

/// A bit of [`MARKS`].
pub(in crate::compile) fn mark_bit(bit: u16) -> Subfield {
    Subfield { field: MARKS, ofs: bit, n_bits: 1 }
}

/// How many lists of parties a network's rules may have before they are spelt out one by one.
pub(in crate::compile) const SETS: u16 = 128;

/// The bit that says that the sender is in a list of parties.
pub(in crate::compile) fn from_set(set: u16) -> Subfield {
    const REGISTERS: [Field; 4] = [Field::Reg8, Field::Reg9, Field::Reg10, Field::Reg11];
    set_bit(REGISTERS, set)
}

/// The bit that says that the destination is in a list of parties.
pub(in crate::compile) fn to_set(set: u16) -> Subfield {
    const REGISTERS: [Field; 4] = [Field::Reg12, Field::Reg13, Field::Reg14, Field::Reg15];
    set_bit(REGISTERS, set)
}

fn set_bit(registers: [Field; 4], set: u16) -> Subfield {
    let [first, ..] = registers;
    let field = registers.get(usize::from(set / 32)).copied().unwrap_or(first);
    Subfield { field, ofs: set % 32, n_bits: 1 }
}

/// How a port stands in [`OUT_PORT`]: 16 bits, as in the `in_port` that learned flows copy. None for a number that
/// Open vSwitch gives to no port.
pub(in crate::compile) fn port_value(port: PortNo) -> Option<u32> {
    port.to_u16().filter(|_| port.is_output()).map(u32::from)
}

/// The priority of learned return flows: the user's document fixes it.
pub const RETURN_PRIORITY: u16 = 110;

// --- priorities -------------------------------------------------------------------------------------------

/// Tagged frames of networks that have a VLAN: the tag comes off.
pub(in crate::compile) const UNTAG: u16 = 65_100;
/// Tagged frames.
pub(in crate::compile) const TAGGED: u16 = 65_000;
/// DHCP of those who may: above what is rogue.
pub(in crate::compile) const DHCP: u16 = 64_001;
/// Advertisements of routers: likewise.
pub(in crate::compile) const ROUTER: u16 = 64_001;
/// Frames from a virtual router's MAC.
pub(in crate::compile) const VIRTUAL_MAC: u16 = 64_500;
/// DHCP answers, router advertisements and redirects.
pub(in crate::compile) const ROGUE: u16 = 64_000;
/// The crossings of the file, above the isolation that they break.
pub(in crate::compile) const CROSSING: u16 = 61_000;
/// What belongs to them and has no ports.
pub(in crate::compile) const CROSSING_PORTLESS: u16 = CROSSING + 10;
/// Between networks.
pub(in crate::compile) const ISOLATION: u16 = 60_000;
/// What learned flows let through in policy.
pub(in crate::compile) const EXPECTED_PASS: u16 = 59_000;
/// Strangers without a learned flow.
pub(in crate::compile) const STRANGERS: u16 = 58_000;
/// Requests and answers of DHCP.
pub(in crate::compile) const DHCP_POLICY: u16 = 57_000;
/// IP multicast and broadcast.
pub(in crate::compile) const MULTICAST: u16 = 50_000;
/// Neighbour discovery about a link-local address that is another's.
pub(in crate::compile) const IMPOSTOR: u16 = 53_000;
/// Advertisements of virtual routers.
pub(in crate::compile) const ADVERTISED: u16 = 52_003;
/// What goes to all whom a rule joins to the sender.
pub(in crate::compile) const JOINED: u16 = 52_001;
/// ARP and neighbour discovery between those whom a rule joins.
pub(in crate::compile) const RESOLUTION: u16 = 52_000;
/// What is left of ARP and neighbour discovery.
pub(in crate::compile) const UNRESOLVED: u16 = 51_000;
/// Packets for the connection tracker, and those that its connections explain.
pub(in crate::compile) const CONNECTIONS: u16 = 49_000;
/// ICMP errors and later fragments of what rules let through.
pub(in crate::compile) const PORTLESS_PASS: u16 = 49_000;
/// The same by way of one next hop.
pub(in crate::compile) const PORTLESS_VIA: u16 = 49_001;
/// How many rules that lead outside may overlap there.
pub(in crate::compile) const PORTLESS_LEVELS: u16 = 400;
/// Later fragments to what is outside, the first rule of those that overlap on top.
pub(in crate::compile) const PORTLESS_OUT: u16 = 48_999;
/// ICMP errors, likewise.
pub(in crate::compile) const PORTLESS_OUT_ERRORS: u16 = PORTLESS_OUT - PORTLESS_LEVELS - 1;
/// Answers from a port that anybody outside may open.
pub(in crate::compile) const ANSWERS: u16 = 48_000;
/// The same where the rule names no port: below the allows, whose own packets must renew what they learned.
pub(in crate::compile) const ANSWERS_OF_ANY_PORT: u16 = 11_000;
/// Members among themselves.
pub(in crate::compile) const INSIDE: u16 = 5_000;
/// What a known port may not do.
pub(in crate::compile) const PORT_DEFAULT: u16 = 100;
/// The two wires of a forwarding bridge.
pub(in crate::compile) const WIRE: u16 = 100;
/// What carries no ports of its own, in the table of returns.
pub(in crate::compile) const PORTLESS: u16 = 90;
/// The end of a table.
pub(in crate::compile) const DEFAULT: u16 = 0;

/// What an allow claims, the weakest first: where two rules overlap the more special one counts, and of equals the one
/// that stands first in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::compile) enum Claim {
    /// Any protocol.
    Ip,
    /// One protocol.
    Protocol,
    /// One protocol and port.
    Port,
    /// The same by way of one next hop.
    Via,
}

/// How many rules may overlap in one claim.
pub(crate) const LEVELS: u16 = 6_900;

/// The priority of a rule's flow; level 0 is the first of those that overlap.
pub(in crate::compile) fn by_claim(claim: Claim, level: u16) -> u16 {
    let top = match claim {
        Claim::Via => 47_000,
        Claim::Port => 40_000,
        Claim::Protocol => 30_000,
        Claim::Ip => 20_000,
    };
    top - level.min(LEVELS)
}

/// The priority of the flow beside it for those who open from a shared address, or to one: above all flows of its claim, and
/// below those of stronger ones. None where too many rules overlap.
pub(in crate::compile) fn by_claim_of_shared(claim: Claim, level: u16, opens_from_it: bool) -> Option<u16> {
    let (top, levels) = match claim {
        Claim::Via => return None,
        // Above those by way of a next hop: these lead outside, where no rule without one leads by that hop's MAC.
        Claim::Port => (47_999, 499),
        Claim::Protocol => (33_099, 1_549),
        Claim::Ip => (23_099, 1_549),
    };
    let top = if opens_from_it { top } else { top - levels };
    (level < levels).then(|| top - level)
}

/// Among claims on one prefix, where flows are chosen by address, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::compile) enum HoldRank {
    /// The prefix has an owner, and it is not this one.
    Owned = 1,
    /// It lies in the network.
    Network = 2,
    /// The owner's own.
    Owner = 4,
}

/// The priority of a claim on a prefix of `length` bits: 1,001 to 2,284. The longer prefix wins.
pub(in crate::compile) fn by_prefix(length: u8, hold: HoldRank) -> u16 {
    1_000 + u16::from(length) * 10 + hold as u16
}
