//! The layout of a compiled bridge: tables, registers, priorities.

use flow_model::Flow;
use ofproto::action::{Action, Subfield};
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};

/// Admission of senders: port, addresses, no tag.
pub const ADMISSION: TableId = TableId(0);
/// Learned return flows; a miss goes on.
pub const RETURNS: TableId = TableId(1);
/// Isolation, then allows, then the default deny.
pub const POLICY: TableId = TableId(2);
/// Output to the port that the register holds.
pub const FORWARDING: TableId = TableId(3);
/// Looked up on the way to policy: the owner of the destination address.
pub const DESTINATION: TableId = TableId(4);
/// Learned flows: the senders and receivers of ICMP errors and later fragments. Only such packets
/// look it up.
pub const RELATED: TableId = TableId(5);
/// Learned flows: the return flows of senders with a choice of many addresses. A table of their own
/// keeps them from filling another.
pub const VISITORS: TableId = TableId(6);
/// The parties that may send from an address leased by DHCP: see
/// [`lease`](crate::compile::tables::lease).
pub const LEASES: TableId = TableId(7);
/// The port of an address that the file does not place: the port of the lease's owner or of the
/// holder.
pub const HOLDERS: TableId = TableId(8);
/// The party at that port.
pub const OWNERS: TableId = TableId(9);
/// Learned flows of networks with a connection tracker: the receivers of first fragments of
/// answers.
pub const FIRST_FRAGMENTS: TableId = TableId(10);
/// Learned flows of networks with a connection tracker: the receivers of later fragments of
/// answers.
pub const LATER_FRAGMENTS: TableId = TableId(11);
/// Packets that return from the connection tracker: the ports between which their connection was
/// opened.
pub const TRACKED: TableId = TableId(12);
/// Looked up for those packets: the party at the connection's port, where no address identifies it.
pub const BY_CONNECTION: TableId = TableId(13);
/// Packets of tracked connections: checks that the sender uses the connection's port.
pub const SENDER_PORT: TableId = TableId(14);
/// Packets of tracked connections: checks that the destination is at the connection's port.
pub const DESTINATION_PORT: TableId = TableId(15);
/// Learned flows of networks with a connection tracker: the receivers of answers to fragmented
/// requests.
pub const UNTRACKED: TableId = TableId(16);

/// Learned flows: the port at which a shared address is held.
pub const SHARED: TableId = TableId(17);
/// Learned flows: the return flows of connections opened from a shared address. They lead to its
/// holder.
pub const FOLLOWING: TableId = TableId(18);
/// Checks that the ingress port has the IPv6 address that a packet uses: see
/// [`claims`](crate::compile::tables::claims).
pub const CLAIMS: TableId = TableId(20);
/// Handles packets whose ingress port has the address.
pub const CLAIMED: TableId = TableId(21);

/// The number of the network that the packet came in on.
pub(in crate::compile) const NETWORK: Field = Field::Reg0;
/// The output port as a 16-bit number, or one of [`OUTSIDE`], [`EVERYBODY`], [`LEASED`].
pub(in crate::compile) const OUT_PORT: Field = Field::Reg1;
/// The marks of sender and destination: the bits below.
pub(in crate::compile) const MARKS: Field = Field::Reg2;
/// The number of the network that owns the destination, where it differs from [`NETWORK`].
pub(in crate::compile) const FOREIGN: Field = Field::Reg3;

/// The IPv6 address to look up in [`HOLDERS`], 32 bits each, the highest first. No lookup follows
/// once the connection tracker has set [`CONNECTION`].
pub(crate) const WANTED: [Field; 4] = [Field::Reg4, Field::Reg5, Field::Reg6, Field::Reg7];

/// The ports of a tracked connection: the sender's in the low half, the destination's in the high
/// half.
pub(in crate::compile) const CONNECTION: Field = Field::Reg7;

/// In [`OUT_PORT`]: an address without an owner here.
pub(in crate::compile) const OUTSIDE: u32 = 0x1_0000;
/// In [`OUT_PORT`]: all members of the network.
pub(in crate::compile) const EVERYBODY: u32 = 0x1_0001;
/// In [`OUT_PORT`]: all parties that may have an IPv6 address that no port is known to have.
pub(in crate::compile) const LEASED: u32 = 0x1_0002;

/// In [`OUT_PORT`]: all parties that a rule joins to the sender.
pub(in crate::compile) const NEIGHBOURS: u32 = 0x1_0003;
/// In [`OUT_PORT`]: the routers among the joined parties.
pub(in crate::compile) const ROUTERS: u32 = 0x1_0004;
/// In [`OUT_PORT`], with 16 bits more: a list of ports.
pub(in crate::compile) const LIST: u32 = 0x2_0000;
/// In [`OUT_PORT`], with 16 bits more: a shared address without a known holder.
pub(in crate::compile) const UNHELD: u32 = 0x3_0000;
/// In [`OUT_PORT`], with the port: a shared address that is held at the port.
pub(in crate::compile) const HELD: u32 = 0x4_0000;

/// In [`MARKS`]: the sender is an endpoint of its network, not a link or an exit.
pub(in crate::compile) const FROM_MEMBER: u16 = 0;
/// In [`MARKS`]: the destination is an endpoint of its network.
pub(in crate::compile) const TO_MEMBER: u16 = 1;
/// In [`MARKS`]: an ICMP error or a later fragment that a learned flow expects.
pub(in crate::compile) const EXPECTED: u16 = 2;
/// In [`MARKS`]: the sender's address has no owner here, and its port is no exit: only an answer
/// may pass.
pub(in crate::compile) const STRANGER: u16 = 3;

/// In [`MARKS`]: neighbour discovery about a link-local address that belongs to the sender alone.
pub(in crate::compile) const OWN_LINK_LOCAL: u16 = 8;
/// In [`MARKS`]: an ICMP error.
pub(in crate::compile) const ERROR: u16 = 9;
/// In [`MARKS`]: the destination is at an address that it leased, and rules that name it reach it
/// at other addresses.
pub(in crate::compile) const UNNAMED: u16 = 10;
/// In [`MARKS`]: the frame has a virtual router's MAC and came in at a port that may hold it.
pub(in crate::compile) const VIRTUAL: u16 = 11;
/// In [`MARKS`]: the IPv6 address that was looked up is leased.
pub(in crate::compile) const BY_LEASE: u16 = 20;
/// In [`MARKS`]: the sender's port has the address that was looked up.
pub(in crate::compile) const HAS_IT: u16 = 21;
/// In [`MARKS`]: an advertisement whose source and target must both be the sender's addresses.
pub(in crate::compile) const SPEAKS: u16 = 22;

/// Returns a bit of [`MARKS`].
pub(in crate::compile) fn mark_bit(bit: u16) -> Subfield {
    Subfield { field: MARKS, ofs: bit, n_bits: 1 }
}

/// The number of party lists of a network's rules that get a bit. Parties of further lists are
/// matched one by one.
pub(in crate::compile) const SETS: u16 = 128;

/// Returns the bit that marks the sender as a member of a party list.
pub(in crate::compile) fn from_set(set: u16) -> Subfield {
    const REGISTERS: [Field; 4] = [Field::Reg8, Field::Reg9, Field::Reg10, Field::Reg11];
    set_bit(REGISTERS, set)
}

/// Returns the bit that marks the destination as a member of a party list.
pub(in crate::compile) fn to_set(set: u16) -> Subfield {
    const REGISTERS: [Field; 4] = [Field::Reg12, Field::Reg13, Field::Reg14, Field::Reg15];
    set_bit(REGISTERS, set)
}

fn set_bit(registers: [Field; 4], set: u16) -> Subfield {
    let [first, ..] = registers;
    let field = registers.get(usize::from(set / 32)).copied().unwrap_or(first);
    Subfield { field, ofs: set % 32, n_bits: 1 }
}

/// Returns the number and the port of a flow that outputs by a single port in `OUT_PORT`. The two
/// agree, except in a dump whose names stand for other numbers.
pub fn forwarded_port(flow: &Flow) -> Option<(PortNo, PortNo)> {
    let number = u16::try_from(flow.matches.exact(OUT_PORT)?).ok().map(PortNo::from_u16)?;
    let mut actions = flow.actions();
    let (Some(Action::Output { port, .. }), None) = (actions.next(), actions.next()) else { return None };
    (flow.table == FORWARDING && flow.matches.iter().count() == 1).then_some((number, *port))
}

/// Returns the value of a port in [`OUT_PORT`]: 16 bits, as in the `in_port` that learned flows
/// copy. Returns `None` for a number that Open vSwitch gives to no port.
pub(in crate::compile) fn port_value(port: PortNo) -> Option<u32> {
    port.to_u16().filter(|_| port.is_output()).map(u32::from)
}

/// The priority of learned return flows, fixed by the user documentation.
pub const RETURN_PRIORITY: u16 = 110;

// --- priorities ----------------------------------------------------------------------------------

/// Priority of tagged frames of networks with a VLAN: the tag is removed.
pub(in crate::compile) const UNTAG: u16 = 65_100;
/// Priority of other tagged frames.
pub(in crate::compile) const TAGGED: u16 = 65_000;
/// Priority of permitted DHCP, above rogue messages.
pub(in crate::compile) const DHCP: u16 = 64_001;
/// Priority of permitted router advertisements, above rogue messages.
pub(in crate::compile) const ROUTER: u16 = 64_001;
/// Priority of frames from a virtual router's MAC.
pub(in crate::compile) const VIRTUAL_MAC: u16 = 64_500;
/// Priority of rogue DHCP answers, router advertisements and redirects.
pub(in crate::compile) const ROGUE: u16 = 64_000;
/// Priority of the file's crossings, above the isolation that they break.
pub(in crate::compile) const CROSSING: u16 = 61_000;
/// Priority of the crossings' packets without ports.
pub(in crate::compile) const CROSSING_PORTLESS: u16 = CROSSING + 10;
/// Priority of the isolation between networks.
pub(in crate::compile) const ISOLATION: u16 = 60_000;
/// Priority of packets that learned flows let through in policy.
pub(in crate::compile) const EXPECTED_PASS: u16 = 59_000;
/// Priority of strangers without a learned flow.
pub(in crate::compile) const STRANGERS: u16 = 58_000;
/// Priority of DHCP requests and answers.
pub(in crate::compile) const DHCP_POLICY: u16 = 57_000;
/// Priority of IP multicast and broadcast.
pub(in crate::compile) const MULTICAST: u16 = 50_000;
/// Priority of neighbour discovery about another party's link-local address.
pub(in crate::compile) const IMPOSTOR: u16 = 53_000;
/// Priority of virtual routers' advertisements.
pub(in crate::compile) const ADVERTISED: u16 = 52_003;
/// Priority of packets to all parties that a rule joins to the sender.
pub(in crate::compile) const JOINED: u16 = 52_001;
/// Priority of ARP and neighbour discovery between parties that a rule joins.
pub(in crate::compile) const RESOLUTION: u16 = 52_000;
/// Priority of the remaining ARP and neighbour discovery.
pub(in crate::compile) const UNRESOLVED: u16 = 51_000;
/// Priority of packets for the connection tracker, and of packets of its connections.
pub(in crate::compile) const CONNECTIONS: u16 = 49_000;
/// Priority of ICMP errors and later fragments of traffic that rules let through.
pub(in crate::compile) const PORTLESS_PASS: u16 = 49_000;
/// Priority of ICMP errors and later fragments by one next hop.
pub(in crate::compile) const PORTLESS_VIA: u16 = 49_001;
/// The number of rules to the outside that may overlap in packets without ports.
pub(in crate::compile) const PORTLESS_LEVELS: u16 = 400;
/// Priority of later fragments to the outside; the first of overlapping rules has the highest.
pub(in crate::compile) const PORTLESS_OUT: u16 = 48_999;
/// Priority of ICMP errors to the outside, ordered likewise.
pub(in crate::compile) const PORTLESS_OUT_ERRORS: u16 = PORTLESS_OUT - PORTLESS_LEVELS - 1;
/// Priority of answers from a port that any outside address may open.
pub(in crate::compile) const ANSWERS: u16 = 48_000;
/// Priority of such answers for a rule without a port: below the allows, whose own packets must
/// renew their learned flows.
pub(in crate::compile) const ANSWERS_OF_ANY_PORT: u16 = 11_000;
/// Priority of traffic between members.
pub(in crate::compile) const INSIDE: u16 = 5_000;
/// Priority of the default deny of a known port.
pub(in crate::compile) const PORT_DEFAULT: u16 = 100;
/// Priority of the two directions of a forwarding bridge.
pub(in crate::compile) const WIRE: u16 = 100;
/// Priority of packets without ports in the table of returns.
pub(in crate::compile) const PORTLESS: u16 = 90;
/// Priority of a table miss.
pub(in crate::compile) const DEFAULT: u16 = 0;

/// The claim of an allow, the weakest first. Where two rules overlap the more specific one wins. Of
/// equals the first in the file wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::compile) enum Claim {
    /// Any protocol.
    Ip,
    /// One protocol.
    Protocol,
    /// One protocol and port.
    Port,
    /// One protocol and port, by one next hop.
    Via,
}

/// The number of rules that may overlap in one claim.
pub(crate) const LEVELS: u16 = 6_900;

/// Returns the priority of a rule's flow; level 0 is the first of those that overlap.
pub(in crate::compile) fn by_claim(claim: Claim, level: u16) -> u16 {
    let top = match claim {
        Claim::Via => 47_000,
        Claim::Port => 40_000,
        Claim::Protocol => 30_000,
        Claim::Ip => 20_000,
    };
    top - level.min(LEVELS)
}

/// Returns the priority of a rule's flow from or to a shared address. It lies above all flows of
/// its claim and below those of stronger claims. Returns `None` if too many rules overlap.
pub(in crate::compile) fn by_claim_of_shared(claim: Claim, level: u16, opens_from_it: bool) -> Option<u16> {
    let (top, levels) = match claim {
        Claim::Via => return None,
        // Above flows by a next hop: these lead outside, and no rule without that hop leads to its
        // MAC.
        Claim::Port => (47_999, 499),
        Claim::Protocol => (33_099, 1_549),
        Claim::Ip => (23_099, 1_549),
    };
    let top = if opens_from_it { top } else { top - levels };
    (level < levels).then(|| top - level)
}

/// The rank of a claim on one prefix, the weakest first, where flows are chosen by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::compile) enum HoldRank {
    /// The prefix has another owner.
    Owned = 1,
    /// The prefix lies in the network.
    Network = 2,
    /// The prefix belongs to the claimant.
    Owner = 4,
}

/// Returns the priority of a claim on a prefix of `length` bits: 1,001 to 2,284. The longer prefix
/// wins.
pub(in crate::compile) fn by_prefix(length: u8, hold: HoldRank) -> u16 {
    1_000 + u16::from(length) * 10 + hold as u16
}
