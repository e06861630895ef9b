//! The rows of the store.

use flows::network::{Additions, Protocol};
use redb::TableDefinition;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of stored row, each with a key of its own.
pub trait StoredRow: Serialize + DeserializeOwned {
    /// The table of the rows.
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]>;
    /// The name of the kind, for a person.
    const WHAT: &'static str;
    /// Returns the key, which is unique in the table.
    fn key(&self) -> String;
}

/// An open window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The name, as in the `temp` of allows.
    pub name: String,
    /// Time of opening, in seconds since 1970-01-01 UTC.
    pub opened_at: u64,
    /// Time of closing, in seconds since 1970-01-01 UTC.
    pub closes_at: u64,
    /// The reason, in the words of the user who opened it.
    pub reason: String,
    /// The user who opened it.
    pub who: String,
}

/// An instance of a template that was added at run time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The template's name.
    pub template: String,
    /// The number.
    pub number: u32,
    /// Time of the addition, in seconds since 1970-01-01 UTC.
    pub added_at: u64,
    /// The user who added it.
    pub who: String,
}

/// A container that was made at run time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its number in the range of its network.
    pub id: u32,
    /// The network's name.
    pub network: String,
    /// The bridge of the network when the container was made.
    pub bridge: String,
    /// The container's port on the bridge.
    pub port: String,
    /// The network namespace of the container's end. `None` if the end is moved by another program.
    pub netns: Option<String>,
    /// The MAC address of the container's end, which its flows pin. `None` in rows of old versions.
    #[serde(default)]
    pub mac: Option<[u8; 6]>,
    /// The progress of the container.
    pub phase: Phase,
    /// The services of the container.
    pub services: Vec<Service>,
    /// Time of creation, in seconds since 1970-01-01 UTC.
    pub created_at: u64,
    /// The user who made it.
    pub who: String,
}

/// The progress of a container. It is written before each step, so that the next start knows what a
/// crash left half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The container is being made. The next start undoes it.
    Making,
    /// The container is present.
    #[default]
    There,
    /// The container is being removed. The next start completes the removal.
    Removing,
}

/// A service of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The protocol.
    pub protocol: Transport,
    /// The port.
    pub port: u16,
    /// True if the clients of the network's range may open connections to it. A service that is not
    /// exposed is listed all the same.
    pub exposed: bool,
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// All rows of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Open windows, and windows whose deadline passed while no controller ran.
    pub windows: Vec<Window>,
    /// Instances of templates that were added at run time.
    pub instances: Vec<Instance>,
    /// Containers.
    pub containers: Vec<Container>,
}

impl State {
    /// Returns the additions to a network file.
    pub fn additions(&self) -> Additions {
        Additions {
            instances: self.instances.iter().map(|i| (i.template.clone(), i.number)).collect(),
            containers: self.containers.iter().filter(|c| c.phase == Phase::There).map(Into::into).collect(),
        }
    }
}

impl From<&Container> for flows::network::Container {
    fn from(container: &Container) -> Self {
        let service = |s: &Service| flows::network::Service {
            name: s.name.clone(),
            protocol: s.protocol.into(),
            port: s.port,
        };
        Self {
            id: container.id,
            name: container.name.clone(),
            network: container.network.clone(),
            mac: container.mac,
            services: container.services.iter().filter(|s| s.exposed).map(service).collect(),
        }
    }
}

impl Transport {
    /// All protocols with ports.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// Returns the name, as it is written in requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// Returns the protocol of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}

impl From<Transport> for Protocol {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::Tcp,
            Transport::Udp => Self::Udp,
            Transport::Sctp => Self::Sctp,
        }
    }
}

impl Instance {
    /// Returns the key of an instance.
    pub fn key_of(template: &str, number: u32) -> String {
        format!("{template} {number}")
    }
}

impl StoredRow for Window {
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("windows");
    const WHAT: &'static str = "window";

    fn key(&self) -> String {
        self.name.clone()
    }
}

impl StoredRow for Instance {
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("instances");
    const WHAT: &'static str = "instance";

    fn key(&self) -> String {
        Self::key_of(&self.template, self.number)
    }
}

impl StoredRow for Container {
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("containers");
    const WHAT: &'static str = "container";

    fn key(&self) -> String {
        self.name.clone()
    }
}
