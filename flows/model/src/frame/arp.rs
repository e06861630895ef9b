//! ARP and reverse ARP (RFC 826, RFC 903).

use std::net::Ipv4Addr;

use ofproto::MacAddr;
use ofproto::codec::Reader;

use super::FIELD;

/// An ARP packet; all zero where it is not one of IPv4 over Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// The operation: 1 asks, 2 answers. Open vSwitch takes one above 255 for 0.
    pub operation: u8,
    /// The sender's address.
    pub source: Ipv4Addr,
    /// The address that is asked for.
    pub target: Ipv4Addr,
    /// The sender's hardware address.
    pub source_mac: MacAddr,
    /// The target's hardware address.
    pub target_mac: MacAddr,
}

impl Default for Arp {
    fn default() -> Self {
        Self {
            operation: 0,
            source: Ipv4Addr::UNSPECIFIED,
            target: Ipv4Addr::UNSPECIFIED,
            source_mac: MacAddr::ZERO,
            target_mac: MacAddr::ZERO,
        }
    }
}

/// Ethernet and IPv4, with the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// The length of such a packet.
const LEN: usize = 28;

/// Extracts ARP of IPv4 over Ethernet; none where it is of another kind or cut short.
pub(super) fn extract(mut r: Reader<'_>) -> Option<Arp> {
    let mut r = r.sub(LEN, FIELD).ok()?;
    if r.array(FIELD).ok()? != ETHERNET_IPV4 {
        return None;
    }
    let operation = u8::try_from(r.u16(FIELD).ok()?).unwrap_or_default();
    let (source_mac, source) = addresses(&mut r)?;
    let (target_mac, target) = addresses(&mut r)?;
    Some(Arp { operation, source, target, source_mac, target_mac })
}

fn addresses(r: &mut Reader<'_>) -> Option<(MacAddr, Ipv4Addr)> {
    Some((MacAddr(r.array(FIELD).ok()?), r.u32(FIELD).ok()?.into()))
}
