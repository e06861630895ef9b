//! The compiler against an oracle that reads the network file alone, and what else it promises.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use flows::compile::{OriginKind, PortMap, Program, TimeContext, compile, layout};
use flows::network::NetworkFile;
use flows::{Flow, FlowMatch};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};
use proptest::prelude::*;

use crate::support::packets::{self, Choices, probe};
use crate::support::{Compiled, DUAL_SOCKET, MIXED, SHIPPED, file, open_windows, ports, random};

/// All bridges of all files, compiled once, with windows closed and open.
static BRIDGES: LazyLock<Vec<(Compiled, Choices)>> = LazyLock::new(|| {
    let texts = SHIPPED.iter().map(|(_, text)| *text).chain(std::iter::repeat_n(MIXED, 3));
    let all = texts.flat_map(Compiled::all);
    all.map(|on| {
        let choices = Choices::new(&on.file, &on.bridge);
        (on, choices)
    })
    .collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_pipeline_does_what_the_file_says(bridge in any::<prop::sample::Index>(), probe in probe()) {
        let (on, choices) = bridge.get(&BRIDGES);
        packets::agree(on, choices, &probe);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(300), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Lists that overlap, rules in any order, everything beside everything.
    #[test]
    fn so_does_that_of_any_file(
        plan in prop_oneof![2 => random::plan(), 1 => random::symmetrical()],
        probes in prop::collection::vec((any::<prop::sample::Index>(), probe()), 1..200),
    ) {
        let Some(text) = plan.text() else { return Ok(()) };
        let bridges = Compiled::all(&text);
        let choices: Vec<Choices> = bridges.iter().map(|on| Choices::new(&on.file, &on.bridge)).collect();
        for (bridge, probe) in probes {
            let n = bridge.index(bridges.len());
            packets::agree(&bridges[n], &choices[n], &probe);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2_000), ..ProptestConfig::default() })]

    /// Lists here and there, rules both ways: what cannot meet in a table is no contradiction, and what can has an order.
    #[test]
    fn no_file_without_raw_lines_is_refused(plan in random::symmetrical()) {
        let Some(text) = plan.text() else { return Ok(()) };
        let errors = flows::verify::check::check(&file(&text)).findings.into_iter().filter(|found| found.is_error());
        prop_assert_eq!(errors.collect::<Vec<_>>(), vec![], "{}", text);
    }
}

proptest! {
    /// So counters are one flow's, what leads back to the file is unambiguous, and no learner takes what another taught.
    #[test]
    fn no_two_flows_of_a_bridge_have_one_cookie(plan in prop_oneof![random::plan(), random::symmetrical()]) {
        let Some(text) = plan.text() else { return Ok(()) };
        for on in Compiled::all(&text) {
            let mut keys = HashMap::new();
            for flow in on.program.flows() {
                let other = keys.insert(flow.cookie, flow.key());
                prop_assert!(other.is_none_or(|other| other == flow.key()), "{}: {:#?}\n{}", on.bridge, flow, text);
            }
        }
    }

    /// A flow that a rule has wherever it stands in the file has the same cookie wherever it stands.
    #[test]
    fn cookies_do_not_depend_on_the_order_of_rules(plan in random::plan(), turn in any::<prop::sample::Index>()) {
        let Some(text) = plan.text() else { return Ok(()) };
        let first = file(&text);
        let mut second = first.clone();
        second.allows.reverse();
        let turn = turn.index(second.allows.len().max(1));
        second.allows.rotate_left(turn);
        for bridge in first.bridges.iter().filter(|bridge| flows::compile::owns(&first, &bridge.name)) {
            let program = |file: &NetworkFile| {
                compile(file, &bridge.name, &ports(file, &bridge.name), &open_windows(file))
            };
            let (first, second) = (program(&first), program(&second));
            // Where two lists want one bit of a register, the first rule's gets it, and a match means another list then.
            if marks(&first) != marks(&second) {
                continue;
            }
            let second = cookies(&second);
            for (flow, cookie) in cookies(&first) {
                let other = *second.get(&flow).unwrap_or(&cookie);
                prop_assert_eq!(cookie, other, "{}: {:#?}\n{}", bridge.name, flow, text);
            }
        }
    }
}

/// What a flow is, but for its cookie: its table, its match and what it does; and whose it is.
type Known = (TableId, FlowMatch, Vec<String>, bool, OriginKind, String);

fn cookies(program: &Program) -> HashMap<Known, Cookie> {
    let known = |flow: &Flow| {
        let origin = program.origin(flow.cookie).unwrap();
        // Beside one that lasts, another may stand for as long as a window is open.
        let ends = flow.hard_timeout > 0;
        (flow.table, flow.matches.clone(), does(flow), ends, origin.kind, origin.rule.clone())
    };
    program.flows().map(|flow| (known(flow), flow.cookie)).collect()
}

/// What a flow does, but for what its cookie is a part of. By which of two exits a packet leaves, the first rule says.
fn does(flow: &Flow) -> Vec<String> {
    let plain = |action: &&Action| !matches!(action, Action::Learn(_) | Action::Ct(_));
    flow.actions().filter(plain).map(|action| format!("{action:?}")).collect()
}

/// What admission and the lookup of destinations mark packets with.
fn marks(program: &Program) -> BTreeSet<(String, Vec<String>)> {
    let marking =
        program.flows().filter(|flow| [layout::ADMISSION, layout::DESTINATION].contains(&flow.table));
    marking.map(|flow| (format!("{:?}", flow.matches), does(flow))).collect()
}

/// Random files are worth something: most of them are whole, and things pass in them.
#[test]
fn most_random_files_are_files() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let plan = random::plan();
    let texts = (0..200).filter_map(|_| plan.new_tree(&mut runner).unwrap().current().text());
    let files: Vec<_> = texts.map(|text| file(&text)).collect();
    assert!(files.len() > 100, "{} of 200", files.len());
    for word in ["via", "temp", "dhcp", "vlan", "conntrack", "leased", "outside"] {
        let has = |f: &&flows::network::NetworkFile| match word {
            "via" => f.allows.iter().any(|a| a.via.is_some()),
            "temp" => f.allows.iter().any(|a| a.temp.is_some()),
            "dhcp" => f.allows.iter().any(|a| a.protocol == flows::network::Protocol::Dhcp),
            "vlan" => f.networks.iter().any(|n| n.vlan.is_some()),
            "conntrack" => f.networks.iter().any(|n| n.stateful == flows::network::Stateful::Conntrack),
            "leased" => f.endpoints.iter().flat_map(|e| &e.attachments).any(|a| a.leased),
            _ => !f.outsides.is_empty(),
        };
        assert!(files.iter().filter(has).count() > 10, "{word}");
    }
}

fn program(text: &str, bridge: &str) -> Program {
    let file = file(text);
    compile(&file, bridge, &ports(&file, bridge), &TimeContext::default())
}

#[test]
fn every_flow_has_a_cookie_of_its_own_that_leads_back_to_the_file() {
    for (text, bridge) in [
        (DUAL_SOCKET, "vmbr0"),
        (DUAL_SOCKET, "vmbr1"),
        (DUAL_SOCKET, "mesh-privacy"),
        (MIXED, "br0"),
        (MIXED, "br1"),
    ] {
        let program = program(text, bridge);
        let cookies: BTreeSet<_> = program.flows().map(|f| f.cookie).collect();
        assert_eq!(cookies.len(), program.flows().count(), "{bridge}");
        assert!(program.flows().all(|f| program.origin(f.cookie).is_some()));
        let keys: BTreeSet<_> = program.flows().map(|f| f.key()).collect();
        assert_eq!(keys.len(), program.flows().count(), "{bridge}: two flows with one key");
    }
}

#[test]
fn every_rule_has_flows() {
    let program = program(DUAL_SOCKET, "vmbr0");
    let rules: BTreeSet<_> = program
        .origins()
        .filter(|(_, o)| o.kind == OriginKind::Allow)
        .map(|(_, o)| o.rule.as_str())
        .collect();
    assert_eq!(rules, BTreeSet::from(["warp-egress", "vpn-clients"]));
}

#[test]
fn flows_that_overlap_at_one_priority_do_the_same() {
    // Where one flow asks for a port and another for the bit of a list that this port is not in, they overlap in form
    // alone: MIXED has such ones, and the interpreter judges them by its packets (`Compiled::outs`).
    for (text, bridge) in
        [(DUAL_SOCKET, "vmbr0"), (DUAL_SOCKET, "vmbr1"), (DUAL_SOCKET, "mesh-mgmt"), (MIXED, "br1")]
    {
        let flows = program(text, bridge).into_whole().0;
        for (i, a) in flows.iter().enumerate() {
            for b in &flows[i + 1..] {
                let clash = a.table == b.table
                    && a.priority == b.priority
                    && a.matches.overlaps(&b.matches)
                    && a.instructions != b.instructions;
                assert!(!clash, "{bridge}: {a:#?}\n{b:#?}");
            }
        }
    }
}

#[test]
fn a_missing_port_is_named_by_nothing() {
    let file = file(DUAL_SOCKET);
    let all = ports(&file, "vmbr0");
    let mut fewer = all.clone();
    let warp = fewer.remove("warp0").unwrap();
    let program = compile(&file, "vmbr0", &fewer, &TimeContext::default());
    assert_eq!(program.missing_ports, BTreeSet::from(["warp0".to_owned()]));
    for flow in program.flows() {
        assert_ne!(flow.matches.exact(Field::InPortOxm), Some(warp.0.into()));
        assert!(!flow.instructions.iter().any(|i| names_port(i, warp)), "{flow:#?}");
    }
    // Without WARP the file's own drops are all still there.
    let drops = |p: &Program| {
        p.flows()
            .filter(|f| f.table != layout::DESTINATION)
            .filter(|f| f.instructions.is_empty() && f.matches.exact(Field::InPortOxm).is_none())
            .count()
    };
    assert_eq!(drops(&program), drops(&compile(&file, "vmbr0", &all, &TimeContext::default())));
}

fn names_port(instruction: &Instruction, port: PortNo) -> bool {
    let Instruction::ApplyActions(actions) = instruction else { return false };
    actions.iter().any(|a| match a {
        Action::Output { port: p, .. } => *p == port,
        Action::Load { dst, value } => dst.field == Field::Reg1 && *value == u64::from(port.0),
        Action::Learn(learn) => format!("{learn:?}").contains(&format!("Immediate({})", port.0)),
        _ => false,
    })
}

#[test]
fn a_port_with_another_number_keeps_its_cookies() {
    let file = file(DUAL_SOCKET);
    let mut ports = ports(&file, "vmbr0");
    let cookies = |p: &PortMap| {
        compile(&file, "vmbr0", p, &TimeContext::default()).flows().map(|f| f.cookie).collect::<BTreeSet<_>>()
    };
    let before = cookies(&ports);
    ports.insert("warp0".to_owned(), PortNo(77));
    assert_eq!(before, cookies(&ports));
}

#[test]
fn every_learner_has_a_bound_and_takes_its_flows_along() {
    let program = program(DUAL_SOCKET, "vmbr0");
    let mut learners = 0;
    for flow in program.flows() {
        for instruction in &flow.instructions {
            let Instruction::ApplyActions(actions) = instruction else { continue };
            for action in actions {
                let Action::Learn(learn) = action else { continue };
                learners += 1;
                // Flows for errors and fragments have a priority of their own for each learner, so that none is shared.
                assert!(learn.table == layout::RELATED || learn.priority == layout::RETURN_PRIORITY);
                // These tables evict; who has no limit has the room of a table.
                let bounded = [layout::RETURNS, layout::RELATED, layout::VISITORS];
                assert!(bounded.contains(&learn.table));
                assert_eq!(learn.cookie, flow.cookie);
                assert!(learn.hard_timeout > 0);
                assert_eq!(
                    learn.flags & ofproto::action::LEARN_DELETE_LEARNED,
                    ofproto::action::LEARN_DELETE_LEARNED
                );
            }
        }
    }
    assert!(learners > 10);
}

#[test]
fn of_two_rules_that_grant_the_same_the_first_does_it() {
    let more = "[[allow]]\nname = \"tcp-too\"\nfrom = \"gateway\"\nto = \"warp\"\nprotocol = \"tcp\"\n";
    let text = format!("{DUAL_SOCKET}\n{more}");
    assert_eq!(program(&text, "vmbr0").into_whole().0, program(DUAL_SOCKET, "vmbr0").into_whole().0);
    assert_eq!(flows::verify::check::check(&file(&text)).findings.iter().filter(|f| f.is_error()).count(), 0);
}
