//! Fills the places for sessions without a bridge, and connects a bridge of the file.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::ReportRow;
use crate::controller::{BRIDGE, Controller, PORT, wait_for};
use crate::switch::{Switch, SwitchConnection};

/// Counts the threads that open connections.
const ATTACKERS: u32 = 4;
/// Counts the connections that each thread holds at a time.
const HELD: usize = 2_000;
/// Bounds the seconds until the bridge is settled.
const MARK: f64 = 5.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<ReportRow>> {
    let mut rows = Vec::new();
    for (who, attack) in
        [("connections that say nothing", hold as Attack), ("bridges that nobody named", name)]
    {
        let controller = Controller::start(binary)?;
        let (over, opened) = (AtomicBool::new(false), AtomicU32::new(0));
        let took = std::thread::scope(|scope| {
            for n in 0..ATTACKERS {
                let (over, opened, at) = (&over, &opened, controller.openflow);
                scope.spawn(move || attack(at, n, over, opened));
            }
            std::thread::sleep(Duration::from_secs(3));
            let took = time_to_settle(&controller);
            over.store(true, Ordering::Relaxed);
            took
        })?;
        let what = format!("a bridge settles, beside {} {who}", opened.load(Ordering::Relaxed));
        rows.push(ReportRow::at_most(what, "s", MARK, took.as_secs_f64()));
    }
    Ok(rows)
}

/// Connects as a switch does, and retries after a second when the session ends.
fn time_to_settle(controller: &Controller) -> io::Result<Duration> {
    let start = Instant::now();
    wait_for("the bridge to settle", || {
        let switch = Switch::connect(controller.openflow, BRIDGE, &[PORT, "b"], 1).ok();
        let settled = switch.as_ref().and_then(|switch| {
            wait_for("this session", || {
                (controller.is_settled() || !switch.is_connected()).then_some(switch.is_connected())
            })
            .ok()
        });
        if settled != Some(true) {
            std::thread::sleep(Duration::from_secs(1));
            return None;
        }
        Some(())
    })?;
    Ok(start.elapsed())
}

type Attack = fn(SocketAddr, u32, &AtomicBool, &AtomicU32);

/// Opens silent connections, and holds the newest ones.
fn hold(at: SocketAddr, _: u32, over: &AtomicBool, opened: &AtomicU32) {
    let mut held = std::collections::VecDeque::new();
    while !over.load(Ordering::Relaxed) {
        match TcpStream::connect_timeout(&at, Duration::from_secs(1)) {
            Ok(stream) => held.push_back(stream),
            Err(_) => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
        }
        opened.fetch_add(1, Ordering::Relaxed);
        if held.len() > HELD {
            held.pop_front();
        }
    }
}

/// Opens connections that each name a bridge of their own, and holds the newest ones.
fn name(at: SocketAddr, attacker: u32, over: &AtomicBool, opened: &AtomicU32) {
    let mut held = std::collections::VecDeque::new();
    let mut n = 0_u64;
    while !over.load(Ordering::Relaxed) {
        n += 1;
        let datapath = (u64::from(attacker) << 32) + n + 0x100;
        let bridge = format!("br{datapath:x}");
        let named = SwitchConnection::open(at).and_then(|mut line| {
            line.shake_hands(bridge.get(..bridge.len().min(15)).unwrap_or_default(), &[], datapath)?;
            Ok(line)
        });
        let Ok(line) = named else {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        held.push_back(line);
        opened.fetch_add(1, Ordering::Relaxed);
        if held.len() > HELD {
            held.pop_front();
        }
    }
}
