//! Random flows, as the installed `ovs-ofctl` has them: our bytes are printed by it as we print them, our text makes it send our
//! bytes, and our parser reads our text back to the same bytes.
//!
//! `PORTCULLIS_RANDOM` says how many (see the README of these tests); the seed is fixed unless `PORTCULLIS_SEED` says another.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use flows::{Flow, FlowMatch};
use ofctl::syntax::{NoNames, misfit, parse_flow, print_actions, print_flow, print_match};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::oxm::Match;
use ofproto::{Message, OvsError, Writer, Xid};
use portcullis_tests::hex;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Flows in one run of `ovs-ofctl`.
const BATCH: usize = 500;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A runner whose values are the same every time.
fn runner() -> TestRunner {
    portcullis_tests::write_for_installed();
    let seed = u8::try_from(number("PORTCULLIS_SEED", 0) % 256).unwrap();
    let config = Config { max_local_rejects: u32::MAX, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

/// What `ovs-ofctl` prints of each message of a stream, by transaction id: its first line.
fn ofp_parse(stream: &[u8]) -> BTreeMap<u32, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(stream).unwrap();
    let output = Command::new("ovs-ofctl").arg("ofp-parse").arg(file.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| {
        let (_, rest) =
            line.strip_prefix("OFPT_FLOW_MOD (OF1.3) (xid=0x")?.split_once("): ").map(|s| (0, s.1))?;
        let id = line.split("xid=0x").nth(1)?.split(')').next()?;
        Some((u32::from_str_radix(id, 16).unwrap(), rest.to_owned()))
    });
    lines.collect()
}

/// A flow_mod as `ovs-ofctl` prints it behind the transaction id.
fn printed(flow: &Flow) -> String {
    let mut parts = Vec::new();
    if flow.priority != 0x8000 {
        parts.push(format!("priority={}", flow.priority));
    }
    let matches = print_match(&flow.matches, &NoNames);
    if !matches.is_empty() {
        parts.push(matches);
    }
    let mut text = String::from("ADD ");
    if flow.table.0 != 0 {
        text.push_str(&format!("table:{} ", flow.table.0));
    }
    text.push_str(&parts.join(","));
    if !parts.is_empty() {
        text.push(' ');
    }
    if flow.cookie.0 != 0 {
        text.push_str(&format!("cookie:{} ", flow.cookie));
    }
    for (name, seconds) in [("idle", flow.idle_timeout), ("hard", flow.hard_timeout)] {
        if seconds != 0 {
            text.push_str(&format!("{name}:{seconds} "));
        }
    }
    for (bit, name) in [
        (1, "send_flow_rem"),
        (2, "check_overlap"),
        (4, "reset_counts"),
        (8, "no_packet_counts"),
        (16, "no_byte_counts"),
    ] {
        if flow.flags & bit != 0 {
            text.push_str(name);
            text.push(' ');
        }
    }
    text + "actions=" + &print_actions(&flow.instructions, &NoNames)
}

fn encoded(flow: &Flow, id: u32) -> Vec<u8> {
    Message::FlowMod(flow.to_flow_mod(FlowModCommand::Add)).encode(Xid(id)).unwrap()
}

#[test]
fn random_flows_are_what_ovs_ofctl_has() {
    let mut runner = runner();
    let strategy = flow_model::testing::flow();
    let mut left = number("PORTCULLIS_RANDOM", 1000);
    let mut wrong = Vec::new();
    while left > 0 {
        let count = left.min(BATCH);
        left -= count;
        let flows: Vec<Flow> =
            (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
        let bytes: Vec<Vec<u8>> = flows.iter().zip(1..).map(|(flow, id)| encoded(flow, id)).collect();
        let theirs = ofp_parse(&bytes.concat());
        let texts: Vec<String> = flows.iter().map(|flow| print_flow(flow, &NoNames)).collect();
        let sent = portcullis_tests::flow_mods(&texts);
        for (n, flow) in flows.iter().enumerate() {
            let ours = printed(flow);
            let id = u32::try_from(n + 1).unwrap();
            if theirs.get(&id) != Some(&ours) {
                wrong.push(format!("ours   {ours}\ntheirs {}", theirs.get(&id).map_or("nothing", |s| s)));
                continue;
            }
            match parse_flow(&texts[n], &NoNames) {
                Err(error) => wrong.push(format!("{}\nrefused: {error}", texts[n])),
                Ok(again) if encoded(&again, id) != bytes[n] => {
                    wrong.push(format!("{}\nread back as other bytes", texts[n]));
                }
                Ok(_) => {}
            }
            match &sent {
                // All but the transaction id.
                Ok(sent) if sent[n][8..] != bytes[n][8..] => wrong.push(format!(
                    "{}\nours   {}\ntheirs {}",
                    texts[n],
                    hex(&bytes[n][48..]),
                    hex(&sent[n][48..])
                )),
                Ok(_) => {}
                Err(error) if n == 0 => wrong.push(format!("refused: {error}")),
                Err(_) => {}
            }
        }
        assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n\n"));
    }
}

/// Values without sense as well: what Open vSwitch refuses, and with which error, is known here.
#[test]
fn random_values_are_refused_as_by_ovs_ofctl() {
    let mut runner = runner();
    let strategy = (ofproto::testing::actions::matches(), ofproto::testing::actions::instructions());
    let mut left = number("PORTCULLIS_RANDOM", 1000);
    let mut wrong = Vec::new();
    while left > 0 {
        let count = left.min(BATCH);
        left -= count;
        let mods: Vec<FlowMod> = (0..count)
            .map(|n| {
                let (fields, instructions) = strategy.new_tree(&mut runner).unwrap().current();
                // One of both alone: what Open vSwitch says first when both are wrong is its own affair.
                let (fields, instructions) =
                    if n % 2 == 0 { (fields, Vec::new()) } else { (Match::default(), instructions) };
                FlowMod { fields, instructions, ..FlowMod::default() }
            })
            .collect();
        let encode = |(m, id): (&FlowMod, u32)| Message::FlowMod(m.clone()).encode(Xid(id)).unwrap();
        let stream: Vec<u8> = mods.iter().zip(1..).flat_map(encode).collect();
        let theirs = ofp_parse(&stream);
        for (m, id) in mods.iter().zip(1..) {
            let mut w = Writer::new();
            m.fields.encode_fields(&mut w).unwrap();
            let refused = Match::ovs_error(w.as_slice());
            let mut w = Writer::new();
            Instruction::encode_list(&m.instructions, &mut w).unwrap();
            let refused = refused
                .or(Instruction::ovs_error(w.as_slice()))
                .or_else(|| misfit(&FlowMatch::from_wire(&m.fields), m.table_id, &m.instructions));
            let theirs = theirs.get(&id).map_or("nothing", |s| s);
            let error = theirs.strip_prefix("***decode error: ").and_then(|s| s.strip_suffix("***"));
            let same = match (error, refused) {
                // A field that nobody knows: Open vSwitch looks into its mask all the same.
                (Some("OFPBMC_BAD_WILDCARDS"), Some(OvsError::MatchField)) => true,
                // In an action it may take it for one of another length, by the chance of a hash.
                (Some("OFPBAC_BAD_SET_LEN"), Some(OvsError::ActionSetType)) => true,
                (Some(theirs), Some(ours)) => theirs == ours.name(),
                (None, None) => {
                    let flow = Flow {
                        instructions: m.instructions.clone(),
                        ..Flow::new(m.table_id, m.priority, FlowMatch::from_wire(&m.fields))
                    };
                    portcullis_tests::says_no_less(&printed(&flow), theirs)
                }
                _ => false,
            };
            if !same {
                wrong.push(format!(
                    "{:?} {:?}\nours   {refused:?}\ntheirs {theirs}",
                    m.fields.fields, m.instructions
                ));
            }
        }
        assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n\n"));
    }
}

/// Two files of random flows differ in the same flows, in the same order.
#[test]
fn random_flows_differ_in_the_order_of_ovs_ofctl() {
    let mut runner = runner();
    let strategy = flow_model::testing::flow();
    let dir = tempfile::tempdir().unwrap();
    let mut left = number("PORTCULLIS_RANDOM", 1000);
    while left > 0 {
        let count = left.min(BATCH);
        left -= count;
        let flows: Vec<String> = (0..count)
            .map(|_| {
                let flow = strategy.new_tree(&mut runner).unwrap().current();
                // Few priorities, so that which group comes first is often said by the order of the file.
                let flow = Flow { priority: flow.priority % 8, ..flow };
                print_flow(&flow, &NoNames)
            })
            .collect();
        // A third is in one file, one in the other, and one in both.
        let (a, b) = (&flows[..count * 2 / 3], &flows[count / 3..]);
        std::fs::write(dir.path().join("a"), a.join("\n")).unwrap();
        std::fs::write(dir.path().join("b"), b.join("\n")).unwrap();
        let run = |program: &std::path::Path, arguments: &[&str]| {
            let mut command = Command::new(program);
            let output = command.args(arguments).current_dir(dir.path()).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let theirs = run("ovs-ofctl".as_ref(), &["-O", "OpenFlow13", "diff-flows", "./a", "./b"]);
        let ours = run(&portcullis_tests::binary(), &["diff-flows", "./a", "./b"]);
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(ours.len(), theirs.len());
    }
}

/// So that the tests above do not compare nothing.
#[test]
fn every_kind_of_action_is_among_the_random_flows() {
    let mut runner = runner();
    let strategy = flow_model::testing::flow();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3000 {
        let flow = strategy.new_tree(&mut runner).unwrap().current();
        for instruction in &flow.instructions {
            if let Instruction::ApplyActions(list) | Instruction::WriteActions(list) = instruction {
                seen.extend(list.iter().map(kind));
            }
        }
    }
    let wanted = [
        "Ct",
        "Clone",
        "Learn",
        "Bundle",
        "Multipath",
        "Sample",
        "Encap",
        "Push",
        "OutputTrunc",
        "Controller",
    ];
    for kind in wanted {
        assert!(seen.contains(kind), "{kind} is not among {seen:?}");
    }
}

fn kind(action: &Action) -> String {
    let text = format!("{action:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}
