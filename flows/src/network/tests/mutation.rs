//! No text makes the parser panic, and every finding points into the text.

use proptest::prelude::*;

use super::*;

/// The texts that a change inserts: words of the language, and texts that break them.
const WORDS: [&str; 51] = [
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    ",",
    "=",
    ":",
    "\n",
    "\\u0000",
    "é",
    "\u{1b}",
    "null",
    "-1",
    "65536",
    "privacy",
    "management",
    "gateway",
    "warp",
    "LOCAL",
    "vmbr0",
    "veth100",
    "network",
    "bridge",
    "port",
    "10.0.0.0/24",
    "10.1.0.200",
    "::/0",
    "fd00::1",
    "[[allow]]",
    "[network.privacy]",
    "{n}",
    "{id}",
    "all",
    "1-3",
    "true",
    "2027-06-30",
    "via = \"gateway\"",
    "temp = \"w\"",
    "overlay = \"nebula\"",
    "elsewhere = \"x\"",
    "dhcp",
    "[[chain]]",
    "[[crossing]]",
    "[[always]]",
    "[[confine]]",
    "on_violation = \"isolate\"",
    "[template.t]",
    "[outside.o]",
    "include = \"x.toml\"",
];

#[derive(Debug, Clone)]
enum Change {
    Insert(prop::sample::Index, &'static str),
    Delete(prop::sample::Index, usize),
    /// Copies a stretch to another place.
    Copy(prop::sample::Index, usize, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), prop::sample::select(&WORDS[..])).prop_map(|(at, word)| Change::Insert(at, word)),
        (index(), 1usize..40).prop_map(|(at, count)| Change::Delete(at, count)),
        (index(), 1usize..200, index()).prop_map(|(from, count, to)| Change::Copy(from, count, to)),
    ]
}

fn apply(text: &str, changes: Vec<Change>) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for change in changes {
        let length = chars.len().max(1);
        let range = |at: usize, count: usize| at.min(chars.len())..(at + count).min(chars.len());
        match change {
            Change::Insert(at, word) => {
                let at = range(at.index(length), 0);
                chars.splice(at, word.chars());
            }
            Change::Delete(at, count) => {
                let range = range(at.index(length), count);
                chars.drain(range);
            }
            Change::Copy(from, count, to) => {
                let stretch = chars[range(from.index(length), count)].to_vec();
                let to = range(to.index(length), 0);
                chars.splice(to, stretch);
            }
        }
    }
    chars.into_iter().collect()
}

/// Returns the additions to every changed text: some of them fit, some do not.
fn additions() -> Additions {
    let container = |id: u32, name: &str, network: &str| Container {
        id,
        name: name.to_owned(),
        network: network.to_owned(),
        mac: id.is_multiple_of(2).then_some([2, 0, 0, 0, 0, 9]),
        services: vec![Service { name: "s".to_owned(), protocol: Protocol::Tcp, port: 80 }],
    };
    Additions {
        instances: vec![("project".to_owned(), 9), ("project".to_owned(), 300), ("t".to_owned(), 1)],
        containers: vec![container(150, "x", "privacy"), container(260, "gateway", "management")],
    }
}

fn check(text: &str, name: &str) -> Result<(), TestCaseError> {
    let found = checked(text, name, &Additions::default())?;
    let parsed = match parse(text, name) {
        Ok((_, findings)) | Err(findings) => findings,
    };
    prop_assert_eq!(found, parsed, "one text alone is as one text of several");
    checked(text, name, &additions())?;
    Ok(())
}

fn checked(text: &str, name: &str, additions: &Additions) -> Result<Vec<Finding>, TestCaseError> {
    let mut first = true;
    let mut read = |_: &str| {
        let why = "this text is read without others beside it".to_owned();
        if std::mem::take(&mut first) { Ok(text.to_owned()) } else { Err(why) }
    };
    let (ok, findings) = match load(name, &mut read, additions) {
        Ok(Loaded { file, findings, sources }) => {
            for bridge in &file.bridges {
                file.bridge_ports(&bridge.name);
            }
            for network in &file.networks {
                file.free_container_ids(&network.name).for_each(drop);
            }
            for note in notes(&file) {
                prop_assert!(sources.position(&note).is_some(), "{:?}", note);
            }
            let numbers: std::collections::HashSet<u16> = file.networks.iter().map(|n| n.number).collect();
            prop_assert_eq!(numbers.len(), file.networks.len());
            (true, findings)
        }
        Err(failed) => (false, failed.findings),
    };
    prop_assert_eq!(ok, !findings.iter().any(Finding::is_error));
    for finding in findings.clone() {
        prop_assert!(
            finding.span.as_ref().is_none_or(|span| text.get(span.clone()).is_some()),
            "{:?}",
            finding
        );
        prop_assert!(!finding.render(name, text).contains('\u{1b}'), "{:?}", finding);
    }
    Ok(findings)
}

/// Returns the shipped files, and those of the language's words.
fn texts() -> Vec<String> {
    let words = ["matrix.toml", "net/chain.toml", "projects.toml", "crossing.toml"].map(language::files);
    SHIPPED.iter().map(|(_, text)| (*text).to_owned()).chain(words.into_iter().flatten()).collect()
}

const TEXTS: usize = SHIPPED.len() + 4;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn changed_toml_never_panics(file in 0..TEXTS, changes in prop::collection::vec(change(), 1..6)) {
        check(&apply(&texts()[file], changes), "x.toml")?;
    }

    #[test]
    fn changed_json_never_panics(file in 0..TEXTS, changes in prop::collection::vec(change(), 1..6)) {
        check(&apply(&to_json(&texts()[file]), changes), "x.json")?;
    }

    #[test]
    fn any_text_never_panics(text in any::<String>(), json in any::<bool>()) {
        check(&text, if json { "x.json" } else { "x.toml" })?;
    }
}
