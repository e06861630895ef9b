//! The state machine of one bridge, without I/O: it takes session events, and returns messages and
//! notices.
//!
//! The name of a bridge is that of its `OFPP_LOCAL` port. If the network file names the bridge, a
//! flow monitor watches its flows, and the controller reads them. One ordered atomic bundle changes
//! the flows that differ from the file, and a second read checks the result. A later change (a
//! foreign hand, a port, the file) starts another round: read, compare, commit and read again,
//! until nothing differs.
//!
//! If the flows on the switch are known, a change of the file is committed first. The flows that
//! revoked learners taught are deleted with it, and the read follows. Packets under way may teach
//! revoked learners more in the meantime. A read one second later must find none of their flows
//! before the change counts as made.

mod comparison;
mod compiled;
mod counts;
mod crowded_ports;
mod ct_flush;
mod flow_mod_text;
mod full_bounds;
mod learned_bounds;
mod leases;
mod machine;
mod notice;
mod plan;
mod ports;
mod revoked_flows;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::compiled::Compiled;
pub use self::counts::{Counts, Sums};
pub use self::full_bounds::FullBounds;
pub use self::learned_bounds::{BoundUse, LearnedBound};
pub use self::machine::{Acknowledged, Bridge, BridgeStatus};
pub use self::notice::{Evicted, ForeignChange, Notice};
pub use self::ports::Ports;

/// Delay from a foreign change to the read that repairs it, so that one read sees a whole burst.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Shortest interval between two reads that foreign changes cause.
const DRIFT_INTERVAL: Duration = Duration::from_millis(200);
/// Interval of reads while a flow monitor watches: for the counters, and as a safety net.
const POLL: Duration = Duration::from_secs(5);
/// Interval of reads without a flow monitor.
const POLL_UNWATCHED: Duration = Duration::from_millis(500);
/// Deadline for the answer to a read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Deadline for opening or committing a bundle. Open vSwitch forgets a bundle after 10 s.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// Time in which upcalls under way may still learn for a removed learner.
const UPCALLS: Duration = Duration::from_secs(1);
/// Delays after failed rounds: the first, which is doubled each time, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// Number of consecutive rounds that may leave something to do before the rounds slow down.
const PATIENCE: u32 = 3;
