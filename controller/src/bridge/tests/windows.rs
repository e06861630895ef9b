//! Tests flows that end by the clock, with a switch that ends them and a controller that expects
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flows::compile::layout::FORWARDING;
use flows::{Flow, FlowMatch};
use ofproto::TableId;
use ofproto::message::monitor::{MONITOR_ACTIONS, MonitorEvent};
use ofproto::message::multipart::FlowStats;
use ofproto::message::{BundleControlKind, FLOW_RESET_COUNTS, FlowMod, FlowModCommand};

use super::{BEGUN, Rig, control, flow_mod, is_read, policy, stats};
use crate::active_policy::ActivePolicy;
use crate::adversaries::switch::update;
use crate::bridge::Notice;
use crate::clock::Clock;

const PORTS: [&str; 3] = ["a0", "b0", "c0"];
const FILE: &str = r#"
[network.n]
bridge = "br0"
subnets = ["10.9.0.0/24"]

[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.9.0.1"] }]
[endpoint.b]
attach = [{ network = "n", port = "b0", addresses = ["10.9.0.2"] }]
[endpoint.c]
attach = [{ network = "n", port = "c0", addresses = ["10.9.0.3"] }]

[[allow]]
name = "web"
from = ["a", "c"]
to = "b"
protocol = "tcp"
ports = [80]
purpose = "always"

[[allow]]
name = "fetch"
from = ["a", "b"]
to = "c"
protocol = "udp"
ports = [69]
purpose = "while it is updated"
temp = "updates"
"#;
const S: fn(u64) -> Duration = Duration::from_secs;

/// Returns the file, with windows that close that many seconds after the test began.
fn windowed(windows: &[(&str, u64)]) -> ActivePolicy {
    let ends = windows.iter().map(|(name, end)| ((*name).to_owned(), BEGUN + end));
    ActivePolicy { windows: Arc::new(ends.collect::<BTreeMap<_, _>>()), ..policy(FILE) }
}

/// A switch that ends flows when their hard timeout is over.
struct Switch {
    flows: Vec<(Flow, Instant)>,
    /// The changes, in order.
    changes: Vec<(Duration, FlowMod)>,
    begun: Instant,
}

impl Switch {
    fn new(begun: Instant) -> Self {
        Self { flows: Vec::new(), changes: Vec::new(), begun }
    }

    fn apply(&mut self, now: Instant, m: &FlowMod) {
        self.changes.push((now - self.begun, m.clone()));
        let matches = FlowMatch::from_wire(&m.fields);
        match m.command {
            FlowModCommand::Delete => {
                assert_eq!(m.cookie_mask, u64::MAX, "{m:?}");
                self.flows.retain(|(f, _)| {
                    (f.table, f.cookie) != (m.table_id, m.cookie) || !f.matches.within(&matches)
                });
            }
            command => {
                self.flows
                    .retain(|(f, _)| f.key() != (Flow::new(m.table_id, m.priority, matches.clone())).key());
                if command == FlowModCommand::Add {
                    assert_eq!(m.flags & FLOW_RESET_COUNTS, 0, "counters begin anew: {m:?}");
                    let mut flow = Flow::new(m.table_id, m.priority, matches);
                    flow.cookie = m.cookie;
                    flow.idle_timeout = m.idle_timeout;
                    flow.hard_timeout = m.hard_timeout;
                    flow.flags = m.flags;
                    flow.instructions = m.instructions.clone();
                    self.flows.push((flow, now));
                }
            }
        }
    }

    /// Returns the flows that end now.
    fn expire(&mut self, now: Instant) -> Vec<Flow> {
        let over =
            |(f, since): &(Flow, Instant)| f.hard_timeout != 0 && *since + S(f.hard_timeout.into()) <= now;
        let (gone, left) = std::mem::take(&mut self.flows).into_iter().partition(over);
        self.flows = left;
        gone.into_iter().map(|(flow, _): (Flow, Instant)| flow).collect()
    }

    fn stats(&self, now: Instant) -> Vec<FlowStats> {
        let stat = |(flow, since): &(Flow, Instant)| {
            let age = now - *since;
            FlowStats {
                duration_sec: u32::try_from(age.as_secs()).unwrap(),
                duration_nsec: age.subsec_nanos(),
                ..stats(flow)
            }
        };
        self.flows.iter().map(stat).collect()
    }

    fn timed(&self) -> usize {
        self.flows.iter().filter(|(f, _)| f.hard_timeout != 0 && f.table != TableId(1)).count()
    }
}

/// A bridge with a switch.
struct Pair {
    rig: Rig,
    switch: Switch,
    /// True if the monitor reports the flows that the switch ends.
    told: bool,
}

impl Pair {
    fn connect(active: ActivePolicy) -> Self {
        let rig = Rig::connect_with(active, "br0", &PORTS);
        let switch = Switch::new(rig.now);
        let mut this = Self { rig, switch, told: true };
        this.pass(S(1));
        this.switch.changes.clear();
        this.rig.notices.clear();
        this
    }

    fn elapsed(&self) -> Duration {
        self.rig.now - self.switch.begun
    }

    /// Advances the time. The switch carries out its messages.
    fn pass(&mut self, time: Duration) {
        let end = self.rig.now + time;
        while self.rig.now < end {
            self.work();
            self.rig.millis(50);
        }
        self.work();
    }

    fn work(&mut self) {
        for flow in self.switch.expire(self.rig.now) {
            if self.told {
                self.tell_expired(&flow);
            }
        }
        loop {
            let sent = self.rig.received();
            if sent.is_empty() {
                return;
            }
            self.rig.grant_monitor(&sent);
            let sent: Vec<_> = sent
                .into_iter()
                .filter(|s| !matches!(super::asked(&s.1), Some(super::MultipartRequestBody::Monitor(_))))
                .collect();
            if is_read(&sent) {
                let flows = self.switch.stats(self.rig.now);
                self.rig.answer_read(&sent, flows, &[]);
            } else if !sent.is_empty() {
                let (commit, bundle, changes) = self.rig.open_bundle(&sent);
                for (_, change) in &changes {
                    self.switch.apply(self.rig.now, flow_mod(change));
                }
                self.rig.give(commit, &control(bundle, BundleControlKind::CommitReply));
            }
        }
    }

    fn tell_expired(&mut self, flow: &Flow) {
        self.rig.tell_update(update(MonitorEvent::Deleted, 1, flow, MONITOR_ACTIONS));
    }

    fn force(&mut self, active: ActivePolicy) {
        self.rig.bridge.reload(self.rig.now, active, &mut self.rig.session);
        self.rig.settle();
        self.work();
    }

    fn changes(&mut self) -> Vec<(Duration, FlowMod)> {
        std::mem::take(&mut self.switch.changes)
    }

    /// Returns a return flow that a learner with an end would write.
    fn learn(&mut self) -> Flow {
        let mut flow = super::drift::learned_by(&self.rig, |f| f.hard_timeout != 0);
        flow.hard_timeout = flow.hard_timeout.max(1);
        self.switch.flows.push((flow.clone(), self.rig.now));
        flow
    }

    fn foreign(&self) -> Vec<String> {
        let text = |n: &Notice| if let Notice::Foreign(f) = n { Some(f.text.clone()) } else { None };
        self.rig.notices.iter().filter_map(text).collect()
    }
}

fn deletes_learned(changes: &[(Duration, FlowMod)], of: &Flow) -> bool {
    changes
        .iter()
        .any(|(_, m)| m.command == FlowModCommand::Delete && (m.table_id, m.cookie) == (of.table, of.cookie))
}

#[test]
fn a_window_opens_its_own_flows_for_the_time_that_is_left_and_nothing_else() {
    let mut pair = Pair::connect(windowed(&[]));
    assert_eq!(pair.switch.timed(), 0);
    let before = pair.switch.flows.clone();
    pair.pass(S(9));
    pair.force(windowed(&[("updates", 70)]));
    let changes = pair.changes();
    assert!(!changes.is_empty());
    for (_, m) in &changes {
        // Only flows that end lead to an output.
        let ends = if m.table_id == FORWARDING { 0 } else { 60 };
        assert_eq!((m.command, m.hard_timeout), (FlowModCommand::Add, ends), "{m:?}");
    }
    assert!(before.iter().all(|f| pair.switch.flows.contains(f)), "a flow of another rule was touched");
    assert_eq!(pair.rig.bridge.status().drift_repaired, 0);
    // Repeated reads while the flows grow old: they are as desired.
    pair.pass(S(55));
    assert_eq!(pair.changes(), vec![]);
    assert!(
        pair.rig.bridge.status().settled
            && pair.rig.notices.iter().filter(|n| matches!(n, Notice::Settled)).count() == 1
    );
}

#[test]
fn it_is_closed_to_the_second_and_its_learned_flows_go_until_nothing_is_left() {
    let mut pair = Pair::connect(windowed(&[("updates", 60)]));
    assert!(pair.switch.timed() > 0);
    // A switch that would end them later, because its clock began after the controller's.
    for (flow, _) in &mut pair.switch.flows {
        if flow.hard_timeout != 0 {
            flow.hard_timeout += 1;
        }
    }
    let learned = pair.learn();
    pair.pass(S(58));
    assert_eq!(pair.changes(), vec![]);
    pair.pass(S(60) - pair.elapsed());
    let changes = pair.changes();
    assert_eq!(pair.switch.timed(), 0);
    assert!(changes.iter().all(|(at, m)| *at == S(60) && m.command != FlowModCommand::Add), "{changes:?}");
    assert!(deletes_learned(&changes, &learned));
    // A packet under way taught the flow once more.
    pair.switch.flows.push((learned.clone(), pair.rig.now));
    assert!(!pair.rig.bridge.status().settled);
    pair.pass(Duration::from_millis(1_100));
    assert!(deletes_learned(&pair.changes(), &learned));
    pair.pass(S(3));
    assert!(pair.rig.bridge.status().settled);
    assert_eq!((pair.rig.bridge.status().drift_repaired, pair.foreign()), (0, vec![]));
}

#[test]
fn what_two_tell_of_at_once_is_nobodys_drift() {
    let mut pair = Pair::connect(windowed(&[("updates", 60)]));
    let learned = pair.learn();
    pair.pass(S(59) - pair.elapsed());
    // The bridge's own timer, and then the controller's, before the switch answered.
    pair.rig.millis(1_000);
    pair.rig.bridge.reload(pair.rig.now, windowed(&[]), &mut pair.rig.session);
    pair.rig.settle();
    pair.pass(S(3));
    assert_eq!(pair.switch.timed(), 0);
    assert!(deletes_learned(&pair.changes(), &learned));
    assert_eq!((pair.rig.bridge.status().drift_repaired, pair.foreign()), (0, vec![]));
}

#[test]
fn what_the_switch_ended_itself_is_no_drift_and_its_learned_flows_go_all_the_same() {
    for told in [true, false] {
        let mut pair = Pair::connect(windowed(&[("updates", 60)]));
        pair.told = told;
        let learned = pair.learn();
        // The switch's clock is ahead.
        for (flow, since) in &mut pair.switch.flows {
            if flow.hard_timeout != 0 && flow.table != TableId(1) {
                *since -= Duration::from_millis(1_800);
            }
        }
        pair.pass(Duration::from_millis(58_300) - pair.elapsed());
        assert_eq!(pair.switch.timed(), 0, "the switch ends them first");
        // Any event that makes the controller read now.
        let other = Flow::new(TableId(0), 4_242, FlowMatch::any());
        pair.switch.flows.push((other.clone(), pair.rig.now));
        pair.rig.tell(MonitorEvent::Added, &other);
        pair.pass(Duration::from_millis(300));
        assert!(matches!(&pair.changes()[..], [(_, m)] if m.priority == 4_242));
        assert_eq!(pair.foreign().len(), 1, "that other flow's alone");
        pair.rig.notices.clear();
        let drift = pair.rig.bridge.status().drift_repaired;
        assert_eq!(drift, 1, "that other flow's alone");
        pair.pass(Duration::from_millis(59_500) - pair.elapsed());
        assert_eq!(pair.changes(), vec![]);
        pair.pass(S(5));
        let changes = pair.changes();
        assert!(deletes_learned(&changes, &learned), "{changes:?}");
        assert!(changes.iter().all(|(_, m)| m.command != FlowModCommand::Add), "{changes:?}");
        assert!(pair.rig.bridge.status().settled);
        assert_eq!((pair.rig.bridge.status().drift_repaired, pair.foreign()), (drift, vec![]));
    }
}

#[test]
fn a_flow_that_somebody_takes_from_an_open_window_comes_back_for_the_time_that_is_left() {
    let mut pair = Pair::connect(windowed(&[("updates", 60)]));
    pair.pass(S(29));
    let taken = pair.switch.flows.iter().position(|(f, _)| f.hard_timeout != 0).unwrap();
    let (taken, _) = pair.switch.flows.remove(taken);
    pair.rig.tell(MonitorEvent::Deleted, &taken);
    pair.pass(S(1));
    let changes = pair.changes();
    assert_eq!(changes.len(), 1);
    assert!((28..=30).contains(&changes[0].1.hard_timeout), "{changes:?}");
    assert_eq!((pair.rig.bridge.status().drift_repaired, pair.foreign().len()), (1, 1));
    // A flow that would end late is repaired too, after a report and after a read.
    for told in [true, false] {
        let (flow, since) = pair.switch.flows.iter_mut().find(|(f, _)| f.hard_timeout != 0).unwrap();
        (flow.hard_timeout, *since) = (600, pair.rig.now);
        let flow = flow.clone();
        if told {
            pair.rig.tell(MonitorEvent::Modified, &flow);
        }
        pair.pass(S(6));
        let changes = pair.changes();
        assert_eq!(changes.len(), 1, "{told}: {changes:?}");
        assert!(changes[0].1.hard_timeout < 30, "{changes:?}");
    }
    pair.pass(S(61) - pair.elapsed());
    assert_eq!(pair.switch.timed(), 0);
}

#[test]
fn a_restart_finds_the_window_as_it_was_and_touches_nothing() {
    let mut pair = Pair::connect(windowed(&[("updates", 60)]));
    pair.pass(S(20));
    let again = Rig::connect_with(windowed(&[("updates", 40)]), "br0", &PORTS);
    // The new controller's monotonic clock begins anew. The wall clock is 20 s later, and the
    // window closes at the same time.
    let shift = pair.rig.now - again.now;
    pair.switch.flows.iter_mut().for_each(|(_, since)| *since -= shift);
    pair.rig = again;
    pair.switch.begun = pair.rig.now;
    pair.changes();
    pair.pass(S(38));
    assert_eq!(pair.changes(), vec![]);
    pair.pass(S(4));
    assert_eq!(pair.switch.timed(), 0);

    // A window whose deadline passed meanwhile is closed.
    let mut late = Pair::connect(windowed(&[("updates", 60)]));
    let learned = late.learn();
    late.rig = Rig::connect_with(windowed(&[]), "br0", &PORTS);
    late.switch.flows.iter_mut().for_each(|(_, since)| *since = late.rig.now - S(1));
    late.switch.begun = late.rig.now;
    late.changes();
    late.pass(S(1));
    assert_eq!(late.switch.timed(), 0);
    assert!(deletes_learned(&late.changes(), &learned));
    assert_eq!(late.rig.bridge.status().drift_repaired, 0);
}

#[test]
fn a_window_longer_than_a_timeout_is_armed_again_before_half_of_it_is_over() {
    let longest = |windows| ActivePolicy { longest: 100, ..windowed(windows) };
    let mut pair = Pair::connect(longest(&[("updates", 330)]));
    let mine = pair.switch.timed();
    assert!(mine > 0);
    assert!(pair.switch.flows.iter().all(|(f, _)| [0, 100].contains(&f.hard_timeout)));
    let learned = pair.learn();
    let mut armed: BTreeMap<Duration, usize> = BTreeMap::new();
    for _ in 0..328 {
        pair.pass(S(1));
        // The learned flow has a lifetime of its own.
        pair.switch
            .flows
            .iter_mut()
            .filter(|(f, _)| f.table == TableId(1))
            .for_each(|(_, at)| *at = pair.rig.now);
        if pair.elapsed() < S(330) {
            assert_eq!(pair.switch.timed(), mine, "at {:?}", pair.elapsed());
        }
        for (at, m) in pair.changes() {
            if at < S(330) {
                assert_eq!(m.command, FlowModCommand::Add, "at {at:?}: {m:?}");
                assert!(at + S(m.hard_timeout.into()) <= S(331), "at {at:?}: {m:?}");
                *armed.entry(at).or_default() += 1;
            }
        }
    }
    let times: Vec<u64> = armed.keys().map(Duration::as_secs).collect();
    assert!(armed.values().all(|n| *n == mine), "{armed:?}");
    assert!((3..=6).contains(&times.len()), "armed at {times:?}");
    let mut last = 0;
    for at in &times {
        assert!(*at - last <= 80, "{times:?}: no more than a slip from the end");
        last = *at;
    }
    assert!(pair.switch.flows.iter().any(|(f, _)| *f == learned), "what it taught was lost");
    assert_eq!((pair.rig.bridge.status().drift_repaired, pair.foreign()), (0, vec![]));
    pair.pass(S(4));
    assert_eq!(pair.switch.timed(), 0);
    assert!(!pair.switch.flows.iter().any(|(f, _)| *f == learned));
}

#[test]
fn a_window_of_a_second_opens_and_one_that_is_extended_or_closed_ends_then() {
    let mut pair = Pair::connect(windowed(&[]));
    pair.force(windowed(&[("updates", 3)]));
    assert!(pair.switch.timed() > 0, "for {:?}", S(3) - pair.elapsed());
    pair.force(windowed(&[("updates", 100)]));
    let changes = pair.changes();
    let policy = changes.iter().filter(|(_, m)| m.table_id != FORWARDING);
    let timeouts: Vec<u16> = policy.map(|(_, m)| m.hard_timeout).collect();
    assert_eq!(
        timeouts.iter().filter(|t| **t == 98 || **t == 99).count() * 2,
        timeouts.len(),
        "{timeouts:?}"
    );
    pair.pass(S(50));
    assert!(pair.switch.timed() > 0);
    pair.force(windowed(&[]));
    assert_eq!(pair.switch.timed(), 0);
}

#[test]
fn a_clock_that_is_set_is_followed() {
    let mut pair = Pair::connect(windowed(&[("updates", 600)]));
    pair.pass(S(10));
    pair.rig.bridge.set_clock(Clock::new(pair.rig.now, S(BEGUN + 700)));
    pair.rig.bridge.handle_timeout(pair.rig.now, &mut pair.rig.session);
    pair.work();
    assert_eq!(pair.switch.timed(), 0);
    // And back, for the remaining time.
    pair.rig.bridge.set_clock(Clock::new(pair.rig.now, S(BEGUN + 300)));
    pair.force(windowed(&[("updates", 600)]));
    assert!(pair.changes().iter().any(|(_, m)| m.hard_timeout == 300));
}

#[test]
fn the_timeout_of_a_raw_line_is_as_it_stands() {
    let raw = "[bridge.br0]\nflows = [\"priority=7,hard_timeout=300,in_port=a0,tcp,actions=drop\"]\n";
    let mut active = policy(&format!("{FILE}\n{raw}"));
    active.longest = 100;
    let mut pair = Pair::connect(active);
    pair.pass(S(60));
    assert_eq!(pair.switch.flows.iter().filter(|(f, _)| f.hard_timeout == 300).count(), 1);
    pair.switch.flows.retain(|(f, _)| f.hard_timeout == 0);
    pair.pass(S(6));
    assert!(matches!(&pair.changes()[..], [(_, m)] if m.hard_timeout == 300));
}
