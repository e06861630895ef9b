//! Prints the verdicts on the assertions of a network file.

use std::process::ExitCode;

use flows::verify::proof::{Assertion, AssertionKind, ProofReport, Verdict};
use portcullis::printable::printable;

/// The exit code of a question that could not be decided.
pub(super) const UNKNOWN: u8 = 3;

/// Returns one line for each assertion.
pub(super) fn verdicts(report: &ProofReport) -> String {
    let line = |(assertion, verdict): &(Assertion, Verdict)| {
        let kind = match assertion.kind {
            AssertionKind::Never => "never",
            AssertionKind::Always => "always",
            AssertionKind::Confine => "confine",
        };
        let verdict = match verdict {
            Verdict::Holds => "holds".to_owned(),
            Verdict::Violated { witnesses } => format!("violated, {} witnesses", witnesses.len()),
            Verdict::Unknown { reasons } => format!("unknown: {}", reasons.join("; ")),
        };
        format!("{kind} {}: {}\n", printable(&assertion.name), printable(&verdict))
    };
    report.results.iter().map(line).collect()
}

/// Returns 0 if every assertion holds, 1 if one is violated, and else 3.
pub(super) fn exit_code(report: &ProofReport) -> ExitCode {
    match report.counts() {
        [_, 0, 0] => ExitCode::SUCCESS,
        [_, 0, _] => ExitCode::from(UNKNOWN),
        _ => ExitCode::FAILURE,
    }
}
