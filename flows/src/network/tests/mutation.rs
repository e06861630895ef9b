//! No text makes the parser panic, and every finding points into the text.

use proptest::prelude::*;

use super::*;

/// What a change puts into a text: words of the language, and what breaks them.
const WORDS: [&str; 32] = [
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
];

#[derive(Debug, Clone)]
enum Change {
    Insert(prop::sample::Index, &'static str),
    Delete(prop::sample::Index, usize),
    /// Copies a stretch to elsewhere.
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

fn check(text: &str, name: &str) -> Result<(), TestCaseError> {
    let (ok, findings) = match parse(text, name) {
        Ok((file, findings)) => {
            for bridge in &file.bridges {
                file.bridge_ports(&bridge.name);
            }
            (true, findings)
        }
        Err(findings) => (false, findings),
    };
    prop_assert_eq!(ok, !findings.iter().any(Finding::is_error));
    for finding in findings {
        prop_assert!(
            finding.span.as_ref().is_none_or(|span| text.get(span.clone()).is_some()),
            "{:?}",
            finding
        );
        prop_assert!(!finding.render(name, text).contains('\u{1b}'), "{:?}", finding);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn changed_toml_never_panics(file in 0..SHIPPED.len(), changes in prop::collection::vec(change(), 1..6)) {
        check(&apply(SHIPPED[file].1, changes), "x.toml")?;
    }

    #[test]
    fn changed_json_never_panics(file in 0..SHIPPED.len(), changes in prop::collection::vec(change(), 1..6)) {
        check(&apply(&to_json(SHIPPED[file].1), changes), "x.json")?;
    }

    #[test]
    fn any_text_never_panics(text in any::<String>(), json in any::<bool>()) {
        check(&text, if json { "x.json" } else { "x.toml" })?;
    }
}
