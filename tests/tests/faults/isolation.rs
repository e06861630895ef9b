//! Settings of a bridge that let packets past its flows.

use std::process::Command;

use portcullis_tests::Running;
use portcullis_tests::running::binary;

use super::must;

/// How `portcullis status` ends, and what it prints.
fn status(net: &Running) -> (Option<i32>, String) {
    let output = Command::new(binary()).args(["status", "--api", &net.api().to_string()]).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn settings_that_break_isolation_are_shown_everywhere() {
    let net = Running::dual_socket();
    let kinds = [
        ("vmbr0", "not-secure"),
        ("mesh-privacy", "in-band"),
        ("mesh-mgmt", "second-controller"),
        ("vmbr1", "vlan-port"),
    ];
    let shown = |wanted: f64| {
        kinds.iter().all(|(bridge, kind)| {
            net.metric(&format!("portcullis_isolation_fault{{bridge=\"{bridge}\",kind=\"{kind}\"}}"))
                == wanted
        })
    };
    net.wait_for("the first look", || net.metrics().contains("portcullis_isolation_fault{").then_some(()));
    assert!(shown(0.0), "{}", net.metrics());
    let (code, text) = status(&net);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("NOT ISOLATED"), "{text}");

    for words in [
        &["set", "bridge", "vmbr0", "fail_mode=standalone"][..],
        &[
            "remove",
            "bridge",
            "mesh-privacy",
            "other-config",
            "disable-in-band",
            "--",
            "clear",
            "controller",
            "mesh-privacy",
            "connection_mode",
        ],
        &["set-controller", "mesh-mgmt", "tcp:127.0.0.1:6653", "tcp:127.0.0.1:6654"],
        &["set", "port", "veth200", "tag=10"],
    ] {
        net.lab.vsctl(words).unwrap();
    }
    net.wait_for("the faults to be found", || shown(1.0).then_some(()));
    let (code, text) = status(&net);
    assert_eq!(code, Some(1), "{text}");
    let said = net.controller.output();
    for (bridge, kind) in kinds {
        // The bridge's paragraph, and the fault in it.
        let paragraph =
            text.split(&format!("\n{bridge}: ")).nth(1).unwrap_or_else(|| panic!("{bridge}: {text}"));
        let (head, rest) = paragraph.split_once('\n').unwrap();
        assert!(head.contains("NOT ISOLATED"), "{head}");
        assert!(rest.trim_start().starts_with(&format!("NOT ISOLATED ({kind})")), "{rest}");
        let line = format!("{bridge}: NOT ISOLATED ({kind})");
        assert!(said.contains(&line), "{line}: {said}");
        assert!(said.contains("ovs-vsctl"), "no remedy: {said}");
    }
    let json = net.bridge("vmbr0").unwrap();
    assert_eq!(json["isolated"], false, "{json:#}");
    assert_eq!(json["faults"][0]["kind"], "not-secure", "{json:#}");

    // Put right as the remedies say.
    for words in [
        &["set", "bridge", "vmbr0", "fail_mode=secure"][..],
        &["set", "bridge", "mesh-privacy", "other-config:disable-in-band=true"],
        &["set-controller", "mesh-mgmt", "tcp:127.0.0.1:6653"],
        &["clear", "port", "veth200", "tag"],
    ] {
        net.lab.vsctl(words).unwrap();
    }
    net.wait_for("all to be well again", || (shown(0.0) && status(&net).0 == Some(0)).then_some(()));
    assert!(!status(&net).1.contains("NOT ISOLATED"));
    let said = net.controller.output();
    for (bridge, _) in kinds {
        let again = said.lines().any(|l| l.contains("isolated again") && l.contains(bridge));
        assert!(again, "{bridge}: {said}");
    }
}

/// WireGuard is not to be had here; a tun device has no Ethernet either.
#[test]
fn an_exit_without_ethernet_is_shown_everywhere() {
    let net = Running::dual_socket();
    let sample = "portcullis_isolation_fault{bridge=\"vmbr0\",kind=\"not-ethernet\"}";
    net.wait_for("the first look", || net.metrics().contains(sample).then_some(()));
    assert_eq!(net.metric(sample), 0.0);
    must(&net, "host", &["ip", "link", "del", "warp0"]);
    must(&net, "host", &["ip", "tuntap", "add", "dev", "warp0", "mode", "tun"]);
    net.wait_for("the fault to be found", || (net.metric(sample) == 1.0).then_some(()));
    let (code, text) = status(&net);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("\n  NOT ISOLATED (not-ethernet): warp0 is no Ethernet device"), "{text}");
    assert!(text.contains("namespace that routes"), "no remedy: {text}");
    let said = net.controller.output();
    assert!(said.contains("vmbr0: NOT ISOLATED (not-ethernet): warp0 "), "{said}");

    must(&net, "host", &["ip", "link", "del", "warp0"]);
    must(&net, "host", &["ip", "link", "add", "warp0", "type", "veth", "peer", "name", "wire"]);
    net.wait_for("all to be well again", || (net.metric(sample) == 0.0).then_some(()));
    assert!(!status(&net).1.contains("NOT ISOLATED"), "{}", status(&net).1);
    let line = net.controller.output().lines().any(|l| l.contains("isolated again") && l.contains("vmbr0"));
    assert!(line, "{}", net.controller.output());
}
