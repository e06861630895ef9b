//! Strategies for actions, alone and in lists.

use bytes::Bytes;
use ofproto::action::{
    Action, Bundle, CT_COMMIT, CT_FORCE, Ct, CtZone, Encap, EncapProp, Learn, LearnSpec, LearnSrc, Multipath,
    NAT_DST, NAT_HASH, NAT_PERSISTENT, NAT_RANDOM, NAT_SRC, Nat, NatAddresses, PACKET_NEXT_PROTO, PACKET_NSH,
    Subfield, ToController,
};
use ofproto::oxm::Field;
use ofproto::{Cookie, GroupId, PortNo, TableId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::fields::{ANY, PacketKind};
use super::parts::{named_port, pair, part, plain_port, port, set, subfield, table};

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
                reason: ofproto::PacketInReason(reason),
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
            let max_link = max_link & u16::try_from(dst.mask() >> dst.ofs).unwrap_or(u16::MAX);
            Action::Multipath(Box::new(Multipath { fields, basis, algorithm, max_link, arg, dst }))
        },
    );
    let dst = subfield(64).prop_filter("16 bits at least", |dst| dst.n_bits >= 16);
    let bundle = (0..7_u16, any::<u16>(), 0..2_u16, vec(plain_port(), 0..6), prop::option::of(dst)).prop_map(
        |(fields, basis, algorithm, members, dst)| {
            Action::Bundle(Box::new(Bundle { fields, basis, algorithm, members, dst }))
        },
    );
    let sampling = prop_oneof![Just(PortNo::ANY), named_port()];
    let sample = ofproto::testing::actions::sample(1..=u16::MAX, sampling);
    prop_oneof![multipath, bundle, sample]
}

/// Generates actions for any packet that do not change its kind.
pub(super) fn action(writable: &'static [Field]) -> BoxedStrategy<Action> {
    let resubmit = (prop::option::of(named_port()), table());
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
        1 => select(vec![6, 14, 22]).prop_flat_map(|n| vec(any::<u8>(), n)).prop_map(|fill| Action::Note(fill.into())),
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

/// Generates actions that change the kind of the packet, valid only at the end of a list.
fn last() -> impl Strategy<Value = Action> {
    let tlv = (any::<u16>(), any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..11)).prop_map(
        |(class, kind, first, data)| {
            let data = [&[first | 0x10], &data[..]].concat();
            EncapProp::NshTlv { class, kind, data: data.into() }
        },
    );
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

pub(super) fn actions(kind: &'static PacketKind) -> BoxedStrategy<Vec<Action>> {
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
    // Open vSwitch accepts no tag and no further header on packets without an Ethernet header.
    let bare = fixed.iter().any(|(field, _)| *field == Field::PacketType);
    let end = prop::option::of(last()).prop_map(move |end| end.filter(|_| !bare));
    prop_oneof![
        9 => (vec(one, 0..5), end).prop_map(|(list, end)| list.into_iter().chain(end).collect()),
        1 => conjunctions,
    ]
    .boxed()
}
