//! Measures controllers in turn: each is started, measured and ended, round by round. The ratios
//! compare their medians.

use serde::Serialize;

pub use super::contender::Contender;
use super::error::BenchError;
use super::process::Controller;
use super::report::BenchReport;
use super::{Mode, Options, Progress, cpu, run};

/// The plan of a comparison.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The measurements. Target and pid are replaced by those of each controller.
    pub works: Vec<Options>,
    /// The controllers. The first one, the null responder, is the reference of the ratios.
    pub contenders: Vec<Contender>,
    /// The number of rounds.
    pub rounds: u32,
    /// The core that the controllers run on.
    pub controller_core: Option<usize>,
    /// The core that this load generator runs on.
    pub generator_core: Option<usize>,
}

/// Returns the standard measurements, each with the other settings of `base`.
pub fn suite(base: &Options) -> Vec<Options> {
    let work = |mode, switches, macs| Options { mode, switches, macs, ..base.clone() };
    vec![
        work(Mode::Throughput, 1, 100),
        work(Mode::Throughput, 16, 100),
        work(Mode::Throughput, 64, 100),
        work(Mode::Throughput, 64, 10_000),
        work(Mode::Latency, 1, 100),
        work(Mode::Connect, 1000, 100),
    ]
}

/// One measurement of one controller.
#[derive(Debug, Clone, Serialize)]
pub struct ContenderRun {
    /// The index of the work, from 0.
    pub work: usize,
    /// The name of the controller.
    pub controller: String,
    /// The index of the round, from 0.
    pub round: u32,
    /// The report, if the measurement succeeded.
    pub report: Option<BenchReport>,
    /// The reason why the measurement failed.
    pub failed: Option<String>,
}

/// The medians of one controller at one work.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ComparisonRow {
    /// The name of the controller.
    pub controller: String,
    /// Answers per second.
    pub answers_per_second: Option<f64>,
    /// Processor time of the controller per answer, in ns.
    pub cpu_ns_per_answer: Option<f64>,
    /// Number of cores that it kept busy.
    pub cores: Option<f64>,
    /// Median latency, in µs.
    pub p50: Option<f64>,
    /// 99th percentile of the latency, in µs.
    pub p99: Option<f64>,
    /// 99.9th percentile of the latency, in µs.
    pub p99_9: Option<f64>,
    /// Time until all switches were served, in seconds. `None` if in some round they were not.
    pub served_seconds: Option<f64>,
    /// Ratio of the processor time to that of the first controller.
    pub cpu_ratio: Option<f64>,
    /// Ratio of the answers per second to those of the first controller.
    pub throughput_ratio: Option<f64>,
    /// Ratio of the median latency to that of the first controller.
    pub p50_ratio: Option<f64>,
    /// Ratio of the 99th percentile to that of the first controller.
    pub p99_ratio: Option<f64>,
    /// True if every switch was served and every answer was right, in all rounds.
    pub right: bool,
    /// The faults of the first round that had any.
    pub wrong: String,
}

/// One work, with the medians of all controllers.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonTable {
    /// The quantity measured.
    pub mode: Mode,
    /// The number of switches.
    pub switches: u16,
    /// The number of MACs of each switch.
    pub macs: u32,
    /// The number of packet-ins of a switch that could be unanswered.
    pub outstanding: u32,
    /// The medians of each controller, in the order given.
    pub rows: Vec<ComparisonRow>,
}

/// The result of a comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The number of rounds.
    pub rounds: u32,
    /// The processor, as the kernel names it.
    pub machine: String,
    /// The table of each work.
    pub tables: Vec<ComparisonTable>,
    /// Every single measurement.
    pub runs: Vec<ContenderRun>,
}

impl Comparison {
    /// Returns whether this controller had no faults.
    pub fn right(&self, controller: &str) -> bool {
        let mut rows = self.tables.iter().flat_map(|table| &table.rows);
        rows.all(|row| row.right || row.controller != controller)
    }
}

/// Called with the name of the measurement and its progress. An error that it returns ends the
/// comparison.
pub type WatchAll<'a> = &'a mut dyn FnMut(&str, &Progress) -> Result<(), BenchError>;

/// Measures every controller at every work.
///
/// # Errors
/// Returns an error if a controller cannot be started, or if `watch` returns one. A controller that
/// fails at one work is reported in its row.
pub fn compare(plan: &Plan, watch: WatchAll<'_>) -> Result<Comparison, BenchError> {
    if plan.rounds == 0 || plan.works.is_empty() || plan.contenders.is_empty() {
        return Err(BenchError::Options("a comparison needs a round and a controller at least".into()));
    }
    for work in &plan.works {
        work.check()?;
    }
    if let Some(core) = plan.generator_core {
        cpu::pin(&[core]).map_err(BenchError::system("pin the load generator to its core"))?;
    }
    cpu::allow_many_files();
    // Report a bad command before the first measurement.
    for contender in &plan.contenders {
        Controller::start(contender, plan.controller_core, &mut |progress| watch(&contender.name, progress))?;
    }
    let mut runs: Vec<ContenderRun> = Vec::new();
    for (index, work) in plan.works.iter().enumerate() {
        for round in 0..plan.rounds {
            for contender in &plan.contenders {
                // A work that fails in one round is not tried in the next.
                let failed = |run: &ContenderRun| {
                    run.work == index && run.controller == contender.name && run.failed.is_some()
                };
                if runs.iter().any(failed) {
                    continue;
                }
                let label =
                    format!("{}, round {} of {}, {}", name(work), round + 1, plan.rounds, contender.name);
                let result = one(work, contender, plan, &mut |progress| watch(&label, progress));
                let (report, failed) = match result {
                    Ok(report) => (Some(report), None),
                    Err(error @ (BenchError::Interrupted | BenchError::Start { .. })) => return Err(error),
                    Err(BenchError::NotServed { served, switches, .. }) => {
                        (None, Some(format!("{served} of {switches} switches served")))
                    }
                    Err(error) => (None, Some(error.to_string())),
                };
                runs.push(ContenderRun {
                    work: index,
                    controller: contender.name.clone(),
                    round,
                    report,
                    failed,
                });
            }
        }
    }
    let tables = plan.works.iter().enumerate().map(|(index, work)| table(index, work, plan, &runs)).collect();
    Ok(Comparison { rounds: plan.rounds, machine: machine(), tables, runs })
}

fn one(
    work: &Options,
    contender: &Contender,
    plan: &Plan,
    watch: super::FleetWatch<'_>,
) -> Result<BenchReport, BenchError> {
    let mut controller = Controller::start(contender, plan.controller_core, watch)?;
    let (target, pid) = (controller.address, Some(controller.pid()));
    let pinned = plan.generator_core.is_some() && plan.generator_core != plan.controller_core;
    let options = Options { target, pid, pinned, ..work.clone() };
    let report = run(&options, watch);
    match (&report, controller.alive()) {
        // The exit of the controller explains more than its lost connections.
        (Err(BenchError::Interrupted), _) | (_, Ok(())) => report,
        (_, Err(ended)) => Err(BenchError::Options(ended.to_string())),
    }
}

/// Returns the name of a work.
pub(super) fn name(work: &Options) -> String {
    let Options { mode, switches, macs, outstanding, .. } = work;
    title(*mode, *switches, *macs, *outstanding)
}

pub(super) fn title(mode: Mode, switches: u16, macs: u32, outstanding: u32) -> String {
    let (macs, plural) = (super::report::count(macs.into()), if switches == 1 { "" } else { "es" });
    let switches = super::report::count(switches.into());
    match mode {
        Mode::Throughput => {
            format!("{switches} switch{plural} × {macs} MACs, {outstanding} outstanding each")
        }
        Mode::Latency => format!("{switches} switch{plural} × {macs} MACs, one outstanding"),
        Mode::Connect => format!("{switches} switch{plural} connecting at once"),
    }
}

fn table(index: usize, work: &Options, plan: &Plan, runs: &[ContenderRun]) -> ComparisonTable {
    let mut rows: Vec<ComparisonRow> = Vec::new();
    for contender in &plan.contenders {
        let own: Vec<&ContenderRun> =
            runs.iter().filter(|run| run.work == index && run.controller == contender.name).collect();
        let row = row(contender, &own, rows.first());
        rows.push(row);
    }
    let Options { mode, switches, macs, .. } = *work;
    let outstanding = if mode == Mode::Latency { 1 } else { work.outstanding };
    ComparisonTable { mode, switches, macs, outstanding, rows }
}

fn row(contender: &Contender, runs: &[&ContenderRun], base: Option<&ComparisonRow>) -> ComparisonRow {
    let reports: Vec<&BenchReport> = runs.iter().filter_map(|run| run.report.as_ref()).collect();
    let of =
        |value: fn(&BenchReport) -> Option<f64>| median(reports.iter().filter_map(|report| value(report)));
    let wrong = |run: &&&ContenderRun| run.report.as_ref().is_none_or(|report| !report.right());
    let first_wrong = runs.iter().find(wrong);
    let measured = |report: &BenchReport| report.mode != Mode::Connect;
    let right = first_wrong.is_none();
    let mut row = ComparisonRow {
        controller: contender.name.clone(),
        answers_per_second: median(reports.iter().filter(|r| measured(r)).map(|r| r.answers_per_second)),
        cpu_ns_per_answer: of(|report| report.controller_cpu.map(|cpu| cpu.ns_per_answer)),
        cores: of(|report| report.controller_cpu.map(|cpu| cpu.cores)),
        p50: of(|report| report.latency.map(|latency| latency.p50)),
        p99: of(|report| report.latency.map(|latency| latency.p99)),
        p99_9: of(|report| report.latency.map(|latency| latency.p99_9)),
        served_seconds: of(|report| report.served_seconds).filter(|_| right),
        right,
        wrong: match first_wrong {
            None => "none".into(),
            Some(ContenderRun { report: Some(report), .. }) => report.wrong(),
            Some(run) => run.failed.clone().unwrap_or_default(),
        },
        ..ComparisonRow::default()
    };
    let own = row.clone();
    let base = base.unwrap_or(&own);
    row.cpu_ratio = ratio(row.cpu_ns_per_answer, base.cpu_ns_per_answer);
    row.throughput_ratio = ratio(row.answers_per_second, base.answers_per_second);
    row.p50_ratio = ratio(row.p50, base.p50);
    row.p99_ratio = ratio(row.p99, base.p99);
    row
}

pub(super) fn ratio(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    let (one, other) = (one?, other?);
    (other > 0.0).then_some(one / other)
}

/// Returns the median: the middle value, or the mean of the two middle values.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::midpoint(*values.get(low)?, *values.get(high)?))
}

fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let name = named.map_or("an unnamed processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = text.lines().filter(|line| line.starts_with("processor")).count().max(cores);
    format!("{cores} × {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
        assert_eq!(median([].into_iter()), None);
        assert_eq!(ratio(Some(3.0), Some(2.0)), Some(1.5));
        assert_eq!(ratio(Some(3.0), Some(0.0)), None);
    }
}
