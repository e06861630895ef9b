//! Finds the place of a new container: the next free number of its network's range, with the port
//! and the addresses that follow from it.

use std::collections::HashSet;
use std::net::IpAddr;

use flows::network::{ContainerRange, Network, NetworkFile};
use ipnetwork::IpNetwork;
use ofctl::nearest;

use super::devices::MAX_NAME;
use crate::problem::Problem;

/// A place on a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BridgePlace {
    /// The container's number.
    pub(super) id: u32,
    /// The port's name.
    pub(super) port: String,
    /// The addresses, with the prefix lengths of their subnets.
    pub(super) addresses: Vec<IpNetwork>,
}

/// The numbers and ports of containers that are half made or half removed. The active file does not
/// have them.
#[derive(Debug, Default)]
pub(super) struct TakenPlaces<'a> {
    /// Numbers in the network.
    pub(super) ids: HashSet<u32>,
    /// Ports of all bridges: a port name is unique in Open vSwitch.
    pub(super) ports: HashSet<&'a str>,
}

/// Returns the network of that name.
///
/// # Errors
/// [`Problem`] if there is no such network, with the nearest name or with all names.
pub(super) fn network_of<'f>(file: &'f NetworkFile, name: &str) -> Result<&'f Network, Problem> {
    file.network(name).ok_or_else(|| {
        let names = || file.networks.iter().map(|n| n.name.as_str());
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the networks are: {}", names().take(20).collect::<Vec<_>>().join(", ")),
        };
        Problem::not_found(format!("there is no network {name}"), help)
    })
}

/// Returns the place of a number, or `None` if its addresses or its port cannot exist.
pub(super) fn place_of(network: &Network, range: &ContainerRange, id: u32) -> Option<BridgePlace> {
    let port = range.port_of(id);
    if port.is_empty() || port.len() > MAX_NAME {
        return None;
    }
    let subnet_of = |address: IpAddr| network.subnets.iter().find(|s| s.contains(address));
    let addresses = range.addresses_of(id);
    let whole = addresses.len() == range.addresses.len();
    let with_length = |a: IpAddr| IpNetwork::new(a, subnet_of(a)?.prefix()).ok();
    let addresses = addresses.into_iter().map(with_length).collect::<Option<_>>()?;
    whole.then_some(BridgePlace { id, port, addresses })
}

/// Returns the lowest number whose port and addresses are free.
pub(super) fn next_free(
    file: &NetworkFile,
    network: &Network,
    range: &ContainerRange,
    taken: &TakenPlaces<'_>,
) -> Option<BridgePlace> {
    let ports: HashSet<&str> = file.bridges.iter().flat_map(|b| file.bridge_ports(&b.name)).collect();
    let free = |address: &IpNetwork| !network.gateway.contains(&address.ip()) && !is_edge(address);
    file.free_container_ids(&network.name)
        .filter(|id| !taken.ids.contains(id))
        .filter_map(|id| place_of(network, range, id))
        .find(|place| {
            let port = place.port.as_str();
            !ports.contains(port) && !taken.ports.contains(port) && place.addresses.iter().all(free)
        })
}

/// Returns whether the address is the subnet's own address or, with IPv4, its broadcast address.
fn is_edge(address: &IpNetwork) -> bool {
    match address {
        IpNetwork::V4(net) => net.prefix() < 31 && (net.ip() == net.network() || net.ip() == net.broadcast()),
        IpNetwork::V6(net) => net.prefix() < 127 && net.ip() == net.network(),
    }
}

#[cfg(test)]
mod tests {
    use flows::network::{Attachment, Bridge, Endpoint};

    use super::*;

    fn file(ids: (u32, u32)) -> NetworkFile {
        let text = "[network.privacy]\nbridge = \"vmbr0\"\nsubnets = [\"10.0.0.0/24\", \"fd00::/64\"]\n\
            [network.privacy.containers]\nids = \"100-105\"\nport = \"veth{id}\"\n\
            addresses = [\"10.0.0.{id}\", \"fd00::{id}\"]\nclients = []\n";
        let mut file = flows::network::parse(text, "test.toml").unwrap().0;
        // A range that the file's language refuses must do no harm either.
        file.networks[0].containers.as_mut().unwrap().ids = ids;
        file
    }

    fn endpoint(port: &str, address: &str, behind: &[&str]) -> Endpoint {
        let attachment = Attachment {
            network: "privacy".to_owned(),
            port: port.to_owned(),
            addresses: vec![address.parse().unwrap()],
            shared: Vec::new(),
            behind: behind.iter().map(|b| b.parse().unwrap()).collect(),
            leased: false,
            mac: None,
            router: false,
            link_local: None,
            span: 0..0,
        };
        Endpoint { name: port.to_owned(), attachments: vec![attachment], span: 0..0 }
    }

    fn next(file: &NetworkFile, taken: &TakenPlaces<'_>) -> Option<u32> {
        let network = &file.networks[0];
        next_free(file, network, network.containers.as_ref().unwrap(), taken).map(|p| p.id)
    }

    #[test]
    fn the_lowest_number_that_nobody_has_is_taken() {
        let mut file = file((100, 105));
        assert_eq!(next(&file, &TakenPlaces::default()), Some(100));
        // Taken by its port, an address, a prefix behind an endpoint, a gateway, or a half-made
        // container.
        file.endpoints.push(endpoint("veth100", "10.0.0.7", &[]));
        assert_eq!(next(&file, &TakenPlaces::default()), Some(101));
        file.endpoints.push(endpoint("eth7", "10.0.0.101", &["10.0.0.102/32"]));
        assert_eq!(next(&file, &TakenPlaces::default()), Some(103));
        file.networks[0].gateway.push("fd00::103".parse().unwrap());
        assert_eq!(next(&file, &TakenPlaces::default()), Some(104));
        let mut taken = TakenPlaces { ids: [104].into(), ports: HashSet::new() };
        assert_eq!(next(&file, &taken), Some(105));
        taken.ports.insert("veth105");
        assert_eq!(next(&file, &taken), None);
    }

    #[test]
    fn a_port_of_any_bridge_is_taken() {
        let mut file = file((100, 101));
        file.bridges.push(Bridge {
            name: "other".to_owned(),
            ports: vec!["veth100".to_owned()],
            flows: Vec::new(),
            learn: Default::default(),
            learning: None,
            sample_denied: None,
            datapath_id: None,
            span: 0..0,
        });
        assert_eq!(next(&file, &TakenPlaces::default()), Some(101));
    }

    #[test]
    fn numbers_that_make_no_address_of_a_host_are_passed_over() {
        assert_eq!(next(&file((0, 3)), &TakenPlaces::default()), Some(1), "10.0.0.0 is the subnet itself");
        assert_eq!(next(&file((255, 300)), &TakenPlaces::default()), None, "broadcast, and then 10.0.0.256");
        assert_eq!(
            next(&file((0, u32::MAX)), &TakenPlaces { ids: (0..256).collect(), ..TakenPlaces::default() }),
            None
        );
    }

    #[test]
    fn addresses_come_with_the_length_of_their_subnet() {
        let file = file((100, 100));
        let range = file.networks[0].containers.as_ref().unwrap();
        let place = place_of(&file.networks[0], range, 100).unwrap();
        assert_eq!(place.port, "veth100");
        let texts: Vec<String> = place.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.100/24", "fd00::100/64"]);
    }
}
