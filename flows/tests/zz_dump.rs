#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
mod support;
mod verdict;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use flows::compile::compile;
use support::{MIXED, PANTHEON, SHIPPED, file, open_windows, ports, random, NOW};
use flows::compile::Moment;
use proptest::strategy::{Strategy as _, ValueTree as _};

fn dump(out: &mut String, name: &str, text: &str) {
    let file = file(text);
    for bridge in &file.bridges {
        let all = ports(&file, &bridge.name);
        let mut fewer = all.clone();
        let gone: Vec<String> = all.keys().enumerate().filter(|(n, _)| n % 3 == 1).map(|(_, k)| k.clone()).collect();
        gone.iter().for_each(|k| { fewer.remove(k); });
        for ports in [&all, &fewer] {
            for moment in [Moment { now: NOW, ..Default::default() }, open_windows(&file)] {
                let program = compile(&file, &bridge.name, ports, &moment);
                let mut lines: Vec<String> = flows_of(&program);
                lines.sort();
                let mut h = std::hash::DefaultHasher::new();
                lines.hash(&mut h);
                let _ = writeln!(out, "{name} {} {} {:x}", bridge.name, lines.len(), h.finish());
            }
        }
    }
}
fn flows_of(program: &flows::compile::Program) -> Vec<String> {
    let mut l: Vec<String> = program.flows().map(|f| format!("{f:?}")).collect();
    l.extend(program.clone().into_whole().1.iter().map(|o| format!("{o:?}")));
    l.push(format!("{:?}", program.missing_ports));
    l
}
#[test]
fn dump_all() {
    let mut out = String::new();
    for (name, text) in SHIPPED { dump(&mut out, name, text); }
    dump(&mut out, "mixed", MIXED);
    dump(&mut out, "verbatim", include_str!("../networks/dual-socket-verbatim.toml"));
    dump(&mut out, "pantheon-256", &PANTHEON.replace("instances = \"1-3\"", "instances = \"0-255\""));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let plan = random::plan();
    for n in 0..2000 {
        if let Some(text) = plan.new_tree(&mut runner).unwrap().current().text() {
            dump(&mut out, &format!("random{n}"), &text);
        }
    }
    std::fs::write(std::env::var("DUMP").unwrap(), out).unwrap();
}
