//! IPv4 (RFC 791 §3.1).

use std::net::Ipv4Addr;

use ofproto::codec::Reader;

use super::{FIELD, Fragment, Ip, transport};

/// An IPv4 header; all zero where it is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv4 {
    /// The sender.
    pub source: Ipv4Addr,
    /// The receiver.
    pub destination: Ipv4Addr,
    /// What it shares with IPv6.
    pub ip: Ip,
}

impl Default for Ipv4 {
    fn default() -> Self {
        Self { source: Ipv4Addr::UNSPECIFIED, destination: Ipv4Addr::UNSPECIFIED, ip: Ip::default() }
    }
}

/// A header without options, in bytes.
const MIN_HEADER: usize = 20;
/// Of the flags and the fragment offset: more fragments, and the offset.
const MORE_OR_OFFSET: u16 = 0x3fff;
const OFFSET: u16 = 0x1fff;

/// Extracts the header and what stands behind it.
pub(super) fn extract(r: Reader<'_>) -> Ipv4 {
    header(r).unwrap_or_default()
}

/// Extracts what the switch takes for sane. It looks at the lengths, not at version and checksum.
fn header(mut r: Reader<'_>) -> Option<Ipv4> {
    let mut ahead = r.clone();
    let [version_length, tos] = ahead.array(FIELD).ok()?;
    let (header, total) = (usize::from(version_length & 0xf) * 4, usize::from(ahead.u16(FIELD).ok()?));
    if header < MIN_HEADER {
        return None;
    }
    // What is behind the total length is padding.
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
