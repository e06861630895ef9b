//! `portcullis bench`: an OpenFlow 1.3 load generator for any controller.
//!
//! It is N switches on one thread. Each greets the controller, waits for a table-miss flow, makes its hosts known, and then
//! sends packets from one known host to another. Every packet-in has a number, in its data or as its buffer, and every answer (a
//! PACKET_OUT, or a FLOW_MOD with that buffer) must name the port at which the destination was announced, once and in order.
//!
//! ```text
//! fleet: who is ready ─► switch: read once ─► link: cut ─► answer: parse ─► window: which one, is it right ─► packet: patch ─► write once
//!                                                      └─► agent: everything that is not measured, by ofproto
//! ```
//!
//! - What is measured allocates nothing: packet-ins are patched copies of bytes made once, answers are read where they lie.
//! - [`null`] is the ceiling: a responder that does the same reads and writes and decides nothing.
//! - [`compare`] starts controllers in turn and puts them in relation; [`plot`] draws that.

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

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// As many packet-ins as the controller answers.
    Throughput,
    /// One packet-in at a time by switch.
    Latency,
    /// How long it takes until all switches are served.
    Connect,
}

/// A measurement.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the controller listens.
    pub target: SocketAddr,
    /// What is measured.
    pub mode: Mode,
    /// How many switches, 1 or more.
    pub switches: u16,
    /// How many ports each has, 2 or more.
    pub ports: u8,
    /// How many hosts each has, spread over its ports, 2 or more.
    pub macs: u32,
    /// How many packet-ins of a switch may be unanswered; 1 in latency mode.
    pub outstanding: u32,
    /// How long before the clock starts packets are sent already.
    pub warm_up: Duration,
    /// How long is measured.
    pub duration: Duration,
    /// How long is waited for a first answer, and for any one.
    pub timeout: Duration,
    /// What the packets are.
    pub frame: FrameKind,
    /// Whether the switch keeps packets, and packet-ins name their buffer.
    pub buffered: bool,
    /// Whether this load generator has a core of its own although it may run on no other.
    pub pinned: bool,
    /// The controller's process, for its processor time.
    pub pid: Option<u32>,
}

impl Options {
    /// The defaults of the command line, for this controller.
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

/// How far a measurement is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What is done now.
    pub phase: &'static str,
    /// How many switches are served.
    pub served: u32,
    /// Answers by second, since the last time.
    pub answers_per_second: f64,
    /// Whether anything was wrong so far.
    pub faults: bool,
    /// Since when, s.
    pub seconds: f64,
}
