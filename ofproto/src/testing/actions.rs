//! Strategies for matches, actions and instructions.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{bytes, may_use};
use crate::action::{
    Action, Bundle, Ct, CtZone, Encap, EncapProp, LEARN_DELETE_LEARNED, LEARN_SEND_FLOW_REM,
    LEARN_WRITE_RESULT, Learn, LearnSpec, LearnSrc, Legacy, Multipath, Nat, NatAddresses, ObservationId,
    Sample, SampleDirection, Subfield, ToController,
};
use crate::ids::{Cookie, GroupId, PortNo, TableId};
use crate::instruction::Instruction;
use crate::oxm::{Field, Match, Oxm};

/// Generates fields.
pub fn field() -> impl Strategy<Value = Field> {
    select(fields())
}

fn fields() -> Vec<Field> {
    Field::ALL.iter().copied().filter(|field| field.since().is_none_or(may_use)).collect()
}

/// Generates a value of a known field, sometimes with a mask if it may have one.
pub fn known(field: Field) -> impl Strategy<Value = Oxm> {
    let exact = field.info().exact();
    let mask = prop::option::of(any::<u128>()).prop_map(move |mask| {
        // All ones and all zeros are masks as well.
        mask.filter(|_| field.info().maskable).map(|mask| mask & exact)
    });
    (any::<u128>(), mask).prop_map(move |(value, mask)| Oxm::Known { field, value: value & exact, mask })
}

/// Generates fields that are in no table, some of an unknown experimenter.
pub fn unknown_oxm() -> impl Strategy<Value = Oxm> {
    let class = prop_oneof![0x7000..0x7fff_u16, Just(0xffff)];
    (class, 0..=127_u8, any::<bool>(), bytes(20)).prop_map(|(class, number, has_mask, payload)| {
        let payload = if class == 0xffff {
            Bytes::from([&[0xab, 0xcd, 0xef, 0x01][..], &payload].concat())
        } else {
            payload
        };
        Oxm::Unknown { class, number, has_mask, payload }
    })
}

/// Generates matches in which no known field occurs twice.
pub fn matches() -> impl Strategy<Value = Match> {
    let some = prop::sample::subsequence(fields(), 0..12).prop_shuffle();
    let known = some.prop_flat_map(|fields| fields.into_iter().map(known).collect::<Vec<_>>());
    (known, vec(unknown_oxm(), 0..2)).prop_map(|(known, unknown)| Match { fields: [known, unknown].concat() })
}

/// Generates some bits of a field whose header fits 32 bits, at most `max` of them.
pub fn subfield(max: u16) -> impl Strategy<Value = Subfield> {
    short_field().prop_flat_map(move |field| bits_of(field, max))
}

/// Generates a field that every Nicira action can name. Most have no room for an experimenter id.
fn short_field() -> impl Strategy<Value = Field> {
    field().prop_filter("needs an experimenter's id", |f| !f.has_long_header())
}

fn bits_of(field: Field, max: u16) -> impl Strategy<Value = Subfield> {
    let width = Subfield::width(field);
    (1..=width.min(max)).prop_flat_map(move |n_bits| {
        (0..=width - n_bits).prop_map(move |ofs| Subfield { field, ofs, n_bits })
    })
}

/// Generates two subfields of equal width.
fn pair(fields: impl Strategy<Value = (Field, Field)>) -> impl Strategy<Value = (Subfield, Subfield)> {
    fields.prop_flat_map(|(a, b)| {
        bits_of(a, Subfield::width(b)).prop_flat_map(move |a| {
            (0..=Subfield::width(b) - a.n_bits)
                .prop_map(move |ofs| (a, Subfield { field: b, ofs, n_bits: a.n_bits }))
        })
    })
}

/// Generates a port that has a 16-bit form.
fn short_port() -> impl Strategy<Value = PortNo> {
    let reserved = prop_oneof![0xffff_ff00..=u32::MAX, 0xffff_fff7..=u32::MAX];
    // A resubmit to IN_PORT is one that names no port.
    let reserved = reserved.prop_filter("the port of arrival", |port| *port != PortNo::IN_PORT.0);
    prop_oneof![0..0xff00_u32, reserved].prop_map(PortNo)
}

/// Generates one part of a learned flow.
pub fn learn_spec() -> impl Strategy<Value = LearnSpec> {
    let immediate = (subfield(128), any::<u128>())
        .prop_map(|(dst, value)| (dst, LearnSrc::Immediate(dst.read(value << dst.ofs))));
    let from = pair((short_field(), short_field())).prop_map(|(dst, src)| (dst, LearnSrc::Field(src)));
    (prop_oneof![immediate, from], 0..3_u8, subfield(128)).prop_map(|((dst, src), kind, port)| match kind {
        0 => LearnSpec::Match { dst, src },
        1 => LearnSpec::Load { dst, src },
        _ => LearnSpec::Output { src: port },
    })
}

/// Generates either form of `learn`.
pub fn learn() -> impl Strategy<Value = Learn> {
    let timeouts = any::<[u16; 5]>();
    let flags = (any::<bool>(), any::<bool>());
    let second = (prop_oneof![Just(0), any::<u32>()], prop::option::of(subfield(1)));
    (timeouts, any::<u64>(), flags, any::<u8>(), second, vec(learn_spec(), 0..6)).prop_map(
        |([idle, hard, priority, fin_idle, fin_hard], cookie, flags, table, (limit, result_dst), specs)| {
            let (send, delete) = flags;
            Learn {
                idle_timeout: idle,
                hard_timeout: hard,
                priority,
                cookie: Cookie(cookie),
                flags: if send { LEARN_SEND_FLOW_REM } else { 0 }
                    | if delete { LEARN_DELETE_LEARNED } else { 0 }
                    | if result_dst.is_some() { LEARN_WRITE_RESULT } else { 0 },
                table: TableId(table),
                fin_idle_timeout: fin_idle,
                fin_hard_timeout: fin_hard,
                limit,
                result_dst,
                specs,
            }
        },
    )
}

/// Generates either form of `controller`.
pub fn to_controller() -> impl Strategy<Value = ToController> {
    (
        any::<u16>(),
        any::<u16>(),
        any::<u8>(),
        prop_oneof![Just(Bytes::new()), bytes(20)],
        any::<bool>(),
        prop::option::of(any::<u32>()),
    )
        .prop_map(|(max_len, controller_id, reason, userdata, pause, meter)| ToController {
            max_len,
            controller_id,
            reason: crate::ids::PacketInReason(reason),
            userdata,
            pause,
            meter,
        })
}

/// Generates actions that survive encoding and decoding.
pub fn action() -> impl Strategy<Value = Action> {
    let leaf = prop_oneof![2 => standard(), 2 => nicira(), 2 => later(), 1 => legacy(), 1 => unknown()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let zone =
            prop_oneof![any::<u16>().prop_map(CtZone::Immediate), subfield(64).prop_map(CtZone::Field)];
        let table = prop::option::of((0..=254_u8).prop_map(TableId));
        let ct = (any::<u16>(), zone, table, any::<u16>(), vec(inner.clone(), 0..3)).prop_map(
            |(flags, zone, table, alg, actions)| {
                Action::Ct(Box::new(Ct { flags, zone, table, alg, actions }))
            },
        );
        prop_oneof![vec(inner, 0..3).prop_map(Action::Clone), ct]
    })
}

fn legacy() -> impl Strategy<Value = Action> {
    prop_oneof![
        any::<u16>().prop_map(Legacy::VlanVid),
        any::<u8>().prop_map(Legacy::VlanPcp),
        any::<[u8; 6]>().prop_map(Legacy::EthSrc),
        any::<[u8; 6]>().prop_map(Legacy::EthDst),
        any::<[u8; 4]>().prop_map(|a| Legacy::Ipv4Src(a.into())),
        any::<[u8; 4]>().prop_map(|a| Legacy::Ipv4Dst(a.into())),
        any::<u8>().prop_map(Legacy::NwTos),
        any::<u8>().prop_map(Legacy::NwEcn),
        any::<u16>().prop_map(Legacy::TpSrc),
        any::<u16>().prop_map(Legacy::TpDst),
        any::<u32>().prop_map(Legacy::MplsLabel),
        any::<u8>().prop_map(Legacy::MplsTc),
    ]
    .prop_map(Action::Legacy)
}

fn observation_id() -> BoxedStrategy<ObservationId> {
    let number = any::<u32>().prop_map(ObservationId::Immediate);
    if may_use((3, 4)) {
        prop_oneof![number, subfield(32).prop_map(ObservationId::Field)].boxed()
    } else {
        number.boxed()
    }
}

/// Generates samples with these probabilities, of packets at these ports.
pub fn sample(
    probability: impl Strategy<Value = u16>,
    sampling_port: impl Strategy<Value = PortNo>,
) -> impl Strategy<Value = Action> {
    let direction = select(vec![SampleDirection::Default, SampleDirection::Ingress, SampleDirection::Egress]);
    let ids = (observation_id(), observation_id());
    (probability, any::<u32>(), ids, sampling_port, direction).prop_map(
        |(probability, collector_set_id, (obs_domain_id, obs_point_id), sampling_port, direction)| {
            Action::Sample(Box::new(Sample {
                probability,
                collector_set_id,
                obs_domain_id,
                obs_point_id,
                sampling_port,
                direction,
            }))
        },
    )
}

/// Generates Nicira's actions for connections, choices, stacks, samples and headers.
fn later() -> impl Strategy<Value = Action> {
    let resubmit = (prop::option::of(short_port()), prop::option::of((0..=254_u8).prop_map(TableId)));
    let multipath = (any::<[u16; 4]>(), any::<u32>(), subfield(64)).prop_map(
        |([fields, basis, algorithm, max_link], arg, dst)| {
            Action::Multipath(Box::new(Multipath { fields, basis, algorithm, max_link, arg, dst }))
        },
    );
    let bundle = (any::<[u16; 3]>(), vec(short_port(), 0..6), prop::option::of(subfield(64))).prop_map(
        |([fields, basis, algorithm], members, dst)| {
            Action::Bundle(Box::new(Bundle { fields, basis, algorithm, members, dst }))
        },
    );
    let sample = sample(any::<u16>(), short_port());
    let prop = prop_oneof![
        any::<u8>().prop_map(EncapProp::NshMdType),
        (any::<u16>(), any::<u8>(), bytes(20)).prop_map(|(class, kind, data)| EncapProp::NshTlv {
            class,
            kind,
            data
        }),
    ];
    let encap = (any::<u32>(), any::<u16>(), vec(prop, 0..3)).prop_map(|(packet_type, hdr_size, props)| {
        Action::Encap(Box::new(Encap { packet_type, hdr_size, props }))
    });
    let any_field = prop_oneof![3 => field(), 1 => select(Field::TUN_METADATA.to_vec())];
    let bits = any_field.clone().prop_flat_map(|f| bits_of(f, u16::MAX));
    prop_oneof![
        pair((field(), field())).prop_map(|(src, dst)| Action::CopyField { src, dst }),
        any::<u32>().prop_map(Action::SetTunnel),
        any::<u64>().prop_map(Action::SetTunnel64),
        select(vec![Action::PopQueue, Action::CtClear, Action::DecNshTtl]),
        resubmit.prop_map(|(port, table)| Action::ResubmitCt { port, table }),
        multipath,
        bundle,
        bits.clone().prop_map(Action::Push),
        bits.clone().prop_map(Action::Pop),
        vec(any::<u16>(), 0..6).prop_map(Action::DecNwTtlIds),
        any::<(u64, u64)>().prop_map(|(value, mask)| Action::WriteMetadata { value, mask }),
        sample,
        any::<(u32, u8, u8)>().prop_map(|(id, clause, n_clauses)| Action::Conjunction {
            id,
            clause,
            n_clauses
        }),
        nat().prop_map(Action::Nat),
        (short_port(), any::<u32>()).prop_map(|(port, max_len)| Action::OutputTrunc { port, max_len }),
        encap,
        any::<u32>().prop_map(Action::Decap),
        (any::<u16>(), any_field.clone().prop_flat_map(|f| bits_of(f, 1)))
            .prop_map(|(len, dst)| Action::CheckPktLarger { len, dst }),
        any_field.prop_map(Action::DeleteField),
    ]
}

/// Generates any `nat`.
pub fn nat() -> impl Strategy<Value = Nat> {
    let v4 = (any::<[u8; 4]>(), prop::option::of(any::<[u8; 4]>()))
        .prop_map(|(first, last)| NatAddresses::V4(first.into(), last.map(Into::into)));
    let v6 = (any::<[u8; 16]>(), prop::option::of(any::<[u8; 16]>()))
        .prop_map(|(first, last)| NatAddresses::V6(first.into(), last.map(Into::into)));
    let ports = prop::option::of((any::<u16>(), prop::option::of(any::<u16>())));
    (any::<u16>(), prop_oneof![Just(NatAddresses::None), v4, v6], ports).prop_map(
        |(flags, addresses, ports)| {
            let ports = ports.filter(|_| addresses != NatAddresses::None);
            Nat { flags, addresses, ports }
        },
    )
}

fn standard() -> impl Strategy<Value = Action> {
    prop_oneof![
        (any::<u32>(), any::<u16>()).prop_map(|(p, max_len)| Action::Output { port: PortNo(p), max_len }),
        select(vec![
            Action::CopyTtlOut,
            Action::CopyTtlIn,
            Action::DecMplsTtl,
            Action::PopVlan,
            Action::DecNwTtl,
            Action::PopPbb
        ]),
        any::<u8>().prop_map(Action::SetMplsTtl),
        any::<u8>().prop_map(Action::SetNwTtl),
        any::<u16>().prop_map(Action::PushVlan),
        any::<u16>().prop_map(Action::PushMpls),
        any::<u16>().prop_map(Action::PopMpls),
        any::<u16>().prop_map(Action::PushPbb),
        any::<u32>().prop_map(Action::SetQueue),
        any::<u32>().prop_map(|g| Action::Group(GroupId(g))),
        prop_oneof![
            field().prop_flat_map(known).prop_map(|oxm| match oxm {
                Oxm::Known { field, value, .. } => Oxm::Known { field, value, mask: None },
                unknown => unknown,
            }),
            unknown_oxm()
        ]
        .prop_map(Action::SetField),
    ]
}

fn nicira() -> impl Strategy<Value = Action> {
    let note = (0..4_usize, any::<[u8; 32]>()).prop_map(|(n, fill)| {
        Action::Note(Bytes::copy_from_slice(fill.get(..6 + 8 * n).unwrap_or(&fill[..6])))
    });
    prop_oneof![
        (prop::option::of(short_port()), prop::option::of((0..=254_u8).prop_map(TableId)))
            .prop_map(|(port, table)| Action::Resubmit { port, table }),
        pair((field(), field())).prop_map(|(src, dst)| Action::Move { src, dst }),
        (subfield(64), any::<u64>()).prop_map(|(dst, v)| {
            let low = u64::MAX >> (64 - u32::from(dst.n_bits));
            Action::Load { dst, value: v & low }
        }),
        prop_oneof![field().prop_flat_map(known), unknown_oxm()].prop_map(Action::RegLoad2),
        note,
        (field().prop_flat_map(|f| bits_of(f, 64)), any::<u16>())
            .prop_map(|(src, max_len)| Action::OutputReg { src, max_len }),
        learn().prop_map(|l| Action::Learn(Box::new(l))),
        Just(Action::Exit),
        (any::<u16>(), any::<u16>()).prop_map(|(idle, hard)| Action::FinTimeout { idle, hard }),
        to_controller().prop_map(|c| Action::Controller(Box::new(c))),
    ]
}

/// Generates unassigned types, other experimenters, and Nicira's subtypes that are kept unchanged.
fn unknown() -> impl Strategy<Value = Action> {
    let head = prop_oneof![
        (1000..0xfffe_u16).prop_map(|kind| (kind, vec![0; 4])),
        Just((0xffff, vec![0x4f, 0x4e, 0x46, 0x00])),
        Just((0xffff, vec![0x00, 0x00, 0x23, 0x20, 0x00, 0xff, 0x00, 0x01, 0, 0, 0, 0])),
    ];
    (head, (0..4_usize).prop_flat_map(|n| vec(any::<u8>(), 8 * n)))
        .prop_map(|((kind, head), tail)| Action::Unknown { kind, body: [head, tail].concat().into() })
}

/// Generates lists of actions.
pub fn actions() -> impl Strategy<Value = Vec<Action>> {
    vec(action(), 0..5)
}

/// Generates lists of instructions.
pub fn instructions() -> impl Strategy<Value = Vec<Instruction>> {
    let body = (0..4_usize).prop_flat_map(|n| vec(any::<u8>(), 4 + 8 * n));
    vec(
        prop_oneof![
            any::<u8>().prop_map(|t| Instruction::GotoTable(TableId(t))),
            any::<(u64, u64)>().prop_map(|(value, mask)| Instruction::WriteMetadata { value, mask }),
            actions().prop_map(Instruction::WriteActions),
            actions().prop_map(Instruction::ApplyActions),
            Just(Instruction::ClearActions),
            any::<u32>().prop_map(Instruction::Meter),
            (1000..=u16::MAX, body).prop_map(|(kind, b)| Instruction::Unknown { kind, body: b.into() }),
        ],
        0..4,
    )
}
