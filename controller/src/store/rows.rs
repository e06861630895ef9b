//! What is remembered.

use flows::network::{Additions, Protocol};
use redb::TableDefinition;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A kind of thing that is remembered, each under a key of its own.
pub trait Row: Serialize + DeserializeOwned {
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
    /// What it serves.
    pub services: Vec<Service>,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created_at: u64,
    /// Who made it.
    pub who: String,
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
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
            containers: self.containers.iter().map(Into::into).collect(),
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
            services: container.services.iter().map(service).collect(),
        }
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

impl Row for Window {
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("windows");
    const WHAT: &'static str = "window";

    fn key(&self) -> String {
        self.name.clone()
    }
}

impl Row for Instance {
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("instances");
    const WHAT: &'static str = "instance";

    fn key(&self) -> String {
        Self::key_of(&self.template, self.number)
    }
}

impl Row for Container {
    const TABLE: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("containers");
    const WHAT: &'static str = "container";

    fn key(&self) -> String {
        self.name.clone()
    }
}
