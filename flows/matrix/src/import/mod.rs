//! Makes a network file of a document. Facts that the document does not state are assumed, and
//! marked as such. A row that a network file cannot express becomes a comment and a finding.

mod plan;
mod rules;
mod write;

use std::collections::HashSet;

use flows::finding::{Finding, has_errors};
use flows::finding_code::FindingCode;

use super::{Matrix, compare};

/// A network file made from a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The text of the network file, in TOML.
    pub text: String,
    /// The assumptions and omissions, as findings about places of the document.
    pub findings: Vec<Finding>,
}

/// Makes a network file of a document. `document` is the result of [`parse`](super::parse()) on
/// `text`, whose file is called `name`.
///
/// # Errors
///
/// Returns all findings if the document has no hosts, or if it contradicts itself so that its
/// networks are not clear.
pub fn import(document: &Matrix, (name, text): (&str, &str)) -> Result<Imported, Vec<Finding>> {
    let mut findings = Findings { list: Vec::new(), lines: compare::line_starts(text) };
    if document.hosts.is_empty() {
        return Err(vec![Finding::error(
            FindingCode::NoHosts,
            None,
            "the document has no table of hosts",
            "add one: | VM | vmbr1 (internal) | WAN |, and a row for each host with its addresses",
        )]);
    }
    let mut plan = plan::ImportPlan::new(document, &mut findings);
    findings.list.extend(compare::inconsistent(document).into_iter().map(as_warning));
    let items = rules::rules(document, &mut plan, &mut findings);
    plan.without_leave(&items, &mut findings);
    let text = write::write(name, &plan, &items);
    let mut list = findings.list;
    let mut seen = HashSet::new();
    list.retain(|finding| seen.insert((finding.code, finding.span.clone(), finding.message.clone())));
    list.sort_by_key(|finding| finding.span.as_ref().map(|span| span.start));
    if has_errors(&list) { Err(list) } else { Ok(Imported { text, findings: list }) }
}

/// Lowers a finding to a warning. An error of an audited document is only doubtful in an imported
/// one.
fn as_warning(finding: Finding) -> Finding {
    Finding::warning(finding.code, finding.span, finding.message, finding.help)
}

/// The findings so far, and the lines of the document.
struct Findings {
    list: Vec<Finding>,
    lines: Vec<usize>,
}

impl Findings {
    fn line(&self, span: &flows::network::Span) -> usize {
        self.lines.partition_point(|start| *start <= span.start).max(1)
    }
}
