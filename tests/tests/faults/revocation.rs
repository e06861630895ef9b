//! A rule goes, and with it what it taught the switch.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::traffic::{Udp, ping, ping_now, udp};

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

        net.apply(&without("warp-egress"));
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

/// Three parties, and who of them may ask b.
fn asking(from: &str) -> String {
    let mut text = "[network.n]\nbridge = \"br0\"\nsubnets = [\"10.9.0.0/24\"]\n".to_owned();
    for (name, n) in [("a", 1), ("b", 2), ("c", 3)] {
        text += &format!(
            "[endpoint.{name}]\nattach = [{{ network = \"n\", port = \"{name}0\", addresses = [\"10.9.0.{n}\"] }}]\n"
        );
    }
    text + &format!(
        "[[allow]]\nname = \"dns\"\nfrom = {from}\nto = \"b\"\nprotocol = \"udp\"\nports = [53]\nlimit = 30000\n"
    )
}

/// What somebody taught the switch, by his address.
fn taught(net: &Running, address: &str) -> Vec<String> {
    let (one, more) = (format!("nw_dst={address},"), format!("nw_dst={address} "));
    let his = |flow: &String| is_learned(flow) && (flow.contains(&one) || flow.contains(&more));
    net.flows("br0").into_iter().filter(his).collect()
}

/// Datagrams of new conversations with b, until `ends`.
fn ask(net: &Running, ends: &AtomicBool, sent: &AtomicU64) {
    let storm = || {
        while !ends.load(Ordering::Relaxed) {
            for _ in 0..32 {
                let Ok(socket) = UdpSocket::bind("10.9.0.1:0") else { continue };
                if socket.send_to(b"new", "10.9.0.2:53").is_ok() {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
            std::thread::sleep(Duration::from_millis(8));
        }
    };
    net.lab.within("a", storm).unwrap();
}

#[test]
fn who_leaves_a_list_in_a_storm_of_his_own_leaves_nothing_behind() {
    let net = Running::start(&asking("[\"a\", \"c\"]"), LabOptions::default());
    assert_eq!(udp(&net.lab, "c", "b", "10.9.0.2:53"), Udp::Answered);
    let anothers = taught(&net, "10.9.0.3");
    assert!(!anothers.is_empty());
    let (ends, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _ends = Ends(&ends);
        scope.spawn(|| ask(&net, &ends, &sent));
        net.wait_for("the storm to teach the switch", || {
            (taught(&net, "10.9.0.1").len() > 500).then_some(())
        });
        // The rule, its cookie and its flow stay: b is in the list in his place.
        net.apply(&asking("[\"b\", \"c\"]"));
        let start = Instant::now();
        net.wait_for("the change to be acknowledged", || {
            let settled = net.bridge("br0").is_some_and(|bridge| bridge["settled"] == true);
            // It is not at once: packets may be under way.
            (settled && start.elapsed() > Duration::from_millis(1200)).then_some(())
        });
        let gone = Instant::now();
        while gone.elapsed() < STAYS {
            assert_eq!(taught(&net, "10.9.0.1"), Vec::<String>::new());
            std::thread::sleep(Duration::from_millis(50));
        }
        let so_far = sent.load(Ordering::Relaxed);
        net.wait_for("the storm to go on", || (sent.load(Ordering::Relaxed) > so_far + 100).then_some(()));
    });
    assert_eq!(taught(&net, "10.9.0.3"), anothers, "what others taught stays");
    assert_eq!(net.metric("portcullis_drift_repaired_total{bridge=\"br0\"}"), 0.0);
}
