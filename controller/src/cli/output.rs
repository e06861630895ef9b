//! Printing for readers that may go away: one that has seen enough, such as head(1), is no failure.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use miette::IntoDiagnostic as _;

use super::Failure;

/// Standard output. What a reader that went away would have read is dropped, so that what is being done goes on.
#[derive(Debug)]
pub(super) struct Output;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            done => done,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }
}

/// Prints to standard output.
///
/// # Errors
/// When it cannot be written for another reason than a reader that went away: a full disk, say.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    Output.write_all(text.as_bytes()).and_then(|()| Output.flush()).into_diagnostic()
}

/// Prints a line to standard error; where that fails there is nobody to tell.
pub(super) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
