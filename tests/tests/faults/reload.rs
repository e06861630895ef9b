//! The network file changes, for better or worse.

use std::process::Command;
use std::time::Duration;

use portcullis_tests::running::{binary, network_file};
use portcullis_tests::traffic::{ping, tcp, tcp_now};
use portcullis_tests::{Ages, Pinger, Running};

use super::{BRIDGES, INTERNET, file};

const RULE: &str = "\n[[allow]]\nname = \"proxy\"\nfrom = \"gateway\"\nto = \"xray\"\nprotocol = \"tcp\"\nports = [443]\npurpose = \"test\"\n";

/// The shipped file with a mistake in it, and the mistake's line.
fn broken() -> (String, usize) {
    let text = file().replace(
        "[endpoint.xray]\nattach = [{ network = \"privacy\"",
        "[endpoint.xray]\nattach = [{ network = \"privcy\"",
    );
    let line = text.lines().position(|l| l.contains("privcy")).expect("the mistake") + 1;
    (text, line)
}

#[test]
fn a_file_with_an_error_is_not_started_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("network.toml");
    let (text, line) = broken();
    std::fs::write(&path, text).unwrap();
    let api = format!("unix:{}", dir.path().join("api.sock").display());
    let state = dir.path().join("state");
    let state = state.to_str().unwrap();
    // Where it does start, it would run for ever.
    let output = Command::new("timeout")
        .args(["20", binary().to_str().unwrap(), "run", path.to_str().unwrap()])
        .args(["--listen", "tcp:127.0.0.1:0", "--metrics", &api, "--state", state])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let place = format!("{}:{line}:", path.display());
    let finding = said.lines().find(|l| l.starts_with(&place)).unwrap_or_else(|| panic!("{place}: {said}"));
    assert!(finding.contains("error[") && finding.contains("privcy"), "{finding}");
    assert!(said.contains("\n  help: "), "no remedy: {said}");
    assert!(!dir.path().join("api.sock").exists(), "it was started");

    let missing =
        Command::new(binary()).args(["run", "/no/such/network.toml", "--state", state]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/network.toml"));
}

fn reloads(net: &Running, outcome: &str) -> f64 {
    net.metric(&format!("portcullis_reloads_total{{outcome=\"{outcome}\"}}"))
}

fn flow_mods(net: &Running, bridge: &str) -> f64 {
    net.metric(&format!("portcullis_flow_mods_total{{bridge=\"{bridge}\"}}"))
}

/// Commits of a bridge so far.
fn commits(net: &Running, bridge: &str) -> usize {
    let bridge = format!("bridge=\"{bridge}\"");
    net.controller.output().lines().filter(|l| l.contains("flows changed") && l.contains(&bridge)).count()
}

#[test]
fn a_reload_changes_what_differs_and_one_with_an_error_nothing() {
    let net = Running::dual_socket();
    net.lab
        .vsctl(&[
            "add-br",
            "other",
            "--",
            "set",
            "bridge",
            "other",
            "datapath_type=netdev",
            "protocols=OpenFlow13",
            "fail_mode=secure",
            "other-config:disable-in-band=true",
        ])
        .unwrap();
    net.lab.vsctl(&["set-controller", "other", "tcp:127.0.0.1:6653"]).unwrap();
    net.wait_for("the bridge that the file does not name", || {
        let said = net.controller.output();
        said.lines().any(|l| l.contains("bridge=\"other\"") && l.contains("left alone")).then_some(())
    });
    for flow in [
        "cookie=0x5,priority=7,ip,actions=normal",
        "table=1,priority=110,actions=drop",
        "priority=0,actions=flood",
    ] {
        net.lab.ofctl(&["add-flow", "other", flow]).unwrap();
    }
    net.lab.ofctl(&["add-group", "other", "group_id=7,type=all,bucket=output:LOCAL"]).unwrap();
    let bridges = [BRIDGES.as_slice(), &["other"]].concat();
    let pinger = Pinger::start(&net.lab, "nm-privacy", INTERNET);
    let before = Ages::of(&net, &bridges);
    assert_eq!(before.on("other", |_| true).count(), 3);

    // With an error: what was in force stays in force, and it is said why and where.
    let (text, line) = broken();
    net.reload(&text);
    net.wait_for("the file to be refused", || (reloads(&net, "refused") == 1.0).then_some(()));
    let said = net.controller.output();
    let place = format!("{}:{line}:", net.path.display());
    assert!(said.contains(&place), "{place}: {said}");
    assert!(said.contains("stays in force"), "{said}");
    let shown = net.status().unwrap();
    assert!(shown.to_string().contains(&place), "the status does not say {place}: {shown:#}");
    let status = |expected: i32| {
        let api = net.api().to_string();
        let output = Command::new(binary()).args(["status", "--api", &api]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(expected), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    assert!(status(1).contains(&place));
    // The file that was refused must not come into force by way of a port that comes or goes either.
    net.lab.del_port("vmbr0", "veth102").unwrap();
    net.wait_for("the port to be missed", || {
        net.bridge("vmbr0")
            .filter(|b| b["missing_ports"].to_string().contains("veth102") && b["settled"] == true)
    });
    net.lab.add_port("vmbr0", "veth102", Some(net_free_port())).unwrap();
    net.wait_for("the port to be found", || {
        net.bridge("vmbr0").filter(|b| b["missing_ports"] == serde_json::json!([]) && b["settled"] == true)
    });
    assert!(ping(&net.lab, "xray", INTERNET));

    // With one rule more: that rule's flows, in one bundle, and nothing else.
    let before_good = Ages::of(&net, &bridges);
    let counts = |net: &Running| BRIDGES.map(|b| (flow_mods(net, b), commits(net, b)));
    let sent = counts(&net);
    assert!(!tcp_now(&net.lab, "gateway", "xray", "10.0.0.102:443"));
    let snoop = net.lab.spawn("host", &["ovs-ofctl", "-O", "OpenFlow13", "snoop", "vmbr0"]).unwrap();
    net.wait_for("a look at the wire", || (!snoop.output().is_empty()).then_some(()));
    net.reload(&format!("{}{RULE}", file()));
    net.wait_for("the rule", || tcp(&net.lab, "gateway", "xray", "10.0.0.102:443").then_some(()));
    let after = Ages::of(&net, &bridges);
    // Whose neighbours are others now has another list of them.
    let touched = after.touched_since(&before_good);
    let lists: Vec<_> = touched
        .iter()
        .filter(|t| t.contains("gone: ") && t.contains("table=3, ") && t.contains("reg1=0x2"))
        .collect();
    let announced = touched.iter().filter(|t| t.contains("gone: ") && t.contains("priority=52001,")).count();
    assert_eq!(lists.len() + announced, touched.len(), "{touched:#?}");
    let new: Vec<_> = after
        .flows
        .keys()
        .filter(|k| !before_good.flows.contains_key(*k) && !super::is_learned(&k.1))
        .collect();
    assert!(!new.is_empty() && new.iter().all(|(b, _)| b == "vmbr0"), "{new:#?}");
    let now = counts(&net);
    // A list that has other ports now is changed, one that nobody has any more is deleted.
    let number =
        |flow: &str| flow.split("reg1=").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    let kept =
        |list: &str| new.iter().any(|(_, flow)| flow.contains("table=3, ") && number(flow) == number(list));
    let changes = new.len() + lists.iter().filter(|list| !kept(list)).count();
    let changed = changes as f64;
    assert_eq!(now[0], (sent[0].0 + changed, sent[0].1 + 1), "vmbr0: one bundle of {changed}");
    assert_eq!(now[1..], sent[1..], "the other bridges");
    // In a bundle, and nothing beside it: ovs-ofctl prints the changes of a bundle once more by themselves.
    let seen = |what: &str| snoop.output().lines().filter(|l| l.starts_with(what)).count();
    net.wait_for("the commit on the wire", || snoop.output().contains("COMMIT_REPLY").then_some(()));
    for what in ["ONFT_BUNDLE_ADD_MESSAGE", "OFPT_FLOW_MOD"] {
        assert_eq!(seen(what), changes, "{what}: {}", snoop.output());
    }
    assert_eq!(snoop.output().matches("COMMIT_REQUEST").count(), 1, "{}", snoop.output());
    snoop.stop();
    assert!(!status(0).contains(&place));

    // The same file again: nothing.
    net.reload(&format!("{}{RULE}", file()));
    net.wait_for("the file to be read again", || (reloads(&net, "ok") == 2.0).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(counts(&net), now);

    // What is no bridge of the file was left alone all the while.
    let end = Ages::of(&net, &["other"]);
    assert_eq!(end.touched_since(&before.only("other")), Vec::<String>::new());
    assert_eq!(end.flows.len(), 3);
    assert!(net.lab.ofctl(&["dump-groups", "other"]).unwrap().contains("group_id=7"));
    let pinged = pinger.end();
    assert_eq!(pinged.lost, Vec::<u32>::new(), "of {}", pinged.sent);
}

/// A port number that nobody has.
fn net_free_port() -> u16 {
    90
}

/// The shipped file itself has no error: what is refused above is the mistake.
#[test]
fn the_shipped_file_is_good() {
    let path = network_file("dual-socket.toml");
    let output =
        Command::new(binary()).args(["check", "--no-audit", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
