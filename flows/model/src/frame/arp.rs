//! ARP and reverse ARP (RFC 826, RFC 903).

use std::net::Ipv4Addr;

use ofproto::MacAddr;
use ofproto::codec::Reader;

use super::FIELD;

/// An ARP packet. All zero unless it is one of IPv4 over Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// The operation: 1 for a request, 2 for a reply. Open vSwitch replaces one above 255 by 0.
    pub operation: u8,
    /// The sender protocol address.
    pub source: Ipv4Addr,
    /// The target protocol address.
    pub target: Ipv4Addr,
    /// The sender hardware address.
    pub source_mac: MacAddr,
    /// The target hardware address.
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

/// Hardware and protocol type of IPv4 over Ethernet, with the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Length of such a packet, in bytes.
const LEN: usize = 28;

/// Extracts ARP of IPv4 over Ethernet. `None` if it is of another kind or truncated.
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
