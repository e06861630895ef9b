//! Controllers in turn: each is started, measured and ended, round by round, and their medians are put in relation.

use serde::Serialize;

pub use super::contender::Contender;
use super::error::BenchError;
use super::process::Controller;
use super::report::BenchReport;
use super::{Mode, Options, Progress, cpu, run};

/// What is compared, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The measurements; their target and process are those of the controller.
    pub works: Vec<Options>,
    /// The controllers. The first is what the others are put in relation to: the null responder.
    pub contenders: Vec<Contender>,
    /// How often each is measured.
    pub rounds: u32,
    /// The core that the controllers run on.
    pub controller_core: Option<usize>,
    /// The core that this load generator runs on.
    pub generator_core: Option<usize>,
}

/// The measurements that matter, each with the other settings of `base`.
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
    /// Which work, from 0.
    pub work: usize,
    /// Its name.
    pub controller: String,
    /// Which round, from 0.
    pub round: u32,
    /// What it showed, if it could be made.
    pub report: Option<BenchReport>,
    /// Why it could not be made.
    pub failed: Option<String>,
}

/// The medians of one controller at one work.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ComparisonRow {
    /// The controller.
    pub controller: String,
    /// Answers by second.
    pub answers_per_second: Option<f64>,
    /// The controller's processor time by answer, ns.
    pub cpu_ns_per_answer: Option<f64>,
    /// How many cores it kept busy.
    pub cores: Option<f64>,
    /// Half of all answers took no longer, µs.
    pub p50: Option<f64>,
    /// 99 of 100 answers took no longer, µs.
    pub p99: Option<f64>,
    /// 999 of 1,000 answers took no longer, µs.
    pub p99_9: Option<f64>,
    /// Until all switches were served, s; none if they were not in some round.
    pub served_seconds: Option<f64>,
    /// Processor time in relation to the first controller's.
    pub cpu_ratio: Option<f64>,
    /// Answers by second in relation to the first controller's.
    pub throughput_ratio: Option<f64>,
    /// The median latency in relation to the first controller's.
    pub p50_ratio: Option<f64>,
    /// The 99th percentile in relation to the first controller's.
    pub p99_ratio: Option<f64>,
    /// Whether every switch was served and every answer right, in all rounds.
    pub right: bool,
    /// What was wrong in the first round in which something was.
    pub wrong: String,
}

/// One work, and how all controllers did.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonTable {
    /// What was measured.
    pub mode: Mode,
    /// How many switches.
    pub switches: u16,
    /// How many MACs each.
    pub macs: u32,
    /// How many packet-ins of a switch could be unanswered.
    pub outstanding: u32,
    /// One for each controller, in the order given.
    pub rows: Vec<ComparisonRow>,
}

/// What a comparison showed.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// How often each was measured.
    pub rounds: u32,
    /// The processor, as the kernel names it.
    pub machine: String,
    /// One for each work.
    pub tables: Vec<ComparisonTable>,
    /// Every single measurement.
    pub runs: Vec<ContenderRun>,
}

impl Comparison {
    /// Whether this controller did everything right.
    pub fn right(&self, controller: &str) -> bool {
        let mut rows = self.tables.iter().flat_map(|table| &table.rows);
        rows.all(|row| row.right || row.controller != controller)
    }
}

/// Told which measurement is made, and how far it is; says whether to go on.
pub type WatchAll<'a> = &'a mut dyn FnMut(&str, &Progress) -> Result<(), BenchError>;

/// Compares.
///
/// # Errors
/// When a controller cannot be started, or `watch` says stop. A controller that fails at one work is told of in its row.
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
    // Better to know now than after the first of them was measured.
    for contender in &plan.contenders {
        Controller::start(contender, plan.controller_core, &mut |progress| watch(&contender.name, progress))?;
    }
    let mut runs: Vec<ContenderRun> = Vec::new();
    for (index, work) in plan.works.iter().enumerate() {
        for round in 0..plan.rounds {
            for contender in &plan.contenders {
                // What cannot do it once will not do it the next time.
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
        // Why it ended tells more than that its connections did.
        (Err(BenchError::Interrupted), _) | (_, Ok(())) => report,
        (_, Err(ended)) => Err(BenchError::Options(ended.to_string())),
    }
}

/// What a work is called.
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

/// The value in the middle, or the mean of the two that are.
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
