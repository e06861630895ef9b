//! Names of fields. In ovs-fields(7), each has up to two plain names and two or three header names.

use ofproto::action::Subfield;
use ofproto::oxm::Field;

use crate::syntax::lex::token;

/// Returns the field of a plain name such as `nw_src`.
pub(in crate::syntax) fn by_name(name: &str) -> Option<Field> {
    // `ovs-ofctl` prints two names that it does not read.
    let name = match name {
        "gtpu_flags" => "tun_gtpu_flags",
        "gtpu_msgtype" => "tun_gtpu_msgtype",
        name => name,
    };
    all().find(|f| f.info().name == name || f.info().extra == Some(name))
}

fn all() -> impl Iterator<Item = Field> {
    Field::ALL.iter().chain(&Field::TUN_METADATA).copied()
}

/// Returns the name of a tunnel option's header.
fn option_name(field: Field) -> String {
    format!("NXM_NX_{}", field.info().name.to_ascii_uppercase())
}

/// Returns the field of a plain name, or of a header name such as `NXM_OF_IP_SRC`.
pub(in crate::syntax) fn by_any_name(name: &str) -> Option<Field> {
    by_name(name).or_else(|| {
        all().find(|f| {
            header_names(*f).contains(&name) || f.tun_metadata().is_some() && option_name(*f) == name
        })
    })
}

/// Reads `field`, `field[]`, `field[bit]` or `field[first..last]`.
///
/// # Errors
/// Returns a description of the fault.
pub(in crate::syntax) fn parse_subfield(word: &str) -> Result<Subfield, String> {
    let Some((name, bits)) = token::subfield(word) else {
        return Err(format!(
            "{word:?} is not a field: expected NAME, NAME[], NAME[BIT] or NAME[FIRST..LAST]"
        ));
    };
    let Some(field) = by_any_name(name) else { return Err(format!("unknown field {name:?}")) };
    let Some(Some((first, last))) = bits else { return Ok(Subfield::whole(field)) };
    let width = Subfield::width(field);
    if first > last {
        return Err(format!("{word:?}: the first bit, {first}, is behind the last, {last}"));
    }
    if last >= width {
        return Err(format!("{word:?}: there is no bit {last}, the field is {width} bits wide"));
    }
    Ok(Subfield { field, ofs: first, n_bits: last - first + 1 })
}

/// Prints a subfield as `ovs-ofctl` does.
pub(in crate::syntax) fn print_subfield(s: Subfield) -> String {
    let option = s.field.tun_metadata().map(|_| option_name(s.field));
    let name = option.as_deref().or(header_names(s.field).first().copied());
    let name = name.unwrap_or_else(|| s.field.info().name);
    if s == Subfield::whole(s.field) {
        format!("{name}[]")
    } else if s.n_bits == 1 {
        format!("{name}[{}]", s.ofs)
    } else {
        format!("{name}[{}..{}]", s.ofs, u32::from(s.ofs) + u32::from(s.n_bits).saturating_sub(1))
    }
}

/// Returns the name of the field's header in a match of OpenFlow 1.3.
pub(in crate::syntax) fn match_header_name(field: Field) -> &'static str {
    let names = header_names(field);
    let second = names.get(1).filter(|_| field.info().oxm.is_some() && field != Field::ActsetOutput);
    second.or(names.first()).copied().unwrap_or(field.info().name)
}

/// Returns the largest value of this number of bits.
pub(in crate::syntax) fn ones(n_bits: u16) -> u128 {
    1_u128.checked_shl(u32::from(n_bits)).map_or(u128::MAX, |above| above - 1)
}

/// Returns the names of a field's headers; `ovs-ofctl` prints the first.
const fn header_names(field: Field) -> &'static [&'static str] {
    match field {
        Field::TunId => &["NXM_NX_TUN_ID", "OXM_OF_TUNNEL_ID"],
        Field::TunSrc => &["NXM_NX_TUN_IPV4_SRC"],
        Field::TunDst => &["NXM_NX_TUN_IPV4_DST"],
        Field::TunIpv6Src => &["NXM_NX_TUN_IPV6_SRC"],
        Field::TunIpv6Dst => &["NXM_NX_TUN_IPV6_DST"],
        Field::TunFlags => &["NXM_NX_TUN_FLAGS"],
        Field::TunGbpId => &["NXM_NX_TUN_GBP_ID"],
        Field::TunGbpFlags => &["NXM_NX_TUN_GBP_FLAGS"],
        Field::Metadata => &["OXM_OF_METADATA"],
        Field::InPort => &["NXM_OF_IN_PORT"],
        Field::InPortOxm => &["OXM_OF_IN_PORT"],
        Field::PktMark => &["NXM_NX_PKT_MARK"],
        Field::CtState => &["NXM_NX_CT_STATE"],
        Field::CtZone => &["NXM_NX_CT_ZONE"],
        Field::CtMark => &["NXM_NX_CT_MARK"],
        Field::CtLabel => &["NXM_NX_CT_LABEL"],
        Field::CtNwProto => &["NXM_NX_CT_NW_PROTO"],
        Field::CtNwSrc => &["NXM_NX_CT_NW_SRC"],
        Field::CtNwDst => &["NXM_NX_CT_NW_DST"],
        Field::CtIpv6Src => &["NXM_NX_CT_IPV6_SRC"],
        Field::CtIpv6Dst => &["NXM_NX_CT_IPV6_DST"],
        Field::CtTpSrc => &["NXM_NX_CT_TP_SRC"],
        Field::CtTpDst => &["NXM_NX_CT_TP_DST"],
        Field::EthSrc => &["NXM_OF_ETH_SRC", "OXM_OF_ETH_SRC"],
        Field::EthDst => &["NXM_OF_ETH_DST", "OXM_OF_ETH_DST"],
        Field::EthType => &["NXM_OF_ETH_TYPE", "OXM_OF_ETH_TYPE"],
        Field::VlanTci => &["NXM_OF_VLAN_TCI"],
        Field::VlanVid => &["OXM_OF_VLAN_VID"],
        Field::VlanPcp => &["OXM_OF_VLAN_PCP"],
        Field::MplsLabel => &["OXM_OF_MPLS_LABEL"],
        Field::MplsTc => &["OXM_OF_MPLS_TC"],
        Field::MplsBos => &["OXM_OF_MPLS_BOS"],
        Field::MplsTtl => &["NXM_NX_MPLS_TTL"],
        Field::Ipv4Src => &["NXM_OF_IP_SRC", "OXM_OF_IPV4_SRC"],
        Field::Ipv4Dst => &["NXM_OF_IP_DST", "OXM_OF_IPV4_DST"],
        Field::Ipv6Src => &["NXM_NX_IPV6_SRC", "OXM_OF_IPV6_SRC"],
        Field::Ipv6Dst => &["NXM_NX_IPV6_DST", "OXM_OF_IPV6_DST"],
        Field::Ipv6Label => &["NXM_NX_IPV6_LABEL", "OXM_OF_IPV6_FLABEL"],
        Field::IpProto => &["NXM_OF_IP_PROTO", "OXM_OF_IP_PROTO"],
        Field::IpDscp => &["NXM_OF_IP_TOS"],
        Field::IpDscpShifted => &["OXM_OF_IP_DSCP"],
        Field::IpEcn => &["NXM_NX_IP_ECN", "OXM_OF_IP_ECN"],
        Field::IpTtl => &["NXM_NX_IP_TTL"],
        Field::IpFrag => &["NXM_NX_IP_FRAG"],
        Field::ArpOp => &["NXM_OF_ARP_OP", "OXM_OF_ARP_OP"],
        Field::ArpSpa => &["NXM_OF_ARP_SPA", "OXM_OF_ARP_SPA"],
        Field::ArpTpa => &["NXM_OF_ARP_TPA", "OXM_OF_ARP_TPA"],
        Field::ArpSha => &["NXM_NX_ARP_SHA", "OXM_OF_ARP_SHA"],
        Field::ArpTha => &["NXM_NX_ARP_THA", "OXM_OF_ARP_THA"],
        Field::TcpSrc => &["NXM_OF_TCP_SRC", "OXM_OF_TCP_SRC"],
        Field::TcpDst => &["NXM_OF_TCP_DST", "OXM_OF_TCP_DST"],
        Field::TcpFlags => &["NXM_NX_TCP_FLAGS", "ONFOXM_ET_TCP_FLAGS", "OXM_OF_TCP_FLAGS"],
        Field::UdpSrc => &["NXM_OF_UDP_SRC", "OXM_OF_UDP_SRC"],
        Field::UdpDst => &["NXM_OF_UDP_DST", "OXM_OF_UDP_DST"],
        Field::SctpSrc => &["OXM_OF_SCTP_SRC"],
        Field::SctpDst => &["OXM_OF_SCTP_DST"],
        Field::Icmpv4Type => &["NXM_OF_ICMP_TYPE", "OXM_OF_ICMPV4_TYPE"],
        Field::Icmpv4Code => &["NXM_OF_ICMP_CODE", "OXM_OF_ICMPV4_CODE"],
        Field::Icmpv6Type => &["NXM_NX_ICMPV6_TYPE", "OXM_OF_ICMPV6_TYPE"],
        Field::Icmpv6Code => &["NXM_NX_ICMPV6_CODE", "OXM_OF_ICMPV6_CODE"],
        Field::NdTarget => &["NXM_NX_ND_TARGET", "OXM_OF_IPV6_ND_TARGET"],
        Field::NdSll => &["NXM_NX_ND_SLL", "OXM_OF_IPV6_ND_SLL"],
        Field::NdTll => &["NXM_NX_ND_TLL", "OXM_OF_IPV6_ND_TLL"],
        Field::ConjId => &["NXM_NX_CONJ_ID"],
        Field::DpHash => &["NXM_NX_DP_HASH", "NXOXM_ET_DP_HASH"],
        Field::RecircId => &["NXM_NX_RECIRC_ID"],
        Field::ActsetOutput => &["ONFOXM_ET_ACTSET_OUTPUT", "OXM_OF_ACTSET_OUTPUT"],
        Field::Reg0 => &["NXM_NX_REG0"],
        Field::Reg1 => &["NXM_NX_REG1"],
        Field::Reg2 => &["NXM_NX_REG2"],
        Field::Reg3 => &["NXM_NX_REG3"],
        Field::Reg4 => &["NXM_NX_REG4"],
        Field::Reg5 => &["NXM_NX_REG5"],
        Field::Reg6 => &["NXM_NX_REG6"],
        Field::Reg7 => &["NXM_NX_REG7"],
        Field::Reg8 => &["NXM_NX_REG8"],
        Field::Reg9 => &["NXM_NX_REG9"],
        Field::Reg10 => &["NXM_NX_REG10"],
        Field::Reg11 => &["NXM_NX_REG11"],
        Field::Reg12 => &["NXM_NX_REG12"],
        Field::Reg13 => &["NXM_NX_REG13"],
        Field::Reg14 => &["NXM_NX_REG14"],
        Field::Reg15 => &["NXM_NX_REG15"],
        Field::Reg16 => &["NXOXM_ET_REG16"],
        Field::Reg17 => &["NXOXM_ET_REG17"],
        Field::Reg18 => &["NXOXM_ET_REG18"],
        Field::Reg19 => &["NXOXM_ET_REG19"],
        Field::Reg20 => &["NXOXM_ET_REG20"],
        Field::Reg21 => &["NXOXM_ET_REG21"],
        Field::Reg22 => &["NXOXM_ET_REG22"],
        Field::Reg23 => &["NXOXM_ET_REG23"],
        Field::Reg24 => &["NXOXM_ET_REG24"],
        Field::Reg25 => &["NXOXM_ET_REG25"],
        Field::Reg26 => &["NXOXM_ET_REG26"],
        Field::Reg27 => &["NXOXM_ET_REG27"],
        Field::Reg28 => &["NXOXM_ET_REG28"],
        Field::Reg29 => &["NXOXM_ET_REG29"],
        Field::Reg30 => &["NXOXM_ET_REG30"],
        Field::Reg31 => &["NXOXM_ET_REG31"],
        Field::Xreg0 => &["OXM_OF_PKT_REG0"],
        Field::Xreg1 => &["OXM_OF_PKT_REG1"],
        Field::Xreg2 => &["OXM_OF_PKT_REG2"],
        Field::Xreg3 => &["OXM_OF_PKT_REG3"],
        Field::Xreg4 => &["OXM_OF_PKT_REG4"],
        Field::Xreg5 => &["OXM_OF_PKT_REG5"],
        Field::Xreg6 => &["OXM_OF_PKT_REG6"],
        Field::Xreg7 => &["OXM_OF_PKT_REG7"],
        Field::Xreg8 => &["OXM_OF_PKT_REG8"],
        Field::Xreg9 => &["OXM_OF_PKT_REG9"],
        Field::Xreg10 => &["OXM_OF_PKT_REG10"],
        Field::Xreg11 => &["OXM_OF_PKT_REG11"],
        Field::Xreg12 => &["OXM_OF_PKT_REG12"],
        Field::Xreg13 => &["OXM_OF_PKT_REG13"],
        Field::Xreg14 => &["OXM_OF_PKT_REG14"],
        Field::Xreg15 => &["OXM_OF_PKT_REG15"],
        Field::Xxreg0 => &["NXM_NX_XXREG0"],
        Field::Xxreg1 => &["NXM_NX_XXREG1"],
        Field::Xxreg2 => &["NXM_NX_XXREG2"],
        Field::Xxreg3 => &["NXM_NX_XXREG3"],
        Field::Xxreg4 => &["NXOXM_ET_XXREG4"],
        Field::Xxreg5 => &["NXOXM_ET_XXREG5"],
        Field::Xxreg6 => &["NXOXM_ET_XXREG6"],
        Field::Xxreg7 => &["NXOXM_ET_XXREG7"],
        Field::TunErspanVer => &["NXOXM_ET_ERSPAN_VER"],
        Field::TunErspanIdx => &["NXOXM_ET_ERSPAN_IDX"],
        Field::TunErspanDir => &["NXOXM_ET_ERSPAN_DIR"],
        Field::TunErspanHwid => &["NXOXM_ET_ERSPAN_HWID"],
        Field::TunGtpuFlags => &["NXOXM_ET_GTPU_FLAGS"],
        Field::TunGtpuMsgtype => &["NXOXM_ET_GTPU_MSGTYPE"],
        Field::NdReserved => &["ERICOXM_OF_ICMPV6_ND_RESERVED"],
        Field::NdOptionsType => &["ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE"],
        Field::NshFlags => &["NXOXM_NSH_FLAGS"],
        Field::NshTtl => &["NXOXM_NSH_TTL"],
        Field::NshMdtype => &["NXOXM_NSH_MDTYPE"],
        Field::NshNp => &["NXOXM_NSH_NP"],
        Field::NshSpi => &["NXOXM_NSH_SPI"],
        Field::NshSi => &["NXOXM_NSH_SI"],
        Field::NshC1 => &["NXOXM_NSH_C1"],
        Field::NshC2 => &["NXOXM_NSH_C2"],
        Field::NshC3 => &["NXOXM_NSH_C3"],
        Field::NshC4 => &["NXOXM_NSH_C4"],
        Field::PacketType => &["OXM_OF_PACKET_TYPE"],
        // `Field` may grow: a new field has only its plain name until it is added here.
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_header_name_of_its_own() {
        for field in Field::ALL {
            assert!(!header_names(*field).is_empty(), "{field:?}");
            for name in header_names(*field) {
                assert_eq!(by_any_name(name), Some(*field), "{name}");
            }
            assert_eq!(by_name(field.info().name), Some(*field));
        }
    }

    #[test]
    fn subfields() {
        let reg = |ofs, n_bits| Ok(Subfield { field: Field::Reg1, ofs, n_bits });
        assert_eq!(parse_subfield("reg1[16..31]"), reg(16, 16));
        assert_eq!(parse_subfield("NXM_NX_REG1[3]"), reg(3, 1));
        assert_eq!(parse_subfield("reg1[]"), parse_subfield("NXM_NX_REG1"));
        assert!(parse_subfield("reg1[16..32]").is_err());
        assert!(parse_subfield("reg1[5..4]").is_err());
        assert!(parse_subfield("reg1[").is_err());
        assert_eq!(ones(0), 0);
        assert_eq!(ones(128), u128::MAX);
    }
}
