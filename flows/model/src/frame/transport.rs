//! The transport header after an IP header.

use std::ops::Range;

use ofproto::codec::Reader;
use ofproto::{icmpv6, ip_protocol};

use super::neighbour::{self, Neighbour};
use super::{FIELD, Fragment};

/// The transport header. All zero if it is truncated, and for a later fragment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transport {
    /// The source port, or the type of ICMP, ICMPv6 and IGMP. Open vSwitch keeps them in one place
    /// too.
    pub source: u16,
    /// The destination port, or the code of ICMP, ICMPv6 and IGMP.
    pub destination: u16,
    /// The TCP flags, twelve bits.
    pub tcp_flags: u16,
    /// Neighbour discovery, if the message is a solicitation or an advertisement of ICMPv6.
    pub neighbour: Option<Neighbour>,
    /// The range of the IP payload in the packet, in bytes. `None` if the IP header is malformed.
    pub payload: Option<Range<usize>>,
}

/// Lengths of headers without options, in bytes.
const TCP_LEN: usize = 20;
const UDP_LEN: usize = 8;
const SCTP_LEN: usize = 12;
/// Open vSwitch needs the first word of the ICMPv6 body too.
const ICMP_LEN: usize = 8;
/// Mask of the TCP flags, reserved bits included.
const TCP_FLAGS: u16 = 0xfff;

/// Extracts the transport header from the payload of an IP packet.
pub(super) fn extract(r: Reader<'_>, protocol: u8, fragment: Fragment, v6: bool) -> Transport {
    let payload = Some(r.at()..r.at() + r.remaining());
    let header = if fragment == Fragment::Later { None } else { header(r, protocol, v6) };
    Transport { payload, ..header.unwrap_or_default() }
}

fn header(mut r: Reader<'_>, protocol: u8, v6: bool) -> Option<Transport> {
    let len = r.remaining();
    match protocol {
        ip_protocol::TCP if len >= TCP_LEN => tcp(r),
        ip_protocol::UDP if len >= UDP_LEN => ports(&mut r),
        ip_protocol::SCTP if len >= SCTP_LEN => ports(&mut r),
        ip_protocol::ICMP | ip_protocol::IGMP if len >= ICMP_LEN => type_and_code(&mut r),
        ip_protocol::ICMPV6 if len >= ICMP_LEN => {
            let header = type_and_code(&mut r)?;
            let neighbour = if v6 { neighbour(r, &header) } else { None };
            Some(Transport { neighbour, ..header })
        }
        _ => None,
    }
}

/// Extracts ports and flags, if the data offset is valid (RFC 9293 §3.1).
fn tcp(mut r: Reader<'_>) -> Option<Transport> {
    let len = r.remaining();
    let header = ports(&mut r)?;
    r.skip(8, FIELD).ok()?;
    let control = r.u16(FIELD).ok()?;
    let offset = usize::from(control >> 12) * 4;
    let fits = (TCP_LEN..=len).contains(&offset);
    fits.then_some(Transport { tcp_flags: control & TCP_FLAGS, ..header })
}

fn ports(r: &mut Reader<'_>) -> Option<Transport> {
    let (source, destination) = (r.u16(FIELD).ok()?, r.u16(FIELD).ok()?);
    Some(Transport { source, destination, ..Transport::default() })
}

fn type_and_code(r: &mut Reader<'_>) -> Option<Transport> {
    let [kind, code] = r.array(FIELD).ok()?;
    Some(Transport { source: kind.into(), destination: code.into(), ..Transport::default() })
}

/// Extracts neighbour discovery from the bytes after type and code.
fn neighbour(mut r: Reader<'_>, header: &Transport) -> Option<Neighbour> {
    let kinds = [icmpv6::NEIGHBOUR_SOLICITATION, icmpv6::NEIGHBOUR_ADVERTISEMENT].map(u16::from);
    if header.destination != 0 || !kinds.contains(&header.source) {
        return None;
    }
    // The checksum and the word of flags.
    r.skip(6, FIELD).ok()?;
    Some(neighbour::extract(r))
}
