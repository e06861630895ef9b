//! Chooses the addresses that the network file leaves open.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flows::network::{Network, NetworkFile};
use ipnetwork::IpNetwork;

/// Host number of "another node" behind a link, if it is free.
const NODE: u32 = 50;
/// Number of candidates in the search for a free address.
const LOOK: u32 = 4096;

/// The addresses in use.
pub(super) struct LabAddresses(HashSet<IpAddr>);

impl LabAddresses {
    /// Returns the addresses that the file assigns.
    pub(super) fn of(file: &NetworkFile) -> Self {
        let plugs = || file.endpoints.iter().flat_map(|e| &e.attachments);
        let shared = plugs().flat_map(|a| &a.shared).map(|shared| &shared.address);
        let attached = plugs().flat_map(|a| &a.addresses).chain(shared);
        let hops = file.exits.iter().flat_map(|e| &e.next_hop);
        let gateways = file.networks.iter().flat_map(|n| &n.gateway);
        Self(attached.chain(hops).chain(gateways).copied().collect())
    }

    /// Takes a free address of the prefix and returns it: number 50, or the next free one.
    pub(super) fn free(&mut self, prefix: IpNetwork) -> Option<IpAddr> {
        let found =
            (NODE..LOOK).chain(2..NODE).filter_map(|n| nth(prefix, n)).find(|a| !self.0.contains(a))?;
        self.0.insert(found);
        Some(found)
    }
}

/// Returns the address of another node behind a link with that prefix, with the subnet's length.
pub(super) fn free_like(prefix: IpNetwork, network: &Network) -> Option<IpNetwork> {
    nth(prefix, NODE).map(|address| in_subnet(network, address))
}

/// Returns the address of that number in the prefix, or `None` for its network and broadcast
/// addresses.
pub(super) fn nth(prefix: IpNetwork, number: u32) -> Option<IpAddr> {
    match prefix {
        IpNetwork::V4(p) => {
            if p.prefix() == 32 {
                return Some(p.ip().into());
            }
            let address = p.nth(number)?;
            (address != p.broadcast() && address != p.network()).then_some(address.into())
        }
        IpNetwork::V6(p) => {
            if p.prefix() == 128 {
                return Some(p.ip().into());
            }
            p.nth(number.into()).map(IpAddr::from)
        }
    }
}

/// Returns the address with the length of its subnet, or with its full length outside of all
/// subnets.
pub(super) fn in_subnet(network: &Network, address: IpAddr) -> IpNetwork {
    network
        .subnets
        .iter()
        .find(|s| s.contains(address))
        .and_then(|s| IpNetwork::new(address, s.prefix()).ok())
        .unwrap_or_else(|| IpNetwork::from(address))
}

/// Returns the default route's prefix in the family of `like`.
pub(super) fn everything(like: IpAddr) -> IpNetwork {
    let nothing: IpAddr = match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A length of 0 is valid for every address.
    IpNetwork::new(nothing, 0).unwrap_or_else(|_| nothing.into())
}

/// Returns the addresses between exit `number` and the internet: the exit's and the internet's.
/// They come from the blocks for documentation (RFC 5737 and RFC 3849). The first exit has
/// 198.51.100.1 and the host behind it 198.51.100.10. Returns `None` past 16 exits.
pub(super) fn outside(number: usize, ipv6: bool) -> Option<(IpNetwork, IpNetwork)> {
    let number = u8::try_from(number).ok().filter(|n| *n < 16)?;
    let pair = |host: u8| -> Option<IpNetwork> {
        if ipv6 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0xff, number.into(), 0, 0, 0, host.into());
            IpNetwork::new(address.into(), 64).ok()
        } else {
            IpNetwork::new(Ipv4Addr::new(198, 51, 100, number * 16 + host).into(), 28).ok()
        }
    };
    Some((pair(1)?, pair(10)?))
}
