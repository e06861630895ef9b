//! `portcullis ofp-print`, `ofp-parse` and `ofp-parse-pcap`: OpenFlow messages from hexadecimal digits, a file or a capture.

use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::process::ExitCode;

use clap::{ArgAction, Args};
use miette::{Context as _, IntoDiagnostic as _, miette};
use ofctl::ofp_print::print_message;
use ofctl::syntax::NoNames;

use super::output::{Output, print};
use super::{Failure, syntax};
use crate::capture::{Capture, Streams};

/// Print an OpenFlow message as `ovs-ofctl ofp-print` does.
///
/// OpenFlow 1.3 is decoded, and what other versions have the same; other messages are said to be what they are and dumped.
#[derive(Debug, Args)]
pub(super) struct OfpPrint {
    /// The message in hexadecimal, blanks between bytes allowed; `-` for the first line of standard input.
    hex: String,
    /// How much: packets from 1, the payload of echoes from 2, the bytes of packets from 3, of every message from 5.
    #[arg(default_value_t = 2)]
    verbosity: u8,
}

/// Print the OpenFlow messages that a file consists of, as `ovs-ofctl ofp-parse` does.
#[derive(Debug, Args)]
pub(super) struct OfpParse {
    /// The file; `-` for standard input.
    file: String,
    /// More of every message, as the verbosities of `ofp-print` do, which begin at 2 here.
    #[arg(short, long, action = ArgAction::Count)]
    more: u8,
}

/// Print the OpenFlow messages in a packet capture, as `ovs-ofctl ofp-parse-pcap` does.
///
/// A connection is followed from its SYN. One that was open before is followed from the first whole
/// message that is found in it.
#[derive(Debug, Args)]
pub(super) struct OfpParsePcap {
    /// The capture (pcap or pcapng, Ethernet).
    file: String,
    /// The TCP ports of OpenFlow: 6653 and 6633 unless others are given.
    ports: Vec<u16>,
    /// More of every message, as the verbosities of `ofp-print` do, which begin at 1 here.
    #[arg(short, long, action = ArgAction::Count)]
    more: u8,
}

impl OfpPrint {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let (what, text) = if self.hex == "-" {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).into_diagnostic()?;
            ("standard input", line)
        } else {
            ("the message", self.hex)
        };
        let bytes = bytes(&text).map_err(|at| {
            let help = "two hexadecimal digits for each byte, such as 0400000800000001";
            syntax::at("trailing garbage following hex bytes", at..text.len(), Some(help), what, &text)
        })?;
        print(&print_message(&bytes, self.verbosity, &NoNames))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The bytes of hexadecimal digits, or where these end.
fn bytes(text: &str) -> Result<Vec<u8>, usize> {
    let digit = |c: Option<char>| c.and_then(|c| c.to_digit(16)).and_then(|n| u8::try_from(n).ok());
    let mut bytes = Vec::new();
    let mut rest = text.trim_start();
    if let Some(behind) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        rest = behind;
    }
    while !rest.is_empty() {
        let mut chars = rest.chars();
        let (Some(high), Some(low)) = (digit(chars.next()), digit(chars.next())) else {
            return Err(text.len() - rest.len());
        };
        bytes.push(high << 4 | low);
        rest = chars.as_str().trim_start();
    }
    Ok(bytes)
}

impl OfpParse {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let mut input: Box<dyn Read> =
            if self.file == "-" { Box::new(std::io::stdin().lock()) } else { Box::new(open(&self.file)?) };
        let cut = || miette!("{}: unexpected end of file mid-message", self.file);
        let verbosity = self.more.saturating_add(2);
        let mut message = Vec::new();
        while take(&mut input, 8, &mut message)? {
            if message.len() < 8 {
                return Err(cut());
            }
            let length = message.get(2..4).and_then(|l| l.try_into().ok()).map_or(0, u16::from_be_bytes);
            let Some(rest) = usize::from(length).checked_sub(8) else {
                return Err(miette!("{}: {length}-byte message is too short for OpenFlow", self.file));
            };
            let mut body = Vec::new();
            take(&mut input, rest, &mut body)?;
            if body.len() < rest {
                return Err(cut());
            }
            message.extend(body);
            Output.write_all(print_message(&message, verbosity, &NoNames).as_bytes()).into_diagnostic()?;
        }
        Output.flush().into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads up to `len` bytes into an empty buffer; whether there were any.
fn take(input: &mut dyn Read, len: usize, into: &mut Vec<u8>) -> Result<bool, Failure> {
    into.clear();
    let limit = u64::try_from(len).unwrap_or(u64::MAX);
    input.take(limit).read_to_end(into).into_diagnostic()?;
    Ok(!into.is_empty())
}

fn open(file: &str) -> Result<BufReader<File>, Failure> {
    File::open(file).map(BufReader::new).into_diagnostic().wrap_err_with(|| format!("{file}: open"))
}

impl OfpParsePcap {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let ports = if self.ports.is_empty() { vec![6653, 6633] } else { self.ports };
        let mut capture = Capture::new(open(&self.file)?).into_diagnostic().wrap_err(self.file.clone())?;
        let mut streams = Streams::new(ports);
        let verbosity = self.more.saturating_add(1);
        let mut first = true;
        while let Some(frame) = capture.next_frame().into_diagnostic().wrap_err_with(|| self.file.clone())? {
            for (ends, message) in streams.take(&frame) {
                let blank = if first { "" } else { "\n" };
                first = false;
                let text = print_message(&message, verbosity, &NoNames);
                write!(Output, "{blank}{ends}:\n{text}").into_diagnostic()?;
            }
        }
        Output.flush().into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn digits() {
        assert_eq!(bytes("04 00\t0A0b\n"), Ok(vec![4, 0, 10, 11]));
        assert_eq!(bytes("0400zz"), Err(4));
        assert_eq!(bytes("040"), Err(2));
        assert_eq!(bytes("ä"), Err(0));
    }
}
