//! IPv6 with its extension headers (RFC 8200 §3 and §4).

use std::net::Ipv6Addr;

use ofproto::codec::Reader;
use ofproto::ip_protocol;

use super::{FIELD, Fragment, Ip, transport};

/// An IPv6 header. All zero if it is malformed. Malformed extension headers do not affect the
/// addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv6 {
    /// The source address.
    pub source: Ipv6Addr,
    /// The destination address.
    pub destination: Ipv6Addr,
    /// The flow label.
    pub label: u32,
    /// The fields shared with IPv4.
    pub ip: Ip,
}

impl Default for Ipv6 {
    fn default() -> Self {
        let nobody = Ipv6Addr::UNSPECIFIED;
        Self { source: nobody, destination: nobody, label: 0, ip: Ip::default() }
    }
}

/// Minimum length of an extension header, in bytes.
const MIN_EXTENSION: usize = 8;
/// Mask of the offset in the second word of a fragment header (RFC 8200 §4.5).
const OFFSET: u16 = 0xfff8;

/// Extracts the header and its payload.
pub(super) fn extract(r: Reader<'_>) -> Ipv6 {
    header(r).unwrap_or_default()
}

/// Extracts a header that the switch accepts. The switch checks the length, not the version.
fn header(mut r: Reader<'_>) -> Option<Ipv6> {
    let first = r.u32(FIELD).ok()?;
    let payload = usize::from(r.u16(FIELD).ok()?);
    let [next, ttl] = r.array(FIELD).ok()?;
    let (source, destination) = (address(&mut r)?, address(&mut r)?);
    // The bytes after the payload are padding.
    let mut body = r.sub(payload, FIELD).ok()?;
    let mut this = Ipv6 { source, destination, ..Ipv6::default() };
    if let Some((protocol, fragment)) = pass_extensions(&mut body, next) {
        let tos = u8::try_from(first >> 20 & 0xff).unwrap_or_default();
        let transport = transport::extract(body, protocol, fragment, true);
        this.label = first & 0xf_ffff;
        this.ip = Ip { protocol, tos, ttl, fragment, transport };
    }
    Some(this)
}

fn address(r: &mut Reader<'_>) -> Option<Ipv6Addr> {
    Some(u128::from_be_bytes(r.array(FIELD).ok()?).into())
}

/// Skips the extension headers that Open vSwitch knows, and returns the protocol after them.
///
/// Any other extension header counts as the protocol itself: Mobility (RFC 6275), HIP and Shim6
/// too. The protocol of a later fragment is that of its fragment header (ovs-fields(7), "IPv4 and
/// IPv6 fragments"). `None` if a header is truncated.
fn pass_extensions(body: &mut Reader<'_>, mut next: u8) -> Option<(u8, Fragment)> {
    let mut fragment = Fragment::No;
    loop {
        let unit = match next {
            ip_protocol::HOP_BY_HOP | ip_protocol::ROUTING | ip_protocol::DESTINATION_OPTIONS => 8,
            ip_protocol::AUTHENTICATION => 4,
            // This header has no length field (RFC 8200 §4.5).
            ip_protocol::FRAGMENT => 0,
            protocol => return Some((protocol, fragment)),
        };
        if body.remaining() < MIN_EXTENSION {
            return None;
        }
        let mut head = body.clone();
        let [following, len] = head.array(FIELD).ok()?;
        // The length excludes the first 8-byte unit; in 4-byte units (RFC 4302 §2.2), it excludes
        // the first two.
        body.skip(8 + usize::from(len) * unit, FIELD).ok()?;
        next = following;
        if unit == 0 {
            // Reserved bits count too: only a word of zeros is a whole packet.
            match head.u16(FIELD).ok()? {
                0 => {}
                word if word & OFFSET == 0 => fragment = Fragment::First,
                _ => return Some((ip_protocol::FRAGMENT, Fragment::Later)),
            }
        }
    }
}
