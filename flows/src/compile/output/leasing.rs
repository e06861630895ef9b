//! The controller's view of the networks that use DHCP.

use ipnetwork::IpNetwork;
use ofproto::action::Action;
use ofproto::{Cookie, PortNo};

/// The controller's view of a network that uses DHCP.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leasing {
    /// The network's number.
    pub network: u16,
    /// True if the connection tracker identifies the network's answers.
    pub tracked: bool,
    /// The parties on the network.
    pub parties: Vec<LeaseParty>,
    /// The packets that the switch sends to the controller.
    pub relays: Vec<Relay>,
    /// Reserved addresses of the subnets: they have an owner, or may have none. None of them is
    /// leased.
    pub reserved: Vec<IpNetwork>,
}

/// A party at a port.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseParty {
    /// Its name.
    pub name: String,
    /// The port's name.
    pub port_name: String,
    /// The port.
    pub port: PortNo,
    /// True if the party is one interface: an endpoint whose frames have its own MAC.
    pub single: bool,
    /// The MAC that the file pins.
    pub mac: Option<[u8; 6]>,
    /// The addresses that the file gives the party.
    pub has: Vec<IpNetwork>,
    /// The prefixes in which DHCP may give the party addresses.
    pub leases: Vec<IpNetwork>,
    /// The actions that send a packet to the party.
    pub emit: Vec<Action>,
}

/// Packets that one flow sends to the controller, and their permitted receivers: places in
/// [`Leasing::parties`].
#[derive(Debug, Clone, PartialEq)]
pub struct Relay {
    /// The flow's cookie.
    pub cookie: Cookie,
    /// The sender of the packets.
    pub from: usize,
    /// The permitted receivers.
    pub to: Vec<usize>,
    /// True if the packets are a client's requests.
    pub requests: bool,
}
