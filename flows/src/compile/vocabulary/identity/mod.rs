//! The identity of a flow on its bridge: its purpose and its owner.
//!
//! The cookie is a hash of the bridge's name and the identity's [encoding](encode), and of nothing
//! else. It survives a restart, a reload, and a rewording of the flow's description. A change of an
//! encoding replaces flows on every switch that has them, and Open vSwitch then drops the flows
//! that their `learn()` added. Hence these rules:
//!
//! - The number of a variant never changes, and is never used again once its variant is gone.
//! - A field is neither added, removed nor moved; a new variant takes its place.
//! - Names in it are the names of the file. None are words of the compiler.

mod encode;
mod kind;
mod parts;

#[cfg(test)]
mod tests;

use ofproto::{Cookie, TableId};

#[cfg(test)]
use self::encode::Layout;
use self::encode::{Encode, Sink, numbered};
pub(in crate::compile) use self::parts::{
    AddressClaim, AddressUse, AdmittedPackets, Attachment, ClaimState, ConnectionEnd, CrossingPair,
    CrossingSide, DhcpDirection, Flood, Fragments, HolderSource, HopPackets, InsidePackets, JoinedPackets,
    JoinedSender, LeasedPackets, LinkLayerOption, ListPart, PartyList, PortlessTraffic, ResolutionPackets,
    RogueMessage, RuleAnswer, RuleOpening, RuleTraffic, TcpAnswer, TrackedPackets, TrackedReceivers,
};
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::layout::HoldRank;
use crate::compile::vocabulary::stable_hash::StableHasher;
use crate::compile::vocabulary::traffic::{PortlessPackets, Traffic};

/// Returns the cookie of a flow.
pub(in crate::compile) fn cookie(bridge: &str, identity: &FlowIdentity<'_>) -> Cookie {
    let mut hasher = StableHasher::new();
    bridge.encode(&mut hasher);
    identity.encode(&mut hasher);
    Cookie(hasher.finish())
}

numbered! {
    /// Distinguishes a compiled flow from all others of its bridge.
    pub(in crate::compile) enum FlowIdentity<'a> as u16 {
        /// The table miss: matches every packet that no other flow of the table matches.
        1 = TableMiss { table: TableId },

        // --- admission ---------------------------------------------------------------------------
        /// Drops frames with a VLAN tag.
        10 = TaggedFrames,
        /// Drops a message that no rule lets its port send.
        11 = Rogue { message: RogueMessage },
        /// Drops packets from or about an address that another port owns.
        12 = OwnedAddress { packets: AddressUse, range: AddressRange },
        /// Drops the remaining packets of a port.
        13 = PortRest { port: &'a str },
        /// Drops the remaining neighbour discovery of a port.
        14 = PortRestOfDiscovery { port: &'a str, packets: ResolutionPackets },
        /// Takes the VLAN tag off.
        15 = Untag { at: Attachment<'a> },
        /// Admits a party's packets, from its own MAC or from a virtual router's.
        16 = Admitted { at: Attachment<'a>, virtual_mac: Option<[u8; 6]>, packets: AdmittedPackets },
        /// Admits packets that come from outside by a next hop.
        17 = AdmittedFromNextHop { at: Attachment<'a>, family: AddressFamily },
        /// Admits DHCP.
        18 = AdmittedDhcp { at: Attachment<'a>, direction: DhcpDirection, source: AddressRange },
        /// Admits a virtual router's MAC at a port that may hold its address.
        19 = VirtualMac { mac: [u8; 6], port: &'a str },
        /// Drops a virtual router's MAC at any other port.
        20 = VirtualMacElsewhere { mac: [u8; 6] },
        /// Drops other packets that come in by a crossing's link.
        21 = CrossingLinkRest { link: &'a str },
        /// Admits packets between the two ends of a crossing.
        22 = CrossingAdmitted { pair: CrossingPair<'a> },
        /// Drops packets from a gateway's address, or from one that no host may have.
        23 = UnclaimableAddress { network: &'a str, address: AddressRange },
        /// Judges a port's claim on an IPv6 address.
        24 = Claim { at: Attachment<'a>, state: ClaimState },
        /// Judges the second address of an advertisement.
        25 = ClaimOfTarget,
        /// Passes packets whose port has their address.
        26 = ClaimPassed,
        /// Judges the source of a packet from a shared address.
        27 = Holder { at: Attachment<'a>, source: HolderSource },

        // --- returns -----------------------------------------------------------------------------
        /// Looks up the receiver of later fragments.
        40 = LaterFragments { family: AddressFamily },
        /// Looks up the receiver of ICMP errors.
        41 = IcmpErrors { family: AddressFamily, icmp_type: u8 },
        /// Passes packets that a learned flow marked.
        42 = Expected,
        /// Looks up the receiver of fragments, in a network with a connection tracker.
        43 = TrackedFragments { network: &'a str, family: AddressFamily, fragments: Fragments },
        /// Finds the ports of a tracked connection.
        44 = TrackedConnection { packets: TrackedPackets },
        /// Passes packets of a tracked connection whose end is at the connection's port.
        45 = ConnectionPort { network: &'a str, end: ConnectionEnd, port: &'a str },
        /// Passes packets whose end's shared address has moved to another port; `None` if it was at
        /// no port.
        46 = ConnectionMoved {
            network: &'a str,
            end: ConnectionEnd,
            address: AddressRange,
            now: &'a str,
            before: Option<&'a str>,
        },
        /// Finds the exit of a tracked connection's answers.
        47 = ConnectionExit { at: Attachment<'a> },
        /// Finds a party at an address that it leased.
        48 = ConnectionLeased { at: Attachment<'a>, prefix: AddressRange },
        /// Sends packets that a rule joins to the connection tracker.
        49 = Tracked {
            network: &'a str,
            family: AddressFamily,
            from: PartyList<'a>,
            to: TrackedReceivers<'a>,
        },

        // --- destination -------------------------------------------------------------------------
        /// Finds the owner of an address; without a network, for senders on all networks.
        60 = Destination { network: Option<&'a str>, packets: AddressUse, range: AddressRange, hold: HoldRank },
        /// Finds the receivers of neighbour discovery for link-local addresses, by the frame's MAC
        /// if one is given.
        61 = LinkLocal { network: &'a str, packets: AddressUse, range: AddressRange, mac: Option<[u8; 6]> },
        /// Finds the receivers of router discovery and listener reports.
        62 = RouterDiscovery { network: &'a str, icmp_type: u8 },
        /// Finds the party at the port of a leased address.
        63 = LeasedAddress { at: Attachment<'a>, packets: LeasedPackets },
        /// Finds the party at the port of a held address.
        64 = HeldAddress { network: &'a str, port: &'a str },
        /// Finds the possible holders of a shared address without a known holder.
        65 = UnheldAddress { network: &'a str, address: AddressRange },
        /// Finds the sender of an announcement.
        66 = HolderAnnouncement { at: Attachment<'a>, address: AddressRange },

        // --- policy ------------------------------------------------------------------------------
        /// Drops packets that would cross into a network.
        80 = Isolation { network: &'a str },
        /// Drops packets that come by a next hop and are no answers.
        81 = Stranger,
        /// Drops multicast and broadcast.
        82 = Multicast { range: AddressRange },
        /// Drops the broadcast of a subnet.
        83 = SubnetBroadcast { network: &'a str, range: AddressRange },
        /// Passes packets between members.
        84 = Inside { network: &'a str, packets: InsidePackets },
        /// Drops neighbour discovery about another party's link-local address.
        85 = Impostor { network: &'a str, packets: AddressUse, address: AddressRange },
        /// Drops ARP and neighbour discovery between parties that no rule joins.
        86 = Unresolved { packets: ResolutionPackets },
        /// Passes ARP and neighbour discovery between parties that a rule joins; without receivers,
        /// for an address that no port has.
        87 = Resolution {
            network: &'a str,
            packets: ResolutionPackets,
            from: PartyList<'a>,
            to: Option<PartyList<'a>>,
        },
        /// Passes packets to all parties that a rule joins to the sender.
        88 = Joined { sender: JoinedSender<'a> },
        /// Opens the traffic that a rule allows.
        89 = Opens { traffic: RuleTraffic<'a>, opening: RuleOpening },
        /// Passes the answers to the traffic that a rule allows.
        90 = Answers { traffic: RuleTraffic<'a>, answer: RuleAnswer },
        /// Passes packets without ports from a rule's senders to its receivers.
        91 = Portless { traffic: PortlessTraffic<'a> },
        /// Passes packets without ports from a rule's receivers to its senders.
        92 = PortlessBack { traffic: PortlessTraffic<'a> },
        /// Passes packets that go by a rule's next hop.
        93 = ByNextHop {
            rule: &'a str,
            network: &'a str,
            hop: &'a str,
            from: ListPart<'a>,
            target: AddressRange,
            packets: HopPackets,
        },
        /// Sends DHCP to the controller.
        94 = Dhcp { at: Attachment<'a>, direction: DhcpDirection, target: AddressRange },
        /// Drops the remaining DHCP of a port.
        95 = DhcpRest { at: Attachment<'a>, direction: DhcpDirection, family: AddressFamily },
        /// Opens the traffic that a crossing allows.
        96 = CrossingOpens {
            pair: CrossingPair<'a>,
            side: CrossingSide,
            traffic: Traffic,
            port: Option<u16>,
        },
        /// Passes packets without ports of a crossing.
        97 = CrossingPortless { pair: CrossingPair<'a>, side: CrossingSide, packets: PortlessPackets },
        /// Answers ARP for the other end of a crossing.
        98 = CrossingArp { crossing: &'a str, at: Attachment<'a>, address: AddressRange },
        /// Drops packets that come by a crossing's link and belong to none of its crossings.
        99 = CrossingLinkUnused { link: &'a str },

        // --- forwarding --------------------------------------------------------------------------
        /// Outputs to a port, with a VLAN tag where one is given.
        120 = Output { port: &'a str, vlan: Option<u16> },
        /// Floods in a network.
        121 = FloodOutput { network: &'a str, flood: Flood },
        /// Outputs to the parties that a rule joins to a sender, and to all other senders of the
        /// list. A long list has parts.
        122 = JoinedOutput { sender: JoinedSender<'a>, part: u16 },
        /// Outputs to all possible holders of an address.
        123 = UnheldOutput { network: &'a str, address: AddressRange },
        /// Outputs to a crossing's link.
        124 = CrossingLinkOutput { link: &'a str },

        // --- bridges without networks ------------------------------------------------------------
        /// Passes one direction of a link.
        140 = Wire { link: &'a str, from: &'a str, to: &'a str },
        /// Drops frames with another tag than the link's.
        141 = WireTag { port: &'a str },
        /// Drops packets of a network that the link does not carry; without a port, at all ports.
        142 = WireIsolation {
            network: &'a str,
            port: Option<&'a str>,
            packets: AddressUse,
            range: AddressRange,
        },
        /// Drops frames to a bridge's own addresses.
        143 = BridgeAddresses,
        /// Drops frames from a group's address.
        144 = GroupSource,
        /// Sends packets with unknown addresses to the controller.
        145 = UnknownAddresses,
    }
}
