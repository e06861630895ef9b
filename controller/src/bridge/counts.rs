//! Packets and bytes of flows summed by rule, over the lives of the flows.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use flows::Flow;
use ofproto::message::multipart::FlowStats;

use super::Compiled;

/// What a switch says where it does not count.
const UNCOUNTED: u64 = u64::MAX;

/// What was seen of each flow last, so that the next look gives the difference.
#[derive(Debug, Default)]
pub struct Counts {
    last: HashMap<u64, (u64, u64)>,
    keys: RandomState,
}

/// What the flows of a bridge add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Flows by table.
    pub tables: HashMap<u8, u64>,
    /// Learned flows.
    pub learned: u64,
    /// New packets and bytes by rule.
    pub rules: HashMap<String, (u64, u64)>,
    /// New denied packets by reason.
    pub denied: HashMap<&'static str, u64>,
}

impl Counts {
    /// Takes what a switch has now and gives what was added since the last time. A counter that went back began anew.
    pub fn take(&mut self, compiled: &Compiled, stats: &[FlowStats]) -> Sums {
        let mut sums = Sums::default();
        let mut seen = HashMap::with_capacity(stats.len());
        for entry in stats {
            *sums.tables.entry(entry.table_id.0).or_default() += 1;
            let flow = Flow::from_stats(entry);
            let twin = compiled.twin(&flow).is_some();
            let Some(origin) = compiled.origin(&flow) else { continue };
            if !twin {
                sums.learned += 1;
            }
            let key = self.keys.hash_one((flow.key(), flow.cookie));
            let counted = |n: u64| if n == UNCOUNTED { 0 } else { n };
            let now = (counted(entry.packet_count), counted(entry.byte_count));
            let last = self.last.get(&key).copied().unwrap_or_default();
            seen.insert(key, now);
            let since = if now.0 < last.0 || now.1 < last.1 { now } else { (now.0 - last.0, now.1 - last.1) };
            let rule = sums.rules.entry(origin.rule.clone()).or_default();
            *rule = (rule.0.saturating_add(since.0), rule.1.saturating_add(since.1));
            if let Some(reason) = origin.reason {
                let denied = sums.denied.entry(reason.label()).or_default();
                *denied = denied.saturating_add(since.0);
            }
        }
        self.last = seen;
        sums
    }
}
