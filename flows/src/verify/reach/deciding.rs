//! The flow that decides about a packet, with the rule behind it.

use serde::Serialize;

use crate::compile::{Origin, OriginKind, Reason};
use crate::network::{SourceFiles, Span};
use crate::verify::delivery::{Delivery, Hop};
use crate::verify::explain::span_of;
use crate::verify::interp::{Dropped, MatchedFlow};
use crate::verify::topology::Topology;

/// The rule or default that decides, and the flow by which it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecidingRule {
    /// The bridge.
    pub bridge: String,
    /// The table; `None` if no single flow decides.
    pub table: Option<u8>,
    /// The priority of the flow.
    pub priority: Option<u16>,
    /// Its cookie, as `ovs-ofctl` prints it.
    pub cookie: Option<String>,
    /// The kind of rule: allow, crossing, inside, deny and so on.
    pub kind: Option<&'static str>,
    /// The rule's name, or the kind again for a default.
    pub rule: Option<String>,
    /// Its effect, in words.
    pub detail: String,
    /// The file of the rule.
    pub file: Option<String>,
    /// The line of the rule in its file, from 1.
    pub line: Option<usize>,
    #[serde(skip)]
    pub(super) reason: Option<Reason>,
    #[serde(skip)]
    span: Option<Span>,
}

impl DecidingRule {
    /// Adds the file and the line of the rule.
    pub(super) fn locate(&mut self, sources: &SourceFiles) {
        let place = self.span.as_ref().and_then(|span| sources.at(span.start));
        let Some((file, offset)) = place else { return };
        self.file = Some(file.name.clone());
        self.line = Some(crate::finding::position_of(&file.text, offset).line);
    }

    /// Returns a sentence part: the rule, its bridge and table, and its line.
    pub fn summary(&self) -> String {
        let rule = match (self.kind, self.rule.as_deref()) {
            (Some(kind), Some(rule)) if kind != rule => format!("{kind} {rule} ({})", self.detail),
            (Some(kind), _) => format!("{kind} ({})", self.detail),
            (None, _) => self.detail.clone(),
        };
        let table = self.table.map(|table| format!(", table {table}")).unwrap_or_default();
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!(", {file}:{line}"),
            _ => String::new(),
        };
        format!("{rule} on {}{table}{place}", self.bridge)
    }
}

/// Returns what decides about a packet: the rule that lets it pass, or what drops it.
pub(super) fn deciding(topology: &Topology<'_>, delivery: &Delivery) -> Option<DecidingRule> {
    if delivery.arrived.is_some() {
        let steps =
            || delivery.hops.iter().flat_map(|hop| hop.outcome.path.iter().map(move |step| (hop, step)));
        let ranked = |(hop, step): &(&Hop, &MatchedFlow)| match origin(topology, hop, step).map(|o| o.kind) {
            Some(OriginKind::Allow | OriginKind::Crossing | OriginKind::Inside | OriginKind::Raw) => 2,
            Some(OriginKind::Wire | OriginKind::Learning | OriginKind::Resolution) => 1,
            _ => 0,
        };
        let (hop, step) = steps().max_by_key(ranked)?;
        return Some(by_flow(topology, hop, step));
    }
    let hop = delivery.hops.last()?;
    let without_flow = |table: Option<u8>, detail: String| DecidingRule {
        bridge: topology.bridge_name(hop.place.0).to_owned(),
        table,
        priority: None,
        cookie: None,
        kind: None,
        rule: None,
        detail,
        file: None,
        line: None,
        reason: None,
        span: None,
    };
    Some(match hop.outcome.dropped_by {
        Some(Dropped::By(step)) => by_flow(topology, hop, &step),
        Some(Dropped::Miss(table)) => without_flow(Some(table.0), "no flow matches".to_owned()),
        Some(Dropped::TooDeep) => without_flow(None, "the tables are followed too deep".to_owned()),
        None => {
            let detail = match topology.wire((hop.place.0, hop.out)) {
                None => format!("it leaves by {} instead", topology.port_name((hop.place.0, hop.out))),
                Some(_) => "it does not come back".to_owned(),
            };
            without_flow(None, detail)
        }
    })
}

fn origin<'t>(topology: &'t Topology<'_>, hop: &Hop, step: &MatchedFlow) -> Option<&'t Origin> {
    topology.bridges.get(hop.place.0)?.origins.get(&step.cookie)
}

fn by_flow(topology: &Topology<'_>, hop: &Hop, step: &MatchedFlow) -> DecidingRule {
    let origin = origin(topology, hop, step);
    DecidingRule {
        bridge: topology.bridge_name(hop.place.0).to_owned(),
        table: Some(step.table.0),
        priority: Some(step.priority),
        cookie: Some(step.cookie.to_string()),
        kind: origin.map(|origin| origin.kind.label()),
        rule: origin.map(|origin| origin.rule.clone()),
        detail: origin.map_or_else(|| "a flow without a rule".to_owned(), |origin| origin.detail.clone()),
        file: None,
        line: None,
        reason: origin.and_then(|origin| origin.reason),
        span: origin.and_then(|origin| span_of(topology.file, origin)),
    }
}
