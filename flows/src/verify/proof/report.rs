//! The results of a proof.

use serde::Serialize;

use crate::finding::Finding;
use crate::finding_code::FindingCode;
use crate::network::Span;
use crate::verify::symbolic::Limits;
use crate::verify::witness::Witness;

/// The kind of an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AssertionKind {
    /// No packet from the senders reaches the receivers.
    Never,
    /// Each sender can open connections to each receiver.
    Always,
    /// Whatever the senders send leaves at the receivers only.
    Confine,
}

/// An assertion of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assertion {
    /// Its kind.
    pub kind: AssertionKind,
    /// Its name.
    pub name: String,
    /// Its place in the text.
    #[serde(skip)]
    pub span: Span,
}

/// The verdict on an assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It holds for every packet.
    Holds,
    /// A packet violates it.
    Violated {
        /// Packets that do, at most three.
        witnesses: Vec<Witness>,
    },
    /// It could not be decided.
    Unknown {
        /// The reasons.
        reasons: Vec<String>,
    },
}

/// The limits of a proof.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget(pub(in crate::verify) Limits);

impl Budget {
    /// Returns the budget without nodes that were used already.
    pub(super) fn without(self, nodes: usize) -> Self {
        Self(Limits { nodes: self.0.nodes.saturating_sub(nodes), ..self.0 })
    }

    /// Returns a budget of diagram nodes, some 35 bytes each.
    pub fn nodes(nodes: usize) -> Self {
        Self(Limits { nodes, ..Limits::default() })
    }
}

/// The results of a proof.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProofReport {
    /// Each assertion with its verdict, in the order of the file: nevers, always, confines.
    pub results: Vec<(Assertion, Verdict)>,
    /// The number of diagram nodes that the proof took.
    pub nodes: usize,
    /// The number of states that were followed.
    pub states: usize,
}

impl ProofReport {
    /// Returns the number of assertions with each verdict: holding, violated, unknown.
    pub fn counts(&self) -> [usize; 3] {
        let count = |wanted: fn(&Verdict) -> bool| self.results.iter().filter(|(_, v)| wanted(v)).count();
        [
            count(|v| matches!(v, Verdict::Holds)),
            count(|v| matches!(v, Verdict::Violated { .. })),
            count(|v| matches!(v, Verdict::Unknown { .. })),
        ]
    }

    /// Returns the findings: an error for each witness, and a warning for each assertion that could
    /// not be decided.
    pub fn findings(&self) -> Vec<Finding> {
        let of = |(assertion, verdict): &(Assertion, Verdict)| match verdict {
            Verdict::Holds => Vec::new(),
            Verdict::Violated { witnesses } => {
                let code = match assertion.kind {
                    AssertionKind::Never => FindingCode::NeverViolated,
                    AssertionKind::Always => FindingCode::AlwaysViolated,
                    AssertionKind::Confine => FindingCode::ConfineViolated,
                };
                let found = witnesses.iter().map(|witness| {
                    Finding::error(code, Some(assertion.span.clone()), witness.summary(), witness.to_string())
                });
                found.collect()
            }
            Verdict::Unknown { reasons } => vec![Finding::warning(
                FindingCode::Undecided,
                Some(assertion.span.clone()),
                format!("{:?} could not be decided: {}", assertion.name, reasons.join("; ")),
                "do without what the proof does not know, or test by hand with ofproto/trace",
            )],
        };
        self.results.iter().flat_map(of).collect()
    }
}
