//! The places of parties with their addresses there, and plain packets between them.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use ofproto::ip_protocol;
use ofproto::oxm::Field;

use super::interp::{Packet, TCP_ACK, TCP_SYN};
use super::symbolic::BridgePort;
use super::topology::Topology;
use crate::network::{Attachment, Endpoint, Exit, LinkRole, NetworkFile, Party, Protocol};

/// Ports of a plain connection where nothing names others.
pub(in crate::verify) const FROM_PORT: u16 = 40_009;
pub(in crate::verify) const TO_PORT: u16 = 443;
/// Addresses outside, for exits (RFC 5737, RFC 3849).
const OUTSIDE: [&str; 2] = ["203.0.113.8/32", "2001:db8:ffff::8/128"];
/// MAC addresses of hosts whose address the file does not pin (RFC 7042 §2.1.2).
const MACS: [[u8; 6]; 2] = [[2, 0, 0x5e, 0, 0x53, 7], [2, 0, 0x5e, 0, 0x53, 8]];
/// The maximum number of addresses of a prefix that are tried for a free one.
const MAX_TRIES: u32 = 64;

/// A party's place, and its addresses there.
#[derive(Debug, Clone)]
pub(in crate::verify) struct Side {
    pub(in crate::verify) place: BridgePort,
    /// The network on which it has that place.
    pub(in crate::verify) network: Option<String>,
    /// The tag of its frames.
    pub(in crate::verify) vlan: Option<u16>,
    pub(in crate::verify) mac: Option<[u8; 6]>,
    pub(in crate::verify) addresses: Vec<IpNetwork>,
}

/// Returns the places of a party, or of the endpoints of a network.
pub(in crate::verify) fn sides(file: &NetworkFile, topology: &Topology<'_>, name: &str) -> Vec<Side> {
    let outside = || OUTSIDE.iter().filter_map(|address| address.parse().ok()).collect::<Vec<IpNetwork>>();
    let side = |bridge: &str, port: &str, network: Option<&str>, mac, addresses| {
        let vlan = network.and_then(|name| file.network(name)).and_then(|network| network.vlan);
        let place = topology.port(bridge, port)?;
        Some(Side { place, network: network.map(str::to_owned), vlan, mac, addresses })
    };
    let exit = |exit: &Exit, addresses: Vec<IpNetwork>| {
        side(&exit.bridge, &exit.port, exit.network.as_deref(), None, addresses)
    };
    let plugs = |wanted: &dyn Fn(&Endpoint, &Attachment) -> bool| {
        let all = file
            .endpoints
            .iter()
            .flat_map(|endpoint| endpoint.attachments.iter().map(move |plug| (endpoint, plug)));
        let sides = all.filter(|(endpoint, plug)| wanted(endpoint, plug)).filter_map(|(_, plug)| {
            let bridge = &file.network(&plug.network)?.bridge;
            let addresses = plug.addresses.iter().map(|address| IpNetwork::from(*address)).collect();
            side(bridge, &plug.port, Some(&plug.network), plug.mac, addresses)
        });
        sides.collect::<Vec<Side>>()
    };
    match file.party(name) {
        Some(Party::Endpoint(endpoint)) => plugs(&|known, _| known.name == endpoint.name),
        Some(Party::Network(network)) => plugs(&|_, plug| plug.network == network.name),
        Some(Party::Exit(of)) => exit(of, outside()).into_iter().collect(),
        Some(Party::Outside(named, of)) if named.addresses.is_empty() => {
            exit(of, outside()).into_iter().collect()
        }
        Some(Party::Outside(named, of)) => exit(of, named.addresses.clone()).into_iter().collect(),
        Some(Party::Link(link)) => link
            .ends
            .iter()
            .filter_map(|end| {
                let LinkRole::Network { network, behind } = &end.role else { return None };
                side(&end.bridge, &end.port, Some(network), None, behind.clone())
            })
            .collect(),
        None => Vec::new(),
    }
}

/// Returns whether a party of the file has an address for its own alone.
pub(in crate::verify) fn is_owned(file: &NetworkFile, address: IpAddr) -> bool {
    file.endpoints.iter().any(|endpoint| endpoint.has(address))
        || file.exits.iter().any(|exit| exit.next_hop.contains(&address))
        || file.networks.iter().any(|network| network.gateway.contains(&address))
}

/// Returns the first address of a prefix that nobody has for its own, or else the first one.
pub(in crate::verify) fn first_free(file: &NetworkFile, prefix: &IpNetwork) -> IpAddr {
    let nth = |n: u32| match prefix {
        IpNetwork::V4(v4) => v4.nth(n).map(IpAddr::from),
        IpNetwork::V6(v6) => {
            let address = std::net::Ipv6Addr::from(u128::from(v6.network()).saturating_add(n.into()));
            Some(IpAddr::from(address)).filter(|address| prefix.contains(*address))
        }
    };
    // The first address of an IPv4 subnet is its name.
    let begins = u32::from(matches!(prefix, IpNetwork::V4(v4) if v4.prefix() < 31));
    let free = (begins..MAX_TRIES).map_while(nth).find(|address| !is_owned(file, *address));
    free.or_else(|| nth(begins)).unwrap_or_else(|| prefix.network())
}

/// A plain packet: the first one of a connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::verify) struct Plain {
    pub(in crate::verify) macs: ([u8; 6], [u8; 6]),
    pub(in crate::verify) vlan: Option<u16>,
    pub(in crate::verify) from: IpAddr,
    pub(in crate::verify) to: IpAddr,
    pub(in crate::verify) ports: (u16, u16),
}

impl Plain {
    /// Returns a connection between two parties.
    pub(in crate::verify) fn between(sender: &Side, receiver: &Side, from: IpAddr, to: IpAddr) -> Self {
        let macs = (sender.mac.unwrap_or(MACS[0]), receiver.mac.unwrap_or(MACS[1]));
        Self { macs, vlan: sender.vlan, from, to, ports: (FROM_PORT, TO_PORT) }
    }

    /// Returns the first packets of its connections by a protocol. `Any` has several. Addresses of
    /// two families have none.
    pub(in crate::verify) fn packets(&self, protocol: Protocol) -> Vec<Packet> {
        let (macs, (from_port, to_port)) = (self.macs, self.ports);
        let ip = |protocol: u8| match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Some(Packet::ipv4(macs.0, macs.1, from, to, protocol)),
            (IpAddr::V6(from), IpAddr::V6(to)) => Some(Packet::ipv6(macs.0, macs.1, from, to, protocol)),
            _ => None,
        };
        let tcp = ip(ip_protocol::TCP).map(|packet| packet.tcp(from_port, to_port, TCP_SYN));
        let udp = ip(ip_protocol::UDP).map(|packet| packet.udp(from_port, to_port));
        let echo = match self.from {
            IpAddr::V4(_) => ip(ip_protocol::ICMP).map(|packet| packet.icmp(8, 0)),
            IpAddr::V6(_) => ip(ip_protocol::ICMPV6).map(|packet| packet.icmpv6(128, 0)),
        };
        let packets = match protocol {
            Protocol::Tcp => vec![tcp],
            Protocol::Udp => vec![udp],
            Protocol::Sctp => vec![ip(ip_protocol::SCTP).map(|packet| packet.sctp(from_port, to_port))],
            Protocol::Icmp => vec![echo],
            _ => vec![tcp, udp, echo],
        };
        let tagged = |packet: Packet| match self.vlan {
            Some(vlan) => packet.tagged(vlan, 0),
            None => packet,
        };
        packets.into_iter().flatten().map(tagged).collect()
    }

    /// Returns the first answer of a connection to its opener. Its ports are those of the opener,
    /// the other way round.
    pub(in crate::verify) fn answer(&self, protocol: Protocol, opener: &Packet) -> Option<Packet> {
        let ports = [Field::TcpDst, Field::UdpDst, Field::SctpDst].into_iter();
        let opened = ports.filter_map(|field| opener.value(field)).next().unwrap_or_default();
        let sources = [Field::TcpSrc, Field::UdpSrc, Field::SctpSrc].into_iter();
        let source = sources.filter_map(|field| opener.value(field)).next().unwrap_or_default();
        let port = |value: u128| u16::try_from(value).unwrap_or_default();
        let plain = Self { ports: (port(opened), port(source)), ..*self };
        let packet = plain.packets(protocol).into_iter().next()?;
        let answers = [
            (Field::TcpFlags, u128::from(TCP_SYN | TCP_ACK)),
            (Field::Icmpv4Type, 0),
            // Echo reply (RFC 4443 §4.2).
            (Field::Icmpv6Type, 129),
        ];
        let own = answers.into_iter().find(|(field, _)| packet.value(*field).is_some());
        Some(own.map_or_else(|| packet.clone(), |(field, value)| packet.clone().with(field, value)))
    }
}
