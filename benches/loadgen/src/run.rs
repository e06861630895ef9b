//! One measurement, from connecting to the report.

use std::time::{Duration, Instant};

use super::error::BenchError;
use super::fleet::{Fleet, FleetWatch, per};
use super::report::{BenchReport, Cpu, Latency};
use super::switch::Phase;
use super::{Mode, Options, cpu};

/// Time of silence that ends a run once every packet-in is answered. A duplicate answer comes after
/// the last one.
const SETTLE: Duration = Duration::from_millis(50);

/// Runs a measurement.
///
/// # Errors
/// Returns an error if there is nothing to report: the controller is unreachable or speaks another
/// version, some switches are not served, or `watch` returns an error. Wrong answers are no error;
/// the report counts them.
pub fn run(options: &Options, watch: FleetWatch<'_>) -> Result<BenchReport, BenchError> {
    options.check()?;
    let mut report = BenchReport::new(options);
    let mut fleet = Fleet::connect(options)?;
    serve(options, &mut fleet, watch, &mut report)?;
    if options.mode == Mode::Connect {
        return Ok(report);
    }

    fleet.begin(Phase::Announce)?;
    let mut look = Instant::now();
    fleet.drive(watch, |fleet, now| {
        let due = now >= look;
        if due {
            look = now + Duration::from_millis(5);
        }
        due && fleet.announced(options.macs)
    })?;
    report.announcements = u64::from(options.switches) * u64::from(options.macs);
    report.announcements_answered = fleet.tally.announced;

    fleet.spin();
    fleet.begin(Phase::Measure)?;
    let start = Instant::now() + options.warm_up;
    fleet.drive(watch, |_, now| now >= start)?;
    fleet.tally.latency.reset();
    let before = Snapshot::take(&fleet, options)?;
    let end = before.at + options.duration;
    fleet.drive(watch, |_, now| now >= end)?;
    let after = Snapshot::take(&fleet, options)?;
    let timed = options.mode == Mode::Latency && !fleet.tally.latency.is_empty();
    report.latency = timed.then(|| Latency::of(&fleet.tally.latency));

    fleet.begin(Phase::Drain)?;
    let began = Instant::now();
    fleet.drive(watch, |fleet, now| {
        let heard = fleet.tally.last_answer.max(began);
        let silent = now.saturating_duration_since(heard);
        // A duplicate answer shows only after the last answer.
        silent > options.timeout || (fleet.answered() && silent > SETTLE)
    })?;
    for switch in &mut fleet.switches {
        switch.window.write_off(&mut fleet.tally.faults);
    }

    let seconds = (after.at - before.at).as_secs_f64();
    report.seconds = seconds;
    report.answers = after.answers - before.answers;
    report.answers_per_second = per(report.answers, seconds);
    report.flow_mods = after.flow_mods - before.flow_mods;
    report.packet_outs = after.packet_outs - before.packet_outs;
    report.packet_ins_sent = fleet.tally.sent;
    report.packet_ins_answered = fleet.tally.answers;
    let cpu = |before: u64, after: u64| Cpu::new(after.saturating_sub(before), report.answers, seconds);
    report.generator = cpu(before.worked, after.worked);
    report.controller_cpu = match (before.controller, after.controller) {
        (Some(before), Some(after)) => Some(cpu(before, after)),
        _ => None,
    };
    report.faults = fleet.tally.faults;
    Ok(report)
}

/// Connects all switches, and waits until the first packet-in of each is answered.
fn serve(
    options: &Options,
    fleet: &mut Fleet,
    watch: FleetWatch<'_>,
    report: &mut BenchReport,
) -> Result<(), BenchError> {
    let deadline = fleet.began + options.timeout;
    let mut look = Instant::now();
    fleet.drive(watch, |fleet, now| {
        if now >= deadline {
            return true;
        }
        if now < look {
            return false;
        }
        look = now + Duration::from_millis(1);
        let (served, stuck) = fleet.stuck();
        // Switches whose connection was refused or dropped make no further progress.
        served + stuck.refused + stuck.dropped == u32::from(options.switches)
    })?;
    let (served, stuck) = fleet.stuck();
    report.served = served;
    report.stuck = stuck;
    let last = fleet.switches.iter().filter_map(|switch| switch.served).max();
    report.served_seconds = last.map(|last| (last - fleet.began).as_secs_f64());
    if stuck.refused == u32::from(options.switches) {
        let source = std::io::ErrorKind::ConnectionRefused.into();
        return Err(BenchError::Unreachable { address: options.target, source });
    }
    if options.mode != Mode::Connect && served < u32::from(options.switches) {
        let seconds = fleet.began.elapsed().as_secs_f64();
        return Err(BenchError::NotServed { served, switches: options.switches.into(), seconds, stuck });
    }
    Ok(())
}

struct Snapshot {
    at: Instant,
    answers: u64,
    flow_mods: u64,
    packet_outs: u64,
    worked: u64,
    controller: Option<u64>,
}

impl Snapshot {
    fn take(fleet: &Fleet, options: &Options) -> Result<Self, BenchError> {
        let controller = options.pid.map(cpu::used).transpose();
        Ok(Self {
            controller: controller.map_err(BenchError::system("read the controller's processor time"))?,
            worked: u64::try_from(fleet.worked.as_nanos()).unwrap_or(u64::MAX),
            at: Instant::now(),
            answers: fleet.tally.answers,
            flow_mods: fleet.tally.flow_mods,
            packet_outs: fleet.tally.packet_outs,
        })
    }
}
