//! The JSON Schema: every text that reads without an error conforms, and each word is in it.

use serde_json::{Value, json};

use super::*;
use crate::finding_code::FindingCode;
use crate::network::schema::file_schema;
use crate::network::schema::file_schema::{FILE, SchemaTable, ValueKind};
use crate::network::text::{report, tree};

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

fn value_of(text: &str) -> Value {
    serde_json::from_str(&to_json(text)).unwrap()
}

#[test]
fn shipped_files_fit_the_schema() {
    let validator = validator();
    for (name, text) in SHIPPED {
        let errors: Vec<_> = validator.iter_errors(&value_of(text)).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
    }
    for name in ["matrix.toml", "net/chain.toml", "projects.toml", "crossing.toml"] {
        let errors: Vec<_> = validator
            .iter_errors(&value_of(&language::files(name).unwrap()))
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, [""; 0], "{name}");
    }
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
}

/// Every case of the table of findings without an error conforms; those with a wrong word, type or
/// number do not.
#[test]
fn findings_about_words_are_those_of_the_schema() {
    const WORDS: [FindingCode; 5] = [
        FindingCode::UnknownKey,
        FindingCode::MissingKey,
        FindingCode::WrongType,
        FindingCode::OutOfRange,
        FindingCode::BadValue,
    ];
    let validator = validator();
    let (mut fit, mut unfit) = (0, 0);
    for text in findings::single_texts() {
        let mut report = report::FindingReport::new(&text);
        // A fraction cannot be printed unchanged.
        let Some(_) = tree::from_toml(&text, 0, &mut report)
            .filter(|_| !text.contains("1.5") && !text.contains("99999"))
        else {
            continue;
        };
        let value = value_of(&text);
        let found = match parse(&text, "x.toml") {
            Ok((_, findings)) | Err(findings) => findings,
        };
        // The schema does not state conditions between keys, nor the missing parts of a copy.
        let wrong = |finding: &Finding| {
            WORDS.contains(&finding.code)
                && !finding.message.contains("neither")
                && !finding.message.contains("has no `ports`")
        };
        let expected = found.iter().find(|finding| wrong(finding));
        // A pattern detects some of these, but not all.
        const PATTERNS: [FindingCode; 4] =
            [FindingCode::BadName, FindingCode::BadRange, FindingCode::BadDate, FindingCode::BadDatapathId];
        if expected.is_none() && found.iter().any(|finding| PATTERNS.contains(&finding.code)) {
            continue;
        }
        assert_eq!(validator.is_valid(&value), expected.is_none(), "{expected:?}\n{text}");
        if expected.is_none() { fit += 1 } else { unfit += 1 }
    }
    assert!(fit > 20 && unfit > 10, "{fit} {unfit}");
}

/// Each key of the tables is in the schema, at its place, with its description. The keys that
/// `read` looks up are in the tables: it asserts that itself in tests.
#[test]
fn the_schema_has_every_key() {
    fn walk(table: &'static SchemaTable, object: &Value, schema: &Value, seen: &mut Vec<&'static str>) {
        assert_eq!(object["additionalProperties"], json!(false), "{}", table.name);
        assert_eq!(object["properties"].as_object().unwrap().len(), table.keys.len(), "{}", table.name);
        for key in table.keys {
            let property = &object["properties"][key.name];
            assert_eq!(property["description"], json!(key.doc), "{} of {}", key.name, table.name);
            let required = object["required"].as_array().is_some_and(|list| list.contains(&json!(key.name)));
            assert_eq!(required, key.required, "{} of {}", key.name, table.name);
            if let ValueKind::Named(inner)
            | ValueKind::Rules(inner)
            | ValueKind::List(inner)
            | ValueKind::One(inner)
            | ValueKind::Hops(inner)
            | ValueKind::OwnAddresses(inner) = key.kind
                && !seen.contains(&inner.name)
            {
                seen.push(inner.name);
                walk(inner, &schema["$defs"][inner.name], schema, seen);
            }
        }
    }
    let schema = schema();
    let mut seen = Vec::new();
    walk(&FILE, &schema, &schema, &mut seen);
    assert_eq!(seen.len(), schema["$defs"].as_object().unwrap().len(), "{seen:?}");
    assert!(seen.len() > 14, "{seen:?}");
}

/// Every word of a choice in the tables has a meaning.
#[test]
fn every_word_of_a_choice_is_read() {
    let rule = |key: &str, word: &str| {
        format!(
            "[network.a]\nbridge = \"b\"\nsubnets = [\"10.0.0.0/24\"]\n[endpoint.x]\n\
             attach = [{{ network = \"a\", port = \"x\", addresses = [\"10.0.0.1\"] }}]\n\
             [[allow]]\nname = \"p\"\nfrom = \"x\"\nto = \"a\"\n{key} = \"{word}\"\n"
        )
    };
    for key in ["protocol", "returns"] {
        for word in file_schema::ALLOW.words(key) {
            assert!(parse(&rule(key, word), "x.toml").is_ok(), "{key} {word}");
        }
    }
    for (rule, table) in [("never", &file_schema::NEVER), ("confine", &file_schema::CONFINE)] {
        let text = |word: &str| {
            format!(
                "[network.a]\nbridge = \"b\"\nsubnets = [\"10.0.0.0/24\"]\n[exit.e]\nnetwork = \"a\"\nport = \"e\"\n\
                 [[{rule}]]\nname = \"p\"\nfrom = \"a\"\nto = \"e\"\non_violation = \"{word}\"\n"
            )
        };
        assert!(!table.words("on_violation").is_empty(), "{rule}");
        for word in table.words("on_violation") {
            assert!(parse(&text(word), "x.toml").is_ok(), "{rule} {word}");
        }
    }
    for key in ["inside", "stateful"] {
        for word in file_schema::NETWORK.words(key) {
            let text =
                format!("[network.a]\nbridge = \"b\"\nsubnets = [\"10.0.0.0/24\"]\n{key} = \"{word}\"");
            assert!(parse(&text, "x.toml").is_ok(), "{key} {word}");
        }
    }
    let all = file_schema::ALLOW.words("protocol");
    for table in [&file_schema::HOP, &file_schema::CROSSING, &file_schema::OVERLAY, &file_schema::ALWAYS] {
        assert!(table.words("protocol").iter().all(|word| all.contains(word)), "{}", table.name);
        assert!(!table.words("protocol").is_empty(), "{}", table.name);
    }
}
