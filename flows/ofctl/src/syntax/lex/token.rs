//! Words of a line: `key`, `key=value`, `key:value`, `key(value)`, separated by commas and white
//! space.

use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_till, take_while, take_while1};
use nom::character::complete::{char, digit1, hex_digit1, one_of};
use nom::combinator::{all_consuming, map_res, opt, recognize, rest, value, verify};
use nom::multi::many_m_n;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

/// A key with an optional value.
#[derive(Debug, Clone, Copy)]
pub(in crate::syntax) struct KeyValue<'a> {
    pub(in crate::syntax) key: &'a str,
    pub(in crate::syntax) value: Option<&'a str>,
}

impl<'a> KeyValue<'a> {
    /// Returns the value, or an empty text without one, as most keys do not distinguish the two.
    pub(in crate::syntax) fn text(&self) -> &'a str {
        // An empty slice at the end of the key, so that errors point after it.
        self.value.unwrap_or_else(|| self.key.get(self.key.len()..).unwrap_or_default())
    }
}

const BLANKS: &str = ", \t\r\n";

fn is_separator(c: char) -> bool {
    BLANKS.contains(c)
}

/// Splits a list into its pairs.
pub(in crate::syntax) fn pairs(list: &str) -> impl Iterator<Item = KeyValue<'_>> {
    let mut left = list;
    std::iter::from_fn(move || {
        let (after, pair) = pair(left).ok()?;
        left = after;
        Some(pair)
    })
}

fn pair(input: &str) -> IResult<&str, KeyValue<'_>> {
    // `verify`: no further pair follows at the end of the list.
    let (input, _) = verify(take_while(is_separator), |_: &str| true).parse(input)?;
    let (_, _) = verify(rest, |left: &str| !left.is_empty()).parse(input)?;
    let (input, key) =
        alt((recognize(quoted), take_till(|c| ":=(".contains(c) || is_separator(c)))).parse(input)?;
    let (input, delimiter) = opt(one_of(":=(, \t\r\n")).parse(input)?;
    let ends = match delimiter {
        Some(':' | '=') => BLANKS,
        Some('(') => ")",
        _ => return Ok((input, KeyValue { key, value: None })),
    };
    let mut len = value_len(input, ends);
    // In `set_field(x)->y` and similar words, the text after the bracket belongs to the value.
    if delimiter == Some('(') && input.get(len..).is_some_and(|s| s.starts_with(")->")) {
        len += value_len(input.get(len..).unwrap_or_default(), BLANKS);
    }
    let (text, after) = input.split_at_checked(len).unwrap_or((input, ""));
    let mut rest = after.chars();
    rest.next();
    Ok((rest.as_str(), KeyValue { key, value: Some(text) }))
}

/// Returns the length of a value: up to one of `ends` outside brackets and quotes.
fn value_len(text: &str, ends: &str) -> usize {
    let mut depth = 0_usize;
    let mut in_quotes = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if in_quotes {
            in_quotes = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if depth == 0 && ends.contains(c) {
            return at;
        } else {
            match c {
                '"' => in_quotes = true,
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    text.len()
}

fn quoted(input: &str) -> IResult<&str, String> {
    let plain = take_while1(|c| c != '"' && c != '\\').map(str::to_owned);
    let escaped = preceded(char('\\'), one_of("\"\\/")).map(String::from);
    let part = alt((plain, escaped));
    delimited(char('"'), nom::multi::fold_many0(part, String::new, |name, part| name + &part), char('"'))
        .parse(input)
}

/// Removes the double quotes around a word.
pub(in crate::syntax) fn unquote(word: &str) -> Option<String> {
    whole(quoted, word)
}

/// Puts a word in double quotes.
pub(in crate::syntax) fn quote(word: &str) -> String {
    let mut out = String::from('"');
    for c in word.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn whole<'a, O>(
    parser: impl Parser<&'a str, Output = O, Error = nom::error::Error<&'a str>>,
    word: &'a str,
) -> Option<O> {
    all_consuming(parser).parse(word).ok().map(|(_, found)| found)
}

fn number(input: &str) -> IResult<&str, u128> {
    let hex = preceded(tag_no_case("0x"), map_res(hex_digit1, |s| u128::from_str_radix(s, 16)));
    // As in C, a leading zero means octal.
    let octal = preceded(char('0'), map_res(digit1, |s| u128::from_str_radix(s, 8)));
    let decimal = map_res(digit1, str::parse::<u128>);
    alt((hex, octal, decimal)).parse(input)
}

/// Parses a whole number: decimal, 0x hexadecimal or 0 octal.
pub(in crate::syntax) fn integer(word: &str) -> Option<u128> {
    whole(number, word)
}

fn mac_address(input: &str) -> IResult<&str, u128> {
    let byte = || map_res(verify(hex_digit1, |s: &str| s.len() <= 2), |s| u128::from_str_radix(s, 16));
    let (input, head) = many_m_n(5, 5, terminated(byte(), char(':'))).parse(input)?;
    let (input, last) = byte().parse(input)?;
    Ok((input, head.into_iter().chain([last]).fold(0, |mac, byte| mac << 8 | byte)))
}

/// Parses a MAC address.
pub(in crate::syntax) fn mac(word: &str) -> Option<u128> {
    whole(mac_address, word)
}

/// A field's name and the contents of its square brackets: `Some(None)` for `[]`.
pub(in crate::syntax) type NameAndBits<'a> = (&'a str, Option<Option<(u16, u16)>>);

/// Parses `name`, `name[]`, `name[bit]` or `name[first..last]`.
pub(in crate::syntax) fn subfield(word: &str) -> Option<NameAndBits<'_>> {
    let bit = || map_res(digit1, str::parse::<u16>);
    let bits = (bit(), opt(preceded(nom::bytes::complete::tag(".."), bit())));
    let inside = alt((
        bits.map(|(first, last)| Some((first, last.unwrap_or(first)))),
        value(None, nom::bytes::complete::tag("")),
    ));
    let name = take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_');
    whole((name, opt(delimited(char('['), inside, char(']')))), word)
}
