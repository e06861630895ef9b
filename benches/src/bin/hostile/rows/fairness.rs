//! Measures the wait of a quiet bridge for answers beside bridges that flood the controller.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ofproto::message::Message;
use ofproto::testing::switch::{frame, mac, packet_in};
use ofproto::{PortNo, Xid};

use crate::ReportRow;
use crate::controller::Controller;
use crate::flood::{self, FLOODS, Flood};
use crate::switch::SwitchConnection;

/// Bounds the 99th percentile, in milliseconds.
const MARK: f64 = 5.0;
/// Sets the time for which answers are measured.
const MEASURED: Duration = Duration::from_secs(5);
/// Separates two PACKET_INs.
const PAUSE: Duration = Duration::from_millis(2);
/// Names the measured bridge.
const QUIET: &str = "quiet";

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<ReportRow>> {
    let learner = |name: &str| format!("[bridge.{name}]\nlearning = {{ idle_timeout = 60 }}\n");
    let kept = |name: &str| format!("[bridge.{name}]\nflows = [\"table=0,priority=1,actions=drop\"]\n");
    let floods =
        (0..FLOODS).flat_map(|n| [learner(&Flood::PacketIn.bridge(n)), kept(&Flood::Monitor.bridge(n))]);
    let file: String = std::iter::once(learner(QUIET)).chain(floods).collect();
    let controller = Controller::start_file(binary, &file, None, &[])?;
    let mut quiet = Quiet::connect(controller.openflow)?;
    let alone = quiet.p99(MEASURED)?;
    let mut rows = vec![ReportRow {
        what: "a quiet bridge's answer, 99th percentile, alone".to_owned(),
        mark: String::new(),
        measured: format!("{alone:.2} ms"),
        met: true,
    }];
    for (flood, what) in [(Flood::PacketIn, "packet-ins"), (Flood::Monitor, "flow monitor updates")] {
        let running = flood::start(flood, controller.openflow)?;
        // The floods need some time to get their bridges.
        quiet.p99(Duration::from_secs(1))?;
        let p99 = quiet.p99(MEASURED)?;
        drop(running);
        rows.push(ReportRow::at_most(format!("the same beside {FLOODS} floods of {what}"), "ms", MARK, p99));
    }
    Ok(rows)
}

/// Simulates a learning switch with two hosts.
struct Quiet(SwitchConnection);

impl Quiet {
    /// Connects, and lets the controller learn both hosts.
    fn connect(at: SocketAddr) -> io::Result<Self> {
        let mut line = SwitchConnection::open(at)?;
        line.shake_hands(QUIET, &["p1", "p2"], 1)?;
        line.answer_until_silent()?;
        let mut this = Self(line);
        this.ask(1, 2)?;
        this.ask(2, 1)?;
        Ok(this)
    }

    /// Sends a packet from the host at port `from` to the host at port `to`, and waits for the
    /// answer.
    fn ask(&mut self, from: u32, to: u32) -> io::Result<Duration> {
        let packet = Message::PacketIn(packet_in(PortNo(from), &frame(mac(from), mac(to))));
        let sent = Instant::now();
        self.0.send(Xid(0), &packet)?;
        while !matches!(self.0.answer_one()?, Message::PacketOut(_)) {}
        Ok(sent.elapsed())
    }

    /// Returns the 99th percentile of the waits within `time`, in milliseconds.
    fn p99(&mut self, time: Duration) -> io::Result<f64> {
        let end = Instant::now() + time;
        let mut waits = Vec::new();
        while Instant::now() < end {
            waits.push(self.ask(1, 2)?);
            std::thread::sleep(PAUSE);
        }
        waits.sort();
        let at = waits.len() * 99 / 100;
        Ok(waits.get(at).or(waits.last()).map_or(f64::MAX, |wait| wait.as_secs_f64() * 1e3))
    }
}
