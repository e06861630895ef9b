//! Strategies for matches, with the prerequisites of each field.

use ofproto::oxm::{Field, Format};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::{FlowMatch, Masked, TunnelOption};

/// The prerequisites of a kind of packet, the fields that it has, and those of them that actions
/// may write.
pub(super) type PacketKind = (&'static [(Field, u128)], &'static [Field], &'static [Field]);

pub(super) const KINDS: &[PacketKind] = {
    use Field::*;
    &[
        (&[], &[EthSrc, EthDst, VlanVid, VlanPcp], &[EthSrc, EthDst]),
        (&[(EthType, 0x88b5)], &[EthSrc, EthDst], &[EthDst]),
        (
            &[(EthType, 0x800)],
            &[Ipv4Src, Ipv4Dst, IpDscpShifted, IpEcn, IpTtl, IpFrag],
            &[Ipv4Src, Ipv4Dst, IpDscpShifted, IpEcn, IpTtl],
        ),
        (
            &[(EthType, 0x800), (IpProto, 6)],
            &[Ipv4Src, Ipv4Dst, TcpSrc, TcpDst, TcpFlags, IpTtl],
            &[TcpSrc, TcpDst, Ipv4Src],
        ),
        (&[(EthType, 0x800), (IpProto, 17)], &[Ipv4Dst, UdpSrc, UdpDst, VlanVid], &[UdpSrc, UdpDst]),
        (&[(EthType, 0x800), (IpProto, 132)], &[SctpSrc, SctpDst], &[SctpSrc, SctpDst]),
        (&[(EthType, 0x800), (IpProto, 1)], &[Icmpv4Type, Icmpv4Code], &[Icmpv4Type, Icmpv4Code]),
        (&[(EthType, 0x800), (IpProto, 2)], &[Ipv4Src], &[Ipv4Dst]),
        (
            &[(EthType, 0x86dd)],
            &[Ipv6Src, Ipv6Dst, Ipv6Label, IpTtl, IpDscpShifted],
            &[Ipv6Src, Ipv6Dst, Ipv6Label],
        ),
        (&[(EthType, 0x86dd), (IpProto, 6)], &[Ipv6Src, TcpDst], &[TcpDst, IpEcn]),
        (&[(EthType, 0x86dd), (IpProto, 58)], &[Icmpv6Type, Icmpv6Code], &[Icmpv6Type]),
        (
            &[(EthType, 0x86dd), (IpProto, 58), (Icmpv6Type, 135)],
            &[NdTarget, NdSll, NdReserved, NdOptionsType],
            &[NdTarget, NdSll, NdReserved],
        ),
        (&[(EthType, 0x86dd), (IpProto, 58), (Icmpv6Type, 136)], &[NdTarget, NdTll], &[NdTll]),
        (&[(EthType, 0x806)], &[ArpOp, ArpSpa, ArpTpa, ArpSha, ArpTha], &[ArpSpa, ArpTpa, ArpSha, ArpTha]),
        (&[(EthType, 0x8035)], &[ArpOp, ArpSpa], &[ArpTha]),
        (&[(EthType, 0x8847)], &[MplsLabel, MplsTc, MplsBos, MplsTtl], &[MplsLabel, MplsTc, MplsTtl]),
        (&[(EthType, 0x8848)], &[MplsLabel], &[MplsTtl]),
        (
            &[(EthType, 0x894f), (NshMdtype, 1)],
            &[NshFlags, NshTtl, NshNp, NshSpi, NshSi, NshC1, NshC2, NshC3, NshC4],
            &[NshSi, NshC1, NshC4, NshSpi],
        ),
        (&[(TunErspanVer, 1)], &[TunErspanIdx], &[]),
        (&[(TunErspanVer, 2)], &[TunErspanDir, TunErspanHwid], &[]),
        (&[(PacketType, 0x1_0800)], &[Ipv4Src, IpTtl], &[Ipv4Dst]),
        (&[(PacketType, 0x1_86dd)], &[Ipv6Src], &[Ipv6Dst]),
        (&[(PacketType, 0x1_0800), (IpProto, 6)], &[Ipv4Dst, TcpSrc, TcpDst, TcpFlags], &[TcpDst]),
        (&[(PacketType, 0x1_86dd), (IpProto, 58), (Icmpv6Type, 135)], &[NdTarget, NdSll], &[NdTarget]),
        (&[(PacketType, 0x1_0806)], &[ArpOp, ArpSpa, ArpSha], &[ArpSpa]),
        (&[(PacketType, 0x1_8847)], &[MplsLabel, MplsTc, MplsBos, MplsTtl], &[MplsTtl]),
        (
            &[(PacketType, 0x1_894f), (NshMdtype, 1)],
            &[NshFlags, NshTtl, NshNp, NshSpi, NshSi, NshC1, NshC2, NshC3, NshC4],
            &[NshSi, NshC1],
        ),
        (&[(PacketType, 0x1_894f)], &[NshFlags, NshTtl, NshNp, NshSpi, NshSi], &[NshSi]),
        (&[(PacketType, 0x1_0000)], &[], &[]),
        (&[(PacketType, 5)], &[], &[]),
        (&[(CtState, 0x22), (EthType, 0x800)], &[CtNwSrc, CtNwDst, CtNwProto], &[Ipv4Src]),
        (&[(CtState, 0x21), (EthType, 0x86dd)], &[CtIpv6Src, CtIpv6Dst], &[Ipv6Src]),
    ]
};

/// The kinds of packets in a switch whose fields `ovs-ofctl` does not print, or does not read back.
pub(super) const UNREADABLE: &[PacketKind] = {
    use Field::*;
    const CONTEXTS: &[Field] = &[NshC1, NshC2, NshC3, NshC4, NshSpi];
    const ERSPAN: &[Field] = &[TunErspanIdx, TunErspanDir, TunErspanHwid, TunGtpuFlags, TunGtpuMsgtype];
    &[
        (&[(PacketType, 0)], &[], &[EthSrc]),
        (&[(EthType, 0x894f)], CONTEXTS, &[NshC2]),
        (&[(EthType, 0x894f), (NshMdtype, 2)], CONTEXTS, &[NshC2]),
        (&[(PacketType, 0x1_894f)], CONTEXTS, &[NshC2]),
        (&[(TunErspanVer, 1)], ERSPAN, &[]),
        (&[(TunErspanVer, 3)], ERSPAN, &[]),
        (&[], ERSPAN, &[]),
        (&[(EthType, 0x800)], &[IpFrag, Ipv4Src, VlanVid], &[]),
        (&[(EthType, 0x86dd)], &[IpFrag, Ipv6Src, Ipv6Dst, Ipv6Label], &[]),
        (&[(CtState, 0x22), (EthType, 0x800)], &[CtNwProto, CtTpSrc, CtTpDst], &[]),
        (&[(CtState, 0x22), (EthType, 0x86dd)], &[CtNwProto, CtTpSrc, CtTpDst, CtIpv6Src], &[]),
        (&[], &[VlanVid, RecircId, TunFlags, CtState, TunGbpFlags], &[]),
        (&[(EthType, 0x806)], &[RecircId, VlanVid, ArpSpa], &[]),
    ]
};

/// Fields of any packet that actions may write.
pub(super) const ANY: &[Field] = {
    use Field::*;
    &[
        Reg0,
        Reg1,
        Reg7,
        Reg15,
        Xreg0,
        Xreg5,
        Xxreg1,
        Xxreg3,
        Metadata,
        PktMark,
        TunId,
        TunSrc,
        TunDst,
        TunIpv6Src,
        TunIpv6Dst,
        TunGbpId,
        TunGbpFlags,
    ]
};

/// Further fields that a match may have, and actions may not write.
const ALWAYS: &[Field] = {
    use Field::*;
    &[
        Metadata,
        Reg0,
        Reg2,
        Reg7,
        Reg15,
        PktMark,
        ConjId,
        CtMark,
        CtLabel,
        CtZone,
        TunId,
        TunSrc,
        TunDst,
        TunIpv6Src,
        TunIpv6Dst,
        TunGbpId,
        TunGbpFlags,
        InPortOxm,
        ActsetOutput,
        TunFlags,
    ]
};

fn limit(field: Field) -> u128 {
    match field {
        Field::ArpOp => 0xff,
        Field::NshTtl => 63,
        field => field.info().exact(),
    }
}

/// Generates any bits of a field, as far as Open vSwitch has them.
fn any_bits(field: Field) -> BoxedStrategy<(Field, Masked)> {
    let exact = field.info().exact();
    let value = match field {
        Field::InPortOxm | Field::ActsetOutput => return bits(field),
        Field::RecircId => Just(0).boxed(),
        _ => prop_oneof![any::<u128>(), 0..4_u128].boxed(),
    };
    let mask = prop_oneof![2 => Just(exact), 1 => 1..8_u128, 1 => any::<u128>()];
    let maskable = field.info().maskable;
    (value, mask)
        .prop_map(move |(value, mask)| {
            let mask = if maskable { mask & exact } else { exact };
            (field, Masked { value: (value % limit(field).saturating_add(1)) & mask, mask })
        })
        .boxed()
}

fn bits(field: Field) -> BoxedStrategy<(Field, Masked)> {
    let exact = field.info().exact();
    match field {
        Field::InPortOxm | Field::ActsetOutput => {
            let number = prop_oneof![0..9_u32, 0..0xff00_u32, 0xffff_ff00..=u32::MAX, 0xffff_fff7..=u32::MAX];
            return number.prop_map(move |port| (field, Masked::exact(field, port.into()))).boxed();
        }
        // With OFPVID_PRESENT, so that it is a tag.
        Field::VlanVid => {
            return (0..0x1000_u128)
                .prop_map(|id| (Field::VlanVid, Masked::exact(Field::VlanVid, id | 0x1000)))
                .boxed();
        }
        Field::IpFrag => {
            let all = [(0, 3), (1, 1), (1, 3), (3, 3), (0, 2)].map(|(value, mask)| Masked { value, mask });
            return select(all.to_vec()).prop_map(|bits| (Field::IpFrag, bits)).boxed();
        }
        _ => {}
    }
    // `ovs-ofctl` prints no masks of these, and reads no IPv6 address whose mask is written as one.
    let exact_only = matches!(
        field,
        Field::TunGbpFlags | Field::TunErspanIdx | Field::TunErspanDir | Field::TunErspanHwid
    );
    let prefix = field.info().format == Format::Ipv6;
    let mask = if prefix {
        (0..129_u32).prop_map(|n| u128::MAX.checked_shl(n).unwrap_or(0)).boxed()
    } else if field.info().maskable && !exact_only {
        prop_oneof![Just(exact), (0..128_u32).prop_map(move |n| exact << n & exact), any::<u128>()].boxed()
    } else {
        Just(exact).boxed()
    };
    (any::<u128>(), mask)
        .prop_map(move |(value, mask)| {
            // Open vSwitch compares only the ones of these.
            let mask = match field {
                Field::TunErspanDir | Field::TunErspanHwid => value & exact,
                _ => mask & exact,
            };
            // Protocol 0 of a tracked connection means none, and is not matched.
            let value = if field == Field::CtNwProto { value | 1 } else { value };
            (field, Masked { value: (value % limit(field).saturating_add(1)) & mask & exact, mask })
        })
        .boxed()
}

fn tunnel_option() -> impl Strategy<Value = (Field, TunnelOption)> {
    let value = prop_oneof![
        vec(any::<u8>(), 0..9).prop_map(|mut value| {
            // Without leading zeros, as Open vSwitch writes it.
            if let Some(first) = value.first_mut() {
                *first |= 1;
            }
            TunnelOption { value, mask: None }
        }),
        vec(any::<(u8, u8)>(), 1..6).prop_map(|pairs| {
            let mut mask: Vec<u8> = pairs.iter().map(|(_, mask)| mask & 0x7f).collect();
            if let Some(first) = mask.first_mut() {
                *first |= 1;
            }
            let value = pairs.iter().zip(&mask).map(|((value, _), mask)| value & mask).collect();
            TunnelOption { value, mask: Some(mask) }
        }),
        Just(TunnelOption { value: Vec::new(), mask: Some(Vec::new()) }),
    ];
    (select(Field::TUN_METADATA.to_vec()), value)
}

pub(super) fn matches(kind: &'static PacketKind, readable: bool) -> impl Strategy<Value = FlowMatch> {
    let (fixed, fields, _) = kind;
    let bits = if readable { bits } else { any_bits };
    let some = (subsequence(*fields, 0..=fields.len()), subsequence(ALWAYS, 0..4));
    let options = vec(tunnel_option(), 0..2);
    (
        some.prop_flat_map(move |(own, always)| own.into_iter().chain(always).map(bits).collect::<Vec<_>>()),
        options,
    )
        .prop_map(move |(chosen, options)| {
            let mut m = fixed.iter().fold(FlowMatch::any(), |m, (field, value)| match field {
                Field::CtState | Field::TunErspanVer => m.with_masked(*field, *value, *value),
                _ => m.with(*field, *value),
            });
            for (field, bits) in chosen {
                m.set(field, bits);
            }
            // A priority needs a tag.
            if m.field(Field::VlanPcp).is_some() && m.field(Field::VlanVid).is_none() {
                m.set(Field::VlanVid, Masked { value: 0x1000, mask: 0x1000 });
            }
            for (option, bits) in options {
                m.set_tunnel_option(option, &bits);
            }
            m
        })
}
