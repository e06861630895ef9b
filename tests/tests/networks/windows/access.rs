//! Who may change something, at each of the places where the controller listens.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use lab::{HOST, LabOptions};
use portcullis::api_client::{ApiAddress, Reply, request};
use portcullis_tests::{Running, binary};

use super::{NETWORK, logged, said, start};

const OPEN: &str = r#"{"name":"updates","for":"5m","reason":"test"}"#;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn ask(api: &ApiAddress, method: &str, path: &str, body: Option<&str>) -> Reply {
    request(api, method, path, body, None).unwrap()
}

#[test]
fn the_socket_is_for_its_owner_and_its_group_and_metrics_change_nothing() {
    let net = start();
    let ApiAddress::Unix(socket) = net.lab.control() else { panic!("no socket") };
    let found = std::fs::metadata(&socket).unwrap();
    assert_eq!((found.permissions().mode() & 0o777, found.uid()), (0o660, 0));
    // Everybody may be let in to look. Who is neither root nor of the group changes nothing.
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    std::fs::set_permissions(net.lab.state_dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let as_nobody = |method: &str, path: &str, body: &str| {
        let curl = ["curl", "-s", "--unix-socket", socket.to_str().unwrap(), "-X", method, "-d", body];
        let url = format!("http://lab{path}");
        let more = ["-H", "content-type: application/json", "-w", " %{http_code}", &url];
        let setpriv = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        let output = Command::new("setpriv").args(setpriv).args(curl).args(more).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = as_nobody("POST", "/api/windows", OPEN);
    assert!(said.contains("uid 65534 may look, but not change anything") && said.ends_with(" 403"), "{said}");
    assert!(as_nobody("GET", "/api/windows", "").ends_with(" 200"));
    assert!(as_nobody("DELETE", "/api/windows/updates", "").ends_with(" 403"));
    assert_eq!(logged(&net, &["a change by somebody who may not: refused"]), 2);

    // What is for Prometheus has no such route at all.
    let reply = ask(&net.api(), "POST", "/api/windows", Some(OPEN));
    assert_eq!(reply.status, 404, "{}", reply.body);
    assert!(super::timed(&net).is_empty());
    assert_eq!(ask(&net.lab.control(), "POST", "/api/windows", Some(OPEN)).status, 201);
}

#[test]
fn what_is_sent_has_to_be_what_the_route_takes() {
    let net = start();
    let api = net.lab.control();
    for (method, path, body, status) in [
        ("POST", "/api/windows", None, 415),
        ("POST", "/api/windows", Some("{"), 400),
        ("POST", "/api/windows", Some(r#"{"name":"updates"}"#), 422),
        ("POST", "/api/windows", Some(r#"{"name":"updates","for":"5m","reason":"x","until":3}"#), 422),
        ("POST", "/api/windows", Some(r#"{"name":"nope","for":"5m","reason":"x"}"#), 404),
        ("POST", "/api/windows", Some(r#"{"name":"updates","for":"5m"}"#), 400),
        ("PUT", "/api/windows", Some("{}"), 405),
        ("DELETE", "/api/windows/updates", None, 409),
        ("DELETE", "/api/windows/a%2Fb%20c", None, 404),
        ("POST", "/api/nothing", Some("{}"), 404),
    ] {
        let reply = ask(&api, method, path, body);
        assert_eq!(reply.status, status, "{method} {path} {body:?}: {}", reply.body);
        let error: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        assert!(error["error"]["code"].is_string() && error["error"]["message"].is_string(), "{error}");
    }
    let long = format!(r#"{{"name":"updates","for":"5m","reason":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(ask(&api, "POST", "/api/windows", Some(&long)).status, 413);
}

#[test]
fn over_tcp_a_change_needs_the_token_which_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, format!("{SECRET}\n")).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = token.to_str().unwrap();
    let words = ["-vv", "--api-listen", "tcp:127.0.0.1:9700", "--api-token-file", file];
    let net = Running::start_with(NETWORK, LabOptions::default(), &words);
    let curl = |more: &[&str]| {
        let head = ["curl", "-s", "-w", " %{http_code}", "-H", "content-type: application/json"];
        let output = net.lab.exec(HOST, &[&head[..], more].concat()).unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let url = "http://127.0.0.1:9700/api/windows";
    assert!(curl(&[url]).ends_with(" 200"));
    let said = curl(&["-d", OPEN, url]);
    assert!(said.contains("a change needs the controller's token") && said.ends_with(" 401"), "{said}");
    let wrong = SECRET.replace('f', "e");
    assert!(curl(&["-d", OPEN, "-H", &format!("authorization: Bearer {wrong}"), url]).ends_with(" 401"));
    assert!(super::timed(&net).is_empty());

    let program = binary();
    let program = program.to_str().unwrap();
    let open =
        ["window", "open", "updates", "--for", "5m", "--reason", "by token", "--api", "tcp:127.0.0.1:9700"];
    let without = net.lab.exec(HOST, &[&[program], &open[..]].concat()).unwrap();
    assert_eq!(without.status.code(), Some(1));
    let with = net.lab.exec(HOST, &[&[program], &open[..], &["--api-token-file", file]].concat()).unwrap();
    let said = String::from_utf8_lossy(&with.stdout).into_owned() + &String::from_utf8_lossy(&with.stderr);
    assert!(with.status.success() && said.contains("by token at 127.0.0.1: by token"), "{said}");
    let log = net.controller.output();
    assert!(log.contains("window opened") && !log.contains(SECRET) && !log.contains(&wrong), "{log}");
}

#[test]
fn an_api_that_would_be_open_to_others_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("network.toml");
    std::fs::write(&path, NETWORK).unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, SECRET).unwrap();
    let state = dir.path().join("state");
    let run = |words: &[&str]| {
        let output = Command::new("timeout")
            .args(["20", binary().to_str().unwrap(), "run", path.to_str().unwrap(), "--no-audit"])
            .args(["--listen", "tcp:127.0.0.1:0", "--metrics", "tcp:127.0.0.1:0"])
            .args(["--state", state.to_str().unwrap()])
            .args(words)
            .output()
            .unwrap();
        let said = said(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(!said.contains(SECRET), "{said}");
        said
    };
    let file = token.to_str().unwrap();
    let mode = |mode| std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    for address in ["tcp:0.0.0.0:9700", "tcp:[::]:9700", "tcp:192.0.2.1:9700"] {
        let said = run(&["--api-listen", address, "--api-token-file", file]);
        assert!(
            said.contains(&format!("cannot listen at {address}")) && said.contains("a loopback address"),
            "{said}"
        );
    }
    let said = run(&["--listen", "unix:/nonexistent/switch.sock"]);
    assert!(
        said.contains("cannot listen at unix:/nonexistent") && said.contains("make the directory"),
        "{said}"
    );
    let said = run(&["--api-listen", "tcp:127.0.0.1:0"]);
    assert!(said.contains("changes over TCP need a token: --api-token-file FILE"), "{said}");
    mode(0o644);
    let said = run(&["--api-listen", "tcp:127.0.0.1:0", "--api-token-file", file]);
    assert!(said.contains("can be read by everybody") && said.contains("chmod 600"), "{said}");
    mode(0o600);
    std::fs::write(&token, "short").unwrap();
    let said = run(&["--api-listen", "tcp:127.0.0.1:0", "--api-token-file", file]);
    assert!(said.contains("holds no token"), "{said}");
}
