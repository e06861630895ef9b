//! Endpoints: one namespace each, with a device for every attachment.

use std::net::IpAddr;

use flows::network::{Attachment, Endpoint, Network, NetworkFile};
use ipnetwork::IpNetwork;

use super::{HOST, LabPlan, PlannedPort, Subject};
use crate::addressing::{self, LabAddresses};

impl LabPlan {
    pub(super) fn endpoints(&mut self, file: &NetworkFile, addresses: &mut LabAddresses) {
        for endpoint in &file.endpoints {
            let mut own: Option<String> = None;
            for (number, attachment) in endpoint.attachments.iter().enumerate() {
                let Some(network) = file.network(&attachment.network) else { continue };
                let name = match number {
                    0 => endpoint.name.clone(),
                    _ => format!("{}@{}", endpoint.name, attachment.network),
                };
                self.attach(endpoint, attachment, network, name, &mut own, addresses);
            }
        }
    }

    fn attach(
        &mut self,
        endpoint: &Endpoint,
        attachment: &Attachment,
        network: &Network,
        name: String,
        own: &mut Option<String>,
        free: &mut LabAddresses,
    ) {
        let local = attachment.port == "LOCAL" || attachment.port == network.bridge;
        let (namespace, port, device, mac) = if local {
            if network.vlan.is_some() {
                self.remarks.push(format!("{name}: the lab has no tagged frames at a bridge's own port"));
                return;
            }
            let Some(bridge) = self.bridges.iter_mut().find(|b| b.name == network.bridge) else { return };
            if let Some(pinned) = attachment.mac {
                bridge.mac = pinned;
            }
            (HOST.to_owned(), bridge.name.clone(), bridge.name.clone(), bridge.mac)
        } else {
            let namespace = match own {
                Some(key) => key.clone(),
                None => self.new_namespace(&endpoint.name),
            };
            *own = Some(namespace.clone());
            let (port, pinned) = (attachment.port.clone(), attachment.mac);
            let (device, mac) = match network.vlan {
                Some(vlan) => self.plug_tagged(&network.bridge, &port, &namespace, pinned, vlan),
                None => self.plug(&network.bridge, &port, &namespace, pinned),
            };
            (namespace, port, device, mac)
        };
        let mut all: Vec<IpAddr> = attachment.addresses.clone();
        if attachment.leased {
            all.extend(network.subnets.iter().filter_map(|subnet| free.free(*subnet)));
        }
        let addresses: Vec<_> = all.into_iter().map(|a| addressing::in_subnet(network, a)).collect();
        for address in &addresses {
            self.address(&namespace, &device, *address);
        }
        let behind: Vec<_> = attachment.behind.iter().filter_map(|p| addressing::nth(*p, 2)).collect();
        for address in &behind {
            self.address(&namespace, "lo", IpNetwork::from(*address));
        }
        self.places.push(PlannedPort {
            name,
            subject: Subject::Endpoint(endpoint.name.clone()),
            network: Some(network.name.clone()),
            bridge: network.bridge.clone(),
            entry: port.clone(),
            port,
            vlan: network.vlan,
            namespace,
            device,
            mac,
            addresses,
            leased: attachment.leased,
            behind,
        });
    }
}
