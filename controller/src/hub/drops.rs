//! Counts the ended sessions of a bridge, so that `status` shows a switch that reconnects again and
//! again.

use std::time::{Duration, Instant};

use crate::bridge::BridgeStatus;

/// The number of ended sessions of a bridge since it was last settled for a while.
#[derive(Debug, Default)]
pub(super) struct SessionDrops {
    count: u64,
    last: String,
    /// Start of the time for which the bridge has been settled.
    settled: Option<Instant>,
}

impl SessionDrops {
    /// Time for which a bridge must stay settled to count as well again.
    const WELL: Duration = Duration::from_secs(60);

    /// Counts a session that ended.
    pub(super) fn note_end(&mut self, why: String, now: Instant) {
        if self.is_well(now) {
            self.count = 0;
        }
        self.count += 1;
        self.last = why;
        self.settled = None;
    }

    /// Notes whether the bridge is settled in its session.
    pub(super) fn note_status(&mut self, status: &BridgeStatus, now: Instant) {
        self.settled = if status.settled { self.settled.or(Some(now)) } else { None };
    }

    /// Returns the count and the last reason. Returns none once the bridge is well, which it is at
    /// once after a single end.
    pub(super) fn text(&self, now: Instant) -> Option<String> {
        match self.count {
            0 => None,
            _ if self.is_well(now) => None,
            1 if self.settled.is_some() => None,
            1 => Some(format!("its session ended: {}", self.last)),
            count => Some(format!("its session ended {count} times, the last one: {}", self.last)),
        }
    }

    fn is_well(&self, now: Instant) -> bool {
        self.settled.is_some_and(|since| now.saturating_duration_since(since) >= Self::WELL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_that_is_dropped_again_and_again_says_so_until_it_is_well() {
        let (mut drops, start) = (SessionDrops::default(), Instant::now());
        let settled = BridgeStatus { settled: true, ..BridgeStatus::default() };
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(drops.text(at(0)), None);
        drops.note_end("too many bad messages".to_owned(), at(0));
        assert_eq!(drops.text(at(0)).unwrap(), "its session ended: too many bad messages");
        // A single end is not reported.
        drops.note_status(&settled, at(1));
        assert_eq!(drops.text(at(1)), None);
        for n in 2..=841 {
            drops.note_end(format!("reason {n}"), at(n));
            drops.note_status(&settled, at(n));
        }
        let text = "its session ended 841 times, the last one: reason 841";
        assert_eq!(drops.text(at(900)).unwrap(), text);
        assert_eq!(drops.text(at(901)), None);
        // An unsettled bridge is not well.
        drops.note_status(&BridgeStatus::default(), at(902));
        assert_eq!(drops.text(at(1_000)).unwrap(), text);
        drops.note_status(&settled, at(1_000));
        drops.note_end("another".to_owned(), at(1_060));
        assert_eq!(drops.text(at(1_060)).unwrap(), "its session ended: another", "it is counted anew");
    }
}
