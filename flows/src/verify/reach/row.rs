//! Rows of traffic from one place to another.

use serde::Serialize;

use super::places::PartyPlace;
use super::ranges::Ranges;
use super::traffic::{Carried, Family};

/// What a packet of a row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowKind {
    /// It opens a connection, or needs none.
    Opens,
    /// It passes only after what other packets taught the switch, or as no first segment of TCP.
    Answers,
}

/// When a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// With windows open and closed.
    Always,
    /// Only while a window is open, or until a crossing expires.
    Open,
    /// Only while windows are closed. In comparisons alone.
    Closed,
}

/// Traffic from one place to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// The sender.
    pub from: PartyPlace,
    /// The receiver.
    pub to: PartyPlace,
    /// The protocol: tcp, udp, sctp, icmp, icmpv6, ip, arp, nd, fragments or ethernet.
    pub protocol: &'static str,
    /// The families of IP; empty if it is not IP.
    pub families: Vec<Family>,
    /// Destination ports; ICMP types, IP protocols or EtherTypes where there are no ports.
    pub ports: Ranges,
    /// Whether it opens connections.
    pub kind: RowKind,
    /// When it holds.
    pub when: When,
    /// The windows that open it, and the deadlines of its crossings.
    pub windows: Vec<String>,
    /// True for ARP, neighbour discovery, fragments and ICMP errors.
    pub background: bool,
    #[serde(skip)]
    pub(super) carried: Vec<Carried>,
}
