//! Which rule of a network file a flow comes from.

use flows::Flow;
use flows::compile::{Origin, TimeContext};
use miette::miette;
use ofproto::message::multipart::FlowStats;
use portcullis::bridge::{Compiled, Ports};
use portcullis::policy::Policy;
use serde::Serialize;

use super::Failure;

/// The rules of a bridge.
pub(super) struct BridgeRules(Compiled);

/// The origin of a flow, in JSON.
#[derive(Debug, Serialize)]
pub(super) struct FlowSource {
    kind: &'static str,
    rule: String,
    reason: Option<&'static str>,
    detail: String,
    learned: bool,
}

impl BridgeRules {
    /// Those of the bridge that has these ports.
    pub(super) fn new(policy: &Policy, ports: &Ports) -> Result<Self, Failure> {
        match ports.bridge() {
            Some(bridge) if policy.owns(bridge) => {
                // Whatever window is open now: its flows are explained, too.
                let widest = TimeContext::widest(&policy.file);
                let program = flows::compile::compile(&policy.file, bridge, &ports.by_name(), &widest);
                Ok(Self(Compiled::new(program)))
            }
            bridge => {
                let bridge = bridge.unwrap_or("?");
                Err(miette!("{} says nothing about the flows of {bridge}", policy.path.display()))
            }
        }
    }

    /// In words.
    pub(super) fn explain(&self, stats: &FlowStats) -> String {
        let flow = Flow::from_stats(stats);
        let Some(Origin { kind, rule, reason, detail }) = self.0.origin(&flow) else {
            return "not of the file: the controller would delete it".to_owned();
        };
        let learned = if self.0.twin(&flow).is_none() { "learned by " } else { "" };
        let reason = reason.map_or_else(String::new, |r| format!(" (drops: {})", r.label()));
        format!("{learned}{} {rule}{reason}: {detail}", kind.label())
    }

    /// For a program.
    pub(super) fn source(&self, stats: &FlowStats) -> Option<FlowSource> {
        let flow = Flow::from_stats(stats);
        let learned = self.0.twin(&flow).is_none();
        self.0.origin(&flow).map(|origin| FlowSource {
            kind: origin.kind.label(),
            rule: origin.rule.clone(),
            reason: origin.reason.map(|reason| reason.label()),
            detail: origin.detail.clone(),
            learned,
        })
    }
}
