//! Flaps a port, the flow monitor, and the session itself.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ofproto::PortNo;
use ofproto::message::{Message, Port, PortStatus, PortStatusReason};

use crate::ReportRow;
use crate::controller::{BRIDGE, Controller, PORT, wait_for};
use crate::switch::Switch;

/// Sets the time for which each of them flaps.
const TIME: Duration = Duration::from_secs(20);
/// Bounds the lines of the log in that time.
const LINES: f64 = 300.0;
/// Bounds the reads of all flows in that time.
const READS: f64 = 200.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<ReportRow>> {
    let mut rows = Vec::new();
    rows.extend(telling(binary, "a port flaps", |n| {
        let reason = if n % 2 == 0 { PortStatusReason::Delete } else { PortStatusReason::Add };
        Message::PortStatus(PortStatus { reason, port: Port::named(PortNo(1), PORT) })
    })?);
    rows.extend(telling(binary, "MONITOR_PAUSED and RESUMED", |n| {
        if n % 2 == 0 { Message::MonitorPaused } else { Message::MonitorResumed }
    })?);
    rows.push(reconnecting(binary)?);
    Ok(rows)
}

/// Sends messages as fast as the controller reads them.
fn telling(binary: &Path, what: &str, message: impl Fn(u32) -> Message) -> io::Result<Vec<ReportRow>> {
    let controller = Controller::start(binary)?;
    let mut switch = Switch::connect(controller.openflow, BRIDGE, &[PORT, "b"], 1)?;
    wait_for("the bridge to settle", || controller.is_settled().then_some(()))?;
    let (lines, reads, start) = (controller.log_lines()?, switch.reads(), Instant::now());
    let mut told = 0;
    while start.elapsed() < TIME {
        switch.tell(&message(told))?;
        told += 1;
    }
    let title = |counted: &str| format!("{what}, {told} times in {} s: {counted}", TIME.as_secs());
    Ok(vec![
        ReportRow::at_most(title("lines of log"), "", LINES, controller.log_lines()? - lines),
        ReportRow::at_most(title("reads"), "", READS, f64::from(switch.reads() - reads)),
    ])
}

/// Connects a bridge, waits for a read, and disconnects, again and again.
fn reconnecting(binary: &Path) -> io::Result<ReportRow> {
    let controller = Controller::start(binary)?;
    let lines = controller.log_lines()?;
    let (start, mut sessions) = (Instant::now(), 0_u32);
    while start.elapsed() < TIME {
        let switch = Switch::connect(controller.openflow, BRIDGE, &[PORT, "b"], 1)?;
        wait_for("a read", || (switch.reads() > 0 || !switch.is_connected()).then_some(()))?;
        sessions += 1;
    }
    let what = format!("a bridge connects {sessions} times in {} s: lines of log", TIME.as_secs());
    Ok(ReportRow::at_most(what, "", LINES, controller.log_lines()? - lines))
}
