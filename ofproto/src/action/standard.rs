//! The wire form of the actions of OpenFlow 1.3.5 §7.2.5. The dispatcher handles type and length.

use std::net::Ipv4Addr;

use super::Action;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{GroupId, PortNo};
use crate::oxm::Oxm;

/// The actions of OpenFlow 1.1 that `set_field` replaced in 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Legacy {
    /// OFPAT_SET_VLAN_VID 1.
    VlanVid(u16),
    /// OFPAT_SET_VLAN_PCP 2.
    VlanPcp(u8),
    /// OFPAT_SET_DL_SRC 3.
    EthSrc([u8; 6]),
    /// OFPAT_SET_DL_DST 4.
    EthDst([u8; 6]),
    /// OFPAT_SET_NW_SRC 5.
    Ipv4Src(Ipv4Addr),
    /// OFPAT_SET_NW_DST 6.
    Ipv4Dst(Ipv4Addr),
    /// OFPAT_SET_NW_TOS 7: DSCP in the upper six bits.
    NwTos(u8),
    /// OFPAT_SET_NW_ECN 8.
    NwEcn(u8),
    /// OFPAT_SET_TP_SRC 9: the port of TCP, UDP or SCTP, depending on the packet.
    TpSrc(u16),
    /// OFPAT_SET_TP_DST 10.
    TpDst(u16),
    /// OFPAT_SET_MPLS_LABEL 13.
    MplsLabel(u32),
    /// OFPAT_SET_MPLS_TC 14.
    MplsTc(u8),
}

impl Legacy {
    /// Returns the OFPAT_ type.
    pub(super) const fn kind(self) -> u16 {
        match self {
            Self::VlanVid(_) => 1,
            Self::VlanPcp(_) => 2,
            Self::EthSrc(_) => 3,
            Self::EthDst(_) => 4,
            Self::Ipv4Src(_) => 5,
            Self::Ipv4Dst(_) => 6,
            Self::NwTos(_) => 7,
            Self::NwEcn(_) => 8,
            Self::TpSrc(_) => 9,
            Self::TpDst(_) => 10,
            Self::MplsLabel(_) => 13,
            Self::MplsTc(_) => 14,
        }
    }

    /// Appends the body after type and length, which the caller pads.
    pub(super) fn encode(self, w: &mut Writer) {
        match self {
            Self::VlanVid(n) | Self::TpSrc(n) | Self::TpDst(n) => w.u16(n),
            Self::VlanPcp(n) | Self::NwTos(n) | Self::NwEcn(n) | Self::MplsTc(n) => w.u8(n),
            Self::EthSrc(mac) | Self::EthDst(mac) => w.bytes(&mac),
            Self::Ipv4Src(ip) | Self::Ipv4Dst(ip) => w.bytes(&ip.octets()),
            Self::MplsLabel(n) => w.u32(n),
        }
    }

    fn decode(kind: u16, r: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        let start = r.at() - 4;
        let legacy = match kind {
            1 => Self::VlanVid(r.u16("set_vlan_vid")?),
            2 => Self::VlanPcp(r.u8("set_vlan_pcp")?),
            3 => Self::EthSrc(r.array("set_dl_src")?),
            4 => Self::EthDst(r.array("set_dl_dst")?),
            5 => Self::Ipv4Src(Ipv4Addr::from(r.array::<4>("set_nw_src")?)),
            6 => Self::Ipv4Dst(Ipv4Addr::from(r.array::<4>("set_nw_dst")?)),
            7 => Self::NwTos(r.u8("set_nw_tos")?),
            8 => Self::NwEcn(r.u8("set_nw_ecn")?),
            9 => Self::TpSrc(r.u16("set_tp_src")?),
            10 => Self::TpDst(r.u16("set_tp_dst")?),
            13 => Self::MplsLabel(r.u32("set_mpls_label")?),
            14 => Self::MplsTc(r.u8("set_mpls_tc")?),
            _ => return Ok(None),
        };
        let used = r.at() - start;
        r.skip(used.next_multiple_of(8) - used, "action padding")?;
        Ok(Some(legacy))
    }
}

pub(super) const OUTPUT: u16 = 0;
pub(super) const COPY_TTL_OUT: u16 = 11;
pub(super) const COPY_TTL_IN: u16 = 12;
pub(super) const SET_MPLS_TTL: u16 = 15;
pub(super) const DEC_MPLS_TTL: u16 = 16;
pub(super) const PUSH_VLAN: u16 = 17;
pub(super) const POP_VLAN: u16 = 18;
pub(super) const PUSH_MPLS: u16 = 19;
pub(super) const POP_MPLS: u16 = 20;
pub(super) const SET_QUEUE: u16 = 21;
pub(super) const GROUP: u16 = 22;
pub(super) const SET_NW_TTL: u16 = 23;
pub(super) const DEC_NW_TTL: u16 = 24;
pub(super) const SET_FIELD: u16 = 25;
pub(super) const PUSH_PBB: u16 = 26;
pub(super) const POP_PBB: u16 = 27;

/// Decodes the body of a standard action. `None` for any other type.
pub(super) fn decode(kind: u16, r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let action = match kind {
        OUTPUT => {
            let port = PortNo(r.u32("output port")?);
            let max_len = r.u16("output max_len")?;
            r.skip(6, "output padding")?;
            Action::Output { port, max_len }
        }
        COPY_TTL_OUT => empty(r, Action::CopyTtlOut)?,
        COPY_TTL_IN => empty(r, Action::CopyTtlIn)?,
        SET_MPLS_TTL => byte(r, Action::SetMplsTtl)?,
        DEC_MPLS_TTL => empty(r, Action::DecMplsTtl)?,
        PUSH_VLAN => ethertype(r, Action::PushVlan)?,
        POP_VLAN => empty(r, Action::PopVlan)?,
        PUSH_MPLS => ethertype(r, Action::PushMpls)?,
        POP_MPLS => ethertype(r, Action::PopMpls)?,
        SET_QUEUE => Action::SetQueue(r.u32("set_queue")?),
        GROUP => Action::Group(GroupId(r.u32("group")?)),
        SET_NW_TTL => byte(r, Action::SetNwTtl)?,
        DEC_NW_TTL => empty(r, Action::DecNwTtl)?,
        SET_FIELD => Action::SetField(set_field(r)?),
        PUSH_PBB => ethertype(r, Action::PushPbb)?,
        POP_PBB => empty(r, Action::PopPbb)?,
        _ => return Ok(Legacy::decode(kind, r)?.map(Action::Legacy)),
    };
    Ok(Some(action))
}

/// Appends the body of `set_field`.
pub(super) fn set_field_body(oxm: &Oxm, w: &mut Writer) -> Result<(), EncodeError> {
    // Type and length, which precede the body, count towards the padding.
    let start = w.len() - 4;
    oxm.encode(w)?;
    w.pad8(start);
    Ok(())
}

fn empty(r: &mut Reader<'_>, action: Action) -> Result<Action, DecodeError> {
    r.skip(4, "action padding")?;
    Ok(action)
}

fn byte(r: &mut Reader<'_>, action: impl Fn(u8) -> Action) -> Result<Action, DecodeError> {
    let v = r.u8("ttl")?;
    r.skip(3, "action padding")?;
    Ok(action(v))
}

fn ethertype(r: &mut Reader<'_>, action: impl Fn(u16) -> Action) -> Result<Action, DecodeError> {
    let v = r.u16("ethertype")?;
    r.skip(2, "action padding")?;
    Ok(action(v))
}

fn set_field(r: &mut Reader<'_>) -> Result<Oxm, DecodeError> {
    let bad = r.error(crate::DecodeErrorKind::BadField, "set_field");
    let start = r.at() - 4;
    let oxm = Oxm::decode(r)?;
    // OpenFlow 1.3 allows no mask here; Open vSwitch answers BAD_SET_MASK.
    if matches!(oxm, Oxm::Known { mask: Some(_), .. }) {
        return Err(bad);
    }
    let used = r.at() - start;
    r.skip(used.next_multiple_of(8) - used, "set_field padding")?;
    Ok(oxm)
}
