//! The order in which Open vSwitch writes the fields of a match: prerequisites first, as OpenFlow
//! 1.3.5 §7.2.3.6 requires.

use ofproto::oxm::Field;

const ORDER: &[Field] = {
    use Field::*;
    &[
        PacketType,
        DpHash,
        RecircId,
        ConjId,
        InPort,
        InPortOxm,
        ActsetOutput,
        EthSrc,
        EthDst,
        EthType,
        VlanTci,
        VlanVid,
        VlanPcp,
        MplsTc,
        MplsBos,
        MplsTtl,
        MplsLabel,
        Ipv4Src,
        Ipv4Dst,
        Ipv6Src,
        Ipv6Dst,
        IpFrag,
        IpDscp,
        IpDscpShifted,
        IpEcn,
        IpTtl,
        Ipv6Label,
        IpProto,
        TcpSrc,
        TcpDst,
        TcpFlags,
        UdpSrc,
        UdpDst,
        SctpSrc,
        SctpDst,
        Icmpv4Type,
        Icmpv4Code,
        Icmpv6Type,
        Icmpv6Code,
        NdReserved,
        NdTarget,
        NdOptionsType,
        NdSll,
        NdTll,
        ArpOp,
        ArpSpa,
        ArpTpa,
        ArpSha,
        ArpTha,
        TunId,
        TunFlags,
        TunSrc,
        TunDst,
        TunIpv6Src,
        TunIpv6Dst,
        TunGbpId,
        TunGbpFlags,
        TunMetadata0,
        TunErspanIdx,
        TunErspanVer,
        TunErspanDir,
        TunErspanHwid,
        TunGtpuFlags,
        TunGtpuMsgtype,
        NshFlags,
        NshTtl,
        NshMdtype,
        NshNp,
        NshSpi,
        NshSi,
        NshC1,
        NshC2,
        NshC3,
        NshC4,
        Reg0,
        Reg1,
        Reg2,
        Reg3,
        Reg4,
        Reg5,
        Reg6,
        Reg7,
        Reg8,
        Reg9,
        Reg10,
        Reg11,
        Reg12,
        Reg13,
        Reg14,
        Reg15,
        Reg16,
        Reg17,
        Reg18,
        Reg19,
        Reg20,
        Reg21,
        Reg22,
        Reg23,
        Reg24,
        Reg25,
        Reg26,
        Reg27,
        Reg28,
        Reg29,
        Reg30,
        Reg31,
        Xreg0,
        Xreg1,
        Xreg2,
        Xreg3,
        Xreg4,
        Xreg5,
        Xreg6,
        Xreg7,
        Xreg8,
        Xreg9,
        Xreg10,
        Xreg11,
        Xreg12,
        Xreg13,
        Xreg14,
        Xreg15,
        Xxreg0,
        Xxreg1,
        Xxreg2,
        Xxreg3,
        Xxreg4,
        Xxreg5,
        Xxreg6,
        Xxreg7,
        PktMark,
        CtState,
        CtZone,
        CtMark,
        CtLabel,
        CtNwSrc,
        CtNwDst,
        CtIpv6Src,
        CtIpv6Dst,
        CtNwProto,
        CtTpSrc,
        CtTpDst,
        Metadata,
    ]
};

/// Number of fields, without tunnel options.
const FIELDS: usize = Field::ALL.len();

/// The rank of each field. A field missing above ranks after all others; a test excludes that case.
static RANKS: [u8; FIELDS] = {
    let mut ranks = [u8::MAX; FIELDS];
    let mut rest = ORDER;
    let mut rank = 0;
    while let Some((&field, tail)) = rest.split_first() {
        if (field as usize) < FIELDS {
            #[allow(clippy::indexing_slicing, reason = "runs at compile time: out of range does not compile")]
            {
                ranks[field as usize] = rank;
            }
        }
        rank += 1;
        rest = tail;
    }
    ranks
};

/// The rank of the tunnel options among the fields.
pub(crate) const TUNNEL_OPTIONS: u8 = {
    let mut rest = ORDER;
    let mut rank = 0;
    while let Some((&field, tail)) = rest.split_first() {
        if field as usize == Field::TunMetadata0 as usize {
            break;
        }
        rank += 1;
        rest = tail;
    }
    rank
};

/// Returns the rank of a field. Fields of a lower rank come first.
pub(crate) fn rank(field: Field) -> u8 {
    RANKS.get(field as usize).copied().unwrap_or(TUNNEL_OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_place() {
        for field in Field::ALL {
            assert_ne!(rank(*field), u8::MAX, "{field:?}");
        }
        assert!(rank(Field::TunGbpFlags) < TUNNEL_OPTIONS && TUNNEL_OPTIONS < rank(Field::TunErspanIdx));
    }
}
