//! What two sets of flows differ in.

use std::collections::BTreeSet;

use portcullis_tests::network_file;

use super::Bench;
use super::dumps::name_tables;

const A: &str = "# a comment
actions=drop
table=1,actions=NORMAL
table=2,idle_timeout=6000,hard_timeout=5000,cookie=0x7,send_flow_rem,priority=3,tcp,tp_dst=80 actions=output:1

ip,in_port=LOCAL actions=LOCAL
ip actions=LOCAL # the next one replaces it
ip actions=drop
priority=9,in_port=1 actions=output:2,group:5
table=3 cookie=0x1 actions=resubmit(,5)
";
const B: &str =
    "table=2,idle_timeout=6100,hard_timeout=5000,cookie=0x7,priority=3,tcp,tp_dst=80 actions=output:1
table=1,actions=NORMAL
priority=9,send_flow_rem,in_port=1 actions=output:2,group:5
table=3 cookie=0x2 actions=resubmit(,5)
ip,in_port=LOCAL actions=NORMAL
";

#[test]
fn files_and_switches_in_every_pair() {
    let bench = Bench::new();
    bench.ovs.add_bridge("br1");
    let dir = bench.ovs.rundir();
    let files = [("a", A), ("b", B), ("none", "")];
    for (name, text) in files {
        std::fs::write(dir.join(format!("{name}.txt")), text).unwrap();
    }
    bench.add("br0", "b.txt", B);
    bench.ovs.ofctl(&["add-group", "br1", "group_id=5,type=all,bucket=actions=output:1"]);
    bench.add("br1", "a.txt", A);
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let sources = [path("a.txt"), path("b.txt"), path("none.txt"), "br0".to_owned(), "br1".to_owned()];
    let mut codes = BTreeSet::new();
    for a in &sources {
        for b in &sources {
            for option in ["--names", "--no-names"] {
                let theirs = bench.ovs.try_ofctl(&[option, "diff-flows", a, b]);
                let ours = bench.output(&["diff-flows", option, a, b]);
                assert_eq!(ours.status.code(), theirs.status.code(), "{a} {b}");
                codes.insert(ours.status.code());
                let [ours, theirs] = [ours, theirs].map(|output| String::from_utf8(output.stdout).unwrap());
                assert_eq!(ours, theirs, "{option} {a} {b}");
            }
        }
    }
    assert_eq!(codes, [Some(0), Some(2)].into());
    // A name of a port of the switch, whichever comes first.
    std::fs::write(dir.join("named.txt"), B.replace("in_port=1", "in_port=warp0")).unwrap();
    for pair in [["br0", "named.txt"], ["named.txt", "br0"]] {
        let output = bench.output(&[&["diff-flows"][..], &pair].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

/// The tables of a file have numbers, whatever the switch beside it calls them, and so has what is printed.
#[test]
fn names_of_tables_are_not_taken_and_not_printed() {
    let bench = Bench::new();
    name_tables(&bench);
    bench.add(
        "br0",
        "flows.txt",
        "table=2,ip actions=resubmit(,2),learn(table=2,in_port=1)\nudp actions=goto_table:2",
    );
    for (flow, code) in [
        ("table=2,tcp actions=drop", 2),
        ("table=mytab,tcp actions=drop", 1),
        ("tcp actions=resubmit(,mytab)", 1),
        ("tcp actions=goto_table:mytab", 1),
        ("tcp actions=ct(table=mytab)", 1),
        ("actions=learn(table=mytab,in_port=1)", 1),
    ] {
        std::fs::write(bench.ovs.rundir().join("flow.txt"), flow).unwrap();
        let path = bench.ovs.rundir().join("flow.txt");
        let file = path.to_str().unwrap();
        for [a, b] in [["br0", file], [file, "br0"]] {
            for option in ["--names", "--no-names"] {
                let theirs = bench.ovs.try_ofctl(&[option, "diff-flows", a, b]);
                let ours = bench.output(&["diff-flows", option, a, b]);
                assert_eq!(theirs.status.code(), Some(code), "{flow}");
                assert_eq!(ours.status.code(), Some(code), "{flow}");
                assert_eq!(ours.stdout, theirs.stdout, "{flow}");
            }
        }
    }
}

#[test]
fn a_network_file_is_compared_as_it_is_compiled() {
    let bench = Bench::new();
    let file = network_file("dual-socket.toml");
    let file = file.to_str().unwrap();
    let bridge = format!("{file}#vmbr0");
    bench.ovs.add_bridge("vmbr0");
    for (name, number) in [("veth100", 11), ("veth102", 12), ("warp0x", 13)] {
        let number = format!("ofport_request={number}");
        let set = ["--", "set", "interface", name, "type=internal", &number];
        bench.ovs.vsctl(&[&["add-port", "vmbr0", name][..], &set].concat());
    }
    // An empty switch lacks all.
    let output = bench.output(&["diff-flows", &bridge, "vmbr0"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.starts_with('-')), "{text}");
    assert!(text.contains("in_port=veth100"), "{text}");
    // Its lines without their signs are flows that can be added; then nothing is left to say.
    let flows: String = text
        .lines()
        .map(|line| {
            let (head, actions) = line[1..].split_once(" actions=").unwrap();
            format!("{} actions={actions}\n", head.replace(' ', ","))
        })
        .collect();
    std::fs::write(bench.ovs.rundir().join("flows.txt"), &flows).unwrap();
    let path = bench.ovs.rundir().join("flows.txt");
    bench.ovs.ofctl(&["--names", "add-flows", "vmbr0", path.to_str().unwrap()]);
    for pair in [[bridge.as_str(), "vmbr0"], ["vmbr0", file], ["flows.txt", "vmbr0"]] {
        let output = bench.output(&[&["diff-flows"][..], &pair].concat());
        assert_eq!(output.status.code(), Some(0), "{pair:?}: {output:?}");
    }
    // A foreign hand is seen.
    bench.ovs.ofctl(&["add-flow", "vmbr0", "priority=7,udp actions=drop"]);
    let output = bench.output(&["diff-flows", &bridge, "vmbr0"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "+priority=7,udp actions=drop\n");
    // Between two files the ports have the numbers of the file's order.
    let compiled = bench.ours(&["compile", file, "vmbr0"]);
    std::fs::write(bench.ovs.rundir().join("compiled.txt"), compiled).unwrap();
    assert_eq!(bench.ours(&["diff-flows", &bridge, "compiled.txt"]), "");
    // Which bridge?
    let output = bench.output(&["diff-flows", file, "compiled.txt"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("#BRIDGE"), "{output:?}");
}
