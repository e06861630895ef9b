//! Keeps one record of each bridge, for longer than a session.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use dashmap::DashMap;

use super::drops::SessionDrops;
use super::{BridgeReport, FaultReport};
use crate::bridge::{BridgeStatus, Counts, FullBounds, Sums};
use crate::denied::DeniedTable;
use crate::ovs::IsolationFault;

/// Keeps the records by the name of the bridge.
///
/// A record is read and changed inside a closure. So nobody holds its lock while something else is
/// awaited, or while another record is looked at.
#[derive(Debug, Default)]
pub(super) struct BridgeRecords(DashMap<String, BridgeRecord>);

/// Says what is known about a bridge.
#[derive(Debug, Default)]
pub(super) struct BridgeRecord {
    /// How the bridge stands; none before its first session.
    pub(super) state: Option<BridgeState>,
    /// What the last look at its settings found; none before the first one.
    pub(super) faults: Option<Vec<IsolationFault>>,
    /// What it denied; none before the first sample.
    pub(super) denied: Option<DeniedTable>,
}

/// Says how a bridge stands.
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
}

impl BridgeRecord {
    /// Returns whether the bridge has a session.
    pub(super) fn is_connected(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.connected)
    }

    /// Reports the bridge, which is settled only where it follows the policy of this generation.
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

    /// Changes the record of a bridge, which is a new one where there was none.
    pub(super) fn change<T>(&self, bridge: &str, change: impl FnOnce(&mut BridgeRecord) -> T) -> T {
        change(&mut self.0.entry(bridge.to_owned()).or_default())
    }

    /// Changes how a bridge stands.
    pub(super) fn change_state<T>(&self, bridge: &str, change: impl FnOnce(&mut BridgeState) -> T) -> T {
        self.change(bridge, |record| change(record.state.get_or_insert_default()))
    }

    /// Changes how a bridge stands, if it had a session.
    pub(super) fn change_known_state(&self, bridge: &str, change: impl FnOnce(&mut BridgeState)) {
        if let Some(mut record) = self.0.get_mut(bridge)
            && let Some(state) = &mut record.state
        {
            change(state);
        }
    }

    /// Forgets how a bridge stands, and the whole record if there is nothing else in it.
    pub(super) fn forget_state(&self, bridge: &str) {
        self.0.remove_if_mut(bridge, |_, record| {
            record.state = None;
            record.is_empty()
        });
    }

    /// Changes every record, and forgets those that have nothing left.
    pub(super) fn change_all(&self, mut change: impl FnMut(&str, &mut BridgeRecord)) {
        self.0.retain(|bridge, record| {
            change(bridge, record);
            !record.is_empty()
        });
    }

    /// Collects something of every record that has it, in no order.
    pub(super) fn collect<T>(&self, mut of: impl FnMut(&str, &BridgeRecord) -> Option<T>) -> Vec<T> {
        self.0.iter().filter_map(|record| of(record.key(), &record)).collect()
    }

    /// Counts the records of which something holds.
    pub(super) fn count(&self, of: impl Fn(&BridgeRecord) -> bool) -> usize {
        self.0.iter().filter(|record| of(record)).count()
    }
}
