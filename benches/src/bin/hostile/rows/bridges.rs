//! Connects a thousand bridges at once, each with a network of its own.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_benches::{Bridges, networks};

use crate::ReportRow;
use crate::controller::{Controller, most_resident, wait_for};
use crate::switch::Switch;

/// Counts the bridges.
const BRIDGES: u32 = 1_000;
/// Counts the threads that connect them.
const AT_ONCE: u32 = 16;
/// Bounds the seconds until all bridges are settled.
const SETTLED: f64 = 10.0;
/// Bounds the controller's memory, in megabytes.
const MEGABYTES: f64 = 500.0;
/// Bounds the time of one status request, in milliseconds.
const STATUS: f64 = 50.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<ReportRow>> {
    let controller = Controller::start_file(binary, &networks(BRIDGES, Bridges::Each), None, &[])?;
    let (start, switches) = (Instant::now(), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let connecting: Vec<_> = (0..AT_ONCE)
            .map(|first| {
                let (controller, switches) = (&controller, &switches);
                scope.spawn(move || {
                    for n in (first..BRIDGES).step_by(AT_ONCE as usize) {
                        let (bridge, a, b) = (format!("br{n}"), format!("a{n}"), format!("b{n}"));
                        let ports = [&*a, &*b];
                        let switch = Switch::connect(controller.openflow, &bridge, &ports, u64::from(n) + 1)?;
                        switches.lock().unwrap_or_else(PoisonError::into_inner).push(switch);
                    }
                    Ok::<(), io::Error>(())
                })
            })
            .collect();
        connecting.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
    })?;
    let settled = |status: String| status.matches("\"settled\":true").count() == BRIDGES as usize;
    wait_for("all bridges to settle", || {
        // A status request takes time from the controller, which is measured.
        std::thread::sleep(Duration::from_millis(100));
        controller.get("/api/status").is_ok_and(settled).then_some(())
    })?;
    let took = start.elapsed().as_secs_f64();
    let mut answers = Vec::new();
    for _ in 0..11 {
        let asked = Instant::now();
        controller.get("/api/status")?;
        answers.push(asked.elapsed().as_secs_f64() * 1_000.0);
    }
    answers.sort_by(f64::total_cmp);
    let status = answers.get(answers.len() / 2).copied().unwrap_or(f64::MAX);
    let most = f64::from(most_resident(controller.pid())?) / 1_024.0;
    Ok(vec![
        ReportRow::at_most(format!("{BRIDGES} bridges connect: all settled"), "s", SETTLED, took),
        ReportRow::at_most(format!("{BRIDGES} bridges connect: memory, at most"), "MB", MEGABYTES, most),
        ReportRow::at_most(format!("{BRIDGES} bridges: status, median"), "ms", STATUS, status),
    ])
}
