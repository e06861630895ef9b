//! Describes the way of a packet: the flows that it matched, and the rules behind them.

use ofctl::syntax::print_flow;
use ofproto::PortNo;

use super::interp::{MatchedFlow, Packet, Pipeline};
use super::symbolic::BridgePort;
use super::topology::Topology;
use super::witness::{MatchedRule, NOWHERE, WitnessHop};
use crate::compile::{Origin, OriginKind};
use crate::network::{NetworkFile, Span};

/// The flows of all bridges, with the rules behind them.
#[derive(Clone, Copy)]
pub(in crate::verify) struct Explainer<'w, 'a> {
    pub(in crate::verify) world: &'w Topology<'a>,
    /// The flows as they were when the packet passed.
    pub(in crate::verify) pipelines: &'w [Pipeline],
}

impl Explainer<'_, '_> {
    /// Returns the path of a packet through one bridge.
    pub(in crate::verify) fn hop(
        &self,
        place: BridgePort,
        packet: &Packet,
        forwarded: bool,
        out: PortNo,
        path: &[MatchedFlow],
    ) -> WitnessHop {
        WitnessHop {
            bridge: self.world.bridge_name(place.0).to_owned(),
            in_port: self.world.port_name(place),
            out_port: if out == PortNo::ANY {
                NOWHERE.to_owned()
            } else {
                self.world.port_name((place.0, out))
            },
            forwarded,
            packet: packet.to_text(Some(place.1)),
            flows: path.iter().map(|step| self.rule(place.0, *step)).collect(),
        }
    }

    fn rule(&self, bridge: usize, step: MatchedFlow) -> MatchedRule {
        let MatchedFlow { table, priority, cookie, .. } = step;
        let compiled = self.world.bridges.get(bridge);
        let flow = self.pipelines.get(bridge).and_then(|p| p.flows().get(step.flow));
        let is_learned = compiled.is_some_and(|b| step.flow >= b.flows.len());
        let is_foreign =
            !is_learned && compiled.zip(flow).is_some_and(|(bridge, flow)| bridge.is_foreign(flow));
        let origin = compiled.and_then(|b| b.origins.get(&cookie)).filter(|_| !is_foreign);
        let rule = origin.map(|o| format!("{} {}: {}", o.kind.label(), o.rule, o.detail));
        // Raw lines may share a cookie, so the flow itself identifies its origin.
        let text = || flow.zip(compiled).map(|(flow, b)| print_flow(flow, &b.ports).trim().to_owned());
        let rule = match (rule, origin.map(|o| o.kind)) {
            (Some(rule), Some(kind)) if !is_learned && kind != OriginKind::Raw => rule,
            (rule, _) => {
                let by = match rule.filter(|_| is_learned) {
                    Some(rule) => format!("learned by {rule}: "),
                    None if is_foreign => "not of the file: ".to_owned(),
                    None => String::new(),
                };
                by + &text().unwrap_or_default()
            }
        };
        let span = origin.and_then(|origin| span_of(self.world.file, origin));
        MatchedRule { table: table.0, priority, cookie: cookie.to_string(), rule, span, line: None }
    }
}

/// Returns the place of the rule behind a flow in the text of the file.
pub(in crate::verify) fn span_of(file: &NetworkFile, origin: &Origin) -> Option<Span> {
    fn named<'f>(mut all: impl Iterator<Item = (&'f str, &'f Span)>, name: &str) -> Option<Span> {
        all.find(|(known, _)| *known == name).map(|(_, span)| span.clone())
    }
    let rule = origin.rule.as_str();
    match origin.kind {
        OriginKind::Raw => {
            let lines = file.bridges.iter().flat_map(|bridge| &bridge.flows);
            named(lines.map(|raw| (&*raw.line, &raw.span)), &origin.detail)
        }
        OriginKind::Allow => named(file.allows.iter().map(|allow| (&*allow.name, &allow.span)), rule),
        OriginKind::Crossing => named(file.crossings.iter().map(|c| (&*c.name, &c.span)), rule),
        _ => named(file.allows.iter().map(|allow| (&*allow.name, &allow.span)), rule)
            .or_else(|| named(file.crossings.iter().map(|c| (&*c.name, &c.span)), rule))
            .or_else(|| named(file.networks.iter().map(|n| (&*n.name, &n.span)), rule))
            .or_else(|| named(file.links.iter().map(|link| (&*link.name, &link.span)), rule))
            .or_else(|| named(file.endpoints.iter().map(|e| (&*e.name, &e.span)), rule))
            .or_else(|| named(file.exits.iter().map(|exit| (&*exit.name, &exit.span)), rule)),
    }
}
