//! A rule goes, and with it what it taught the switch.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use portcullis_tests::Running;
use portcullis_tests::traffic::{ping, ping_now};

use super::{Ends, INTERNET, is_learned, without};

/// So long none may come back, once they are gone.
const STAYS: Duration = Duration::from_secs(2);

/// Datagrams of new connections, one after the other, until `ends`.
fn storm(net: &Running, ends: &AtomicBool, sent: &AtomicU64) {
    let socket = || net.lab.within("gateway", || UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
    let sockets: Vec<UdpSocket> = (0..4).map(|_| socket()).collect();
    for port in (1024..=u16::MAX).cycle() {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        for socket in &sockets {
            // The answers are ICMP errors, or nothing.
            if socket.send_to(b"new", (INTERNET, port)).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        // Some thousands a second: the switch has other things to do.
        if port % 8 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn learned(net: &Running) -> Vec<String> {
    net.flows("vmbr0").into_iter().filter(|f| is_learned(f)).collect()
}

#[test]
fn a_rule_that_goes_takes_its_learned_flows_along_also_in_a_storm() {
    let net = Running::dual_socket();
    assert!(ping(&net.lab, "gateway", INTERNET));
    let (ends, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _ends = Ends(&ends);
        scope.spawn(|| storm(&net, &ends, &sent));
        net.wait_for("the storm to teach the switch", || (learned(&net).len() > 100).then_some(()));

        net.reload(&without("warp-egress"));
        // The file is checked as a whole before it is in force, which takes its time where much else is going on.
        let in_force = || net.metric("portcullis_reloads_total{outcome=\"ok\"}") == 1.0;
        net.wait_for("the file to be in force", || in_force().then_some(()));
        let start = Instant::now();
        net.wait_for("the learned flows to go", || {
            // All connections of the storm, and of the ping, are of the rule that went.
            let gone = learned(&net).is_empty() && start.elapsed() > Duration::from_millis(1200);
            gone.then_some(())
        });
        // How long it takes is the switch's affair: packets under way teach it again until it has looked at all of its
        // flows. While the storm goes on, none comes back.
        let gone = Instant::now();
        while gone.elapsed() < STAYS {
            assert_eq!(learned(&net), Vec::<String>::new());
            std::thread::sleep(Duration::from_millis(50));
        }
        let so_far = sent.load(Ordering::Relaxed);
        net.wait_for("the storm to go on", || (sent.load(Ordering::Relaxed) > so_far + 100).then_some(()));
    });
    assert!(!ping_now(&net.lab, "gateway", INTERNET));
}
