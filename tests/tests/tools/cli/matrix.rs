//! `portcullis matrix` and `portcullis import matrix`: a document, the network that it becomes, and whether both agree.

use super::{lines_with, portcullis, shipped, word};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../flows/matrix/src/testdata/comm-matrix.md");
const NETWORKS: [&str; 7] = [
    "comm-matrix.toml",
    "dual-socket.toml",
    "dual-socket-health-check.toml",
    "dual-socket-verbatim.toml",
    "pantheon.toml",
    "phoenix.toml",
    "swarm.toml",
];

/// The document with the rows by which all who have their addresses by DHCP may ask for them: the network has them.
fn with_leave() -> tempfile::NamedTempFile {
    let row =
        |host: &str| format!("| {host} | DHCP server | WAN (eth0) | UDP | 67/68 | Get IP address | |\n");
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    assert!(text.contains(&row("ntp")));
    document(&text.replace(&row("ntp"), &["ntp", "mesh", "gateway"].map(row).concat()))
}

fn document(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".md").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn the_document_is_imported_checked_and_agrees_but_for_its_own_contradiction() {
    let said = with_leave();
    let said = word(&said);
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("made.toml");
    let made = made.to_str().unwrap();
    let ended = portcullis(&["import", "matrix", said, "--output", made]);
    assert_eq!((ended.code, &*ended.out), (Some(0), ""), "{}", ended.err);
    assert!(
        ended.err.contains(":27:1: warning[not-attached]: joi → any TCP 53,80,443 is left out: "),
        "{}",
        ended.err
    );
    assert_eq!(lines_with(&ended.err, ": warning["), 1, "{}", ended.err);
    let text = std::fs::read_to_string(made).unwrap();
    assert_eq!(portcullis(&["import", "matrix", said]).out, text);

    let checked = portcullis(&["check", "--no-audit", made]);
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    assert!(checked.out.ends_with(": no errors, 0 warnings\n"), "{}", checked.out);

    // What a person has filled in is not written over.
    let again = portcullis(&["import", "matrix", said, "-o", made]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("made.toml cannot be written"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(made).unwrap(), text);

    for file in [made, &shipped("comm-matrix.toml")] {
        let ended = portcullis(&["matrix", file, "--against", said]);
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        assert!(ended.out.ends_with(" disagree in one place\n"), "{}", ended.out);
        assert!(
            ended.err.contains(":27:15: error[row-not-allowed]: the network does not allow joi → any"),
            "{}",
            ended.err
        );
        assert_eq!(lines_with(&ended.err, ": error["), 1, "{}", ended.err);
        // And so both say the same.
        let printed = document(&portcullis(&["matrix", file]).out);
        for other in [made, &shipped("comm-matrix.toml")] {
            let ended = portcullis(&["matrix", other, "--against", word(&printed)]);
            assert_eq!(ended.code, Some(0), "{}", ended.err);
        }
    }
}

#[test]
fn a_printed_matrix_agrees_with_its_file_and_a_changed_one_does_not() {
    for name in NETWORKS {
        let file = shipped(name);
        let printed = portcullis(&["matrix", &file]);
        assert_eq!(printed.code, Some(0), "{name}: {}", printed.err);
        let same = document(&printed.out);
        let ended = portcullis(&["matrix", &file, "--against", word(&same)]);
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
        assert!(ended.out.contains(" agree: "), "{name}: {}", ended.out);
        // All of them: where members talk freely, a row more or less among them changes nothing.
        let other = printed.out.replace(" | TCP | ", " | SCTP | ");
        if other == printed.out {
            continue;
        }
        let other = document(&other);
        let ended = portcullis(&["matrix", &file, "--against", word(&other)]);
        assert_eq!(ended.code, Some(1), "{name}: {}", ended.err);
        assert!(ended.err.contains(": error[row-") && ended.err.contains(&file), "{name}: {}", ended.err);
    }
}

#[test]
fn the_matrix_and_its_findings_are_json_where_asked() {
    let file = shipped("comm-matrix.toml");
    let ended = portcullis(&["matrix", &file, "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let matrix: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let rows = matrix["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["from"] == "gateway" && row["protocol"] == "udp").unwrap();
    assert_eq!(
        (&row["to"], &row["temp"], &row["ports"]),
        (&"internet".into(), &"updates".into(), &serde_json::json!([53]))
    );
    assert_eq!(matrix["envelopes"][0]["members"], serde_json::json!(["mesh", "joi"]));
    assert_eq!(matrix["hosts"].as_array().unwrap().len(), 4);

    let said = with_leave();
    let ended = portcullis(&["matrix", &file, "--against", word(&said), "--json"]);
    assert_eq!((ended.code, &*ended.err), (Some(1), ""));
    let found: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&found["agree"], &found["network"]), (&false.into(), &serde_json::json!([])));
    assert_eq!(found["document"][0]["line"], 27);
    assert_eq!(found["document"][0]["code"], "row-not-allowed");
}

#[test]
fn what_cannot_be_used_is_told_from_what_disagrees() {
    let file = shipped("comm-matrix.toml");
    let broken = document("| From | To | Proto | Port |\n|--|--|--|--|\n| a | b | TPC | 1 |\n");
    let ended = portcullis(&["matrix", &file, "--against", word(&broken)]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    let said =
        format!("{}:3:11: error[bad-protocol]: `TPC` is no protocol\n  help: write TCP", word(&broken));
    assert!(ended.err.starts_with(&said), "{}", ended.err);
    assert_eq!(portcullis(&["import", "matrix", word(&broken)]).code, Some(1));
    for arguments in [
        vec!["matrix", &file, "--against", "/nonexistent.md"],
        vec!["matrix", "/nonexistent.toml"],
        vec!["matrix", "/nonexistent.toml", "--against", DOCUMENT],
        vec!["matrix", DOCUMENT],
    ] {
        let ended = portcullis(&arguments);
        assert_eq!((ended.code, &*ended.out), (Some(2), ""), "{arguments:?}: {}", ended.err);
        assert!(!ended.err.is_empty());
    }
    let ended = portcullis(&["import", "matrix", "/nonexistent.md"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("/nonexistent.md"), "{}", ended.err);
}
