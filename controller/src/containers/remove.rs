//! Removes containers completely.

use ofctl::nearest;
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};
use utoipa::ToSchema;

use super::Containers;
use super::create::{device_failed, ovs_failed};
use super::devices::VethPair;
use crate::hub::PolicyArrival;
use crate::ovs::remove_port;
use crate::problem::Problem;
use crate::store::{Container, Phase};

/// A container that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedContainer {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Its number, which is free again.
    pub id: u32,
    /// Whether its flows are still on the bridge, because the bridge is not connected to the controller or did not take the change in
    /// time; the controller goes on trying.
    pub pending: bool,
}

impl Containers {
    /// Removes a container: its flows, its port, its devices, and its row.
    ///
    /// # Errors
    /// [`Problem`] if there is no container of that name, the store fails, or a part cannot be removed.
    /// Another call, or the next start, then removes the rest.
    pub fn delete(&self, name: &str, who: &str) -> Result<RemovedContainer, Problem> {
        let _turn = self.hub.lock_policy();
        let rows = self.store()?.all::<Container>()?;
        let Some(row) = rows.iter().find(|r| r.name == name) else {
            return Err(unknown(name, &rows));
        };
        let mut row = row.clone();
        row.phase = Phase::Removing;
        self.store()?.put(&row)?;
        let arrival = self.clear(&row).map_err(|mut problem| {
            problem.help = format!("{}; `portcullis container delete {name}` goes on", problem.help);
            problem
        })?;
        info!(container = name, network = row.network, port = row.port, who, "container removed");
        Ok(RemovedContainer {
            pending: arrival != PolicyArrival::Applied,
            name: row.name,
            network: row.network,
            id: row.id,
        })
    }

    /// Removes all parts of a container, in reverse order of creation. Missing parts are skipped.
    pub(super) fn clear(&self, row: &Container) -> Result<PolicyArrival, Problem> {
        let mut arrival = PolicyArrival::Applied;
        if let Some(policy) = self.hub.policy().without_container(&row.name) {
            let generation = self.hub.replace_policy(policy);
            arrival = self.arrival(&row.bridge, generation, None);
            if let PolicyArrival::NotInTime(why) = &arrival {
                // The port is removed all the same: no packet reaches the container without it, and
                // the controller keeps trying.
                warn!(bridge = row.bridge, why, "the flows of a container are not gone yet");
            }
        }
        self.clear_host(row)?;
        self.store()?.remove::<Container>(&row.name)?;
        Ok(arrival)
    }

    /// Removes the container's parts on the host: the port, then the devices.
    fn clear_host(&self, row: &Container) -> Result<(), Problem> {
        remove_port(&self.database, &row.port, &row.name)
            .map_err(|why| ovs_failed(&format!("the port {}", row.port), &why))?;
        VethPair::of(&row.port).remove().map_err(device_failed)?;
        Ok(())
    }

    /// Cleans up containers that a crash left half made or half removed. A container that cannot be
    /// cleaned up stays half done, with a warning.
    pub fn recover(&self) {
        let _turn = self.hub.lock_policy();
        let rows = match self.store().and_then(|store| Ok(store.all::<Container>()?)) {
            Ok(rows) => rows,
            Err(why) => {
                error!(%why, "the containers cannot be read");
                return;
            }
        };
        for row in rows.iter().filter(|r| r.phase == Phase::There && r.mac.is_none()) {
            // The device was made with this MAC address. The next read of the file pins it.
            let row = Container { mac: Some(VethPair::of(&row.port).inner_mac()), ..row.clone() };
            if let Err(why) = self.store().and_then(|store| Ok(store.put(&row)?)) {
                error!(container = row.name, %why, "the MAC of a container could not be written down");
            }
        }
        for row in rows.iter().filter(|r| r.phase != Phase::There) {
            match self.clear(row) {
                Ok(_) => {
                    info!(container = row.name, "a container that was half made or half removed is gone")
                }
                Err(why) => error!(
                    container = row.name,
                    %why,
                    "a container that was half made or half removed could not be cleared away"
                ),
            }
        }
    }
}

fn unknown(name: &str, rows: &[Container]) -> Problem {
    let help = match nearest(name, rows.iter().map(|r| r.name.as_str())) {
        Some(near) => format!("did you mean {near}?"),
        None => "`portcullis container list` shows those there are".to_owned(),
    };
    Problem::not_found(format!("there is no container {name}"), help)
}
