//! The header fields of a frame, as Open vSwitch extracts them (ovs-fields(7); its
//! `miniflow_extract`).
//!
//! [`extract`] reads a frame as the key of a flow. A truncated or malformed header has fields of
//! zero, and ends the extraction. So the protocol of a malformed IP packet is 0, as in a switch.

mod arp;
mod ethernet;
mod fragment;
mod ip;
mod ipv4;
mod ipv6;
mod mpls;
mod neighbour;
mod nsh;
mod transport;

#[cfg(test)]
mod tests;

use ofproto::codec::Reader;
use ofproto::ethertype;

pub use self::arp::Arp;
pub use self::ethernet::Ethernet;
pub use self::fragment::Fragment;
pub use self::ip::Ip;
pub use self::ipv4::Ipv4;
pub use self::ipv6::Ipv6;
pub use self::mpls::Lse;
pub use self::neighbour::Neighbour;
pub use self::nsh::Nsh;
pub use self::transport::Transport;

/// The packet type of an Ethernet frame (OpenFlow 1.5.1 §7.2.3.11).
pub const ETHERNET: u32 = 0;

/// The header fields of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Addresses, tags and type.
    pub ethernet: Ethernet,
    /// The header named by the type.
    pub network: Network,
}

/// The header after the Ethernet header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Network {
    /// A type without further fields.
    #[default]
    Other,
    /// ARP or reverse ARP.
    Arp(Arp),
    /// The label stack entries of MPLS from the top, three at most.
    Mpls(Vec<Lse>),
    /// IPv4.
    Ipv4(Ipv4),
    /// IPv6.
    Ipv6(Ipv6),
    /// Network Service Header.
    Nsh(Nsh),
}

/// Extracts the header fields of an Ethernet frame.
///
/// ```
/// use flow_model::frame::{Network, extract};
///
/// let mut arp = [0; 42];
/// arp[12..22].copy_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
/// let Network::Arp(arp) = extract(&arp).network else { return };
/// assert_eq!(arp.operation, 1);
/// ```
pub fn extract(frame: &[u8]) -> Frame {
    extract_packet(frame, ETHERNET)
}

/// Extracts the header fields of a packet of this packet type, with the namespace above the lower
/// 16 bits.
///
/// A packet other than an Ethernet frame begins with the header that its type names (ovs-fields(7),
/// `packet_type`).
pub fn extract_packet(bytes: &[u8], packet_type: u32) -> Frame {
    let mut r = Reader::new(bytes);
    let ethernet = if packet_type == ETHERNET {
        let Some(ethernet) = ethernet::extract(&mut r) else { return Frame::default() };
        ethernet
    } else {
        Ethernet { eth_type: u16::try_from(packet_type & 0xffff).unwrap_or_default(), ..Ethernet::default() }
    };
    let network = match ethernet.eth_type {
        ethertype::IPV4 => Network::Ipv4(ipv4::extract(r)),
        ethertype::IPV6 => Network::Ipv6(ipv6::extract(r)),
        ethertype::ARP | ethertype::RARP => Network::Arp(arp::extract(r).unwrap_or_default()),
        ethertype::MPLS | ethertype::MPLS_MULTICAST => Network::Mpls(mpls::extract(r)),
        ethertype::NSH => Network::Nsh(nsh::extract(r).unwrap_or_default()),
        _ => Network::Other,
    };
    Frame { ethernet, network }
}

/// The field name for the reader's errors, which are not reported.
const FIELD: &str = "frame";
