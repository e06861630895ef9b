//! Selects the metric series of the bridges and rules in the file. A series ends with its bridge or
//! rule, because its last value would be mistaken for the present one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use flows::compile::OriginKind;
use flows::network::{ANY_BRIDGE, NetworkFile};

use super::Hub;
use super::records::BridgeRecord;

/// The names that metric series may have, for one generation of the policy.
#[derive(Debug, Default)]
pub(super) struct SeriesNames {
    generation: u64,
    /// The rules of each bridge.
    rules: HashMap<String, HashSet<String>>,
}

impl SeriesNames {
    fn new(generation: u64, file: &NetworkFile) -> Self {
        let mut rules: HashMap<String, HashSet<String>> = HashMap::new();
        for bridge in &file.bridges {
            let fixed = OriginKind::ALL.iter().map(|kind| kind.label().to_owned());
            // The networks are listed for each bridge separately.
            let networks = file.networks.iter().map(|network| network.name.clone());
            rules.insert(bridge.name.clone(), fixed.chain(networks).collect());
        }
        let homes = homes(file);
        let mut add = |rule: &str, bridges: &mut dyn Iterator<Item = &str>| {
            for bridge in bridges {
                if let Some(rules) = rules.get_mut(bridge) {
                    rules.insert(rule.to_owned());
                }
            }
        };
        for (name, bridges) in &homes {
            add(name, &mut bridges.iter().copied());
        }
        let of = |name: &String| homes.get(name.as_str()).into_iter().flatten().copied();
        for allow in &file.allows {
            add(&allow.name, &mut allow.from.iter().chain(&allow.to).chain(&allow.via).flat_map(of));
        }
        for crossing in &file.crossings {
            let parties = crossing.from.iter().chain(&crossing.to).chain([&crossing.over]);
            add(&crossing.name, &mut parties.flat_map(of));
        }
        Self { generation, rules }
    }

    /// Returns whether the file has a bridge of that name.
    pub(super) fn has_bridge(&self, bridge: &str) -> bool {
        self.rules.contains_key(bridge)
    }

    /// Returns whether a bridge may have series. It must be in the file, or be a connected bridge
    /// that the file does not name.
    fn may_have_series(&self, bridge: &str, is_connected: bool) -> bool {
        bridge != ANY_BRIDGE && (self.has_bridge(bridge) || self.has_bridge(ANY_BRIDGE) && is_connected)
    }

    /// Returns whether the file can have a flow on the bridge that counts for the rule.
    pub(super) fn has_rule(&self, bridge: &str, rule: &str) -> bool {
        self.rules.get(bridge).is_some_and(|rules| rules.contains(rule))
    }
}

/// Returns the bridges of each party in the file.
fn homes(file: &NetworkFile) -> HashMap<&str, HashSet<&str>> {
    let networks: HashMap<&str, &str> = file.networks.iter().map(|n| (&*n.name, &*n.bridge)).collect();
    let mut homes: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (network, bridge) in &networks {
        homes.entry(network).or_default().insert(bridge);
    }
    for endpoint in &file.endpoints {
        let on = endpoint.attachments.iter().filter_map(|plug| networks.get(&*plug.network).copied());
        homes.entry(&endpoint.name).or_default().extend(on);
    }
    for link in &file.links {
        homes.entry(&link.name).or_default().extend(link.ends.iter().map(|end| &*end.bridge));
    }
    for exit in &file.exits {
        homes.entry(&exit.name).or_default().insert(&exit.bridge);
    }
    for outside in &file.outsides {
        let exit = file.exits.iter().find(|exit| exit.name == outside.exit);
        homes.entry(&outside.name).or_default().extend(exit.map(|exit| &*exit.bridge));
    }
    homes
}

impl Hub {
    /// Returns all metrics in Prometheus' text format.
    ///
    /// # Errors
    /// As [`Metrics::text`](crate::metrics::Metrics::text).
    pub fn metrics_text(&self) -> prometheus::Result<String> {
        // A session may have written a series after a reload removed it, and before the session saw
        // the reload.
        self.end_series();
        if let Some(age) = self.proof_age() {
            self.metrics.proof_age(age);
        }
        self.metrics.text()
    }

    /// Ends the series of bridges and rules that the file does not have.
    pub(super) fn end_series(&self) {
        let named = self.named_series();
        self.metrics.retain(
            |bridge| named.has_bridge(bridge),
            |bridge, rule| named.has_rule(bridge, rule),
            |bridge| self.has_series(bridge, &named),
        );
    }

    /// Forgets the records of bridges that the file does not have and that have no session.
    pub(super) fn forget_bridges(&self) {
        let named = self.named_series();
        self.records.change_all(|bridge, record| {
            let is_connected = record.is_connected();
            if !named.may_have_series(bridge, is_connected) {
                (record.faults, record.denied) = (None, None);
            }
            record.state.take_if(|_| !named.has_bridge(bridge) && !is_connected);
        });
    }

    /// Returns whether the bridge may have series: the file names it, or it is connected and
    /// unnamed.
    pub(super) fn has_series(&self, bridge: &str, named: &SeriesNames) -> bool {
        named.may_have_series(bridge, self.records.read(bridge, BridgeRecord::is_connected).unwrap_or(false))
    }

    /// Returns the names that series may have now.
    pub(super) fn named_series(&self) -> Arc<SeriesNames> {
        let policy = self.policy();
        // The names are whole after a panic: they are replaced in one step.
        let mut named = self.series_names.lock().unwrap_or_else(PoisonError::into_inner);
        if named.generation != policy.generation || named.rules.is_empty() {
            *named = Arc::new(SeriesNames::new(policy.generation, &policy.file));
        }
        Arc::clone(&named)
    }
}

#[cfg(test)]
mod tests;
