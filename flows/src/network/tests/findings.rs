//! Every finding, with its message, place and help, from the table in `findings.txt`.

use super::*;
use crate::finding_code::FindingCode;
use crate::network::read::fields;
use crate::network::text::{report, tree};

const TABLE: &str = include_str!("findings.txt");

/// Findings with tests of their own: those that need long texts, and those of the lints, of the
/// never check, of notes and of matrices.
const ELSEWHERE: &[&str] = &[
    "address-differs",
    "always-violated",
    "assumed-address",
    "assumed-bridge",
    "assumed-subnet",
    "bad-envelope",
    "bad-port",
    "bad-protocol",
    "bad-temp",
    "broken-table",
    "confine-violated",
    "container-numbers-taken",
    "container-numbers-without-place",
    "document-too-big",
    "empty-file",
    "envelope-differs",
    "envelope-not-in-document",
    "file-too-big",
    "flow-not-as-written",
    "flow-replaced",
    "flow-syntax",
    "gateway-nobody",
    "gateway-owned",
    "host-not-in-document",
    "host-nowhere",
    "learn-beside-learning",
    "learn-by-controller",
    "learn-cookie",
    "learn-without-limit",
    "learn-wrong-direction",
    "learned-table-unused",
    "leased-address",
    "leased-without-dhcp",
    "limit-without-learning",
    "maybe-a-host",
    "missing-column",
    "never-violated",
    "no-dhcp-row",
    "no-envelope",
    "no-flows",
    "no-hosts",
    "no-network",
    "no-rule",
    "no-way-out",
    "normal-as-isolation",
    "not-attached",
    "not-enforced",
    "overlap",
    "place-differs",
    "place-not-in-document",
    "repeated-column",
    "repeated-host",
    "repeated-row",
    "router-link-local",
    "row-differs",
    "row-not-allowed",
    "row-not-in-document",
    "table-not-read",
    "tables-disagree",
    "too-many",
    "too-many-cells",
    "too-many-findings",
    "too-many-overlaps",
    "too-much-to-compare",
    "two-envelopes",
    "undecided",
    "unknown-column",
    "unknown-host",
    "unknown-outside",
    "unknown-port",
    "unnamed-host",
    "unnamed-party",
    "w",
    "wider-than-row",
];

struct Case {
    name: &'static str,
    /// The case as written in the table.
    raw: &'static str,
    /// The files; the first one is read.
    files: Vec<(String, String)>,
    additions: Additions,
    findings: &'static str,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for case in TABLE.split("\n=== ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (raw, findings) = rest.split_once("\n---").unwrap();
        let base = cases.first().map_or("", |base| &base.files[0].1);
        let text = raw.replacen("<base>", base, 1);
        let (text, additions) = text.split_once("\n+++\n").unwrap_or((&text, ""));
        let mut files = Vec::new();
        for (n, file) in text.split("\n>>> ").enumerate() {
            let (name, text) = if n == 0 { (name, file) } else { file.split_once('\n').unwrap() };
            files.push((name.to_owned(), text.to_owned()));
        }
        let findings = findings.trim_matches('\n');
        cases.push(Case { name, raw, files, additions: read_additions(additions), findings });
    }
    cases
}

/// Returns the texts of the cases that consist of a single TOML file.
pub(super) fn single_texts() -> Vec<String> {
    let alone = cases().into_iter().filter(|case| !case.name.ends_with(".json"));
    alone.filter_map(|case| case.text().map(str::to_owned)).collect()
}

/// Parses `instance TEMPLATE NUMBER` and `container ID NAME NETWORK [SERVICE/PROTOCOL/PORT]…`, one
/// a line.
fn read_additions(text: &str) -> Additions {
    let mut additions = Additions::default();
    for line in text.lines() {
        match *line.split(' ').collect::<Vec<_>>() {
            ["instance", template, number] => {
                additions.instances.push((template.to_owned(), number.parse().unwrap()));
            }
            ["container", id, name, network, ref services @ ..] => {
                let services = services.iter().map(|service| service.split('/').collect::<Vec<_>>());
                additions.containers.push(Container {
                    id: id.parse().unwrap(),
                    name: name.to_owned(),
                    network: network.to_owned(),
                    mac: None,
                    services: services
                        .map(|service| Service {
                            name: service[0].to_owned(),
                            protocol: fields::Keyword::of(service[1]).unwrap(),
                            port: service[2].parse().unwrap(),
                        })
                        .collect(),
                });
            }
            _ => panic!("{line}"),
        }
    }
    additions
}

impl Case {
    /// Returns whether the case failed, its findings, and the names of the files except the first.
    fn run(&self) -> (bool, Vec<Finding>, String) {
        let mut read = |name: &str| {
            let file = self.files.iter().find(|(other, _)| other == name);
            file.map(|(_, text)| text.clone()).ok_or_else(|| "no such file".to_owned())
        };
        let (failed, findings, sources) = match load(self.name, &mut read, &self.additions) {
            Ok(Loaded { findings, sources, .. }) => (false, findings, sources),
            Err(LoadFailure { findings, sources }) => (true, findings, sources),
        };
        let line = |finding| {
            let text = sources.render(finding);
            text.strip_prefix(self.name).unwrap_or(&text).to_owned() + "\n"
        };
        let text = findings.iter().map(line).collect::<String>();
        (failed, findings, text.trim_end_matches('\n').to_owned())
    }

    /// Returns the text of a case that consists of a single file.
    fn text(&self) -> Option<&str> {
        let alone = self.files.len() == 1 && self.additions == Additions::default();
        alone.then_some(&*self.files[0].1)
    }
}

/// With `UPDATE_FINDINGS` in the environment the table is rewritten, for review.
#[test]
fn findings_are_those_of_the_table() {
    let cases = cases();
    assert!(cases.len() > 40, "the table was read");
    if std::env::var_os("UPDATE_FINDINGS").is_some() {
        let mut table = TABLE.split("\n=== ").next().unwrap().to_owned();
        for case in &cases {
            table += &format!("\n=== {}\n{}\n---\n{}", case.name, case.raw, case.run().2);
        }
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/network/tests/findings.txt"), table + "\n")
            .unwrap();
        return;
    }
    for case in cases {
        let (failed, findings, text) = case.run();
        assert_eq!(text, case.findings, "{}", case.name);
        assert_eq!(failed, findings.iter().any(Finding::is_error), "{}", case.name);
    }
}

#[test]
fn table_has_every_code_of_the_language() {
    let told = |code: &FindingCode| TABLE.contains(&format!("[{code}]: "));
    let missing: Vec<_> =
        FindingCode::ALL.iter().filter(|code| !told(code)).map(|code| code.as_str()).collect();
    assert_eq!(missing, ELSEWHERE);
}

/// JSON has the same findings as TOML; only the places differ.
#[test]
fn json_finds_what_toml_finds() {
    let mut compared = 0;
    for case in cases() {
        let (name, Some(text)) = (case.name, case.text()) else { continue };
        let mut report = report::FindingReport::new(text);
        let plain = tree::from_toml(text, 0, &mut report).is_some() && !text.contains("2024-01-01");
        if !plain || name.ends_with(".json") || text.contains("1.5") || text.contains("99999") {
            continue;
        }
        let kinds = |findings: Vec<Finding>| -> Vec<_> {
            let mut kinds: Vec<_> =
                findings.into_iter().map(|f| (f.code, f.severity, without_lines(&f.message))).collect();
            kinds.sort();
            kinds
        };
        let toml = parse(text, name).map_or_else(kinds, |(_, findings)| kinds(findings));
        let json = parse(&to_json(text), "x.json").map_or_else(kinds, |(_, findings)| kinds(findings));
        assert_eq!(json, toml, "{name}");
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

/// Returns a message without line numbers, which differ.
fn without_lines(message: &str) -> String {
    let mut words: Vec<&str> = message.split(' ').collect();
    let after_line: Vec<usize> =
        (1..words.len()).filter(|&i| words[i - 1].trim_start_matches('(').starts_with("line")).collect();
    for i in after_line {
        words[i] = "N";
    }
    words.join(" ")
}
