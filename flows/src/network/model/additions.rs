//! What is added to a network file at run time: instances of its templates, containers in its ranges.

use crate::network::Protocol;

/// What a controller was told beyond the file, by its commands or its API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additions {
    /// Stamped out templates: the template's name and the number.
    pub instances: Vec<(String, u32)>,
    /// Containers.
    pub containers: Vec<Container>,
}

impl Additions {
    /// Returns whether both add the same, in any order.
    pub fn is_alike(&self, other: &Self) -> bool {
        let sorted = |additions: &Self| {
            let Self { mut instances, mut containers } = additions.clone();
            instances.sort_unstable();
            containers.sort_by(|a, b| a.name.cmp(&b.name));
            (instances, containers)
        };
        self == other || sorted(self) == sorted(other)
    }
}

/// A container that came at run time, in the [`ContainerRange`](crate::network::ContainerRange) of its network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its number, which says its port and its addresses.
    pub id: u32,
    /// Its name, that of an endpoint of the file.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// The MAC of its device, to be pinned; none where it is not known.
    pub mac: Option<[u8; 6]>,
    /// What it serves.
    pub services: Vec<Service>,
}

/// What a container serves to the clients of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The service's name.
    pub name: String,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}
