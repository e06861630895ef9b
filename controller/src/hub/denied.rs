//! What was denied, by bridge.

use super::Hub;
use crate::denied::{DeniedReport, DeniedTable, Sample, report};

/// Bridges that the file does not name, and that say themselves what they are called, share so many tables.
const MAX_BRIDGES: usize = 1_024;

impl Hub {
    /// Counts a sample of a denied packet, that came so many seconds after 1970-01-01 UTC.
    pub fn note_denied(&self, bridge: &str, sample: Sample, at: u64) {
        if !self.denied.contains_key(bridge) && self.denied.len() >= MAX_BRIDGES {
            return;
        }
        self.denied.entry(bridge.to_owned()).or_default().add(sample, at);
    }

    /// What was denied, the last first: of one bridge, or of all.
    pub fn denied_report(&self, bridge: Option<&str>) -> Vec<DeniedReport> {
        let policy = self.policy();
        let wanted = |name: &str| bridge.is_none_or(|bridge| bridge == name);
        let tables = self.denied.iter().filter(|table| wanted(table.key()));
        let mut all: Vec<DeniedReport> = Vec::new();
        for table in tables {
            let (name, table): (&String, &DeniedTable) = table.pair();
            all.extend(table.entries().map(|entry| report(&policy.file, name, entry)));
        }
        all.sort_by(|a, b| (b.last_at, &a.bridge).cmp(&(a.last_at, &b.bridge)));
        all
    }
}
