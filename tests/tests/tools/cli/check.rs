//! `portcullis check`: what is wrong, in which file and line, and what to do.

use std::process::Command;

use portcullis_tests::running::{binary, network_file};
use portcullis_tests::{PrivateOvs, lines};

use super::{dual_socket_and, portcullis, portcullis_in, shipped, word, written};

/// The line, counted from 1, of the first that has these words.
fn line_of(text: &str, words: &str) -> usize {
    text.lines().position(|l| l.contains(words)).unwrap_or_else(|| panic!("{words}")) + 1
}

/// The finding of that code at that line, with its help.
fn finding<'a>(said: &'a str, file: &str, line: usize, code: &str) -> (&'a str, &'a str) {
    let begins = |l: &str| {
        let rest = l.strip_prefix(&format!("{file}:{line}:"));
        rest.is_some_and(|r| r.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(": "))
            && l.contains(&format!("[{code}]: "))
    };
    let at = said.lines().position(begins).unwrap_or_else(|| panic!("{code} at {file}:{line}: {said}"));
    let help = said.lines().nth(at + 1).and_then(|l| l.strip_prefix("  help: "));
    (said.lines().nth(at).unwrap(), help.unwrap_or_else(|| panic!("no help for {code}: {said}")))
}

#[test]
fn the_dual_socket_network_has_nothing_wrong() {
    let file = shipped("dual-socket.toml");
    let ended = portcullis(&["check", &file]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    // What is to be known all the same: numbers of containers that are taken.
    assert!(ended.err.contains(": note[container-numbers-taken]: "), "{}", ended.err);
    assert!(!ended.err.contains(": warning["), "{}", ended.err);
    let verdicts = [
        "never privacy-reaches-management: holds",
        "never management-reaches-privacy: holds",
        "always gateway-leaves: holds",
        "confine kill-switch: holds",
    ];
    assert!(ended.out.contains(&format!("\n{}\n", verdicts.join("\n"))), "{}", ended.out);
    assert!(ended.out.ends_with(&format!("{file}: no errors, 0 warnings\n")), "{}", ended.out);
}

#[test]
fn each_defect_of_the_documents_flows_is_named_with_its_line() {
    let file = shipped("dual-socket-verbatim.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let ended = portcullis(&["check", &file]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let learner = line_of(&text, "actions=learn(");
    let vpn = line_of(&text, "priority=100,udp,tp_dst=51820");
    for (line, code, message, help) in [
        (learner, "learned-table-unused", "no flow ever looks there", "resubmit(,1)"),
        (learner, "learn-wrong-direction", "what comes in from warp0", "on the way out"),
        (learner, "normal-as-isolation", "NORMAL", "rules"),
        (vpn, "overlap", "priority=100,in_port=veth100,", "higher priority"),
        (line_of(&text, "priority=90,in_port=from-mgmt,actions=normal"), "normal-as-isolation", "vmbr1", ""),
    ] {
        let (what, remedy) = finding(&ended.err, &file, line, code);
        assert!(what.contains("warning[") && what.contains(message), "{what}");
        assert!(remedy.contains(help), "{remedy}");
    }
    // NORMAL on each line that has it, in any case.
    let normals = text.lines().filter(|l| l.contains("priority=") && l.contains("normal\"")).count();
    let found = ended.err.lines().filter(|l| l.contains("[normal-as-isolation]")).count();
    assert_eq!((normals, found), (4, 4), "{}", ended.err);
    let warnings = ended.err.lines().filter(|l| l.contains(": warning[")).count();
    assert!(ended.out.ends_with(&format!("{file}: no errors, {warnings} warnings\n")), "{}", ended.out);
}

#[test]
fn a_port_that_the_bridge_does_not_have_is_an_error() {
    let file = shipped("dual-socket-health-check.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    for (line, _) in lines::HEALTH_CHECKS {
        assert!(text.contains(line), "the file has not the document's own line: {line}");
    }
    let ended = portcullis(&["check", &file]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let at = line_of(&text, "actions=output:to-privacy");
    let (what, help) = finding(&ended.err, &file, at, "unknown-port");
    assert!(what.contains("error[") && what.contains("vmbr0 has no port to-privacy"), "{what}");
    assert!(help.contains("from-privacy"), "{help}");
    // And so says Open vSwitch.
    let ovs = PrivateOvs::new();
    ovs.add_bridge("vmbr0");
    ovs.vsctl(&[
        "add-port",
        "vmbr0",
        "from-privacy",
        "--",
        "set",
        "interface",
        "from-privacy",
        "type=internal",
    ]);
    let refused = ovs.try_ofctl(&["--names", "add-flow", "vmbr0", lines::HEALTH_CHECKS[1].0]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("to-privacy"));
}

#[test]
fn an_error_is_named_with_file_line_and_remedy() {
    let text = std::fs::read_to_string(network_file("dual-socket.toml")).unwrap();
    for (right, wrong, words) in [
        ("to = [\"api\"]", "to = [\"apj\"]", "apj"),
        ("addresses = [\"10.1.0.200\"]", "addresses = [\"10.1.0.2000\"]", "10.1.0.2000"),
        ("protocol = \"udp\"", "protcol = \"udp\"", "protcol"),
        ("inside = \"deny\"", "inside = \"maybe\"", "maybe"),
    ] {
        let broken = text.replacen(right, wrong, 1);
        assert_ne!(broken, text, "{right}");
        let file = written(&broken);
        let ended = portcullis(&["check", word(&file)]);
        assert_eq!(ended.code, Some(1), "{wrong}: {}", ended.err);
        let place = format!("{}:{}:", word(&file), line_of(&broken, wrong));
        let at = ended.err.lines().position(|l| l.starts_with(&place));
        let at = at.unwrap_or_else(|| panic!("{place}: {}", ended.err));
        let mut rest = ended.err.lines().skip(at);
        let what = rest.next().unwrap();
        assert!(what.contains(": error[") && what.contains(words), "{what}");
        assert!(rest.next().is_some_and(|l| l.starts_with("  help: ")), "no remedy: {}", ended.err);
        assert!(!ended.out.contains("no errors"), "{}", ended.out);
    }
}

#[test]
fn no_toml_and_no_file_are_errors_too() {
    let file = written("[network.privacy\nbridge = \"vmbr0\"\n");
    let ended = portcullis(&["check", word(&file)]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.starts_with(&format!("{}:1:", word(&file))), "{}", ended.err);
    let ended = portcullis(&["check", "/no/such/file.toml"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("/no/such/file.toml") && ended.err.contains("No such file"), "{}", ended.err);
}

#[test]
fn the_witness_of_a_never_that_does_not_hold_is_printed() {
    // What xray sends goes to the host, which may forward it to vmbr1.
    let file =
        dual_socket_and("[bridge.vmbr0]\nflows = [\"priority=65500,in_port=veth102,actions=LOCAL\"]\n");
    let text = std::fs::read_to_string(file.path()).unwrap();
    let ended = portcullis(&["check", word(&file)]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let at = line_of(&text, "name = \"privacy-reaches-management\"");
    let (what, help) = finding(&ended.err, word(&file), at, "never-violated");
    assert!(what.contains("from veth102 of vmbr0") && what.contains("of vmbr1"), "{what}");
    assert!(!help.is_empty());
    // The packet, and its way: by which flow of which bridge, and by which rule.
    for words in [
        "\nvmbr0, in at veth102: in_port=",
        ",nw_src=10.1.0.1,nw_dst=10.1.0.",
        "(priority=65500,in_port=veth102 actions=LOCAL)",
        "\nvmbr1, in at LOCAL, forwarded by the host",
        "inside management: ",
        "\n  out at veth20",
    ] {
        assert!(ended.err.contains(words), "{words}: {}", ended.err);
    }

    let file = dual_socket_and("[[never]]\nname = \"xray-stays\"\nfrom = [\"xray\"]\nto = [\"warp\"]\n");
    let ended = portcullis(&["check", word(&file)]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("allow warp-egress: "), "the rule is not named: {}", ended.err);
}

#[test]
fn settings_of_bridges_are_warned_about() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("vmbr0");
    ovs.vsctl(&["set", "bridge", "vmbr0", "fail_mode=standalone"]);
    let file = shipped("dual-socket.toml");
    let ended = portcullis_in(ovs.rundir(), &["check", &file]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for fault in ["in-band", "not-secure"] {
        assert!(ended.err.contains(&format!("warning: vmbr0: NOT ISOLATED ({fault}): ")), "{}", ended.err);
    }
    assert!(ended.err.contains("ovs-vsctl set bridge vmbr0 fail_mode=secure"), "{}", ended.err);
    let without = portcullis_in(ovs.rundir(), &["check", "--no-audit", &file]).err;
    assert!(!without.contains("warning") && !without.contains("NOT ISOLATED"), "{without}");
    // By its database alone, as ovs-vsctl --db takes it.
    let db = format!("unix:{}", ovs.rundir().join("db.sock").display());
    assert!(portcullis(&["check", "--db", &db, &file]).err.contains("NOT ISOLATED (in-band)"));
}

#[test]
fn on_a_terminal_the_line_is_shown_too() {
    // script(1) gives it a terminal.
    let file = dual_socket_and("[[never]]\nname = \"xray-stays\"\nfrom = [\"xray\"]\nto = [\"nobody\"]\n");
    let command = format!("{} check {}", binary().display(), word(&file));
    let output = Command::new("script").args(["-qec", &command, "/dev/null"]).output();
    let Ok(output) = output else { return eprintln!("no script(1) here") };
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nobody") && said.contains("here") && said.contains("help"), "{said}");
    assert!(said.contains("to = ["), "the line itself: {said}");
}

#[test]
fn the_schema_is_printed() {
    let ended = portcullis(&["schema"]);
    assert_eq!((ended.code, &*ended.err), (Some(0), ""));
    let schema: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["crossing"].is_object());
    assert!(schema["$defs"]["allow"]["properties"]["via"].is_object());
}

#[test]
fn an_included_file_has_its_own_name_and_lines() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main.toml");
    std::fs::write(
        &main,
        "include = \"more.toml\"\n[network.a]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n",
    )
    .unwrap();
    std::fs::write(dir.path().join("more.toml"), "[exit.e]\n\nnetwork = \"aa\"\nport = \"e0\"\n").unwrap();
    let ended = portcullis(&["check", &main.display().to_string()]);
    let more = dir.path().join("more.toml").display().to_string();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let (what, help) = finding(&ended.err, &more, 3, "unknown-network");
    assert!(what.ends_with("there is no network `aa`") && help == "did you mean `a`?", "{}", ended.err);
}
