//! A network file as written: every name, address and number with its place, before any lookup.

use std::net::{IpAddr, Ipv6Addr};

use ipnetwork::IpNetwork;
use ofproto::DatapathId;

use super::{Inside, LearnBy, Learning, Protocol, Returns, SharedAddress, Span, Stateful, ViolationResponse};

/// A value with its place in the text.
#[derive(Debug, Clone)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// A file. Parts that could not be read are missing here, and the report has an error for each.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) bridges: Vec<DraftBridge>,
    pub(super) networks: Vec<DraftNetwork>,
    pub(super) endpoints: Vec<DraftEndpoint>,
    pub(super) links: Vec<DraftLink>,
    pub(super) exits: Vec<DraftExit>,
    pub(super) outsides: Vec<DraftOutside>,
    pub(super) overlays: Vec<DraftOverlay>,
    pub(super) attaches: Vec<DraftAttach>,
    pub(super) allows: Vec<DraftAllow>,
    pub(super) chains: Vec<DraftChain>,
    pub(super) crossings: Vec<DraftCrossing>,
    pub(super) nevers: Vec<DraftNever>,
    pub(super) always: Vec<DraftAlways>,
    pub(super) confines: Vec<DraftConfine>,
}

#[derive(Debug)]
pub(super) struct DraftBridge {
    pub(super) name: Spanned<String>,
    pub(super) datapath_id: Option<Spanned<DatapathId>>,
    pub(super) ports: Vec<Spanned<String>>,
    pub(super) flows: Vec<Spanned<String>>,
    pub(super) learn: LearnBy,
    pub(super) learning: Option<Spanned<Learning>>,
    pub(super) sample_denied: Option<Spanned<u16>>,
}

#[derive(Debug)]
pub(super) struct DraftNetwork {
    pub(super) name: Spanned<String>,
    pub(super) bridge: Option<Spanned<String>>,
    pub(super) subnets: Vec<Spanned<IpNetwork>>,
    pub(super) inside: Inside,
    pub(super) gateway: Vec<Spanned<IpAddr>>,
    pub(super) stateful: Stateful,
    pub(super) vlan: Option<u16>,
    pub(super) containers: Option<DraftContainers>,
}

/// Complete, or the report has an error.
#[derive(Debug)]
pub(super) struct DraftContainers {
    pub(super) ids: Option<Spanned<(u32, u32)>>,
    pub(super) port: Option<Spanned<String>>,
    pub(super) addresses: Vec<Spanned<String>>,
    pub(super) clients: Vec<Spanned<String>>,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct DraftEndpoint {
    pub(super) name: Spanned<String>,
    pub(super) attachments: Vec<DraftAttachment>,
}

#[derive(Debug)]
pub(super) struct DraftAttachment {
    pub(super) network: Option<Spanned<String>>,
    pub(super) port: Option<Spanned<String>>,
    pub(super) addresses: Vec<Spanned<IpAddr>>,
    pub(super) shared: Vec<Spanned<SharedAddress>>,
    pub(super) behind: Vec<Spanned<IpNetwork>>,
    pub(super) mac: Option<Spanned<[u8; 6]>>,
    pub(super) leased: bool,
    pub(super) router: bool,
    pub(super) link_local: Option<Spanned<Ipv6Addr>>,
    pub(super) span: Span,
}

/// A further attachment of an endpoint, from a template.
#[derive(Debug)]
pub(super) struct DraftAttach {
    pub(super) endpoint: Option<Spanned<String>>,
    pub(super) attachment: DraftAttachment,
}

#[derive(Debug)]
pub(super) struct DraftLink {
    pub(super) name: Spanned<String>,
    pub(super) ends: Vec<DraftLinkEnd>,
}

/// Either `network` or `bridge` is present, or the report has an error.
#[derive(Debug)]
pub(super) struct DraftLinkEnd {
    pub(super) network: Option<Spanned<String>>,
    pub(super) bridge: Option<Spanned<String>>,
    pub(super) port: Option<Spanned<String>>,
    pub(super) behind: Vec<Spanned<IpNetwork>>,
    pub(super) forwards: Option<Spanned<String>>,
    pub(super) span: Span,
}

/// Either `network` or `bridge` is present, or the report has an error.
#[derive(Debug)]
pub(super) struct DraftExit {
    pub(super) name: Spanned<String>,
    pub(super) network: Option<Spanned<String>>,
    pub(super) bridge: Option<Spanned<String>>,
    pub(super) port: Option<Spanned<String>>,
    pub(super) next_hop: Vec<Spanned<IpAddr>>,
    pub(super) router: bool,
    pub(super) link_local: Option<Spanned<Ipv6Addr>>,
}

#[derive(Debug)]
pub(super) struct DraftOutside {
    pub(super) name: Spanned<String>,
    pub(super) exit: Option<Spanned<String>>,
    pub(super) addresses: Vec<Spanned<IpNetwork>>,
}

#[derive(Debug)]
pub(super) struct DraftOverlay {
    pub(super) name: Spanned<String>,
    pub(super) protocol: Option<Protocol>,
    pub(super) ports: Vec<Spanned<u16>>,
    pub(super) members: Vec<(Spanned<String>, Vec<Spanned<IpAddr>>)>,
}

#[derive(Debug)]
pub(super) struct DraftAllow {
    pub(super) name: Spanned<String>,
    pub(super) from: Vec<Spanned<String>>,
    pub(super) to: Vec<Spanned<String>>,
    /// `None` if it is misspelt.
    pub(super) protocol: Option<Protocol>,
    pub(super) ports: Vec<Spanned<u16>>,
    pub(super) purpose: String,
    pub(super) limit: Option<u32>,
    pub(super) temp: Option<Spanned<String>>,
    pub(super) via: Option<Spanned<String>>,
    pub(super) returns: Option<Returns>,
    pub(super) overlay: Option<Spanned<String>>,
    pub(super) elsewhere: Option<Spanned<String>>,
    /// The chain of which the allow is a hop.
    pub(super) chain: Option<String>,
}

#[derive(Debug)]
pub(super) struct DraftChain {
    pub(super) name: Spanned<String>,
    pub(super) from: Vec<Spanned<String>>,
    /// The hops, each with its alternatives.
    pub(super) hops: Vec<Vec<DraftHop>>,
    pub(super) purpose: String,
    pub(super) limit: Option<u32>,
    pub(super) temp: Option<Spanned<String>>,
    pub(super) returns: Option<Returns>,
}

#[derive(Debug)]
pub(super) struct DraftHop {
    pub(super) to: Vec<Spanned<String>>,
    /// `None` if it is misspelt.
    pub(super) protocol: Option<Protocol>,
    pub(super) ports: Vec<Spanned<u16>>,
    pub(super) purpose: Option<String>,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct DraftCrossing {
    pub(super) name: Spanned<String>,
    pub(super) from: Vec<Spanned<String>>,
    pub(super) to: Vec<Spanned<String>>,
    /// `None` if it is missing or misspelt.
    pub(super) protocol: Option<Protocol>,
    pub(super) ports: Vec<Spanned<u16>>,
    pub(super) over: Option<Spanned<String>>,
    pub(super) approved_by: String,
    pub(super) reason: String,
    pub(super) expires: Option<u64>,
    pub(super) limit: Option<u32>,
}

#[derive(Debug)]
pub(super) struct DraftNever {
    pub(super) name: Spanned<String>,
    pub(super) from: Vec<Spanned<String>>,
    pub(super) to: Vec<Spanned<String>>,
    pub(super) except: Vec<Spanned<String>>,
    pub(super) on_violation: ViolationResponse,
}

#[derive(Debug)]
pub(super) struct DraftAlways {
    pub(super) name: Spanned<String>,
    pub(super) from: Vec<Spanned<String>>,
    pub(super) to: Vec<Spanned<String>>,
    /// `None` if it is misspelt.
    pub(super) protocol: Option<Protocol>,
    pub(super) ports: Vec<Spanned<u16>>,
}

#[derive(Debug)]
pub(super) struct DraftConfine {
    pub(super) name: Spanned<String>,
    pub(super) from: Vec<Spanned<String>>,
    pub(super) to: Vec<Spanned<String>>,
    pub(super) on_violation: ViolationResponse,
}

impl DraftAllow {
    /// Returns an allow with only a name.
    pub(super) fn new(name: Spanned<String>) -> Self {
        DraftAllow {
            name,
            from: Vec::new(),
            to: Vec::new(),
            protocol: Some(Protocol::Any),
            ports: Vec::new(),
            purpose: String::new(),
            limit: None,
            temp: None,
            via: None,
            returns: None,
            overlay: None,
            elsewhere: None,
            chain: None,
        }
    }

    /// Returns whether the allow is only carried: enforced elsewhere than on the bridges.
    pub(super) fn is_carried(&self) -> bool {
        self.overlay.is_some() || self.elsewhere.is_some()
    }
}

impl Draft {
    /// Returns the names and places of every bridge that the file names, in order of appearance. A
    /// bridge may be listed several times.
    pub(super) fn bridge_names(&self) -> Vec<&Spanned<String>> {
        let mut names: Vec<&Spanned<String>> = self
            .bridges
            .iter()
            .map(|bridge| &bridge.name)
            .chain(self.networks.iter().filter_map(|network| network.bridge.as_ref()))
            .chain(self.links.iter().flat_map(|link| &link.ends).filter_map(|end| end.bridge.as_ref()))
            .chain(self.exits.iter().filter_map(|exit| exit.bridge.as_ref()))
            .collect();
        names.sort_by_key(|name| name.span.start);
        names
    }
}
