//! DHCP where a rule asks for it: a client's requests go to the servers of its rules and to nobody else, and what those
//! say goes to their clients. Broadcast or not: who has no address yet cannot be found by it.

use std::collections::BTreeMap;

use ipnetwork::IpNetwork;
use ofproto::PortNo;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::address::{Family, Range, dhcp_answer, dhcp_request};
use super::admission::{KIND, at, loads, mac_bits};
use super::layout::{self, ADMISSION, POLICY};
use super::origin::OriginKind;
use super::party::Sets;
use super::program::{Asked, Builder, apply_and_goto};
use super::site::{Site, SiteKind, Sites};
use super::wire::emit;
use crate::model::FlowMatch;
use crate::network::Allow;

/// Who asks whom, from all rules for DHCP: places in [`Sites::all`].
#[derive(Default)]
pub(super) struct Dhcp<'a> {
    pairs: Vec<Pair<'a>>,
}

struct Pair<'a> {
    client: usize,
    server: usize,
    rule: &'a str,
    ends: Option<u16>,
}

impl<'a> Dhcp<'a> {
    /// Adds a rule, whose lists are given with each outside replaced by its exit.
    pub(super) fn add(
        &mut self,
        sites: &Sites<'_>,
        allow: &'a Allow,
        (from, to): (&[String], &[String]),
        ends: Option<u16>,
    ) {
        for client in sites.places(from) {
            for server in sites.places(to).into_iter().filter(|server| *server != client) {
                self.pairs.push(Pair { client, server, rule: &allow.name, ends });
            }
        }
    }

    pub(super) fn finish(self, out: &mut Builder<'_>, sites: &Sites<'_>, sets: &Sets) {
        self.way(out, sites, sets, true);
        self.way(out, sites, sets, false);
    }

    /// Requests, or answers: one flow in admission and one in policy for each port that they come from.
    fn way(&self, out: &mut Builder<'_>, sites: &Sites<'_>, sets: &Sets, requests: bool) {
        let mut ways: BTreeMap<usize, Vec<(usize, &Pair<'a>)>> = BTreeMap::new();
        for pair in &self.pairs {
            let (from, to) = if requests { (pair.client, pair.server) } else { (pair.server, pair.client) };
            ways.entry(from).or_default().push((to, pair));
        }
        let what = if requests { "DHCP requests" } else { "DHCP answers" };
        for (place, to) in ways {
            let Some(site) = sites.at(place) else { continue };
            let Some(port) = site.port else { continue };
            let lasting = to.iter().map(|(_, pair)| pair.ends).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)));
            let ends = lasting.flatten();
            let mut ports: Vec<usize> = to.iter().map(|(to, _)| *to).collect();
            ports.sort_unstable();
            ports.dedup();
            let receivers: Vec<&Site<'_>> = ports.into_iter().filter_map(|to| sites.at(to)).collect();
            let outputs: Vec<Action> =
                receivers.iter().filter_map(|s| Some(emit(sites.network, s.port?))).flatten().collect();
            let rule = to.first().map_or("", |(_, pair)| pair.rule);
            for family in Family::BOTH {
                let kind = if requests { dhcp_request(family) } else { dhcp_answer(family) };
                for (matches, source) in senders(sites, site, port, family, &kind, requests) {
                    let detail = format!("{} at {}: {what}{source}", site.party, site.port_name);
                    let instructions =
                        apply_and_goto(loads(sites, site, sets.of_site(place)), layout::RETURNS);
                    let asked = Asked { ends, ..Asked::new(KIND, site.party, detail) };
                    out.flow(ADMISSION, layout::DHCP, matches, instructions, asked);
                }
                let matches = at(port, kind).with(layout::NETWORK, sites.network.number.into());
                let names: Vec<&str> = receivers.iter().map(|s| s.party).collect();
                let key = format!("{} at {}: {what}, {}", site.party, site.port_name, family.label());
                let detail = format!("{what} of {} to {}", site.party, names.join(", "));
                let asked = Asked { key: Some(key), ends, ..Asked::new(OriginKind::Allow, rule, detail) };
                let instructions = vec![Instruction::ApplyActions(outputs.clone())];
                out.flow(POLICY, layout::DHCP_POLICY, matches, instructions, asked);
            }
        }
    }
}

/// What such packets may say of their sender. A client has no address yet, or one of its link (RFC 2131 §4.1,
/// RFC 8415 §13); a server its own.
fn senders(
    sites: &Sites<'_>,
    site: &Site<'_>,
    port: PortNo,
    family: Family,
    kind: &FlowMatch,
    requests: bool,
) -> Vec<(FlowMatch, String)> {
    let mut base = at(port, kind.clone());
    if sites.network.vlan.is_some() {
        base = base.with(layout::NETWORK, sites.network.number.into());
    }
    if let Some(mac) = site.mac {
        base = base.with(Field::EthSrc, mac_bits(mac));
    }
    let unset = if family == Family::V4 { "0.0.0.0/32" } else { "fe80::/10" };
    let own = site.prefixes.iter().copied().filter(|range| range.family == family);
    let ranges: Vec<Range> = match (requests, site.kind) {
        (false, SiteKind::Exit) => return vec![(base, format!(", {}", family.label()))],
        (false, _) if family == Family::V4 => own.collect(),
        _ => unset.parse::<IpNetwork>().ok().map(Range::from).into_iter().collect(),
    };
    ranges.into_iter().map(|range| (range.on(base.clone(), family.src()), format!(" from {range}"))).collect()
}
