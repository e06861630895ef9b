//! The shared state of a controller's sessions: the active policy, the owners of bridges, and the
//! state of each bridge.

mod denied;
mod drops;
mod identity;
mod installed;
pub mod owners;
mod records;
mod series;
mod verification;
mod windows;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use flows::network::ANY_BRIDGE;
use ofproto::message::multipart::FlowStats;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use utoipa::ToSchema;

use self::identity::Contradicted;
use self::owners::BridgeOwners;
use self::records::{BridgeRecord, BridgeRecords, FlowCounting};
pub use self::verification::ProofSummary;
use self::verification::Proven;
pub use self::windows::{OpenedReport, WindowReport};
use crate::active_policy::ActivePolicy;
use crate::address::ListenAddress;
use crate::bridge::{BridgeStatus, Compiled, Evicted, LearnedBound, Ports};
use crate::metrics::Metrics;
use crate::ovs::{FaultKind, Identities, IsolationFault};
use crate::policy::Policy;
use crate::store::{State, Store};
use crate::windows::Windows;

/// The shared state of a controller's sessions.
#[derive(Debug)]
pub struct Hub {
    /// The numbers for Prometheus.
    pub metrics: Metrics,
    policy: watch::Sender<ActivePolicy>,
    /// The reason why a newer file was refused.
    refused: ArcSwapOption<String>,
    owners: BridgeOwners,
    /// The bridges of this machine's Open vSwitch, once its database has answered.
    identities: ArcSwapOption<Identities>,
    /// The bridges whose session contradicts the database.
    contradicted: Mutex<HashMap<String, Contradicted>>,
    /// The addresses at which switches can connect.
    listeners: Mutex<Vec<ListenAddress>>,
    /// Notified when the database is to be read before its time.
    audit_wanted: Notify,
    records: BridgeRecords,
    next_session: AtomicU64,
    /// The store of the controller's state, or the reason why there is none.
    store: Result<Arc<Store>, String>,
    windows: Mutex<Windows>,
    /// Serializes changes of the stored state, so that the store and the active policy stay
    /// consistent.
    pub(crate) store_lock: tokio::sync::Mutex<()>,
    /// Serializes changes that derive a new policy from the active one.
    policy_lock: Mutex<()>,
    /// Notified whenever the state of a bridge changes.
    status_changed: watch::Sender<()>,
    /// The last proof of the file's assertions on the installed flows.
    proven: watch::Sender<Option<Arc<Proven>>>,
    /// The bridge and rule names that metric series may have.
    series_names: Mutex<Arc<series::SeriesNames>>,
}

/// The outcome of waiting for a bridge to apply a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyArrival {
    /// The switch has the policy.
    Applied,
    /// The bridge has no session. It gets the policy when it connects.
    NotConnected,
    /// The bridge did not apply the policy in time; with the last error, if there was one.
    NotInTime(Option<String>),
    /// An impostor may own the session of the bridge; with the reason.
    OwnerUnproven(String),
}

impl PolicyArrival {
    /// Returns the reason for a delay: the last error, or that there was no answer within the
    /// limit.
    pub fn lateness(why: Option<String>, limit: Duration) -> String {
        why.unwrap_or_else(|| format!("no answer within {} s", limit.as_secs()))
    }
}

/// How a controller stands, as the API tells it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ControllerReport {
    /// The controller's version.
    pub version: &'static str,
    /// The network file.
    pub file: String,
    /// Why the file, read again, was not taken; none while the newest one is in force.
    pub refused: Option<String>,
    /// The reason that the controller's state cannot be read or written, with a remedy; none while
    /// it can.
    pub state_lost: Option<String>,
    /// What holds on the installed flows; none if the file has no assertion, or before the first
    /// proof.
    pub proof: Option<ProofSummary>,
    /// The windows of the file.
    pub windows: Vec<WindowReport>,
    /// The bridges of the file.
    pub bridges: Vec<BridgeReport>,
}

/// How a bridge stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct BridgeReport {
    /// Its name.
    pub name: String,
    /// Whether it has a session.
    pub connected: bool,
    /// Whether the last round left nothing to do.
    pub settled: bool,
    /// Its datapath id, 16 hexadecimal digits; none before it first connected.
    pub dpid: Option<String>,
    /// Flows at the last look.
    pub flows: u64,
    /// Learned ones among them.
    pub learned: u64,
    /// Where no more return flows fit: tables that evict, and rules at their limit.
    pub full: Vec<String>,
    /// Ports that the file names and the bridge lacks.
    pub missing_ports: Vec<String>,
    /// Ports that the file names and whose names several ports of the bridge have: none of those has the rights.
    pub ambiguous_ports: Vec<String>,
    /// Changes by others that were put back, in this session.
    pub drift_repaired: u64,
    /// Whether no fault is known that breaks isolation.
    pub isolated: bool,
    /// Faults that break isolation or bounds, and sessions that claim the bridge in vain.
    pub faults: Vec<FaultReport>,
    /// What went wrong last, until all is well again.
    pub last_error: Option<String>,
}

/// A fault of a bridge.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FaultReport {
    /// What kind of fault.
    pub kind: &'static str,
    /// The verdict on the bridge: NOT ISOLATED, NOT BOUNDED, or CONTESTED.
    pub verdict: &'static str,
    /// What was found.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

impl Hub {
    /// Returns a hub with an active policy and without a store.
    pub fn new(policy: Policy, metrics: Metrics) -> Self {
        Self::with_state(policy, metrics, Err("it was started without one".to_owned()), State::default())
    }

    /// Returns a hub with an active policy, and with its stored state or the reason why there is
    /// none.
    pub fn with_state(policy: Policy, metrics: Metrics, store: Result<Store, String>, state: State) -> Self {
        for bridge in policy.named() {
            metrics.declare(bridge);
        }
        let this = Self {
            metrics,
            policy: watch::Sender::new(ActivePolicy::new(policy)),
            refused: ArcSwapOption::empty(),
            owners: BridgeOwners::default(),
            identities: ArcSwapOption::empty(),
            contradicted: Mutex::default(),
            listeners: Mutex::default(),
            audit_wanted: Notify::new(),
            records: BridgeRecords::default(),
            next_session: AtomicU64::new(1),
            store: store.map(Arc::new),
            windows: Mutex::new(Windows::new(state.windows)),
            store_lock: tokio::sync::Mutex::new(()),
            policy_lock: Mutex::new(()),
            status_changed: watch::Sender::new(()),
            proven: watch::Sender::new(None),
            series_names: Mutex::default(),
        };
        this.publish_windows();
        this
    }

    /// Sets the longest hard timeout of flows, in seconds, below the maximum of the wire format.
    #[must_use]
    pub fn with_longest(self, seconds: u16) -> Self {
        self.policy.send_modify(|active| active.longest = seconds.max(1));
        self
    }

    /// Returns the active policy: the file and its windows.
    pub fn policy(&self) -> ActivePolicy {
        self.policy.borrow().clone()
    }

    /// Returns a receiver that is notified when another policy becomes active.
    pub fn follow_policy(&self) -> watch::Receiver<ActivePolicy> {
        self.policy.subscribe()
    }

    /// Locks the active policy against other changes. The lock is held by each caller that derives
    /// a new policy from the active one and activates it. Of two concurrent callers, the second
    /// begins with the result of the first. The lock may be held for seconds, so async code must
    /// not take it.
    pub fn lock_policy(&self) -> MutexGuard<'_, ()> {
        // A panic under the lock leaves the policy whole: it is replaced in one step.
        self.policy_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the state of a bridge, if it is connected.
    pub fn bridge_status(&self, bridge: &str) -> Option<BridgeStatus> {
        self.records.connected(bridge, BridgeStatus::clone)
    }

    /// Returns the name of a bridge in metrics. All bridges that the file does not name share one
    /// name, because they choose their names themselves.
    pub fn label<'b>(&self, bridge: &'b str) -> &'b str {
        if self.policy.borrow().file.bridge(bridge).is_some() { bridge } else { ANY_BRIDGE }
    }

    /// Returns whether the active file names a bridge itself, and the number of bridges that it
    /// names.
    pub fn file_names_bridge(&self, bridge: &str) -> (bool, usize) {
        let policy = self.policy.borrow();
        let names = policy.named().filter(|name| *name != ANY_BRIDGE).count();
        (policy.file.bridge(bridge).is_some(), names)
    }

    /// Activates another file. Returns its [`generation`](ActivePolicy::generation).
    pub fn replace_policy(&self, policy: Policy) -> u64 {
        for bridge in policy.named() {
            self.metrics.declare(bridge);
        }
        let generation = self.activate(|active| active.policy = Arc::new(policy));
        // Counted afterwards: a reader of the count then finds no bridge settled on the previous
        // file.
        self.confirm_file();
        self.forget_bridges();
        self.end_series();
        generation
    }

    /// Notes that the file was read again and is active unchanged. This only ends the refusal of a
    /// newer file.
    pub fn confirm_file(&self) {
        self.metrics.reloaded(true);
        self.refused.store(None);
    }

    /// Waits until a bridge has applied a policy of at least that generation, with `port` present
    /// if one is given. Gives up after `limit`.
    pub async fn wait_until_applied(
        &self,
        bridge: &str,
        generation: u64,
        port: Option<&str>,
        limit: Duration,
    ) -> PolicyArrival {
        let mut moved = self.status_changed.subscribe();
        let end = tokio::time::Instant::now() + limit;
        loop {
            moved.mark_unchanged();
            if let Some(doubt) = self.ownership_doubt(bridge) {
                return PolicyArrival::OwnerUnproven(doubt);
            }
            let looked = self.records.connected(bridge, |status| {
                let there = status.acknowledged.as_ref().is_some_and(|active| {
                    active.generation >= generation
                        && port.is_none_or(|port| !active.missing_ports.contains(port))
                });
                (there, status.last_error.clone())
            });
            let late = match looked {
                None => return PolicyArrival::NotConnected,
                Some((true, _)) => return PolicyArrival::Applied,
                Some((false, late)) => late,
            };
            if tokio::time::timeout_at(end, moved.changed()).await.is_err() {
                return PolicyArrival::NotInTime(late);
            }
        }
    }

    /// Notes that a newer file was refused, with the reason. The status shows it until a file is
    /// taken.
    pub fn refuse_file(&self, why: String) {
        self.metrics.reloaded(false);
        self.refused.store(Some(Arc::new(why)));
    }

    /// Returns the number of a new session.
    pub fn next_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts the end of a bridge's session, unless the controller itself shuts down.
    pub fn session_ended(&self, bridge: &str, session: u64, why: String) {
        if self.owners.holds(bridge, session) && self.label(bridge) == bridge {
            self.records.change_state(bridge, |state| state.drops.note_end(why, Instant::now()));
        }
    }

    /// Returns a receiver that is notified when the state of a bridge changes.
    pub fn follow_bridges(&self) -> watch::Receiver<()> {
        self.status_changed.subscribe()
    }

    /// Returns the bridges that have a session, each with the session's number, in order.
    pub fn owned_bridges(&self) -> BTreeSet<(String, u64)> {
        self.owners.owned()
    }

    /// Publishes the state of a bridge, if the session owns it.
    pub fn publish(&self, bridge: &str, session: u64, status: BridgeStatus) {
        if !self.owners.holds(bridge, session) {
            return;
        }
        if self.label(bridge) == bridge {
            self.metrics.set_bridge_state(bridge, true, status.settled);
            self.metrics.ambiguous(bridge, status.ambiguous_ports.len());
        }
        let published = self.records.change_state(bridge, |state| {
            // Checked again under the lock: an eviction clears this entry after it.
            let holds = self.owners.holds(bridge, session);
            if holds {
                state.connected = true;
                state.drops.note_status(&status, Instant::now());
                state.status = status;
            }
            holds
        });
        if published {
            self.status_changed.send_replace(());
        }
    }

    /// Counts a part of a bridge's flows, the `first` part of a read or a later one.
    pub fn count_part(&self, bridge: &str, compiled: &Compiled, stats: &[FlowStats], first: bool) {
        let counting = self.records.change_state(bridge, |state| Arc::clone(&state.counting));
        // Outside the map's lock: counting takes a while. A panic elsewhere leaves the counts usable.
        let mut counting = counting.lock().unwrap_or_else(PoisonError::into_inner);
        if first {
            counting.counts.begin();
            counting.installed.begin();
        }
        let FlowCounting { counts, installed, .. } = &mut *counting;
        let wanted = self.has_assertions();
        counts.take(compiled, stats, |flow, learned| {
            if wanted {
                installed.add(flow, learned);
            }
        });
    }

    /// Ends the count of a bridge's flows after a read of `flows` of them. Returns the tables that
    /// are newly full of return flows.
    pub fn end_count(
        &self,
        bridge: &str,
        compiled: &Compiled,
        flows: u64,
        evicted: &Evicted,
        ports: &Ports,
    ) -> Vec<LearnedBound> {
        let counting = self.records.change_state(bridge, |state| Arc::clone(&state.counting));
        let mut counting = counting.lock().unwrap_or_else(PoisonError::into_inner);
        if flows == 0 {
            counting.counts.begin();
            counting.installed.begin();
        }
        if self.has_assertions() {
            counting.installed.end(ports);
        }
        let sums = counting.counts.end(compiled);
        if self.label(bridge) == bridge {
            self.metrics.counted(bridge, &counting.sums, &sums);
        }
        let learned = sums.learned;
        let new = counting.full_bounds.look(&sums, evicted);
        let full: Vec<&LearnedBound> = counting.full_bounds.full().collect();
        if self.label(bridge) == bridge {
            self.metrics.full(bridge, full.iter().map(|bound| bound.label()).collect(), evicted);
        }
        let full = full.into_iter().map(LearnedBound::to_string).collect();
        counting.sums = sums;
        drop(counting);
        self.records.change_known_state(bridge, |state| {
            (state.flows, state.learned, state.full) = (flows, learned, full);
        });
        new
    }

    /// Notes the faults that an audit of the bridges found. Returns the new faults since the last
    /// audit, and the bridges without faults since this audit. A bridge that the file does not name
    /// is audited only while it is connected.
    pub fn note_faults(&self, found: Vec<IsolationFault>) -> (Vec<IsolationFault>, Vec<String>) {
        let named = self.named_series();
        let policy = self.policy();
        let file = policy.named().map(str::to_owned);
        let had = self.records.collect(|bridge, record| record.faults.is_some().then(|| bridge.to_owned()));
        let mut by_bridge: BTreeMap<String, Vec<IsolationFault>> =
            file.chain(had).map(|name| (name, Vec::new())).collect();
        for fault in found {
            by_bridge.entry(fault.bridge.clone()).or_default().push(fault);
        }
        by_bridge.retain(|bridge, _| self.has_series(bridge, &named));
        self.records.change_all(|bridge, record| {
            record.faults.take_if(|_| !by_bridge.contains_key(bridge));
        });
        let (mut new, mut well) = (Vec::new(), Vec::new());
        for (bridge, faults) in by_bridge {
            for kind in FaultKind::ALL {
                self.metrics.fault(&bridge, kind.label(), faults.iter().any(|f| f.kind == kind));
            }
            let before = self.records.change(&bridge, |record| record.faults.replace(faults.clone()));
            let before = before.unwrap_or_default();
            if faults.is_empty() && !before.is_empty() {
                well.push(bridge);
            }
            new.extend(faults.into_iter().filter(|f| !before.contains(f)));
        }
        (new, well)
    }

    /// Returns the state of the controller and all bridges.
    pub fn report(&self) -> ControllerReport {
        let policy = self.policy();
        let mut names: Vec<String> = policy.named().filter(|n| *n != ANY_BRIDGE).map(str::to_owned).collect();
        let unnamed = |name: &str| policy.file.bridge(name).is_none();
        let mut others = self
            .records
            .collect(|bridge, record| (record.is_connected() && unnamed(bridge)).then(|| bridge.to_owned()));
        others.sort();
        names.append(&mut others);
        let bridges = names.iter().map(|name| self.bridge_report(name, policy.generation)).collect();
        ControllerReport {
            version: env!("CARGO_PKG_VERSION"),
            file: policy.path.display().to_string(),
            refused: self.refused.load_full().map(|why| String::clone(&why)),
            state_lost: self.store.as_ref().map_or_else(|why| Some(why.clone()), |store| store.failure()),
            proof: self.proof_summary(),
            windows: self.window_reports(),
            bridges,
        }
    }

    /// Reports a bridge, which is settled only where it follows the policy of this generation.
    fn bridge_report(&self, name: &str, generation: u64) -> BridgeReport {
        let contests = self.contests(name);
        let report = |record: &BridgeRecord| record.report(name, generation);
        let known = self.records.read(name, report);
        let mut report = known.unwrap_or_else(|| BridgeRecord::default().report(name, generation));
        report.faults.extend(contests);
        report
    }
}
