//! Flows that a switch ends by itself, by their hard timeout: what of them is as desired, and what is not.
//!
//! A compiled flow says how many seconds were left when it was compiled. The switch's flow says how many were left when
//! it was added, and how long ago that was. They are the same flow if they end at the same time. A timeout has 16 bits, so that a
//! flow may end before its time: such a flow is armed again before half of its timeout is over.

use std::time::Duration;

/// The longest hard timeout, in seconds (OpenFlow 1.3.5 §A.3.4.1: 16 bits).
pub const LONGEST: u16 = u16::MAX;

/// So much may lie between two ends that are the same: switches and controllers count in seconds, and a change takes a
/// moment to arrive.
pub const TOLERANCE: Duration = Duration::from_secs(2);

/// So many seconds may pass from compiling a flow of the longest timeout to adding it; it is added with what is left.
const LATE: u16 = 5;

/// What becomes of a flow that a switch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimedFlowState {
    /// It ends as desired.
    Good,
    /// It ends before its time, as one of the longest timeout does, and has to be armed again now.
    Due,
    /// It is another flow.
    Other,
}

/// How a flow that was added `age` ago with `hard_timeout` stands to the one that is desired with `left`.
///
/// `longest` is the timeout of a flow that ends later than a timeout can say. One on the switch is good for its first half,
/// unless it would outlive its time.
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

/// Whether a flow that was added `age` ago with `hard_timeout` ends as a controller lets it end that desires it as long as
/// `left` from now on. When that one compiled it, and so how much of the longest timeout it had left to give, is not known here:
/// at most a quarter of it is over by the time when it compiles again.
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

/// How long a timed flow is desired from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLeft {
    /// So long.
    Exactly(Duration),
    /// So long, and then longer than a timeout can say.
    AtLeast(Duration),
}

impl TimeLeft {
    /// What is left of a compiled flow's timeout after `elapsed`.
    pub fn after(hard_timeout: u16, elapsed: Duration, longest: u16) -> Self {
        let left = Duration::from_secs(hard_timeout.into()).saturating_sub(elapsed);
        if hard_timeout >= longest { Self::AtLeast(left) } else { Self::Exactly(left) }
    }

    /// The timeout to add the flow with: it never ends after its time. None when that is over, or as good as.
    pub fn timeout(self) -> Option<u16> {
        let (Self::Exactly(left) | Self::AtLeast(left)) = self;
        u16::try_from(left.as_secs()).ok().filter(|seconds| *seconds > 0)
    }

    /// Whether its time is over, as far as clocks can tell: whether it is still there is all the same.
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
        // Its time is over and it is still there: about to go.
        assert_eq!((stands(60, S(61), S(0)), stands(60, S(40), S(0))), (Good, Other));
    }

    #[test]
    fn the_longest_is_good_for_its_first_half() {
        let stands = |timeout, age, left| timed_flow_state(timeout, age, TimeLeft::AtLeast(left), 1_000);
        assert_eq!(stands(1_000, S(0), S(1_000)), Good);
        assert_eq!((stands(1_000, S(499), S(1_000)), stands(1_000, S(499), S(10))), (Good, Good));
        assert_eq!((stands(1_000, S(500), S(1_000)), stands(1_000, S(999), S(1_000))), (Due, Due));
        assert_eq!(stands(994, S(0), S(1_000 + 5)), Other);
        // Added a moment after it was compiled, and looked at by a controller that was started since.
        assert_eq!((stands(999, S(300), S(1_000)), stands(999, S(600), S(1_000))), (Good, Due));
        // Added a while after it was compiled.
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
        // It was armed when it was not known to the second yet.
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
