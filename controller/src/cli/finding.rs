//! Findings as a person reads them: file, line, a caret under the place, and what to do.

use std::path::Path;

use flows::finding::Finding;
use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};

use super::{Failure, output};
use crate::policy::{Policy, PolicyError};

/// A finding with the text that it is about.
#[derive(Debug, thiserror::Error)]
#[error("{}", finding.message)]
struct InText {
    finding: Finding,
    text: NamedSource<String>,
}

impl Diagnostic for InText {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(self.finding.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(if self.finding.is_error() { Severity::Error } else { Severity::Warning })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        (!self.finding.help.is_empty()).then(|| Box::new(&self.finding.help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.finding.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some("here".to_owned()), span))))
    }
}

/// Prints findings to standard error: for a terminal with the lines that they are about, otherwise one
/// `FILE:LINE:COLUMN: …` each.
pub(super) fn print(findings: &[Finding], file: &str, text: &str) {
    use std::io::IsTerminal as _;
    for finding in findings {
        let first = finding.render(file, text);
        if std::io::stderr().is_terminal() && finding.span.is_some() {
            let text = NamedSource::new(file, text.to_owned()).with_language("TOML");
            let report = miette::Report::new(InText { finding: finding.clone(), text });
            output::complain(format_args!("{}\n{report:?}", first.lines().next().unwrap_or_default()));
        } else {
            output::complain(format_args!("{first}"));
        }
    }
}

/// Why a command failed has been printed.
#[derive(Debug, thiserror::Error)]
#[error("the network file cannot be used")]
pub(super) struct Said;

impl Diagnostic for Said {}

/// Reads a network file.
///
/// # Errors
/// [`Said`] when it cannot be used: why, has been printed.
pub(super) fn load(file: &Path) -> Result<Policy, Failure> {
    Policy::load(file).map_err(|error| {
        print_error(&error);
        Said.into()
    })
}

fn print_error(error: &PolicyError) {
    match error {
        PolicyError::Findings { path, text, findings } => print(findings, &path.display().to_string(), text),
        PolicyError::Io { .. } => output::complain(error),
    }
}
