//! The state of one bridge over one session.

mod commit;
mod flapping;
mod mac_learning;
mod meters;
mod read;
mod relay;
mod relay_v6;
mod samples;
mod state;
mod userspace_learn;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flows::runtime::userspace_learn::{Dialect, LearnedFlowMirror};
use ofproto::message::multipart::{MultipartReplyBody, MultipartRequest, MultipartRequestBody};
use ofproto::message::{ErrorMsg, Message};
use ofproto::{DatapathId, TableId, Xid};

use self::commit::Commit;
use self::flapping::PortChanges;
use self::read::FlowRead;
use self::relay::Metering;
use self::samples::Sampling;
use self::state::{
    AttachedPorts, BridgeIdentity, DhcpState, FlowVisibility, Knowledge, LearningState, Monitor, Rounds,
    SwitchAbilities, Timers, Watch,
};
use self::userspace_learn::{MIRRORED, PendingAdditions};
use super::crowded_ports::CrowdedPorts;
use super::ct_flush::FlushSelector;
use super::leases::Leases;
use super::plan::Plan;
use super::{Evicted, Notice, POLL, POLL_UNWATCHED, Ports, RETRY};
use crate::active_policy::ActivePolicy;
use crate::clock::Clock;
use crate::session::{CloseReason, Connected, Event, SendError, Session, error_names};

/// One bridge of one session.
#[derive(Debug)]
pub struct Bridge {
    policy: ActivePolicy,
    /// The wall clock.
    clock: Clock,
    phase: Phase,
    notices: VecDeque<Notice>,
    /// Samples of denied packets.
    sampling: Sampling,
    pub(super) knowledge: Knowledge,
    timers: Timers,
    rounds: Rounds,
    identity: BridgeIdentity,
    watch: Watch,
    abilities: SwitchAbilities,
    attached: AttachedPorts,
    learning: LearningState,
    dhcp: DhcpState,
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
            phase: Phase::Idle,
            notices: VecDeque::new(),
            sampling: Sampling::default(),
            knowledge: Knowledge {
                desired: Arc::default(),
                installed: None,
                acknowledged: None,
                installed_is_known: false,
                visibility: FlowVisibility::Unseen,
                foreign_reported: false,
                foreign_changes: 0,
                evicted: Evicted::new(),
                vanished_program: None,
                revoked_flows: None,
            },
            timers: Timers { next_change_at: None, read_at: None, last_read: None },
            rounds: Rounds {
                settled: false,
                changed: false,
                failed_rounds: 0,
                partial_rounds: 0,
                read_was_outdated: false,
                drift_repaired: 0,
                last_error: None,
            },
            identity: BridgeIdentity {
                name: None,
                datapath: DatapathId::default(),
                owned: false,
                is_granted: true,
            },
            watch: Watch { monitor: Monitor::None, evictions: BTreeMap::new() },
            abilities: SwitchAbilities { bundles: true, next_bundle: 1, forgets: FlushSelector::Tuple },
            attached: AttachedPorts {
                ports: Ports::default(),
                port_changes: PortChanges::default(),
                missing_ports: BTreeSet::new(),
                ambiguous_ports: BTreeSet::new(),
            },
            learning: LearningState {
                learning_switch: None,
                learned_flow_mirror: LearnedFlowMirror::new(MIRRORED, Dialect::Nicira),
                additions: PendingAdditions::default(),
                not_learned: None,
                created_at: clock.at(),
            },
            dhcp: DhcpState {
                leases: Leases::default(),
                crowded_ports: CrowdedPorts::default(),
                ended_addresses: VecDeque::new(),
                metering: Metering::default(),
                not_relayed: None,
            },
        }
    }

    /// Returns a bridge that leaves its switch alone until it is [granted](Self::set_granted) to
    /// this session.
    pub fn awaiting_grant(policy: ActivePolicy, clock: Clock) -> Self {
        let mut bridge = Self::new(policy, clock);
        bridge.identity.is_granted = false;
        bridge
    }

    /// Grants the bridge to this session, or takes it away.
    pub fn set_granted(&mut self, now: Instant, is_granted: bool, session: &mut Session) {
        if self.identity.is_granted != is_granted {
            self.identity.is_granted = is_granted;
            self.identify(now, session);
            self.handle_timeout(now, session);
        }
    }

    /// Returns the datapath id, which is zero until the handshake.
    pub fn datapath(&self) -> DatapathId {
        self.identity.datapath
    }

    /// Returns the name, or `None` before the handshake.
    pub fn name(&self) -> Option<&str> {
        self.identity.name.as_deref()
    }

    /// Returns the ports of the bridge.
    pub fn ports(&self) -> &Ports {
        &self.attached.ports
    }

    /// Returns whether the file names the bridge. The controller leaves a bridge alone if the file
    /// says nothing about its flows.
    pub fn is_named(&self) -> bool {
        self.identity.name.as_deref().is_some_and(|name| self.policy.file.bridge_for(name).is_some())
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
            Phase::Idle => self.timers.read_at,
            Phase::Reading(reading) => Some(reading.deadline),
            Phase::Committing(commit) => Some(commit.deadline),
        };
        let wake = self.timers.next_change_at.and_then(|at| self.clock.instant(at));
        deadline
            .into_iter()
            .chain(wake)
            .chain(self.leases_due())
            .chain(self.attached.port_changes.due())
            .min()
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
        if self.timers.next_change_at.is_some_and(|at| self.clock.instant(at).is_some_and(|at| at <= now)) {
            self.recompile(now, session);
            if self.knowledge.desired.ends_early() {
                self.read_soon(now);
            }
        }
        if self.attached.port_changes.take_due(now) {
            self.recompile(now, session);
        }
        self.change_at_once(now, session);
        self.delete_taught(now, session);
        self.keep_leases(now, session);
        match &self.phase {
            Phase::Idle if self.identity.owned && self.timers.read_at.is_some_and(|at| at <= now) => {
                self.read(now, session)
            }
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
        self.attached.port_changes.file_changed();
        if self.identity.name.is_none() {
            return;
        }
        let was = self.identity.owned;
        self.identify(now, session);
        if was && self.identity.owned {
            self.recompile(now, session);
        }
        self.handle_timeout(now, session);
    }

    /// Returns the state of the bridge.
    pub fn status(&self) -> BridgeStatus {
        BridgeStatus {
            datapath: self.identity.datapath,
            generation: self.policy.generation,
            settled: self.rounds.settled
                || (self.identity.is_granted && self.is_named() && !self.identity.owned),
            missing_ports: self.attached.missing_ports.iter().cloned().collect(),
            ambiguous_ports: self.attached.ambiguous_ports.iter().cloned().collect(),
            drift_repaired: self.rounds.drift_repaired,
            last_error: self.rounds.last_error.clone(),
            acknowledged: self.knowledge.acknowledged.as_ref().map(|compiled| Acknowledged {
                generation: compiled.generation,
                missing_ports: compiled.program.missing_ports.clone(),
            }),
        }
    }

    /// Acknowledges the installed program if no revoked flow can be left. Only a complete read that
    /// began late enough shows that: time alone does not.
    fn acknowledge_installed(&mut self, read_began: Option<Instant>) {
        if let Some(revoked) = &mut self.knowledge.revoked_flows {
            revoked.changed_until =
                revoked.changed_until.filter(|until| read_began.is_none_or(|began| began < *until));
            if revoked.changed_until.is_some() {
                return;
            }
        }
        self.knowledge.acknowledged = self.knowledge.installed.clone();
    }

    fn connected(&mut self, now: Instant, connected: &Connected, session: &mut Session) {
        self.identity.datapath = connected.features.datapath_id;
        self.attached.ports = Ports::new(&connected.ports);
        // A switch without an `OFPP_LOCAL` port is named by its datapath id.
        let bridge =
            self.attached.ports.bridge().map_or_else(|| self.identity.datapath.to_string(), str::to_owned);
        self.identity.name = Some(bridge.clone());
        self.identify(now, session);
        let owned = self.policy.owns(&bridge);
        self.notices.push_back(Notice::Identified { bridge, datapath: self.identity.datapath, owned });
    }

    /// Finds out whether the session owns the bridge by the policy, and starts or stops managing
    /// it.
    fn identify(&mut self, now: Instant, session: &mut Session) {
        let owned = self.identity.is_granted
            && self.identity.name.as_deref().is_some_and(|name| self.policy.owns(name));
        if owned == self.identity.owned {
            return;
        }
        self.identity.owned = owned;
        self.rounds.settled = false;
        if !owned {
            self.timers.read_at = None;
            self.timers.next_change_at = None;
            self.attached.port_changes.forget();
            self.knowledge.installed = None;
            self.knowledge.acknowledged = None;
            self.learning.learning_switch = None;
            self.dhcp.leases = Leases::default();
            return;
        }
        // The monitor would report every flow that a learning switch makes.
        if self.watch.monitor == Monitor::None && self.learns().is_none() {
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
        let Some(name) = &self.identity.name else { return };
        let seconds = self.clock.seconds(now);
        let ports = self.attached.ports.by_name();
        let mut program = self.policy.compile(&self.knowledge.desired.program, name, &ports, seconds);
        self.attached.port_changes.compiled(ports);
        if self.sampling.is_refused() {
            program.unsample();
        }
        if self.dhcp.metering.is_refused() {
            program.unmeter_relays();
        }
        self.note_ports(&program.missing_ports);
        let compiled = self.knowledge.desired.then(program, seconds, self.policy.longest);
        let compiled = compiled.of_generation(self.policy.generation).learning(self.learns().is_some());
        self.timers.next_change_at = self.policy.next_end(seconds);
        if compiled.ends_early() {
            // By then, at least half of each timeout is left.
            let again = seconds.saturating_add(u64::from(self.policy.longest / 4).max(1));
            self.timers.next_change_at = Some(self.timers.next_change_at.map_or(again, |end| end.min(again)));
        }
        let same = compiled.desires_same(&self.knowledge.desired);
        let before = std::mem::replace(&mut self.knowledge.desired, Arc::new(compiled));
        let had = self.knowledge.installed.as_ref().is_some_and(|installed| Arc::ptr_eq(installed, &before));
        self.watch_evictions(session);
        self.meter_relays(session);
        self.judge_leases(now, session);
        if same {
            // The names of rules may have changed, but the flows have not. Flows that are not
            // installed yet are not acknowledged by this.
            if had {
                self.knowledge.installed = Some(Arc::clone(&self.knowledge.desired));
                self.acknowledge_installed(None);
            }
            return;
        }
        self.rounds.settled = false;
        self.rounds.changed = true;
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
        if !self.rounds.changed || matches!(self.phase, Phase::Committing(_)) {
            return;
        }
        self.rounds.changed = false;
        let is_known =
            self.identity.owned && self.knowledge.installed_is_known && self.watch.monitor == Monitor::On;
        let before = self
            .knowledge
            .installed
            .as_ref()
            .filter(|before| is_known && !Arc::ptr_eq(before, &self.knowledge.desired));
        let at = self.clock.since_epoch(now);
        // The commit makes the result of a read under way outdated.
        if let Some(plan) = before.and_then(|before| Plan::between(before, &self.knowledge.desired, at)) {
            self.commit(now, now, plan, session);
        }
    }

    /// Deletes the flows that learners taught before the last change revoked them, as far as that
    /// can be told without a read.
    fn delete_taught(&mut self, now: Instant, session: &mut Session) {
        if !matches!(self.phase, Phase::Idle) {
            return;
        }
        let (Some((before, gone)), Some(installed)) =
            (self.knowledge.vanished_program.take(), &self.knowledge.installed)
        else {
            return;
        };
        if let Some(plan) = Plan::taught(&before, installed, &gone).filter(|_| self.identity.owned) {
            self.commit(now, now, plan, session);
        }
    }

    /// Notes a report that the switch may have other flows than the installed ones.
    fn in_doubt(&mut self) {
        self.knowledge.installed_is_known = false;
        self.knowledge.foreign_reported = true;
    }

    /// Notes which of the ports without compiled flows are missing, and which are ambiguous.
    fn note_ports(&mut self, named: &BTreeSet<String>) {
        let ambiguous: BTreeSet<String> =
            self.attached.ports.ambiguous().intersection(named).cloned().collect();
        let missing: BTreeSet<String> = named.difference(&ambiguous).cloned().collect();
        if ambiguous != self.attached.ambiguous_ports {
            self.notices.push_back(Notice::Ambiguous(ambiguous.clone()));
            self.attached.ambiguous_ports = ambiguous;
        }
        if missing != self.attached.missing_ports {
            self.notices.push_back(Notice::Missing(missing.clone()));
            self.attached.missing_ports = missing;
        }
    }

    fn replied(&mut self, now: Instant, xid: Xid, body: MultipartReplyBody, session: &mut Session) {
        if self.watch.monitor == Monitor::Asked(xid) {
            self.watch.monitor = Monitor::On;
            return;
        }
        self.read_part(now, xid, body, session);
    }

    fn refused(&mut self, now: Instant, xid: Xid, error: ErrorMsg, session: &mut Session) {
        if self.meter_refused(now, xid, &error, session)
            || self.relay_meter_refused(now, xid, &error, session)
            || self.no_room(now, xid, &error, session)
            // A switch without a monitor of all tables has no monitor of single tables either.
            || self.watch.evictions.values().any(|asked| *asked == xid)
        {
            return;
        }
        self.notices.push_back(Notice::Refused(error.clone()));
        if self.watch.monitor == Monitor::Asked(xid) {
            self.watch.monitor = Monitor::Off;
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
                self.learning.learned_flow_mirror.removed(removed);
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
        if self.identity.owned {
            self.timers.read_at = Some(self.timers.read_at.map_or(at, |due| due.min(at)));
        }
    }

    /// Returns the interval of reads while nothing happens.
    fn poll_interval(&self) -> Duration {
        if self.watch.monitor == Monitor::Off { POLL_UNWATCHED } else { POLL }
    }

    /// Notes a failed round, and schedules the next one after a delay.
    fn round_failed(&mut self, now: Instant, why: String) {
        self.phase = Phase::Idle;
        self.rounds.settled = false;
        self.knowledge.installed_is_known = false;
        self.rounds.failed_rounds = self.rounds.failed_rounds.saturating_add(1);
        self.rounds.last_error = Some(why.clone());
        self.notices.push_back(Notice::Failed(why));
        self.timers.read_at = Some(now + self.backoff());
    }

    fn backoff(&self) -> Duration {
        let (first, last) = RETRY;
        first.saturating_mul(1 << self.rounds.failed_rounds.saturating_sub(1).min(16)).min(last)
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
