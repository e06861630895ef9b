//! What the proof says of installed flows is what packets do.

use std::process::{Command, Output};

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::frames::{Ear, emit};
use portcullis_tests::running::binary;
use portcullis_tests::traffic::tcp;
use serde_json::Value;

use super::INTERNET;

const THREE: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.0.0.0/24"]
[endpoint.a]
attach = [{ network = "lan", port = "a0", addresses = ["10.0.0.1"] }]
[endpoint.b]
attach = [{ network = "lan", port = "b0", addresses = ["10.0.0.2"] }]
[endpoint.c]
attach = [{ network = "lan", port = "c0", addresses = ["10.0.0.3"] }]
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
purpose = "a conversation"
[[never]]
name = "c-is-silent"
from = ["c"]
to = ["a", "b"]
[[always]]
name = "a-asks-b"
from = ["a"]
to = ["b"]
protocol = "tcp"
ports = [80]
"#;

/// A flow that nobody asked for, by which `c` reaches `b`.
const LEAK: &str = "priority=65500,udp,in_port=c0,nw_src=10.0.0.3,tp_dst=9573,actions=output:b0";

/// Runs `portcullis verify` with the bridges of this lab.
fn verify(net: &Running, words: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("verify").args(words).env("OVS_RUNDIR", net.lab.rundir()).output().unwrap()
}

/// Returns the exit code and the standard output.
fn said(output: &Output) -> (i32, String) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(!text.is_empty(), "{output:?}");
    (output.status.code().unwrap(), text)
}

/// Returns the number of a port in the datapath.
fn datapath_port(net: &Running, port: &str) -> u32 {
    let shown = net.lab.appctl(&["dpif/show"]).unwrap();
    let of_port = |line: &str| {
        let (name, numbers) = line.trim().split_once(' ')?;
        let (_, number) = numbers.split(':').next().filter(|_| name == port)?.split_once('/')?;
        number.parse().ok()
    };
    shown.lines().find_map(of_port).unwrap_or_else(|| panic!("{port}: {shown}"))
}

/// Returns the frame of a packet in the words of a trace.
fn composed(packet: &str) -> Vec<u8> {
    let output = Command::new("ovs-ofctl").args(["compose-packet", packet]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let bytes =
        text.lines().filter_map(|line| line.split_once("  ")).flat_map(|(_, bytes)| bytes.split([' ', '-']));
    let frame: Vec<u8> = bytes.filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    assert!(frame.len() > 14, "{packet}: {text} {}", String::from_utf8_lossy(&output.stderr));
    frame
}

/// Writes the dumps of all bridges, and returns the words that name them.
fn dumps(net: &Running) -> Vec<String> {
    let dir = net.path.parent().unwrap();
    let bridges = net.file.bridges.iter().map(|bridge| {
        let text = net.lab.ofctl(&["--names", "dump-flows", &bridge.name]).unwrap();
        let path = dir.join(format!("{}.txt", bridge.name));
        std::fs::write(&path, text).unwrap();
        format!("--flows={}={}", bridge.name, path.display())
    });
    bridges.collect()
}

/// Verifies the dumps of all bridges.
fn of_dumps(net: &Running) -> (i32, String) {
    let dumps = dumps(net);
    let words: Vec<&str> =
        std::iter::once(net.path.to_str().unwrap()).chain(dumps.iter().map(String::as_str)).collect();
    said(&verify(net, &words))
}

/// The learned and the foreign flows of a bridge, as `verify --json` counts them.
fn counted(report: &Value, bridge: &str) -> (u64, u64) {
    let bridge = report["bridges"].as_array().unwrap().iter().find(|b| b["name"] == bridge).unwrap();
    (bridge["learned"].as_u64().unwrap(), bridge["foreign"].as_u64().unwrap())
}

#[test]
fn a_network_in_use_holds() {
    let net = Running::dual_socket();
    assert!(tcp(&net.lab, "gateway", "internet", &format!("{INTERNET}:443")));
    let file = net.path.to_str().unwrap();
    let (code, text) = said(&verify(&net, &[file]));
    assert_eq!(code, 0, "{text}");
    for line in ["never privacy-reaches-management: holds\n", "confine kill-switch: holds\n"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("neither of the file"), "{text}");
    let report: Value = serde_json::from_slice(&verify(&net, &[file, "--json"]).stdout).unwrap();
    let (learned, foreign) = counted(&report, "vmbr0");
    assert!(learned > 0 && foreign == 0, "{report:#}");
    // A dump gives the same verdicts.
    let (code, dumped) = of_dumps(&net);
    assert_eq!(code, 0, "{dumped}");
    let verdicts = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.contains("holds")).map(str::to_owned).collect()
    };
    assert_eq!(verdicts(&dumped), verdicts(&text));
    assert!(!dumped.contains("neither of the file"), "{dumped}");
    // A bridge that nobody read leaves all of it open.
    let target = format!("--bridge=vmbr0=unix:{}", net.lab.rundir().join("vmbr0.mgmt").display());
    let (code, text) = said(&verify(&net, &[file, &target]));
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("unknown: the flows of vmbr1, mesh-privacy, mesh-mgmt are not known"), "{text}");
    assert!(!text.contains("holds"), "{text}");
}

#[test]
fn a_flow_by_hand_that_leaks_is_shown_with_a_packet_that_arrives() {
    let net = Running::start(THREE, LabOptions::default());
    assert!(tcp(&net.lab, "a", "b", "10.0.0.2:80"));
    let file = net.path.to_str().unwrap();
    assert_eq!(said(&verify(&net, &[file])).0, 0);
    // Nobody puts back what is changed now.
    net.kill_controller();
    net.lab.ofctl(&["add-flow", "br0", LEAK]).unwrap();
    let (code, text) = said(&verify(&net, &[file]));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("never c-is-silent: violated, 1 witnesses\n"), "{text}");
    assert!(text.contains("always a-asks-b: holds\n"), "{text}");
    assert!(text.contains("(not of the file: priority=65500,udp,in_port=c0,"), "{text}");
    assert!(text.contains("br0: ") && text.contains("1 are neither of the file nor learned"), "{text}");

    // The command under the witness shows the same.
    let trace = text.lines().find_map(|line| line.trim().strip_prefix("ovs-appctl ")).unwrap();
    let (words, packet) = trace.split_once(" '").unwrap();
    let packet = packet.strip_suffix('\'').unwrap();
    let words: Vec<&str> = words.split(' ').chain([packet]).collect();
    let shown = net.lab.appctl(&words).unwrap();
    let arrives = format!("Datapath actions: {}", datapath_port(&net, "b0"));
    assert!(shown.contains(&arrives), "{arrives}: {shown}");

    // And the packet itself arrives.
    let report: Value = serde_json::from_slice(&verify(&net, &[file, "--json"]).stdout).unwrap();
    let hop = &report["assertions"][0]["witnesses"][0]["hops"][0];
    assert_eq!((hop["in_port"].as_str(), hop["out_port"].as_str()), (Some("c0"), Some("b0")), "{report:#}");
    assert_eq!(hop["packet"], packet);
    let frame = composed(packet);
    let ear = Ear::open(&net.lab, "b");
    emit(&net.lab, "c", std::slice::from_ref(&frame));
    ear.until(|heard| heard.get(..frame.len()) == Some(&frame));

    // A dump gives the same verdict; with the numbers of its ports, too.
    let (code, dumped) = of_dumps(&net);
    assert_eq!(code, 1, "{dumped}");
    assert!(dumped.contains("never c-is-silent: violated, 1 witnesses\n"), "{dumped}");
    let dump = net.lab.ofctl(&["--no-names", "dump-flows", "br0"]).unwrap();
    let path = net.path.parent().unwrap().join("numbers.txt");
    std::fs::write(&path, dump).unwrap();
    let flows = format!("--flows=br0={}", path.display());
    let refused = verify(&net, &[file, &flows]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--ports br0="), "{refused:?}");
    let numbers = ["a0", "b0", "c0"].map(|port| format!("{port}:{}", net.ofport(port)));
    let ports = format!("--ports=br0={}", numbers.join(","));
    let (code, numbered) = said(&verify(&net, &[file, &flows, &ports]));
    assert_eq!((code, numbered.lines().next()), (1, text.lines().next()));
}

/// Runs a command of the binary against the controller's API.
fn asked(net: &Running, command: &str) -> (i32, String) {
    let api = net.api().to_string();
    said(&Command::new(binary()).args([command, "--api", &api]).output().unwrap())
}

#[test]
fn a_running_controller_proves_what_is_installed() {
    let net = Running::start(THREE, LabOptions::default());
    let holds = || net.metric("portcullis_never_holds{never=\"c-is-silent\"}");
    let is = |wanted: f64| {
        let text = net.metrics();
        (text.contains("portcullis_never_holds{") && holds() == wanted).then_some(())
    };
    net.wait_for("the proof", || is(1.0));
    assert_eq!(net.metric("portcullis_always_holds{always=\"a-asks-b\"}"), 1.0);
    assert!(net.metrics().contains("portcullis_proof_age_seconds "));
    let (code, text) = asked(&net, "verify");
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("never c-is-silent: holds\nalways a-asks-b: holds\nbr0: "), "{text}");
    let (code, text) = asked(&net, "status");
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("assertions on the installed flows: 2 hold, 0 violated, 0 unknown; proven "),
        "{text}"
    );

    // Nobody knows what a bridge does that has no session.
    net.lab.vsctl(&["del-controller", "br0"]).unwrap();
    net.wait_for("the doubt", || is(-1.0));
    let (code, text) = asked(&net, "verify");
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("never c-is-silent: unknown: the flows of br0 are not known\n"), "{text}");
}
