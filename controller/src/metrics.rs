//! The metrics for Prometheus. Labels are fixed words, and names of bridges and rules in the file.
//! A packet or a peer can choose none of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flows::network::ANY_BRIDGE;
use prometheus::core::{Collector as _, MetricVec, MetricVecBuilder};
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::bridge::{Evicted, Sums};
use crate::mac_learning::PacketTally;

/// The meaning of a verdict in numbers.
const HOLDS: &str =
    "Whether an assertion holds on the installed flows: 1, 0 if a packet violates it, -1 if unknown.";

/// All metrics of a controller.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// Sessions that finished their handshake.
    pub switches: IntGauge,
    /// Connections of switches that ended because there were too many.
    pub rejected: IntCounter,
    /// Bad messages.
    pub bad_messages: IntCounter,
    connected: IntGaugeVec,
    settled: IntGaugeVec,
    ambiguous: IntGaugeVec,
    flows: IntGaugeVec,
    learned: IntGaugeVec,
    full: IntGaugeVec,
    evicted: IntCounterVec,
    full_bounds: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    rule_packets: IntCounterVec,
    rule_bytes: IntCounterVec,
    denied: IntCounterVec,
    packet_ins: IntCounterVec,
    decided: IntCounterVec,
    macs: IntGaugeVec,
    macs_learned: IntCounterVec,
    flow_mods: IntCounterVec,
    errors: IntCounterVec,
    drift: IntCounterVec,
    conflicts: IntCounterVec,
    reconcile: HistogramVec,
    faults: IntGaugeVec,
    reloads: IntCounterVec,
    windows: IntGaugeVec,
    holds: [(&'static str, IntGaugeVec); 3],
    proof_age: IntGaugeVec,
}

impl Metrics {
    /// Registers all metrics in a registry of their own.
    ///
    /// # Errors
    /// [`prometheus::Error`] if two metrics share a name or a name is invalid: a mistake in this
    /// file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let reconcile = HistogramVec::new(
            HistogramOpts::new(
                "portcullis_reconcile_duration_seconds",
                "From the request for a bridge's flows to the commit of what differed.",
            )
            .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
            &["bridge"],
        )?;
        registry.register(Box::new(reconcile.clone()))?;
        let switches =
            IntGauge::new("portcullis_switches_connected", "Sessions with switches, handshake done.")?;
        registry.register(Box::new(switches.clone()))?;
        let rejected = IntCounter::new(
            "portcullis_connections_rejected_total",
            "Connections of switches that were ended because there were too many.",
        )?;
        registry.register(Box::new(rejected.clone()))?;
        let bad_messages = IntCounter::new(
            "portcullis_bad_messages_total",
            "Messages from switches that could not be taken.",
        )?;
        registry.register(Box::new(bad_messages.clone()))?;
        let build = gauge("portcullis_build_info", "The running version; always 1.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            switches,
            rejected,
            bad_messages,
            reconcile,
            connected: gauge(
                "portcullis_bridge_connected",
                "Whether a bridge of the network file has a session.",
                &["bridge"],
            )?,
            settled: gauge(
                "portcullis_bridge_settled",
                "Whether the last look at a bridge's flows left nothing to do.",
                &["bridge"],
            )?,
            ambiguous: gauge(
                "portcullis_ambiguous_ports",
                "Port names of the network file that several ports of a bridge have.",
                &["bridge"],
            )?,
            flows: gauge("portcullis_flows", "Flows of a bridge.", &["bridge", "table"])?,
            learned: gauge(
                "portcullis_learned_flows",
                "Flows that a bridge learned for a live rule.",
                &["bridge"],
            )?,
            full: gauge(
                "portcullis_return_flows_full",
                "Where no more return flows of a bridge fit: tables that evict, and rules at their limit.",
                &["bridge", "pot"],
            )?,
            evicted: counter(
                "portcullis_return_flows_evicted_total",
                "Return flows that made room for others in a table that was full.",
                &["bridge", "table"],
            )?,
            full_bounds: Arc::default(),
            rule_packets: counter(
                "portcullis_rule_packets_total",
                "Packets by rule, learned return flows included.",
                &["bridge", "rule"],
            )?,
            rule_bytes: counter(
                "portcullis_rule_bytes_total",
                "Bytes by rule, learned return flows included.",
                &["bridge", "rule"],
            )?,
            denied: counter(
                "portcullis_denied_packets_total",
                "Packets that were dropped, by reason.",
                &["bridge", "reason"],
            )?,
            packet_ins: counter(
                "portcullis_packet_ins_total",
                "Packets that a bridge sent to the controller.",
                &["bridge"],
            )?,
            decided: counter(
                "portcullis_learning_packets_total",
                "Packets of learning switches that the controller decided about.",
                &["bridge", "outcome"],
            )?,
            macs: gauge(
                "portcullis_learning_macs",
                "MAC addresses that learning switches know.",
                &["bridge"],
            )?,
            macs_learned: counter(
                "portcullis_learning_macs_total",
                "MAC addresses that were learned, moved, or not learned because their port has its share.",
                &["bridge", "outcome"],
            )?,
            flow_mods: counter("portcullis_flow_mods_total", "Changes sent to a bridge.", &["bridge"])?,
            errors: counter(
                "portcullis_openflow_errors_total",
                "Errors that switches reported, by OFPET type and code.",
                &["type", "code"],
            )?,
            drift: counter(
                "portcullis_drift_repaired_total",
                "Changes by others that were put back.",
                &["bridge"],
            )?,
            conflicts: counter(
                "portcullis_identity_conflicts_total",
                "Sessions that said they were a bridge and did not get it.",
                &["bridge"],
            )?,
            faults: gauge(
                "portcullis_isolation_fault",
                "Settings of a bridge that break isolation past its flows (1: NOT ISOLATED).",
                &["bridge", "kind"],
            )?,
            reloads: counter(
                "portcullis_reloads_total",
                "Times the network file was read again, by outcome.",
                &["outcome"],
            )?,
            windows: gauge(
                "portcullis_window_open",
                "Whether a window of the network file is open.",
                &["window"],
            )?,
            holds: [
                ("never", gauge("portcullis_never_holds", HOLDS, &["never"])?),
                ("always", gauge("portcullis_always_holds", HOLDS, &["always"])?),
                ("confine", gauge("portcullis_confine_holds", HOLDS, &["confine"])?),
            ],
            proof_age: gauge(
                "portcullis_proof_age_seconds",
                "Time since the assertions of the network file were proven on the installed flows.",
                &[],
            )?,
            registry,
        })
    }

    /// Creates the series of a bridge in the file.
    pub fn declare(&self, bridge: &str) {
        let labels = &[bridge];
        // `*` stands for all bridges that the file does not name, so it has no connection state.
        if bridge != ANY_BRIDGE {
            self.connected.with_label_values(labels);
            self.settled.with_label_values(labels);
            self.ambiguous.with_label_values(labels);
        }
        self.learned.with_label_values(labels);
        self.packet_ins.with_label_values(labels);
        self.flow_mods.with_label_values(labels);
        self.drift.with_label_values(labels);
        self.conflicts.with_label_values(labels);
    }

    /// Removes the series of bridges and rules that are gone. Faults have bridges of their own.
    pub fn retain(
        &self,
        has_bridge: impl Fn(&str) -> bool,
        has_rule: impl Fn(&str, &str) -> bool,
        has_faults: impl Fn(&str) -> bool,
    ) {
        let of_bridge = |labels: &[&str]| labels.first().is_some_and(|bridge| has_bridge(bridge));
        let gauges =
            [&self.connected, &self.settled, &self.ambiguous, &self.flows, &self.learned, &self.macs];
        gauges.into_iter().for_each(|family| retain(family, of_bridge));
        let counters = [
            &self.denied,
            &self.packet_ins,
            &self.decided,
            &self.macs_learned,
            &self.flow_mods,
            &self.drift,
            &self.conflicts,
        ];
        counters.into_iter().for_each(|family| retain(family, of_bridge));
        retain(&self.reconcile, of_bridge);
        for family in [&self.rule_packets, &self.rule_bytes] {
            retain(family, |labels| matches!(labels, [bridge, rule] if has_rule(bridge, rule)));
        }
        retain(&self.faults, |labels| labels.first().is_some_and(|bridge| has_faults(bridge)));
    }

    /// Sets whether a bridge is connected and settled.
    pub fn set_bridge_state(&self, bridge: &str, connected: bool, settled: bool) {
        self.connected.with_label_values(&[bridge]).set(i64::from(connected));
        self.settled.with_label_values(&[bridge]).set(i64::from(connected && settled));
    }

    /// Sets the number of port names in the file that several ports of a bridge have.
    pub fn ambiguous(&self, bridge: &str, names: usize) {
        self.ambiguous.with_label_values(&[bridge]).set(saturated(names as u64));
    }

    /// Adds the sums of a read of a bridge's flows.
    pub fn counted(&self, bridge: &str, before: &Sums, sums: &Sums) {
        for table in before.tables.keys().filter(|t| !sums.tables.contains_key(t)) {
            self.flows.with_label_values(&[bridge, &table.to_string()]).set(0);
        }
        for (table, flows) in &sums.tables {
            self.flows.with_label_values(&[bridge, &table.to_string()]).set(saturated(*flows));
        }
        self.learned.with_label_values(&[bridge]).set(saturated(sums.learned));
        for (rule, (packets, bytes)) in &sums.rules {
            self.rule_packets.with_label_values(&[bridge, rule]).inc_by(*packets);
            self.rule_bytes.with_label_values(&[bridge, rule]).inc_by(*bytes);
        }
        for (reason, packets) in &sums.denied {
            self.denied.with_label_values(&[bridge, reason]).inc_by(*packets);
        }
    }

    /// Sets the bounds of a bridge that have no room for return flows, and adds the evictions since
    /// the last read.
    pub fn full(&self, bridge: &str, bounds: Vec<String>, evicted: &Evicted) {
        for (table, flows) in evicted {
            self.evicted.with_label_values(&[bridge, &table.to_string()]).inc_by(*flows);
        }
        for bound in &bounds {
            self.full.with_label_values(&[bridge, bound]).set(1);
        }
        // A panic elsewhere leaves the names usable.
        let mut all = self.full_bounds.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.insert(bridge.to_owned(), bounds.clone()).unwrap_or_default();
        for bound in before.iter().filter(|bound| !bounds.contains(bound)) {
            // The series exists: it was set when the bound was reached.
            let _ = self.full.remove_label_values(&[bridge, bound]);
        }
    }

    /// Counts a packet that arrived at the controller.
    pub fn packet_in(&self, bridge: &str) {
        self.packet_ins.with_label_values(&[bridge]).inc();
    }

    /// Returns the counters of a learning switch, looked up once.
    pub fn learning(&self, bridge: &str) -> LearningMetrics {
        let decided = |outcome| self.decided.with_label_values(&[bridge, outcome]);
        let macs = |outcome| self.macs_learned.with_label_values(&[bridge, outcome]);
        LearningMetrics {
            packets: self.packet_ins.with_label_values(&[bridge]),
            forwarded: decided("forwarded"),
            flooded: decided("flooded"),
            dropped: decided("dropped"),
            learned: macs("learned"),
            moved: macs("moved"),
            refused: macs("refused"),
            known: self.macs.with_label_values(&[bridge]),
            last: 0,
        }
    }

    /// Counts changes that were sent.
    pub fn changing(&self, bridge: &str, changes: usize) {
        self.flow_mods.with_label_values(&[bridge]).inc_by(changes as u64);
    }

    /// Counts changes that took effect.
    pub fn changed(&self, bridge: &str, drift: usize, took: Duration) {
        self.drift.with_label_values(&[bridge]).inc_by(drift as u64);
        self.reconcile.with_label_values(&[bridge]).observe(took.as_secs_f64());
    }

    /// Counts a session that claimed the bridge in vain.
    pub fn identity_conflict(&self, bridge: &str) {
        self.conflicts.with_label_values(&[bridge]).inc();
    }

    /// Counts an error that a switch reported.
    pub fn error(&self, (kind, code): (&str, &str)) {
        self.errors.with_label_values(&[kind, code]).inc();
    }

    /// Sets whether a kind of fault was found at a bridge.
    pub fn fault(&self, bridge: &str, kind: &str, found: bool) {
        self.faults.with_label_values(&[bridge, kind]).set(i64::from(found));
    }

    /// Counts a reload of the network file.
    pub fn reloaded(&self, ok: bool) {
        self.reloads.with_label_values(&[if ok { "ok" } else { "refused" }]).inc();
    }

    /// Sets the windows of the network file, and whether each is open.
    pub fn windows<'a>(&self, windows: impl Iterator<Item = (&'a str, bool)>) {
        self.windows.reset();
        for (window, open) in windows {
            self.windows.with_label_values(&[window]).set(i64::from(open));
        }
    }

    /// Sets the verdicts on the assertions of the network file: each with its kind and its name.
    pub fn verdicts<'a>(&self, verdicts: impl Iterator<Item = (&'a str, &'a str, i64)>) {
        self.holds.iter().for_each(|(_, family)| family.reset());
        for (kind, name, verdict) in verdicts {
            for (_, family) in self.holds.iter().filter(|(of, _)| *of == kind) {
                family.with_label_values(&[name]).set(verdict);
            }
        }
    }

    /// Sets the age of those verdicts.
    pub fn proof_age(&self, age: Duration) {
        self.proof_age.with_label_values::<&str>(&[]).set(saturated(age.as_secs()));
    }

    /// Returns all metrics in Prometheus' text format.
    ///
    /// # Errors
    /// [`prometheus::Error`] if the format cannot express a metric: a mistake in this file.
    pub fn text(&self) -> prometheus::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Removes the series of a family whose labels `keep` rejects. It gets the labels in the order of
/// their names, in which each family here declares them.
fn retain<T: MetricVecBuilder>(family: &MetricVec<T>, keep: impl Fn(&[&str]) -> bool) {
    for metric in family.collect().iter().flat_map(|family| family.get_metric()) {
        let labels: Vec<&str> = metric.get_label().iter().map(|label| label.value()).collect();
        if !keep(&labels) {
            // The series may be gone already.
            let _ = family.remove_label_values(&labels);
        }
    }
}

fn saturated(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The counters of one learning switch. Adding to them takes no lock.
#[derive(Debug)]
pub struct LearningMetrics {
    packets: IntCounter,
    forwarded: IntCounter,
    flooded: IntCounter,
    dropped: IntCounter,
    learned: IntCounter,
    moved: IntCounter,
    refused: IntCounter,
    known: IntGauge,
    /// The part of this switch in `known`, which may sum up several switches.
    last: i64,
}

impl LearningMetrics {
    /// Adds the counters of a batch. `known` is the number of addresses after it.
    pub fn add(&mut self, tally: &PacketTally, known: usize) {
        for (counter, count) in [
            (&self.packets, tally.packets),
            (&self.forwarded, tally.forwarded),
            (&self.flooded, tally.flooded),
            (&self.dropped, tally.dropped),
            (&self.learned, tally.learned),
            (&self.moved, tally.moved),
            (&self.refused, tally.refused),
        ] {
            if count > 0 {
                counter.inc_by(count);
            }
        }
        let known = i64::try_from(known).unwrap_or(i64::MAX);
        if known != self.last {
            self.known.add(known - self.last);
            self.last = known;
        }
    }
}

impl Drop for LearningMetrics {
    fn drop(&mut self) {
        self.known.sub(self.last);
    }
}
