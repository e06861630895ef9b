//! Makes the switch forget the connections that a change revokes. It does so before the change, so
//! that no old connection comes back with an added flow. It does so again after the change, so that
//! deleted flows leave no connection behind.
//!
//! The flows let no such connection through either way (`flows::compile`, networks with a
//! connection tracker). Connections that stay allowed may be forgotten with the others. They come
//! back with the next packet of the side that opened them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use flows::FlowMatch;
use flows::compile::{Program, StaleConnections, add_stale};
use ofproto::message::{CtFlush, CtFlushProperty, CtFlushZone, CtTupleProperty, Message};

/// Number of kinds of connections of a zone that are forgotten one by one. Beyond it, the whole
/// zone is forgotten.
const MOST: usize = 64;

/// The finest selector by which a switch forgets connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlushSelector {
    /// NXT_CT_FLUSH, since Open vSwitch 3.1.
    Tuple,
    /// NXT_CT_FLUSH_ZONE.
    Zone,
    /// No selector: connections end by their timeouts.
    None,
}

impl FlushSelector {
    /// Returns the next coarser selector, for a switch that does not know this one.
    pub(super) fn coarser(self) -> Self {
        match self {
            Self::Tuple => Self::Zone,
            Self::Zone | Self::None => Self::None,
        }
    }

    /// Returns the messages that make the switch forget these connections.
    pub(super) fn messages(self, stale: &BTreeSet<StaleConnections>) -> Vec<Message> {
        let zones: BTreeSet<u16> = stale.iter().map(|stale| stale.zone).collect();
        let mut messages = Vec::new();
        for zone in zones {
            let of_zone = || stale.iter().filter(move |stale| stale.zone == zone);
            let all =
                of_zone().any(|stale| *stale == StaleConnections { zone, ..StaleConnections::default() });
            match self {
                Self::Tuple if !all && of_zone().count() <= MOST => {
                    messages.extend(of_zone().flat_map(tuples))
                }
                Self::Tuple | Self::Zone => {
                    messages.push(Message::CtFlushZone(CtFlushZone { zone_id: zone }));
                }
                Self::None => {}
            }
        }
        messages
    }
}

/// Returns the connections that the flows of these messages concern.
pub(super) fn stale(messages: &[Message], programs: &[&Program]) -> BTreeSet<StaleConnections> {
    let zones: BTreeSet<u16> = programs.iter().flat_map(|program| program.zones()).collect();
    let mut stale = BTreeSet::new();
    if zones.is_empty() {
        return stale;
    }
    for message in messages {
        if let Message::FlowMod(m) = message {
            add_stale(&mut stale, &zones, m.table_id, &FlowMatch::from_wire(&m.fields));
        }
    }
    stale
}

/// Returns the messages for the connections to the port. For an address, they cover the connections
/// from and to it.
fn tuples(stale: &StaleConnections) -> Vec<Message> {
    let flush = |tuple: CtTupleProperty| {
        let properties = vec![CtFlushProperty::OrigTuple(vec![tuple]), CtFlushProperty::ZoneId(stale.zone)];
        Message::CtFlush(CtFlush { ip_proto: stale.ip_proto.unwrap_or(0), properties })
    };
    match (stale.address, stale.port) {
        (Some(address), _) => {
            let address = match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            };
            [CtTupleProperty::Src(address.octets()), CtTupleProperty::Dst(address.octets())].map(flush).into()
        }
        (None, Some(port)) => vec![flush(CtTupleProperty::DstPort(port))],
        (None, None) => {
            let properties = vec![CtFlushProperty::ZoneId(stale.zone)];
            vec![Message::CtFlush(CtFlush { ip_proto: stale.ip_proto.unwrap_or(0), properties })]
        }
    }
}
