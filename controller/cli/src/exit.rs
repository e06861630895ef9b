//! The exit codes of all commands.

/// Something to tell apart from an error: a difference, or something to do.
pub(super) const DIFFERENT: u8 = 2;
/// A question that could not be decided.
pub(super) const UNKNOWN: u8 = 3;
/// Words that make no command: EX_USAGE of sysexits.h.
pub(super) const USAGE: u8 = 64;

/// The codes, for the help of the command.
pub(super) const HELP: &str = "\
Exit codes:
   0  all is as wanted
   1  an error, or the answer is no
   2  a difference, or something to do
   3  unknown: it could not be decided
  64  wrong usage

Where a command has others, its own help says so.";
