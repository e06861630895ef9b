//! The windows and deadlines behind traffic that is not always there.

use std::collections::BTreeSet;

use ofproto::ip_protocol;

use super::permitted::Pair;
use super::places::PartyPlace;
use super::ranges::Ranges;
use super::row::RowKind;
use super::traffic::Carried;
use crate::network::Protocol;
use crate::verify::topology::Topology;

/// A rule whose flows may be absent.
#[derive(Debug)]
struct Temporary {
    label: String,
    from: BTreeSet<(String, String)>,
    to: BTreeSet<(String, String)>,
    protocol: Protocol,
    ports: Ranges,
}

/// The rules of a file whose flows may be absent.
#[derive(Debug)]
pub(super) struct Temporaries(Vec<Temporary>);

impl Temporaries {
    pub(super) fn new(topology: &Topology<'_>) -> Self {
        let places = |names: &[String]| -> BTreeSet<(String, String)> {
            let places = topology.places(names).into_iter();
            places
                .map(|place| (topology.bridge_name(place.0).to_owned(), topology.port_name(place)))
                .collect()
        };
        let rule = |label: String, from: &[String], to: &[String], protocol, ports: &[u16]| Temporary {
            label,
            from: places(from),
            to: places(to),
            protocol,
            ports: Ranges::new(ports.iter().map(|port| (*port, *port)).collect()),
        };
        let allows = topology.file.allows.iter().filter_map(|allow| {
            let window = allow.temp.as_ref()?;
            Some(rule(window.clone(), &allow.from, &allow.to, allow.protocol, &allow.ports))
        });
        let crossings = topology.file.crossings.iter().filter_map(|crossing| {
            let date = date(crossing.expires?);
            let label = format!("{} until {date}", crossing.name);
            Some(rule(label, &crossing.from, &crossing.to, crossing.protocol, &crossing.ports))
        });
        Self(allows.chain(crossings).collect())
    }

    /// Returns the windows that let traffic pass, and the deadlines of crossings that do.
    pub(super) fn of(&self, pair: &Pair, carried: Carried, ports: &Ranges, kind: RowKind) -> Vec<String> {
        let at = |place: &PartyPlace| (place.bridge.clone(), place.port.clone());
        let (from, to) = match kind {
            RowKind::Opens => (at(&pair.0), at(&pair.1)),
            RowKind::Answers => (at(&pair.1), at(&pair.0)),
        };
        let fits = |rule: &&Temporary| {
            let protocol = match (rule.protocol, carried) {
                (Protocol::Any, _) => true,
                (Protocol::Tcp, Carried::Ported(_, ip_protocol::TCP))
                | (Protocol::Udp | Protocol::Dhcp, Carried::Ported(_, ip_protocol::UDP))
                | (Protocol::Sctp, Carried::Ported(_, ip_protocol::SCTP))
                | (Protocol::Icmp, Carried::Icmp(_))
                | (Protocol::Vrrp, Carried::Ip(_)) => true,
                // Errors, fragments and ARP follow every rule.
                (_, carried) => carried.is_background(ports),
            };
            let is_ported = matches!(carried, Carried::Ported(..)) && kind == RowKind::Opens;
            let opens_port = rule.ports.is_empty() || !is_ported || ports.except(&rule.ports) != *ports;
            protocol && opens_port && rule.from.contains(&from) && rule.to.contains(&to)
        };
        let labels: BTreeSet<&str> = self.0.iter().filter(fits).map(|rule| &*rule.label).collect();
        labels.into_iter().map(str::to_owned).collect()
    }
}

/// Returns the last day before a deadline, in UTC: a day in the file counts to its end.
fn date(deadline: u64) -> String {
    let last = i64::try_from(deadline).ok().and_then(|second| second.checked_sub(1));
    let timestamp = last.and_then(|second| jiff::Timestamp::from_second(second).ok());
    let day = |timestamp| jiff::tz::Offset::UTC.to_datetime(timestamp).date().to_string();
    timestamp.map_or_else(|| deadline.to_string(), day)
}
