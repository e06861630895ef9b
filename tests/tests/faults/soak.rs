//! Soaks a controller with everything at once: containers come and go, the file changes, strangers
//! connect, and flows are changed by hand. The controller must not grow, and all flows must be the
//! desired ones in the end.
//!
//! `PORTCULLIS_SOAK` sets the minutes; `tests/soak.sh MINUTES` runs this test alone and prints the
//! table.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use lab::HOST;
use portcullis_tests::Running;

use super::containers::stage::{BRIDGES, FILE, ask, create, delete, start};
use super::{Ends, fixed};

/// Sets the default.
const MINUTES: u64 = 2;
/// Counts the rows of the table.
const ROWS: u32 = 24;
/// Strangers that say nothing are let go after ten seconds.
const STRANGERS: Duration = Duration::from_secs(13);
/// Bounds the growth of a process: beside a quarter more, so many kilobytes, descriptors and
/// threads.
const ROOM: [u64; 3] = [16 << 10, 48, 24];

/// Adds a rule, as another file has it.
const RULE: &str = r#"
[[allow]]
name = "soak"
from = "other"
to = "gateway"
protocol = "tcp"
ports = [80]
"#;

/// Counts the events so far.
#[derive(Debug, Default)]
struct Done {
    containers: AtomicU64,
    reloads: AtomicU64,
    strangers: AtomicU64,
    drifts: AtomicU64,
}

/// Returns the resources of the controller's process: kilobytes in memory, descriptors, threads.
fn has(net: &Running) -> [u64; 3] {
    let proc = format!("/proc/{}", net.controller.pid());
    let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
    let number = |word: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(word)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let descriptors = std::fs::read_dir(format!("{proc}/fd")).unwrap().count() as u64;
    [number("VmRSS:"), descriptors, number("Threads:")]
}

/// Repeats an action until all end.
fn again(ended: &AtomicBool, pause: Duration, mut work: impl FnMut(u64)) {
    for n in 0.. {
        if ended.load(Relaxed) {
            return;
        }
        work(n);
        std::thread::sleep(pause);
    }
}

fn come_and_go(net: &Running, ended: &AtomicBool, done: &Done) {
    again(ended, Duration::from_millis(100), |n| {
        let (name, network) = (format!("soak-{n}"), ["management", "privacy"][n as usize % 2]);
        let made = create(net, &name, network, 9001, None);
        assert_eq!(made.status, 201, "{made:?}");
        let gone = delete(net, &name);
        assert_eq!(gone.status, 200, "{gone:?}");
        done.containers.fetch_add(1, Relaxed);
    });
}

fn reload(net: &Running, ended: &AtomicBool, done: &Done) {
    again(ended, Duration::from_millis(500), |n| {
        net.reload(&if n % 2 == 0 { format!("{FILE}{RULE}") } else { FILE.to_owned() });
        done.reloads.fetch_add(1, Relaxed);
    });
}

/// Connects strangers that are silent, greet, send no OpenFlow, or stop in the middle of a message.
fn connect(net: &Running, ended: &AtomicBool, done: &Done) {
    let mut held: Vec<TcpStream> = Vec::new();
    again(ended, Duration::from_millis(50), |n| {
        let dial = || TcpStream::connect(("127.0.0.1", 6653));
        // A stranger beyond the limit is turned away.
        let Ok(mut stream) = net.lab.within(HOST, dial).unwrap() else { return };
        let said: &[u8] = match n % 4 {
            0 => &[],
            1 => &[4, 0, 0, 8, 0, 0, 0, 1],
            2 => b"GET / HTTP/1.1\r\n\r\n",
            _ => &[4, 0, 0, 8, 0, 0, 0, 1, 4, 6, 0, 32, 0],
        };
        let _ = stream.write_all(said);
        if n % 3 == 0 {
            let _ = stream.shutdown(Shutdown::Both);
        } else {
            held.push(stream);
        }
        if held.len() > 20 {
            held.remove(0);
        }
        done.strangers.fetch_add(1, Relaxed);
    });
}

/// Changes flows by hand, on one bridge after the other.
fn drift(net: &Running, ended: &AtomicBool, done: &Done) {
    again(ended, Duration::from_millis(700), |n| {
        let bridge = BRIDGES[n as usize % 2];
        let added = format!("table={},priority={},actions=normal", n % 4, 60_000 + n % 1_000);
        let words = match n % 5 {
            0 => vec!["del-flows", bridge],
            1 => vec!["del-flows", bridge, "table=2"],
            _ => vec!["add-flow", bridge, &added],
        };
        net.lab.ofctl(&words).unwrap();
        done.drifts.fetch_add(1, Relaxed);
    });
}

/// Returns whether the last third used more than the third before it, with some room.
fn grows(rows: &[[u64; 3]], which: usize) -> bool {
    let third = rows.len() / 3;
    let most = |rows: &[[u64; 3]]| rows.iter().map(|row| row[which]).max().unwrap_or(0);
    let least = |rows: &[[u64; 3]]| rows.iter().map(|row| row[which]).min().unwrap_or(0);
    let before = most(&rows[third..rows.len() - third]);
    least(&rows[rows.len() - third..]) > before + before / 4 + ROOM[which]
}

#[test]
fn a_controller_does_not_grow_and_ends_as_its_file_says() {
    let minutes = std::env::var("PORTCULLIS_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(MINUTES);
    let net = start();
    let flows = BRIDGES.map(|bridge| fixed(&net, bridge));
    let first = has(&net);
    let (ended, done) = (AtomicBool::new(false), Done::default());
    let mut rows = Vec::new();
    println!("seconds  RSS kB  descriptors  threads  containers  reloads  strangers  drifts");
    std::thread::scope(|scope| {
        let all = Ends(&ended);
        for work in [come_and_go, reload, connect, drift] {
            let (net, ended, done) = (&net, &ended, &done);
            scope.spawn(move || {
                // A failure of one ends the others.
                let _all = Ends(ended);
                work(net, ended, done);
            });
        }
        let begun = Instant::now();
        for row in 1..=ROWS {
            let at = Duration::from_secs(minutes * 60) * row / ROWS;
            while begun.elapsed() < at && !ended.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(100));
            }
            let [rss, descriptors, threads] = has(&net);
            rows.push([rss, descriptors, threads]);
            let count = |n: &AtomicU64| n.load(Relaxed);
            println!(
                "{:7}  {rss:6}  {descriptors:11}  {threads:7}  {:10}  {:7}  {:9}  {:6}",
                begun.elapsed().as_secs(),
                count(&done.containers),
                count(&done.reloads),
                count(&done.strangers),
                count(&done.drifts),
            );
        }
        drop(all);
    });
    let Done { containers, reloads, strangers, drifts } = done;
    assert!([containers, reloads, strangers, drifts].iter().all(|n| n.load(Relaxed) > 10), "{rows:?}");
    for (which, what) in ["kB of memory", "descriptors", "threads"].into_iter().enumerate() {
        assert!(!grows(&rows, which), "{what} grow: {rows:?}");
    }
    net.reload(FILE);
    for (bridge, flows) in BRIDGES.iter().zip(&flows) {
        net.wait_for("the flows of the file", || (fixed(&net, bridge) == *flows).then_some(()));
    }
    net.settle();
    let containers = ask(&net, "GET", "/api/containers", None);
    assert_eq!(containers.body["containers"].as_array().map(Vec::len), Some(0), "{containers:?}");
    let start = Instant::now();
    while has(&net)[1] > first[1] + 8 {
        assert!(start.elapsed() < STRANGERS, "{:?} after {first:?}", has(&net));
        std::thread::sleep(Duration::from_millis(100));
    }
}
