//! `portcullis compile`: what it prints, installed by hand, is what the controller installs.

use ofproto::PortNo;
use portcullis::policy::Policy;
use portcullis_tests::running::network_file;
use portcullis_tests::traffic::{ping_now, tcp};
use portcullis_tests::{PrivateOvs, Running};

use super::{BRIDGES, INTERNET, portcullis, shipped};

#[test]
fn what_it_prints_is_what_the_controller_installs() {
    let net = Running::dual_socket();
    let policy = Policy::load(&network_file("dual-socket.toml")).unwrap();
    let file = shipped("dual-socket.toml");
    // Port numbers are in registers, where no name can stand: the lab's ports get those that `compile` assumes.
    for bridge in BRIDGES {
        let numbered =
            || policy.assumed_ports(bridge).into_iter().filter(|(_, number)| *number != PortNo::LOCAL);
        numbered().for_each(|(port, _)| net.lab.del_port(bridge, &port).unwrap());
        for (port, number) in numbered() {
            net.lab.add_port(bridge, &port, Some(number.0.try_into().unwrap())).unwrap();
            assert_eq!(net.ofport(&port), number.0);
        }
    }
    net.settle();

    let ovs = PrivateOvs::new();
    let all = portcullis(&["compile", &file]);
    assert_eq!((all.code, &*all.err), (Some(0), ""));
    let mut flows = Vec::new();
    for bridge in BRIDGES {
        ovs.add_bridge(bridge);
        for (port, number) in policy.assumed_ports(bridge) {
            if number != PortNo::LOCAL {
                let request = format!("ofport_request={}", number.0);
                ovs.vsctl(&[
                    "add-port",
                    bridge,
                    &port,
                    "--",
                    "set",
                    "interface",
                    &port,
                    "type=internal",
                    &request,
                ]);
            }
        }
        let text = section(&all.out, bridge);
        let path = ovs.rundir().join(format!("{bridge}.flows"));
        std::fs::write(&path, &text).unwrap();
        ovs.ofctl(&["--names", "--bundle", "add-flows", bridge, path.to_str().unwrap()]);
        let by_hand = dump(&ovs, bridge);
        let installed = by_hand.len();
        let printed = text.lines().filter(|l| !l.starts_with('#')).count();
        assert_eq!(installed, printed, "{bridge}: two of the flows are one");
        assert!(text.starts_with(&format!("# bridge {bridge}: {printed} flows\n")), "{text}");
        net.wait_for_flows(bridge, &by_hand);
        flows.push(text);
    }
    assert_eq!(portcullis(&["compile", &file, "mesh-mgmt"]).out, section(&all.out, "mesh-mgmt"));

    // In place of the controller they do what they say.
    net.kill_controller();
    for bridge in BRIDGES {
        net.lab.ofctl(&["del-flows", bridge]).unwrap();
    }
    assert!(!ping_now(&net.lab, "xray", INTERNET));
    for (bridge, text) in BRIDGES.iter().zip(&flows) {
        let path = net.lab.rundir().join(format!("{bridge}.flows"));
        std::fs::write(&path, text).unwrap();
        net.lab.ofctl(&["--names", "--bundle", "add-flows", bridge, path.to_str().unwrap()]).unwrap();
    }
    assert!(tcp(&net.lab, "nm-privacy", "internet", &format!("{INTERNET}:443")));
    assert!(!ping_now(&net.lab, "internet", "10.0.0.102"));
}

/// What is printed for one bridge.
fn section(all: &str, bridge: &str) -> String {
    let start = all.find(&format!("# bridge {bridge}: ")).expect("the bridge");
    let end = all[start + 1..].find("# bridge ").map_or(all.len(), |i| start + 1 + i);
    all[start..end].to_owned()
}

fn dump(ovs: &PrivateOvs, bridge: &str) -> Vec<String> {
    let text = ovs.ofctl(&["--names", "--no-stats", "dump-flows", bridge]);
    let mut flows: Vec<String> = text.lines().map(|l| l.trim().to_owned()).collect();
    flows.sort();
    flows
}

#[test]
fn a_bridge_that_the_file_says_nothing_about_is_an_error() {
    let ended = portcullis(&["compile", &shipped("dual-socket.toml"), "vmbr7"]);
    assert_eq!((ended.code, &*ended.out), (Some(1), ""));
    assert!(ended.err.contains("vmbr7"), "{}", ended.err);
    assert!(BRIDGES.iter().all(|b| ended.err.contains(b)), "{}", ended.err);
}
