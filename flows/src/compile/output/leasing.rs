//! What the controller knows of the networks in which DHCP is spoken.

use ipnetwork::IpNetwork;
use ofproto::action::Action;
use ofproto::{Cookie, PortNo};

/// What the controller knows of a network in which DHCP is spoken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leasing {
    /// The network's number.
    pub network: u16,
    /// Whether the connection tracker tells its answers.
    pub tracked: bool,
    /// Who is on it.
    pub parties: Vec<LeaseParty>,
    /// What the switch shows.
    pub relays: Vec<Relay>,
    /// Addresses of the subnets that are somebody's, or nobody's: none is given away.
    pub reserved: Vec<IpNetwork>,
}

/// Somebody at a port.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseParty {
    /// Its name.
    pub name: String,
    /// The port's name.
    pub port_name: String,
    /// The port.
    pub port: PortNo,
    /// Whether it is one interface: an endpoint, whose frames have its own MAC.
    pub single: bool,
    /// The MAC that the file pins.
    pub mac: Option<[u8; 6]>,
    /// Its own addresses by the file.
    pub has: Vec<IpNetwork>,
    /// Where DHCP may give it some.
    pub leases: Vec<IpNetwork>,
    /// How a packet is sent to it.
    pub emit: Vec<Action>,
}

/// Packets that one flow shows to the controller, and those who may have them: places in [`Leasing::parties`].
#[derive(Debug, Clone, PartialEq)]
pub struct Relay {
    /// The flow's cookie.
    pub cookie: Cookie,
    /// From whom they come.
    pub from: usize,
    /// For whom they may be.
    pub to: Vec<usize>,
    /// Whether they are a client's.
    pub requests: bool,
}
