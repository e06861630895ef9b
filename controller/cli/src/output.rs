//! Printing for readers that may go away: one that has seen enough, such as head(1), is no failure.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use miette::{Diagnostic, IntoDiagnostic as _, miette};
use portcullis::printable::printable;

use super::Failure;

/// Standard output, of text that a terminal may show. What a reader that went away would have read is dropped, so that what is
/// being done goes on.
#[derive(Debug)]
pub(super) struct Output;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        match io::stdout().write_all(printable(&text).as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            done => done.map(|()| bytes.len()),
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
    let _ = writeln!(io::stderr(), "{}", printable(&line.to_string()));
}

/// Prints why a command failed to standard error, in colours where that is a terminal.
pub(super) fn report(failure: &Failure) {
    let _ = writeln!(io::stderr(), "{failure:?}");
}

/// Number of bytes buffered before a write.
const BUFFER: usize = 64 << 10;

/// Nobody reads any further: for a command that only prints, the reason to end, and to end well.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads any further")]
pub(super) struct OutputClosed;

impl Diagnostic for OutputClosed {}

/// Standard output for much text, of which only a little is held at a time.
#[derive(Debug)]
pub(super) struct BufferedOutput(BufWriter<Stdout>);

impl BufferedOutput {
    pub(super) fn new() -> Self {
        Self(BufWriter::with_capacity(BUFFER, io::stdout()))
    }

    /// Prints a text, which a terminal may show.
    ///
    /// # Errors
    /// [`Enough`] when nobody reads any further, or why it cannot be written.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_all(printable(text).as_bytes()).map_err(failed)
    }

    /// Writes what is held.
    ///
    /// # Errors
    /// As [`Out::text`].
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(failed)
    }
}

fn failed(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::new(OutputClosed),
        _ => miette!("cannot print: {error}"),
    }
}

/// Rows as a table: each column as wide as its widest cell, the last one as it is.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// JSON, as a person reads it.
pub(super) fn json(value: &serde_json::Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).into_diagnostic()?;
    print(&(text + "\n"))
}
