//! A window longer than a hard timeout can say.

use std::time::{Duration, Instant};

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::traffic::tcp;

use super::{NETWORK, drift, learned, number, open, timed};

#[test]
fn a_long_window_is_armed_again_and_keeps_its_counters_and_what_it_taught() {
    // As if a timeout had no more than 12 seconds.
    let net = Running::start_with(NETWORK, LabOptions::default(), &["--longest-timeout", "12"]);
    open(&net, "1h");
    net.wait_for("the window", || (!timed(&net).is_empty()).then_some(()));
    let flows = timed(&net).len();
    assert!(tcp(&net.lab, "b", "c", "10.9.0.3:8080"));
    let taught = learned(&net, 8080);
    assert!(!taught.is_empty());
    let packets = || -> f64 {
        let of = |f: &&String| f.contains("tp_dst=8080") && f.contains(" table=2,");
        timed(&net).iter().filter(of).map(|f| number(f, "n_packets")).sum()
    };
    net.wait_for("the packets to be counted", || (packets() > 0.0).then_some(()));
    let counted = packets();
    let begun = Instant::now();
    let (mut rearmed, mut last) = (0, 0.0);
    while begun.elapsed() < Duration::from_secs(30) {
        let now = timed(&net);
        assert_eq!(now.len(), flows, "a flow went after {:?}: {now:#?}", begun.elapsed());
        assert!(now.iter().all(|f| number(f, "hard_timeout") <= 12.0), "{now:#?}");
        let age = number(&now[0], "duration");
        rearmed += u32::from(age < last);
        last = age;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(rearmed >= 2, "armed {rearmed} times");
    assert!(packets() >= counted, "counters began anew");
    assert_eq!(learned(&net, 8080).len(), taught.len(), "what it taught was lost");
    assert!(tcp(&net.lab, "b", "c", "10.9.0.3:8080"));
    assert_eq!(drift(&net), 0.0);
}
