//! Crossings: each party has the other side as a neighbour, because the bridges answer for it.

use flows::network::NetworkFile;
use ipnetwork::IpNetwork;

use super::{LabPlan, Subject};

impl LabPlan {
    pub(super) fn crossings(&mut self, file: &NetworkFile) {
        let mut routes = Vec::new();
        for crossing in &file.crossings {
            for (here, there) in [(&crossing.from, &crossing.to), (&crossing.to, &crossing.from)] {
                let of = |names: &[String], subject: &Subject| matches!(subject, Subject::Endpoint(name) if names.contains(name));
                for place in self.places.iter().filter(|p| of(here, &p.subject)) {
                    for other in self.places.iter().filter(|p| of(there, &p.subject)) {
                        let like = |a: &&IpNetwork| place.address_like(a.ip()).is_some();
                        for address in other.addresses.iter().filter(like) {
                            let to = IpNetwork::from(address.ip());
                            routes.push((place.namespace.clone(), to, place.device.clone()));
                        }
                    }
                }
            }
        }
        for (namespace, to, device) in routes {
            if let Some(ns) = self.namespace(&namespace)
                && !ns.on_link.iter().any(|(t, _)| *t == to)
            {
                ns.on_link.push((to, device));
            }
        }
    }
}
