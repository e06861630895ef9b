//! Two ports of a bridge whose names are the same on the wire, which has room for 15 bytes.

use std::process::Command;

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::running::binary;
use portcullis_tests::traffic::{ping, ping_now};

/// The port of `worker` has a name as long as the wire takes; that of another node is cut to the same.
const FILE: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.0.0.0/24"]
inside = "allow"
[endpoint.worker]
attach = [{ network = "lan", port = "patch-br0_node-", addresses = ["10.0.0.1"] }]
[endpoint.other]
attach = [{ network = "lan", port = "b0", addresses = ["10.0.0.2"] }]
[bridge.br0]
flows = ["table=0,priority=60000,in_port=\"patch-br0_node-\",dl_type=0x88b5 actions=output:b0"]
"#;
const NAME: &str = "patch-br0_node-";
const EVIL: &str = "patch-br0_node-EVIL";

/// Flows of the bridge that name a port by its number.
fn at(net: &Running, port: u32) -> usize {
    let text = net.lab.ofctl(&["--no-names", "dump-flows", "br0"]).unwrap();
    let matches = |line: &&str| {
        let ports = [format!("in_port={port}"), format!("output:{port}")];
        line.split([',', ' ']).any(|word| ports.iter().any(|p| p == word))
    };
    text.lines().filter(matches).count()
}

fn status(net: &Running) -> (Option<i32>, String) {
    let output = Command::new(binary()).args(["status", "--api", &net.api().to_string()]).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_name_that_two_ports_share_gives_neither_the_rights() {
    let net = Running::start(FILE, LabOptions::default());
    assert!(ping(&net.lab, "other", "10.0.0.1") && ping(&net.lab, "worker", "10.0.0.2"));
    let worker = net.ofport(NAME);
    assert!(at(&net, worker) > 0 && status(&net).0 == Some(0));
    let ambiguous = |wanted: f64| net.metric("portcullis_ambiguous_ports{bridge=\"br0\"}") == wanted;
    assert!(ambiguous(0.0) && net.metrics().contains("portcullis_ambiguous_ports{bridge=\"br0\"} 0"));

    let peer = ["--", "set", "interface", EVIL, "type=patch", "options:peer=nowhere"];
    net.lab.vsctl(&[&["add-port", "br0", EVIL][..], &peer].concat()).unwrap();
    net.wait_for("nobody to have the rights", || {
        (ambiguous(1.0) && net.bridge("br0").is_some_and(|b| b["settled"] == true)).then_some(())
    });
    let evil = net.ofport(EVIL);
    assert!(evil > worker);
    assert_eq!((at(&net, worker), at(&net, evil)), (0, 0), "{:#?}", net.flows("br0"));
    assert!(!ping_now(&net.lab, "other", "10.0.0.1") && !ping_now(&net.lab, "worker", "10.0.0.2"));
    let (code, text) = status(&net);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("but for AMBIGUOUS PORTS") && text.contains(&format!(": {NAME}: several")),
        "{text}"
    );
    assert!(!text.contains("ports not there"), "{text}");
    let said = net.controller.output();
    let line = said.lines().find(|line| line.contains("several ports have a name")).unwrap_or_default();
    assert!(line.contains("WARN") && line.contains(NAME), "{said}");

    // A controller that finds both when it connects sees the same.
    net.kill_controller();
    let mut net = net;
    net.start_controller();
    assert_eq!((at(&net, worker), at(&net, evil)), (0, 0), "{:#?}", net.flows("br0"));
    assert_eq!(net.bridge("br0").unwrap()["ambiguous_ports"][0], NAME);

    // Whoever is left has the name for himself.
    net.lab.vsctl(&["del-port", "br0", EVIL]).unwrap();
    net.wait_for("the rights", || (at(&net, worker) > 0).then_some(()));
    assert!(ping(&net.lab, "other", "10.0.0.1") && ping(&net.lab, "worker", "10.0.0.2"));
    net.wait_for("all to be well", || (status(&net).0 == Some(0)).then_some(()));
    net.lab.vsctl(&[&["add-port", "br0", EVIL][..], &peer].concat()).unwrap();
    net.wait_for("nobody to have the rights", || (at(&net, worker) == 0).then_some(()));
    net.lab.vsctl(&["del-port", "br0", NAME]).unwrap();
    let evil = net.ofport(EVIL);
    net.wait_for("the rights of the other", || (at(&net, evil) > 0).then_some(()));
}
