//! Describes the way of a packet: the flows that it matched, and the rules behind them.

use ofctl::syntax::print_flow;
use ofproto::PortNo;

use super::interp::{MatchedFlow, Packet, Pipeline};
use super::symbolic::BridgePort;
use super::topology::Topology;
use super::witness::{MatchedRule, NOWHERE, WitnessHop};
use crate::compile::{Origin, OriginKind};
use crate::network::Span;

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
        let span = origin.and_then(|origin| self.span(origin));
        MatchedRule { table: table.0, priority, cookie: cookie.to_string(), rule, span, line: None }
    }

    /// Returns the place of a rule in the text of the file.
    fn span(&self, origin: &Origin) -> Option<Span> {
        let allows = self.world.file.allows.iter().map(|allow| (&allow.name, &allow.span));
        let crossings = self.world.file.crossings.iter().map(|crossing| (&crossing.name, &crossing.span));
        let found = allows.chain(crossings).find(|(name, _)| **name == origin.rule);
        found.map(|(_, span)| span.clone())
    }
}
