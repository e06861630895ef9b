//! What a network file says, resolved: every name in it exists, every address is in its subnet.

use std::net::IpAddr;
use std::ops::Range;

use ipnetwork::IpNetwork;

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
    /// Who may open a connection to whom.
    pub allows: Vec<Allow>,
    /// What must never be reachable.
    pub nevers: Vec<Never>,
}

/// A bridge, by the name of its `OFPP_LOCAL` port.
#[derive(Debug, Clone, PartialEq)]
pub struct Bridge {
    /// The bridge's name.
    pub name: String,
    /// Ports that the file says the bridge has beyond those of endpoints, links and exits
    /// (for bridges of raw flows).
    pub ports: Vec<String>,
    /// Raw flow lines in `ovs-ofctl` syntax, installed verbatim.
    pub flows: Vec<RawFlow>,
    /// Where it is first named.
    pub span: Span,
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
    /// Its number in the registers of the pipeline, from 1 in order of appearance.
    pub number: u16,
    /// The bridge it lives on.
    pub bridge: String,
    /// Its subnets; every address of an attachment lies in one.
    pub subnets: Vec<IpNetwork>,
    /// Whether its endpoints may talk to each other freely.
    pub inside: Inside,
    /// Where it stands.
    pub span: Span,
}

/// Whether the members of a network may talk freely to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// Prefixes it also sends from and answers for (a VPN pool, say). Owned like addresses.
    pub behind: Vec<IpNetwork>,
    /// Its MAC, where the file pins one.
    pub mac: Option<[u8; 6]>,
    /// Where it stands.
    pub span: Span,
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
    /// Where it stands.
    pub span: Span,
}

/// Who may open a connection to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Allow {
    /// Its name, unique among rules.
    pub name: String,
    /// Names of endpoints, links, exits or networks (a network stands for its endpoints).
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
    /// Where it stands.
    pub span: Span,
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
