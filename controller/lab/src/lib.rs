//! `portcullis lab`: a private Open vSwitch with everything that a network file names around it.
//!
//! The lab lives *inside a network namespace of its own*, the lab's host `pcl-ID`: Open vSwitch, the
//! bridges and the controller are in there, and whatever is plugged into a bridge is in a namespace
//! `pcl-ID-NAME`. Nothing of the real host's network is touched, and labs run side by side.
//!
//! ```text
//!  pcl-ID-gateway  eth0 ══ veth100 ─┐
//!  pcl-ID-xray     eth0 ══ veth102 ─┤ vmbr0 ─ warp0 ══ eth0 pcl-ID-warp out0 ══ inet0 pcl-ID-internet
//!                                   │       (all bridges in pcl-ID)
//!  pcl-ID-nm-privacy eth0 ══ nm-privacy ─ mesh-privacy ─ to-privacy ══ from-privacy ─┘
//! ```
//!
//! Each part is recorded in `state.json` in the lab's directory *before* it is made, so
//! [`take_down`] finds everything after a crash.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use lab::{HOST, Lab, LabOptions};
//!
//! let text = std::fs::read_to_string("flows/networks/dual-socket.toml")?;
//! let (file, _) = flows::network::parse(&text, "dual-socket.toml").map_err(|f| format!("{f:?}"))?;
//! let lab = Lab::up(&file, LabOptions::default())?;
//! lab.ofctl(&["add-flow", "vmbr1", "actions=NORMAL"])?;
//! let ping = lab.exec("mcp", &["ping", "-c1", "-W1", "10.1.0.201"])?;
//! assert!(ping.status.success());
//! let listener = lab.within("api", || std::net::TcpListener::bind("10.1.0.201:9573"))??;
//! # drop(listener);
//! lab.exec(HOST, &["ip", "link"])?;
//! lab.down()?;
//! # Ok(())
//! # }
//! ```

mod addressing;
mod build;
mod command;
mod commands;
mod daemons;
mod error;
mod handle;
mod leases;
mod netns;
mod options;
mod plan;
pub mod probe;
mod process;
mod proxy;
#[cfg(test)]
pub(crate) mod samples;
mod session;
mod state;
mod teardown;
#[cfg(test)]
mod tests;

pub use self::commands::{down, test, up};
pub use self::error::LabError;
pub use self::handle::{Lab, Spawned};
pub use self::options::{ExtraPort, LabOptions};
pub use self::plan::{
    Cable, CableEnd, HOST, INTERNET, LabPlan, PlannedBridge, PlannedNamespace, PlannedPort, SourceRoutes,
    Subject, TAGGER, TaggedPorts,
};
pub use self::process::ProcessRecord;
pub use self::session::{ProbeRound, RunningLab, Scenario, start};
pub use self::state::{LabState, default_base, labs};
pub use self::teardown::{LabSelection, take_down};
