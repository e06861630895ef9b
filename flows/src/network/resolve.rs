//! From a draft without errors to the model.

use super::draft::{At, Draft, DraftExit, DraftLink, DraftLinkEnd};
use super::{
    Allow, Attachment, Bridge, Endpoint, Exit, Link, LinkEnd, LinkRole, Network, NetworkFile, Never, Place,
    RawFlow, Stateful,
};

/// Builds the model. Whatever is not whole is left out: the draft of a file without errors is whole.
pub(super) fn resolve(draft: Draft) -> NetworkFile {
    let mut file = NetworkFile { bridges: bridges(&draft), ..NetworkFile::default() };
    for (number, network) in (1..=u16::MAX).zip(draft.networks) {
        let Some(bridge) = network.bridge else { continue };
        file.networks.push(Network {
            name: network.name.value,
            number,
            bridge: bridge.value,
            subnets: once_each(network.subnets),
            inside: network.inside,
            gateway: Vec::new(),
            stateful: Stateful::default(),
            vlan: None,
            containers: None,
            span: network.name.span,
        });
    }
    for endpoint in draft.endpoints {
        let mut attachments = Vec::with_capacity(endpoint.attachments.len());
        for attachment in endpoint.attachments {
            let (Some(network), Some(port)) = (attachment.network, attachment.port) else { continue };
            attachments.push(Attachment {
                network: network.value,
                port: port.value,
                addresses: once_each(attachment.addresses),
                behind: once_each(attachment.behind),
                leased: false,
                mac: attachment.mac.map(|mac| mac.value),
                span: attachment.span,
            });
        }
        file.endpoints.push(Endpoint { name: endpoint.name.value, attachments, span: endpoint.name.span });
    }
    file.links = draft.links.into_iter().filter_map(|draft| link(draft, &file)).collect();
    file.exits = draft.exits.into_iter().filter_map(|draft| exit(draft, &file)).collect();
    file.allows = draft
        .allows
        .into_iter()
        .map(|allow| Allow {
            name: allow.name.value,
            from: once_each(allow.from),
            to: once_each(allow.to),
            protocol: allow.protocol.unwrap_or_default(),
            ports: once_each(allow.ports),
            purpose: allow.purpose,
            limit: allow.limit,
            temp: None,
            via: None,
            returns: None,
            place: Place::default(),
            chain: None,
            span: allow.name.span,
        })
        .collect();
    file.nevers = draft
        .nevers
        .into_iter()
        .map(|never| Never {
            name: never.name.value,
            from: once_each(never.from),
            to: once_each(never.to),
            except: Vec::new(),
            span: never.name.span,
        })
        .collect();
    file
}

/// A list with each item once, where it first stands. A second one has a warning.
fn once_each<T: std::hash::Hash + Eq + Clone>(list: Vec<At<T>>) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    list.into_iter().map(|at| at.value).filter(|value| seen.insert(value.clone())).collect()
}

fn bridges(draft: &Draft) -> Vec<Bridge> {
    let mut by_name = std::collections::HashMap::new();
    let mut bridges: Vec<Bridge> = Vec::new();
    for name in draft.bridge_names() {
        by_name.entry(&*name.value).or_insert_with(|| {
            let (ports, flows) = (Vec::new(), Vec::new());
            bridges.push(Bridge { name: name.value.clone(), ports, flows, span: name.span.clone() });
            bridges.len() - 1
        });
    }
    for section in &draft.bridges {
        let Some(bridge) = by_name.get(&*section.name.value).and_then(|&at| bridges.get_mut(at)) else {
            continue;
        };
        bridge.ports = once_each(section.ports.clone());
        let raw = |flow: &At<String>| RawFlow { line: flow.value.clone(), span: flow.span.clone() };
        bridge.flows = section.flows.iter().map(raw).collect();
    }
    bridges
}

fn bridge_of(network: Option<&At<String>>, bridge: Option<At<String>>, file: &NetworkFile) -> Option<String> {
    bridge.map(|bridge| bridge.value).or_else(|| Some(file.network(&network?.value)?.bridge.clone()))
}

fn link(draft: DraftLink, file: &NetworkFile) -> Option<Link> {
    let ends: Vec<LinkEnd> = draft.ends.into_iter().filter_map(|end| link_end(end, file)).collect();
    Some(Link { name: draft.name.value, ends: ends.try_into().ok()?, span: draft.name.span })
}

fn link_end(end: DraftLinkEnd, file: &NetworkFile) -> Option<LinkEnd> {
    let bridge = bridge_of(end.network.as_ref(), end.bridge, file)?;
    let role = match (end.network, end.forwards) {
        (Some(network), _) => LinkRole::Network { network: network.value, behind: once_each(end.behind) },
        (None, Some(port)) => LinkRole::Forwards { port: port.value },
        (None, None) => LinkRole::Declared,
    };
    Some(LinkEnd { bridge, port: end.port?.value, role, span: end.span })
}

fn exit(draft: DraftExit, file: &NetworkFile) -> Option<Exit> {
    Some(Exit {
        bridge: bridge_of(draft.network.as_ref(), draft.bridge, file)?,
        name: draft.name.value,
        network: draft.network.map(|network| network.value),
        port: draft.port?.value,
        next_hop: once_each(draft.next_hop),
        span: draft.name.span,
    })
}
