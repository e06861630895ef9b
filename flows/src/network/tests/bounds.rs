//! The limits: a text beyond one is refused, a text at one is read.

use std::fmt::Write as _;

use super::*;

fn codes(text: &str, name: &str) -> Vec<&'static str> {
    let findings = match parse(text, name) {
        Ok((_, findings)) | Err(findings) => findings,
    };
    let mut codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    codes.dedup();
    codes
}

#[test]
fn a_file_too_big_is_refused() {
    let mut text = String::from("[bridge.br0]\n");
    text.extend(std::iter::repeat_n('#', MAX_FILE_LEN - text.len()));
    assert_eq!(codes(&text, "x.toml"), [""; 0]);
    text.push('#');
    assert_eq!(codes(&text, "x.toml"), ["file-too-big"]);
    assert_eq!(parse(&text, "x.toml").unwrap_err().len(), 1);
}

/// So many networks also show that looking for overlaps does not compare all pairs.
#[test]
fn more_networks_than_numbers_are_refused() {
    let mut text = String::new();
    for i in 0..MAX_NETWORKS {
        let (high, low) = (i >> 8, i & 0xff);
        write!(text, "[network.n{i}]\nbridge=\"b\"\nsubnets=[\"1.{high}.{low}.0/24\"]\n").unwrap();
    }
    let (file, findings) = parse(&text, "x.toml").unwrap();
    assert!(findings.is_empty());
    let numbers: std::collections::BTreeSet<u16> =
        file.networks.iter().map(|network| network.number).collect();
    assert_eq!((numbers.len(), numbers.first()), (MAX_NETWORKS, Some(&1)), "each has one, and none has 0");
    text += "[network.one-more]\nbridge=\"b\"\nsubnets=[\"2.0.0.0/24\"]\n";
    assert_eq!(codes(&text, "x.toml"), ["too-many"]);
}

#[test]
fn long_lists_are_refused() {
    let list = |count: usize| (0..count).map(|i| format!("\"p{i}\",")).collect::<String>();
    let text = |count| format!("[bridge.br0]\nports = [{}]", list(count));
    assert_eq!(codes(&text(4096), "x.toml"), [""; 0]);
    assert_eq!(codes(&text(4097), "x.toml"), ["too-many"]);
    let subnets = |count: usize| {
        let list: String = (0..count).map(|i| format!("\"10.0.{i}.0/24\",")).collect();
        format!("[network.a]\nbridge = \"br0\"\nsubnets = [{list}]")
    };
    assert_eq!(codes(&subnets(64), "x.toml"), [""; 0]);
    assert_eq!(codes(&subnets(65), "x.toml"), ["too-many"]);
}

#[test]
fn rules_that_multiply_are_refused() {
    let mut text = String::from("[network.a]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/16\"]\n");
    let mut names = String::new();
    for i in 0..512 {
        write!(text, "[endpoint.e{i}]\nattach = [{{ network = \"a\", port = \"v{i}\", ").unwrap();
        writeln!(text, "addresses = [\"10.0.{}.{}\"] }}]", 1 + i / 128, 1 + i % 128).unwrap();
        write!(names, "\"e{i}\",").unwrap();
    }
    write!(text, "[[allow]]\nname = \"p\"\nfrom = [{names}]\nto = [{names}]\n").unwrap();
    assert_eq!(codes(&text, "x.toml"), [""; 0]);
    text += "[[allow]]\nname = \"q\"\nfrom = \"a\"\nto = \"a\"";
    assert_eq!(codes(&text, "x.toml"), ["too-many"]);
}

#[test]
fn findings_end_somewhere() {
    let text = format!("[bridge.br0]\nports = [{}]", "7,".repeat(4000));
    let findings = parse(&text, "x.toml").unwrap_err();
    assert_eq!(findings.len(), report::MAX_FINDINGS + 1);
    assert_eq!(findings.last().unwrap().code, "too-many-findings");
}
