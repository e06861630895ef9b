//! Resolves a draft without errors into the model.

pub(in crate::network) mod implied_rules;

use std::collections::{HashMap, HashSet};

use super::draft::{
    Draft, DraftAllow, DraftAlways, DraftConfine, DraftExit, DraftLink, DraftLinkEnd, DraftNetwork,
    DraftNever, Spanned,
};
use super::{
    Allow, Always, Attachment, Bridge, Confine, ContainerRange, Crossing, Endpoint, EnforcementPoint, Exit,
    LearnBy, Link, LinkEnd, LinkRole, Network, NetworkFile, Never, Outside, Overlay, RawFlow, Span,
};
use crate::network::resolve::implied_rules::ImpliedRules;

/// Removes every item that begins at or beyond an offset: trial copies.
pub(super) fn leave_out(draft: &mut Draft, implied: &mut ImpliedRules, from: usize) {
    let stays = |name: &Spanned<String>| name.span.start < from;
    draft.networks.retain(|network| stays(&network.name));
    draft.endpoints.retain(|endpoint| stays(&endpoint.name));
    for endpoint in &mut draft.endpoints {
        endpoint.attachments.retain(|attachment| attachment.span.start < from);
    }
    draft.links.retain(|link| stays(&link.name));
    draft.exits.retain(|exit| stays(&exit.name));
    draft.outsides.retain(|outside| stays(&outside.name));
    draft.overlays.retain(|overlay| stays(&overlay.name));
    draft.allows.retain(|allow| stays(&allow.name));
    draft.chains.retain(|chain| stays(&chain.name));
    draft.crossings.retain(|crossing| stays(&crossing.name));
    draft.nevers.retain(|never| stays(&never.name));
    draft.always.retain(|always| stays(&always.name));
    draft.confines.retain(|confine| stays(&confine.name));
    implied.allows.retain(|allow| stays(&allow.name));
    implied.nevers.retain(|never| stays(&never.name));
}

/// Builds the model. Incomplete items are left out, and the draft of a file without errors has
/// none. `real` maps a place in a template copy to its place in the text.
pub(super) fn resolve(draft: Draft, implied: ImpliedRules, real: &dyn Fn(&Span) -> Span) -> NetworkFile {
    let bridges_of: HashMap<String, String> = draft
        .networks
        .iter()
        .filter_map(|network| Some((network.name.value.clone(), network.bridge.as_ref()?.value.clone())))
        .collect();
    let over: HashSet<String> =
        draft.crossings.iter().filter_map(|crossing| Some(crossing.over.as_ref()?.value.clone())).collect();
    let scope = Scope { bridges_of, over, real };
    let mut file = NetworkFile { bridges: bridges(&draft, real), ..NetworkFile::default() };
    file.networks = networks(draft.networks, &scope);
    for endpoint in draft.endpoints {
        let mut attachments = Vec::with_capacity(endpoint.attachments.len());
        for attachment in endpoint.attachments {
            let (Some(network), Some(port)) = (attachment.network, attachment.port) else { continue };
            attachments.push(Attachment {
                network: network.value,
                port: port.value,
                addresses: once_each(attachment.addresses),
                shared: once_each(attachment.shared),
                behind: once_each(attachment.behind),
                leased: attachment.leased,
                mac: attachment.mac.map(|mac| mac.value),
                router: attachment.router,
                link_local: attachment.link_local.map(|address| address.value),
                span: real(&attachment.span),
            });
        }
        let span = real(&endpoint.name.span);
        file.endpoints.push(Endpoint { name: endpoint.name.value, attachments, span });
    }
    file.links = draft.links.into_iter().filter_map(|draft| link(draft, &scope)).collect();
    file.exits = draft.exits.into_iter().filter_map(|draft| exit(draft, &scope)).collect();
    for outside in draft.outsides {
        let Some(exit) = outside.exit else { continue };
        file.outsides.push(Outside {
            name: outside.name.value,
            exit: exit.value,
            addresses: once_each(outside.addresses),
            span: real(&outside.name.span),
        });
    }
    for overlay in draft.overlays {
        let members = overlay.members.into_iter().map(|(name, addresses)| (name.value, once_each(addresses)));
        file.overlays.push(Overlay {
            members: members.collect(),
            name: overlay.name.value,
            protocol: overlay.protocol.unwrap_or_default(),
            ports: once_each(overlay.ports),
            span: real(&overlay.name.span),
        });
    }
    file.allows = draft.allows.into_iter().chain(implied.allows).map(|draft| allow(draft, real)).collect();
    for crossing in draft.crossings {
        let Some(over) = crossing.over else { continue };
        file.crossings.push(Crossing {
            span: real(&crossing.name.span),
            name: crossing.name.value,
            from: once_each(crossing.from),
            to: once_each(crossing.to),
            protocol: crossing.protocol.unwrap_or_default(),
            ports: once_each(crossing.ports),
            over: over.value,
            approved_by: crossing.approved_by,
            reason: crossing.reason,
            expires: crossing.expires,
            limit: crossing.limit,
        });
    }
    let never = |never: DraftNever| Never {
        span: real(&never.name.span),
        name: never.name.value,
        from: once_each(never.from),
        to: once_each(never.to),
        except: once_each(never.except),
        on_violation: never.on_violation,
    };
    file.nevers = draft.nevers.into_iter().chain(implied.nevers).map(never).collect();
    let always = |always: DraftAlways| Always {
        span: real(&always.name.span),
        name: always.name.value,
        from: once_each(always.from),
        to: once_each(always.to),
        protocol: always.protocol.unwrap_or_default(),
        ports: once_each(always.ports),
    };
    file.always = draft.always.into_iter().map(always).collect();
    let confine = |confine: DraftConfine| Confine {
        span: real(&confine.name.span),
        name: confine.name.value,
        from: once_each(confine.from),
        to: once_each(confine.to),
        on_violation: confine.on_violation,
    };
    file.confines = draft.confines.into_iter().map(confine).collect();
    file
}

/// The lookup tables for building the model.
struct Scope<'s> {
    bridges_of: HashMap<String, String>,
    /// The links that crossings use.
    over: HashSet<String>,
    real: &'s dyn Fn(&Span) -> Span,
}

/// Resolves the networks with their numbers. A number derives from the name, so that it stays while
/// other networks come and go. If two names give one number, the later network gets the next free
/// one.
fn networks(drafts: Vec<DraftNetwork>, scope: &Scope<'_>) -> Vec<Network> {
    let mut free = vec![true; usize::from(u16::MAX) + 1];
    let mut networks = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Some(bridge) = draft.bridge else { continue };
        let first = number(&draft.name.value);
        let next = (first..=u16::MAX).chain(1..first);
        // There are no more networks than numbers.
        let Some(number) = next.into_iter().find(|number| free.get(usize::from(*number)) == Some(&true))
        else {
            continue;
        };
        free.get_mut(usize::from(number)).into_iter().for_each(|free| *free = false);
        let containers = draft.containers.and_then(|range| {
            Some(ContainerRange {
                ids: range.ids?.value,
                port: range.port?.value,
                addresses: once_each(range.addresses),
                clients: once_each(range.clients),
                span: (scope.real)(&range.span),
            })
        });
        networks.push(Network {
            name: draft.name.value,
            number,
            bridge: bridge.value,
            subnets: once_each(draft.subnets),
            inside: draft.inside,
            gateway: once_each(draft.gateway),
            stateful: draft.stateful,
            vlan: draft.vlan,
            containers,
            span: (scope.real)(&draft.name.span),
        });
    }
    networks
}

/// Returns FNV-1a of 32 bits (RFC 9923), folded to 1..=65535.
fn number(name: &str) -> u16 {
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u16::try_from(hash % u32::from(u16::MAX) + 1).unwrap_or(u16::MAX)
}

fn allow(allow: DraftAllow, real: &dyn Fn(&Span) -> Span) -> Allow {
    let place = match (allow.overlay, allow.elsewhere) {
        (Some(overlay), _) => EnforcementPoint::Overlay(overlay.value),
        (None, Some(elsewhere)) => EnforcementPoint::Elsewhere(elsewhere.value),
        (None, None) => EnforcementPoint::Switch,
    };
    Allow {
        span: real(&allow.name.span),
        name: allow.name.value,
        from: once_each(allow.from),
        to: once_each(allow.to),
        protocol: allow.protocol.unwrap_or_default(),
        ports: once_each(allow.ports),
        purpose: allow.purpose,
        limit: allow.limit,
        temp: allow.temp.map(|temp| temp.value),
        via: allow.via.map(|via| via.value),
        returns: allow.returns,
        place,
        chain: allow.chain,
    }
}

/// Returns a list without duplicates, in the order of first mention. Each duplicate has a warning.
fn once_each<T: std::hash::Hash + Eq + Clone>(list: Vec<Spanned<T>>) -> Vec<T> {
    if list.len() < 2 {
        return list.into_iter().map(|at| at.value).collect();
    }
    let mut seen = HashSet::new();
    list.into_iter().map(|at| at.value).filter(|value| seen.insert(value.clone())).collect()
}

fn bridges(draft: &Draft, real: &dyn Fn(&Span) -> Span) -> Vec<Bridge> {
    let mut by_name = HashMap::new();
    let mut bridges: Vec<Bridge> = Vec::new();
    for name in draft.bridge_names() {
        by_name.entry(&*name.value).or_insert_with(|| {
            let (ports, flows) = (Vec::new(), Vec::new());
            let (name, span) = (name.value.clone(), real(&name.span));
            let learn = LearnBy::default();
            bridges.push(Bridge {
                name,
                datapath_id: None,
                ports,
                flows,
                learn,
                learning: None,
                sample_denied: None,
                span,
            });
            bridges.len() - 1
        });
    }
    for section in &draft.bridges {
        let Some(bridge) = by_name.get(&*section.name.value).and_then(|&at| bridges.get_mut(at)) else {
            continue;
        };
        bridge.datapath_id = section.datapath_id.as_ref().map(|id| id.value);
        bridge.ports = once_each(section.ports.clone());
        let raw = |flow: &Spanned<String>| RawFlow { line: flow.value.clone(), span: real(&flow.span) };
        bridge.flows = section.flows.iter().map(raw).collect();
        bridge.learn = section.learn;
        bridge.learning = section.learning.as_ref().map(|learning| learning.value);
        bridge.sample_denied = section.sample_denied.as_ref().map(|rate| rate.value);
    }
    bridges
}

impl Scope<'_> {
    fn bridge_of(
        &self,
        network: Option<&Spanned<String>>,
        bridge: Option<Spanned<String>>,
    ) -> Option<String> {
        bridge.map(|bridge| bridge.value).or_else(|| self.bridges_of.get(&network?.value).cloned())
    }
}

fn link(draft: DraftLink, scope: &Scope<'_>) -> Option<Link> {
    let crossing = scope.over.contains(&draft.name.value);
    let ends: Vec<LinkEnd> =
        draft.ends.into_iter().filter_map(|end| link_end(end, crossing, scope)).collect();
    Some(Link { name: draft.name.value, ends: ends.try_into().ok()?, span: (scope.real)(&draft.name.span) })
}

fn link_end(end: DraftLinkEnd, crossing: bool, scope: &Scope<'_>) -> Option<LinkEnd> {
    let bridge = scope.bridge_of(end.network.as_ref(), end.bridge)?;
    let role = match (end.network, end.forwards) {
        (Some(network), _) => LinkRole::Network { network: network.value, behind: once_each(end.behind) },
        (None, Some(port)) => LinkRole::Forwards { port: port.value },
        (None, None) if crossing => LinkRole::Crossing,
        (None, None) => LinkRole::Declared,
    };
    Some(LinkEnd { bridge, port: end.port?.value, role, span: (scope.real)(&end.span) })
}

fn exit(draft: DraftExit, scope: &Scope<'_>) -> Option<Exit> {
    Some(Exit {
        bridge: scope.bridge_of(draft.network.as_ref(), draft.bridge)?,
        name: draft.name.value,
        network: draft.network.map(|network| network.value),
        port: draft.port?.value,
        next_hop: once_each(draft.next_hop),
        router: draft.router,
        link_local: draft.link_local.map(|address| address.value),
        span: (scope.real)(&draft.name.span),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of a network is in flows of running switches: a different one would replace them
    /// all.
    #[test]
    fn numbers_are_hashes_of_names() {
        let numbers = ["privacy", "management", "main", "project-0", "project-255", ""].map(number);
        assert_eq!(numbers, [59118, 9826, 52378, 64566, 62952, 7907]);
    }
}
