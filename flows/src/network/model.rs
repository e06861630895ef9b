//! The resolved content of a network file: every name in it exists, every address is in its subnet.

pub(in crate::network) mod additions;
pub(in crate::network) mod assertions;
pub(in crate::network) mod container_ids;
pub(in crate::network) mod prefix;
pub(in crate::network) mod views;

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use ipnetwork::IpNetwork;
use ofproto::DatapathId;

use self::assertions::{Always, Confine, Never};

/// Byte offsets into the text of the network file, for errors that point at their cause.
pub type Span = Range<usize>;

/// One network file: bridges, the networks on them, the attached parties, the permitted traffic.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkFile {
    /// Every bridge that the file names, directly or by a network or a link, in order of
    /// appearance.
    pub bridges: Vec<Bridge>,
    /// The isolated networks.
    pub networks: Vec<Network>,
    /// The endpoints attached to the networks.
    pub endpoints: Vec<Endpoint>,
    /// Wires between bridges.
    pub links: Vec<Link>,
    /// Ports that lead outside.
    pub exits: Vec<Exit>,
    /// Names for addresses outside, behind an exit.
    pub outsides: Vec<Outside>,
    /// Tunnels between endpoints, of which a switch sees only the envelope.
    pub overlays: Vec<Overlay>,
    /// Permissions to open connections, those of chains included.
    pub allows: Vec<Allow>,
    /// Allows between networks that are otherwise isolated.
    pub crossings: Vec<Crossing>,
    /// Networks that are expanded for a number; their copies are in the lists above.
    pub templates: Vec<Template>,
    /// Assertions about traffic that must never be possible.
    pub nevers: Vec<Never>,
    /// Assertions about traffic that must always be possible.
    pub always: Vec<Always>,
    /// Assertions about the only ways by which traffic may leave.
    pub confines: Vec<Confine>,
}

/// The name of a section for every bridge that has none of its own.
pub const ANY_BRIDGE: &str = "*";

/// A bridge, by the name of its `OFPP_LOCAL` port, or by its datapath id if it has no such port; or
/// [`ANY_BRIDGE`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bridge {
    /// The bridge's name.
    pub name: String,
    /// The datapath id of the permitted switch; `None` if the file does not give one.
    pub datapath_id: Option<DatapathId>,
    /// Further ports of the bridge, beyond those of endpoints, links and exits (for bridges of raw
    /// flows).
    pub ports: Vec<String>,
    /// Raw flow lines in `ovs-ofctl` syntax, installed verbatim.
    pub flows: Vec<RawFlow>,
    /// The executor of the raw flows' `learn(...)`.
    pub learn: LearnBy,
    /// The parameters of the learning switch; `None` if the bridge is none.
    pub learning: Option<Learning>,
    /// The rate of denied-packet samples to the controller, in packets per second; `None` disables
    /// samples.
    pub sample_denied: Option<u16>,
    /// The place of its first mention.
    pub span: Span,
}

/// The executor of the `learn` actions of a bridge's raw flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LearnBy {
    /// The switch, as Open vSwitch does.
    #[default]
    Switch,
    /// The controller, which receives the packets of such flows.
    Controller,
}

/// The parameters by which a bridge learns the ports of MAC addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learning {
    /// The idle timeout of the flows, in seconds.
    pub idle_timeout: u16,
    /// Seconds after which an unseen address is forgotten.
    pub age: u32,
    /// The maximum number of addresses at one port.
    pub macs_per_port: u32,
    /// The maximum number of addresses on the bridge.
    pub macs: u32,
}

/// A raw flow line and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct RawFlow {
    /// The line, as written.
    pub line: String,
    /// The place of the string in the file.
    pub span: Span,
}

/// A set of endpoints on one bridge, isolated from every other network.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its number in the registers of the pipeline, never 0. It derives from the name, so that it
    /// stays while other networks come and go.
    pub number: u16,
    /// The bridge it lives on.
    pub bridge: String,
    /// Its subnets; every address of an attachment lies in one.
    pub subnets: Vec<IpNetwork>,
    /// The traffic permitted between its endpoints, broadcast and multicast included.
    pub inside: Inside,
    /// The default gateways of its members. Their owners own them like any other address.
    pub gateway: Vec<IpAddr>,
    /// The way in which return traffic is identified.
    pub stateful: Stateful,
    /// The VLAN of its frames at its ports, 1 to 4094; `None` means untagged. Frames with any other
    /// tag are dropped.
    pub vlan: Option<u16>,
    /// The range of containers that the API creates.
    pub containers: Option<ContainerRange>,
    /// Its place in the text.
    pub span: Span,
}

/// The way in which return traffic is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Stateful {
    /// By flows that `learn()` puts into a table.
    #[default]
    Learn,
    /// By the switch's connection tracker, `ct()`.
    Conntrack,
}

/// The range of a network's containers that come and go at run time. In `port` and `addresses` the
/// text `{id}` stands for the container's number.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerRange {
    /// The first and the last number.
    pub ids: (u32, u32),
    /// The name of the bridge's port.
    pub port: String,
    /// The addresses.
    pub addresses: Vec<String>,
    /// The parties that may open connections to a container's services: names as in an allow.
    pub clients: Vec<String>,
    /// Its place in the text.
    pub span: Span,
}

/// The traffic permitted between the members of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Inside {
    /// Only the traffic that an `allow` permits.
    #[default]
    Deny,
    /// All traffic between endpoints; links and exits are not members.
    Allow,
}

/// A party with one or more attachments; with several it is multi-homed.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// Its attachments to networks.
    pub attachments: Vec<Attachment>,
    /// Its place in the text.
    pub span: Span,
}

/// One attachment of an endpoint to a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    /// The bridge port's name, `LOCAL` for the bridge's own.
    pub port: String,
    /// The addresses it owns.
    pub addresses: Vec<IpAddr>,
    /// The addresses that it may hold, one holder at a time.
    pub shared: Vec<SharedAddress>,
    /// Further prefixes that it sends from and answers for, such as a VPN pool. It owns them like
    /// its addresses.
    pub behind: Vec<IpNetwork>,
    /// True if its address comes from DHCP, so that it may use its leases. With a router on the
    /// network it may also use autoconfigured IPv6 addresses that no other port has.
    pub leased: bool,
    /// The pinned MAC, if the file gives one.
    pub mac: Option<[u8; 6]>,
    /// True if its IPv6 router advertisements pass.
    pub router: bool,
    /// Its link-local address, if the file gives one.
    pub link_local: Option<Ipv6Addr>,
    /// Its place in the text.
    pub span: Span,
}

/// An address that several endpoints may hold, one at a time (VRRP, CARP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SharedAddress {
    /// The address.
    pub address: IpAddr,
    /// The virtual router's number, from which its virtual MAC derives (RFC 5798 §7.3).
    pub vrid: Option<u8>,
}

/// A wire that joins two bridges.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Its name. In rules it stands for the prefixes behind its network end.
    pub name: String,
    /// Its two ends.
    pub ends: [LinkEnd; 2],
    /// Its place in the text.
    pub span: Span,
}

/// One end of a link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkEnd {
    /// The bridge's name.
    pub bridge: String,
    /// The port's name.
    pub port: String,
    /// Its role on that bridge.
    pub role: LinkRole,
    /// Its place in the text.
    pub span: Span,
}

/// The role of a link end on its bridge.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkRole {
    /// Brings the traffic of remote members into a network.
    Network {
        /// The network's name.
        network: String,
        /// The prefixes of the remote members, without addresses that a local endpoint owns.
        behind: Vec<IpNetwork>,
    },
    /// Passes all untagged traffic to and from one other port of the same bridge.
    Forwards {
        /// The name of that port.
        port: String,
    },
    /// Carries the crossings that name the link, and nothing else.
    Crossing,
    /// Only declared (a bridge of raw flows).
    Declared,
}

/// A port that leads outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Exit {
    /// Its name.
    pub name: String,
    /// The network that leaves by it; `None` on a bridge of raw flows, where the exit is only
    /// declared.
    pub network: Option<String>,
    /// The bridge's name.
    pub bridge: String,
    /// The port's name.
    pub port: String,
    /// Addresses of the network's subnets that answer behind the port.
    pub next_hop: Vec<IpAddr>,
    /// True if IPv6 router advertisements from behind the port pass.
    pub router: bool,
    /// The only link-local address behind the port, if the file gives one.
    pub link_local: Option<Ipv6Addr>,
    /// Its place in the text.
    pub span: Span,
}

/// A name for addresses outside, behind an exit, such as hosts on the internet.
#[derive(Debug, Clone, PartialEq)]
pub struct Outside {
    /// Its name.
    pub name: String,
    /// The exit's name.
    pub exit: String,
    /// Its addresses; an empty list means any outside address.
    pub addresses: Vec<IpNetwork>,
    /// Its place in the text.
    pub span: Span,
}

/// A tunnel between endpoints, such as Nebula. Its members may send each other its envelope. A
/// switch cannot see the traffic inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// Its name.
    pub name: String,
    /// The endpoints, and their addresses inside.
    pub members: Vec<(String, Vec<IpAddr>)>,
    /// The envelope's protocol.
    pub protocol: Protocol,
    /// The envelope's destination ports.
    pub ports: Vec<u16>,
    /// Its place in the text.
    pub span: Span,
}

/// A permission to open connections.
#[derive(Debug, Clone, PartialEq)]
pub struct Allow {
    /// Its name, unique among rules.
    pub name: String,
    /// Names of endpoints, links, exits, outsides or networks (a network stands for its endpoints).
    pub from: Vec<String>,
    /// Names of the receivers, likewise.
    pub to: Vec<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// Destination ports, for TCP, UDP and SCTP; an empty list means any port.
    pub ports: Vec<u16>,
    /// The purpose, in the words of the file's author.
    pub purpose: String,
    /// The maximum number of learned return flows for each of its flows.
    pub limit: Option<u32>,
    /// The window that opens it; `None` means always open.
    pub temp: Option<String>,
    /// The endpoint that its packets take as next hop. The frame goes to the next hop's MAC, the
    /// packet to an address outside the network, whatever `to` names.
    pub via: Option<String>,
    /// The form of its learned flows; `None` means by service where that is safe.
    pub returns: Option<Returns>,
    /// The place of enforcement.
    pub place: EnforcementPoint,
    /// The chain of which it is a hop.
    pub chain: Option<String>,
    /// Its place in the text.
    pub span: Span,
}

/// The form of learned return flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Returns {
    /// One flow for each connection: the whole 5-tuple.
    Connection,
    /// One flow for each client and service: the server's port, not the client's.
    Service,
}

/// The place where an allow is enforced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EnforcementPoint {
    /// On the bridges.
    #[default]
    Switch,
    /// Not on the bridges: the traffic travels inside this overlay.
    Overlay(String),
    /// Not on the bridges: the traffic passes none, with the reason in the words of the file's
    /// author.
    Elsewhere(String),
}

/// An allow between two networks that are otherwise isolated, over a link of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Its name, unique among rules.
    pub name: String,
    /// Names of endpoints with addresses, all on one network.
    pub from: Vec<String>,
    /// Names of endpoints with addresses and a MAC, all on one other network.
    pub to: Vec<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// Destination ports.
    pub ports: Vec<u16>,
    /// The link whose ends lie on the bridges of the two networks.
    pub over: String,
    /// The approver's name.
    pub approved_by: String,
    /// The reason for the crossing.
    pub reason: String,
    /// The deadline in seconds since 1970-01-01 UTC.
    pub expires: Option<u64>,
    /// The maximum number of learned return flows for each of its flows.
    pub limit: Option<u32>,
    /// Its place in the text.
    pub span: Span,
}

/// A network that is expanded for a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// The first and the last permitted number.
    pub numbers: (u32, u32),
    /// The numbers of the instances, from the file or added at run time.
    pub instances: Vec<u32>,
    /// Its place in the text.
    pub span: Span,
}

/// The protocol that an allow permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Protocol {
    /// Every IP protocol.
    #[default]
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP and ICMPv6 echo.
    Icmp,
    /// DHCP and DHCPv6: a client's requests, and the answers of the servers that the rule names.
    Dhcp,
    /// VRRP (RFC 5798) and CARP: advertisements of virtual routers, to their group or to each
    /// other.
    Vrrp,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 7] =
        [Self::Any, Self::Tcp, Self::Udp, Self::Sctp, Self::Icmp, Self::Dhcp, Self::Vrrp];

    /// Returns the word for it in a network file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
            Self::Dhcp => "dhcp",
            Self::Vrrp => "vrrp",
        }
    }
}

impl Endpoint {
    /// Returns whether the file gives it the address.
    pub fn has(&self, address: IpAddr) -> bool {
        self.attachments.iter().any(|plug| plug.has(address))
    }

    /// Returns whether all its addresses come from DHCP.
    pub fn is_only_leased(&self) -> bool {
        let bare =
            |plug: &Attachment| plug.addresses.is_empty() && plug.shared.is_empty() && plug.behind.is_empty();
        self.attachments.iter().all(|plug| plug.leased && bare(plug))
    }
}

impl Attachment {
    /// Returns whether it owns the address, or may hold it.
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || self.shared.iter().any(|shared| shared.address == address)
    }
}

impl NetworkFile {
    /// Returns the network of that name.
    pub fn network(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|n| n.name == name)
    }

    /// Returns the bridge of that name.
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|b| b.name == name)
    }
}
