//! The text fragments that messages are printed with.

use std::fmt::Write as _;

use ofproto::PortNo;

use crate::syntax::Names;

/// Prints a line like `00000000  04 00 00 08 …  |....|` for every 16 bytes. The right half needs
/// `ascii`.
pub(super) fn hex_dump(out: &mut String, bytes: &[u8], ascii: bool) {
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let _ = write!(out, "{:08x}  ", line * 16);
        for (at, byte) in chunk.iter().enumerate() {
            let _ = write!(out, "{byte:02x}{}", if at == 7 { '-' } else { ' ' });
        }
        if ascii {
            let missing = 16 - chunk.len();
            let _ = write!(out, "{:width$}|", "", width = missing * 3);
            out.extend(chunk.iter().map(|b| if (32..127).contains(b) { char::from(*b) } else { '.' }));
            let _ = write!(out, "{:missing$}|", "");
        } else if out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
    }
}

/// Prints a text of the peer. Bytes that are not plain ASCII, or would end a quotation, are printed
/// in octal.
pub(super) fn printable(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if (0x20..=0x7e).contains(&byte) && byte != b'\\' && byte != b'"' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "\\{byte:03o}");
        }
    }
}

/// Prints seconds with as many decimals as needed, and at least three if there are any.
pub(super) fn duration(out: &mut String, seconds: u32, nanoseconds: u32) {
    let _ = write!(out, "{seconds}");
    if nanoseconds != 0 && nanoseconds.is_multiple_of(1_000_000) {
        let _ = write!(out, ".{:03}", nanoseconds / 1_000_000);
    } else if nanoseconds != 0 {
        let _ = write!(out, ".{nanoseconds:09}");
        out.truncate(out.trim_end_matches('0').len());
    }
    out.push('s');
}

/// Prints a counter and the text behind it. A counter that the switch does not keep is all ones,
/// and is printed as a question mark.
pub(super) fn counter(out: &mut String, name: &str, count: u64, behind: &str) {
    let _ = match count {
        u64::MAX => write!(out, "{name}=?{behind}"),
        count => write!(out, "{name}={count}{behind}"),
    };
}

/// Prints the rest of a line: counters with commas between them.
pub(super) fn counters(out: &mut String, counters: &[(&str, u64)]) {
    for (at, (name, count)) in counters.iter().enumerate() {
        counter(out, name, *count, if at + 1 == counters.len() { "\n" } else { ", " });
    }
}

/// Prints the names of the bits that are set, lowest first, then unnamed bits in hexadecimal; `0`
/// for none. `names` begins with the name of bit 0; an empty name stands for none.
pub(super) fn bits(out: &mut String, bits: u32, names: &[&str], separator: char) {
    if bits == 0 {
        out.push('0');
        return;
    }
    let mut rest = bits;
    let mut first = true;
    for (bit, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        if bits >> bit & 1 == 0 {
            continue;
        }
        if !first {
            out.push(separator);
        }
        first = false;
        out.push_str(name);
        rest &= !(1 << bit);
    }
    if rest != 0 {
        if !first {
            out.push(separator);
        }
        let _ = write!(out, "{rest:#x}");
    }
}

/// Prints a port by its name, if it has one.
pub(super) fn port(out: &mut String, port: PortNo, names: &dyn Names) {
    out.push_str(&crate::syntax::print_port(port, names));
}

/// Returns a number in hexadecimal with a prefix, or zero without one, as C prints it.
pub(super) fn c_hex(n: impl Into<u128>) -> String {
    match n.into() {
        0 => "0".to_owned(),
        n => format!("{n:#x}"),
    }
}

/// Prints a C string of the peer: bytes up to the first NUL, unchanged where they are UTF-8.
pub(super) fn c_string(out: &mut String, bytes: &[u8]) {
    out.push_str(&String::from_utf8_lossy(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn a_dump_of_bytes() {
        let bytes: Vec<u8> = (0x30..0x42).collect();
        assert_eq!(
            text(|out| hex_dump(out, &bytes, true)),
            "00000000  30 31 32 33 34 35 36 37-38 39 3a 3b 3c 3d 3e 3f |0123456789:;<=>?|\n\
             00000010  40 41                                           |@A              |\n"
        );
        assert_eq!(text(|out| hex_dump(out, &bytes[..2], false)), "00000000  30 31\n");
    }

    #[test]
    fn durations() {
        assert_eq!(text(|out| duration(out, 3, 0)), "3s");
        assert_eq!(text(|out| duration(out, 3, 50_000_000)), "3.050s");
        assert_eq!(text(|out| duration(out, 3, 50_000_100)), "3.0500001s");
    }

    #[test]
    fn names_of_bits() {
        assert_eq!(text(|out| bits(out, 0, &["a"], ' ')), "0");
        assert_eq!(text(|out| bits(out, 0b1111, &["a", "", "c"], ' ')), "a c 0xa");
    }
}
