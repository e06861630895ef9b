//! The flow syntax of `ovs-ofctl` (ovs-ofctl(8), ovs-fields(7), ovs-actions(7)), in and out.
//!
//! [`parse_flow`] accepts the input of `ovs-ofctl -O OpenFlow13 add-flow`, and [`print_stats`]
//! writes the output of `ovs-ofctl -O OpenFlow13 --names dump-flows`. Both cover every field and
//! action that a session of OpenFlow 1.3 can carry (the tables are in [`ofproto::oxm`] and
//! [`ofproto::action`]).
//!
//! The printed text of a switch's flow parses to that flow. Where `ovs-ofctl` prints one text for
//! two flows, Portcullis prints the missing part: `eth`, `nsh_c1` without its `nsh_mdtype`, masks
//! of `tun_gbp_flags` and `tun_erspan_idx`, `nw_frag=0/0x1`, flags of a `nat` without a range,
//! `resubmit(PORT,,ct)`, `output(src=FIELD,max_len=N)`, `hdr_size` and zeros of `encap`.

mod actions;
mod flow;
mod lex;
mod matching;
mod order;
mod print;
mod protocols;
mod request;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};

use ofproto::PortNo;
use ofproto::action::Subfield;

pub use self::actions::consistency_walk::misfit;
pub use self::flow::{Parsed, parse_flow, parse_flow_with_warnings, parse_match};
pub use self::lex::error::{SyntaxError, SyntaxErrorKind, Warning};
pub use self::lex::names::{Names, NoNames, PortNames};
use self::lex::names::{PortWord, parse_port};
pub(crate) use self::lex::names::{print_port, print_table};
pub use self::matching::oxm::{check_match, parse_oxm, print_oxm};
pub use self::order::{Criterion, SortKey};
pub use self::print::{print_actions, print_flow, print_match, print_stats};
pub use self::protocols::Protocols;
pub use self::request::parse_request;

/// The context of all parsers: the line, to locate a word, and the ports.
struct Context<'a> {
    line: &'a str,
    names: &'a dyn Names,
    /// The protocols that can express the text read so far.
    usable: Cell<Protocols>,
    /// The warnings about words whose meaning differs from their text.
    warnings: RefCell<Vec<Warning>>,
}

impl<'a> Context<'a> {
    fn new(line: &'a str, names: &'a dyn Names) -> Self {
        Self { line, names, usable: Cell::new(Protocols::ANY), warnings: RefCell::default() }
    }

    /// Limits the protocols to those that can express the word just read.
    fn narrow(&self, to: Protocols) {
        self.usable.set(self.usable.get().and(to));
    }

    fn error(&self, kind: SyntaxErrorKind, word: &str, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(kind, self.line, word, message)
    }

    /// Warns about `word`, which should be a part of the line.
    fn warn(&self, word: &str, message: impl Into<String>) {
        let warning = Warning { message: message.into(), span: lex::error::span_of(self.line, word) };
        self.warnings.borrow_mut().push(warning);
    }

    /// Warns about a port given by its number of OpenFlow 1.0, as `ovs-ofctl` does.
    fn warn_of_old_port(&self, word: &str) {
        let decimal = word.bytes().all(|b| b.is_ascii_digit());
        let Some(old) = word.parse::<u16>().ok().filter(|n| decimal && *n >= 0xff00) else { return };
        let port = PortNo::from_u16(old);
        let message = match lex::names::reserved_name(port) {
            Some(name) => format!("{name} is port {} since OpenFlow 1.1, not {old}", port.0),
            None => format!("port {old} is a reserved number of OpenFlow 1.0: since 1.1 it is {}", port.0),
        };
        self.warn(word, message);
    }

    fn unknown_port(&self, word: &str, name: String) -> SyntaxError {
        let (message, help) = if self.names.is_ambiguous(&name) {
            (
                format!("several ports have the name {name:?}, which stands for none of them"),
                "the port's number",
            )
        } else {
            (
                format!("unknown port {name:?}"),
                "a port of this bridge by name or number, or LOCAL, IN_PORT, NORMAL, FLOOD, ALL or CONTROLLER",
            )
        };
        self.error(SyntaxErrorKind::UnknownPort(name), word, message).help(help)
    }

    fn port(&self, word: &str) -> Result<PortNo, SyntaxError> {
        self.warn_of_old_port(word);
        match parse_port(word, self.names) {
            PortWord::Port(port) => Ok(port),
            PortWord::Unknown(name) => Err(self.unknown_port(word, name)),
            PortWord::OutOfRange => Err(self
                .error(SyntaxErrorKind::Value, word, format!("there is no port number {word}"))
                .help("port numbers go from 1 to 65279")),
        }
    }

    fn subfield(&self, word: &str) -> Result<Subfield, SyntaxError> {
        matching::field::parse_subfield(word).map_err(|message| {
            self.error(SyntaxErrorKind::Syntax, word, message)
                .help("a field such as reg0, NXM_NX_REG0[] or NXM_NX_REG0[0..15]")
        })
    }
}
