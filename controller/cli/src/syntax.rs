//! Mistakes in a flow, a match or another word of the command line: a caret under the word, and what would be right.

use std::ops::Range;

use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};
use ofctl::syntax::{SyntaxError, Warning};

use super::Failure;
use super::output::complain;

/// A failure about a part of a text, which is the command's `what`.
pub(super) fn in_text(error: &SyntaxError, what: &str, text: &str) -> Failure {
    at(&error.message, error.span.clone(), error.help.as_deref(), what, text)
}

/// Likewise, for what is not an error of the flow syntax.
pub(super) fn at(message: &str, span: Range<usize>, help: Option<&str>, what: &str, text: &str) -> Failure {
    let mut diagnostic =
        MietteDiagnostic::new(message).with_label(LabeledSpan::new_with_span(Some("here".to_owned()), span));
    if let Some(help) = help {
        diagnostic = diagnostic.with_help(help);
    }
    Report::new(diagnostic).with_source_code(NamedSource::new(what, text.to_owned()))
}

/// Prints what is taken otherwise than it may be meant.
pub(super) fn warn(warnings: &[Warning], what: &str) {
    for warning in warnings {
        complain(format_args!("warning: {what}: {}", warning.message));
    }
}
