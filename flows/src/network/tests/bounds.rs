//! The limits: a text beyond one is refused, a text at one is read.

use std::fmt::Write as _;

use super::*;
use crate::finding_code::FindingCode;
use crate::network::check::containers;
use crate::network::read::template;
use crate::network::text::report;

fn codes(text: &str, name: &str) -> Vec<FindingCode> {
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

/// This many networks also show that the search for overlaps does not compare all pairs.
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

/// Returns 512 endpoints on one network, their names as a list, and an exit with that many prefixes
/// outside.
fn crowd(prefixes: usize) -> (String, String) {
    let mut text = String::from("[network.a]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/16\"]\n");
    let mut names = String::new();
    for i in 0..512 {
        write!(text, "[endpoint.e{i}]\nattach = [{{ network = \"a\", port = \"v{i}\", ").unwrap();
        writeln!(text, "addresses = [\"10.0.{}.{}\"] }}]", 1 + i / 128, 1 + i % 128).unwrap();
        write!(names, "\"e{i}\",").unwrap();
    }
    let outside: String = (0..prefixes).map(|i| format!("\"1.{}.{}.0/24\",", i / 256, i % 256)).collect();
    write!(
        text,
        "[exit.x]\nnetwork = \"a\"\nport = \"x\"\n[outside.o]\nexit = \"x\"\naddresses = [{outside}]\n"
    )
    .unwrap();
    (text, names)
}

/// The flows of a file count, not the pairs in its lists.
#[test]
fn long_lists_are_few_flows() {
    let (mut text, names) = crowd(1);
    for rule in 0..100 {
        write!(text, "[[allow]]\nname = \"r{rule}\"\nfrom = [{names}]\nto = [{names}]\nprotocol = \"tcp\"\nports = [{}]\n", 1 + rule).unwrap();
    }
    assert_eq!(codes(&text, "x.toml"), [""; 0]);
}

#[test]
fn rules_that_multiply_are_refused() {
    let ports = |count: usize| (1..=count).map(|port| format!("{port},")).collect::<String>();
    let rule = |to: &str, count: usize| {
        format!(
            "[[allow]]\nname = \"p\"\nfrom = \"e0\"\nto = {to}\nprotocol = \"tcp\"\nports = [{}]\n",
            ports(count)
        )
    };
    // Every prefix has a flow for every port.
    let (text, _) = crowd(1_000);
    assert_eq!(codes(&format!("{text}{}", rule("\"o\"", 200)), "x.toml"), [""; 0]);
    assert_eq!(codes(&format!("{text}{}", rule("\"o\"", 300)), "x.toml"), ["too-many"]);
    // So has every party of a list, if more lists differ than have a bit.
    let (text, _) = crowd(1);
    let lists = |count: usize| -> String {
        let names = |from: usize| (from..from + 256).map(|e| format!("\"e{e}\",")).collect::<String>();
        let each = (0..count).map(|n| {
            let names = names(n);
            format!("[[allow]]\nname = \"r{n}\"\nfrom = [{names}]\nto = [{names}]\nprotocol = \"tcp\"\nports = [{}]\n", n + 1)
        });
        each.collect()
    };
    assert_eq!(codes(&format!("{text}{}", lists(128)), "x.toml"), [""; 0]);
    assert_eq!(codes(&format!("{text}{}", lists(140)), "x.toml"), ["too-many"]);
    // DHCP has an output for every pair, and a crossing flows.
    let dhcp = "[[allow]]\nname = \"d\"\nfrom = \"a\"\nto = \"a\"\nprotocol = \"dhcp\"\n";
    assert_eq!(codes(&format!("{text}{dhcp}"), "x.toml"), ["too-many"]);
    let other = "[network.b]\nbridge = \"br1\"\nsubnets = [\"10.1.0.0/16\"]\n[endpoint.y]\n\
        attach = [{ network = \"b\", port = \"y\", addresses = [\"10.1.0.1\"], mac = \"02:00:00:00:00:01\" }]\n\
        [link.w]\nends = [{ bridge = \"br0\", port = \"w0\" }, { bridge = \"br1\", port = \"w1\" }]\n";
    let crossing = |count: usize| {
        let (text, names) = crowd(1);
        let ports = ports(count);
        format!(
            "{text}{other}[[crossing]]\nname = \"c\"\nfrom = [{names}]\nto = \"y\"\nprotocol = \"tcp\"\nports = [{ports}]\nover = \"w\"\napproved_by = \"me\"\nreason = \"test\"\n"
        )
    };
    assert_eq!(codes(&crossing(200), "x.toml"), [""; 0]);
    assert_eq!(codes(&crossing(300), "x.toml"), ["too-many"]);
}

#[test]
fn findings_end_somewhere() {
    let text = format!("[bridge.br0]\nports = [{}]", "7,".repeat(4000));
    let findings = parse(&text, "x.toml").unwrap_err();
    assert_eq!(findings.len(), report::MAX_FINDINGS + 1);
    assert_eq!(findings.last().unwrap().code, "too-many-findings");
}

/// Loads files that are generated on request; returns the codes of the findings, and the number of
/// files read.
fn loaded(
    name: &str,
    additions: &Additions,
    mut text: impl FnMut(&str) -> Result<String, String>,
) -> (Vec<FindingCode>, usize) {
    let mut count = 0;
    let mut read = |name: &str| {
        count += 1;
        text(name)
    };
    let findings = match load(name, &mut read, additions) {
        Ok(loaded) => loaded.findings,
        Err(failed) => failed.findings,
    };
    let mut codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    codes.dedup();
    (codes, count)
}

/// Each file includes another one, endlessly.
#[test]
fn files_that_include_further_ones_end() {
    let (codes, count) = loaded("0.toml", &Additions::default(), |name| {
        let number: usize = name.trim_end_matches(".toml").parse().unwrap();
        Ok(format!("include = \"{}.toml\"\n[bridge.b{number}]\n", number + 1))
    });
    assert_eq!((codes, count), (vec![FindingCode::TooMany], MAX_FILES));
    // One file that names very many others.
    let (codes, count) = loaded("x.toml", &Additions::default(), |name| match name {
        "x.toml" => {
            Ok(format!("include = [{}]", (0..100_000).map(|n| format!("\"{n}\",")).collect::<String>()))
        }
        _ => Ok(String::new()),
    });
    assert_eq!((codes, count), (vec![FindingCode::NoBridge, FindingCode::TooMany], MAX_FILES));
}

#[test]
fn all_files_together_are_bounded() {
    let of_each = MAX_TOTAL_LEN / 4;
    let text = |len: usize| {
        move |name: &str| match name {
            "x.toml" => Ok("include = [\"a\", \"b\", \"c\", \"d\"]\n[bridge.b]\n".to_owned()),
            _ => Ok("#".repeat(len)),
        }
    };
    assert_eq!(loaded("x.toml", &Additions::default(), text(of_each - 100)), (vec![], 5));
    assert_eq!(loaded("x.toml", &Additions::default(), text(of_each)), (vec![FindingCode::FileTooBig], 5));
    assert_eq!(loaded("x.toml", &Additions::default(), text(MAX_FILE_LEN + 1)).0, ["file-too-big"]);
}

#[test]
fn copies_of_templates_are_bounded() {
    let text = |numbers: usize| {
        format!(
            "[bridge.b]\n[template.t]\nnumbers = \"1-65535\"\ninstances = \"1-{numbers}\"\n[template.t.outside]\n"
        )
    };
    assert_eq!(codes(&text(template::MAX_INSTANCES), "x.toml"), [""; 0]);
    assert_eq!(codes(&text(template::MAX_INSTANCES + 1), "x.toml"), ["too-many"]);
    // Few copies of a large section.
    let ports = format!("ends = [{}]", "{ bridge = \"b\", port = \"p\" },".repeat(4000));
    let bomb = format!(
        "[template.t]\nnumbers = \"1-4000\"\ninstances = \"all\"\n[template.t.link.\"l{{n}}\"]\n{ports}\n"
    );
    assert_eq!(codes(&bomb, "x.toml"), ["too-many"]);
    // Additions at run time count.
    let additions = Additions {
        instances: (1..=65_535).map(|number| ("t".to_owned(), number)).collect(),
        containers: Vec::new(),
    };
    let small = "[bridge.b]\n[template.t]\nnumbers = \"1-65535\"\n[template.t.outside]\n";
    assert_eq!(loaded("x.toml", &additions, |_| Ok(small.to_owned())).0, ["too-many"]);
}

#[test]
fn endpoints_and_their_attachments_are_bounded() {
    // All ports are equal, which is only reported below the limit.
    let attach = "{ network = \"a\", port = \"p\", leased = true },";
    let text = |beyond: usize| {
        let mut text = String::new();
        for n in 0..16 {
            let count = MAX_ATTACHMENTS / 16 + if n == 0 { beyond } else { 0 };
            write!(text, "[endpoint.e{n}]\nattach = [{}]\n", attach.repeat(count)).unwrap();
        }
        text
    };
    assert_eq!(codes(&text(0), "x.toml"), ["no-bridge", "unknown-network", "too-many-findings"]);
    assert_eq!(codes(&text(1), "x.toml"), ["too-many"]);
    let containers = |count: usize| Additions {
        instances: Vec::new(),
        containers: (0..count)
            .map(|n| Container {
                id: 1,
                name: format!("c{n}"),
                network: "a".to_owned(),
                mac: None,
                services: Vec::new(),
            })
            .collect(),
    };
    let codes = |count| loaded("x.toml", &containers(count), |_| Ok("[bridge.b]\n".to_owned())).0;
    assert_eq!(codes(containers::MAX_CONTAINERS), ["addition-unknown-network", "too-many-findings"]);
    assert_eq!(codes(containers::MAX_CONTAINERS + 1), ["too-many"]);
}

#[test]
fn chains_overlays_and_ranges_are_bounded() {
    let endpoints = |count: usize| {
        let mut text = String::from("[network.a]\nbridge = \"b\"\nsubnets = [\"10.0.0.0/16\"]\n");
        for n in 0..count {
            let address = format!("10.0.{}.{}", n / 200, n % 200 + 1);
            writeln!(text, "[endpoint.e{n}]\nattach = [{{ network = \"a\", port = \"p{n}\", addresses = [\"{address}\"] }}]").unwrap();
        }
        text
    };
    let list = |from: usize, to: usize| (from..to).map(|n| format!("\"e{n}\",")).collect::<String>();
    let chain = |count: usize| {
        let hop = format!("{{ to = [{}] }}", list(1, count));
        format!("{}[[chain]]\nname = \"c\"\nfrom = \"e0\"\nhops = [{hop}]\n", endpoints(count))
    };
    assert_eq!(codes(&chain(256), "x.toml"), [""; 0]);
    assert_eq!(codes(&chain(257), "x.toml"), ["too-many"]);
    let hops = |count: usize| {
        let hops: String = (1..=count).map(|n| format!("{{ to = \"e{n}\" }},")).collect();
        format!("{}[[chain]]\nname = \"c\"\nfrom = \"e0\"\nhops = [{hops}]\n", endpoints(count + 1))
    };
    assert_eq!(codes(&hops(26), "x.toml"), [""; 0]);
    assert_eq!(codes(&hops(27), "x.toml"), ["too-many"]);
    let overlay = |count: usize| {
        let members: String = (0..count).map(|n| format!("e{n} = \"10.9.0.{n}\",")).collect();
        let overlay = format!("[overlay.o]\nprotocol = \"udp\"\nports = [1]\nmembers = {{ {members} }}\n");
        endpoints(count) + &overlay
    };
    assert_eq!(codes(&overlay(64), "x.toml"), [""; 0]);
    assert_eq!(codes(&overlay(65), "x.toml"), ["too-many"]);
    let range = |last: usize| {
        format!(
            "[network.a]\nbridge = \"b\"\nsubnets = [\"fd00::/16\"]\n\
             containers = {{ ids = \"1-{last}\", port = \"v{{id}}\", addresses = [\"fd00::{{id}}\"] }}\n"
        )
    };
    assert_eq!(codes(&range(4096), "x.toml"), [""; 0]);
    assert_eq!(codes(&range(4097), "x.toml"), ["too-many"]);
}
