//! What a command prints. A reader that has seen enough, such as head(1), ends it, and that is no failure.

use std::fmt;
use std::io::{BufWriter, Error, ErrorKind, Stdout, Write as _};

use miette::{Diagnostic, miette};

use super::Failure;

/// How much is held before it is written, bytes.
const BUFFER: usize = 64 << 10;

/// Nobody reads any further: the reason to end, and to end well.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads any further")]
pub(super) struct Enough;

impl Diagnostic for Enough {}

/// Standard output for much text.
#[derive(Debug)]
pub(super) struct Out(BufWriter<Stdout>);

impl Out {
    pub(super) fn new() -> Self {
        Self(BufWriter::with_capacity(BUFFER, std::io::stdout()))
    }

    /// Prints a text as it is.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_all(text.as_bytes()).map_err(failed)
    }

    /// Writes what is held.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(failed)
    }
}

fn failed(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::new(Enough),
        _ => miette!("cannot print: {error}"),
    }
}

/// Prints a line, for [`outln!`].
pub(super) fn line(text: fmt::Arguments<'_>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_fmt(text).and_then(|()| out.write_all(b"\n")).map_err(failed)
}

/// Prints a line to standard error, for [`errln!`]: if nobody reads that there is nobody to tell.
pub(super) fn aside(text: fmt::Arguments<'_>) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_fmt(text).and_then(|()| err.write_all(b"\n"));
}

/// `println!` that returns an error where that panics.
macro_rules! outln {
    ($($text:tt)*) => { $crate::cli::out::line(format_args!($($text)*)) };
}

/// `eprintln!` that does not panic.
macro_rules! errln {
    ($($text:tt)*) => { $crate::cli::out::aside(format_args!($($text)*)) };
}

pub(super) use {errln, outln};

/// Standard output for a command that does more than print: it goes on if nobody reads.
#[derive(Debug)]
pub(super) struct Unread;

impl std::io::Write for Unread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match std::io::stdout().write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            done => done,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match std::io::stdout().flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }
}
