//! The Open vSwitch of this machine, through `ovs-vsctl`. Attaches bridges to the controller, and
//! audits their settings.

mod attach;
mod audit;
mod database;
mod eviction;
mod identity;
mod ports;
mod preserve_flows;
mod retry;
#[cfg(test)]
mod tests;
mod vsctl;

pub use self::attach::{AttachOptions, AttachOutcome, LOOPBACK_TARGET, attach, detach};
pub use self::audit::{Audit, AuditError, FaultKind, IsolationFault, audit};
pub use self::eviction::{BOUNDS, EvictionBound};
pub use self::identity::{ControllerRow, Identities, Identity, target_reaches};
pub use self::ports::{BridgeKind, add_port, bridge_kind, find_port, remove_port};
pub use self::retry::tell_retry_again;
pub use self::vsctl::{Database, quoted};
