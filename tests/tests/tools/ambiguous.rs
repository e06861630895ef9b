//! Ports whose names are the same on the wire, which has room for 15 bytes.

use super::{Bench, steady};

const NAME: &str = "patch-br0_node-";

fn bench() -> Bench {
    let bench = Bench::new();
    for name in ["patch-br0_node-worker", "patch-br0_node-EVIL"] {
        let set = ["--", "set", "interface", name, "type=patch", "options:peer=nowhere"];
        bench.ovs.vsctl(&[&["add-port", "br0", name][..], &set].concat());
    }
    let number = |name: &str| bench.ovs.vsctl(&["get", "interface", name, "ofport"]).trim().to_owned();
    let (worker, evil) = (number("patch-br0_node-worker"), number("patch-br0_node-EVIL"));
    bench.add(
        "br0",
        "flows.txt",
        &format!("in_port={worker},actions=output:{evil}\nin_port=1,actions={worker},LOCAL\n"),
    );
    bench
}

#[test]
fn they_are_written_by_their_numbers() {
    let bench = bench();
    for verb in ["dump-flows", "show", "dump-ports", "dump-ports-desc"] {
        bench.same(&["--names", verb, "br0"], &[verb, "br0"]);
    }
    assert!(!bench.ours(&["dump-flows", "br0"]).contains(NAME));
    // A bridge's own port has a name like any other.
    for words in [["dump-flows", "br0", "in_port=br0"], ["dump-ports", "br0", "br0"]] {
        bench.same(&[&["--names"][..], &words].concat(), &words);
    }
    assert_eq!(steady(&bench.ours(&["diff-flows", "flows.txt", "br0"])), "");
}

#[test]
fn their_name_stands_for_none_of_them() {
    let bench = bench();
    let file = bench.ovs.rundir().join("named.txt");
    std::fs::write(file, format!("actions=output:\"{NAME}\"\n")).unwrap();
    for words in [
        &["dump-flows", "br0", "in_port=patch-br0_node-"][..],
        &["dump-flows", "br0", "out_port=\"patch-br0_node-\""],
        &["dump-aggregate", "br0", "in_port=patch-br0_node-"],
        &["dump-ports", "br0", NAME],
        &["diff-flows", "named.txt", "br0"],
    ] {
        let mut theirs = std::process::Command::new("ovs-ofctl");
        theirs.args(["-O", "OpenFlow13", "--names"]).args(words);
        let theirs = theirs.env("OVS_RUNDIR", bench.ovs.rundir()).current_dir(bench.ovs.rundir()).output();
        assert!(!theirs.unwrap().status.success(), "ovs-ofctl {words:?}");
        let ours = bench.output(words);
        let said = String::from_utf8_lossy(&ours.stderr).into_owned();
        assert_eq!(ours.status.code(), Some(1), "{words:?}: {said}");
        let said = said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(said.contains("several ports have the name"), "{words:?}: {said}");
        assert!(said.contains("the port's number"), "{words:?}: {said}");
    }
}
