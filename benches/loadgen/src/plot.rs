//! A comparison as a picture: bars on logarithmic axes, in plain SVG that is readable on light and
//! dark pages.

use std::fmt::Write as _;

use super::Mode;
use super::compare::{Comparison, ComparisonRow, ComparisonTable};
use super::report::{count, whole};

const WIDTH: f64 = 860.0;
/// Height of the plotting area of one panel.
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 10.0;
/// Height above and below the plotting area of a panel.
const ABOVE: f64 = 44.0;
const BELOW: f64 = 44.0;
/// Height of the title and the legend.
const HEAD: f64 = 62.0;
/// The number of controllers with a colour of their own.
const COLOURS: usize = 6;

const STYLE: &str = "text{fill:#24292f;font:13px system-ui,sans-serif}.h{font-weight:600}.s{font-size:11px}\
.g{stroke:#d0d7de}.b0{fill:#8c959f}.b1{fill:#0969da}.b2{fill:#bf8700}.b3{fill:#8250df}.b4{fill:#1a7f37}.b5{fill:#cf222e}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.g{stroke:#3d444d}.b0{fill:#7d8590}.b1{fill:#58a6ff}.b2{fill:#d29922}\
.b3{fill:#a371f7}.b4{fill:#3fb950}.b5{fill:#f85149}}";

/// A group of bars: its name, and for each controller a value and whether every answer was right.
type Group = (String, Vec<(Option<f64>, bool)>);

struct Panel {
    title: String,
    groups: Vec<Group>,
    /// The formatter of a value.
    text: fn(f64) -> String,
}

/// Draws a comparison as SVG.
pub fn svg(comparison: &Comparison) -> String {
    let panels = panels(comparison);
    let names: Vec<&str> = comparison
        .tables
        .first()
        .map_or_else(Vec::new, |table| table.rows.iter().map(|row| row.controller.as_str()).collect());
    let mut at = HEAD;
    let mut body = String::new();
    for panel in &panels {
        draw(&mut body, panel, at);
        at += ABOVE + HEIGHT + BELOW;
    }
    let rounds = comparison.rounds;
    let what = if rounds == 1 { "one round".to_owned() } else { format!("medians of {rounds} rounds") };
    let title = format!("portcullis bench: {}, {what}", comparison.machine);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {at}\" width=\"{WIDTH}\" height=\"{at}\" role=\"img\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<text class=\"h\" x=\"10\" y=\"22\">{title}</text>\n",
        title = escape(&title)
    );
    let mut x = 10.0;
    for (index, name) in names.iter().enumerate() {
        let _ = writeln!(
            text,
            "<rect class=\"b{}\" x=\"{x}\" y=\"36\" width=\"12\" height=\"12\"/><text x=\"{}\" y=\"47\">{}</text>",
            index % COLOURS,
            x + 17.0,
            escape(name)
        );
        x += 40.0 + 8.0 * number(name.chars().count());
    }
    text + &body + "</svg>\n"
}

fn panels(comparison: &Comparison) -> Vec<Panel> {
    let tables = |mode| comparison.tables.iter().filter(move |table: &&ComparisonTable| table.mode == mode);
    let name = |table: &ComparisonTable| {
        let plural = if table.switches == 1 { "" } else { "es" };
        format!("{} switch{plural} × {}", table.switches, count(table.macs.into()))
    };
    let group = |table: &ComparisonTable, label: String, value: fn(&ComparisonRow) -> Option<f64>| {
        (label, table.rows.iter().map(|row| (value(row), row.right)).collect::<Vec<_>>())
    };
    let mut panels = Vec::new();
    let mut add = |title: &str, groups: Vec<_>, text| {
        if !groups.is_empty() {
            panels.push(Panel { title: title.to_owned(), groups, text });
        }
    };
    let load = || tables(Mode::Throughput);
    add(
        "Processor time of the controller per answer, ns: less is better",
        load().map(|table| group(table, name(table), |row| row.cpu_ns_per_answer)).collect(),
        whole,
    );
    add(
        "Answers per second: more is better",
        load().map(|table| group(table, name(table), |row| row.answers_per_second)).collect(),
        whole,
    );
    let mut latency = Vec::new();
    for table in tables(Mode::Latency) {
        latency.push(group(table, format!("p50, {}", name(table)), |row| row.p50));
        latency.push(group(table, format!("p99, {}", name(table)), |row| row.p99));
    }
    add("Latency with one packet-in outstanding, µs: less is better", latency, |us| format!("{us:.1}"));
    add(
        "Until all switches that connect at once are served, ms: less is better",
        tables(Mode::Connect)
            .map(|table| {
                let label = format!("{} switches", count(table.switches.into()));
                group(table, label, |row| row.served_seconds.map(|s| s * 1e3))
            })
            .collect(),
        |ms| format!("{ms:.1}"),
    );
    panels
}

fn draw(out: &mut String, panel: &Panel, top: f64) {
    let values = || {
        panel
            .groups
            .iter()
            .flat_map(|(_, values)| values.iter().filter_map(|(value, _)| *value))
            .filter(|v| *v > 0.0)
    };
    let highest = values().fold(f64::MIN_POSITIVE, f64::max).log10().ceil();
    // Start a decade below the smallest value, so that it has a bar.
    let lowest = (values().fold(f64::MAX, f64::min).log10() - 0.3).floor().min(highest - 1.0);
    let (first, last) = (top + ABOVE + HEIGHT, top + ABOVE);
    let y = |value: f64| first - (value.log10() - lowest).max(0.0) / (highest - lowest) * HEIGHT;
    let _ = writeln!(out, "<text class=\"h\" x=\"10\" y=\"{}\">{}</text>", top + 22.0, escape(&panel.title));
    let mut decade = lowest;
    while decade <= highest {
        let (value, at) = (10_f64.powf(decade), y(10_f64.powf(decade)));
        let _ = writeln!(
            out,
            "<line class=\"g\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{}\" y2=\"{at:.1}\"/>\
             <text class=\"s\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            if value < 1.0 { format!("{value}") } else { whole(value) }
        );
        decade += 1.0;
    }
    let step = (WIDTH - LEFT - RIGHT) / number(panel.groups.len());
    for (index, (name, values)) in panel.groups.iter().enumerate() {
        let begin = LEFT + step * number(index);
        let bar = (step * 0.84 / number(values.len())).min(110.0);
        let inset = (step - bar * number(values.len())) / 2.0;
        for (place, (value, right)) in values.iter().enumerate() {
            let x = begin + inset + bar * number(place);
            let (at, label) = match value {
                Some(value) if *value > 0.0 && *right => (y(*value), (panel.text)(*value)),
                Some(value) if *value > 0.0 => (y(*value), format!("{}, faults", (panel.text)(*value))),
                _ => (first, "not served".to_owned()),
            };
            let _ = writeln!(
                out,
                "<rect class=\"b{}\" x=\"{x:.1}\" y=\"{at:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
                 <text class=\"s\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                place % COLOURS,
                bar - 3.0,
                (first - at).max(0.0),
                x + bar / 2.0,
                at.max(last) - 4.0
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            begin + step / 2.0,
            first + 20.0,
            escape(name)
        );
    }
}

fn number(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
