//! Proofs: from the flows of a network file to the verdicts on its assertions.
#![allow(clippy::unwrap_used, reason = "a benchmark of what is not decided measures nothing")]

use criterion::Criterion;
use flows::network::NetworkFile;
use flows::verify::bridge_flows;
use flows::verify::proof::{Budget, prove_installed};
use portcullis_benches::proof_files::proof_files;

/// The shipped files that assert something.
const SHIPPED: [(&str, &str); 4] = [
    ("dual-socket", include_str!("../../flows/networks/dual-socket.toml")),
    ("comm-matrix", include_str!("../../flows/networks/comm-matrix.toml")),
    ("phoenix", include_str!("../../flows/networks/phoenix.toml")),
    ("swarm", include_str!("../../flows/networks/swarm.toml")),
];

fn main() {
    let mut c = Criterion::default().configure_from_args();
    let mut group = c.benchmark_group("proof");
    group.sample_size(10);
    let shipped = SHIPPED.map(|(name, text)| (name, flows::network::parse(text, name).unwrap().0));
    let [bridges, ..] = proof_files();
    let all = shipped.into_iter().chain([(bridges.name, bridges.parsed().unwrap())]);
    for (name, file) in all.collect::<Vec<(&str, NetworkFile)>>() {
        let compiled = bridge_flows::compiled(&file);
        group.bench_function(name, |b| {
            b.iter(|| {
                let report = prove_installed(&file, &compiled, Budget::default());
                assert_eq!(report.counts(), [report.results.len(), 0, 0]);
                report
            });
        });
    }
    group.finish();
    c.final_summary();
}
