//! Samples of denied packets, by bridge.

use super::Hub;
use super::records::BridgeRecord;
use crate::denied::{DeniedReport, Sample, report};

/// Largest number of tables for bridges that the file does not name. Such bridges choose their
/// names themselves.
const MAX_BRIDGES: usize = 1_024;

impl Hub {
    /// Counts a sample of a denied packet that arrived at `at`, in seconds since 1970-01-01 UTC.
    pub fn note_denied(&self, bridge: &str, sample: Sample, at: u64) {
        let has_table = |record: &BridgeRecord| record.denied.is_some();
        if !self.records.read(bridge, has_table).unwrap_or(false)
            && self.records.count(has_table) >= MAX_BRIDGES
        {
            return;
        }
        self.records.change(bridge, |record| record.denied.get_or_insert_default().add(sample, at));
    }

    /// Returns the denied packets of one bridge or of all, the latest first.
    pub fn denied_report(&self, bridge: Option<&str>) -> Vec<DeniedReport> {
        let policy = self.policy();
        let wanted = |name: &str| bridge.is_none_or(|bridge| bridge == name);
        let tables = self.records.collect(|name, record| {
            let entries = record.denied.as_ref().filter(|_| wanted(name))?.entries();
            Some(entries.map(|entry| report(&policy.file, name, entry)).collect::<Vec<_>>())
        });
        let mut all: Vec<DeniedReport> = tables.into_iter().flatten().collect();
        all.sort_by(|a, b| (b.last_at, &a.bridge).cmp(&(a.last_at, &b.bridge)));
        all
    }
}
