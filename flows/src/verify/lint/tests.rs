use flow_model::{Flow, FlowMatch};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};

use super::*;
use crate::finding::Finding;
use crate::network;

const VERBATIM: &str = include_str!("../../../networks/dual-socket-verbatim.toml");
const HEALTH_CHECK: &str = include_str!("../../../networks/dual-socket-health-check.toml");

fn lint(text: &str) -> Vec<Finding> {
    lint_raw(&network::parse(text, "n.toml").unwrap().0)
}

/// Returns the code, and the text of the line of the finding.
fn places(text: &str) -> Vec<(&'static str, &str)> {
    let line = |f: &Finding| text.lines().nth(f.position(text).unwrap().line - 1).unwrap().trim();
    lint(text).iter().map(|f| (f.code.as_str(), line(f))).collect()
}

fn one_bridge(lines: &str) -> String {
    format!("[bridge.br]\nports = [\"p1\", \"p2\"]\nflows = [\n{lines}\n]\n")
}

#[test]
fn every_defect_of_the_document_is_found_where_it_stands() {
    let learn = "\"priority=100,in_port=warp0,actions=learn(table=1,hard_timeout=300,priority=110,\
                 NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:normal\",";
    assert_eq!(
        places(VERBATIM),
        [
            ("overlap", "\"priority=100,udp,tp_dst=51820,actions=output:veth100\","),
            ("learned-table-unused", learn),
            ("learn-wrong-direction", learn),
            ("learn-without-limit", learn),
            ("normal-as-isolation", learn),
            ("normal-as-isolation", "\"priority=10,actions=normal\","),
            ("normal-as-isolation", "\"priority=90,in_port=from-mgmt,actions=normal\","),
            ("normal-as-isolation", "\"priority=10,actions=normal\","),
        ]
    );
    assert!(lint(VERBATIM).iter().all(|f| !f.is_error()));
    let overlap = &lint(VERBATIM)[0];
    assert!(overlap.message.contains("in_port=veth100"), "{}", overlap.message);
}

#[test]
fn output_to_the_far_end_of_a_wire_is_an_error() {
    let findings = lint(HEALTH_CHECK);
    let [finding] = &findings[..] else { panic!("{findings:#?}") };
    assert!(finding.is_error());
    assert_eq!(finding.code, "unknown-port");
    let start = finding.span.clone().unwrap().start;
    assert!(HEALTH_CHECK[start..].starts_with("to-privacy\""), "{}", &HEALTH_CHECK[start..]);
    assert!(finding.message.contains("mesh-privacy"), "{}", finding.message);
    assert!(finding.help.contains("from-privacy"), "{}", finding.help);
}

#[test]
fn a_port_of_nobody_is_an_error() {
    let text = one_bridge("\"in_port=p1,actions=output:p3\"");
    let findings = lint(&text);
    assert_eq!(findings[0].code, "unknown-port");
    assert_eq!(findings[0].position(&text).unwrap().line, 4);
}

#[test]
fn a_line_that_cannot_be_read_is_an_error_with_its_column() {
    let text = one_bridge("\"in_port=p1,nw_srt=10.0.0.1,actions=drop\"");
    let findings = lint(&text);
    assert_eq!(findings[0].code, "flow-syntax");
    let position = findings[0].position(&text).unwrap();
    assert_eq!((position.line, position.column), (4, 13));
    assert!(findings[0].is_error());
}

#[test]
fn a_learned_table_that_is_looked_up_is_in_use() {
    let learn = "learn(table=5,limit=10,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])";
    let reached = one_bridge(&format!(
        "\"table=0,in_port=p1,actions=resubmit(,1)\",\n\"table=1,actions={learn},goto_table:5\""
    ));
    assert_eq!(places(&reached), []);
    // Table 1 leads to table 5, but nothing leads to table 1.
    let lost = one_bridge(&format!(
        "\"table=0,in_port=p1,actions=drop\",\n\"table=1,actions={learn},goto_table:5\""
    ));
    assert_eq!(places(&lost).iter().map(|p| p.0).collect::<Vec<_>>(), ["learned-table-unused"]);
}

#[test]
fn learning_on_the_way_out_is_right() {
    let text = "[exit.out]\nbridge = \"br\"\nport = \"up\"\n[bridge.br]\nports = [\"p1\"]\nflows = [\n\
                \"in_port=p1,actions=learn(table=1,limit=9,in_port=up,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:up\",\n\
                \"in_port=up,actions=resubmit(,1)\"]\n";
    assert_eq!(places(text), []);
    let wrong = text
        .replace("\"in_port=p1,actions=learn", "\"in_port=up,actions=learn")
        .replace("\"in_port=up,actions=resubmit", "\"in_port=p1,actions=resubmit");
    assert_eq!(places(&wrong).iter().map(|p| p.0).collect::<Vec<_>>(), ["learn-wrong-direction"]);
}

#[test]
fn a_lone_switch_may_be_normal() {
    assert_eq!(places(&one_bridge("\"actions=normal\"")), []);
}

#[test]
fn the_second_of_two_equal_flows_replaces_the_first() {
    let text = one_bridge("\"in_port=p1,actions=drop\",\n\"in_port=p1,actions=output:p2\"");
    let findings = lint(&text);
    assert_eq!(findings[0].code, "flow-replaced");
    assert_eq!(findings[0].position(&text).unwrap().line, 5);
}

fn flow(priority: u16, matches: FlowMatch, port: u32) -> Flow {
    let mut flow = Flow::new(TableId(0), priority, matches);
    flow.instructions =
        vec![Instruction::ApplyActions(vec![Action::Output { port: PortNo(port), max_len: 0 }])];
    flow
}

#[test]
fn overlaps_are_what_comparing_all_pairs_finds() {
    // Exact, masked and absent fields in every combination.
    let mut flows = Vec::new();
    for n in 0..600u32 {
        let mut m = FlowMatch::any();
        if n % 3 != 0 {
            m = m.with(Field::InPortOxm, u128::from(n % 5));
        }
        if n % 4 != 0 {
            m = m.with(Field::EthType, 0x800);
            if n % 7 < 3 {
                m = m.with_masked(
                    Field::Ipv4Dst,
                    u128::from(n) << 8,
                    if n % 2 == 0 { 0xffff_ffff } else { 0xffff_f000 },
                );
            }
            if n % 11 < 4 {
                m = m.with(Field::IpProto, 6).with(Field::TcpDst, u128::from(n % 13));
            }
        }
        flows.push(flow(u16::try_from(n % 20).unwrap(), m, n % 7));
    }
    let mut slowly = Vec::new();
    for (a, x) in flows.iter().enumerate() {
        for (b, y) in flows.iter().enumerate().skip(a + 1) {
            if x.priority == y.priority && x.instructions != y.instructions && x.matches.overlaps(&y.matches)
            {
                slowly.push((a, b));
            }
        }
    }
    assert!(slowly.len() > 100 && slowly.len() < MAX_OVERLAPS);
    assert_eq!(overlaps(&flows), slowly);
}

#[test]
fn ten_thousand_flows_are_told_apart() {
    let flows: Vec<Flow> = (0..10_000u32)
        .map(|n| {
            let m = FlowMatch::any().with(Field::InPortOxm, u128::from(n % 100)).with(Field::EthType, 0x800);
            flow(100, m.with(Field::Ipv4Dst, u128::from(n / 100)), n)
        })
        .collect();
    assert_eq!(overlaps(&flows), []);
}

#[test]
fn what_a_controller_cannot_execute_is_said() {
    let learn = |more: &str| {
        format!(
            "learn(table=1,limit=9,{more}eth_type=0x800,nw_proto=6,NXM_OF_IP_SRC[],output:NXM_OF_IN_PORT[])"
        )
    };
    let found = |first: &str, more: &str| {
        let lines = format!(
            "\"cookie=1,tcp,actions={first}\",\n{more}\"table=0,priority=1,cookie=9,actions=resubmit(,1)\""
        );
        let text = one_bridge(&lines).replace("flows", "learn = \"controller\"\nflows");
        let all = lint(&text).into_iter().map(|f| format!("{}: {}", f.code, f.message));
        all.filter(|f| f.starts_with("learn-")).collect::<Vec<_>>().join("\n")
    };
    let learns = learn("");
    assert_eq!(found(&format!("{learns},output:2"), ""), "");
    assert_eq!(found(&format!("load:1->NXM_NX_REG0[],clone({learns}),output:2"), ""), "");
    let beside = one_bridge(&format!("\"cookie=1,tcp,actions={learns},output:2\""))
        .replace("flows", "learn = \"controller\"\nlearning = {}\nflows");
    assert!(lint(&beside).iter().any(|f| f.is_error() && f.code == "learn-beside-learning"));
    insta::assert_snapshot!(
        [
            found(&format!("{learns},goto_table:2"), ""),
            found(&format!("{learns},write_metadata:1"), ""),
            found(&format!("{learns},write_actions(output:1)"), ""),
            found(&format!("{learns},clear_actions"), ""),
            found(&format!("{learns},resubmit(,2)"), ""),
            found(&format!("{learns},clone(resubmit(,2))"), ""),
            found(&format!("{learns},output:TABLE"), ""),
            found(&format!("ct(table=2),{learns}"), ""),
            found(&format!("ct(commit),{learns}"), ""),
            found(&format!("push:NXM_NX_REG0[],{learns}"), ""),
            found(&format!("{learns},fin_timeout(idle_timeout=1)"), ""),
            found(&learn("cookie=0xffffffffffffffff,"), ""),
            found(&learn("table=254,"), ""),
            found(&learn("fin_idle_timeout=5,").replace("nw_proto=6,", ""), ""),
            found(&learn("tun_metadata0=5,"), ""),
            found(&learns, "\"cookie=1,udp,actions=drop\",\n"),
        ]
        .join("\n")
    );
}
