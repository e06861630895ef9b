//! Proves the assertions of the file on the installed flows, after each change that has settled.
//!
//! The proof runs beside the sessions, one at a time. Changes during a proof lead to the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use flows::installed::{InstalledBridge, decide};
use flows::network::ANY_BRIDGE;
use flows::verify::proof::Budget;
use serde::Serialize;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};
use utoipa::ToSchema;

use super::Hub;
use super::installed::ReadFlows;
use crate::active_policy::ActivePolicy;
use crate::verification::{AssertionReport, VerificationReport};

/// Delay from a change to its proof, so that one proof follows a whole burst.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// Longest delay of a proof by bridges that do not settle.
const UNSETTLED: Duration = Duration::from_secs(5);
/// Interval of looks for changes that nothing told of.
const LOOK: Duration = Duration::from_secs(10);

/// A proof, and the flows that it is about.
#[derive(Debug)]
pub(super) struct Proven {
    report: VerificationReport,
    at: Instant,
    about: Subject,
}

/// The file and the flows of a proof: the policy's generation, and a hash of each bridge's flows.
type Subject = (u64, BTreeMap<String, u64>);

/// What holds on the installed flows, in brief.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProofSummary {
    /// Seconds since the proof.
    pub age_seconds: u64,
    /// How many assertions hold.
    pub holding: u64,
    /// Those that a packet violates, each with its kind.
    pub violated: Vec<String>,
    /// Those of which that is not known.
    pub unknown: Vec<String>,
}

impl Hub {
    /// Proves the assertions after each change, for as long as the controller runs.
    pub async fn keep_verifying(self: Arc<Self>) {
        let (mut bridges, mut policy) = (self.follow_bridges(), self.follow_policy());
        let mut violated = BTreeSet::new();
        loop {
            if self.is_proven() {
                let changed = async {
                    tokio::select! {
                        changed = bridges.changed() => changed,
                        changed = policy.changed() => changed,
                    }
                };
                // Both events mean that it is time to look.
                let _ = timeout(LOOK, changed).await;
                continue;
            }
            let began = Instant::now();
            sleep(DEBOUNCE).await;
            while !self.is_settled() && began.elapsed() < UNSETTLED {
                sleep(DEBOUNCE).await;
            }
            self.prove(&mut violated).await;
        }
    }

    /// Proves the assertions on the flows of now.
    async fn prove(&self, violated: &mut BTreeSet<(String, String)>) {
        let policy = self.policy();
        let flows = self.installed();
        let about = subject(&policy, &flows);
        let proof = tokio::task::spawn_blocking(move || proved(&policy, &flows)).await;
        match proof {
            Ok(report) => {
                tell(&report.assertions, violated);
                let verdicts = report.assertions.iter().map(|a| (&*a.kind, &*a.name, a.number()));
                self.metrics.verdicts(verdicts);
                self.proven.send_replace(Some(Arc::new(Proven { report, at: Instant::now(), about })));
            }
            Err(failed) => warn!(%failed, "the assertions were not proven on the installed flows"),
        }
    }

    /// Returns whether the active file has assertions.
    pub(super) fn has_assertions(&self) -> bool {
        let file = &self.policy.borrow().policy.file;
        !(file.nevers.is_empty() && file.always.is_empty() && file.confines.is_empty())
    }

    /// Returns the flows of the connected bridges of the file.
    fn installed(&self) -> BTreeMap<String, Arc<ReadFlows>> {
        let policy = self.policy();
        let named: BTreeSet<&str> = policy.named().filter(|name| *name != ANY_BRIDGE).collect();
        let counting = self.records.collect(|bridge, record| {
            let state = record.state.as_ref().filter(|state| state.connected && named.contains(bridge))?;
            Some((bridge.to_owned(), Arc::clone(&state.counting)))
        });
        // Outside the map's lock. A panic elsewhere leaves the flows usable.
        let read = counting.into_iter().filter_map(|(bridge, counting)| {
            Some((bridge, counting.lock().unwrap_or_else(PoisonError::into_inner).installed.read()?))
        });
        read.collect()
    }

    /// Returns whether the last proof is about the file and the flows of now.
    fn is_proven(&self) -> bool {
        let now = subject(&self.policy(), &self.installed());
        self.proven.borrow().as_ref().is_some_and(|proven| proven.about == now)
    }

    /// Returns whether all connected bridges follow the active policy.
    fn is_settled(&self) -> bool {
        let generation = self.policy().generation;
        let unsettled = self.records.collect(|_, record| {
            let state = record.state.as_ref().filter(|state| state.connected)?;
            (!state.status.settled || state.status.generation < generation).then_some(())
        });
        unsettled.is_empty()
    }

    /// Returns the verdicts on the installed flows. A proof of the latest change is waited for, up
    /// to a limit.
    pub async fn verification(&self, limit: Duration) -> VerificationReport {
        let mut moved = self.proven.subscribe();
        let proven = async { while !self.is_proven() && moved.changed().await.is_ok() {} };
        let _ = timeout(limit, proven).await;
        let current = self.is_proven();
        let proven = self.proven.borrow().clone();
        let Some(proven) = proven else {
            return self.unproven();
        };
        let age_seconds = Some(proven.at.elapsed().as_secs());
        let mut report = VerificationReport { age_seconds, current, ..proven.report.clone() };
        if !current {
            report.doubt("the file or the flows have changed since the last proof");
        }
        report
    }

    /// Returns the report before the first proof: nothing is known.
    fn unproven(&self) -> VerificationReport {
        let policy = self.policy();
        let report = decide(&policy.file, &[], Budget::default());
        let mut report = VerificationReport::new(policy.path.display().to_string(), &report);
        (report.age_seconds, report.current) = (None, false);
        report
    }

    /// Returns the time since the last proof.
    pub(super) fn proof_age(&self) -> Option<Duration> {
        self.proven.borrow().as_ref().map(|proven| proven.at.elapsed())
    }

    pub(super) fn proof_summary(&self) -> Option<ProofSummary> {
        let proven = self.proven.borrow().clone()?;
        let assertions = &proven.report.assertions;
        let of = |number: i64| {
            let those = assertions.iter().filter(move |assertion| assertion.number() == number);
            those.map(|assertion| format!("{} {}", assertion.kind, assertion.name)).collect::<Vec<_>>()
        };
        (!assertions.is_empty()).then(|| ProofSummary {
            age_seconds: proven.at.elapsed().as_secs(),
            holding: of(1).len() as u64,
            violated: of(0),
            unknown: of(-1),
        })
    }
}

fn subject(policy: &ActivePolicy, flows: &BTreeMap<String, Arc<ReadFlows>>) -> Subject {
    let digests = flows.iter().map(|(bridge, read)| (bridge.clone(), read.digest));
    (policy.generation, digests.collect())
}

fn proved(policy: &ActivePolicy, flows: &BTreeMap<String, Arc<ReadFlows>>) -> VerificationReport {
    let bridges = flows.iter().map(|(name, read)| InstalledBridge {
        name,
        ports: read.ports.clone(),
        flows: read.flows.as_slice().into(),
    });
    let bridges: Vec<InstalledBridge<'_>> = bridges.collect();
    let report = decide(&policy.file, &bridges, Budget::default());
    let mut report = VerificationReport::new(policy.path.display().to_string(), &report);
    if report.assertions.is_empty() {
        // No flow is kept for a file without assertions.
        report.unread.clear();
    }
    for bridge in &mut report.bridges {
        // The reading session left these out.
        let learned = flows.get(&bridge.name).map_or(0, |read| read.learned);
        bridge.flows += learned;
        bridge.learned += learned;
    }
    report
}

/// Logs each violation once, and its end.
fn tell(assertions: &[AssertionReport], violated: &mut BTreeSet<(String, String)>) {
    for assertion in assertions {
        let key = (assertion.kind.clone(), assertion.name.clone());
        if assertion.is_violated() {
            if violated.insert(key) {
                let shown: Vec<String> = assertion.witnesses.iter().take(1).flat_map(|w| w.lines()).collect();
                error!("{} {} is violated: {}", assertion.kind, assertion.name, shown.join("\n"));
            }
        } else if assertion.number() == 1 && violated.remove(&key) {
            info!("{} {} holds again", assertion.kind, assertion.name);
        }
    }
    let known = |(kind, name): &(String, String)| {
        assertions.iter().any(|assertion| assertion.kind == *kind && assertion.name == *name)
    };
    violated.retain(known);
}

#[cfg(test)]
mod tests;
