//! Flows that a switch ends by their hard timeout, and their comparison with the desired flows.
//!
//! A compiled flow holds the seconds left at its compilation. The installed flow holds the seconds
//! left when it was added, and its age. Both are one flow if they have the same deadline. A timeout
//! has 16 bits, so a flow may end before its deadline. Such a flow is armed again before half of
//! its timeout is over.

use std::time::Duration;

/// The longest hard timeout, in seconds (OpenFlow 1.3.5 §A.3.4.1: 16 bits).
pub const LONGEST: u16 = u16::MAX;

/// The tolerance between two deadlines that count as equal: switches and controllers count in
/// seconds, and a change takes time to arrive.
pub const TOLERANCE: Duration = Duration::from_secs(2);

/// The seconds that may pass from compiling a flow of the longest timeout to adding it; it is added
/// with the rest.
const LATE: u16 = 5;

/// The state of an installed timed flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimedFlowState {
    /// The flow ends as desired.
    Good,
    /// The flow ends before its deadline, because its timeout is the longest, and must be armed
    /// again now.
    Due,
    /// The installed flow is another flow.
    Other,
}

/// Compares a flow that was added `age` ago with `hard_timeout` to a desired flow with `left`.
///
/// `longest` is the timeout of a flow whose deadline exceeds any timeout. An installed one is good
/// for the first half of its timeout, unless it would outlive its deadline.
pub fn timed_flow_state(hard_timeout: u16, age: Duration, left: TimeLeft, longest: u16) -> TimedFlowState {
    let timeout = Duration::from_secs(hard_timeout.into());
    let ends = timeout.saturating_sub(age);
    let long = hard_timeout <= longest && longest - hard_timeout <= LATE;
    let (as_desired, early) = match left {
        TimeLeft::Exactly(left) => (ends.abs_diff(left) <= TOLERANCE, long && ends <= left),
        TimeLeft::AtLeast(left) => (!long && ends.abs_diff(left) <= TOLERANCE, long),
    };
    match (as_desired, early) {
        _ if hard_timeout == 0 => TimedFlowState::Other,
        (true, _) => TimedFlowState::Good,
        (false, true) if age.saturating_mul(2) < timeout => TimedFlowState::Good,
        (false, true) => TimedFlowState::Due,
        (false, false) => TimedFlowState::Other,
    }
}

/// Returns whether a flow that was added `age` ago with `hard_timeout` ends as desired by a
/// controller that wants it for `left`. The time of compilation is unknown here, and so is the
/// remainder of the longest timeout. At most a quarter of it is over when the controller compiles
/// again.
pub fn ends_as_desired(hard_timeout: u16, age: Duration, left: TimeLeft) -> bool {
    let ends = Duration::from_secs(hard_timeout.into()).saturating_sub(age);
    let early = hard_timeout >= LONGEST - LONGEST / 4 - LATE;
    match left {
        TimeLeft::Exactly(left) => {
            hard_timeout != 0 && (ends.abs_diff(left) <= TOLERANCE || early && ends <= left + TOLERANCE)
        }
        TimeLeft::AtLeast(_) => early,
    }
}

/// The time for which a timed flow is desired from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLeft {
    /// Exactly this long.
    Exactly(Duration),
    /// This long, and then longer than a timeout can express.
    AtLeast(Duration),
}

impl TimeLeft {
    /// Returns the rest of a compiled flow's timeout after `elapsed`.
    pub fn after(hard_timeout: u16, elapsed: Duration, longest: u16) -> Self {
        let left = Duration::from_secs(hard_timeout.into()).saturating_sub(elapsed);
        if hard_timeout >= longest { Self::AtLeast(left) } else { Self::Exactly(left) }
    }

    /// Returns the timeout for adding the flow, which never exceeds the deadline. Returns `None` if
    /// the deadline is reached, or nearly so.
    pub fn timeout(self) -> Option<u16> {
        let (Self::Exactly(left) | Self::AtLeast(left)) = self;
        u16::try_from(left.as_secs()).ok().filter(|seconds| *seconds > 0)
    }

    /// Returns whether the deadline is over, within the tolerance of clocks: the flow may be
    /// present or not.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Exactly(left) if left <= TOLERANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    use TimedFlowState::{Due, Good, Other};

    #[test]
    fn the_same_end_is_the_same_flow() {
        let stands = |timeout, age, left| timed_flow_state(timeout, age, TimeLeft::Exactly(left), LONGEST);
        assert_eq!(stands(60, S(20), S(40)), Good);
        assert_eq!(stands(60, Duration::from_millis(20_600), S(41)), Good);
        assert_eq!((stands(60, S(20), S(42)), stands(60, S(20), S(38))), (Good, Good));
        assert_eq!((stands(60, S(20), S(43)), stands(60, S(20), S(37))), (Other, Other));
        assert_eq!(stands(0, S(20), S(40)), Other, "one without an end is another");
        // Its deadline is over and it is still installed: it is about to expire.
        assert_eq!((stands(60, S(61), S(0)), stands(60, S(40), S(0))), (Good, Other));
    }

    #[test]
    fn the_longest_is_good_for_its_first_half() {
        let stands = |timeout, age, left| timed_flow_state(timeout, age, TimeLeft::AtLeast(left), 1_000);
        assert_eq!(stands(1_000, S(0), S(1_000)), Good);
        assert_eq!((stands(1_000, S(499), S(1_000)), stands(1_000, S(499), S(10))), (Good, Good));
        assert_eq!((stands(1_000, S(500), S(1_000)), stands(1_000, S(999), S(1_000))), (Due, Due));
        assert_eq!(stands(994, S(0), S(1_000 + 5)), Other);
        // Added soon after its compilation, and examined by a controller that has restarted since.
        assert_eq!((stands(999, S(300), S(1_000)), stands(999, S(600), S(1_000))), (Good, Due));
        // Added long after its compilation.
        assert_eq!((stands(900, S(0), S(900)), stands(900, S(0), S(1_000))), (Good, Other));
    }

    #[test]
    fn the_longest_may_end_early_but_not_late() {
        let stands = |age, left| timed_flow_state(1_000, age, TimeLeft::Exactly(left), 1_000);
        assert_eq!((stands(S(400), S(600)), stands(S(400), S(900))), (Good, Good));
        assert_eq!(stands(S(400), S(500)), Other, "it would outlive its time");
        assert_eq!(stands(S(600), S(900)), Due, "it ends early and is half over");
        assert_eq!(stands(S(600), S(400)), Good, "it ends in time");
    }

    #[test]
    fn when_a_controller_compiled_is_no_difference() {
        let ends = |timeout, age, left| ends_as_desired(timeout, S(age), left);
        let later = TimeLeft::AtLeast(S(65_535));
        assert!(ends(65_535, 0, later) && ends(65_535, 60_000, later) && ends(55_000, 9, later));
        assert!(!ends(0, 0, later) && !ends(600, 0, later));
        let exactly = |left| TimeLeft::Exactly(S(left));
        assert!(ends(7_200, 200, exactly(7_000)) && !ends(7_200, 200, exactly(6_000)));
        assert!(!ends(7_200, 200, exactly(7_100)) && !ends(0, 0, exactly(60)));
        // It was armed before its deadline was known to the second.
        assert!(ends(65_000, 30_000, exactly(40_000)) && !ends(65_000, 30_000, exactly(30_000)));
    }

    #[test]
    fn what_is_added_late_ends_in_time() {
        assert_eq!(TimeLeft::after(60, S(20), LONGEST), TimeLeft::Exactly(S(40)));
        assert_eq!(TimeLeft::after(60, Duration::from_millis(20_001), LONGEST).timeout(), Some(39));
        assert_eq!(TimeLeft::after(60, S(60), LONGEST).timeout(), None);
        assert_eq!(TimeLeft::after(60, S(61), LONGEST).timeout(), None);
        assert_eq!(TimeLeft::after(LONGEST, S(5), LONGEST), TimeLeft::AtLeast(S(65_530)));
        assert_eq!(TimeLeft::after(LONGEST, S(5), LONGEST).timeout(), Some(65_530));
        assert!(
            TimeLeft::after(60, S(58), LONGEST).is_over() && !TimeLeft::after(60, S(57), LONGEST).is_over()
        );
        assert!(!TimeLeft::after(1_000, S(999), 1_000).is_over());
    }
}
