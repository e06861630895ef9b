//! The result of a measurement.

use std::fmt::{self, Write as _};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::error::StuckSwitches;
use super::fleet::per;
use super::window::AnswerFaults;
use super::{FrameKind, Mode, Options};

/// Processor time.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cpu {
    /// Processor time per answer, in ns.
    pub ns_per_answer: f64,
    /// Cores kept busy: 1.0 is one core.
    pub cores: f64,
}

impl Cpu {
    pub(super) fn new(ns: u64, answers: u64, seconds: f64) -> Self {
        Self {
            ns_per_answer: if answers == 0 { 0.0 } else { per(ns, per(answers, 1.0)) },
            cores: per(ns, seconds * 1e9),
        }
    }
}

/// Latency from sending a packet-in to its answer, in µs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p99_9: f64,
    /// The slowest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

impl Latency {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile: f64| per(histogram.value_at_quantile(quantile), 1e3);
        Self {
            p50: at(0.5),
            p99: at(0.99),
            p99_9: at(0.999),
            max: per(histogram.max(), 1e3),
            mean: histogram.mean() / 1e3,
        }
    }
}

/// The result of a measurement.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The address of the controller.
    pub target: String,
    /// The quantity measured.
    pub mode: Mode,
    /// The number of switches.
    pub switches: u16,
    /// The number of hosts of each switch.
    pub macs: u32,
    /// The number of packet-ins of a switch that could be unanswered.
    pub outstanding: u32,
    /// The kind of the packets.
    pub frame: FrameKind,
    /// True if packet-ins named a buffer.
    pub buffered: bool,
    /// The number of switches served, that is, whose first packet-in was answered.
    pub served: u32,
    /// Time from the first connection until the last switch was served, in seconds.
    pub served_seconds: Option<f64>,
    /// The stages at which the other switches got stuck.
    pub stuck: StuckSwitches,
    /// The number of hosts announced.
    pub announcements: u64,
    /// The number of announcements answered.
    pub announcements_answered: u64,
    /// Time measured, in seconds.
    pub seconds: f64,
    /// The number of packet-ins answered in this time.
    pub answers: u64,
    /// Answers per second in this time.
    pub answers_per_second: f64,
    /// The number of FLOW_MODs in this time.
    pub flow_mods: u64,
    /// The number of PACKET_OUTs in this time.
    pub packet_outs: u64,
    /// The number of packet-ins of announced hosts, warm-up included.
    pub packet_ins_sent: u64,
    /// The number of those packet-ins that were answered.
    pub packet_ins_answered: u64,
    /// The latency, in latency mode.
    pub latency: Option<Latency>,
    /// The processor time of the controller, if its pid is known.
    pub controller_cpu: Option<Cpu>,
    /// The processor time of this load generator: the time spent outside epoll's wait.
    pub generator: Cpu,
    /// The faults of the answers.
    pub faults: AnswerFaults,
}

impl BenchReport {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            target: format!("tcp:{}", options.target),
            mode: options.mode,
            switches: options.switches,
            macs: options.macs,
            outstanding: if options.mode == Mode::Latency { 1 } else { options.outstanding },
            frame: options.frame,
            buffered: options.buffered,
            served: 0,
            served_seconds: None,
            stuck: StuckSwitches::default(),
            announcements: 0,
            announcements_answered: 0,
            seconds: 0.0,
            answers: 0,
            answers_per_second: 0.0,
            flow_mods: 0,
            packet_outs: 0,
            packet_ins_sent: 0,
            packet_ins_answered: 0,
            latency: None,
            controller_cpu: None,
            generator: Cpu { ns_per_answer: 0.0, cores: 0.0 },
            faults: AnswerFaults::default(),
        }
    }

    /// Returns whether every switch was served and every answer was right.
    pub fn right(&self) -> bool {
        self.served == u32::from(self.switches) && !self.faults.any()
    }

    /// Describes the faults in words.
    pub fn wrong(&self) -> String {
        let mut some = Vec::new();
        if self.served < u32::from(self.switches) {
            let (served, all) = (count(self.served.into()), count(self.switches.into()));
            some.push(format!("{served} of {all} switches served, {}", self.stuck));
        }
        let faults = self.faults.by_name();
        some.extend(faults.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{} {name}", count(*n))));
        if some.is_empty() { "none".into() } else { some.join(", ") }
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |n: u64, what: &str| format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" });
        write!(
            f,
            "{}: {}",
            self.target,
            many(self.switches.into(), "switch").replace("switchs", "switches")
        )?;
        if self.mode != Mode::Connect {
            write!(
                f,
                ", {} each, {} outstanding",
                many(self.macs.into(), "MAC"),
                count(self.outstanding.into())
            )?;
        }
        writeln!(f)?;
        if let Some(seconds) = self.served_seconds {
            writeln!(f, "  served            {} in {:.3} s", count(self.served.into()), seconds)?;
        }
        if self.mode != Mode::Connect {
            let rate = whole(self.answers_per_second);
            writeln!(f, "  answers           {} in {:.1} s, {rate}/s", count(self.answers), self.seconds)?;
            let (flows, packets) = (count(self.flow_mods), count(self.packet_outs));
            writeln!(f, "  of which          {flows} FLOW_MOD, {packets} PACKET_OUT")?;
            if self.announcements_answered < self.announcements {
                let (answered, all) = (count(self.announcements_answered), count(self.announcements));
                writeln!(f, "  announcements     {answered} of {all} answered")?;
            }
        }
        if let Some(l) = &self.latency {
            let Latency { p50, p99, p99_9, max, .. } = l;
            writeln!(
                f,
                "  latency           p50 {p50:.1} µs, p99 {p99:.1} µs, p99.9 {p99_9:.1} µs, max {max:.1} µs"
            )?;
        }
        if self.mode != Mode::Connect {
            if let Some(cpu) = &self.controller_cpu {
                writeln!(
                    f,
                    "  controller CPU    {:.0} ns per answer, {:.2} cores",
                    cpu.ns_per_answer, cpu.cores
                )?;
            }
            let cpu = &self.generator;
            writeln!(
                f,
                "  generator         {:.0} ns per answer, {:.2} cores",
                cpu.ns_per_answer, cpu.cores
            )?;
        }
        writeln!(f, "  faults            {}", self.wrong())
    }
}

/// Formats a number with commas between thousands.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        let _ = text.write_char(digit);
    }
    text
}

/// Formats the whole part of a number, with commas.
pub(super) fn whole(n: f64) -> String {
    let text = format!("{n:.0}");
    text.parse().map_or(text, count)
}
