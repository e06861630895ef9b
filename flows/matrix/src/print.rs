//! Writes a matrix as a Markdown document that [`parse`](super::parse()) reads back.

use std::fmt::Write as _;

use super::words::{ports_word, protocol_word, temp_word};
use super::{Envelope, Matrix, MatrixHost, MatrixRow, Presence};

/// The number of columns in one table of hosts. More networks are split into several such tables.
const MAX_ABREAST: usize = 12;

/// Prints the document.
pub fn print(matrix: &Matrix) -> String {
    let mut out = String::from("# Communication Matrix\n");
    hosts(matrix, &mut out);
    flows(matrix, &mut out);
    overlays(matrix, &mut out);
    out
}

fn hosts(matrix: &Matrix, out: &mut String) {
    if matrix.hosts.is_empty() {
        return;
    }
    out.push_str("\n## VM IP Map\n");
    let columns: Vec<usize> = (0..matrix.columns.len()).collect();
    let single = columns.len() <= MAX_ABREAST;
    let mut chunks: Vec<&[usize]> = columns.chunks(MAX_ABREAST).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    for chunk in chunks {
        let here =
            |host: &&MatrixHost| single || host.places.iter().any(|place| chunk.contains(&place.column));
        let heads = chunk.iter().filter_map(|column| matrix.columns.get(*column)).map(|c| escaped(&c.label));
        let heads: Vec<String> = std::iter::once("VM".to_owned()).chain(heads).collect();
        out.push('\n');
        line(&heads, out);
        line(&heads.iter().map(|head| "-".repeat(head.len().max(3))).collect::<Vec<_>>(), out);
        for host in matrix.hosts.iter().filter(here) {
            let cell = |column: &usize| {
                let place = host.places.iter().find(|place| place.column == *column);
                place.map_or_else(|| "none".to_owned(), |place| presence(&place.presence))
            };
            let cells = std::iter::once(escaped(&host.name)).chain(chunk.iter().map(cell));
            line(&cells.collect::<Vec<_>>(), out);
        }
    }
}

fn presence(presence: &Presence) -> String {
    match presence {
        Presence::None => "none".to_owned(),
        Presence::Yes => "yes".to_owned(),
        Presence::Dhcp => "DHCP".to_owned(),
        Presence::At { addresses, behind } => {
            let single = |address: &ipnetwork::IpNetwork| {
                if super::words::is_single(address) { address.ip().to_string() } else { address.to_string() }
            };
            let all = addresses.iter().map(single).chain(behind.iter().map(ToString::to_string));
            all.collect::<Vec<_>>().join(", ")
        }
    }
}

fn flows(matrix: &Matrix, out: &mut String) {
    out.push_str("\n## Network Flows\n\n");
    out.push_str("| From | To | Interface/Net | Proto | Port | Purpose | Temp |\n");
    out.push_str("|------|-----|---------------|-------|------|---------|------|\n");
    let mut section = "";
    for row in matrix.rows.iter().filter(|row| row.in_overlay.is_none()) {
        if row.section != section {
            section = &row.section;
            let _ = writeln!(out, "| **{}** | | | | | | |", escaped(section));
        }
        let cells = [
            escaped(&row.from),
            escaped(&row.to),
            escaped(&row.nets.join(", ")),
            protocol_word(row.protocol).to_owned(),
            ports_word(row.protocol, &row.ports),
            escaped(&row.purpose),
            escaped(&temp_word(&row.temp)),
        ];
        line(&cells, out);
    }
}

fn overlays(matrix: &Matrix, out: &mut String) {
    let mut names: Vec<&str> = Vec::new();
    let of_rows = matrix.rows.iter().filter(|row| row.in_overlay.is_some()).flat_map(|row| row.nets.first());
    for name in of_rows.chain(matrix.envelopes.iter().map(|envelope| &envelope.overlay)) {
        if !names.contains(&&**name) {
            names.push(name);
        }
    }
    for name in names {
        let _ = writeln!(out, "\n## {} Overlay", escaped(name));
        let in_it =
            |row: &&MatrixRow| row.in_overlay.is_some() && row.nets.first().is_some_and(|net| net == name);
        let mut rows = matrix.rows.iter().filter(in_it).peekable();
        if rows.peek().is_some() {
            let _ = writeln!(out, "\n| From | To | {} IP | Proto | Port | Purpose | Temp |", escaped(name));
            out.push_str("|------|-----|-----------|-------|------|---------|------|\n");
        }
        for row in rows {
            let address = row.in_overlay.as_ref().and_then(|inside| inside.address);
            let cells = [
                escaped(&row.from),
                escaped(&row.to),
                address.map(|address| address.to_string()).unwrap_or_default(),
                protocol_word(row.protocol).to_owned(),
                ports_word(row.protocol, &row.ports),
                escaped(&row.purpose),
                escaped(&temp_word(&row.temp)),
            ];
            line(&cells, out);
        }
        for envelope in matrix.envelopes.iter().filter(|envelope| envelope.overlay == name) {
            let _ = writeln!(out, "\n{}", sentence(envelope));
        }
    }
}

pub(super) fn sentence(envelope: &Envelope) -> String {
    let (last, others) = envelope.members.split_last().map_or(("", &[][..]), |(l, o)| (&**l, o));
    let on = if envelope.net.is_empty() { String::new() } else { format!(" on {}", escaped(&envelope.net)) };
    format!(
        "{} itself uses {} {}{on} between {} and {}.",
        escaped(&envelope.overlay),
        protocol_word(envelope.protocol),
        ports_word(envelope.protocol, &envelope.ports),
        escaped(&others.join(", ")),
        escaped(last),
    )
}

fn line(cells: &[String], out: &mut String) {
    for cell in cells {
        out.push('|');
        if !cell.is_empty() {
            out.push(' ');
            out.push_str(cell);
        }
        out.push(' ');
    }
    out.push_str("|\n");
}

/// Escapes a text, so that Markdown reads it as plain text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let inside_word =
            c == '_' && before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric());
        let special = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '|' | '&' | '~' | '$');
        if special && !inside_word {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
        before = c;
    }
    out
}
