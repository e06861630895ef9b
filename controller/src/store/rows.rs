//! What is remembered.

use flows::network::{Additions, Protocol};
use redb::TableDefinition;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of thing that is remembered, each under a key of its own.
pub trait StoredRow: Serialize + DeserializeOwned {
    /// Its table.
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]>;
    /// What it is, for a person.
    const WHAT: &'static str;
    /// Its key: no two have the same.
    fn key(&self) -> String;
}

/// A window that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Its name, that of the `temp` of allows.
    pub name: String,
    /// When it was opened, in seconds since 1970-01-01 UTC.
    pub opened_at: u64,
    /// When it closes, in the same seconds.
    pub closes_at: u64,
    /// Why it is open, in the words of who opened it.
    pub reason: String,
    /// Who opened it.
    pub who: String,
}

/// A template, stamped out at run time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The template's name.
    pub template: String,
    /// The number.
    pub number: u32,
    /// When it was added, in seconds since 1970-01-01 UTC.
    pub added_at: u64,
    /// Who added it.
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
    /// The bridge of that network when it was made.
    pub bridge: String,
    /// Its port there.
    pub port: String,
    /// The network namespace that its end was put into; none where that was left to others.
    pub netns: Option<String>,
    /// The MAC of its end, which its flows pin; none in a row from before that was written down.
    #[serde(default)]
    pub mac: Option<[u8; 6]>,
    /// How far it came.
    pub phase: Phase,
    /// What it serves.
    pub services: Vec<Service>,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created_at: u64,
    /// Who made it.
    pub who: String,
}

/// How far a container came. It is written before anything is done, so that what a crash left half done is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is being made; what there is of it is undone at the next start.
    Making,
    /// It is there.
    #[default]
    There,
    /// It is being removed; that is brought to its end at the next start.
    Removing,
}

/// What a container serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The protocol.
    pub protocol: Transport,
    /// The port.
    pub port: u16,
    /// Whether the clients of the network's range may open connections to it. One that is not exposed is listed all the
    /// same.
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

/// All that is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Open windows, and those whose time passed while nobody looked.
    pub windows: Vec<Window>,
    /// Templates that were stamped out.
    pub instances: Vec<Instance>,
    /// Containers.
    pub containers: Vec<Container>,
}

impl State {
    /// What it adds to a network file.
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// Its name, as it is written in requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// The protocol of that name.
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
    /// The key of an instance.
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
