//! What a restart, a crash and others' hands leave of containers.

use lab::HOST;
use nix::sys::signal::Signal;
use portcullis_tests::{Ages, Running};

use super::stage::{Namespace, ask, create, delete, reaches, services, start, text, traces};

fn state(net: &Running, name: &str) -> String {
    let list = ask(net, "GET", "/api/containers", None);
    let found = list.body["containers"].as_array().unwrap().iter().find(|c| c["name"] == name).cloned();
    found.map_or_else(String::new, |c| text(&c["state"]).to_owned())
}

#[test]
fn a_restart_keeps_containers_and_touches_no_flow() {
    let mut net = start();
    let home = Namespace::new(&net, "kept");
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, Some(&home)).status, 201);
    let (before, ages) = (traces(&net), Ages::of(&net, &["vmbr0", "vmbr1"]));
    net.kill_controller();
    assert!(reaches(&net, "client", &home, "10.0.0.101:9001"), "without a controller");
    net.start_controller();
    assert_eq!(traces(&net), before);
    let touched = Ages::of(&net, &["vmbr0", "vmbr1"]).touched_since(&ages);
    assert_eq!(touched, Vec::<String>::new());
    assert_eq!(state(&net, "tor-relay"), "in-force");
    assert_eq!(services(&net, "privacy"), ["tor-relay tor-relay 10.0.0.101:9001"]);
    assert!(reaches(&net, "client", &home, "10.0.0.101:9001"));
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, None).status, 409);
    assert_eq!(create(&net, "second", "privacy", 80, None).body["id"].as_u64(), Some(102));
    assert_eq!(delete(&net, "tor-relay").status, 200);
}

#[test]
fn the_file_read_again_keeps_containers() {
    let net = start();
    let home = Namespace::new(&net, "read");
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, Some(&home)).status, 201);
    let text = super::stage::FILE.to_owned()
        + "[endpoint.more]\nattach = [{ network = \"privacy\", port = \"m0\", addresses = [\"10.0.0.12\"] }]\n";
    net.reload(&text);
    net.wait_for("the new file to be in force", || {
        let missing = net.bridge("vmbr0")?["missing_ports"].to_string();
        missing.contains("m0").then_some(())
    });
    assert!(reaches(&net, "client", &home, "10.0.0.101:9001"));
    // A file that has no place for it is not taken.
    net.reload(&text.replace("10.0.0.12", "10.0.0.101"));
    net.wait_for("the file to be refused", || {
        let refused = net.status()?["refused"].to_string();
        (refused.contains("tor-relay") && refused.contains("10.0.0.101")).then_some(())
    });
    assert!(reaches(&net, "client", &home, "10.0.0.101:9001"));
}

#[test]
fn a_port_that_vanished_is_reported_and_the_container_can_still_be_deleted() {
    let mut net = start();
    let before = traces(&net);
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, None).status, 201);
    net.kill_controller();
    net.lab.vsctl(&["del-port", "vmbr0", "veth101"]).unwrap();
    assert!(net.lab.exec(HOST, &["ip", "link", "del", "veth101"]).unwrap().status.success());
    net.start_controller();
    assert_eq!(state(&net, "tor-relay"), "missing-port");
    assert!(net.bridge("vmbr0").unwrap()["missing_ports"].to_string().contains("veth101"));
    assert_eq!(
        net.lab.vsctl(&["list-ports", "vmbr0"]).unwrap().matches("veth101").count(),
        0,
        "not made again"
    );
    assert_eq!(delete(&net, "tor-relay").status, 200);
    assert_eq!(traces(&net), before);
}

#[test]
fn what_a_crash_left_half_made_is_undone_at_the_next_start() {
    let mut net = start();
    let before = traces(&net);
    // Open vSwitch does not answer, so the container is half made: a row and devices, perhaps a port in the database.
    let pid = std::fs::read_to_string(net.lab.rundir().join("ovs-vswitchd.pid")).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().unwrap());
    nix::sys::signal::kill(pid, Signal::SIGSTOP).unwrap();
    std::thread::scope(|scope| {
        let body = r#"{"name": "tor-relay", "network": "privacy"}"#;
        let api = net.lab.control();
        let asking = scope.spawn(move || {
            portcullis::api_client::request(&api, "POST", "/api/containers/create", Some(body), None)
        });
        net.wait_for("the devices", || {
            net.lab.exec(HOST, &["ip", "link", "show", "veth101"]).unwrap().status.success().then_some(())
        });
        net.kill_controller();
        assert!(asking.join().unwrap().is_err(), "nobody answered");
    });
    nix::sys::signal::kill(pid, Signal::SIGCONT).unwrap();
    net.start_controller();
    net.wait_for("all to be as before", || (traces(&net) == before).then_some(()));
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, None).body["id"].as_u64(), Some(101));
}

#[test]
fn a_bridge_that_is_not_connected_gets_the_flows_when_it_is() {
    let net = start();
    let home = Namespace::new(&net, "later");
    // The flows stay: only the connection goes.
    net.lab.vsctl(&["set", "controller", "vmbr0", "target=\"tcp:127.0.0.1:1\""]).unwrap();
    net.wait_for("the session to end", || (net.bridge("vmbr0")?["connected"] == false).then_some(()));
    let made = create(&net, "tor-relay", "privacy", 9001, Some(&home));
    assert_eq!((made.status, made.body["pending"].as_bool()), (201, Some(true)), "{made:?}");
    assert_eq!(state(&net, "tor-relay"), "pending");
    assert!(!reaches(&net, "client", &home, "10.0.0.101:9001"));
    net.lab.vsctl(&["set", "controller", "vmbr0", "target=\"tcp:127.0.0.1:6653\""]).unwrap();
    net.wait_for("the flows", || (state(&net, "tor-relay") == "in-force").then_some(()));
    // The client may be in the middle of asking in vain who has the address.
    net.wait_for("a connection", || reaches(&net, "client", &home, "10.0.0.101:9001").then_some(()));
}

#[test]
fn a_container_without_a_place_is_set_aside_at_the_start_and_comes_back() {
    let mut net = start();
    let home = Namespace::new(&net, "aside");
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, Some(&home)).status, 201);
    assert_eq!(create(&net, "prometheus", "management", 9090, None).status, 201);
    net.kill_controller();
    // An endpoint of the file has the container's address now.
    let taken = "[endpoint.more]\nattach = [{ network = \"privacy\", port = \"m0\", addresses = [\"10.0.0.101\"] }]\n";
    std::fs::write(&net.path, super::stage::FILE.to_owned() + taken).unwrap();
    net.start_controller();
    assert_eq!(
        (state(&net, "tor-relay"), state(&net, "prometheus")),
        ("set-aside".into(), "in-force".into())
    );
    assert!(
        net.controller.output().contains("container tor-relay is not in force"),
        "{}",
        net.controller.output()
    );
    assert!(!reaches(&net, "client", &home, "10.0.0.101:9001"), "its port is quarantined");
    assert_eq!(services(&net, "privacy"), Vec::<String>::new());
    // A rule of the file says that nobody may do what the container's clients may: it is set aside as well.
    let never = "[[never]]\nname = \"quiet\"\nfrom = [\"client\"]\nto = [\"privacy\"]\n";
    net.kill_controller();
    std::fs::write(&net.path, super::stage::FILE.to_owned() + never).unwrap();
    net.start_controller();
    assert_eq!(state(&net, "tor-relay"), "set-aside");

    net.reload(super::stage::FILE);
    net.wait_for("it to be back", || (state(&net, "tor-relay") == "in-force").then_some(()));
    net.wait_for("a connection", || reaches(&net, "client", &home, "10.0.0.101:9001").then_some(()));
}
