//! The rule that would let a denied connection pass, and what else it would open.

use serde::Serialize;

use super::cases::Case;
use super::deciding::DecidingRule;
use super::permitted::{Counted, with_run};
use super::question::Question;
use super::row::{Row, RowKind, When};
use super::states::without_learning;
use super::switches::Switches;
use super::table::Rows;
use super::temporary::Temporaries;
use crate::compile::Reason;
use crate::network::{NetworkFile, proposal_text, propose};
use crate::verify::bridge_flows::compiled;
use crate::verify::proof::Budget;

/// What would let a denied connection pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remedy {
    /// Text to add to the network file (TOML); `None` if no rule helps.
    pub rule: Option<String>,
    /// All that the rule opens beside what passes already.
    pub opens: Vec<Row>,
    /// Why no rule helps, or what to know about this one.
    pub remarks: Vec<String>,
}

/// Proposes a rule, and tries it.
pub(super) fn remedy(
    file: &NetworkFile,
    question: &Question,
    (from, to): (&str, &str),
    case: &Case,
    by: &DecidingRule,
    budget: Budget,
) -> Remedy {
    let nothing = |why: String| Remedy { rule: None, opens: Vec::new(), remarks: vec![why] };
    match by.reason {
        Some(Reason::Spoofed | Reason::NotLeased | Reason::NotHolder) => {
            return nothing("the address is not the sender's own: no rule allows that".to_owned());
        }
        Some(Reason::Tagged) => {
            return nothing("its network does not have this tag: see `vlan`".to_owned());
        }
        Some(Reason::UnknownPort) => return nothing("the file does not know the sender's port".to_owned()),
        _ => {}
    }
    if case.sender.network.is_none() || case.sender.network != case.receiver.network {
        return nothing(format!(
            "{from} and {to} are on no network together: only a [[crossing]], with who approved it, joins them"
        ));
    }
    if from == to {
        return nothing(format!("both ends are {from}: a rule cannot tell them apart"));
    }
    let allow = propose(file, from, to, question.service.protocol, question.service.port);
    let text = proposal_text(&allow);
    let mut with = file.clone();
    with.allows.push(allow);
    let flows = compiled(&with);
    let switches = Switches::new(&with, &flows);
    let packets = case.plain.packets(question.service.protocol);
    let passes = packets.first().is_some_and(|packet| switches.send(case, packet).arrived.is_some());
    if !passes {
        return nothing(format!("no [[allow]] lets it pass: {} comes first", by.summary()));
    }
    let (opens, gaps) = opened(file, &with, budget);
    let unknown = |gap| format!("it may open more: the engine does not know {gap}");
    Remedy { rule: Some(text), opens, remarks: gaps.into_iter().map(unknown).collect() }
}

/// Returns the connections that only the second file lets open, and what is not known.
fn opened(file: &NetworkFile, with: &NetworkFile, budget: Budget) -> (Vec<Row>, Vec<String>) {
    let [before, after] = [file, with].map(|file| {
        let flows = without_learning(&compiled(file));
        with_run(file, &flows, Counted::Openers, budget, |run| {
            (run.permitted(|_, _| true), Temporaries::new(run.topology))
        })
    });
    let mut rows = Rows::default();
    for (pair, kinds) in &after.0.traffic {
        for (carried, ports) in kinds {
            let known = before.0.traffic.get(pair).and_then(|kinds| kinds.get(carried));
            let new = known.map_or_else(|| ports.clone(), |known| ports.except(known));
            rows.add(pair, *carried, new, RowKind::Opens, When::Always, &after.1);
        }
    }
    (rows.finish(), before.0.gaps.into_iter().chain(after.0.gaps).collect())
}
