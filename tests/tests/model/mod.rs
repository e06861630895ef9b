//! Strategies that make flows which Open vSwitch takes.

use bytes::Bytes;
use flows::{Flow, FlowMatch, Masked, TunnelOption};
use ofproto::action::{
    Action, Bundle, CT_COMMIT, CT_FORCE, Ct, CtZone, Encap, EncapProp, Learn, LearnSpec, LearnSrc, Multipath,
    NAT_DST, NAT_HASH, NAT_PERSISTENT, NAT_RANDOM, NAT_SRC, Nat, NatAddresses, PACKET_NEXT_PROTO, PACKET_NSH,
    Sample, SampleDirection, Subfield, ToController,
};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Format, Oxm};
use ofproto::{Cookie, GroupId, PortNo, TableId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// What a packet must be, the fields that it has then, and those of them that actions may write.
type Kind = (&'static [(Field, u128)], &'static [Field], &'static [Field]);

const KINDS: &[Kind] = {
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
        (&[(CtState, 0x22), (EthType, 0x800)], &[CtNwSrc, CtNwDst, CtNwProto], &[Ipv4Src]),
        (&[(CtState, 0x21), (EthType, 0x86dd)], &[CtIpv6Src, CtIpv6Dst], &[Ipv6Src]),
    ]
};

/// Fields of any packet that actions may write.
const ANY: &[Field] = {
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

/// Others that a match may have, and actions may not write.
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
    ]
};

fn limit(field: Field) -> u128 {
    match field {
        Field::InPortOxm | Field::ActsetOutput => 0xfeff,
        Field::ArpOp => 0xff,
        Field::NshTtl => 63,
        field => field.info().exact(),
    }
}

fn bits(field: Field) -> BoxedStrategy<(Field, Masked)> {
    let exact = field.info().exact();
    match field {
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
            // Open vSwitch lets only the ones of these count.
            let mask = match field {
                Field::TunErspanDir | Field::TunErspanHwid => value & exact,
                _ => mask & exact,
            };
            // Protocol 0 of a tracked connection is none, and not matched.
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
            mask[0] |= 1;
            let value = pairs.iter().zip(&mask).map(|((value, _), mask)| value & mask).collect();
            TunnelOption { value, mask: Some(mask) }
        }),
        Just(TunnelOption { value: Vec::new(), mask: Some(Vec::new()) }),
    ];
    (select(Field::TUN_METADATA.to_vec()), value)
}

fn matches(kind: &'static Kind) -> impl Strategy<Value = FlowMatch> {
    let (fixed, fields, _) = kind;
    let some = (subsequence(*fields, 0..=fields.len()), subsequence(ALWAYS, 0..4));
    let options = vec(tunnel_option(), 0..2);
    (some.prop_flat_map(|(own, always)| own.into_iter().chain(always).map(bits).collect::<Vec<_>>()), options)
        .prop_map(move |(chosen, options)| {
            let mut m = fixed.iter().fold(FlowMatch::any(), |m, (field, value)| match field {
                Field::CtState | Field::TunErspanVer => m.with_masked(*field, *value, *value),
                _ => m.with(*field, *value),
            });
            for (field, bits) in chosen {
                m.set(field, bits);
            }
            // A priority belongs to a tag.
            if m.field(Field::VlanPcp).is_some() && m.field(Field::VlanVid).is_none() {
                m.set(Field::VlanVid, Masked { value: 0x1000, mask: 0x1000 });
            }
            for (option, bits) in options {
                m.set_tunnel_option(option, &bits);
            }
            m
        })
}

fn part(field: Field, max: u16) -> impl Strategy<Value = Subfield> {
    let width = Subfield::width(field);
    (1..=width.min(max)).prop_flat_map(move |n_bits| {
        (0..=width - n_bits).prop_map(move |ofs| Subfield { field, ofs, n_bits })
    })
}

fn subfield(max: u16) -> impl Strategy<Value = Subfield> {
    select(ANY).prop_flat_map(move |field| part(field, max))
}

fn pair() -> impl Strategy<Value = (Subfield, Subfield)> {
    (subfield(128), subfield(128)).prop_map(|(a, b)| {
        let n_bits = a.n_bits.min(b.n_bits);
        (Subfield { n_bits, ..a }, Subfield { n_bits, ..b })
    })
}

fn port() -> impl Strategy<Value = PortNo> {
    let reserved =
        [PortNo::IN_PORT, PortNo::NORMAL, PortNo::FLOOD, PortNo::ALL, PortNo::LOCAL, PortNo::TABLE];
    prop_oneof![(0..0xff00_u32).prop_map(PortNo), select(reserved.to_vec())]
}

fn plain_port() -> impl Strategy<Value = PortNo> {
    prop_oneof![(0..0xff00_u32).prop_map(PortNo), select(vec![PortNo::IN_PORT, PortNo::LOCAL])]
}

fn table() -> impl Strategy<Value = Option<TableId>> {
    prop::option::of((0..255_u8).prop_map(TableId))
}

fn set(field: Field) -> impl Strategy<Value = Action> {
    any::<u128>().prop_map(move |value| {
        let value = value & field.info().exact();
        Action::SetField(Oxm::Known { field, value, mask: None })
    })
}

fn learn() -> impl Strategy<Value = Action> {
    let immediate = (subfield(128), any::<u128>())
        .prop_map(|(dst, v)| (dst, LearnSrc::Immediate(dst.read(v << dst.ofs))));
    let from = pair().prop_map(|(dst, src)| (dst, LearnSrc::Field(src)));
    let spec =
        (prop_oneof![immediate, from], 0..3_u8, subfield(64)).prop_map(
            |((dst, src), kind, port)| match kind {
                0 => LearnSpec::Match { dst, src },
                1 => LearnSpec::Load { dst, src },
                _ => LearnSpec::Output { src: port },
            },
        );
    let head = (any::<[u16; 5]>(), any::<u64>(), 0..4_u16, 0..255_u8);
    (head, prop_oneof![Just(0), any::<u32>()], prop::option::of(subfield(1)), vec(spec, 0..5)).prop_map(
        |((times, cookie, flags, table), limit, result_dst, specs)| {
            let [idle_timeout, hard_timeout, priority, fin_idle_timeout, fin_hard_timeout] = times;
            Action::Learn(Box::new(Learn {
                idle_timeout,
                hard_timeout,
                priority,
                cookie: Cookie(cookie),
                flags: flags | if result_dst.is_some() { 4 } else { 0 },
                table: TableId(table),
                fin_idle_timeout,
                fin_hard_timeout,
                limit,
                result_dst,
                specs,
            }))
        },
    )
}

fn nat(v6: bool) -> impl Strategy<Value = Nat> {
    let addresses = if v6 {
        let last = prop::option::of(any::<u64>());
        (any::<u128>(), last)
            .prop_map(|(first, add)| {
                let first = first.max(1);
                let last = add.map(|add| first.saturating_add(u128::from(add)).into());
                NatAddresses::V6(first.into(), last)
            })
            .boxed()
    } else {
        let last = prop::option::of(any::<u16>());
        (any::<u32>(), last)
            .prop_map(|(first, add)| {
                let first = first.max(1);
                NatAddresses::V4(first.into(), add.map(|add| first.saturating_add(u32::from(add)).into()))
            })
            .boxed()
    };
    let ports = prop::option::of((1..=u16::MAX, prop::option::of(any::<u16>())));
    let flags = (select(vec![NAT_SRC, NAT_DST]), any::<bool>(), 0..3_u8);
    (addresses, ports, flags, 0..4_u8).prop_map(|(addresses, ports, (side, persistent, choice), form)| {
        match form {
            0 => Nat::default(),
            1 => Nat { flags: side, ..Nat::default() },
            _ => {
                let flags = side
                    | if persistent { NAT_PERSISTENT } else { 0 }
                    | match choice {
                        0 => 0,
                        1 => NAT_HASH,
                        _ => NAT_RANDOM,
                    };
                let ports = ports.map(|(first, last)| {
                    (first, last.map(|last: u16| last.max(first)).filter(|l| *l != first))
                });
                let addresses = match addresses {
                    NatAddresses::V4(first, Some(last)) if first == last => NatAddresses::V4(first, None),
                    NatAddresses::V6(first, Some(last)) if first == last => NatAddresses::V6(first, None),
                    other => other,
                };
                Nat { flags, addresses, ports }
            }
        }
    })
}

fn ct(v6: bool) -> impl Strategy<Value = Action> {
    let zone = prop_oneof![
        any::<u16>().prop_map(CtZone::Immediate),
        (0..=16_u16).prop_map(|ofs| CtZone::Field(Subfield { field: Field::Reg1, ofs, n_bits: 16 })),
    ];
    let mark = prop_oneof![
        set(Field::CtMark),
        set(Field::CtLabel),
        (part(Field::CtLabel, 64), any::<u64>())
            .prop_map(|(dst, v)| Action::Load { dst, value: v & u64::MAX >> (64 - u32::from(dst.n_bits)) }),
        part(Field::CtMark, 32).prop_map(|dst| Action::Move {
            src: Subfield { field: Field::Reg3, ofs: 0, n_bits: dst.n_bits },
            dst
        }),
    ];
    let table = table();
    (zone, table, prop::option::of(nat(v6)), vec(mark, 0..3), 0..3_u8).prop_map(
        |(zone, table, nat, marks, commit)| {
            let flags = match commit {
                0 => 0,
                1 => CT_COMMIT,
                _ => CT_COMMIT | CT_FORCE,
            };
            let mut actions: Vec<Action> = nat.map(Action::Nat).into_iter().chain(marks).collect();
            if flags == 0 {
                actions.retain(|action| *action == Action::Nat(Nat::default()));
            }
            Action::Ct(Box::new(Ct { flags, zone, table, alg: 0, actions }))
        },
    )
}

fn controller() -> impl Strategy<Value = Action> {
    let head = (any::<u16>(), 1..=u16::MAX, 0..6_u8, vec(any::<u8>(), 0..9));
    (head, any::<bool>(), prop::option::of(any::<u32>().prop_map(|n| n / 2))).prop_map(
        |((max_len, controller_id, reason, userdata), pause, meter)| {
            let userdata = Bytes::from(userdata);
            Action::Controller(Box::new(ToController {
                max_len,
                controller_id,
                reason,
                userdata,
                pause,
                meter,
            }))
        },
    )
}

fn choice() -> impl Strategy<Value = Action> {
    let multipath = (0..7_u16, any::<u16>(), 0..4_u16, any::<u16>(), any::<u32>(), subfield(64)).prop_map(
        |(fields, basis, algorithm, max_link, arg, dst)| {
            let max_link = max_link & u16::try_from(dst.mask() >> dst.ofs & 0xffff).unwrap();
            Action::Multipath(Box::new(Multipath { fields, basis, algorithm, max_link, arg, dst }))
        },
    );
    let dst = subfield(64).prop_filter("16 bits at least", |dst| dst.n_bits >= 16);
    let bundle = (0..7_u16, any::<u16>(), 0..2_u16, vec(plain_port(), 0..6), prop::option::of(dst)).prop_map(
        |(fields, basis, algorithm, members, dst)| {
            Action::Bundle(Box::new(Bundle { fields, basis, algorithm, members, dst }))
        },
    );
    let direction = select(vec![SampleDirection::Default, SampleDirection::Ingress, SampleDirection::Egress]);
    let sampling = prop_oneof![Just(PortNo::ANY), plain_port()];
    let sample = (1..=u16::MAX, any::<[u32; 3]>(), sampling, direction).prop_map(
        |(probability, [collector_set_id, obs_domain_id, obs_point_id], sampling_port, direction)| {
            Action::Sample(Box::new(Sample {
                probability,
                collector_set_id,
                obs_domain_id,
                obs_point_id,
                sampling_port,
                direction,
            }))
        },
    );
    prop_oneof![multipath, bundle, sample]
}

/// Actions for any packet, which leave it what it is.
fn action(writable: &'static [Field]) -> BoxedStrategy<Action> {
    let resubmit = (prop::option::of((0..0xff00_u32).prop_map(PortNo)), table());
    let own = if writable.is_empty() {
        Just(Action::Exit).boxed()
    } else {
        select(writable).prop_flat_map(set).boxed()
    };
    prop_oneof![
        1 => port().prop_map(|port| Action::Output { port, max_len: 0 }),
        1 => any::<u16>().prop_map(|max_len| Action::Output { port: PortNo::CONTROLLER, max_len }),
        1 => subfield(64).prop_map(|src| Action::OutputReg { src, max_len: 0xffff }),
        1 => (subfield(64), any::<u64>())
            .prop_map(|(dst, v)| Action::Load { dst, value: v & u64::MAX >> (64 - u32::from(dst.n_bits)) }),
        1 => pair().prop_map(|(src, dst)| Action::Move { src, dst }),
        1 => select(ANY).prop_flat_map(set),
        2 => own,
        1 => resubmit.prop_filter_map("resubmit says something", |(port, table)| {
            (port.is_some() || table.is_some()).then_some(Action::Resubmit { port, table })
        }),
        1 => (0..3_usize, any::<[u8; 22]>()).prop_map(|(n, fill)| Action::Note(fill[..6 + 8 * n].to_vec().into())),
        1 => learn(),
        1 => controller(),
        1 => select(vec![Action::Exit, Action::CtClear, Action::PopQueue]),
        1 => any::<u32>().prop_map(Action::SetQueue),
        1 => (0..0xffff_ff00_u32).prop_map(|g| Action::Group(GroupId(g))),
        2 => choice(),
        1 => subfield(128).prop_map(Action::Push),
        1 => subfield(128).prop_map(Action::Pop),
        1 => (plain_port(), 14..=u32::MAX).prop_map(|(port, max_len)| Action::OutputTrunc { port, max_len }),
        1 => (any::<u16>(), subfield(1)).prop_map(|(len, dst)| Action::CheckPktLarger { len, dst }),
        1 => select(Field::TUN_METADATA.to_vec()).prop_map(Action::DeleteField),
    ]
    .boxed()
}

/// Actions that change what the packet is: only as the last of a list.
fn last() -> impl Strategy<Value = Action> {
    let tlv = (any::<u16>(), any::<u8>(), vec(any::<u8>(), 1..12)).prop_map(|(class, kind, mut data)| {
        data[0] |= 0x10;
        EncapProp::NshTlv { class, kind, data: data.into() }
    });
    let prop = prop_oneof![(1..3_u8).prop_map(EncapProp::NshMdType), tlv];
    prop_oneof![
        Just(Action::PushVlan(0x8100)),
        Just(Action::PushVlan(0x88a8)),
        Just(Action::Decap(PACKET_NEXT_PROTO)),
        any::<u16>().prop_map(|kind| Action::Decap(1 << 16 | u32::from(kind))),
        vec(prop, 0..3).prop_map(|props| {
            Action::Encap(Box::new(Encap { packet_type: PACKET_NSH, hdr_size: 0, props }))
        }),
    ]
}

fn actions(kind: &'static Kind) -> BoxedStrategy<Vec<Action>> {
    let (fixed, _, writable) = kind;
    let leaf = action(writable);
    let clone = vec(leaf.clone(), 0..4).prop_map(Action::Clone);
    let ip = fixed.iter().find_map(|(field, value)| match (field, value) {
        (Field::EthType, 0x800) | (Field::PacketType, 0x1_0800) => Some(false),
        (Field::EthType, 0x86dd) | (Field::PacketType, 0x1_86dd) => Some(true),
        _ => None,
    });
    let more = match ip {
        Some(v6) => prop_oneof![
            ct(v6),
            any::<u8>().prop_map(Action::SetNwTtl),
            Just(Action::DecNwTtl),
            vec(any::<u16>(), 1..4).prop_map(Action::DecNwTtlIds)
        ]
        .boxed(),
        None => Just(Action::Exit).boxed(),
    };
    let one = prop_oneof![8 => leaf, 1 => clone, 2 => more];
    let conjunctions = vec(
        (any::<u32>(), 2..65_u8, any::<u8>()).prop_map(|(id, n_clauses, clause)| Action::Conjunction {
            id,
            clause: clause % n_clauses,
            n_clauses,
        }),
        1..3,
    );
    // Open vSwitch takes no tag and no other header from packets without an Ethernet header.
    let bare = fixed.iter().any(|(field, _)| *field == Field::PacketType);
    let end = prop::option::of(last()).prop_map(move |end| end.filter(|_| !bare));
    prop_oneof![
        9 => (vec(one, 0..5), end).prop_map(|(list, end)| list.into_iter().chain(end).collect()),
        1 => conjunctions,
    ]
    .boxed()
}

fn instructions(kind: &'static Kind) -> impl Strategy<Value = Vec<Instruction>> {
    let option = prop::option::of::<BoxedStrategy<Instruction>>;
    let in_set = action(&[]).prop_filter("fits an action set", |action| {
        matches!(action, Action::Output { .. } | Action::Load { .. } | Action::SetField(_) | Action::Group(_))
    });
    (
        option((1..0xffff_0000_u32).prop_map(Instruction::Meter).boxed()),
        actions(kind),
        option(Just(Instruction::ClearActions).boxed()),
        option(vec(in_set, 1..4).prop_map(Instruction::WriteActions).boxed()),
        option(
            any::<(u64, u64)>().prop_map(|(value, mask)| Instruction::WriteMetadata { value, mask }).boxed(),
        ),
        option((10..255_u8).prop_map(|t| Instruction::GotoTable(TableId(t))).boxed()),
    )
        .prop_map(|(a, b, c, d, e, f)| {
            let alone = b.iter().any(|action| matches!(action, Action::Conjunction { .. }));
            let b = (!b.is_empty()).then_some(Instruction::ApplyActions(b));
            if alone {
                return b.into_iter().collect();
            }
            [a, b, c, d, e, f].into_iter().flatten().collect()
        })
}

/// Flows that Open vSwitch takes.
pub(crate) fn flow() -> impl Strategy<Value = Flow> {
    let head = (0..10_u8, any::<[u16; 3]>(), any::<u64>(), 0..32_u16);
    let body =
        select(KINDS.iter().collect::<Vec<_>>()).prop_flat_map(|kind| (matches(kind), instructions(kind)));
    (head, body).prop_map(|((table, times, cookie, flags), (matches, instructions))| {
        let [priority, idle_timeout, hard_timeout] = times;
        Flow {
            cookie: Cookie(cookie),
            idle_timeout,
            hard_timeout,
            flags,
            instructions,
            ..Flow::new(TableId(table), priority, matches)
        }
    })
}
