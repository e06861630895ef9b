//! EtherTypes by their names (IANA, "IEEE 802 Numbers").

/// IPv4 (RFC 894).
pub const IPV4: u16 = 0x0800;
/// ARP (RFC 826).
pub const ARP: u16 = 0x0806;
/// Reverse ARP (RFC 903).
pub const RARP: u16 = 0x8035;
/// A tag of a customer's VLAN (IEEE 802.1Q).
pub const VLAN: u16 = 0x8100;
/// IPv6 (RFC 2464).
pub const IPV6: u16 = 0x86dd;
/// MPLS (RFC 3032 §5).
pub const MPLS: u16 = 0x8847;
/// MPLS with an upstream-assigned label (RFC 5332 §3): `mplsm` in ovs-fields(7).
pub const MPLS_MULTICAST: u16 = 0x8848;
/// A tag of a provider's VLAN (IEEE 802.1ad).
pub const SERVICE_VLAN: u16 = 0x88a8;
/// Network Service Header (RFC 8300).
pub const NSH: u16 = 0x894f;

/// The lowest EtherType. A lower number is the length of an IEEE 802.3 frame.
pub const MIN: u16 = 0x0600;
/// The number that Open vSwitch assigns to a frame without a type (ovs-fields(7), `eth_type`).
pub const NOT_ETH_TYPE: u16 = 0x05ff;
