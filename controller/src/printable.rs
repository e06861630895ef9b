//! Makes foreign text safe for a terminal, a log or a page. No character in the result moves a
//! cursor, sets a title, starts a line or turns the direction of the text around it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns a text of several lines with its control characters escaped, except line breaks and
/// tabs.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && c != '\t' && is_active(c))
}

/// Returns a foreign name on one line. Bytes that are not UTF-8 are replaced.
pub fn printable_name(name: &[u8]) -> String {
    escaped(&String::from_utf8_lossy(name), is_active).into_owned()
}

/// Returns whether a character acts on its display instead of being shown. These are controls of
/// ISO 6429, line separators, and the marks that order text in both directions (Unicode UAX #9).
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

fn escaped(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_something_is_shown_and_does_nothing() {
        for (name, shown) in [
            (&b"br0"[..], "br0"),
            (b"\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}"),
            (b"a\nvmbr0: settled", "a\\u{a}vmbr0: settled"),
            ("a\u{202e}0rb\u{2066}".as_bytes(), "a\\u{202e}0rb\\u{2066}"),
            ("\u{9b}31m\u{2028}é".as_bytes(), "\\u{9b}31m\\u{2028}é"),
            (b"\xff\x00", "\u{fffd}\\u{0}"),
        ] {
            assert_eq!(printable_name(name), shown);
        }
        assert_eq!(printable("one\n\ttwo\r\u{1b}[2J"), "one\n\ttwo\\u{d}\\u{1b}[2J");
        assert!(matches!(printable("as it is"), Cow::Borrowed(_)));
    }
}
