//! A window opens its own flows, and no other flow is touched.

use portcullis_tests::traffic::{Udp, ping, tcp, tcp_now, udp_now};
use portcullis_tests::{Ages, Pinger};

use super::{BRIDGE, drift, is_learned, listed, logged, must, start, timed};

#[test]
fn a_window_opens_and_closes_its_own_rules_and_touches_no_other_flow() {
    let net = start();
    let fetch = || tcp(&net.lab, "b", "c", "10.9.0.3:8080");
    // Between others than the window's: what two hosts learned of each other for errors and fragments is one flow.
    let web = || tcp(&net.lab, "a", "c", "10.9.0.3:80");
    assert!(web() && !fetch());
    assert_eq!(udp_now(&net.lab, "a", "c", "10.9.0.3:7000"), Udp::Lost);
    assert_eq!(timed(&net), Vec::<String>::new());
    assert_eq!(listed(&net, "updates")["open"], false);
    let pinger = Pinger::start(&net.lab, "a", "10.9.0.2");
    let before = Ages::of(&net, &[BRIDGE]);

    let said = must(&net, &["open", "updates", "--for", "1h30m", "--reason", "kernel update"]);
    assert!(
        said.starts_with("window updates: OPEN until 2") && said.contains("by root: kernel update"),
        "{said}"
    );
    assert!(said.contains("(1h 29m 5") || said.contains("(1h 30m left)"), "{said}");
    assert!(said.contains("opens fetch, push"), "{said}");
    assert!(fetch(), "it is open when it is said so");
    assert!(!tcp_now(&net.lab, "b", "a", "10.9.0.1:9"), "another window is closed");
    let opened = Ages::of(&net, &[BRIDGE]);
    assert_eq!(opened.touched_since(&before), Vec::<String>::new());
    let new: Vec<&String> = opened
        .flows
        .keys()
        .map(|(_, flow)| flow)
        .filter(|f| !before.flows.keys().any(|(_, b)| b == *f))
        .collect();
    assert!(new.iter().all(|f| is_learned(f) || super::head(f).contains("hard_timeout=5")), "{new:#?}");

    // It is seen wherever one looks.
    let list = must(&net, &["list"]);
    assert!(
        list.contains("window updates: OPEN") && list.contains("window restores: closed\n  opens restore\n"),
        "{list}"
    );
    assert_eq!(net.metric("portcullis_window_open{window=\"updates\"}"), 1.0);
    assert_eq!(net.metric("portcullis_window_open{window=\"restores\"}"), 0.0);
    let status = net.status().expect("a status");
    assert!(
        status["windows"]
            .as_array()
            .is_some_and(|w| w.iter().any(|w| w["name"] == "updates" && w["open"] == true))
    );
    assert_eq!(logged(&net, &["window opened", "window=\"updates\"", "who=\"root\"", "kernel update"]), 1);

    let said = must(&net, &["close", "updates"]);
    assert!(said.starts_with("window updates: closed"), "{said}");
    assert_eq!(timed(&net), Vec::<String>::new(), "it is closed when it is said so");
    assert!(!fetch() && web());
    assert_eq!(udp_now(&net.lab, "a", "c", "10.9.0.3:7000"), Udp::Lost);
    assert_eq!(Ages::of(&net, &[BRIDGE]).touched_since(&before), Vec::<String>::new());
    assert_eq!(net.metric("portcullis_window_open{window=\"updates\"}"), 0.0);
    assert_eq!(logged(&net, &["window closed", "window=\"updates\"", "who=\"root\""]), 1);
    assert!(ping(&net.lab, "c", "10.9.0.2"));
    let pinged = pinger.end();
    assert_eq!(pinged.lost, Vec::<u32>::new(), "of {}", pinged.sent);
    assert_eq!(drift(&net), 0.0);
}

#[test]
fn a_window_that_a_switch_does_not_have_yet_is_said_to_be_pending() {
    let net = start();
    net.lab.vsctl(&["del-controller", BRIDGE]).unwrap();
    let gone =
        || (net.metric(&format!("portcullis_bridge_connected{{bridge=\"{BRIDGE}\"}}")) == 0.0).then_some(());
    net.wait_for("the session to end", gone);
    let said = must(&net, &["open", "updates", "--for", "10m", "--reason", "kernel update"]);
    assert!(said.contains(&format!("not yet so on {BRIDGE}: not connected")), "{said}");
    let said = must(&net, &["close", "updates"]);
    assert!(said.starts_with("window updates: closed") && said.contains("not yet so on"), "{said}");
}
