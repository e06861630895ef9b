//! Reports the table in the words of the network file.

use std::net::IpAddr;

use flows::network::NetworkFile;
use serde::Serialize;
use utoipa::ToSchema;

use super::advice::{self, Advice, DeniedEnds};
use super::table::Entry;
use crate::windows::utc;

/// Who tried to reach what, and was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeniedReport {
    /// The bridge.
    pub bridge: String,
    /// The port that it came in by.
    pub port: String,
    /// Who: an endpoint, a link, an exit or an outside of the file; none where the file knows nobody there.
    pub from: Option<String>,
    /// The address that it said it was from.
    #[schema(value_type = Option<String>)]
    pub from_address: Option<IpAddr>,
    /// What it was for: likewise, or a network.
    pub to: Option<String>,
    /// The address that it was for; for ARP and neighbour discovery the one asked for.
    #[schema(value_type = Option<String>)]
    pub to_address: Option<IpAddr>,
    /// The protocol.
    pub protocol: String,
    /// The destination port.
    pub to_port: Option<u16>,
    /// How many samples of it came: there may have been more packets.
    pub samples: u64,
    /// When the first one came, in seconds since 1970-01-01 UTC.
    pub first_at: u64,
    /// When the last one came, in the same seconds.
    pub last_at: u64,
    /// The same, as a person reads it.
    pub last: String,
    /// Why it was refused, as in the metrics.
    pub reason: String,
    /// The kind of flow that refused it, as in the metrics.
    pub kind: String,
    /// The rule that it comes from, or the kind again.
    pub rule: String,
    /// That flow in words.
    pub detail: String,
    /// What to add to the network file so that it is allowed; none where nothing would do.
    pub allow: Option<String>,
    /// Why nothing would do, and what would.
    pub help: Option<String>,
}

/// Reports an entry of a bridge's table, by the active network file.
pub fn report(file: &NetworkFile, bridge: &str, entry: &Entry) -> DeniedReport {
    let sample = &entry.last;
    let ends = DeniedEnds::of(file, bridge, sample);
    let (allow, help) = match advice::advise(file, &ends, sample) {
        Advice::Add(text) => (Some(text), None),
        Advice::Nothing(why) => (None, Some(why)),
    };
    DeniedReport {
        bridge: bridge.to_owned(),
        port: sample.port_name.clone(),
        from: ends.from.map(|party| party.name().to_owned()),
        from_address: sample.seen.from,
        to: ends.to.map(|party| party.name().to_owned()),
        to_address: sample.seen.to,
        protocol: sample.seen.protocol.to_string(),
        to_port: sample.seen.port,
        samples: entry.samples,
        first_at: entry.first_at,
        last_at: entry.last_at,
        last: utc(entry.last_at),
        reason: sample.origin.reason.map_or("denied", |reason| reason.label()).to_owned(),
        kind: sample.origin.kind.label().to_owned(),
        rule: sample.origin.rule.clone(),
        detail: sample.origin.detail.clone(),
        allow,
        help,
    }
}
