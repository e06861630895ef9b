//! Findings as a person reads them: file, line, a caret under the place, and what to do.

use std::path::Path;

use flows::finding::{self, Finding};
use flows::network::{Additions, LoadFailure, SourceFiles};
use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};
use portcullis::policy::{Policy, PolicyError};

use super::{Failure, output};

/// A finding with the text that it is about, and its place there.
#[derive(Debug, thiserror::Error)]
#[error("{}", finding.message)]
struct FindingInText {
    finding: Finding,
    span: std::ops::Range<usize>,
    text: NamedSource<String>,
}

impl Diagnostic for FindingInText {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(self.finding.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.finding.severity {
            finding::Severity::Error => Severity::Error,
            finding::Severity::Warning => Severity::Warning,
            finding::Severity::Note => Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        (!self.finding.help.is_empty()).then(|| Box::new(&self.finding.help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), self.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// Prints findings to standard error: for a terminal with the lines that they are about, otherwise one
/// `FILE:LINE:COLUMN: …` each.
pub(super) fn print(findings: &[Finding], sources: &SourceFiles) {
    use std::io::IsTerminal as _;
    for finding in findings {
        let first = sources.render(finding);
        let place = sources.place(finding).and_then(|(file, span)| Some((file, span?)));
        match place.filter(|_| std::io::stderr().is_terminal()) {
            Some((file, span)) => {
                let text = NamedSource::new(&file.name, file.text.clone()).with_language("TOML");
                let report = miette::Report::new(FindingInText { finding: finding.clone(), span, text });
                output::complain(format_args!("{}\n{report:?}", first.lines().next().unwrap_or_default()));
            }
            None => output::complain(format_args!("{first}")),
        }
    }
}

/// Why a command failed has been printed.
#[derive(Debug, thiserror::Error)]
#[error("the network file cannot be used")]
pub(super) struct AlreadyPrinted;

impl Diagnostic for AlreadyPrinted {}

/// Reads a network file.
///
/// # Errors
/// [`Said`] when it cannot be used: why, has been printed.
pub(super) fn load(file: &Path) -> Result<Policy, Failure> {
    Policy::load(file).map_err(print_policy_error)
}

/// The same, with what was added to it at run time, as far as there is a place for it. Prints what has none.
///
/// # Errors
/// [`Said`] when it cannot be used: why, has been printed.
pub(super) fn resume(file: &Path, additions: &Additions) -> Result<Policy, Failure> {
    let (policy, aside) = Policy::resume(file, additions).map_err(print_policy_error)?;
    for (template, number) in aside {
        output::complain(format_args!(
            "portcullis: {template} {number} is not in force: the network file has no place for it"
        ));
    }
    for (container, why) in &policy.set_aside {
        output::complain(format_args!("portcullis: container {} is not in force: {why}", container.name));
    }
    Ok(policy)
}

fn print_policy_error(error: PolicyError) -> Failure {
    print_error(&error);
    AlreadyPrinted.into()
}

pub(super) fn print_error(error: &PolicyError) {
    match error {
        PolicyError::Findings(LoadFailure { findings, sources }) => print(findings, sources),
        PolicyError::Io { .. } | PolicyError::NoPlace { .. } => output::complain(error),
    }
}
