//! Whatever a switch holds is printed so that it can be read again: random flows are sent as bytes, and what the switch then
//! has of them is printed, read, and compared with what was printed.
//!
//! `PORTCULLIS_RANDOM` says how many, and `PORTCULLIS_SEED` which (see the README of these tests).

use std::collections::BTreeMap;

use flows::Flow;
use ofctl::syntax::{NoNames, parse_flow, parse_request, print_flow, print_match};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::{FlowStatsRequest, MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::{Cookie, GroupId, Message, TableId, Xid};
use portcullis_tests::Conn;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::Bench;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A flow of that cookie, with the group and the meter that the switch has.
fn fitting(mut flow: Flow, cookie: u64) -> Flow {
    flow.cookie = Cookie(cookie);
    for instruction in &mut flow.instructions {
        match instruction {
            Instruction::Meter(meter) => *meter = 3,
            Instruction::ApplyActions(list) | Instruction::WriteActions(list) => {
                for action in list {
                    if let Action::Group(group) = action {
                        *group = GroupId(5);
                    }
                }
            }
            _ => {}
        }
    }
    flow
}

fn held(conn: &mut Conn) -> Vec<Flow> {
    let parts = conn.parts(MultipartRequestBody::Flow(FlowStatsRequest::default()));
    let lists = parts.into_iter().map(|part| match part {
        MultipartReplyBody::Flow(list) => list,
        other => panic!("{other:?}"),
    });
    lists.flatten().map(|stats| Flow::from_stats(&stats)).collect()
}

fn bytes(flow: &Flow) -> Vec<u8> {
    Message::FlowMod(flow.to_flow_mod(FlowModCommand::Add)).encode(Xid(1)).unwrap()
}

/// The lines of `ovs-ofctl dump-flows`, by cookie.
fn dumped(bench: &Bench) -> BTreeMap<u64, String> {
    let text = bench.ovs.ofctl(&["--no-names", "--no-stats", "dump-flows", "br0"]);
    let lines = text.lines().map(|line| {
        let cookie = line.trim_start().strip_prefix("cookie=0x").unwrap().split(',').next().unwrap();
        (u64::from_str_radix(cookie, 16).unwrap(), line.trim_start().to_owned())
    });
    lines.collect()
}

#[test]
fn whatever_a_switch_holds_is_read_as_it_is_printed() {
    const BATCH: usize = 500;
    let bench = Bench::new();
    let options: Vec<String> =
        (0..64).map(|n| format!("{{class=0xffff,type={n},len=4}}->tun_metadata{n}")).collect();
    bench.ovs.ofctl(&["add-tlv-map", "br0", &options.join(",")]);
    let mut conn = Conn::dial(&bench.ovs.mgmt("br0"));
    let seed = u8::try_from(number("PORTCULLIS_SEED", 0) % 256).unwrap();
    let config = Config { max_local_rejects: u32::MAX, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    portcullis_tests::write_for_installed();
    let strategy = flow_model::testing::held();
    let (mut taken, mut same, mut wrong) = (0, 0, Vec::new());
    let total = number("PORTCULLIS_RANDOM", 1000);
    for start in (0..total).step_by(BATCH) {
        let delete =
            FlowMod { command: FlowModCommand::Delete, table_id: TableId::ALL, ..FlowMod::default() };
        conn.send(&Message::FlowMod(delete));
        for n in start..total.min(start + BATCH) {
            let flow = fitting(strategy.new_tree(&mut runner).unwrap().current(), n as u64 + 1);
            conn.send(&Message::FlowMod(flow.to_flow_mod(FlowModCommand::Add)));
        }
        conn.barrier();
        conn.errors();
        let theirs = dumped(&bench);
        for flow in held(&mut conn) {
            taken += 1;
            let text = print_flow(&flow, &NoNames);
            match parse_flow(&text, &NoNames) {
                Err(error) => wrong.push(format!("{text}\nrefused: {error}")),
                Ok(again) if bytes(&again) != bytes(&flow) => wrong.push(format!(
                    "{text}\nread as {}\nholds   {:?} {:?}\nread    {:?} {:?}",
                    print_flow(&again, &NoNames),
                    flow.matches,
                    flow.instructions,
                    again.matches,
                    again.instructions
                )),
                Ok(again) => assert_eq!(again, flow),
            }
            let matched = print_match(&flow.matches, &NoNames);
            match parse_request(&matched, &NoNames) {
                Ok((request, _)) if request.fields == flow.matches.to_wire() => {}
                Ok((request, _)) => wrong.push(format!("MATCH {matched}\nread as {:?}", request.fields)),
                Err(error) => wrong.push(format!("MATCH {matched}\nrefused: {error}")),
            }
            // The text is that of ovs-ofctl, but where that says less than the switch holds.
            let theirs = &theirs[&flow.cookie.0];
            let complete = parse_flow(theirs, &NoNames).is_ok_and(|read| bytes(&read) == bytes(&flow));
            same += usize::from(*theirs == text);
            if complete && *theirs != text {
                wrong.push(format!("ours   {text}\ntheirs {theirs}"));
            }
        }
        assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n\n"));
    }
    println!("{taken} of {total} taken, {same} of them printed as by ovs-ofctl");
    assert!(taken > total / 3 && same > taken / 3, "{taken} of {total}, {same} the same");
}
