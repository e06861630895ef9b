//! Containers and instances of templates, that come and go at run time.
//!
//! Making a container is one transaction over five things: a row in the [store](crate::store), a pair of veth devices, a
//! port of a bridge, the policy in force, and the flows of the bridge. The row is written first, with how far the
//! container came ([`Phase`](crate::store::Phase)); then the rest, in order; then the row says that it is there. Whatever fails on the way, all
//! is taken back: flows before the port, the port before the devices, the row last. Each of these steps does nothing where
//! there is nothing to do, so the same steps remove a container, take a failed one back, and clear away at the next start
//! what a crash left half done.
//!
//! A port without a policy is quarantined, so it is put on the bridge before its flows, and taken off after them.

mod body;
mod create;
mod devices;
mod instances;
mod list;
mod place;
mod reload;
mod remove;
mod request;
mod service;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::create::CreatedContainer;
pub use self::instances::{DroppedInstance, InstanceChange, TemplateList, TemplateListed};
pub use self::list::{ContainerList, ContainerState, DiscoveredService, Listed, ServiceList};
pub use self::remove::RemovedContainer;
pub use self::request::{Instance, Request};
pub use self::service::ServedService;
use crate::hub::{Hub, PolicyArrival};
use crate::ovs::Database;
use crate::problem::Problem;
use crate::store::Store;

/// A bridge has so long to take what is sent to it.
const LIMIT: Duration = Duration::from_secs(5);
/// The most containers of one controller.
const MAX_CONTAINERS: usize = 4096;
/// The most instances that are added at run time.
const MAX_INSTANCES: usize = 4096;

/// Makes and removes containers and instances. All that it does blocks, for seconds at the worst: not for async code.
#[derive(Debug)]
pub struct Containers {
    hub: Arc<Hub>,
    database: Database,
    /// The network file.
    file: PathBuf,
    /// Held while the file is read again.
    reloading: Mutex<()>,
    runtime: tokio::runtime::Handle,
}

impl Containers {
    /// For the network file that is in force in the hub. To be called within a runtime.
    pub fn new(hub: Arc<Hub>, database: Database, file: PathBuf) -> Self {
        Self { hub, database, file, reloading: Mutex::new(()), runtime: tokio::runtime::Handle::current() }
    }

    /// What is remembered.
    fn store(&self) -> Result<Arc<Store>, Problem> {
        self.hub.store()
    }

    /// Waits until a bridge has the policy in force.
    fn arrival(&self, bridge: &str, generation: u64, port: Option<&str>) -> PolicyArrival {
        self.runtime.block_on(self.hub.wait_until_applied(bridge, generation, port, LIMIT))
    }
}

/// Seconds since 1970-01-01 UTC.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
