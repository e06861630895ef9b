//! `ct` and `nat`: connection tracking (NXAST_CT 35 and NXAST_NAT 36, ovs-actions(7)).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Action, Subfield};
use crate::ids::TableId;

/// NX_CT_F_COMMIT: commits the connection to the tracker.
pub const CT_COMMIT: u16 = 1;
/// NX_CT_F_FORCE: replaces a connection of the other direction. Needs [`CT_COMMIT`].
pub const CT_FORCE: u16 = 2;

/// NX_NAT_F_SRC: translates the source.
pub const NAT_SRC: u16 = 1;
/// NX_NAT_F_DST: translates the destination.
pub const NAT_DST: u16 = 2;
/// NX_NAT_F_PERSISTENT: keeps the translation over a restart.
pub const NAT_PERSISTENT: u16 = 4;
/// NX_NAT_F_PROTO_HASH: chooses the port by a hash.
pub const NAT_HASH: u16 = 8;
/// NX_NAT_F_PROTO_RANDOM: chooses the port at random.
pub const NAT_RANDOM: u16 = 16;

/// The parameters of `ct`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ct {
    /// `CT_` bits.
    pub flags: u16,
    /// The zone.
    pub zone: CtZone,
    /// The table at which a copy of the packet continues once its connection is known. `None` for
    /// no copy.
    pub table: Option<TableId>,
    /// The port of the protocol helper: 21 for FTP, 69 for TFTP, 0 for none.
    pub alg: u16,
    /// The actions on the connection: [`Action::Nat`], and actions that set ct_mark or ct_label.
    pub actions: Vec<Action>,
}

/// The zone of a `ct`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CtZone {
    /// The zone of this number.
    Immediate(u16),
    /// The zone whose number these 16 bits hold.
    Field(Subfield),
}

/// The parameters of `nat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Nat {
    /// `NAT_` bits. Without any, the translation of the existing connection applies.
    pub flags: u16,
    /// The range of addresses.
    pub addresses: NatAddresses,
    /// The first port of the range, and the last if it was specified. Valid only with addresses.
    pub ports: Option<(u16, Option<u16>)>,
}

/// The address range of a `nat`: the first, and the last if it was specified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NatAddresses {
    /// No address.
    #[default]
    None,
    /// IPv4.
    V4(Ipv4Addr, Option<Ipv4Addr>),
    /// IPv6.
    V6(Ipv6Addr, Option<Ipv6Addr>),
}
