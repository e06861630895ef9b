//! What is said to those who ask for what is not to be had.

use std::process::{Command, Output};

use portcullis_tests::binary;

use super::{open, said, start, window};

/// What a command that fails says, on one line.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty());
    said(&output.stderr)
}

#[test]
fn each_mistake_has_a_message_and_a_remedy() {
    let net = start();
    let why = ["--reason", "kernel update"];
    let says = |words: &[&str], parts: &[&str]| {
        let said = refused(&window(&net, words));
        for part in parts {
            assert!(said.contains(part), "{words:?}: no {part:?}: {said}");
        }
    };
    let open_for = |name: &'static str, time: &'static str| ["open", name, "--for", time, why[0], why[1]];
    says(
        &open_for("update", "5m"),
        &["there is no window \"update\"", "did you mean \"updates\"? There are: restores, updates"],
    );
    says(&["close", "xyzzy"], &["there is no window \"xyzzy\"", "there are: restores, updates"]);
    says(&["close", "updates"], &["window \"updates\" is not open", "window list"]);
    for time in ["soon", "5", "-5m", ""] {
        let unreadable = format!("{time:?} is no duration");
        says(&open_for("updates", time), &[&unreadable, "45s, 30m, 2h"]);
    }
    says(&open_for("updates", "0s"), &["a window that is open for no time is closed"]);
    says(&open_for("updates", "1500ms"), &["\"1500ms\" is no whole number of seconds"]);
    says(&open_for("updates", "31d"), &["too long", "at most 30days", "an allow without temp"]);
    says(&["open", "updates", "--for", "5m"], &["opened for a reason, and there is none", "--reason TEXT"]);
    says(&["open", "updates", "--for", "5m", "--reason", "  "], &["opened for a reason, and there is none"]);
    let long = "x".repeat(501);
    says(
        &["open", "updates", "--for", "5m", "--reason", &long],
        &["at most 500 characters; this one has 501"],
    );
    assert!(super::timed(&net).is_empty(), "nothing of it opened anything");

    let end = open(&net, "10m");
    says(
        &open_for("updates", "5m"),
        &["window \"updates\" is open already, until 2", "(by root: kernel update)", "--extend"],
    );
    let shorter = [&open_for("updates", "5m")[..], &["--extend"]].concat();
    says(&shorter, &["which is not before", "portcullis window close updates"]);
    let longer = [&open_for("updates", "20m")[..], &["--extend"]].concat();
    super::must(&net, &longer);
    assert!(super::listed(&net, "updates")["closes_at"].as_u64() > Some(end));
}

#[test]
fn where_nobody_listens_it_is_said_so() {
    let output = Command::new(binary())
        .args(["window", "list", "--api", "unix:/nonexistent/api.sock"])
        .output()
        .unwrap();
    let said = refused(&output);
    assert!(
        said.contains("no answer from unix:/nonexistent/api.sock") && said.contains("portcullis run"),
        "{said}"
    );
}
