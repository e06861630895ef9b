//! What a network file says, resolved: every name in it exists, every address is in its subnet.

pub(in crate::network) mod additions;
pub(in crate::network) mod container_ids;
pub(in crate::network) mod prefix;
pub(in crate::network) mod views;

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use ipnetwork::IpNetwork;
use ofproto::DatapathId;

/// Byte offsets into the text of the network file, for errors that point at their cause.
pub type Span = Range<usize>;

/// One network file: bridges, the networks on them, who is attached, who may talk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkFile {
    /// Every bridge that the file names, directly or by a network or a link, in order of appearance.
    pub bridges: Vec<Bridge>,
    /// The isolated networks.
    pub networks: Vec<Network>,
    /// The things attached to them.
    pub endpoints: Vec<Endpoint>,
    /// Wires between bridges.
    pub links: Vec<Link>,
    /// Ports that lead outside.
    pub exits: Vec<Exit>,
    /// Names for what is outside, behind an exit.
    pub outsides: Vec<Outside>,
    /// Tunnels between endpoints, of which a switch sees the envelope alone.
    pub overlays: Vec<Overlay>,
    /// Who may open a connection to whom; those of chains among them.
    pub allows: Vec<Allow>,
    /// Allows between networks that are otherwise isolated.
    pub crossings: Vec<Crossing>,
    /// Networks that are stamped out by a number; what they gave is among the lists above.
    pub templates: Vec<Template>,
    /// What must never be reachable.
    pub nevers: Vec<Never>,
}

/// The name of a section for every bridge that has none of its own.
pub const ANY_BRIDGE: &str = "*";

/// A bridge, by the name of its `OFPP_LOCAL` port, or by its datapath id where it has none; or [`ANY_BRIDGE`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bridge {
    /// The bridge's name.
    pub name: String,
    /// The datapath id of the switch that may be it; none where the file does not say.
    pub datapath_id: Option<DatapathId>,
    /// Ports that the file says the bridge has beyond those of endpoints, links and exits
    /// (for bridges of raw flows).
    pub ports: Vec<String>,
    /// Raw flow lines in `ovs-ofctl` syntax, installed verbatim.
    pub flows: Vec<RawFlow>,
    /// Who executes `learn(...)` of the raw flows.
    pub learn: LearnBy,
    /// Whether and how the controller makes a learning switch of it.
    pub learning: Option<Learning>,
    /// Samples of denied packets that the controller sees, in packets a second; none means none at all.
    pub sample_denied: Option<u16>,
    /// Where it is first named.
    pub span: Span,
}

/// Who executes the `learn` actions of a bridge's raw flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LearnBy {
    /// The switch, as Open vSwitch does.
    #[default]
    Switch,
    /// The controller, to whom the packets of such flows go.
    Controller,
}

/// How a bridge learns which MAC address is at which port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learning {
    /// Seconds after which a flow that no packet matched ends.
    pub idle_timeout: u16,
    /// Seconds after which an address that was not seen is forgotten.
    pub age: u32,
    /// Addresses that one port may have.
    pub macs_per_port: u32,
    /// Addresses that the bridge may have.
    pub macs: u32,
}

/// A raw flow line and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RawFlow {
    /// The line, as written.
    pub line: String,
    /// Where the string stands in the file.
    pub span: Span,
}

/// A set of endpoints on one bridge, isolated from every other network.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its number in the registers of the pipeline: from its name, so that other networks come and go without it
    /// changing; never 0.
    pub number: u16,
    /// The bridge it lives on.
    pub bridge: String,
    /// Its subnets; every address of an attachment lies in one.
    pub subnets: Vec<IpNetwork>,
    /// Whether its endpoints may talk to each other freely, broadcast and multicast included.
    pub inside: Inside,
    /// Addresses that its members have for their default route. Whoever owns them, owns them as anything else.
    pub gateway: Vec<IpAddr>,
    /// How its return traffic is told from the rest.
    pub stateful: Stateful,
    /// The VLAN that its frames carry at its ports, 1 to 4094; none means untagged. Tagged frames of any other kind
    /// are dropped.
    pub vlan: Option<u16>,
    /// Where containers that the API makes have their place.
    pub containers: Option<ContainerRange>,
    /// Where it stands.
    pub span: Span,
}

/// How return traffic is told from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Stateful {
    /// By flows that `learn()` puts into a table.
    #[default]
    Learn,
    /// By the switch's connection tracker, `ct()`.
    Conntrack,
}

/// The place of a network's containers that come and go at run time. In `port` and `addresses` the text `{id}` stands
/// for the container's number.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerRange {
    /// The first and the last number.
    pub ids: (u32, u32),
    /// The name of the bridge's port.
    pub port: String,
    /// The addresses.
    pub addresses: Vec<String>,
    /// Who may open connections to a container's services: names as in an allow.
    pub clients: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// Whether the members of a network may talk freely to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Inside {
    /// Only what an `allow` says.
    #[default]
    Deny,
    /// Endpoints may; links and exits are not members.
    Allow,
}

/// A thing with one or more attachments; with several it is multi-homed.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// Where it is plugged in.
    pub attachments: Vec<Attachment>,
    /// Where it stands.
    pub span: Span,
}

/// One plug of an endpoint.
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
    /// Prefixes it also sends from and answers for (a VPN pool, say). Owned like addresses.
    pub behind: Vec<IpNetwork>,
    /// Whether its address comes from DHCP: it may then use what it leased, and over IPv6, where a router of the network may
    /// advertise itself, what it made of that and no other port has.
    pub leased: bool,
    /// Its MAC, where the file pins one.
    pub mac: Option<[u8; 6]>,
    /// Whether its IPv6 router advertisements pass.
    pub router: bool,
    /// Its link-local address, where the file gives one.
    pub link_local: Option<Ipv6Addr>,
    /// Where it stands.
    pub span: Span,
}

/// An address that several endpoints may hold, one at a time (VRRP, CARP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SharedAddress {
    /// The address.
    pub address: IpAddr,
    /// The virtual router's number, which makes its virtual MAC (RFC 5798 §7.3).
    pub vrid: Option<u8>,
}

/// A wire that joins two bridges.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Its name. In rules it stands for what is behind its network end.
    pub name: String,
    /// Its two ends.
    pub ends: [LinkEnd; 2],
    /// Where it stands.
    pub span: Span,
}

/// One end of a link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkEnd {
    /// The bridge's name.
    pub bridge: String,
    /// The port's name.
    pub port: String,
    /// What it carries there.
    pub role: LinkRole,
    /// Where it stands.
    pub span: Span,
}

/// What the end of a link does on its bridge.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkRole {
    /// Brings the traffic of remote members into a network.
    Network {
        /// The network's name.
        network: String,
        /// The prefixes of the remote members; an address that an endpoint here owns is not among them.
        behind: Vec<IpNetwork>,
    },
    /// Passes everything untagged to and from one other port of the same bridge.
    Forwards {
        /// That port's name.
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
    /// The network that leaves by it; none on a bridge of raw flows, where it is only declared.
    pub network: Option<String>,
    /// The bridge's name.
    pub bridge: String,
    /// The port's name.
    pub port: String,
    /// Addresses of the network's subnets that answer behind the port.
    pub next_hop: Vec<IpAddr>,
    /// Whether IPv6 router advertisements of what is behind the port pass.
    pub router: bool,
    /// The one link-local address behind the port, where the file gives one.
    pub link_local: Option<Ipv6Addr>,
    /// Where it stands.
    pub span: Span,
}

/// A name for what is outside, behind an exit: hosts on the Internet, say.
#[derive(Debug, Clone, PartialEq)]
pub struct Outside {
    /// Its name.
    pub name: String,
    /// The exit's name.
    pub exit: String,
    /// Where they are; none means anywhere outside.
    pub addresses: Vec<IpNetwork>,
    /// Where it stands.
    pub span: Span,
}

/// A tunnel between endpoints, such as Nebula. Its members may send each other its envelope; what travels inside, a
/// switch cannot see.
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
    /// Where it stands.
    pub span: Span,
}

/// Who may open a connection to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Allow {
    /// Its name, unique among rules.
    pub name: String,
    /// Names of endpoints, links, exits, outsides or networks (a network stands for its endpoints).
    pub from: Vec<String>,
    /// Likewise.
    pub to: Vec<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// Destination ports, for TCP, UDP and SCTP; none means any.
    pub ports: Vec<u16>,
    /// Why, in the words of who wrote it.
    pub purpose: String,
    /// At most so many learned return flows for each of its flows.
    pub limit: Option<u32>,
    /// The window that opens it; none means always.
    pub temp: Option<String>,
    /// The endpoint that its packets take as next hop: the frame goes to that one's MAC, the packet to an address that
    /// is none of the network's, whoever `to` names.
    pub via: Option<String>,
    /// What its learned flows look like; none means by service where that is safe.
    pub returns: Option<Returns>,
    /// Where it is enforced.
    pub place: EnforcementPoint,
    /// The chain that it is a hop of.
    pub chain: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// What learned return flows look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Returns {
    /// One for each connection: the whole 5-tuple.
    Connection,
    /// One for each client and service: the server's port, not the client's.
    Service,
}

/// Where an allow is enforced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EnforcementPoint {
    /// On the bridges.
    #[default]
    Switch,
    /// Nowhere by us: it travels inside this overlay.
    Overlay(String),
    /// Nowhere by us: it does not pass a bridge. In the words of who wrote it.
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
    /// Who approved it.
    pub approved_by: String,
    /// Why it has to be.
    pub reason: String,
    /// When it ends, in seconds since 1970-01-01 UTC.
    pub expires: Option<u64>,
    /// At most so many learned return flows for each of its flows.
    pub limit: Option<u32>,
    /// Where it stands.
    pub span: Span,
}

/// A network that is stamped out by a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// The first and the last number that it may have.
    pub numbers: (u32, u32),
    /// The numbers that the file, or somebody at run time, stamped out.
    pub instances: Vec<u32>,
    /// Where it stands.
    pub span: Span,
}

/// What an allow admits.
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
    /// VRRP (RFC 5798) and CARP: advertisements of virtual routers, to their group or to each other.
    Vrrp,
}

/// An assertion: no packet from here ever reaches there.
#[derive(Debug, Clone, PartialEq)]
pub struct Never {
    /// Its name, unique among rules.
    pub name: String,
    /// Names of endpoints, links, exits or networks; a network stands for all that is on it, links and
    /// exits included.
    pub from: Vec<String>,
    /// Likewise.
    pub to: Vec<String>,
    /// Crossings that may, all the same.
    pub except: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

impl Endpoint {
    /// Whether the file gives it the address.
    pub fn has(&self, address: IpAddr) -> bool {
        self.attachments.iter().any(|plug| plug.has(address))
    }

    /// Whether all its addresses come from DHCP.
    pub fn is_only_leased(&self) -> bool {
        let bare =
            |plug: &Attachment| plug.addresses.is_empty() && plug.shared.is_empty() && plug.behind.is_empty();
        self.attachments.iter().all(|plug| plug.leased && bare(plug))
    }
}

impl Attachment {
    /// Whether it owns the address, or may hold it.
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || self.shared.iter().any(|shared| shared.address == address)
    }
}

impl NetworkFile {
    /// The network of that name.
    pub fn network(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|n| n.name == name)
    }

    /// The bridge of that name.
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|b| b.name == name)
    }
}
