//! The record of each bridge, which outlives its sessions.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use dashmap::DashMap;

use super::drops::SessionDrops;
use super::installed::InstalledFlows;
use super::{BridgeReport, FaultReport};
use crate::bridge::{BridgeStatus, Counts, FullBounds, Sums};
use crate::denied::DeniedTable;
use crate::ovs::IsolationFault;

/// The records by the name of the bridge.
///
/// A record is read and changed inside a closure. So its lock is never held across an await, or
/// while another record is accessed.
#[derive(Debug, Default)]
pub(super) struct BridgeRecords(DashMap<String, BridgeRecord>);

/// The record of a bridge.
#[derive(Debug, Default)]
pub(super) struct BridgeRecord {
    /// The state of the bridge. `None` before its first session.
    pub(super) state: Option<BridgeState>,
    /// The faults of the last audit of its settings. `None` before the first audit.
    pub(super) faults: Option<Vec<IsolationFault>>,
    /// The denied packets. `None` before the first sample.
    pub(super) denied: Option<DeniedTable>,
}

/// The state of a bridge.
#[derive(Debug, Default)]
pub(super) struct BridgeState {
    pub(super) connected: bool,
    pub(super) status: BridgeStatus,
    pub(super) drops: SessionDrops,
    pub(super) flows: u64,
    pub(super) learned: u64,
    pub(super) full: Vec<String>,
    pub(super) counting: Arc<Mutex<FlowCounting>>,
}

#[derive(Debug, Default)]
pub(super) struct FlowCounting {
    pub(super) counts: Counts,
    pub(super) sums: Sums,
    pub(super) full_bounds: FullBounds,
    pub(super) installed: InstalledFlows,
}

impl BridgeRecord {
    /// Returns whether the bridge has a session.
    pub(super) fn is_connected(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.connected)
    }

    /// Reports the bridge, which is settled only if it follows the policy of this generation.
    pub(super) fn report(&self, name: &str, generation: u64) -> BridgeReport {
        let faults = self.faults.as_deref().unwrap_or_default();
        let state = self.state.as_ref();
        let status = state.map(|state| state.status.clone()).unwrap_or_default();
        let connected = self.is_connected();
        let drops = state.and_then(|state| state.drops.text(Instant::now()));
        let errors: Vec<String> = status.last_error.into_iter().chain(drops).collect();
        BridgeReport {
            name: name.to_owned(),
            connected,
            settled: connected && status.settled && status.generation >= generation,
            dpid: state.map(|_| status.datapath.to_string()),
            flows: state.map_or(0, |state| state.flows),
            learned: state.map_or(0, |state| state.learned),
            full: state.map_or_else(Vec::new, |state| state.full.clone()),
            missing_ports: status.missing_ports,
            ambiguous_ports: status.ambiguous_ports,
            drift_repaired: status.drift_repaired,
            isolated: !faults.iter().any(|fault| fault.kind.breaks_isolation()),
            faults: faults.iter().map(FaultReport::from).collect(),
            last_error: Some(errors.join("; ")).filter(|errors| !errors.is_empty()),
        }
    }

    fn is_empty(&self) -> bool {
        self.state.is_none() && self.faults.is_none() && self.denied.is_none()
    }
}

impl From<&IsolationFault> for FaultReport {
    fn from(fault: &IsolationFault) -> Self {
        Self {
            kind: fault.kind.label(),
            verdict: fault.kind.verdict(),
            detail: fault.detail.clone(),
            remedy: fault.remedy.clone(),
        }
    }
}

impl BridgeRecords {
    /// Reads the record of a bridge, if there is one.
    pub(super) fn read<T>(&self, bridge: &str, read: impl FnOnce(&BridgeRecord) -> T) -> Option<T> {
        self.0.get(bridge).map(|record| read(&record))
    }

    /// Reads the status of a bridge, if it has a session.
    pub(super) fn connected<T>(&self, bridge: &str, read: impl FnOnce(&BridgeStatus) -> T) -> Option<T> {
        let of_state = |state: &BridgeState| state.connected.then(|| read(&state.status));
        self.read(bridge, |record| record.state.as_ref().and_then(of_state)).flatten()
    }

    /// Changes the record of a bridge, and creates it if there is none.
    pub(super) fn change<T>(&self, bridge: &str, change: impl FnOnce(&mut BridgeRecord) -> T) -> T {
        change(&mut self.0.entry(bridge.to_owned()).or_default())
    }

    /// Changes the state of a bridge.
    pub(super) fn change_state<T>(&self, bridge: &str, change: impl FnOnce(&mut BridgeState) -> T) -> T {
        self.change(bridge, |record| change(record.state.get_or_insert_default()))
    }

    /// Changes the state of a bridge, if it has had a session.
    pub(super) fn change_known_state(&self, bridge: &str, change: impl FnOnce(&mut BridgeState)) {
        if let Some(mut record) = self.0.get_mut(bridge)
            && let Some(state) = &mut record.state
        {
            change(state);
        }
    }

    /// Forgets the state of a bridge, and its whole record if nothing else is in it.
    pub(super) fn forget_state(&self, bridge: &str) {
        self.0.remove_if_mut(bridge, |_, record| {
            record.state = None;
            record.is_empty()
        });
    }

    /// Changes every record, and removes empty ones.
    pub(super) fn change_all(&self, mut change: impl FnMut(&str, &mut BridgeRecord)) {
        self.0.retain(|bridge, record| {
            change(bridge, record);
            !record.is_empty()
        });
    }

    /// Collects the results of `of` over all records, in no order.
    pub(super) fn collect<T>(&self, mut of: impl FnMut(&str, &BridgeRecord) -> Option<T>) -> Vec<T> {
        self.0.iter().filter_map(|record| of(record.key(), &record)).collect()
    }

    /// Counts the records that satisfy `of`.
    pub(super) fn count(&self, of: impl Fn(&BridgeRecord) -> bool) -> usize {
        self.0.iter().filter(|record| of(record)).count()
    }
}
