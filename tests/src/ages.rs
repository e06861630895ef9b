//! The ages of flows. A flow that was written again has a new age.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::Running;

/// Tolerance for the steps of a switch's clock, and for the start of the process that reads it.
const SLACK: Duration = Duration::from_millis(100);

/// The flows of bridges and their durations, at one time.
#[derive(Debug, Clone)]
pub struct Ages {
    /// The durations by bridge and flow. The key is the text of `ovs-ofctl` without its changing
    /// parts: cookie, table, priority, timeouts, match and actions.
    pub flows: BTreeMap<(String, String), Duration>,
    /// The time before the first request.
    begun: Instant,
    /// The time after the last reply.
    ended: Instant,
}

impl Ages {
    /// Reads the flows of these bridges.
    pub fn of(net: &Running, bridges: &[&str]) -> Self {
        let begun = Instant::now();
        let mut flows = BTreeMap::new();
        for bridge in bridges {
            for line in net.flows_with_stats(bridge) {
                let (flow, duration) = split(&line);
                flows.insert(((*bridge).to_owned(), flow), duration);
            }
        }
        Self { flows, begun, ended: Instant::now() }
    }

    /// Returns the flows of an earlier time that were removed since, or are younger now than they
    /// should be. Each comes with its change.
    ///
    /// # Panics
    /// Panics if `before` is later than `self`.
    pub fn touched_since(&self, before: &Self) -> Vec<String> {
        let between = self.begun.checked_duration_since(before.ended).expect("the order of time");
        let mut touched = Vec::new();
        for (key, was) in &before.flows {
            match self.flows.get(key) {
                None => touched.push(format!("{}: gone: {}", key.0, key.1)),
                Some(is) if *is + SLACK < *was + between => {
                    touched.push(format!("{}: {was:?} old, {between:?} later {is:?}: {}", key.0, key.1));
                }
                Some(_) => {}
            }
        }
        touched
    }

    /// Keeps the flows of one bridge only.
    #[must_use]
    pub fn only(mut self, bridge: &str) -> Self {
        self.flows.retain(|(b, _), _| b == bridge);
        self
    }

    /// Returns the matching flows of a bridge.
    pub fn on<'a>(
        &'a self,
        bridge: &'a str,
        fits: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a str> {
        self.flows.keys().filter(move |(b, f)| b == bridge && fits(f)).map(|(_, f)| f.as_str())
    }
}

/// Splits a line of `dump-flows` into its text and its duration.
fn split(line: &str) -> (String, Duration) {
    let mut duration = None;
    let mut kept = Vec::new();
    for word in line.split(", ") {
        if let Some(seconds) = word.strip_prefix("duration=") {
            let seconds = seconds.strip_suffix('s').and_then(|s| s.parse().ok()).expect("seconds");
            duration = Some(Duration::from_secs_f64(seconds));
        } else if !word.starts_with("n_packets=") && !word.starts_with("n_bytes=") {
            kept.push(word);
        }
    }
    (kept.join(", "), duration.unwrap_or_else(|| panic!("no duration: {line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "cookie=0x1, duration=2.5s, table=1, n_packets=3, n_bytes=4, hard_timeout=9, priority=7,ip actions=drop";

    fn ages(at: Instant, duration: f64) -> Ages {
        let (flow, _) = split(LINE);
        let flows = BTreeMap::from([(("b".to_owned(), flow), Duration::from_secs_f64(duration))]);
        Ages { flows, begun: at, ended: at }
    }

    #[test]
    fn what_changes_by_itself_is_left_out() {
        let (flow, duration) = split(LINE);
        assert_eq!(flow, "cookie=0x1, table=1, hard_timeout=9, priority=7,ip actions=drop");
        assert_eq!(duration, Duration::from_millis(2500));
    }

    #[test]
    fn a_flow_that_did_not_age_was_touched() {
        let now = Instant::now();
        let before = ages(now, 5.0);
        let later = now + Duration::from_secs(2);
        assert_eq!(ages(later, 7.0).touched_since(&before), Vec::<String>::new());
        assert_eq!(ages(later, 6.5).touched_since(&before).len(), 1);
        let gone = Ages { flows: BTreeMap::new(), ..ages(later, 7.0) };
        assert_eq!(gone.touched_since(&before).len(), 1);
    }
}
