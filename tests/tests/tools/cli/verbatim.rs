//! `dual-socket-verbatim.toml`, run by the controller, is the document's flows as `ovs-ofctl` installs them.

use lab::LabOptions;
use portcullis_tests::running::network_file;
use portcullis_tests::traffic::ping_now;
use portcullis_tests::{PrivateOvs, Running, lines};

/// Each bridge of the document: its ports, and where its lines stand among the document's.
const BRIDGES: [(&str, &[&str], &[usize]); 4] = [
    ("mesh-privacy", &["nm-privacy", "to-privacy"], &[0, 1, 2]),
    ("mesh-mgmt", &["nm-mgmt", "to-mgmt"], &[3, 4, 2]),
    ("vmbr0", &["veth100", "veth102", "warp0", "from-privacy"], &[5, 6, 7, 8, 9, 10]),
    ("vmbr1", &["veth200", "veth201", "veth202", "from-mgmt"], &[11, 12, 13, 10]),
];

#[test]
fn it_gives_the_flows_that_ovs_ofctl_makes_of_the_document() {
    let text = std::fs::read_to_string(network_file("dual-socket-verbatim.toml")).unwrap();
    let net = Running::start(&text, LabOptions::default());
    let ovs = PrivateOvs::new();
    // Table 1 is what they learn, as soon as WARP's side says anything.
    let learned = |f: &String| f.split(" actions=").next().is_some_and(|head| head.contains("table=1,"));
    let mut compared = 0;
    for (bridge, ports, places) in BRIDGES {
        ovs.add_bridge(bridge);
        for port in ports {
            ovs.vsctl(&["add-port", bridge, port, "--", "set", "interface", port, "type=internal"]);
        }
        let own: Vec<&str> = places.iter().map(|n| lines::DOCUMENT[*n]).collect();
        let path = ovs.rundir().join("document.flows");
        std::fs::write(&path, own.join("\n")).unwrap();
        ovs.ofctl(&["--names", "add-flows", bridge, path.to_str().unwrap()]);
        let dump = ovs.ofctl(&["--names", "--no-stats", "dump-flows", bridge]);
        let mut theirs: Vec<String> = dump.lines().map(|l| l.trim().to_owned()).collect();
        theirs.sort();
        assert_eq!(theirs.len(), own.len(), "{bridge}");
        let mut ours = net.flows(bridge);
        ours.retain(|f| !learned(f) || bridge != "vmbr0");
        assert_eq!(ours, theirs, "{bridge}");
        compared += own.len();
    }
    assert_eq!(compared, 16);

    // What the document's flows learn is theirs to learn: no drift.
    let add = ["ip", "addr", "add", "10.0.0.1/24", "dev", "eth0"];
    assert!(net.lab.exec("warp", &add).unwrap().status.success());
    assert!(!ping_now(&net.lab, "warp", "10.0.0.100"), "nobody has that address");
    net.wait_for("something to be learned", || net.flows("vmbr0").iter().any(learned).then_some(()));
    let vmbr0 = || net.flows("vmbr0").into_iter().filter(learned).collect::<Vec<_>>();
    let before = vmbr0();
    // A flow by hand is drift: when that has been put back, the rest has been looked at.
    net.lab.ofctl(&["add-flow", "vmbr0", "priority=7,ip,actions=drop"]).unwrap();
    let drift = "portcullis_drift_repaired_total{bridge=\"vmbr0\"}";
    net.wait_for("the repair", || (net.metric(drift) > 0.0).then_some(()));
    assert_eq!(net.metric(drift), 1.0);
    assert_eq!(vmbr0(), before);
    assert!(!net.flows("vmbr0").iter().any(|f| f.contains("priority=7")));
}
