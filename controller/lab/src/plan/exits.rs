//! Exits, and the internet behind them.

use std::net::IpAddr;

use flows::network::{Exit, Network, NetworkFile};
use ipnetwork::IpNetwork;

use super::{Cable, CableEnd, INTERNET, LabPlan, MAC_OUTSIDE, PlannedPort, Subject, mac};
use crate::addressing;

impl LabPlan {
    /// Adds the exits. Each is a namespace that routes between its bridge port and the internet: a
    /// WireGuard device has no Ethernet, so a real exit is wired in the same way.
    pub(super) fn exits(&mut self, file: &NetworkFile) {
        for (number, exit) in file.exits.iter().enumerate() {
            let namespace = self.new_namespace(&exit.name);
            let network = exit.network.as_deref().and_then(|n| file.network(n));
            let vlan = network.and_then(|n| n.vlan);
            let (device, mac_in) = match vlan {
                Some(vlan) => self.plug_tagged(&exit.bridge, &exit.port, &namespace, None, vlan),
                None => self.plug(&exit.bridge, &exit.port, &namespace, None),
            };
            let mut addresses = Vec::new();
            if let Some(network) = network {
                addresses.extend(exit.next_hop.iter().map(|a| addressing::in_subnet(network, *a)));
                self.beyond(file, network, exit, number, &namespace);
            }
            for address in &addresses {
                self.address(&namespace, &device, *address);
            }
            self.places.push(PlannedPort {
                name: exit.name.clone(),
                subject: Subject::Exit(exit.name.clone()),
                network: exit.network.clone(),
                bridge: exit.bridge.clone(),
                port: exit.port.clone(),
                entry: exit.port.clone(),
                vlan,
                namespace,
                device,
                mac: mac_in,
                addresses,
                leased: false,
                behind: Vec::new(),
            });
        }
    }

    /// Adds the internet behind an exit, with routes there and back and without address
    /// translation.
    fn beyond(&mut self, file: &NetworkFile, network: &Network, exit: &Exit, number: usize, key: &str) {
        if self.namespace_of(INTERNET).is_none() {
            self.new_namespace(INTERNET);
        }
        let device = internet_device(number);
        self.cables.push(Cable {
            a: CableEnd {
                namespace: key.to_owned(),
                device: "out0".to_owned(),
                mac: mac(MAC_OUTSIDE, 2 * number),
            },
            b: CableEnd {
                namespace: INTERNET.to_owned(),
                device: device.clone(),
                mac: mac(MAC_OUTSIDE, 2 * number + 1),
            },
        });
        if let Some(ns) = self.namespace(key) {
            ns.forwards = true;
        }
        for hop in &exit.next_hop {
            let Some((inner, outer)) = addressing::outside(number, hop.is_ipv6()) else {
                self.remarks.push(format!("exit {}: no internet behind it, 16 exits have one", exit.name));
                continue;
            };
            self.address(key, "out0", inner);
            self.address(INTERNET, &device, outer);
            self.route(key, addressing::everything(*hop), outer.ip());
            let same_family = |p: &IpNetwork| p.is_ipv6() == hop.is_ipv6();
            for subnet in network.subnets.iter().copied().filter(same_family) {
                self.route(INTERNET, subnet, inner.ip());
            }
            let attachments = file.endpoints.iter().flat_map(|e| &e.attachments);
            for attachment in attachments.filter(|a| a.network == network.name) {
                let via = attachment.addresses.iter().copied().find(|a| a.is_ipv6() == hop.is_ipv6());
                let Some(via) = via else { continue };
                for prefix in attachment.behind.iter().copied().filter(same_family) {
                    self.route(key, prefix, via);
                    self.route(INTERNET, prefix, inner.ip());
                }
            }
        }
    }

    /// Adds one address of each outside prefix in the file to the internet.
    pub(super) fn outsides(&mut self, file: &NetworkFile) {
        for outside in &file.outsides {
            for address in outside.addresses.iter().filter_map(|prefix| represented_address(*prefix)) {
                self.address(INTERNET, "lo", IpNetwork::from(address));
            }
        }
    }
}

/// Returns the internet's device to the exit of that number.
pub(super) fn internet_device(number: usize) -> String {
    format!("inet{number}")
}

/// Returns the address that stands for an outside prefix.
pub(crate) fn represented_address(prefix: IpNetwork) -> Option<IpAddr> {
    addressing::nth(prefix, 50).or_else(|| addressing::nth(prefix, 1))
}
