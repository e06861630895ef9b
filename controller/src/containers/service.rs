//! Converts a container's services between the API and the store.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::{Service, Transport};

/// A service of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServedService {
    /// Its name.
    pub name: String,
    /// The protocol: tcp, udp or sctp.
    pub protocol: Transport,
    /// The port.
    pub port: u16,
    /// Whether the clients of the network's containers may open connections to it; they may unless this says no.
    #[schema(required = false, default = true)]
    pub exposed: bool,
}

impl From<&Service> for ServedService {
    fn from(service: &Service) -> Self {
        let Service { name, protocol, port, exposed } = service.clone();
        Self { name, protocol, port, exposed }
    }
}

impl From<&ServedService> for Service {
    fn from(service: &ServedService) -> Self {
        let ServedService { name, protocol, port, exposed } = service.clone();
        Self { name, protocol, port, exposed }
    }
}
