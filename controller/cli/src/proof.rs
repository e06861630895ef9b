//! Prints the verdicts on the assertions of a network file.

use std::process::ExitCode;

use flows::verify::proof::ProofReport;
use portcullis::printable::printable;
use portcullis::verification::AssertionReport;

use super::exit::UNKNOWN;

/// Returns one line for each assertion.
pub(super) fn verdicts(report: &ProofReport) -> String {
    let results = report.results.iter();
    results.map(|(assertion, verdict)| line(&AssertionReport::new(assertion, verdict))).collect()
}

/// Returns the line of one assertion.
pub(super) fn line(report: &AssertionReport) -> String {
    format!("{}\n", printable(&report.line()))
}

/// Returns 0 if every assertion holds, 1 if one is violated, and else 3.
pub(super) fn exit_code(counts: [usize; 3]) -> ExitCode {
    match counts {
        [_, 0, 0] => ExitCode::SUCCESS,
        [_, 0, _] => ExitCode::from(UNKNOWN),
        _ => ExitCode::FAILURE,
    }
}
