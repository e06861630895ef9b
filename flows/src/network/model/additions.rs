//! Additions to a network file at run time: instances of its templates, containers in its ranges.

use crate::network::Protocol;

/// The additions that a controller received by its commands or its API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additions {
    /// Template instances: the template's name and the number.
    pub instances: Vec<(String, u32)>,
    /// Containers.
    pub containers: Vec<Container>,
}

impl Additions {
    /// Returns whether both hold equal additions, in any order.
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

/// A container added at run time, in the [`ContainerRange`](crate::network::ContainerRange) of its
/// network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its number, which determines its port and its addresses.
    pub id: u32,
    /// Its name, as the name of an endpoint of the file.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// The MAC of its device, to be pinned; `None` if it is unknown.
    pub mac: Option<[u8; 6]>,
    /// The services that it offers.
    pub services: Vec<Service>,
}

/// A service that a container offers to the clients of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The service's name.
    pub name: String,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}
