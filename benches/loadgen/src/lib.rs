//! `portcullis bench`: an OpenFlow 1.3 load generator for any controller.
//!
//! It emulates N switches on one thread. Each greets the controller, waits for a table-miss flow,
//! announces its hosts, and then sends packets between announced hosts. Every packet-in has a
//! number, in its data or as its buffer. Every answer (a PACKET_OUT, or a FLOW_MOD with that
//! buffer) must name the port at which the destination was announced, once and in order.
//!
//! ```text
//! fleet: who is ready ─► switch: read once ─► link: cut ─► answer: parse ─► window: which one, is it right ─► packet: patch ─► write once
//!                                                      └─► agent: everything that is not measured, by ofproto
//! ```
//!
//! - The measured path allocates nothing: packet-ins are patched copies of bytes encoded once, and
//!   answers are read in place.
//! - [`null`] is the ceiling: a responder with the same reads and writes, and no decision.
//! - [`compare`] starts controllers in turn and computes their ratios; [`plot`] draws them.

mod agent;
mod answer;
pub mod compare;
mod contender;
mod cpu;
mod error;
mod fleet;
mod link;
pub mod null;
mod packet;
pub mod plot;
mod process;
mod report;
mod run;
mod switch;
mod table;
#[cfg(test)]
mod tests;
mod window;

use std::net::SocketAddr;
use std::time::Duration;

pub use self::cpu::cores;
pub use self::error::{BenchError, StuckSwitches};
pub use self::fleet::FleetWatch;
pub use self::packet::FrameKind;
pub use self::report::{BenchReport, Cpu, Latency};
pub use self::run::run;
pub use self::window::AnswerFaults;

/// The quantity to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// As many packet-ins as the controller answers.
    Throughput,
    /// One packet-in at a time per switch.
    Latency,
    /// The time until all switches are served.
    Connect,
}

/// The settings of a measurement.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address that the controller listens at.
    pub target: SocketAddr,
    /// The quantity to measure.
    pub mode: Mode,
    /// The number of switches, 1 or more.
    pub switches: u16,
    /// The number of ports of each switch, 2 or more.
    pub ports: u8,
    /// The number of hosts of each switch, spread over its ports, 2 or more.
    pub macs: u32,
    /// The number of packet-ins of a switch that may be unanswered; 1 in latency mode.
    pub outstanding: u32,
    /// Time of traffic before the clock starts.
    pub warm_up: Duration,
    /// Time measured.
    pub duration: Duration,
    /// Time to wait for a first answer, and for any later one.
    pub timeout: Duration,
    /// The kind of the packets.
    pub frame: FrameKind,
    /// True if the switch buffers packets, and packet-ins name their buffer.
    pub buffered: bool,
    /// True if this load generator has a core of its own although it may run on no other.
    pub pinned: bool,
    /// The pid of the controller, for its processor time.
    pub pid: Option<u32>,
}

impl Options {
    /// Returns the defaults of the command line, for this controller.
    pub const fn new(target: SocketAddr) -> Self {
        Self {
            target,
            mode: Mode::Throughput,
            switches: 16,
            ports: 4,
            macs: 100,
            outstanding: 128,
            warm_up: Duration::from_millis(500),
            duration: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            frame: FrameKind::Icmp,
            buffered: false,
            pinned: false,
            pid: None,
        }
    }

    fn check(&self) -> Result<(), BenchError> {
        let wrong = |why: &str| Err(BenchError::Options(why.to_owned()));
        match () {
            () if self.switches == 0 => wrong("0 switches send nothing: at least 1"),
            () if self.ports < 2 => wrong("a switch needs 2 ports or more to send from one to another"),
            () if self.macs < 2 => wrong("a switch needs 2 MACs or more to send from one to another"),
            () if self.macs > 1 << 20 => wrong("at most 1,048,576 MACs by switch"),
            () if self.outstanding == 0 || self.outstanding > 1 << 20 => {
                wrong("between 1 and 1,048,576 packet-ins outstanding")
            }
            () if u64::from(self.macs) * u64::from(self.switches) > 1 << 32 => {
                wrong("at most 4,294,967,296 MACs on all switches together")
            }
            () if self.duration.is_zero() => wrong("nothing can be measured in no time"),
            () => Ok(()),
        }
    }
}

/// The progress of a measurement.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The present phase.
    pub phase: &'static str,
    /// The number of switches served.
    pub served: u32,
    /// Answers per second since the last report.
    pub answers_per_second: f64,
    /// True if there were any faults so far.
    pub faults: bool,
    /// Time since the start of the measurement, in seconds.
    pub seconds: f64,
}
