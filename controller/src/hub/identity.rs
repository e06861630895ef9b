//! Checks the identity of bridges. Sessions claim the bridges that they say they are, and Open
//! vSwitch's database is compared with the session that owns each bridge.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use flows::network::ANY_BRIDGE;
use tracing::{error, warn};

use super::owners::{Claim, Claimant, ExpectedDatapath, IdentitySource, Owner};
use super::{FaultReport, Hub};
use crate::address::ListenAddress;
use crate::ovs::{FaultKind, Identities, Identity, IsolationFault, target_reaches};

/// The kind of fault of a bridge that several sessions claim.
const CONFLICT: &str = "identity-conflict";
/// The verdict on such a bridge.
const CONTESTED: &str = "CONTESTED";
/// Longest delay until ovs-vswitchd writes to its database.
const WRITING: Duration = Duration::from_secs(4);
/// Number of audits of a bridge without a session before the case against its last session is
/// dropped.
const FORGOTTEN: u32 = 3;

/// A bridge that has a session, while Open vSwitch's database shows it not connected to this
/// controller.
#[derive(Debug)]
pub(super) struct Contradicted {
    /// Time of the first contradiction.
    since: Instant,
    /// Number of database reads since its last session.
    absent: u32,
}

impl Hub {
    /// Claims a bridge for a session, for the first time or after a change.
    pub fn acquire(&self, bridge: &str, claimant: Claimant, now: Instant) -> Claim {
        let is_named = self.label(bridge) == bridge;
        let known = self.expected_datapath(bridge);
        let had = self.owners.holds(bridge, claimant.session);
        let who = claimant.clone();
        let claim = self.owners.acquire(bridge, is_named, known, claimant, now);
        match &claim {
            // The database may know the bridge better by now.
            Claim::Granted(_) if is_named && !had => self.audit_wanted.notify_one(),
            Claim::Waits { bridge, why: Some(why), new: true } => {
                self.note_conflict(bridge, &who, why);
                // The last answer of the database may be out of date.
                if known.is_some_and(|known| known.by == IdentitySource::Database) {
                    self.audit_wanted.notify_one();
                }
            }
            Claim::Refused(why) => self.note_conflict(bridge, &who, why),
            Claim::Granted(_) | Claim::Waits { .. } => {}
        }
        if had && !matches!(claim, Claim::Granted(_)) {
            self.vacate(bridge);
        }
        claim
    }

    /// Notes that the owner of a bridge answered its probe. Sessions that waited for this wait on.
    pub fn owner_answered(&self, bridge: &str, session: u64) {
        for (claimant, why) in self.owners.owner_answered(bridge, session) {
            self.note_conflict(bridge, &claimant, &why);
        }
    }

    /// Removes a session from a bridge. Returns whether it was the owner.
    pub fn release(&self, bridge: &str, session: u64) -> bool {
        let had = self.owners.release(bridge, session);
        if had {
            self.vacate(bridge);
        }
        had
    }

    /// Publishes that no session owns the bridge.
    fn vacate(&self, bridge: &str) {
        if self.label(bridge) == bridge {
            self.records.change_known_state(bridge, |state| state.connected = false);
            self.metrics.set_bridge_state(bridge, false, false);
        } else {
            // The next session may have another name.
            self.records.forget_state(bridge);
        }
        self.status_changed.send_replace(());
    }

    /// Returns the datapath that a bridge of the file must be, if known. The network file takes
    /// precedence over the database.
    fn expected_datapath(&self, bridge: &str) -> Option<ExpectedDatapath> {
        if let Some(datapath) = self.policy.borrow().file.bridge(bridge)?.datapath_id {
            return Some(ExpectedDatapath { datapath, by: IdentitySource::File });
        }
        let identities = self.identities.load();
        let datapath = identities.as_ref()?.bridges.get(bridge)?.datapath?;
        Some(ExpectedDatapath { datapath, by: IdentitySource::Database })
    }

    fn note_conflict(&self, bridge: &str, claimant: &Claimant, why: &str) {
        self.metrics.identity_conflict(self.label(bridge));
        let Claimant { datapath, peer, .. } = claimant;
        warn!(bridge, %datapath, peer, why, "not taken for the bridge that it says it is");
    }

    /// Returns the reason to doubt the owner of a bridge; none if there is no evidence against it.
    pub(super) fn ownership_doubt(&self, bridge: &str) -> Option<String> {
        let is_impostor = |fault: &&IsolationFault| fault.kind == FaultKind::Impostor;
        let impostor = self.records.read(bridge, |record| {
            let fault = record.faults.iter().flatten().find(is_impostor)?;
            Some(fault.detail.clone())
        });
        impostor
            .flatten()
            .or_else(|| self.owners.ownership_doubt(bridge, self.expected_datapath(bridge), Instant::now()))
    }

    /// Returns the sessions that claim a bridge in vain, as faults.
    pub(super) fn contests(&self, bridge: &str) -> Vec<FaultReport> {
        let report = |(claimant, why): &(Claimant, String)| FaultReport {
            kind: CONFLICT,
            verdict: CONTESTED,
            detail: format!(
                "datapath {} at {} says that it is this bridge, and does not get it: {why}",
                claimant.datapath, claimant.peer
            ),
            remedy: format!(
                "find out who that is; `datapath_id` under [bridge.{bridge}] in the network file says which one is right"
            ),
        };
        self.owners.contested(bridge).iter().map(report).collect()
    }

    /// Compares the answer of Open vSwitch's database, requested at `asked`, with the sessions.
    /// Returns faults of bridges whose session is an impostor's, and of bridges that call another
    /// controller. Orders waiting sessions to claim again.
    pub fn compare_identities(&self, identities: Identities, asked: Instant) -> Vec<IsolationFault> {
        let mut found = Vec::new();
        let settled = identities.delay + WRITING;
        // Each entry is written in one step.
        let mut contradicted = self.contradicted.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = self.policy();
        for (bridge, identity) in &identities.bridges {
            let Some(section) = policy.file.bridge(bridge).filter(|_| bridge != ANY_BRIDGE) else { continue };
            if let (Some(pinned), Some(datapath)) = (section.datapath_id, identity.datapath)
                && pinned != datapath
            {
                found.push(fault(
                    bridge,
                    format!(
                        "the network file says that it is datapath {pinned}, Open vSwitch's is {datapath}"
                    ),
                    format!("put datapath_id = \"{datapath}\" under [bridge.{bridge}], or take it away"),
                ));
                continue;
            }
            let Some(owner) = self.owners.owner(bridge) else {
                found.extend(self.fault_of_targets(bridge, identity));
                if let Some(before) = contradicted.get_mut(bridge) {
                    before.absent += 1;
                }
                continue;
            };
            let session = owner.claimant.session;
            let Some(datapath) = identity.datapath else { continue };
            if datapath != owner.claimant.datapath {
                let why = format!("Open vSwitch says that {bridge} is datapath {datapath}");
                if self.owners.evict(bridge, session, &why) {
                    error!(bridge, peer = owner.claimant.peer, why, "impostor: its session ends");
                    self.vacate(bridge);
                }
                let theirs = owner.claimant.datapath;
                let detail = format!("its session at {} was datapath {theirs}; {why}", owner.claimant.peer);
                found.push(fault(bridge, detail, remedy(bridge)));
            } else if let Some(detail) = contradiction(identity, &owner) {
                // A session shorter than the database's delay proves nothing, but a series of them
                // does.
                let fresh = || Contradicted { since: asked, absent: 0 };
                let before = contradicted.entry(bridge.clone()).or_insert_with(fresh);
                before.absent = 0;
                if asked.saturating_duration_since(before.since) > settled {
                    found.push(fault(bridge, detail, remedy(bridge)));
                    self.owners.disprove(bridge, session);
                }
            } else {
                contradicted.remove(bridge);
                if asked.saturating_duration_since(owner.since) > settled {
                    self.owners.confirm(bridge, session, asked, settled);
                }
            }
        }
        contradicted.retain(|_, before| before.absent < FORGOTTEN);
        self.identities.store(Some(identities.into()));
        self.owners.wake_all();
        found
    }

    /// Notes an address at which switches can connect.
    pub fn listens_at(&self, address: ListenAddress) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(address);
    }

    /// Returns a fault if a bridge without a session calls another controller, by the database.
    fn fault_of_targets(&self, bridge: &str, identity: &Identity) -> Option<IsolationFault> {
        // A list that only grows is whole after a panic elsewhere.
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let targets: Vec<&str> = identity.controllers.iter().map(|row| &*row.target).collect();
        let ours = |target: &&str| listeners.iter().any(|listener| target_reaches(target, listener));
        // Several controllers are reported as another fault.
        let [target] = targets[..] else { return None };
        if listeners.is_empty() || ours(&target) {
            return None;
        }
        let here: Vec<String> = listeners.iter().map(ListenAddress::to_string).collect();
        Some(IsolationFault {
            kind: FaultKind::SecondController,
            ..fault(
                bridge,
                format!("its controller is {target}, and this one listens at {}", here.join(", ")),
                remedy(bridge),
            )
        })
    }

    /// Waits until an audit of the bridges' settings is requested before its time.
    pub async fn audit_wanted(&self) {
        self.audit_wanted.notified().await;
    }
}

/// Returns the database's evidence against the owner of a bridge, if there is any.
fn contradiction(identity: &Identity, owner: &Owner) -> Option<String> {
    let mut connected = identity.connected();
    let peer = &owner.claimant.peer;
    if connected.clone().next().is_none() {
        return Some(format!(
            "a session at {peer} says that it is the bridge, and Open vSwitch's bridge is connected to no controller"
        ));
    }
    let local = owner.claimant.local.as_ref()?;
    if connected.clone().any(|target| target_reaches(target, local)) {
        return None;
    }
    let first = connected.next().unwrap_or_default();
    Some(format!(
        "a session at {peer} to {local} says that it is the bridge, and Open vSwitch's bridge is connected to {first}"
    ))
}

fn remedy(bridge: &str) -> String {
    format!(
        "find out who that is; portcullis attach FILE, or ovs-vsctl set-controller {bridge} TARGET, points the bridge here"
    )
}

fn fault(bridge: &str, detail: String, remedy: String) -> IsolationFault {
    IsolationFault { bridge: bridge.to_owned(), kind: FaultKind::Impostor, detail, remedy }
}
