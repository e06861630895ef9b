//! Ethernet headers, with VLAN tags.

use ofproto::codec::Reader;
use ofproto::{MacAddr, ethertype};

use super::FIELD;

/// An Ethernet header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ethernet {
    /// The source address.
    pub source: MacAddr,
    /// The destination address.
    pub destination: MacAddr,
    /// The control words of VLAN tags, outermost first, at most two. Each has the bit
    /// `OFPVID_PRESENT` set.
    pub tags: Vec<u16>,
    /// The type after the tags, or [`ethertype::NOT_ETH_TYPE`] if there is none.
    pub eth_type: u16,
}

/// Open vSwitch's FLOW_MAX_VLAN_HEADERS.
const MAX_TAGS: usize = 2;
/// The bit of a control word that marks a tag as present (OpenFlow 1.3.5 §7.2.3.7).
const PRESENT: u16 = 0x1000;
/// Length of a tag and the type after it, in bytes. With fewer bytes left, the type of the tag is
/// that of the frame.
const TAG_AND_TYPE: usize = 6;
/// A SNAP header, up to the type that it names (IEEE 802, RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

/// Extracts the Ethernet header, and moves the reader past it. `None` if it is truncated.
pub(super) fn extract(r: &mut Reader<'_>) -> Option<Ethernet> {
    let (destination, source) = (MacAddr(r.array(FIELD).ok()?), MacAddr(r.array(FIELD).ok()?));
    let tags = tags(r)?;
    Some(Ethernet { source, destination, tags, eth_type: eth_type(r)? })
}

fn tags(r: &mut Reader<'_>) -> Option<Vec<u16>> {
    let mut tags = Vec::new();
    let is_tag =
        |r: &Reader<'_>| matches!(r.clone().u16(FIELD), Ok(ethertype::VLAN | ethertype::SERVICE_VLAN));
    while tags.len() < MAX_TAGS && r.remaining() >= TAG_AND_TYPE && is_tag(r) {
        r.skip(2, FIELD).ok()?;
        tags.push(r.u16(FIELD).ok()? | PRESENT);
    }
    Some(tags)
}

fn eth_type(r: &mut Reader<'_>) -> Option<u16> {
    let kind = r.u16(FIELD).ok()?;
    if kind >= ethertype::MIN {
        return Some(kind);
    }
    // A length: IEEE 802.3, with an optional SNAP header that names the type.
    let mut ahead = r.clone();
    let snap = ahead.array(FIELD).is_ok_and(|head: [u8; 6]| head == SNAP);
    let named = ahead.u16(FIELD).ok().filter(|_| snap);
    if named.is_some() {
        *r = ahead;
    }
    Some(named.filter(|kind| *kind >= ethertype::MIN).unwrap_or(ethertype::NOT_ETH_TYPE))
}
