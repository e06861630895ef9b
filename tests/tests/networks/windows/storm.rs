//! A window closes in a storm of new connections: nothing of what it taught stays, whoever ends it.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use portcullis_tests::Running;

use super::{drift, learned, must, open, start, timed};

/// So long none may come back, once they are gone.
const STAYS: Duration = Duration::from_secs(2);

/// Tells the storm to end when it is dropped: also when a test fails, which would wait for it forever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Datagrams of new connections, one after the other, until `ends`.
fn blow(net: &Running, ends: &AtomicBool, sent: &AtomicU64) {
    let storm = || {
        while !ends.load(Ordering::Relaxed) {
            for _ in 0..32 {
                let Ok(socket) = UdpSocket::bind("10.9.0.1:0") else { continue };
                if socket.send_to(b"new", "10.9.0.3:7000").is_ok() {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
            // Some thousands a second: the switch has other things to do.
            std::thread::sleep(Duration::from_millis(8));
        }
    };
    net.lab.within("a", storm).unwrap();
}

/// Lets a storm blow through the window, has it ended by `end`, and looks that nothing stays.
fn in_a_storm(net: &Running, end: impl FnOnce()) {
    let (ends, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _ends = Ends(&ends);
        scope.spawn(|| blow(net, &ends, &sent));
        net.wait_for("the storm to teach the switch", || (learned(net, 7000).len() > 100).then_some(()));
        end();
        net.wait_for("the window to close", || timed(net).is_empty().then_some(()));
        let start = Instant::now();
        net.wait_for("the learned flows to go", || {
            (learned(net, 7000).is_empty() && start.elapsed() > Duration::from_millis(1200)).then_some(())
        });
        let gone = Instant::now();
        while gone.elapsed() < STAYS {
            assert_eq!(learned(net, 7000), Vec::<String>::new());
            std::thread::sleep(Duration::from_millis(50));
        }
        let so_far = sent.load(Ordering::Relaxed);
        net.wait_for("the storm to go on", || (sent.load(Ordering::Relaxed) > so_far + 100).then_some(()));
    });
    net.settle();
    assert_eq!(drift(net), 0.0, "{}", net.controller.output());
}

#[test]
fn a_window_that_is_closed_takes_its_learned_flows_along() {
    let net = start();
    open(&net, "10m");
    in_a_storm(&net, || {
        must(&net, &["close", "updates"]);
    });
}

#[test]
fn a_window_whose_time_is_over_takes_its_learned_flows_along() {
    let net = start();
    open(&net, "8s");
    in_a_storm(&net, || {});
}
