//! The parts of a flow identity.

use std::fmt;

#[cfg(test)]
use super::encode::Layout;
use super::encode::{Encode, Sink, fields, numbered};
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::traffic::{PortlessPackets, Traffic};

fields! {
    /// A party of the file at one of its ports.
    pub(in crate::compile) struct Attachment<'a> {
        network: &'a str,
        party: &'a str,
        port: &'a str,
    }
}

fields! {
    /// Traffic that a rule lets its senders open to its receivers.
    pub(in crate::compile) struct RuleTraffic<'a> {
        rule: &'a str,
        network: &'a str,
        from: ListPart<'a>,
        to: ListPart<'a>,
        family: AddressFamily,
        traffic: Traffic,
        /// The destination port; `None` stands for any port.
        port: Option<u16>,
    }
}

fields! {
    /// Packets without ports, from one side of a rule to the other.
    pub(in crate::compile) struct PortlessTraffic<'a> {
        rule: &'a str,
        network: &'a str,
        from: ListPart<'a>,
        to: ListPart<'a>,
        family: AddressFamily,
        packets: PortlessPackets,
        /// True if the packets go towards an exit's next hop.
        to_next_hop: bool,
    }
}

fields! {
    /// Packets that a party sends to all parties that a rule joins to it.
    pub(in crate::compile) struct JoinedSender<'a> {
        at: Attachment<'a>,
        family: AddressFamily,
        packets: JoinedPackets,
        /// True if a rule ends by the clock.
        ends: bool,
    }
}

fields! {
    /// Traffic that an endpoint of a crossing may open to another endpoint.
    pub(in crate::compile) struct CrossingPair<'a> {
        crossing: &'a str,
        source: AddressRange,
        target: AddressRange,
    }
}

numbered! {
    /// A part of a rule's list on one network.
    pub(in crate::compile) enum ListPart<'a> as u8 {
        /// The whole list.
        1 = Whole,
        /// One of the parties of a list that no register bit stands for.
        2 = Attachment { party: &'a str, port: &'a str },
        /// An exit as a sender, beside the rest of the list.
        3 = Exit { name: &'a str },
        /// Addresses behind an exit: all, or one prefix.
        4 = Outside { name: &'a str, range: Option<AddressRange> },
    }
}

impl fmt::Display for ListPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Attachment { party, port } => write!(f, "{party} at {port}"),
            Self::Exit { name } | Self::Outside { name, range: None } => f.write_str(name),
            Self::Outside { name, range: Some(range) } => write!(f, "{name} {range}"),
        }
    }
}

numbered! {
    /// Parties of a network, whichever rule names them.
    pub(in crate::compile) enum PartyList<'a> as u8 {
        /// A party at a port.
        1 = Attachment { party: &'a str, port: &'a str },
        /// All endpoints of the network.
        2 = Members,
        /// A list that a register bit stands for.
        3 = List { names: &'a [String] },
    }
}

numbered! {
    /// Receivers of packets that the connection tracker judges.
    pub(in crate::compile) enum TrackedReceivers<'a> as u8 {
        1 = Parties { list: PartyList<'a> },
        /// Addresses behind an exit.
        2 = Outside,
        /// A party at an address that it leased.
        3 = Leased { party: &'a str, port: &'a str },
    }
}

numbered! {
    /// ARP and neighbour discovery.
    pub(in crate::compile) enum ResolutionPackets as u8 {
        1 = Arp,
        2 = NdSolicitation,
        3 = NdAdvertisement,
    }
}

numbered! {
    /// Messages that no port may send unless a rule says so.
    pub(in crate::compile) enum RogueMessage as u8 {
        1 = DhcpAnswer,
        2 = Dhcpv6Answer,
        3 = IcmpRedirect,
        4 = IcmpRouterAdvertisement,
        5 = IcmpRouterSolicitation,
        6 = RouterAdvertisement,
        7 = Icmpv6Redirect,
    }
}

numbered! {
    /// Packets that speak from an address, or of it.
    pub(in crate::compile) enum AddressUse as u8 {
        1 = IpSource,
        2 = ArpSource,
        3 = NdSolicitationSource,
        4 = NdAdvertisementSource,
        5 = NdAdvertisementTarget,
        6 = NdProbeTarget,
        7 = RouterSolicitationSource,
        8 = VrrpSource,
        9 = IpDestination,
        10 = ArpTarget,
        11 = NdSolicitationTarget,
        12 = NdAdvertisementDestination,
    }
}

numbered! {
    /// The reason why an address belongs to a sender.
    pub(in crate::compile) enum AddressClaim as u8 {
        /// The file gives it.
        1 = Own,
        /// The port got it by DHCPv6 or first use.
        2 = Obtained,
        /// DHCP leased it.
        3 = Leased,
        /// The sender may hold it.
        4 = Shared,
    }
}

numbered! {
    /// Packets that admission lets a party send.
    pub(in crate::compile) enum AdmittedPackets as u8 {
        1 = Ip { claim: AddressClaim, source: AddressRange },
        2 = Arp { claim: AddressClaim, source: AddressRange },
        3 = ArpProbe { claim: AddressClaim, target: AddressRange },
        /// Probes for any address, from a party that gets its address by DHCP.
        4 = ArpProbeBeforeLease,
        /// Gratuitous ARP of a shared address.
        5 = ArpAnnouncement { address: AddressRange },
        6 = NdSolicitation { source: AddressRange, link_layer: LinkLayerOption },
        7 = NdAdvertisement { source: AddressRange, target: AddressRange, link_layer: LinkLayerOption },
        /// Unsolicited advertisements of a shared address.
        8 = NdAnnouncement { source: AddressRange, target: AddressRange, link_layer: LinkLayerOption },
        9 = NdProbe { target: AddressRange },
        10 = RouterSolicitation { source: AddressRange },
        11 = ListenerReport { icmp_type: u8, source: AddressRange },
        12 = ListenerQuery { source: AddressRange },
        13 = RouterAdvertisement { source: AddressRange },
        14 = Vrrp { source: AddressRange },
    }
}

impl AdmittedPackets {
    /// Returns the packets without the link-layer address option of neighbour discovery, otherwise
    /// unchanged.
    pub(in crate::compile) fn without_link_layer(self) -> Self {
        let link_layer = LinkLayerOption::Absent;
        match self {
            Self::NdSolicitation { source, .. } => Self::NdSolicitation { source, link_layer },
            Self::NdAdvertisement { source, target, .. } => {
                Self::NdAdvertisement { source, target, link_layer }
            }
            Self::NdAnnouncement { source, target, .. } => {
                Self::NdAnnouncement { source, target, link_layer }
            }
            other => other,
        }
    }
}

numbered! {
    /// The link-layer address option of neighbour discovery (RFC 4861 §4.6.1).
    pub(in crate::compile) enum LinkLayerOption as u8 {
        /// The sender's MAC, or any where none is pinned.
        1 = Present,
        2 = Absent,
    }
}

numbered! {
    /// The state of an ingress port's claim on the IPv6 address that a packet uses.
    pub(in crate::compile) enum ClaimState as u8 {
        1 = Leased,
        2 = Held,
        3 = Unheld,
        /// Duplicate address detection for another port's address.
        4 = Probe,
    }
}

numbered! {
    /// One direction of DHCP.
    pub(in crate::compile) enum DhcpDirection as u8 {
        1 = Requests,
        2 = Answers,
    }
}

numbered! {
    /// Packets to a leased address.
    pub(in crate::compile) enum LeasedPackets as u8 {
        1 = All,
        /// Packets that only a rule about all members lets through.
        2 = ToMember { family: AddressFamily },
        3 = NeighbourDiscovery { icmp_type: u8 },
    }
}

numbered! {
    /// Source addresses that a holder may send from.
    pub(in crate::compile) enum HolderSource as u8 {
        /// Addresses that the holder holds.
        1 = Held,
        /// An address that no party holds.
        2 = Unheld { address: AddressRange },
        /// Addresses that another party holds.
        3 = HeldElsewhere,
    }
}

numbered! {
    /// Packets between members of a network that may talk freely.
    pub(in crate::compile) enum InsidePackets as u8 {
        1 = All,
        2 = Resolution { packets: ResolutionPackets },
        /// Solicitations for an address that no port has.
        3 = UnheldSolicitation,
        4 = Group { range: AddressRange },
    }
}

numbered! {
    /// Packets to all parties that a rule joins to the sender.
    pub(in crate::compile) enum JoinedPackets as u8 {
        /// Gratuitous ARP, or its equivalent in neighbour discovery.
        1 = OfItself,
        /// Solicitations for an address that no port has.
        2 = ForUnheld,
        3 = ToNeighbours,
        4 = ToRouters,
        5 = Vrrp,
    }
}

numbered! {
    /// The variant of a flow that opens a rule's traffic.
    pub(in crate::compile) enum RuleOpening as u8 {
        1 = Direct,
        /// From a shared address.
        2 = FromShared { address: AddressRange },
        /// To a shared address.
        3 = ToShared { address: AddressRange },
        4 = FirstFragments,
        5 = LaterFragments,
    }
}

numbered! {
    /// The variant of a flow that lets a rule's answers pass.
    pub(in crate::compile) enum RuleAnswer as u8 {
        /// TCP to addresses behind an exit.
        1 = ToOutside { segment: TcpAnswer },
        /// TCP to an exit's next hop.
        2 = ToNextHop { segment: TcpAnswer },
        /// Packets of a tracked connection.
        3 = Tracked,
        /// ICMP errors of a tracked connection, towards its opener.
        4 = TrackedErrors,
        /// ICMP errors about the answers of a tracked connection.
        5 = TrackedErrorsAboutAnswers,
    }
}

numbered! {
    /// TCP segments that open no connection.
    pub(in crate::compile) enum TcpAnswer as u8 {
        1 = Acknowledgement,
        2 = Reset,
    }
}

numbered! {
    /// Packets that go by a rule's next hop.
    pub(in crate::compile) enum HopPackets as u8 {
        1 = Opening { traffic: Traffic, port: Option<u16> },
        2 = Portless { packets: PortlessPackets },
    }
}

numbered! {
    /// One end of a tracked connection.
    pub(in crate::compile) enum ConnectionEnd as u8 {
        1 = Sender,
        2 = Destination,
    }
}

numbered! {
    /// A tracked packet that finds the connection's ports.
    pub(in crate::compile) enum TrackedPackets as u8 {
        1 = FromResponder,
        2 = ErrorsFromOpener,
    }
}

numbered! {
    /// Fragments of one datagram.
    pub(in crate::compile) enum Fragments as u8 {
        1 = First,
        2 = Later,
    }
}

numbered! {
    /// One of the two bridges of a crossing.
    pub(in crate::compile) enum CrossingSide as u8 {
        /// The bridge on which the connection is opened.
        1 = Leaves,
        2 = Arrives,
    }
}

numbered! {
    /// The ports that a flood goes to.
    pub(in crate::compile) enum Flood as u8 {
        1 = Members,
        /// Members that autoconfigure IPv6 addresses.
        2 = Autoconfigured,
    }
}
