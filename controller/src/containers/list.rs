//! Lists the containers and their services.

use ofproto::MacAddr;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Containers;
use super::devices::VethPair;
use super::place::{self, network_of};
use super::service::ServedService;
use crate::active_policy::ActivePolicy;
use crate::problem::Problem;
use crate::store::{Container, Phase, Transport};

/// How a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerState {
    /// Its flows are on its bridge.
    #[serde(rename = "in-force")]
    Applied,
    /// Its bridge is not connected to the controller, or does not have its flows yet.
    Pending,
    /// Its port is not on its bridge.
    MissingPort,
    /// The network file has no place for it any more.
    SetAside,
    /// It was half made or half removed, and what is left could not be cleared away.
    HalfDone,
}

impl ContainerState {
    /// Returns the state's name in a table.
    pub fn words(self) -> &'static str {
        match self {
            Self::Applied => "in force",
            Self::Pending => "pending",
            Self::MissingPort => "MISSING PORT",
            Self::SetAside => "SET ASIDE",
            Self::HalfDone => "HALF DONE",
        }
    }
}

/// A container, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Its number in the network's range.
    pub id: u32,
    /// The bridge.
    pub bridge: String,
    /// The bridge's port.
    pub port: String,
    /// The namespace that its device was put into, if any.
    pub netns: Option<String>,
    /// The MAC that its device was made with: what comes from another is dropped.
    pub mac: String,
    /// Its addresses with the lengths of their subnets.
    pub addresses: Vec<String>,
    /// What it serves.
    pub services: Vec<ServedService>,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created_at: u64,
    /// Who made it.
    pub who: String,
    /// How it stands.
    pub state: ContainerState,
    /// Why it is not in force, where there is more to say.
    pub why: Option<String>,
}

/// The containers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerList {
    /// In the order of their networks and numbers.
    pub containers: Vec<Listed>,
}

/// One service in the discovery of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiscoveredService {
    /// Its name.
    pub name: String,
    /// The container that serves it.
    pub container: String,
    /// The addresses to reach it at.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<std::net::IpAddr>,
    /// The protocol: tcp, udp or sctp.
    pub protocol: Transport,
    /// The port.
    pub port: u16,
}

/// The services of one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceList {
    /// The network.
    pub network: String,
    /// Its services and no other's, by name.
    pub services: Vec<DiscoveredService>,
}

impl Containers {
    /// Returns the containers, of one network or of all.
    ///
    /// # Errors
    /// [`Problem`] if there is no such network, or the store cannot be read.
    pub fn list(&self, network: Option<&str>) -> Result<ContainerList, Problem> {
        let policy = self.hub.policy();
        if let Some(network) = network {
            network_of(&policy.file, network)?;
        }
        let mut rows = self.store()?.all::<Container>()?;
        rows.retain(|row| network.is_none_or(|network| row.network == network));
        rows.sort_by(|a, b| (&a.network, a.id).cmp(&(&b.network, b.id)));
        Ok(ContainerList { containers: rows.into_iter().map(|row| self.listed(&policy, row)).collect() })
    }

    fn listed(&self, policy: &ActivePolicy, row: Container) -> Listed {
        let (state, why) = self.container_state(policy, &row);
        let place = policy
            .file
            .network(&row.network)
            .and_then(|network| place::place_of(network, network.containers.as_ref()?, row.id));
        Listed {
            mac: MacAddr(VethPair::of_row(&row).inner_mac()).to_string(),
            addresses: place.map_or_else(Vec::new, |p| p.addresses.iter().map(ToString::to_string).collect()),
            services: row.services.iter().map(Into::into).collect(),
            name: row.name,
            network: row.network,
            id: row.id,
            bridge: row.bridge,
            port: row.port,
            netns: row.netns,
            created_at: row.created_at,
            who: row.who,
            state,
            why,
        }
    }

    fn container_state(&self, policy: &ActivePolicy, row: &Container) -> (ContainerState, Option<String>) {
        if row.phase != Phase::There {
            let why = format!("`portcullis container delete {}` goes on", row.name);
            return (ContainerState::HalfDone, Some(why));
        }
        if !policy.additions.containers.iter().any(|c| c.name == row.name) {
            let why =
                policy.set_aside.iter().find(|(c, _)| c.name == row.name).map(|(_, why)| why.to_string());
            return (ContainerState::SetAside, why);
        }
        let Some(status) = self.hub.bridge_status(&row.bridge) else {
            return (ContainerState::Pending, Some(format!("{} is not connected", row.bridge)));
        };
        if status.missing_ports.contains(&row.port) {
            return (ContainerState::MissingPort, Some(format!("{} is not on {}", row.port, row.bridge)));
        }
        if status.ambiguous_ports.contains(&row.port) {
            let why = format!("several ports of {} have the name {}", row.bridge, row.port);
            return (ContainerState::MissingPort, Some(why));
        }
        match status.acknowledged {
            Some(acknowledged) if acknowledged.generation >= policy.generation => {
                (ContainerState::Applied, None)
            }
            _ => (ContainerState::Pending, status.last_error),
        }
    }

    /// Returns the services of a network's present containers.
    ///
    /// # Errors
    /// [`Problem`] if there is no such network, or the store cannot be read.
    pub fn services(&self, network: &str) -> Result<ServiceList, Problem> {
        let policy = self.hub.policy();
        network_of(&policy.file, network)?;
        let mut services = Vec::new();
        for row in self.store()?.all::<Container>()? {
            let Some(endpoint) = policy.file.endpoints.iter().find(|e| e.name == row.name) else { continue };
            if row.network != network || row.phase != Phase::There {
                continue;
            }
            let addresses: Vec<_> =
                endpoint.attachments.iter().flat_map(|a| a.addresses.iter().copied()).collect();
            services.extend(row.services.into_iter().map(|service| DiscoveredService {
                name: service.name,
                container: row.name.clone(),
                addresses: addresses.clone(),
                protocol: service.protocol,
                port: service.port,
            }));
        }
        services.sort_by(|a, b| (&a.name, &a.container).cmp(&(&b.name, &b.container)));
        Ok(ServiceList { network: network.to_owned(), services })
    }
}
