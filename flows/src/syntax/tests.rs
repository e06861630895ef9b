//! What needs no Open vSwitch to be judged: errors and their places, warnings, and that a printed flow reads
//! back as itself. That the text is the right one, the end-to-end tests ask `ovs-ofctl`.

use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield, ToController};
use ofproto::instruction::Instruction;
use ofproto::message::multipart::FlowStats;
use ofproto::oxm::{Field, Oxm};
use ofproto::{Cookie, GroupId, PortNo, TableId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::model::{Flow, FlowMatch, Masked};

fn names() -> PortNames {
    let names = ["warp0", "from-privacy", "normal", "a \"b\"", "eth.1", "1st", "", "faction0"];
    names.into_iter().zip(1..).map(|(name, n)| (name, PortNo(n))).collect()
}

fn refused(line: &str) -> (SyntaxErrorKind, String, &str) {
    let error = parse_flow(line, &names()).expect_err(line);
    (error.kind, error.message, &line[error.span])
}

#[test]
fn errors_name_the_word_and_its_place() {
    let line = "priority=5,in_port=warp1,actions=drop";
    let (kind, message, word) = refused(line);
    assert_eq!(kind, SyntaxErrorKind::UnknownPort("warp1".into()));
    assert_eq!((message.as_str(), word), ("unknown port \"warp1\"", "warp1"));

    assert_eq!(refused("in_port=1,actions=output:to-privacy").2, "to-privacy");
    assert_eq!(refused("priority=70000,actions=drop").2, "70000");
    assert_eq!(refused("tcp,tp_dts=80,actions=drop").2, "tp_dts");
    assert_eq!(refused("ip,nw_src=10.0.0.0/33,actions=drop").2, "10.0.0.0/33");
    assert_eq!(refused("actions=learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SCR[])").2, "NXM_OF_ETH_SCR[]");
    assert_eq!(
        refused("actions=ct(commit)"),
        (SyntaxErrorKind::Inconsistent, "ct needs a match on ip or ipv6".into(), "ct")
    );
    assert_eq!(refused("actions=mod_nw_src:1.2.3.4").0, SyntaxErrorKind::Inconsistent);
    assert_eq!(refused("priority=5").2, "priority=5");
}

#[test]
fn what_is_not_matched_is_said() {
    let warned = |line: &str| {
        let warnings = parse_flow_with_warnings(line, &NoNames).expect(line).warnings;
        warnings.into_iter().map(|w| line[w.span].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(warned("nw_src=10.0.0.1,tcp_dst=80,actions=drop"), ["nw_src", "tcp_dst"]);
    assert_eq!(warned("dl_type=0x800,tp_dst=80,actions=drop"), ["tp_dst"]);
    assert_eq!(warned("importance=5,actions=drop"), ["importance"]);
    assert!(warned("tcp,nw_src=10.0.0.1,tp_dst=80,actions=drop").is_empty());
}

#[test]
fn names_that_read_otherwise_are_quoted() {
    let names = names();
    let flow = parse_flow(r#"in_port="normal",actions="a \"b\"",1,normal,"eth.1","1st","",faction0"#, &names);
    let text = print_flow(&flow.expect("taken"), &names);
    assert_eq!(
        text,
        r#"in_port="normal" actions=output:"a \"b\"",output:warp0,NORMAL,output:"eth.1",output:"1st",output:"",output:faction0"#
    );
}

#[test]
fn a_port_named_like_the_word_action_is_no_end_of_the_match() {
    let flow = parse_flow("in_port=faction0,actions=1", &names()).expect("taken");
    assert_eq!(flow.matches.exact(Field::InPortOxm), Some(8));
}

#[test]
fn a_table_of_names_stays_one_to_one() {
    let mut names = PortNames::new();
    names.insert("a", PortNo(1));
    names.insert("b", PortNo(1));
    names.insert("b", PortNo(2));
    assert_eq!((names.port_by_name("a"), names.port_by_name("b")), (None, Some(PortNo(2))));
    assert_eq!((names.port_name(PortNo(1)), names.port_name(PortNo(2))), (None, Some("b")));
}

#[test]
fn a_line_of_a_dump() {
    let stats = FlowStats {
        table_id: TableId(1),
        duration_sec: 7,
        duration_nsec: 25_000_000,
        priority: 100,
        idle_timeout: 60,
        hard_timeout: 0,
        flags: 5,
        importance: 0,
        cookie: Cookie(0),
        packet_count: 3,
        byte_count: 180,
        fields: FlowMatch::any().with(Field::InPort, 1).to_wire(),
        instructions: Vec::new(),
    };
    assert_eq!(
        print_stats(&stats, &names(), true),
        " cookie=0x0, duration=7.025s, table=1, n_packets=3, n_bytes=180, idle_timeout=60, \
         send_flow_rem reset_counts priority=100,in_port=warp0 actions=drop"
    );
    assert_eq!(
        print_stats(&stats, &NoNames, false),
        " table=1, idle_timeout=60, send_flow_rem reset_counts priority=100,in_port=1 actions=drop"
    );
}

#[test]
fn a_match_alone() {
    let found = parse_match("tcp,in_port=warp0,tp_dst=80", &names()).expect("taken");
    assert_eq!(print_match(&found, &names()), "tcp,in_port=warp0,tp_dst=80");
    assert!(parse_match("tcp,priority=5", &names()).is_err());
    assert_eq!(parse_match("", &NoNames), Ok(FlowMatch::any()));
}

/// What a packet must be, and the fields that it has then.
type Kind = (&'static [(Field, u128)], &'static [Field]);

const KINDS: &[Kind] = {
    use Field::*;
    &[
        (&[], &[EthSrc, EthDst, VlanVid]),
        (&[(EthType, 0x88b5)], &[EthSrc]),
        (&[(EthType, 0x800)], &[Ipv4Src, Ipv4Dst, IpDscpShifted, IpEcn, IpTtl, IpFrag]),
        (&[(EthType, 0x800), (IpProto, 6)], &[Ipv4Src, TcpSrc, TcpDst, TcpFlags]),
        (&[(EthType, 0x800), (IpProto, 17)], &[Ipv4Dst, UdpSrc, UdpDst]),
        (&[(EthType, 0x800), (IpProto, 132)], &[SctpSrc, SctpDst]),
        (&[(EthType, 0x800), (IpProto, 1)], &[Icmpv4Type, Icmpv4Code]),
        (&[(EthType, 0x800), (IpProto, 2)], &[Ipv4Src]),
        (&[(EthType, 0x86dd)], &[Ipv6Src, Ipv6Dst, Ipv6Label, IpTtl]),
        (&[(EthType, 0x86dd), (IpProto, 6)], &[Ipv6Src, TcpDst]),
        (&[(EthType, 0x86dd), (IpProto, 17)], &[Ipv6Dst, UdpSrc]),
        (&[(EthType, 0x86dd), (IpProto, 58)], &[Icmpv6Type, Icmpv6Code]),
        (&[(EthType, 0x86dd), (IpProto, 58), (Icmpv6Type, 135)], &[NdTarget, NdSll]),
        (&[(EthType, 0x86dd), (IpProto, 58), (Icmpv6Type, 136)], &[NdTarget, NdTll]),
        (&[(EthType, 0x806)], &[ArpOp, ArpSpa, ArpTpa, ArpSha, ArpTha]),
        (&[(EthType, 0x8035)], &[ArpOp, ArpSpa]),
        (&[(EthType, 0x8847)], &[MplsLabel, MplsTc, MplsBos, MplsTtl]),
    ]
};

/// Fields of any packet.
const ALWAYS: &[Field] = {
    use Field::*;
    &[
        Metadata, Reg0, Reg7, Reg15, PktMark, ConjId, CtMark, CtLabel, CtZone, TunId, TunSrc, TunDst,
        TunIpv6Src, TunGbpId, InPortOxm,
    ]
};

fn bits(field: Field) -> BoxedStrategy<(Field, Masked)> {
    let exact = field.info().exact();
    let limit = match field {
        Field::InPortOxm => 0xfeff,
        Field::ArpOp => 0xff,
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
        _ => exact,
    };
    let mask = if field.info().maskable {
        // Whole, a prefix, or anything.
        prop_oneof![Just(exact), (0..128_u32).prop_map(move |n| exact << n & exact), any::<u128>()].boxed()
    } else {
        Just(exact).boxed()
    };
    (any::<u128>(), mask)
        .prop_map(move |(value, mask)| {
            let mask = mask & exact;
            (field, Masked { value: value & limit & mask, mask })
        })
        .boxed()
}

fn matches() -> impl Strategy<Value = FlowMatch> {
    select(KINDS).prop_flat_map(|(fixed, fields)| {
        let some = (subsequence(fields, 0..=fields.len()), subsequence(ALWAYS, 0..4));
        some.prop_flat_map(|(own, always)| own.into_iter().chain(always).map(bits).collect::<Vec<_>>())
            .prop_map(move |chosen| {
                let base = fixed.iter().fold(FlowMatch::any(), |m, (field, value)| m.with(*field, *value));
                chosen.into_iter().fold(base, |mut m, (field, bits)| {
                    m.set(field, bits);
                    m
                })
            })
    })
}

/// Bits of fields that any packet has and any action may write.
fn subfield(max: u16) -> impl Strategy<Value = Subfield> {
    let fields = vec![
        Field::Reg0,
        Field::Reg9,
        Field::Xreg3,
        Field::Xxreg1,
        Field::Metadata,
        Field::EthDst,
        Field::TunId,
    ];
    select(fields).prop_flat_map(move |field| {
        let width = Subfield::width(field);
        (1..=width.min(max)).prop_flat_map(move |n_bits| {
            (0..=width - n_bits).prop_map(move |ofs| Subfield { field, ofs, n_bits })
        })
    })
}

fn pair() -> impl Strategy<Value = (Subfield, Subfield)> {
    (subfield(128), subfield(128)).prop_map(|(a, b)| {
        let n_bits = a.n_bits.min(b.n_bits);
        (Subfield { n_bits, ..a }, Subfield { n_bits, ..b })
    })
}

fn port() -> impl Strategy<Value = PortNo> {
    prop_oneof![
        (0..9_u32).prop_map(PortNo),
        (0..0xff00_u32).prop_map(PortNo),
        select(vec![
            PortNo::IN_PORT,
            PortNo::NORMAL,
            PortNo::FLOOD,
            PortNo::ALL,
            PortNo::LOCAL,
            PortNo::TABLE
        ]),
    ]
}

fn learn() -> impl Strategy<Value = Learn> {
    let immediate =
        (subfield(128), any::<u128>()).prop_map(|(dst, v)| (dst, LearnSrc::Immediate(dst.read(v))));
    let from = pair().prop_map(|(dst, src)| (dst, LearnSrc::Field(src)));
    let spec =
        (prop_oneof![immediate, from], 0..3_u8, subfield(64)).prop_map(
            |((dst, src), kind, port)| match kind {
                0 => LearnSpec::Match { dst, src },
                1 => LearnSpec::Load { dst, src },
                _ => LearnSpec::Output { src: port },
            },
        );
    let result = prop::option::of(subfield(1));
    (any::<[u16; 5]>(), any::<u64>(), 0..4_u16, 0..255_u8, any::<u32>(), result, vec(spec, 0..5)).prop_map(
        |(
            [idle_timeout, hard_timeout, priority, fin_idle_timeout, fin_hard_timeout],
            cookie,
            flags,
            table,
            limit,
            result_dst,
            specs,
        )| Learn {
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
        },
    )
}

fn controller() -> impl Strategy<Value = Action> {
    (
        any::<u16>(),
        1..=u16::MAX,
        0..6_u8,
        vec(any::<u8>(), 0..9),
        any::<bool>(),
        prop::option::of(any::<u32>()),
    )
        .prop_map(|(max_len, controller_id, reason, userdata, pause, meter)| {
            let userdata = userdata.into();
            Action::Controller(Box::new(ToController {
                max_len,
                controller_id,
                reason,
                userdata,
                pause,
                meter,
            }))
        })
}

fn action() -> impl Strategy<Value = Action> {
    let table = prop::option::of((0..255_u8).prop_map(TableId));
    let in_port = prop::option::of((0..0xff00_u32).prop_map(PortNo));
    let set = |field: Field| {
        any::<u128>().prop_map(move |value| {
            Action::SetField(Oxm::Known { field, value: value & field.info().exact(), mask: None })
        })
    };
    prop_oneof![
        port().prop_map(|port| Action::Output { port, max_len: 0 }),
        any::<u16>().prop_map(|max_len| Action::Output { port: PortNo::CONTROLLER, max_len }),
        subfield(64).prop_map(|src| Action::OutputReg { src, max_len: 0xffff }),
        (subfield(64), any::<u64>()).prop_map(|(dst, v)| {
            Action::Load { dst, value: v & u64::MAX >> (64 - u32::from(dst.n_bits)) }
        }),
        pair().prop_map(|(src, dst)| Action::Move { src, dst }),
        select(vec![Field::Reg3, Field::Metadata, Field::EthSrc, Field::TunSrc, Field::Xxreg2])
            .prop_flat_map(set),
        (in_port, table).prop_filter_map("resubmit says something", |(port, table)| {
            (port.is_some() || table.is_some()).then_some(Action::Resubmit { port, table })
        }),
        (0..3_usize, any::<[u8; 22]>()).prop_map(|(n, fill)| Action::Note(fill[..6 + 8 * n].to_vec().into())),
        learn().prop_map(|l| Action::Learn(Box::new(l))),
        controller(),
        Just(Action::Exit),
        Just(Action::PushVlan(0x8100)),
        any::<u32>().prop_map(Action::SetQueue),
        (0..0xffff_ff00_u32).prop_map(|g| Action::Group(GroupId(g))),
    ]
    .prop_filter("no third tag", |action| !matches!(action, Action::PushVlan(_)))
}

fn instructions() -> impl Strategy<Value = Vec<Instruction>> {
    let option = prop::option::of::<BoxedStrategy<Instruction>>;
    let in_set = action().prop_filter("fits an action set", |action| {
        matches!(action, Action::Output { .. } | Action::Load { .. } | Action::SetField(_) | Action::Group(_))
    });
    (
        option((1..0xffff_0000_u32).prop_map(Instruction::Meter).boxed()),
        option(vec(action(), 1..5).prop_map(Instruction::ApplyActions).boxed()),
        option(Just(Instruction::ClearActions).boxed()),
        option(vec(in_set, 1..4).prop_map(Instruction::WriteActions).boxed()),
        option(
            any::<(u64, u64)>().prop_map(|(value, mask)| Instruction::WriteMetadata { value, mask }).boxed(),
        ),
        option((10..255_u8).prop_map(|t| Instruction::GotoTable(TableId(t))).boxed()),
    )
        .prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].into_iter().flatten().collect())
}

fn flow() -> impl Strategy<Value = Flow> {
    (0..10_u8, any::<[u16; 3]>(), any::<u64>(), 0..32_u16, matches(), instructions()).prop_map(
        |(table, [priority, idle_timeout, hard_timeout], cookie, flags, matches, instructions)| Flow {
            cookie: Cookie(cookie),
            idle_timeout,
            hard_timeout,
            flags,
            instructions,
            ..Flow::new(TableId(table), priority, matches)
        },
    )
}

/// Lines with a lot in them.
const LINES: &[&str] = &[
    "tcp,actions=ct(commit,force,zone=NXM_NX_REG0[0..15],table=3,alg=ftp,nat(src=1.2.3.4-1.2.3.9:5-6,hash),exec(load:1->ct_mark[3]))",
    "ipv6,actions=ct(commit,nat(dst=[fe80::1]-[fe80::9]:5-6,persistent,random)),clone(1,clone(ct_clear,2)),resubmit(1,2)",
    "actions=bundle_load(symmetric_l3l4+udp,5,hrw,ofport,reg0[0..15],members:[1,2]),multipath(eth_src,50,hrw,12,0,reg1[0..3])",
    "actions=conjunction(5,1/3),conjunction(6,2/2),note:01.02",
    "actions=sample(probability=5,collector_set_id=6,sampling_port=7,egress),check_pkt_larger(1500)->reg0[3],enqueue:1:2",
    "actions=encap(nsh(md_type=2,tlv(0x1000,10,0x12345678))),decap(packet_type(ns=1,type=0x800))",
    "tun_metadata3=0x1234/0xff00,tun_flags=+oam,actions=set_field:0x5/0xff->tun_metadata7,push:tun_metadata3[3..40],delete_field:tun_metadata1",
    "ct_state=+trk-new|est,tcp,tcp_flags=+syn-ack,actions=learn(table=1,limit=5,result_dst=reg0[3],NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],load:5->reg1[0..3])",
    "packet_type=(1,0x800),nw_src=1.2.3.4/24,actions=write_actions(output(port=1,max_len=64)),write_metadata:5/7,goto_table:9",
    "xxreg0=0x123/0xfff,dl_vlan=5,actions=move:xreg0[3..9]->xxreg1[60..66],output:reg0[0..15],dec_ttl(1,2)",
];

/// Pieces of lines, put together without sense.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "actions",
        "=",
        ",",
        "(",
        ")",
        "->",
        "[",
        "]",
        "..",
        "/",
        ":",
        "\"",
        "\\",
        " ",
        "+",
        "-",
        "|",
        "*",
        "0x",
        "learn",
        "output",
        "set_field",
        "load",
        "move",
        "controller",
        "resubmit",
        "note",
        "write_actions",
        "reg0",
        "xxreg0",
        "NXM_OF_ETH_SRC",
        "vlan_tci",
        "dl_vlan",
        "nw_src",
        "ipv6_src",
        "tcp_flags",
        "ct_state",
        "packet_type",
        "tcp",
        "icmp6",
        "in_port",
        "warp0",
        "1",
        "127",
        "65535",
        "340282366920938463463374607431768211455",
        "fe80::",
        "é",
        "ff",
        "10.0.0.0",
        "drop",
        "goto_table",
        "userdata",
        "result_dst",
        "limit",
        "table",
    ];
    vec(select(words.to_vec()), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_printed_flow_reads_back_as_itself(flow in flow()) {
        for names in [&names() as &dyn Names, &NoNames] {
            let text = print_flow(&flow, names);
            let parsed = parse_flow_with_warnings(&text, names);
            let parsed = parsed.map_err(|e| TestCaseError::fail(format!("{text}\n{e:?}")))?;
            prop_assert_eq!(&parsed.flow, &flow, "{}", text);
            prop_assert!(parsed.warnings.is_empty(), "{}: {:?}", text, parsed.warnings);
        }
    }

    #[test]
    fn no_line_makes_it_panic(
        line in prop_oneof![".{0,80}", soup(), soup().prop_map(|s| format!("tcp,actions={s}"))],
    ) {
        let names = names();
        let error = match parse_flow(&line, &names) {
            Ok(flow) => {
                let text = print_flow(&flow, &names);
                let again = parse_flow(&text, &names).map(|flow| print_flow(&flow, &names));
                prop_assert_eq!(again, Ok(text));
                parse_match(&line, &NoNames).err()
            }
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            // The span is a part of the line, on character boundaries.
            prop_assert!(line.get(error.span.clone()).is_some(), "{:?} of {:?}", error, line);
        }
    }

    /// A line that is right but for a few characters.
    #[test]
    fn no_mutated_line_makes_it_panic(
        line in select(LINES),
        edits in vec((any::<prop::sample::Index>(), select(&b"0x5:=,()[]/->+. #\"9a"[..]), 0..3_u8), 1..5),
    ) {
        let mut bytes = line.as_bytes().to_vec();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let line = String::from_utf8(bytes).unwrap();
        match parse_flow(&line, &NoNames) {
            Ok(flow) => prop_assert!(!print_flow(&flow, &NoNames).is_empty()),
            Err(error) => {
                prop_assert!(line.get(error.span.clone()).is_some(), "{:?} of {:?}", error, line);
                prop_assert!(!error.message.is_empty());
            }
        }
        let _ = parse_oxm(&line);
    }

    #[test]
    fn whatever_a_switch_sends_prints(
        fields in ofproto::testing::actions::matches(),
        list in ofproto::testing::actions::instructions(),
    ) {
        prop_assert!(print_match(&FlowMatch::from_wire(&fields), &names()).is_ascii());
        prop_assert!(!print_actions(&list, &names()).is_empty());
    }
}
