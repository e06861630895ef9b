//! Containers and instances of templates that come and go at run time.
//!
//! Creating a container is one transaction over five things: a row in the [store](crate::store), a
//! pair of veth devices, a port of a bridge, the active policy, and the flows of the bridge. The
//! row is written first, with the container's progress ([`Phase`](crate::store::Phase)). The other
//! steps follow in order, and at the end the row marks the container as present.
//!
//! If a step fails, all steps are undone: flows before the port, the port before the devices, the
//! row last. Each of these steps does nothing if there is nothing to undo. So the same steps remove
//! a container, undo a failed creation, and clean up after a crash at the next start.
//!
//! A port without a policy is quarantined. So it is added to the bridge before its flows, and
//! removed after them.

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

/// Deadline of a bridge for applying a change.
const LIMIT: Duration = Duration::from_secs(5);
/// Largest number of containers of one controller.
const MAX_CONTAINERS: usize = 4096;
/// Largest number of instances that are added at run time.
const MAX_INSTANCES: usize = 4096;

/// Creates and removes containers and instances. All calls block, for seconds at the worst, so
/// async code must not make them.
#[derive(Debug)]
pub struct Containers {
    hub: Arc<Hub>,
    database: Database,
    /// The network file.
    file: PathBuf,
    /// Held during a reload of the file.
    reloading: Mutex<()>,
    runtime: tokio::runtime::Handle,
}

impl Containers {
    /// Returns the containers of the hub's active network file. Must be called within a runtime.
    pub fn new(hub: Arc<Hub>, database: Database, file: PathBuf) -> Self {
        Self { hub, database, file, reloading: Mutex::new(()), runtime: tokio::runtime::Handle::current() }
    }

    /// Returns the store of the controller's state.
    fn store(&self) -> Result<Arc<Store>, Problem> {
        self.hub.store()
    }

    /// Waits until a bridge has applied the policy of that generation.
    fn arrival(&self, bridge: &str, generation: u64, port: Option<&str>) -> PolicyArrival {
        self.runtime.block_on(self.hub.wait_until_applied(bridge, generation, port, LIMIT))
    }
}

/// Returns the present time, in seconds since 1970-01-01 UTC.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
