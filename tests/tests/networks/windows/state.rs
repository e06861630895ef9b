//! What is remembered is damaged, of another controller, or nowhere.

use std::process::Command;

use portcullis_tests::binary;
use portcullis_tests::traffic::{tcp, tcp_now};

use super::{NETWORK, open, said, start, timed, window};

#[test]
fn a_controller_whose_state_is_damaged_opens_nothing_and_says_what_to_do() {
    let mut net = start();
    open(&net, "10m");
    net.wait_for("the window", || (!timed(&net).is_empty()).then_some(()));
    net.kill_controller();
    let file = net.lab.state_dir().join("state.redb");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, "garbage".repeat(1_000)).unwrap();
    net.start_controller();
    // The network file alone is in force: the window that was open is closed.
    net.wait_for("the flows to go", || timed(&net).is_empty().then_some(()));
    assert!(!tcp_now(&net.lab, "b", "c", "10.9.0.3:8080") && tcp(&net.lab, "b", "c", "10.9.0.3:80"));
    let api = net.api().to_string();
    let status = Command::new(binary()).args(["status", "--api", &api]).output().unwrap();
    let said = String::from_utf8_lossy(&status.stdout);
    assert_eq!(status.status.code(), Some(1), "{said}");
    let path = file.display().to_string();
    assert!(said.contains("NO STATE") && said.contains(&path) && said.contains("move it away"), "{said}");
    let refused = window(&net, &["open", "updates", "--for", "5m", "--reason", "x"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the controller has no state"));
    assert_eq!(
        std::fs::read(&file).unwrap(),
        "garbage".repeat(1_000).as_bytes(),
        "it was not kept as it was"
    );

    // Put back, the window is open again for the time that is left.
    net.kill_controller();
    std::fs::write(&file, good).unwrap();
    net.start_controller();
    net.wait_for("the window", || (!timed(&net).is_empty()).then_some(()));
    assert!(tcp(&net.lab, "b", "c", "10.9.0.3:8080"));
}

#[test]
fn one_state_belongs_to_one_controller() {
    let net = start();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("network.toml");
    std::fs::write(&path, NETWORK).unwrap();
    let output = Command::new("timeout")
        .args(["20", binary().to_str().unwrap(), "run", path.to_str().unwrap(), "--no-audit"])
        .args(["--listen", "tcp:127.0.0.1:0", "--metrics", "tcp:127.0.0.1:0"])
        .args(["--state", net.lab.state_dir().to_str().unwrap()])
        .output()
        .unwrap();
    let said = said(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("in use by another controller"), "{said}");
    assert_eq!(window(&net, &["list"]).status.code(), Some(0), "the one that has it was not disturbed");
}

#[test]
fn a_window_that_the_file_no_longer_names_is_closed_for_good() {
    let net = start();
    open(&net, "10m");
    net.wait_for("the window", || (!timed(&net).is_empty()).then_some(()));
    net.reload(&NETWORK.replace("temp = \"updates\"", "temp = \"upgrades\""));
    net.wait_for("the flows to go", || timed(&net).is_empty().then_some(()));
    net.wait_for("the window to close", || {
        (super::logged(&net, &["window closed: the network file has no rule for it"]) == 1).then_some(())
    });
    net.apply(NETWORK);
    net.settle();
    assert_eq!(super::listed(&net, "updates")["open"], false);
    assert!(timed(&net).is_empty());
}
