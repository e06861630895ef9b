//! The options of a lab beyond the network file.

use std::net::IpAddr;
use std::path::PathBuf;

use flows::network::NetworkFile;
use ipnetwork::IpNetwork;

use super::addressing::{self, LabAddresses};
use super::plan::{HOST, LabPlan, PlannedPort, Subject};

/// The options of a lab.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// The lab's id. Defaults to a new one.
    pub id: Option<String>,
    /// The directory that holds the directories of labs; see [`default_base`](super::default_base).
    pub base: Option<PathBuf>,
    /// The path of the network file, by which `lab down FILE` finds the lab.
    pub source: Option<PathBuf>,
    /// Ports beyond those of the file, each with a namespace behind it.
    pub extra: Vec<ExtraPort>,
    /// Addresses for the lab's host on internal ports of bridges: (bridge, address).
    pub host_addresses: Vec<(String, IpNetwork)>,
    /// True if the lab's host routes between its devices, as a misconfigured host does.
    pub host_forwards: bool,
}

/// A port that the file does not name (or does not own), with a namespace behind it.
#[derive(Debug, Clone, Default)]
pub struct ExtraPort {
    /// The name of the place and of its namespace.
    pub name: String,
    /// The bridge.
    pub bridge: String,
    /// The port's name on the bridge.
    pub port: String,
    /// The addresses.
    pub addresses: Vec<IpNetwork>,
    /// The default gateways.
    pub gateways: Vec<IpAddr>,
    /// The MAC address, if it matters.
    pub mac: Option<[u8; 6]>,
}

impl LabOptions {
    /// Returns the options of the lab in which isolation is hardest to keep. Its host routes
    /// between all bridges. It has an address in every subnet, on the bridge's own port, unless the
    /// file gives it one.
    pub fn worst_case(file: &NetworkFile) -> Self {
        let mut addresses = LabAddresses::of(file);
        let mut host_addresses = Vec::new();
        for network in &file.networks {
            let placed = file
                .endpoints
                .iter()
                .flat_map(|e| &e.attachments)
                .any(|a| a.network == network.name && (a.port == "LOCAL" || a.port == network.bridge));
            if placed {
                continue;
            }
            for subnet in &network.subnets {
                if let Some(address) = addresses.free(*subnet) {
                    host_addresses.push((network.bridge.clone(), addressing::in_subnet(network, address)));
                }
            }
        }
        Self { host_addresses, host_forwards: true, ..Self::default() }
    }
}

impl LabPlan {
    /// Adds the requests of the options.
    #[must_use]
    pub fn with(mut self, options: &LabOptions) -> Self {
        for extra in &options.extra {
            let namespace = self.new_namespace(&extra.name);
            let (device, mac) = self.plug(&extra.bridge, &extra.port, &namespace, extra.mac);
            for address in &extra.addresses {
                self.address(&namespace, &device, *address);
            }
            for gateway in &extra.gateways {
                self.route(&namespace, addressing::everything(*gateway), *gateway);
            }
            self.places.push(PlannedPort {
                name: extra.name.clone(),
                subject: Subject::Declared,
                network: None,
                bridge: extra.bridge.clone(),
                port: extra.port.clone(),
                entry: extra.port.clone(),
                vlan: None,
                namespace,
                device,
                mac,
                addresses: extra.addresses.clone(),
                leased: false,
                behind: Vec::new(),
            });
        }
        for (bridge, address) in &options.host_addresses {
            self.address(HOST, bridge, *address);
        }
        if let Some(host) = self.namespace(HOST) {
            host.forwards = options.host_forwards;
        }
        self
    }
}
