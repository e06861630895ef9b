//! A hundred thousand flows.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::{Bench, steady};

const FLOWS: u32 = 100_000;
/// What the whole process may use: the flows alone are more than that on the wire.
const MEMORY: &str = "--as=67108864";

#[test]
fn a_large_dump_is_whole_and_needs_no_memory() {
    let bench = Bench::new();
    let mut flows = String::new();
    for i in 0..FLOWS {
        let (table, priority, port) = (i % 4, 100 + i % 50, i % 4 + 1);
        let _ = writeln!(
            flows,
            "table={table},priority={priority},cookie={i},tcp,nw_src=10.{}.{}.{},tp_dst={},in_port={port} \
             actions=load:{i}->NXM_NX_REG0[],output:{port},resubmit(,7)",
            i >> 16,
            i >> 8 & 255,
            i & 255,
            i % 60_000 + 1
        );
    }
    bench.add("br0", "many", &flows);

    for (theirs, ours) in [
        (&["--names", "dump-flows", "br0"][..], &["dump-flows", "br0"][..]),
        // Each part of the reply has a line of its own.
        (&["--no-names", "dump-flows", "br0"], &["dump-flows", "--no-names", "br0"]),
        (&["--names", "--rsort=tcp_dst", "dump-flows", "br0"], &["dump-flows", "--rsort=tcp_dst", "br0"]),
    ] {
        let (theirs, ours) = (steady(&bench.ovs.ofctl(theirs)), steady(&bench.ours(ours)));
        assert!(theirs.lines().count() >= FLOWS as usize);
        let differing = theirs.lines().zip(ours.lines()).find(|(a, b)| a != b);
        assert_eq!(differing, None);
        assert_eq!(theirs.len(), ours.len());
    }

    let wire = bench.ovs.ofctl(&["--no-names", "dump-flows", "br0"]).matches("OFPST_FLOW").count() * 65_000;
    assert!(wire > 10_000_000, "{wire} bytes of replies");
    let limited = std::process::Command::new("prlimit")
        .arg(MEMORY)
        .arg(portcullis_tests::binary())
        .args(["dump-flows", "br0"])
        .env("OVS_RUNDIR", bench.ovs.rundir())
        .output()
        .unwrap();
    assert!(limited.status.success(), "{}", String::from_utf8_lossy(&limited.stderr));
    assert_eq!(limited.stdout.iter().filter(|b| **b == b'\n').count(), FLOWS as usize);

    // A reader that has seen enough.
    for arguments in [
        &["dump-flows", "br0"][..],
        &["dump-flows", "br0", "--json"],
        &["dump-flows", "br0", "--sort"],
        &["diff-flows", "br0", "/dev/null"],
    ] {
        let mut child =
            bench.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}
