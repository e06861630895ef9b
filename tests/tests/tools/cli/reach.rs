//! `portcullis why`, `reach` and `diff-reach`: the permitted traffic by a network file alone.

use serde_json::Value;

use super::{dual_socket_and, portcullis, shipped, word, written};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn why_says_yes_no_and_by_which_line() {
    let file = shipped("dual-socket.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = text.lines().position(|line| line == "name = \"op-dbus-api\"").unwrap() + 1;
    let passes = portcullis(&["why", "management-mesh", "api", "tcp/9573", "--file", &file]);
    assert_eq!(passes.code, Some(0), "{}{}", passes.out, passes.err);
    assert!(passes.out.contains(": passes by allow op-dbus-api ("), "{}", passes.out);
    assert!(passes.out.contains(&format!("on vmbr1, table 2, {file}:{line}\n")), "{}", passes.out);
    assert!(passes.out.contains("\nanswers of api (10.1.0.201): passes "), "{}", passes.out);

    let denied = portcullis(&["why", "management-mesh", "api", "tcp/22", "--file", &file]);
    assert_eq!(denied.code, Some(1), "{}{}", denied.out, denied.err);
    assert!(denied.out.contains("    name = \"management-mesh-to-api-tcp-22\"\n"), "{}", denied.out);
    assert!(denied.out.contains("would open meanwhile:"), "{}", denied.out);

    let raw =
        dual_socket_and("[bridge.vmbr0]\nflows = [\"priority=65500,in_port=veth102,actions=normal\"]\n");
    let unknown = portcullis(&["why", "xray", "gateway", "tcp/22", "--file", word(&raw)]);
    assert_eq!(unknown.code, Some(3), "{}{}", unknown.out, unknown.err);
    assert!(unknown.out.contains("NORMAL"), "{}", unknown.out);
}

#[test]
fn why_prints_json() {
    let file = shipped("dual-socket.toml");
    let json = portcullis(&["why", "10.1.0.202", "10.0.0.102", "tcp/8080", "--json", "--file", &file]);
    assert_eq!(json.code, Some(0), "{}", json.err);
    let answer = parsed(&json.out);
    assert_eq!((&answer["verdict"], &answer["from"]["party"]), (&"passes".into(), &"monitoring".into()));
    assert_eq!((&answer["by"]["rule"], &answer["by"]["file"]), (&"privacy-health".into(), &file.into()));
    assert_eq!(parsed(&portcullis(&["schema", "why"]).out)["title"], "Answer of why");
}

#[test]
fn reach_lists_both_directions() {
    let file = shipped("dual-socket.toml");
    let from = portcullis(&["reach", "monitoring", "--file", &file]);
    assert_eq!(from.code, Some(0), "{}", from.err);
    let crossing = "monitoring  xray ";
    assert!(from.out.lines().any(|line| line.starts_with(crossing) && line.contains("8080")), "{}", from.out);
    assert!(from.out.contains("open only: privacy-health until 2031-12-31"), "{}", from.out);
    assert!(!from.out.contains("arp"), "{}", from.out);
    let to = portcullis(&["reach", "--to", "api", "--all", "--file", &file]);
    assert_eq!(to.code, Some(0), "{}", to.err);
    assert!(to.out.contains("arp") && to.out.contains("management-mesh  api"), "{}", to.out);
    let json = parsed(&portcullis(&["reach", "monitoring", "--json", "--file", &file]).out);
    assert_eq!(json["unknown"], Value::Array(Vec::new()));
    assert!(json["rows"].as_array().unwrap().iter().any(|row| row["ports"] == "8080"));
}

#[test]
fn diff_reach_shows_a_packet_of_each_difference() {
    let file = shipped("dual-socket.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let same = portcullis(&["diff-reach", &file, word(&written(&format!("# the same\n{text}")))]);
    assert_eq!((same.code, &*same.out), (Some(0), ""), "{}", same.err);
    let other = written(&text.replace("ports = [9573, 9574]", "ports = [9573]"));
    let ended = portcullis(&["diff-reach", &file, word(&other)]);
    assert_eq!(ended.code, Some(2), "{}{}", ended.out, ended.err);
    assert!(ended.out.starts_with("newly denied:\n"), "{}", ended.out);
    assert!(ended.out.contains("9574") && ended.out.contains("tcp_dst=9574"), "{}", ended.out);
    let json = parsed(&portcullis(&["diff-reach", word(&other), &file, "--json"]).out);
    assert_eq!(json["denied"], Value::Array(Vec::new()));
    assert!(json["permitted"][0]["witness"]["hops"][0]["packet"].is_string());
}

#[test]
fn what_cannot_be_asked_is_an_error() {
    let file = shipped("dual-socket.toml");
    for arguments in [
        vec!["why", "monitorin", "api", "tcp/1", "--file", &file],
        vec!["reach", "monitorin", "--file", &file],
        vec!["reach", "--to", "monitorin", "--file", &file],
    ] {
        let ended = portcullis(&arguments);
        assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains("did you mean \"monitoring\"?"), "{}", ended.err);
    }
    for arguments in [
        vec!["why", "api", "mcp", "tcp/70000", "--file", &file],
        vec!["why", "api", "mcp", "tcp/1"],
        vec!["reach", "api", "--to", "mcp", "--file", &file],
        vec!["reach", "--file", &file],
    ] {
        let ended = portcullis(&arguments);
        assert_eq!((ended.code, &*ended.out), (Some(64), ""), "{arguments:?}: {}", ended.err);
    }
    for arguments in [vec!["diff-reach", "/nonexistent", &file], vec!["diff-reach", &file, "/nonexistent"]] {
        assert_eq!(portcullis(&arguments).code, Some(1), "{arguments:?}");
    }
    let help = portcullis(&["--help"]);
    assert!(help.code == Some(0) && help.out.contains("\n  64  wrong usage\n"), "{}", help.out);
}
