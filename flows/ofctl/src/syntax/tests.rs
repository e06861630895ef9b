//! Tests that need no Open vSwitch: errors and their positions, warnings, and that a printed flow
//! parses to itself. The end-to-end tests compare the text with `ovs-ofctl`.

use flow_model::FlowMatch;
use ofproto::message::multipart::FlowStats;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

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
fn what_is_cut_is_said() {
    let warned = |line: &str| {
        let parsed = parse_flow_with_warnings(line, &NoNames).expect(line);
        let [warning] = &parsed.warnings[..] else { panic!("{line}: {:?}", parsed.warnings) };
        (line[warning.span.clone()].to_owned(), print_flow(&parsed.flow, &NoNames))
    };
    let said = |word: &str, text: &str| (word.to_owned(), text.to_owned());
    assert_eq!(warned("dl_vlan=8191,actions=drop"), said("8191", "dl_vlan=4095 actions=drop"));
    assert_eq!(warned("in_port=65280,actions=drop"), said("65280", "in_port=65280 actions=drop"));
    assert_eq!(warned("in_port=65527,actions=drop"), said("65527", "in_port=UNSET actions=drop"));
    let nat = warned("ip,actions=ct(commit,nat(src=0.0.0.0))");
    assert_eq!(nat, said("0.0.0.0", "ip actions=ct(commit,nat(src))"));
    assert!(parse_flow_with_warnings("in_port=UNSET,actions=drop", &NoNames).unwrap().warnings.is_empty());
    let (request, warnings) = parse_request("in_port=65280,out_port=65281", &NoNames).unwrap();
    assert_eq!((request.out_port, warnings.len()), (PortNo(0xffff_ff01), 2));
}

/// Pairs of flows for which `ovs-ofctl` prints one text.
#[test]
fn flows_that_differ_have_different_texts() {
    let lines = [
        "actions=drop",
        "eth,actions=drop",
        "packet_type=(1,0x894f),actions=drop",
        "packet_type=(1,0x894f),nsh_c1=5,actions=drop",
        "packet_type=(1,0x894f),nsh_spi=5,actions=drop",
        "dl_type=0x894f,nsh_mdtype=2,actions=drop",
        "dl_type=0x894f,nsh_mdtype=2,nsh_c2=1/1,actions=drop",
        "tun_erspan_idx=5,actions=drop",
        "tun_erspan_ver=1,tun_erspan_idx=5,actions=drop",
        "tun_erspan_ver=1,tun_erspan_idx=5/0xf,actions=drop",
        "tun_gbp_flags=1,actions=drop",
        "tun_gbp_flags=1/3,actions=drop",
        "ip,nw_frag=no,actions=drop",
        "ip,nw_frag=0/1,actions=drop",
        "ip,actions=ct(commit,nat(src))",
        "ip,actions=ct(commit,nat(src,hash))",
        "ip,actions=ct(commit,nat(src=1.2.3.4:5))",
        "ip,actions=ct(commit,nat(src=1.2.3.4:5-5))",
        "ip,actions=ct(commit,nat(src=1.2.3.4-1.2.3.4:5))",
        "ct_state=+trk-inv,ip,actions=resubmit(1)",
        "ct_state=+trk-inv,ip,actions=resubmit(1,,ct)",
        "actions=output:reg0",
        "actions=output(src=reg0,max_len=5)",
        "actions=encap(nsh(tlv(0x1000,10,0x12)))",
        "actions=encap(nsh(tlv(0x1000,10,0x0012)))",
        "actions=encap(nsh(hdr_size=9,tlv(0x1000,10,0x12)))",
    ];
    let flows = lines.map(|line| parse_flow(line, &NoNames).expect(line));
    let texts: std::collections::BTreeSet<_> = flows.iter().map(|flow| print_flow(flow, &NoNames)).collect();
    assert_eq!(texts.len(), lines.len(), "{texts:#?}");
    for (text, flow) in flows.iter().map(|flow| (print_flow(flow, &NoNames), flow)) {
        assert_eq!(parse_flow(&text, &NoNames).as_ref(), Ok(flow), "{text}");
    }
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
fn a_name_that_several_ports_have_stands_for_none_of_them() {
    let names: PortNames = [("a", PortNo(1)), ("b", PortNo(2)), ("b", PortNo(3))].into_iter().collect();
    assert_eq!((names.port_by_name("a"), names.port_by_name("b")), (Some(PortNo(1)), None));
    let printed = [1, 2, 3].map(|number| names.port_name(PortNo(number)));
    assert_eq!(printed, [Some("a"), None, None]);
    for line in ["in_port=b,actions=drop", "actions=output:b", "actions=\"b\"", "actions=enqueue:b:1"] {
        let error = parse_flow(line, &names).expect_err(line);
        assert_eq!(error.kind, SyntaxErrorKind::UnknownPort("b".into()), "{line}");
        assert_eq!(error.message, "several ports have the name \"b\", which stands for none of them");
        assert_eq!(error.help.as_deref(), Some("the port's number"));
    }
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

/// Lines with many parts.
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

/// Generates fragments of lines in a random order.
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
    fn a_printed_flow_reads_back_as_itself(flow in flow_model::testing::flow()) {
        for names in [&names() as &dyn Names, &NoNames] {
            let text = print_flow(&flow, names);
            let parsed = parse_flow_with_warnings(&text, names);
            let parsed = parsed.map_err(|e| TestCaseError::fail(format!("{text}\n{e:?}")))?;
            prop_assert_eq!(&parsed.flow, &flow, "{}", text);
            // Reserved ports without a word are printed in the numbers of OpenFlow 1.0, as
            // `ovs-ofctl` does.
            let old = |warning: &Warning| warning.message.contains("reserved number of OpenFlow 1.0");
            prop_assert!(parsed.warnings.iter().all(old), "{}: {:?}", text, parsed.warnings);
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

    /// Mutates a few characters of a valid line.
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
