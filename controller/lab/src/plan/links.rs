//! Links, and another node behind those that a bridge only forwards.

use flows::network::{LinkEnd, LinkRole, NetworkFile};

use super::{Cable, CableEnd, HOST, LabPlan, MAC_PORT, PlannedPort, Subject, mac};
use crate::addressing::{self, LabAddresses};

impl LabPlan {
    pub(super) fn links(&mut self, file: &NetworkFile, addresses: &mut LabAddresses) {
        for link in &file.links {
            let [one, other] = &link.ends;
            self.add_port(&one.bridge, &one.port);
            self.add_port(&other.bridge, &other.port);
            let number = self.cables.len() + 1;
            let end = |end: &LinkEnd, number: usize| CableEnd {
                namespace: HOST.to_owned(),
                device: end.port.clone(),
                mac: mac(MAC_PORT, number),
            };
            self.cables.push(Cable { a: end(one, number), b: end(other, number + 0x8000) });
            for (near, far) in [(one, other), (other, one)] {
                let LinkRole::Forwards { port } = &far.role else { continue };
                self.node(file, &link.name, near, &far.bridge, port, addresses);
            }
        }
    }

    /// Adds another node behind the port that a link's far end forwards to.
    fn node(
        &mut self,
        file: &NetworkFile,
        link: &str,
        near: &LinkEnd,
        bridge: &str,
        port: &str,
        addresses: &mut LabAddresses,
    ) {
        if self.has_port(bridge, port) {
            self.remarks.push(format!("link {link}: {port} is something else already, no node behind it"));
            return;
        }
        let (mut owned, mut on, mut vlan) = (Vec::new(), None, None);
        if let LinkRole::Network { network, behind } = &near.role {
            on = Some(network.clone());
            if let Some(network) = file.network(network) {
                let free = behind.iter().filter_map(|p| addresses.free(*p));
                owned.extend(free.map(|a| addressing::in_subnet(network, a)));
                vlan = network.vlan;
            }
        }
        if vlan.is_some() {
            self.remarks
                .push(format!("link {link}: no node behind it, as a forwarding bridge passes no tags"));
            self.add_port(bridge, port);
            return;
        }
        let namespace = self.new_namespace(port);
        let (device, mac) = self.plug(bridge, port, &namespace, None);
        for address in &owned {
            self.address(&namespace, &device, *address);
        }
        self.places.push(PlannedPort {
            name: port.to_owned(),
            subject: Subject::Link(link.to_owned()),
            network: on,
            bridge: bridge.to_owned(),
            port: port.to_owned(),
            entry: near.port.clone(),
            vlan: None,
            namespace,
            device,
            mac,
            addresses: owned,
            leased: false,
            behind: Vec::new(),
        });
    }
}
