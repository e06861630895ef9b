//! Every finding, with its message, place and help, from the table in `findings.txt`.

use std::collections::BTreeSet;

use super::*;

const TABLE: &str = include_str!("findings.txt");

/// Findings that need texts too long for the table; `bounds` has them.
const ELSEWHERE: [&str; 3] = ["too-many", "too-many-findings", "file-too-big"];

fn cases() -> Vec<(&'static str, String, &'static str)> {
    let mut cases: Vec<(&str, String, &str)> = Vec::new();
    for case in TABLE.split("\n=== ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (text, findings) = rest.split_once("\n---\n").unwrap();
        let findings = findings.trim_end_matches('\n');
        let base = cases.first().map_or("", |(_, text, _)| text);
        cases.push((name, text.replacen("<base>", base, 1), findings));
    }
    cases
}

#[test]
fn findings_are_those_of_the_table() {
    let cases = cases();
    assert!(cases.len() > 40, "the table was read");
    for (name, text, expected) in cases {
        let (failed, findings) = match parse(&text, name) {
            Ok((_, findings)) => (false, findings),
            Err(findings) => (true, findings),
        };
        assert_eq!(rendered(&findings, "", &text).trim_end_matches('\n'), expected, "{name}");
        assert_eq!(failed, findings.iter().any(Finding::is_error), "{name}");
    }
}

#[test]
fn table_has_every_code() {
    let sources = [
        include_str!("../addresses.rs"),
        include_str!("../fields.rs"),
        include_str!("../json.rs"),
        include_str!("../mod.rs"),
        include_str!("../names.rs"),
        include_str!("../ports.rs"),
        include_str!("../read.rs"),
        include_str!("../rules.rs"),
        include_str!("../tree.rs"),
    ];
    let mut codes = BTreeSet::new();
    for source in sources {
        for call in source.split("report.error(").chain(source.split("report.warning(")).skip(1) {
            let code = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
            codes.extend(code.map(|(code, _)| code));
        }
    }
    assert!(codes.len() > 25, "the codes were found: {codes:?}");
    for code in codes {
        assert!(
            ELSEWHERE.contains(&code) || TABLE.contains(&format!("[{code}]: ")),
            "no case of the table has {code}"
        );
    }
}

/// JSON has the same findings as TOML; only the places differ.
#[test]
fn json_finds_what_toml_finds() {
    let mut compared = 0;
    for (name, text, _) in cases() {
        let mut report = report::Report::new(&text);
        let plain = tree::from_toml(&text, &mut report).is_some() && !text.contains("2024-01-01");
        if !plain
            || name.ends_with(".json")
            || text.contains("1.5")
            || text.contains("99999")
            || text.contains("true")
        {
            continue;
        }
        let kinds = |findings: Vec<Finding>| -> Vec<_> {
            let mut kinds: Vec<_> =
                findings.into_iter().map(|f| (f.code, f.severity, without_lines(&f.message))).collect();
            kinds.sort();
            kinds
        };
        let toml = parse(&text, name).map_or_else(kinds, |(_, findings)| kinds(findings));
        let json = parse(&to_json(&text), "x.json").map_or_else(kinds, |(_, findings)| kinds(findings));
        assert_eq!(json, toml, "{name}");
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

/// A message without the numbers of lines, which differ.
fn without_lines(message: &str) -> String {
    let mut words: Vec<&str> = message.split(' ').collect();
    let after_line: Vec<usize> =
        (1..words.len()).filter(|&i| words[i - 1].trim_start_matches('(').starts_with("line")).collect();
    for i in after_line {
        words[i] = "N";
    }
    words.join(" ")
}
