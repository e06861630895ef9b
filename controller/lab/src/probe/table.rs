//! Prints the findings as a table.

use std::fmt::Write as _;

use super::run::Finding;

/// Names of the columns.
const HEAD: [&str; 5] = ["from", "to", "what", "expected", "seen"];

/// Returns a table with aligned columns, a mark for each row, and a summary line.
pub fn table(findings: &[Finding]) -> String {
    let rows: Vec<[&str; 5]> = findings
        .iter()
        .map(|f| [f.probe.from.as_str(), &f.probe.to, &f.probe.what, f.probe.expected.word(), &f.seen])
        .collect();
    let mut widths = [0; 5];
    for row in rows.iter().chain([&HEAD]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |row: &[&str; 5], mark: &str| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", format!("{mark} {}", cells.join("  ")).trim_end());
    };
    line(&HEAD, " ");
    for (row, finding) in rows.iter().zip(findings) {
        line(row, if finding.ok { "✓" } else { "✗" });
    }
    let wrong = findings.iter().filter(|f| !f.ok).count();
    let _ = match wrong {
        0 => writeln!(text, "\n{} probes, all as expected", findings.len()),
        _ => writeln!(text, "\n{wrong} of {} probes differ", findings.len()),
    };
    text
}
