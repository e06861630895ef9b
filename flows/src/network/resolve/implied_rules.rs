//! Implied rules: the hops of chains, the order of hops, and the envelopes of overlays.

use std::collections::{BTreeMap, HashSet};

use crate::finding_code::FindingCode;
use crate::network::ViolationResponse;
use crate::network::draft::{Draft, DraftAllow, DraftChain, DraftNever, DraftOverlay, Spanned};
use crate::network::names::{NameIndex, NameKind};
use crate::network::text::report::{FindingReport, quote};

/// Limits the members of one overlay: every pair of them has rules.
const MAX_MEMBERS: usize = 64;

/// Limits the members of one chain: every pair of them is checked.
const MAX_CHAIN_MEMBERS: usize = 256;

/// The rules that chains and overlays imply.
#[derive(Debug, Default)]
pub(in crate::network) struct ImpliedRules {
    pub(in crate::network) allows: Vec<DraftAllow>,
    pub(in crate::network) nevers: Vec<DraftNever>,
}

/// Returns all rules that chains and overlays imply.
pub(in crate::network) fn rules(
    draft: &Draft,
    names: &NameIndex<'_>,
    report: &mut FindingReport,
) -> ImpliedRules {
    let mut implied = ImpliedRules::default();
    for chain in &draft.chains {
        hops(chain, &mut implied.allows);
        in_order(chain, names, &mut implied.nevers, report);
    }
    for overlay in &draft.overlays {
        envelopes(overlay, names, &mut implied.allows, report);
    }
    implied
}

/// Adds one allow per hop: `NAME.1`, `NAME.2`, and for alternatives `NAME.2b` and so on.
fn hops(chain: &DraftChain, allows: &mut Vec<DraftAllow>) {
    let mut from = chain.from.clone();
    for (index, alternatives) in (1..).zip(&chain.hops) {
        for (letter, hop) in ('a'..='z').zip(alternatives) {
            let mut name = format!("{}.{index}", chain.name.value);
            if letter != 'a' {
                name.push(letter);
            }
            allows.push(DraftAllow {
                from: from.clone(),
                to: hop.to.clone(),
                protocol: hop.protocol,
                ports: hop.ports.clone(),
                purpose: hop.purpose.clone().unwrap_or_else(|| chain.purpose.clone()),
                limit: chain.limit,
                temp: chain.temp.clone(),
                returns: chain.returns,
                chain: Some(chain.name.value.clone()),
                ..DraftAllow::new(Spanned { value: name, span: hop.span.clone() })
            });
        }
        let mut seen = HashSet::new();
        from = alternatives
            .iter()
            .flat_map(|hop| &hop.to)
            .filter(|to| seen.insert(&to.value))
            .cloned()
            .collect();
    }
}

/// Adds `NAME.never.MEMBER`: a member never reaches members that are neither next nor before it.
/// The members before it receive its replies.
fn in_order(
    chain: &DraftChain,
    names: &NameIndex<'_>,
    nevers: &mut Vec<DraftNever>,
    report: &mut FindingReport,
) {
    let stages = std::iter::once(chain.from.iter().collect::<Vec<_>>())
        .chain(chain.hops.iter().map(|hop| hop.iter().flat_map(|hop| &hop.to).collect()));
    // In a never a network is more than its endpoints, and an outside cannot be told from its exit.
    let told = |name: &Spanned<String>| {
        let kind = names.parties.get(&*name.value).map(|party| party.kind);
        matches!(kind, Some(NameKind::Endpoint | NameKind::Link | NameKind::Exit))
    };
    let mut at: BTreeMap<&str, (usize, &Spanned<String>, Vec<usize>)> = BTreeMap::new();
    let mut order = 0;
    for (stage, members) in stages.enumerate() {
        for member in members.into_iter().filter(|member| told(member)) {
            order += 1;
            at.entry(&member.value).or_insert((order, member, Vec::new())).2.push(stage);
        }
    }
    if at.len() > MAX_CHAIN_MEMBERS {
        let message = format!("chain {} has more than {MAX_CHAIN_MEMBERS} members", quote(&chain.name.value));
        report.error(FindingCode::TooMany, &chain.name.span, message, "split the chain");
        return;
    }
    let mut members: Vec<_> = at.into_values().collect();
    members.sort_by_key(|(order, ..)| *order);
    for (_, member, stages) in &members {
        let beside = |other: &[usize]| stages.iter().any(|a| other.iter().any(|b| a.abs_diff(*b) == 1));
        let apart = members.iter().filter(|(_, other, at)| other.value != member.value && !beside(at));
        let to: Vec<_> = apart.map(|(_, other, _)| (*other).clone()).collect();
        if !to.is_empty() {
            let name = format!("{}.never.{}", chain.name.value, member.value);
            nevers.push(DraftNever {
                name: Spanned { value: name, span: member.span.clone() },
                from: vec![(*member).clone()],
                to,
                except: Vec::new(),
                on_violation: ViolationResponse::default(),
            });
        }
    }
}

/// Adds `NAME.MEMBER.MEMBER`: every two members on one network may send each other the envelope.
fn envelopes(
    overlay: &DraftOverlay,
    names: &NameIndex<'_>,
    allows: &mut Vec<DraftAllow>,
    report: &mut FindingReport,
) {
    let what = || format!("overlay {}", quote(&overlay.name.value));
    if let Some((beyond, _)) = overlay.members.get(MAX_MEMBERS) {
        let message = format!("{} has more than {MAX_MEMBERS} members", what());
        report.error(FindingCode::TooMany, &beyond.span, message, "split it");
        return;
    }
    let mut members = Vec::new();
    for (name, _) in &overlay.members {
        members.extend(names.of_kind(name, NameKind::Endpoint, report).map(|party| (name, party)));
    }
    for (name, party) in &members {
        let mut alone = !party.broken;
        for (other, other_party) in &members {
            if name.value == other.value || !party.meets(other_party) {
                alone &= !other_party.broken;
                continue;
            }
            alone = false;
            let of = [&*overlay.name.value, &name.value, &other.value].join(".");
            allows.push(DraftAllow {
                from: vec![(*name).clone()],
                to: vec![(*other).clone()],
                protocol: overlay.protocol,
                ports: overlay.ports.clone(),
                purpose: format!("The envelope of {}", overlay.name.value),
                ..DraftAllow::new(Spanned { value: of, span: name.span.clone() })
            });
        }
        if alone {
            let message =
                format!("{} shares no network with another member of {}", quote(&name.value), what());
            let help = "take it out, or attach it to the network that carries the envelope";
            report.warning(FindingCode::OverlayAlone, &name.span, message, help);
        }
    }
}
