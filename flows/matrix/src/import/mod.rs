//! Makes a network file of a document. What the document does not say is assumed, and says so; what cannot be said in a
//! network file becomes a comment and a finding.

mod plan;
mod rules;
mod write;

use std::collections::HashSet;

use flows::finding::{Finding, has_errors};
use flows::finding_code::FindingCode;

use super::{Matrix, compare};

/// A network file that was made of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The network file, TOML.
    pub text: String,
    /// What was assumed, and what was left out: about places of the document.
    pub findings: Vec<Finding>,
}

/// Makes a network file of what [`parse`](super::parse()) read of `text`, whose file is called `name`.
///
/// # Errors
///
/// All findings, where the document has no hosts or contradicts itself so that it is not clear which networks there are.
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

/// What is wrong with a document that is audited is doubtful in one that is imported.
fn as_warning(finding: Finding) -> Finding {
    Finding::warning(finding.code, finding.span, finding.message, finding.help)
}

/// Findings so far, and the lines of the document.
struct Findings {
    list: Vec<Finding>,
    lines: Vec<usize>,
}

impl Findings {
    fn line(&self, span: &flows::network::Span) -> usize {
        self.lines.partition_point(|start| *start <= span.start).max(1)
    }
}
