//! The connections that a question can mean: one for each place and address of its parties.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::error::ReachError;
use super::places::known;
use super::question::Question;
use crate::network::{LinkRole, NetworkFile};
use crate::verify::sides::{Plain, Side, first_free, sides};
use crate::verify::topology::Topology;

/// A party of a question, with its places.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// The party's name.
    pub(super) party: String,
    pub(super) sides: Vec<Side>,
}

/// One connection.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) sender: Side,
    pub(super) receiver: Side,
    /// The addresses of the sender and the receiver.
    pub(super) prefixes: (IpNetwork, IpNetwork),
    pub(super) plain: Plain,
}

impl Case {
    /// Returns the connection that the receiver opens to the sender.
    pub(super) fn reversed(&self) -> Self {
        let Plain { macs, from, to, ports, .. } = self.plain;
        Self {
            sender: self.receiver.clone(),
            receiver: self.sender.clone(),
            prefixes: (self.prefixes.1, self.prefixes.0),
            plain: Plain { macs: (macs.1, macs.0), vlan: self.receiver.vlan, from: to, to: from, ports },
        }
    }
}

/// Finds the party that a word of a question means.
pub(super) fn named(file: &NetworkFile, topology: &Topology<'_>, word: &str) -> Result<Named, ReachError> {
    let Ok(address) = word.parse::<IpAddr>() else {
        known(file, word)?;
        return Ok(Named { party: word.to_owned(), sides: sides(file, topology, word) });
    };
    let mut owners = owners(file, address);
    owners.sort_by_key(|(rank, ..)| *rank);
    let best = owners.first().map(|(rank, ..)| *rank);
    let mut found: Option<Named> = None;
    for (_, party, network) in owners.iter().filter(|(rank, ..)| Some(*rank) == best) {
        let on_network = |side: &Side| network.is_none_or(|network| side.network.as_deref() == Some(network));
        let here = sides(file, topology, party).into_iter().filter(on_network);
        let here = here.map(|side| Side { addresses: vec![address.into()], ..side });
        let named = found.get_or_insert_with(|| Named { party: (*party).to_owned(), sides: Vec::new() });
        named.sides.extend(here);
    }
    found.ok_or(ReachError::UnknownAddress(address))
}

/// Returns the parties that may have an address, and on which network. The lowest rank comes first.
fn owners(file: &NetworkFile, address: IpAddr) -> Vec<(u8, &str, Option<&str>)> {
    let has = |prefixes: &[IpNetwork]| prefixes.iter().any(|prefix| prefix.contains(address));
    let mut owners = Vec::new();
    for endpoint in &file.endpoints {
        for plug in &endpoint.attachments {
            let rank = match (plug.has(address), has(&plug.behind)) {
                (true, _) => 0,
                (_, true) => 1,
                _ => continue,
            };
            owners.push((rank, &*endpoint.name, Some(&*plug.network)));
        }
    }
    for link in &file.links {
        for end in &link.ends {
            if let LinkRole::Network { network, behind } = &end.role
                && has(behind)
            {
                owners.push((2, &*link.name, Some(&**network)));
            }
        }
    }
    let is_inside = file.networks.iter().any(|network| has(&network.subnets));
    for exit in &file.exits {
        if exit.next_hop.contains(&address) {
            owners.push((0, &*exit.name, None));
        }
        let outsides = file.outsides.iter().filter(|outside| outside.exit == exit.name);
        owners.extend(outsides.filter(|o| has(&o.addresses)).map(|outside| (3, &*outside.name, None)));
        if !is_inside {
            owners.push((4, &*exit.name, None));
        }
    }
    owners
}

/// Returns the connections that a question can mean, the plainest first: parties on one network
/// come before others.
pub(super) fn cases(
    file: &NetworkFile,
    question: &Question,
    (from, to): (&Named, &Named),
) -> Result<Vec<Case>, ReachError> {
    let mut cases = Vec::new();
    for sender in &from.sides {
        for receiver in to.sides.iter().filter(|receiver| receiver.place != sender.place) {
            for source in &sender.addresses {
                for target in &receiver.addresses {
                    if source.is_ipv4() != target.is_ipv4() {
                        continue;
                    }
                    let (from, to) = (first_free(file, source), first_free(file, target));
                    let mut plain = Plain::between(sender, receiver, from, to);
                    plain.ports.1 = question.service.port.unwrap_or(plain.ports.1);
                    plain.ports.0 = question.from_port.unwrap_or(plain.ports.0);
                    plain.macs.0 = question.mac.unwrap_or(plain.macs.0);
                    cases.push(Case {
                        sender: sender.clone(),
                        receiver: receiver.clone(),
                        prefixes: (*source, *target),
                        plain,
                    });
                }
            }
        }
    }
    cases.sort_by_key(|case| case.sender.network != case.receiver.network);
    if cases.is_empty() {
        return Err(ReachError::NoAddresses { from: from.party.clone(), to: to.party.clone() });
    }
    Ok(cases)
}
