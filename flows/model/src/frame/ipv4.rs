//! IPv4 (RFC 791 §3.1).

use std::net::Ipv4Addr;

use ofproto::codec::Reader;

use super::{FIELD, Fragment, Ip, transport};

/// An IPv4 header. All zero if it is malformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv4 {
    /// The source address.
    pub source: Ipv4Addr,
    /// The destination address.
    pub destination: Ipv4Addr,
    /// The fields shared with IPv6.
    pub ip: Ip,
}

impl Default for Ipv4 {
    fn default() -> Self {
        Self { source: Ipv4Addr::UNSPECIFIED, destination: Ipv4Addr::UNSPECIFIED, ip: Ip::default() }
    }
}

/// Length of a header without options, in bytes.
const MIN_HEADER: usize = 20;
/// Mask of the more-fragments flag and the fragment offset.
const MORE_OR_OFFSET: u16 = 0x3fff;
const OFFSET: u16 = 0x1fff;

/// Extracts the header and its payload.
pub(super) fn extract(r: Reader<'_>) -> Ipv4 {
    header(r).unwrap_or_default()
}

/// Extracts a header that the switch accepts. The switch checks the lengths, not version and
/// checksum.
fn header(mut r: Reader<'_>) -> Option<Ipv4> {
    let mut ahead = r.clone();
    let [version_length, tos] = ahead.array(FIELD).ok()?;
    let (header, total) = (usize::from(version_length & 0xf) * 4, usize::from(ahead.u16(FIELD).ok()?));
    if header < MIN_HEADER {
        return None;
    }
    // The bytes after the total length are padding.
    let mut body = r.sub(total, FIELD).ok()?;
    let mut head = body.sub(header, FIELD).ok()?;
    head.skip(6, FIELD).ok()?;
    let fragment = match head.u16(FIELD).ok()? {
        part if part & OFFSET != 0 => Fragment::Later,
        part if part & MORE_OR_OFFSET != 0 => Fragment::First,
        _ => Fragment::No,
    };
    let [ttl, protocol] = head.array(FIELD).ok()?;
    head.skip(2, FIELD).ok()?;
    let (source, destination) = (head.u32(FIELD).ok()?.into(), head.u32(FIELD).ok()?.into());
    let transport = transport::extract(body, protocol, fragment, false);
    Some(Ipv4 { source, destination, ip: Ip { protocol, tos, ttl, fragment, transport } })
}
