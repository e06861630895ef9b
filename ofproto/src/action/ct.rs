//! `ct` and `nat`: connection tracking (NXAST_CT 35 and NXAST_NAT 36, ovs-actions(7)).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Action, Subfield};
use crate::ids::TableId;

/// NX_CT_F_COMMIT: the connection is kept.
pub const CT_COMMIT: u16 = 1;
/// NX_CT_F_FORCE: a connection of the other direction is replaced; needs [`CT_COMMIT`].
pub const CT_FORCE: u16 = 2;

/// NX_NAT_F_SRC: the source is translated.
pub const NAT_SRC: u16 = 1;
/// NX_NAT_F_DST: the destination is translated.
pub const NAT_DST: u16 = 2;
/// NX_NAT_F_PERSISTENT: the same translation after a restart.
pub const NAT_PERSISTENT: u16 = 4;
/// NX_NAT_F_PROTO_HASH: the port is chosen by a hash.
pub const NAT_HASH: u16 = 8;
/// NX_NAT_F_PROTO_RANDOM: the port is chosen at random.
pub const NAT_RANDOM: u16 = 16;

/// The parameters of `ct`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ct {
    /// `CT_` bits.
    pub flags: u16,
    /// The zone.
    pub zone: CtZone,
    /// Where a copy of the packet goes on once its connection is known; none for nowhere.
    pub table: Option<TableId>,
    /// The port whose protocol the tracker helps: 21 for FTP, 69 for TFTP, 0 for none.
    pub alg: u16,
    /// What the tracker does with the connection: [`Action::Nat`], and what sets ct_mark or ct_label.
    pub actions: Vec<Action>,
}

/// The zone of a `ct`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CtZone {
    /// This one.
    Immediate(u16),
    /// The one whose number these 16 bits hold.
    Field(Subfield),
}

/// The parameters of `nat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Nat {
    /// `NAT_` bits; none of them to translate as the connection was before.
    pub flags: u16,
    /// The addresses to choose from.
    pub addresses: NatAddresses,
    /// The first port to choose from, and the last where one was said. Only with addresses.
    pub ports: Option<(u16, Option<u16>)>,
}

/// The addresses of a `nat`: the first, and the last where one was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NatAddresses {
    /// None said.
    #[default]
    None,
    /// IPv4.
    V4(Ipv4Addr, Option<Ipv4Addr>),
    /// IPv6.
    V6(Ipv6Addr, Option<Ipv6Addr>),
}
