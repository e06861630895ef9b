//! Engines of decision diagrams, compared on what a proof about the flows of a network does.
//!
//! Each measurement runs in a process of its own, which reports its time and its peak memory. The
//! largest file takes long, so it is measured only where an argument names it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that fails has no numbers")]

mod biodivine;
mod encoding;
mod engine;
mod own;
mod oxidd;
mod workload;

use std::fs;
use std::process::Command;

use flows::verify::bridge_flows::compiled;
use portcullis_benches::proof_files::{ProofFile, proof_files, ring};

use crate::biodivine::Biodivine;
use crate::own::Own;
use crate::oxidd::{Complement, Oxidd, Plain};
use crate::workload::{Outcome, bridge};

/// Measures an engine on a file.
type Measurement = fn(&ProofFile) -> Report;

/// The engines, by name.
const ENGINES: [(&str, Measurement); 4] = [
    ("own", measure::<Own>),
    ("oxidd-bdd", measure::<Oxidd<Plain>>),
    ("oxidd-bcdd", measure::<Oxidd<Complement>>),
    ("biodivine", measure::<Biodivine>),
];

/// The number of processes per measurement. The fastest counts, since other work only delays.
const RUNS: usize = 3;
/// The file that is measured on demand.
const LARGE: &str = "8x1250";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["child", engine, file] = *words {
        let run = ENGINES.iter().find(|(name, _)| *name == engine).unwrap().1;
        println!("{}", run(&proof_files().into_iter().find(|f| f.name == file).unwrap()).line());
        return;
    }
    if words.contains(&"--test") {
        smoke();
        return;
    }
    let filter = words.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
    println!(
        "| file | engine | unions | walks | learned | all | peak memory | nodes |\n|---|---|---|---|---|---|---|---|"
    );
    for file in proof_files() {
        let mut fingerprints = Vec::new();
        for (engine, _) in ENGINES {
            let name = format!("diagrams/{}/{engine}", file.name);
            if name.contains(filter) && (file.name != LARGE || filter.contains(LARGE)) {
                let runs = (0..RUNS).map(|_| Report::of_child(engine, file.name));
                let best = runs.min_by(|a, b| a.all().total_cmp(&b.all())).unwrap();
                println!("{}", best.row(file.name, engine));
                fingerprints.push((best.sets, best.steps, best.fingerprint));
            }
        }
        fingerprints.dedup();
        assert!(fingerprints.len() < 2, "the engines differ: {fingerprints:?}");
    }
}

/// Compares the engines on a small file.
fn smoke() {
    let file = ProofFile { name: "small", text: ring(4, 8) };
    let [first, others @ ..] = ENGINES.map(|(_, run)| run(&file));
    assert!(first.sets > 100 && first.steps > 1_000, "{} sets, {} steps", first.sets, first.steps);
    for other in others {
        assert_eq!(
            (other.sets, other.steps, other.fingerprint),
            (first.sets, first.steps, first.fingerprint)
        );
    }
}

/// Measures an engine on a file, in this process.
fn measure<E: engine::Measured>(file: &ProofFile) -> Report {
    let parsed = file.parsed().unwrap();
    let bridges = compiled(&parsed);
    // The peak of the compiler is not the engine's.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = kilobytes("VmRSS");
    let mut outcome = Outcome::default();
    for flows in &bridges {
        bridge::<E>(&flows.flows, &mut outcome);
    }
    Report {
        times: [outcome.unions, outcome.walks, outcome.learned].map(|time| time.as_secs_f64()),
        kilobytes: kilobytes("VmHWM").saturating_sub(before),
        nodes: outcome.nodes,
        sets: outcome.sets,
        steps: outcome.steps,
        fingerprint: outcome.fingerprint,
    }
}

/// Returns a line of this process's status.
fn kilobytes(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The report of a process.
struct Report {
    /// Seconds for unions, walks and learned flows.
    times: [f64; 3],
    /// Peak memory beyond that of the flows.
    kilobytes: u64,
    nodes: usize,
    sets: usize,
    steps: usize,
    fingerprint: u64,
}

impl Report {
    fn of_child(engine: &str, file: &str) -> Self {
        let output = Command::new(std::env::current_exe().unwrap()).args(["child", engine, file]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{engine} on {file}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        let [unions, walks, learned, kilobytes, nodes, sets, steps, fingerprint] = *words else {
            unreachable!("a report of a child");
        };
        Self {
            times: [unions, walks, learned].map(|time| time.parse().unwrap()),
            kilobytes: kilobytes.parse().unwrap(),
            nodes: nodes.parse().unwrap(),
            sets: sets.parse().unwrap(),
            steps: steps.parse().unwrap(),
            fingerprint: fingerprint.parse().unwrap(),
        }
    }

    fn line(&self) -> String {
        let [unions, walks, learned] = self.times;
        let Self { kilobytes, nodes, sets, steps, fingerprint, .. } = self;
        format!("{unions} {walks} {learned} {kilobytes} {nodes} {sets} {steps} {fingerprint}")
    }

    fn all(&self) -> f64 {
        self.times.iter().sum()
    }

    fn row(&self, file: &str, engine: &str) -> String {
        let [unions, walks, learned] = self.times;
        let megabytes = self.kilobytes / 1024;
        let nodes = if self.nodes == 0 { String::new() } else { self.nodes.to_string() };
        format!(
            "| {file} | {engine} | {unions:.3} s | {walks:.3} s | {learned:.3} s | {:.3} s | {megabytes} MB | {nodes} |",
            self.all()
        )
    }
}
