//! What IPv4 and IPv6 have in common.

use super::{Fragment, Transport};

/// The fields of both versions of IP; all zero where the header is broken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ip {
    /// The protocol; of IPv6 that of the last extension header that is passed over.
    pub protocol: u8,
    /// The type of service, or the traffic class: DSCP and ECN.
    pub tos: u8,
    /// The time to live, or the hop limit.
    pub ttl: u8,
    /// Whether it is a fragment.
    pub fragment: Fragment,
    /// What stands behind.
    pub transport: Transport,
}
