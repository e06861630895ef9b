//! The state of one bridge over one session.

mod commit;
mod flapping;
mod mac_learning;
mod meters;
mod read;
mod relay;
mod relay_v6;
mod samples;
mod userspace_learn;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flows::Flow;
use flows::runtime::userspace_learn::{Dialect, LearnedFlowMirror};
use ofproto::message::multipart::{MultipartReplyBody, MultipartRequest, MultipartRequestBody};
use ofproto::message::{ErrorMsg, Message};
use ofproto::{DatapathId, TableId, Xid};

use self::commit::Commit;
use self::flapping::PortChanges;
use self::read::FlowRead;
use self::relay::Metering;
use self::samples::Sampling;
use self::userspace_learn::{MIRRORED, PendingAdditions};
use super::crowded_ports::CrowdedPorts;
use super::ct_flush::FlushSelector;
use super::leases::Leases;
use super::plan::Plan;
use super::revoked_flows::Revoked;
use super::{Compiled, Evicted, Notice, POLL, POLL_UNWATCHED, Ports, RETRY};
use crate::active_policy::ActivePolicy;
use crate::clock::Clock;
use crate::mac_learning::LearningSwitch;
use crate::session::{CloseReason, Connected, Event, SendError, Session, error_names};

/// One bridge of one session.
#[derive(Debug)]
pub struct Bridge {
    policy: ActivePolicy,
    /// The wall clock.
    clock: Clock,
    /// Next time at which the desired flows change by themselves, in seconds since 1970-01-01 UTC.
    next_change_at: Option<u64>,
    name: Option<String>,
    datapath: DatapathId,
    owned: bool,
    /// True if the session owns the bridge and may change its flows.
    is_granted: bool,
    ports: Ports,
    port_changes: PortChanges,
    /// The ports that the file names and the bridge lacks.
    missing_ports: BTreeSet<String>,
    /// The port names of the file that several ports of the bridge have.
    ambiguous_ports: BTreeSet<String>,
    /// Flows that the policy asks for.
    pub(super) desired: Arc<Compiled>,
    /// Flows on the switch after the last successful round.
    installed: Option<Arc<Compiled>>,
    /// Flows on the switch when no revoked flow was left.
    acknowledged: Option<Arc<Compiled>>,
    monitor: Monitor,
    /// The tables whose evictions the monitor reports, and the requests for the reports.
    evictions: BTreeMap<TableId, Xid>,
    /// True if the switch has bundles. This is assumed until the switch refuses one.
    bundles: bool,
    next_bundle: u32,
    /// The finest selector of connections that the switch can flush. The finest is assumed until
    /// refused.
    forgets: FlushSelector,
    phase: Phase,
    /// Time of the next read.
    read_at: Option<Instant>,
    /// True if the switch has the `installed` flows, by the last read and the reports since.
    installed_is_known: bool,
    /// True if a foreign change was reported since the last read began.
    foreign_reported: bool,
    /// Number of foreign changes that the monitor reported since the last read began.
    foreign_changes: u32,
    /// Beginning of the last read.
    last_read: Option<Instant>,
    /// True if the desired flows changed, and the choice between a commit at once and a read first
    /// is open.
    changed: bool,
    /// The flows installed before the last commit, and those that it deleted. Kept until the flows
    /// that they taught are deleted.
    vanished_program: Option<(Arc<Compiled>, Vec<Flow>)>,
    /// The flows that recent changes revoked.
    revoked_flows: Option<Revoked>,
    /// Consecutive rounds that failed or left something to do.
    failed_rounds: u32,
    /// Consecutive rounds that deleted as much as one round may.
    partial_rounds: u32,
    /// Set by a read whose program was no longer desired at its end, and that is repeated.
    read_was_outdated: bool,
    settled: bool,
    drift_repaired: u64,
    last_error: Option<String>,
    notices: VecDeque<Notice>,
    /// The learning switch, if the file makes the bridge one.
    learning_switch: Option<LearningSwitch>,
    /// Creation time, from which the learning switch's table counts seconds.
    created_at: Instant,
    /// The flows that the controller learned for the switch.
    learned_flow_mirror: LearnedFlowMirror,
    /// Learned flows that were sent and that the switch may still refuse.
    additions: PendingAdditions,
    /// The last noted reason why a packet was not learned from.
    not_learned: Option<String>,
    /// Visibility of installed flows in reads.
    visibility: FlowVisibility,
    /// Evictions since the last read.
    evicted: Evicted,
    /// Samples of denied packets.
    sampling: Sampling,
    /// The DHCP leases, by address.
    leases: Leases,
    /// Ports with the largest allowed number of IPv6 addresses.
    crowded_ports: CrowdedPorts,
    /// Addresses whose lease ended, each with the time of the second check for flows learned for
    /// it.
    ended_addresses: VecDeque<(Instant, (u16, IpAddr))>,
    /// The meters of DHCP relays.
    metering: Metering,
    /// The last noted reason why a DHCP message was not relayed.
    not_relayed: Option<String>,
}

/// Visibility of a switch's flows. Some switches that learn in hardware report none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlowVisibility {
    /// No read has shown a flow yet.
    Unseen,
    /// A read has shown a flow.
    Seen,
    /// The switch reports none of the flows that it took, and this was noted.
    Hidden,
}

/// The state of the flow monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Monitor {
    /// Not requested: the session does not own the bridge, or the bridge is a learning switch.
    None,
    /// Requested, without an answer so far.
    Asked(Xid),
    /// Active: the switch reports changes.
    On,
    /// Refused: the switch has no flow monitor.
    Off,
}

/// The step of a round that is under way.
#[derive(Debug)]
enum Phase {
    /// No step is under way.
    Idle,
    /// Flows and groups are being read.
    Reading(Box<FlowRead>),
    /// Changes are being made.
    Committing(Box<Commit>),
}

/// The state of a bridge, for the status page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BridgeStatus {
    /// The datapath id.
    pub datapath: DatapathId,
    /// The [`generation`](ActivePolicy::generation) of the policy that the bridge follows.
    pub generation: u64,
    /// True if the last round left nothing to do.
    pub settled: bool,
    /// The ports that the file names and the bridge lacks.
    pub missing_ports: Vec<String>,
    /// The port names of the file that several ports of the bridge have. None of those ports gets
    /// the rights.
    pub ambiguous_ports: Vec<String>,
    /// Number of foreign changes that were repaired in this session.
    pub drift_repaired: u64,
    /// The last failure, until a round succeeds.
    pub last_error: Option<String>,
    /// The policy that is proven to be installed, with no revoked flow left as far as the switch
    /// can show.
    /// `None` before the first successful round.
    pub acknowledged: Option<Acknowledged>,
}

/// A policy that is proven to be installed on a switch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// The [`ActivePolicy::generation`] of the policy.
    pub generation: u64,
    /// The ports that the file named, but that the bridge lacked or had more than once.
    pub missing_ports: BTreeSet<String>,
}

impl Bridge {
    /// Returns a bridge without a name yet, for a session without rivals.
    pub fn new(policy: ActivePolicy, clock: Clock) -> Self {
        Self {
            policy,
            clock,
            next_change_at: None,
            name: None,
            datapath: DatapathId::default(),
            owned: false,
            is_granted: true,
            ports: Ports::default(),
            port_changes: PortChanges::default(),
            missing_ports: BTreeSet::new(),
            ambiguous_ports: BTreeSet::new(),
            desired: Arc::default(),
            installed: None,
            acknowledged: None,
            monitor: Monitor::None,
            evictions: BTreeMap::new(),
            bundles: true,
            next_bundle: 1,
            forgets: FlushSelector::Tuple,
            phase: Phase::Idle,
            read_at: None,
            installed_is_known: false,
            foreign_reported: false,
            foreign_changes: 0,
            changed: false,
            vanished_program: None,
            last_read: None,
            revoked_flows: None,
            failed_rounds: 0,
            partial_rounds: 0,
            read_was_outdated: false,
            settled: false,
            drift_repaired: 0,
            last_error: None,
            notices: VecDeque::new(),
            learning_switch: None,
            created_at: clock.at(),
            learned_flow_mirror: LearnedFlowMirror::new(MIRRORED, Dialect::Nicira),
            additions: PendingAdditions::default(),
            not_learned: None,
            visibility: FlowVisibility::Unseen,
            evicted: Evicted::new(),
            sampling: Sampling::default(),
            leases: Leases::default(),
            crowded_ports: CrowdedPorts::default(),
            ended_addresses: VecDeque::new(),
            metering: Metering::default(),
            not_relayed: None,
        }
    }

    /// Returns a bridge that leaves its switch alone until it is [granted](Self::set_granted) to
    /// this session.
    pub fn awaiting_grant(policy: ActivePolicy, clock: Clock) -> Self {
        Self { is_granted: false, ..Self::new(policy, clock) }
    }

    /// Grants the bridge to this session, or takes it away.
    pub fn set_granted(&mut self, now: Instant, is_granted: bool, session: &mut Session) {
        if self.is_granted != is_granted {
            self.is_granted = is_granted;
            self.identify(now, session);
            self.handle_timeout(now, session);
        }
    }

    /// Returns the datapath id, which is zero until the handshake.
    pub fn datapath(&self) -> DatapathId {
        self.datapath
    }

    /// Returns the name, or `None` before the handshake.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns whether the file names the bridge. The controller leaves a bridge alone if the file
    /// says nothing about its flows.
    pub fn is_named(&self) -> bool {
        self.name.as_deref().is_some_and(|name| self.policy.file.bridge_for(name).is_some())
    }

    /// Handles an event of the session.
    pub fn handle_event(&mut self, now: Instant, event: Event, session: &mut Session) {
        match event {
            Event::Connected(connected) => self.connected(now, &connected, session),
            Event::PortChanged(status) => self.port_changed(now, &status, session),
            Event::Replied(xid, body) => self.replied(now, xid, body, session),
            Event::FlowsReported { xid, flows, more } => self.read_flows(now, xid, flows, more, session),
            Event::Monitored(updates) => self.monitored(now, updates),
            Event::Refused(xid, error) => self.refused(now, xid, error, session),
            Event::Received(xid, message) => self.received(now, xid, &message, session),
            Event::Garbled { xid, kind, error } => {
                self.notices
                    .push_back(Notice::Failed(format!("a message of type {kind} is garbled: {error}")));
                if self.awaits(xid) {
                    session.close(CloseReason::Ended(format!("an answer is garbled: {error}")));
                }
            }
            Event::Closed(_) => self.phase = Phase::Idle,
        }
        self.handle_timeout(now, session);
    }

    /// Returns the next notice, if there is one.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Returns the time of the next call of [`Bridge::handle_timeout`], if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = match &self.phase {
            Phase::Idle => self.read_at,
            Phase::Reading(reading) => Some(reading.deadline),
            Phase::Committing(commit) => Some(commit.deadline),
        };
        let wake = self.next_change_at.and_then(|at| self.clock.instant(at));
        deadline.into_iter().chain(wake).chain(self.leases_due()).chain(self.port_changes.due()).min()
    }

    /// Sets the wall clock, which may be adjusted while the controller runs.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant, session: &mut Session) {
        if session.is_closed() {
            return;
        }
        if self.next_change_at.is_some_and(|at| self.clock.instant(at).is_some_and(|at| at <= now)) {
            self.recompile(now, session);
            if self.desired.ends_early() {
                self.read_soon(now);
            }
        }
        if self.port_changes.take_due(now) {
            self.recompile(now, session);
        }
        self.change_at_once(now, session);
        self.delete_taught(now, session);
        self.keep_leases(now, session);
        match &self.phase {
            Phase::Idle if self.owned && self.read_at.is_some_and(|at| at <= now) => self.read(now, session),
            Phase::Reading(reading) if reading.deadline <= now => {
                session.close(CloseReason::Ended("no answer to the request for flows".to_owned()));
            }
            Phase::Committing(commit) if commit.deadline <= now => {
                // The bundle may have been committed or not: only the switch knows.
                self.round_failed(now, "no answer to a commit".to_owned());
            }
            _ => {}
        }
    }

    /// Activates another policy: a new network file, or other windows.
    pub fn reload(&mut self, now: Instant, policy: ActivePolicy, session: &mut Session) {
        self.policy = policy;
        self.port_changes.file_changed();
        if self.name.is_none() {
            return;
        }
        let was = self.owned;
        self.identify(now, session);
        if was && self.owned {
            self.recompile(now, session);
        }
        self.handle_timeout(now, session);
    }

    /// Returns the state of the bridge.
    pub fn status(&self) -> BridgeStatus {
        BridgeStatus {
            datapath: self.datapath,
            generation: self.policy.generation,
            settled: self.settled || (self.is_granted && self.is_named() && !self.owned),
            missing_ports: self.missing_ports.iter().cloned().collect(),
            ambiguous_ports: self.ambiguous_ports.iter().cloned().collect(),
            drift_repaired: self.drift_repaired,
            last_error: self.last_error.clone(),
            acknowledged: self.acknowledged.as_ref().map(|compiled| Acknowledged {
                generation: compiled.generation,
                missing_ports: compiled.program.missing_ports.clone(),
            }),
        }
    }

    /// Acknowledges the installed program if no revoked flow can be left. Only a complete read that
    /// began late enough shows that: time alone does not.
    fn acknowledge_installed(&mut self, read_began: Option<Instant>) {
        if let Some(revoked) = &mut self.revoked_flows {
            revoked.changed_until =
                revoked.changed_until.filter(|until| read_began.is_none_or(|began| began < *until));
            if revoked.changed_until.is_some() {
                return;
            }
        }
        self.acknowledged = self.installed.clone();
    }

    fn connected(&mut self, now: Instant, connected: &Connected, session: &mut Session) {
        self.datapath = connected.features.datapath_id;
        self.ports = Ports::new(&connected.ports);
        // A switch without an `OFPP_LOCAL` port is named by its datapath id.
        let bridge = self.ports.bridge().map_or_else(|| self.datapath.to_string(), str::to_owned);
        self.name = Some(bridge.clone());
        self.identify(now, session);
        let owned = self.policy.owns(&bridge);
        self.notices.push_back(Notice::Identified { bridge, datapath: self.datapath, owned });
    }

    /// Finds out whether the session owns the bridge by the policy, and starts or stops managing
    /// it.
    fn identify(&mut self, now: Instant, session: &mut Session) {
        let owned = self.is_granted && self.name.as_deref().is_some_and(|name| self.policy.owns(name));
        if owned == self.owned {
            return;
        }
        self.owned = owned;
        self.settled = false;
        if !owned {
            self.read_at = None;
            self.next_change_at = None;
            self.port_changes.forget();
            self.installed = None;
            self.acknowledged = None;
            self.learning_switch = None;
            self.leases = Leases::default();
            return;
        }
        // The monitor would report every flow that a learning switch makes.
        if self.monitor == Monitor::None && self.learns().is_none() {
            self.watch(session);
        }
        self.recompile(now, session);
        self.read_soon(now);
    }

    /// Compiles the policy for the present ports and time. The difference is committed at once if
    /// the flows on the switch are known, otherwise after a read.
    fn recompile(&mut self, now: Instant, session: &mut Session) {
        self.learn_as_said();
        self.meter_samples(session);
        let Some(name) = &self.name else { return };
        let seconds = self.clock.seconds(now);
        let ports = self.ports.by_name();
        let mut program = self.policy.compile(&self.desired.program, name, &ports, seconds);
        self.port_changes.compiled(ports);
        if self.sampling.is_refused() {
            program.unsample();
        }
        if self.metering.is_refused() {
            program.unmeter_relays();
        }
        self.note_ports(&program.missing_ports);
        let compiled = self.desired.then(program, seconds, self.policy.longest);
        let compiled = compiled.of_generation(self.policy.generation).learning(self.learns().is_some());
        self.next_change_at = self.policy.next_end(seconds);
        if compiled.ends_early() {
            // By then, at least half of each timeout is left.
            let again = seconds.saturating_add(u64::from(self.policy.longest / 4).max(1));
            self.next_change_at = Some(self.next_change_at.map_or(again, |end| end.min(again)));
        }
        let same = compiled.desires_same(&self.desired);
        let before = std::mem::replace(&mut self.desired, Arc::new(compiled));
        let had = self.installed.as_ref().is_some_and(|installed| Arc::ptr_eq(installed, &before));
        self.watch_evictions(session);
        self.meter_relays(session);
        self.judge_leases(now, session);
        if same {
            // The names of rules may have changed, but the flows have not. Flows that are not
            // installed yet are not acknowledged by this.
            if had {
                self.installed = Some(Arc::clone(&self.desired));
                self.acknowledge_installed(None);
            }
            return;
        }
        self.settled = false;
        self.changed = true;
        self.read_soon(now);
        self.change_at_once(now, session);
    }

    /// Commits the difference between installed and desired flows, if the flows on the switch are
    /// known.
    ///
    /// A read of a large bridge costs more than all other steps, and a revoked endpoint may make it
    /// larger meanwhile. The monitor would have reported any other flows on the switch. If such a
    /// report is still under way, the read after the commit finds those flows.
    fn change_at_once(&mut self, now: Instant, session: &mut Session) {
        if !self.changed || matches!(self.phase, Phase::Committing(_)) {
            return;
        }
        self.changed = false;
        let is_known = self.owned && self.installed_is_known && self.monitor == Monitor::On;
        let before = self.installed.as_ref().filter(|before| is_known && !Arc::ptr_eq(before, &self.desired));
        let at = self.clock.since_epoch(now);
        // The commit makes the result of a read under way outdated.
        if let Some(plan) = before.and_then(|before| Plan::between(before, &self.desired, at)) {
            self.commit(now, now, plan, session);
        }
    }

    /// Deletes the flows that learners taught before the last change revoked them, as far as that
    /// can be told without a read.
    fn delete_taught(&mut self, now: Instant, session: &mut Session) {
        if !matches!(self.phase, Phase::Idle) {
            return;
        }
        let (Some((before, gone)), Some(installed)) = (self.vanished_program.take(), &self.installed) else {
            return;
        };
        if let Some(plan) = Plan::taught(&before, installed, &gone).filter(|_| self.owned) {
            self.commit(now, now, plan, session);
        }
    }

    /// Notes a report that the switch may have other flows than the installed ones.
    fn in_doubt(&mut self) {
        self.installed_is_known = false;
        self.foreign_reported = true;
    }

    /// Notes which of the ports without compiled flows are missing, and which are ambiguous.
    fn note_ports(&mut self, named: &BTreeSet<String>) {
        let ambiguous: BTreeSet<String> = self.ports.ambiguous().intersection(named).cloned().collect();
        let missing: BTreeSet<String> = named.difference(&ambiguous).cloned().collect();
        if ambiguous != self.ambiguous_ports {
            self.notices.push_back(Notice::Ambiguous(ambiguous.clone()));
            self.ambiguous_ports = ambiguous;
        }
        if missing != self.missing_ports {
            self.notices.push_back(Notice::Missing(missing.clone()));
            self.missing_ports = missing;
        }
    }

    fn replied(&mut self, now: Instant, xid: Xid, body: MultipartReplyBody, session: &mut Session) {
        if self.monitor == Monitor::Asked(xid) {
            self.monitor = Monitor::On;
            return;
        }
        self.read_part(now, xid, body, session);
    }

    fn refused(&mut self, now: Instant, xid: Xid, error: ErrorMsg, session: &mut Session) {
        if self.meter_refused(now, xid, &error, session)
            || self.relay_meter_refused(now, xid, &error, session)
            || self.no_room(now, xid, &error, session)
            // A switch without a monitor of all tables has no monitor of single tables either.
            || self.evictions.values().any(|asked| *asked == xid)
        {
            return;
        }
        self.notices.push_back(Notice::Refused(error.clone()));
        if self.monitor == Monitor::Asked(xid) {
            self.monitor = Monitor::Off;
            self.understands_less();
            self.notices.push_back(Notice::Unwatched(error));
        } else if matches!(self.phase, Phase::Reading(_)) {
            self.read_refused(now, xid, &error, session);
        } else if matches!(self.phase, Phase::Committing(_)) {
            self.commit_refused(now, xid, &error, session);
        }
    }

    fn received(&mut self, now: Instant, xid: Xid, message: &Message, session: &mut Session) {
        match message {
            Message::PacketIn(packet) => {
                let table: TableId = packet.table_id;
                self.notices.push_back(Notice::PacketIn(table));
                if !self.relayed(now, packet, session) && !self.sampled(packet) {
                    self.execute(now, packet, session);
                }
            }
            Message::FlowRemoved(removed) => {
                self.learned_flow_mirror.removed(removed);
            }
            // A paused monitor drops updates, so the flows have to be read.
            Message::MonitorPaused | Message::MonitorResumed => self.read_after_drift(now),
            Message::BundleControl(control) => self.bundle_replied(now, control, session),
            Message::BarrierReply => self.barrier_replied(now, xid, session),
            _ => {}
        }
    }

    /// Returns whether the bridge waits for an answer with that transaction id.
    fn awaits(&self, xid: Xid) -> bool {
        match &self.phase {
            Phase::Reading(reading) => reading.awaits(xid),
            Phase::Committing(_) | Phase::Idle => false,
        }
    }

    /// Requests a read at once, or after the step under way.
    fn read_soon(&mut self, now: Instant) {
        self.read_by(now);
    }

    /// Requests a read at `at`, unless one is due before.
    fn read_by(&mut self, at: Instant) {
        if self.owned {
            self.read_at = Some(self.read_at.map_or(at, |due| due.min(at)));
        }
    }

    /// Returns the interval of reads while nothing happens.
    fn poll_interval(&self) -> Duration {
        if self.monitor == Monitor::Off { POLL_UNWATCHED } else { POLL }
    }

    /// Notes a failed round, and schedules the next one after a delay.
    fn round_failed(&mut self, now: Instant, why: String) {
        self.phase = Phase::Idle;
        self.settled = false;
        self.installed_is_known = false;
        self.failed_rounds = self.failed_rounds.saturating_add(1);
        self.last_error = Some(why.clone());
        self.notices.push_back(Notice::Failed(why));
        self.read_at = Some(now + self.backoff());
    }

    fn backoff(&self) -> Duration {
        let (first, last) = RETRY;
        first.saturating_mul(1 << self.failed_rounds.saturating_sub(1).min(16)).min(last)
    }

    fn request_multipart(session: &mut Session, body: MultipartRequestBody) -> Option<Xid> {
        Self::send(session, &Message::MultipartRequest(MultipartRequest { flags: 0, body }))
    }

    /// Sends a message. A message that cannot be encoded ends the session, because the policy could
    /// not be kept.
    fn send(session: &mut Session, message: &Message) -> Option<Xid> {
        match session.send(message) {
            Ok(xid) => Some(xid),
            Err(SendError::Encode(error)) => {
                session.close(CloseReason::Encode(error));
                None
            }
            Err(error) => {
                session.close(CloseReason::Ended(error.to_string()));
                None
            }
        }
    }

    /// Returns the text of an error for a user, with the refused request.
    fn explain(what: &str, error: &ErrorMsg) -> String {
        format!("the switch refused {what}: {}", error_names::describe(error))
    }
}
