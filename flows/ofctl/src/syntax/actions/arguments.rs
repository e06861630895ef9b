//! Numbers and lists in the arguments of actions.

use crate::syntax::Context;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;

impl<'a> Context<'a> {
    /// Reads a number up to `max`, the value of `what`.
    pub(in crate::syntax) fn number(&self, what: &str, text: &str, max: u64) -> Result<u64, SyntaxError> {
        token::integer(text).and_then(|n| u64::try_from(n).ok()).filter(|n| *n <= max).ok_or_else(|| {
            let message = if text.is_empty() {
                format!("{what} needs a number")
            } else {
                format!("{text:?} is not a valid {what}")
            };
            self.error(SyntaxErrorKind::Value, text, message).help(format!("a number from 0 to {max}"))
        })
    }

    /// Reads a table: a number, or a name if tables have names.
    pub(in crate::syntax) fn table(&self, what: &str, text: &str) -> Result<u8, SyntaxError> {
        match crate::syntax::lex::names::table_by_name(text, self.names) {
            Some(table) => Ok(table.0),
            None => self.byte(what, text),
        }
    }

    /// Reads a number of 8 bits.
    pub(in crate::syntax) fn byte(&self, what: &str, text: &str) -> Result<u8, SyntaxError> {
        self.number(what, text, 0xff).map(|n| u8::try_from(n).unwrap_or(u8::MAX))
    }

    /// Reads a number of 16 bits.
    pub(in crate::syntax) fn half(&self, what: &str, text: &str) -> Result<u16, SyntaxError> {
        self.number(what, text, 0xffff).map(|n| u16::try_from(n).unwrap_or(u16::MAX))
    }

    /// Reads a number of 32 bits.
    pub(in crate::syntax) fn word(&self, what: &str, text: &str) -> Result<u32, SyntaxError> {
        self.number(what, text, 0xffff_ffff).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
    }

    /// Reads `source->destination`.
    pub(in crate::syntax) fn arrow(
        &self,
        action: &str,
        text: &'a str,
    ) -> Result<(&'a str, &'a str), SyntaxError> {
        text.split_once("->").filter(|(from, to)| !from.is_empty() && !to.is_empty()).ok_or_else(|| {
            self.error(SyntaxErrorKind::Syntax, text, format!("{text:?}: {action} needs SOURCE->DESTINATION"))
        })
    }

    /// Reads hexadecimal bytes, two digits each, with dots before any of them: `01.02`.
    pub(in crate::syntax) fn hex_bytes(&self, text: &str) -> Result<Vec<u8>, SyntaxError> {
        let mut bytes = Vec::new();
        let mut left = text;
        while !left.is_empty() {
            left = left.trim_start_matches('.');
            let Some((pair, after)) = left.split_at_checked(2) else { break };
            // Check the digits, because from_str_radix accepts a sign.
            match u8::from_str_radix(pair, 16).ok().filter(|_| pair.bytes().all(|b| b.is_ascii_hexdigit())) {
                Some(byte) => bytes.push(byte),
                None => break,
            }
            left = after;
        }
        if left.is_empty() {
            return Ok(bytes);
        }
        Err(self
            .error(SyntaxErrorKind::Value, text, format!("{text:?} is not a list of bytes"))
            .help("two hexadecimal digits a byte, with dots between: 01.0a.ff"))
    }

    /// Returns the error of a word that the list does not know.
    pub(in crate::syntax) fn unknown_argument(
        &self,
        action: &str,
        pair: KeyValue<'_>,
        known: &str,
    ) -> SyntaxError {
        self.error(SyntaxErrorKind::Syntax, pair.key, format!("{action} has no argument {:?}", pair.key))
            .help(format!("one of {known}"))
    }
}
