//! Match fields (OpenFlow 1.3.5 §7.2.3, ovs-fields(7)).
//!
//! # What is supported
//! "Yes" means: decoded and encoded under every header that Open vSwitch 3.1 gives the field, and
//! read and printed as text by the crate `flows`. Its prerequisites, values and masks are checked
//! ([`Match::ovs_error`]). Other fields are kept unchanged: [`Oxm::Unknown`].
//!
//! | fields | supported |
//! |---|---|
//! | `conj_id`, `dp_hash`, `recirc_id`, `packet_type`, `metadata`, `pkt_mark`, `actset_output` | yes; a switch refuses flows that match `dp_hash`, or a `recirc_id` that is not 0 |
//! | `in_port`, `in_port_oxm` | yes, as one field |
//! | `reg0`–`reg31`, `xreg0`–`xreg15`, `xxreg0`–`xxreg7` | yes; wide ones print as the registers that they consist of; those above `reg15` need Open vSwitch 3.7 ([`Field::since`]) |
//! | `tun_id`, `tun_src`, `tun_dst`, `tun_ipv6_src`, `tun_ipv6_dst`, `tun_flags`, `tun_gbp_*`, `tun_erspan_*`, `tun_gtpu_*` | yes |
//! | `tun_metadata0`–`tun_metadata63` | yes: an [`Oxm::Unknown`] of class 1, as it may be longer than 128 bits; in actions one of [`Field::TUN_METADATA`] |
//! | `tun_ttl`, `tun_tos`, `skb_priority` | no: Open vSwitch gives them no header, so no OpenFlow message can carry them |
//! | `ct_state`, `ct_zone`, `ct_mark`, `ct_label`, `ct_nw_*`, `ct_ipv6_*`, `ct_tp_*` | yes |
//! | `eth_src`, `eth_dst`, `eth_type`, `vlan_tci`, `vlan_vid`, `vlan_pcp`, `dl_vlan` | yes |
//! | `mpls_label`, `mpls_tc`, `mpls_bos`, `mpls_ttl` | yes |
//! | `ip_*`, `ipv6_*`, `nw_*` | yes |
//! | `arp_*`, `icmp_*`, `icmpv6_*`, `nd_*` | yes |
//! | `tcp_*`, `udp_*`, `sctp_*`, `tcp_flags` | yes |
//! | `nsh_*` | yes |
//! | OpenFlow 1.3's `pbb_isid`, `ipv6_exthdr`, `in_phy_port` | no: Open vSwitch has none of them; kept as they came |

mod field;
pub(crate) mod header;
pub(crate) mod wire;

use bytes::Bytes;

pub use self::field::{Field, FieldInfo, Format};

/// One field of a match: a value and its mask.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Oxm {
    /// A field of the table in [`Field`].
    Known {
        /// The field.
        field: Field,
        /// The value, right-aligned. Bits outside the mask are kept unchanged.
        value: u128,
        /// The mask, if the header has the mask bit.
        mask: Option<u128>,
    },
    /// Any other field, with its bytes unchanged.
    Unknown {
        /// OXM class.
        class: u16,
        /// Field number, 7 bits.
        number: u8,
        /// True if the header has the mask bit.
        has_mask: bool,
        /// The payload. For class 0xffff it begins with the experimenter id.
        payload: Bytes,
    },
}

/// A match in wire order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Match {
    /// The fields of the match.
    pub fields: Vec<Oxm>,
}
