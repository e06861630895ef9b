//! What the sessions of a controller share: the file in force, who has which bridge, and how all stand.

mod denied;
mod drops;
mod identity;
pub mod owners;
mod records;
mod series;
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
use self::records::{BridgeRecord, BridgeRecords};
pub use self::windows::{OpenedReport, WindowReport};
use crate::active_policy::ActivePolicy;
use crate::address::ListenAddress;
use crate::bridge::{BridgeStatus, Compiled, Evicted, LearnedBound};
use crate::metrics::Metrics;
use crate::ovs::{FaultKind, Identities, IsolationFault};
use crate::policy::Policy;
use crate::store::{State, Store};
use crate::windows::Windows;

/// What the sessions share.
#[derive(Debug)]
pub struct Hub {
    /// The numbers for Prometheus.
    pub metrics: Metrics,
    policy: watch::Sender<ActivePolicy>,
    /// Why a newer file was not taken.
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
    /// What is remembered, or why nothing is.
    store: Result<Arc<Store>, String>,
    windows: Mutex<Windows>,
    /// Whoever changes what is remembered holds this, so that the store and what is in force do not part.
    pub(crate) store_lock: tokio::sync::Mutex<()>,
    /// Whose turn it is to make another policy of the one in force.
    policy_lock: Mutex<()>,
    /// Told whenever a bridge stands differently.
    status_changed: watch::Sender<()>,
    /// The names that series may have.
    series_names: Mutex<Arc<series::SeriesNames>>,
}

/// Whether a bridge has what it is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyArrival {
    /// The switch has it.
    Applied,
    /// It has no session; it gets it when it connects.
    NotConnected,
    /// Not within the time given; with the last error, if there was one.
    NotInTime(Option<String>),
    /// The session that owns the bridge may be an impostor's; the reason.
    OwnerUnproven(String),
}

impl PolicyArrival {
    /// Why it is late, in words: the last error, or that there was no answer within the time given.
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
    /// A controller with a file in force that remembers nothing.
    pub fn new(policy: Policy, metrics: Metrics) -> Self {
        Self::with_state(policy, metrics, Err("it was started without one".to_owned()), State::default())
    }

    /// A controller with a file in force and what was remembered; or why nothing is.
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
            series_names: Mutex::default(),
        };
        this.publish_windows();
        this
    }

    /// The same with a longest hard timeout of flows, in seconds, below that of the wire.
    #[must_use]
    pub fn with_longest(self, seconds: u16) -> Self {
        self.policy.send_modify(|active| active.longest = seconds.max(1));
        self
    }

    /// The file in force, and the windows.
    pub fn policy(&self) -> ActivePolicy {
        self.policy.borrow().clone()
    }

    /// Tells when another file comes into force.
    pub fn follow_policy(&self) -> watch::Receiver<ActivePolicy> {
        self.policy.subscribe()
    }

    /// To be held by whoever takes the policy in force, changes it and takes the result into force, so that of two who do
    /// it at once the second begins with what the first made. It may be held for seconds: not for async code.
    pub fn lock_policy(&self) -> MutexGuard<'_, ()> {
        // Whoever panicked under it left the policy whole: it is replaced in one step.
        self.policy_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a bridge stands, if it is connected.
    pub fn bridge_status(&self, bridge: &str) -> Option<BridgeStatus> {
        self.records.connected(bridge, BridgeStatus::clone)
    }

    /// The name of a bridge in metrics: one that the file does not name, and that says itself what it is called, shares a
    /// name with all others of that kind.
    pub fn label<'b>(&self, bridge: &'b str) -> &'b str {
        if self.policy.borrow().file.bridge(bridge).is_some() { bridge } else { ANY_BRIDGE }
    }

    /// Returns whether the file in force names a bridge itself, and how many bridges it names.
    pub fn file_names_bridge(&self, bridge: &str) -> (bool, usize) {
        let policy = self.policy.borrow();
        let names = policy.named().filter(|name| *name != ANY_BRIDGE).count();
        (policy.file.bridge(bridge).is_some(), names)
    }

    /// Takes another file into force. Gives its [`generation`](ActivePolicy::generation).
    pub fn replace_policy(&self, policy: Policy) -> u64 {
        for bridge in policy.named() {
            self.metrics.declare(bridge);
        }
        let generation = self.activate(|active| active.policy = Arc::new(policy));
        // Counted afterwards: a reader of the count then finds no bridge settled on the file before.
        self.confirm_file();
        self.forget_bridges();
        self.end_series();
        generation
    }

    /// Notes that the file was read again and is in force unchanged. This only ends the refusal of
    /// a newer file.
    pub fn confirm_file(&self) {
        self.metrics.reloaded(true);
        self.refused.store(None);
    }

    /// Waits until a bridge has what is in force since that number, compiled with that port there, for at most so long.
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

    /// A newer file was not taken, and why: said in the status until one is.
    pub fn refuse_file(&self, why: String) {
        self.metrics.reloaded(false);
        self.refused.store(Some(Arc::new(why)));
    }

    /// A number for a new session.
    pub fn next_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts the end of a bridge's session, unless the controller itself ends.
    pub fn session_ended(&self, bridge: &str, session: u64, why: String) {
        if self.owners.holds(bridge, session) && self.label(bridge) == bridge {
            self.records.change_state(bridge, |state| state.drops.note_end(why, Instant::now()));
        }
    }

    /// Tells when a bridge stands differently.
    pub fn follow_bridges(&self) -> watch::Receiver<()> {
        self.status_changed.subscribe()
    }

    /// Returns the bridges that have a session, each with the session's number, in order.
    pub fn owned_bridges(&self) -> BTreeSet<(String, u64)> {
        self.owners.owned()
    }

    /// How a bridge stands, from the session that has it.
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
        }
        counting.counts.take(compiled, stats);
    }

    /// Ends the count of a bridge's flows after a read of `flows` of them. Returns the tables that
    /// are newly full of return flows.
    pub fn end_count(
        &self,
        bridge: &str,
        compiled: &Compiled,
        flows: u64,
        evicted: &Evicted,
    ) -> Vec<LearnedBound> {
        let counting = self.records.change_state(bridge, |state| Arc::clone(&state.counting));
        let mut counting = counting.lock().unwrap_or_else(PoisonError::into_inner);
        if flows == 0 {
            counting.counts.begin();
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

    /// What a look at the bridges' settings found. Gives what is new since the last look, and the bridges that are
    /// well again. A bridge that the file does not name is its business while it is connected.
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

    /// How all stand.
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
