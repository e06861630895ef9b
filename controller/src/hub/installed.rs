//! The flows of a bridge, as the last complete read found them: for the proof of the assertions.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use flows::Flow;
use flows::compile::{PortMap, mac_pairs};

use crate::bridge::Ports;

/// The largest number of flows that are kept, beside learned ones. A proof of more takes too long.
const MAX_FLOWS: usize = 1 << 20;

/// The flows of the read under way, and those of the last complete one.
#[derive(Debug, Default)]
pub(super) struct InstalledFlows {
    reading: ReadFlows,
    read: Option<Arc<ReadFlows>>,
}

/// The flows of one read.
#[derive(Debug, Default)]
pub(super) struct ReadFlows {
    pub(super) ports: PortMap,
    /// The flows, without those that a learner of the file accounts for.
    pub(super) flows: Vec<Flow>,
    /// The number of those.
    pub(super) learned: u64,
    /// A hash of flows and ports, whatever the order.
    pub(super) digest: u64,
    beyond: bool,
}

impl InstalledFlows {
    /// Begins a read.
    pub(super) fn begin(&mut self) {
        self.reading = ReadFlows::default();
    }

    /// Adds a flow of the read under way.
    pub(super) fn add(&mut self, flow: Flow, learned: bool) {
        let reading = &mut self.reading;
        // No flow of the switch stands for those that the controller learns between two hosts.
        if learned && mac_pairs::learned(&flow).is_none() {
            reading.learned += 1;
            return;
        }
        if reading.flows.len() >= MAX_FLOWS {
            reading.beyond = true;
            return;
        }
        reading.digest = reading.digest.wrapping_add(digest(&(flow.key(), flow.cookie, &flow.instructions)));
        reading.flows.push(flow);
    }

    /// Ends the read. A read that found the same as the last one changes nothing.
    pub(super) fn end(&mut self, ports: &Ports) {
        let mut reading = std::mem::take(&mut self.reading);
        reading.ports = ports.by_name();
        reading.digest = reading.digest.wrapping_add(digest(&reading.ports));
        let same = |read: &Arc<ReadFlows>| read.digest == reading.digest && !reading.beyond;
        if !self.read.as_ref().is_some_and(same) {
            self.read = (!reading.beyond).then(|| Arc::new(reading));
        }
    }

    /// Returns the flows of the last complete read, if they are not too many.
    pub(super) fn read(&self) -> Option<Arc<ReadFlows>> {
        self.read.clone()
    }
}

fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
