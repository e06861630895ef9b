//! Questions about one connection.

use super::{DUAL_SOCKET, SMALL, file};
use crate::network::SourceFiles;
use crate::verify::bridge_flows::compiled;
use crate::verify::proof::Budget;
use crate::verify::reach::{Answer, Fate, Question, ReachError, why};

fn question(from: &str, to: &str, service: &str) -> Question {
    let (from, to) = (from.to_owned(), to.to_owned());
    Question { from, to, service: service.parse().unwrap(), from_port: None, mac: None }
}

fn ask(text: &str, question: &Question) -> Result<Answer, ReachError> {
    let file = file(text);
    let mut answer = why(&file, &compiled(&file), question, Budget::default())?;
    answer.locate(&SourceFiles::single("n.toml", text));
    Ok(answer)
}

fn answered(text: &str, from: &str, to: &str, service: &str) -> Answer {
    ask(text, &question(from, to, service)).unwrap()
}

/// Returns the number of the line with the name of a rule.
fn line_of(text: &str, name: &str) -> usize {
    text.lines().position(|line| line == format!("name = \"{name}\"")).unwrap() + 1
}

fn rule(answer: &Answer) -> (&str, Option<usize>) {
    let by = answer.decision.by.as_ref().unwrap();
    (by.rule.as_deref().unwrap(), by.line)
}

#[test]
fn an_allowed_connection_passes_by_its_rule_and_line() {
    let answer = answered(SMALL, "a", "b", "tcp/443");
    assert_eq!((answer.decision.verdict, answer.every), (Fate::Passes, true), "{answer}");
    let (name, line) = rule(&answer);
    assert_eq!(name, "web");
    assert_eq!(line, Some(line_of(SMALL, "web")));
    assert_eq!(answer.answers.unwrap().verdict, Fate::Passes);
    assert_eq!(answer.reverse.verdict, Fate::Denied);
    assert!(answer.remedy.is_none() && answer.window.is_none());
}

#[test]
fn the_same_over_ipv6() {
    let answer = answered(SMALL, "fd00::2", "fd00::3", "tcp/80");
    assert_eq!((answer.decision.verdict, answer.every), (Fate::Passes, true), "{answer}");
    assert_eq!((&*answer.from.party, &*answer.to.party), ("a", "b"));
    assert_eq!(answer.answers.unwrap().verdict, Fate::Passes);
    assert_eq!(answered(SMALL, "fd00::2", "fd00::3", "tcp/81").decision.verdict, Fate::Denied);
}

#[test]
fn a_denied_connection_is_told_with_the_rule_that_would_allow_it() {
    let answer = answered(SMALL, "a", "b", "udp/53");
    assert_eq!((answer.decision.verdict, answer.every), (Fate::Denied, true), "{answer}");
    assert_eq!(answer.decision.by.as_ref().unwrap().kind, Some("deny"));
    let remedy = answer.remedy.as_ref().unwrap();
    let rule = remedy.rule.as_ref().unwrap();
    let opens = |remedy: &crate::verify::reach::Remedy| {
        let rows = remedy.opens.iter().filter(|row| !row.background);
        rows.map(|row| row.summary()).collect::<Vec<_>>()
    };
    assert_eq!(opens(remedy), ["a -> b: udp 53"]);
    // The file with that rule lets it pass.
    let with = format!("{SMALL}\n{rule}");
    assert_eq!(answered(&with, "a", "b", "udp/53").decision.verdict, Fate::Passes);
    insta::assert_snapshot!(answer);
}

#[test]
fn a_rule_for_a_network_opens_it_to_all_on_it() {
    let answer = answered(SMALL, "left", "a", "udp/69");
    let remedy = answer.remedy.unwrap();
    assert!(remedy.rule.unwrap().contains("from = \"left\""));
    assert_eq!(remedy.opens.iter().filter(|row| !row.background).count(), 1);
    let text = SMALL.replace("[exit.wan]", "[endpoint.d]\nattach = [{ network = \"left\", port = \"p4\", addresses = [\"10.0.0.4\"] }]\n[exit.wan]");
    let remedy = answered(&text, "left", "a", "udp/69").remedy.unwrap();
    let rows = remedy.opens.iter().filter(|row| !row.background).map(|row| row.summary());
    assert_eq!(rows.collect::<Vec<_>>(), ["b -> a: udp 69", "d -> a: udp (IPv4) 69"]);
}

#[test]
fn a_closed_window_is_named() {
    let answer = answered(SMALL, "b", "a", "tcp/22");
    assert_eq!(answer.decision.verdict, Fate::Denied);
    let window = answer.window.unwrap();
    assert_eq!((&*window.rule, &*window.window), ("repair", "maintenance"));
    assert!(answer.remedy.is_none());
    let always = answered(&SMALL.replace("temp = \"maintenance\"\n", ""), "b", "a", "tcp/22");
    assert_eq!((always.decision.verdict, rule(&always).0), (Fate::Passes, "repair"));
}

#[test]
fn only_a_crossing_joins_two_networks() {
    let answer = answered(SMALL, "a", "c", "tcp/443");
    assert_eq!(answer.decision.verdict, Fate::Denied);
    let remedy = answer.remedy.unwrap();
    assert!(remedy.rule.is_none() && remedy.remarks[0].contains("[[crossing]]"), "{remedy:?}");
    let crossed = answered(DUAL_SOCKET, "monitoring", "xray", "tcp/8080");
    assert_eq!(crossed.decision.verdict, Fate::Passes, "{crossed}");
    assert!(crossed.exceptions[0].contains("rewrites MAC addresses"), "{crossed}");
    assert_eq!(rule(&crossed).0, "privacy-health");
    assert_eq!(crossed.decision.path.len(), 2);
    assert_eq!(crossed.answers.unwrap().verdict, Fate::Passes);
    assert_eq!(answered(DUAL_SOCKET, "monitoring", "xray", "tcp/8081").decision.verdict, Fate::Denied);
    assert_eq!(answered(DUAL_SOCKET, "xray", "monitoring", "tcp/8080").decision.verdict, Fate::Denied);
}

#[test]
fn packets_of_another_verdict_are_told() {
    // One source port is dropped by a raw line, the rest passes.
    let raw = "[bridge.br]\nflows = [\"priority=65500,in_port=p1,tcp,tp_src=7,actions=drop\"]\n";
    let text = format!("{raw}{SMALL}");
    let answer = answered(&text, "a", "b", "tcp/443");
    assert_eq!((answer.decision.verdict, answer.every), (Fate::Passes, false), "{answer}");
    assert!(answer.exceptions.iter().any(|e| e.contains("tcp_src=7")), "{answer}");
    let from_there = Question { from_port: Some(7), ..question("10.0.0.2", "10.0.0.3", "tcp/443") };
    let answer = ask(&text, &from_there).unwrap();
    assert_eq!((answer.decision.verdict, answer.every), (Fate::Denied, true), "{answer}");
    assert!(answer.remedy.unwrap().remarks[0].contains("comes first"));
    // And the other way round.
    let text = text.replace("drop", "output:p2").replace("tp_src=7", "tp_dst=25,tp_src=7");
    let answer = answered(&text, "a", "b", "tcp/25");
    assert_eq!((answer.decision.verdict, answer.every), (Fate::Denied, false), "{answer}");
    assert!(answer.exceptions.iter().any(|e| e.contains("tcp_src=7")), "{answer}");
}

#[test]
fn any_is_answered_for_tcp_and_the_rest_is_remarked() {
    let answer = answered(SMALL, "a", "b", "any");
    assert_eq!((answer.decision.verdict, answer.every), (Fate::Passes, false), "{answer}");
    assert!(answer.exceptions.iter().any(|e| e.contains("(udp)")), "{answer}");
    let whole = answered(DUAL_SOCKET, "mcp", "api", "any");
    assert_eq!((whole.decision.verdict, rule(&whole).0), (Fate::Passes, "management"), "{whole}");
}

#[test]
fn a_foreign_mac_does_not_pass() {
    let foreign = Question { mac: Some([2, 0, 0, 0, 0, 9]), ..question("a", "b", "tcp/443") };
    let answer = ask(SMALL, &foreign).unwrap();
    assert_eq!(answer.decision.verdict, Fate::Denied, "{answer}");
    let remedy = answer.remedy.unwrap();
    assert!(remedy.rule.is_none() && remedy.remarks[0].contains("not the sender's own"), "{remedy:?}");
    let own = Question { mac: Some([2, 0, 0, 0, 0, 1]), ..question("a", "b", "tcp/443") };
    assert_eq!(ask(SMALL, &own).unwrap().decision.verdict, Fate::Passes);
}

#[test]
fn addresses_outside_are_behind_the_exit() {
    let answer = answered(SMALL, "b", "198.51.100.1", "udp/53");
    assert_eq!((&*answer.to.party, answer.decision.verdict), ("wan", Fate::Passes), "{answer}");
    assert_eq!(answered(SMALL, "b", "wan", "udp/54").decision.verdict, Fate::Denied);
    assert_eq!(answered(SMALL, "10.0.0.3", "wan", "udp/53").decision.verdict, Fate::Passes);
}

#[test]
fn normal_is_unknown() {
    let raw = "[bridge.br]\nflows = [\"priority=65500,in_port=p1,actions=normal\"]\n";
    let answer = answered(&format!("{raw}{SMALL}"), "a", "b", "tcp/443");
    assert_eq!(answer.decision.verdict, Fate::Unknown, "{answer}");
    assert!(answer.decision.reasons[0].contains("NORMAL"));
}

#[test]
fn a_tag_of_the_network_is_on_its_packets() {
    let text = SMALL.replacen("subnets", "vlan = 7\nsubnets", 1);
    let answer = answered(&text, "a", "b", "tcp/443");
    assert_eq!((answer.decision.verdict, answer.every), (Fate::Passes, true), "{answer}");
    assert!(answer.decision.packet.contains("vlan_tci=0x1007"), "{answer}");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let error = |from: &str, to: &str| ask(SMALL, &question(from, to, "tcp/1")).unwrap_err();
    assert!(matches!(error("aa", "b"), ReachError::UnknownParty { .. }));
    assert!(matches!(error("a", "10.0.0.77"), ReachError::UnknownAddress(_)));
    assert!(matches!(error("10.0.0.2", "fd00::3"), ReachError::NoAddresses { .. }));
    assert!(matches!(error("a", "a"), ReachError::NoAddresses { .. }));
}
