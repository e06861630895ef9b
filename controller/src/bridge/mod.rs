//! One bridge, sans-IO: what a session tells goes in, what to send and what to note comes out.
//!
//! A bridge is known by the name of its `OFPP_LOCAL` port. If the network file names it, its flows are
//! watched by a flow monitor and read; what differs from the file is changed in one ordered atomic bundle,
//! and read again. Whatever changes later (a foreign hand, a port, the file) leads to the same round: read,
//! compare, commit, read again, until nothing differs. Where it is known what the switch has, what the file changes is
//! committed first, with what those taught who lost by it, and read then. What goes may have taught more meanwhile, from
//! packets under way: a read a second later has to find nothing of it before the change counts as made.

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

/// From a foreign change to the read that repairs it, so that one read sees a whole burst.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// At least so long from one read to the next that a foreign change causes.
const DRIFT_INTERVAL: Duration = Duration::from_millis(200);
/// From one read to the next where a flow monitor watches: for the counters, and as a safety net.
const POLL: Duration = Duration::from_secs(5);
/// The same where there is no flow monitor.
const POLL_UNWATCHED: Duration = Duration::from_millis(500);
/// A switch has so long to answer a read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A switch has so long to open or commit a bundle; Open vSwitch forgets one after 10 s.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long upcalls under way may still learn for a learner that is gone.
const UPCALLS: Duration = Duration::from_secs(1);
/// From a failed round to the next: doubled each time, up to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// So many rounds in a row may leave something to do before they slow down.
const PATIENCE: u32 = 3;
