//! The common fields of IPv4 and IPv6.

use super::{Fragment, Transport};

/// The fields of both versions of IP. All zero if the header is malformed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ip {
    /// The protocol. For IPv6, that of the last extension header skipped.
    pub protocol: u8,
    /// The type of service, or the traffic class: DSCP and ECN.
    pub tos: u8,
    /// The time to live, or the hop limit.
    pub ttl: u8,
    /// The fragment status.
    pub fragment: Fragment,
    /// The transport header.
    pub transport: Transport,
}
