//! The connections that a change of the flows may invalidate.

use std::collections::BTreeSet;
use std::net::IpAddr;

use flow_model::FlowMatch;
use ofproto::oxm::Field;
use ofproto::{TableId, ethertype};

use super::{OPENED_BY, TRACKED_BIT};
use crate::compile::vocabulary::layout::{BY_CONNECTION, DESTINATION, NETWORK, POLICY};

/// Connections that the switch should forget; a field without a value matches any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StaleConnections {
    /// The zone of the network.
    pub zone: u16,
    /// The IP protocol.
    pub ip_proto: Option<u8>,
    /// The port to which the connections were opened.
    pub port: Option<u16>,
    /// The address of one end of the connections.
    pub address: Option<IpAddr>,
}

/// Adds the connections that depend on a flow. For a rule's flow these are the connections that it
/// opened, and for a flow that places an address those of the address. `zones` are the networks
/// with a connection tracker.
pub fn add_stale(
    stale: &mut BTreeSet<StaleConnections>,
    zones: &BTreeSet<u16>,
    table: TableId,
    matches: &FlowMatch,
) {
    let Some(zone) = matches.exact(NETWORK).and_then(|number| u16::try_from(number).ok()) else { return };
    if !zones.contains(&zone) {
        return;
    }
    let all = StaleConnections { zone, ..StaleConnections::default() };
    let found = match table {
        POLICY => opened(all, matches),
        DESTINATION => placed(all, matches),
        BY_CONNECTION => Some(all),
        _ => None,
    };
    stale.extend(found);
}

/// Returns the connections that a rule's flow opened.
fn opened(all: StaleConnections, matches: &FlowMatch) -> Option<StaleConnections> {
    let tracked = matches.field(Field::CtState).is_some_and(|bits| bits.value & TRACKED_BIT != 0);
    if !tracked || matches.field(OPENED_BY.field).is_some() {
        return None;
    }
    let ports = [Field::TcpDst, Field::UdpDst, Field::SctpDst];
    let port = ports.into_iter().find_map(|field| matches.exact(field));
    Some(StaleConnections {
        ip_proto: matches.exact(Field::IpProto).and_then(|proto| u8::try_from(proto).ok()),
        port: port.and_then(|port| u16::try_from(port).ok()),
        ..all
    })
}

/// Returns the connections of the address that a flow places: neither ARP nor neighbour discovery
/// opens any.
fn placed(all: StaleConnections, matches: &FlowMatch) -> Option<StaleConnections> {
    let eth_type = matches.exact(Field::EthType)?;
    if matches.field(Field::IpProto).is_some()
        || ![ethertype::IPV4, ethertype::IPV6].map(u128::from).contains(&eth_type)
    {
        return None;
    }
    let v4 = matches.exact(Field::Ipv4Dst).and_then(|bits| u32::try_from(bits).ok());
    let address = v4.map(|bits| IpAddr::from(bits.to_be_bytes()));
    let address = address.or_else(|| Some(matches.exact(Field::Ipv6Dst)?.to_be_bytes().into()));
    Some(StaleConnections { address, ..all })
}
