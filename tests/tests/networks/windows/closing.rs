//! A window closes by itself, to the second, whoever is there to see it, and takes its connections along.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use portcullis_tests::traffic::tcp_now;
use portcullis_tests::{Ages, Running};

use super::{BRIDGE, drift, learned, listed, logged, now, open, start, timed};

/// A connection from `b` to port 8080 of `c`, both ends.
fn connection(net: &Running) -> (TcpStream, TcpStream) {
    let listener = net.lab.within("c", || TcpListener::bind("10.9.0.3:8080")).unwrap().unwrap();
    let connect = || TcpStream::connect_timeout(&"10.9.0.3:8080".parse().unwrap(), Duration::from_secs(5));
    let client = net.lab.within("b", connect).unwrap().unwrap();
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(Duration::from_millis(1_500))).unwrap();
    }
    (client, server)
}

/// Whether a word gets through and another one back.
fn speaks(client: &mut TcpStream, server: &mut TcpStream) -> bool {
    let mut word = [0; 2];
    let there = client.write_all(b"hi").is_ok() && server.read_exact(&mut word).is_ok();
    there && server.write_all(b"ho").is_ok() && client.read_exact(&mut word).is_ok()
}

/// Looks until the timed flows are gone. They are not gone more than a second before the window's end, and who looks a second
/// after it sees none.
fn goes_at(net: &Running, end: u64) {
    let end = Duration::from_secs(end);
    loop {
        let begun = now();
        let gone = timed(net).is_empty();
        if gone {
            assert!(
                now() + Duration::from_secs(1) >= end,
                "gone {:?} before its end",
                end.saturating_sub(now())
            );
            return;
        }
        assert!(begun < end + Duration::from_secs(1), "there {:?} after its end", begun.saturating_sub(end));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn it_closes_by_itself_and_its_connections_with_it() {
    let net = start();
    let before = Ages::of(&net, &[BRIDGE]);
    let end = open(&net, "6s");
    net.wait_for("the window", || (!timed(&net).is_empty()).then_some(()));
    let (mut client, mut server) = connection(&net);
    assert!(speaks(&mut client, &mut server));
    assert!(!learned(&net, 8080).is_empty());
    goes_at(&net, end);
    net.wait_for("the learned flows to go", || learned(&net, 8080).is_empty().then_some(()));
    assert!(!speaks(&mut client, &mut server), "a connection outlives its window");
    net.wait_for("the controller to say so", || {
        (logged(&net, &["window closed: its time is over", "updates", "kernel update"]) == 1).then_some(())
    });
    assert_eq!(listed(&net, "updates")["open"], false);
    assert!(!tcp_now(&net.lab, "b", "c", "10.9.0.3:8080"));
    net.settle();
    assert_eq!(drift(&net), 0.0);
    assert_eq!(Ages::of(&net, &[BRIDGE]).touched_since(&before), Vec::<String>::new());
}

#[test]
fn it_closes_by_itself_while_the_controller_is_dead() {
    let mut net = start();
    let end = open(&net, "6s");
    net.wait_for("the window", || (!timed(&net).is_empty()).then_some(()));
    let (mut client, mut server) = connection(&net);
    assert!(speaks(&mut client, &mut server));
    net.kill_controller();
    assert!(speaks(&mut client, &mut server), "a window lives longer than the controller");
    goes_at(&net, end);
    assert_eq!(learned(&net, 8080), Vec::<String>::new());
    assert!(!speaks(&mut client, &mut server), "a connection outlives its window");
    // Who was down at that time finds it over.
    let before = Ages::of(&net, &[BRIDGE]);
    net.start_controller();
    assert_eq!(logged(&net, &["window closed: its time is over", "updates"]), 1);
    assert_eq!(listed(&net, "updates")["open"], false);
    assert_eq!(Ages::of(&net, &[BRIDGE]).touched_since(&before), Vec::<String>::new());
    assert_eq!(drift(&net), 0.0);
}

#[test]
fn it_survives_a_restart_untouched() {
    let mut net = start();
    let end = open(&net, "10m");
    net.wait_for("the window", || (!timed(&net).is_empty()).then_some(()));
    let (mut client, mut server) = connection(&net);
    assert!(speaks(&mut client, &mut server));
    let before = Ages::of(&net, &[BRIDGE]);
    net.kill_controller();
    // Long enough that a flow that is written anew has another timeout.
    std::thread::sleep(Duration::from_secs(4));
    net.start_controller();
    let window = listed(&net, "updates");
    assert_eq!((window["open"].as_bool(), window["closes_at"].as_u64()), (Some(true), Some(end)));
    assert_eq!(Ages::of(&net, &[BRIDGE]).touched_since(&before), Vec::<String>::new());
    assert!(speaks(&mut client, &mut server));
    assert_eq!(drift(&net), 0.0);
    super::must(&net, &["close", "updates"]);
    net.wait_for("the flows to go", || timed(&net).is_empty().then_some(()));
    assert!(!speaks(&mut client, &mut server));
}
