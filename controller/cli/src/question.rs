//! Arguments and loading that the commands about a network file share.

use std::path::Path;

use flows::network::{Additions, Loaded};
use flows::verify::reach::ReachError;
use miette::miette;
use portcullis::policy;
use portcullis::printable::printable;

use super::finding::{self, AlreadyPrinted};
use super::{Failure, output};

/// Reads a network file without proving its assertions.
///
/// # Errors
/// [`AlreadyPrinted`] when it cannot be used.
pub(super) fn load(file: &Path) -> Result<Loaded, Failure> {
    policy::loaded(file, &Additions::default()).map_err(|error| {
        finding::print_error(&error);
        AlreadyPrinted.into()
    })
}

/// Returns the failure of a question that cannot be asked.
pub(super) fn failed(error: &ReachError) -> Failure {
    miette!(help = printable(&error.help()).into_owned(), "{}", printable(&error.to_string()))
}

/// Prints why an answer is not complete.
pub(super) fn doubt(reasons: &[String]) {
    reasons.iter().for_each(|reason| output::complain(format_args!("unknown: {reason}")));
}
