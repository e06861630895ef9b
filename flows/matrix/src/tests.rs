use flows::finding::{Finding, Severity, position_of};
use flows::network::{Additions, Loaded, load};
use proptest::prelude::*;

use super::*;

const DOCUMENT: &str = include_str!("testdata/comm-matrix.md");
const SHIPPED: [(&str, &str); 7] = [
    ("comm-matrix.toml", include_str!("../../networks/comm-matrix.toml")),
    ("dual-socket.toml", include_str!("../../networks/dual-socket.toml")),
    ("dual-socket-health-check.toml", include_str!("../../networks/dual-socket-health-check.toml")),
    ("dual-socket-verbatim.toml", include_str!("../../networks/dual-socket-verbatim.toml")),
    ("pantheon.toml", include_str!("../../networks/pantheon.toml")),
    ("phoenix.toml", include_str!("../../networks/phoenix.toml")),
    ("swarm.toml", include_str!("../../networks/swarm.toml")),
];

fn network(name: &str, text: &str) -> Loaded {
    load(name, &mut |_| Ok(text.to_owned()), &Additions::default())
        .unwrap_or_else(|failed| panic!("{failed}"))
}

fn shipped() -> Loaded {
    let (name, text) = SHIPPED[0];
    network(name, text)
}

/// Returns the document without the row that contradicts it, and with the rows that it lacks.
fn consistent() -> String {
    let row = "| joi | any | WAN | TCP | 53,80,443 | Git/apt/pip | TEMP |\n";
    assert!(DOCUMENT.contains(row));
    with_leave().replace(row, "")
}

/// Returns the document with the rows that let every DHCP client ask for its address.
fn with_leave() -> String {
    let row =
        |host: &str| format!("| {host} | DHCP server | WAN (eth0) | UDP | 67/68 | Get IP address | |\n");
    assert!(DOCUMENT.contains(&row("ntp")));
    DOCUMENT.replace(&row("ntp"), &["ntp", "mesh", "gateway"].map(row).concat())
}

fn read(text: &str) -> Matrix {
    parse(text).unwrap_or_else(|findings| panic!("{}", rendered(&findings, text))).matrix
}

fn rendered(findings: &[Finding], text: &str) -> String {
    findings.iter().map(|finding| finding.render("d.md", text) + "\n").collect()
}

fn against(document: &str, network: &Loaded) -> Comparison {
    compare(&read(document), ("d.md", document), &network.file, &network.sources)
}

fn said(found: &Comparison) -> String {
    format!("{:#?}", found)
}

/// Returns whether a document cannot be read, or no longer matches the network.
fn disagrees(document: &str, network: &Loaded) -> bool {
    parse(document).map_or(true, |parsed| {
        !compare(&parsed.matrix, ("d.md", document), &network.file, &network.sources).agrees()
    })
}

#[test]
fn the_document_is_read_whole() {
    let matrix = read(DOCUMENT);
    assert_eq!(parse(DOCUMENT).unwrap().findings, []);
    assert_eq!((matrix.hosts.len(), matrix.columns.len(), matrix.rows.len()), (4, 3, 24));
    let labels: Vec<&str> = matrix.columns.iter().map(|column| &*column.label).collect();
    assert_eq!(labels, ["vmbr1 (internal)", "Nebula", "WAN"]);
    let row = matrix.rows.iter().find(|row| row.to == "any").unwrap();
    assert_eq!((&*row.from, &*row.section, &row.temp), ("joi", "Joi VM", &Temp::Window));
    assert_eq!(
        (row.protocol, &*row.ports, &*row.nets),
        (Protocol::Tcp, &[53, 80, 443][..], &["WAN".to_owned()][..])
    );
    assert_eq!(&DOCUMENT[row.places.port.clone()], "53,80,443");
    assert_eq!(&DOCUMENT[row.places.to.clone()], "any");
    let dhcp = matrix.rows.iter().find(|row| row.protocol == Protocol::Dhcp).unwrap();
    assert_eq!((&*dhcp.to, &*dhcp.ports), ("DHCP server", &[][..]));
    let inside: Vec<_> = matrix.rows.iter().filter_map(|row| row.in_overlay.as_ref()).collect();
    assert_eq!(inside.len(), 2);
    assert_eq!(inside[0].address, Some("10.42.0.10".parse().unwrap()));
    let [envelope] = matrix.envelopes.as_slice() else { panic!("{:?}", matrix.envelopes) };
    assert_eq!((&*envelope.overlay, envelope.protocol, &*envelope.net), ("Nebula", Protocol::Udp, "vmbr1"));
    assert_eq!(
        (&*envelope.ports, &*envelope.members),
        (&[4242][..], &["mesh".to_owned(), "joi".to_owned()][..])
    );
}

#[test]
fn the_shipped_network_is_the_document_but_for_the_row_that_contradicts_it() {
    let found = against(DOCUMENT, &shipped());
    let [finding] = found.document.as_slice() else { panic!("{}", said(&found)) };
    let unsaid: Vec<_> =
        found.network.iter().map(|finding| (finding.code.as_str(), &*finding.help)).collect();
    let dhcp = |(code, help): &(&str, &str)| *code == "row-not-in-document" && help.contains("| 67/68 |");
    assert!(unsaid.len() == 2 && unsaid.iter().all(dhcp), "{unsaid:?}");
    assert_eq!(finding.code, "row-not-allowed");
    assert_eq!(position_of(DOCUMENT, finding.span.clone().unwrap().start).line, 27);
    assert!(finding.message.contains("joi has no place on WAN"), "{}", finding.message);
    let line = SHIPPED[0].1.lines().position(|line| line.starts_with("[endpoint.joi]")).unwrap() + 1;
    assert!(finding.message.contains(&format!("comm-matrix.toml:{line}")), "{}", finding.message);
    let found = against(&consistent(), &shipped());
    assert!(found.agrees(), "{}", said(&found));
}

#[test]
fn a_printed_matrix_agrees_with_its_network() {
    for (name, text) in SHIPPED {
        let network = network(name, text);
        let printed = print(&effective(&network.file));
        let found = against(&printed, &network);
        assert!(found.agrees(), "{name}: {}\n{printed}", said(&found));
        assert_eq!(bare(read(&printed)).rows, bare(effective(&network.file)).rows, "{name}");
    }
}

#[test]
fn a_pantheon_of_all_projects_is_printed_and_read_back() {
    let text = SHIPPED[4].1.replace("instances = \"1-3\"", "instances = \"all\"");
    let network = network("pantheon.toml", &text);
    let printed = print(&effective(&network.file));
    assert!(printed.contains("| vm-255 | shared-255 | project-255 | TCP | 8888 |"));
    let found = against(&printed, &network);
    assert!(found.agrees(), "{}", said(&found));
    let without = printed.replace("| vm-255 | shared-255 |", "| vm-255 | shared-254 |");
    assert!(!against(&without, &network).agrees());
}

#[test]
fn an_imported_document_has_the_effect_of_the_shipped_network() {
    let document = with_leave();
    let imported = import(&read(&document), ("d.md", &document)).unwrap();
    let made = network("made.toml", &imported.text);
    assert!(made.findings.iter().all(|finding| finding.severity == Severity::Note), "{:#?}", made.findings);
    for (one, other) in [(&made, &shipped()), (&shipped(), &made)] {
        let found = against(&print(&effective(&one.file)), other);
        assert!(found.agrees(), "{}", said(&found));
    }
    let warnings: Vec<&Finding> =
        imported.findings.iter().filter(|finding| finding.severity == Severity::Warning).collect();
    let [finding] = warnings.as_slice() else { panic!("{warnings:#?}") };
    assert_eq!(finding.code, "not-attached");
    assert_eq!(position_of(DOCUMENT, finding.span.clone().unwrap().start).line, 27);
    assert!(finding.message.contains("`joi` has no place on WAN by the table of hosts (line 10)"));
    assert!(imported.text.contains("# Left out, line 27 of the document: joi → any TCP 53,80,443: "));
    let verbatim = import(&read(DOCUMENT), ("d.md", DOCUMENT)).unwrap();
    let notes: Vec<&str> = verbatim.findings.iter().map(|finding| finding.code.as_str()).collect();
    for code in ["assumed-bridge", "assumed-subnet", "assumed-address", "no-dhcp-row"] {
        assert!(notes.contains(&code), "{code}: {notes:?}");
    }
    let windows: Vec<_> = made.file.allows.iter().filter_map(|allow| allow.temp.as_deref()).collect();
    assert_eq!(windows, ["updates"; 8]);
    let via = made.file.allows.iter().filter(|allow| allow.via.as_deref() == Some("gateway")).count();
    assert_eq!(via, 6);
}

/// Returns the lines of the document's tables that hold data, with their cells.
fn rows_of(text: &str) -> Vec<(usize, Vec<&str>)> {
    let rows = text.lines().enumerate().filter(|(_, line)| {
        line.starts_with("| ") && !line.starts_with("| VM |") && !line.starts_with("| From |")
    });
    rows.map(|(at, line)| (at, line.trim_matches('|').split('|').map(str::trim).collect())).collect()
}

fn with_line(text: &str, at: usize, line: Option<&str>) -> String {
    let lines = text.lines().enumerate().filter_map(|(n, old)| if n == at { line } else { Some(old) });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn a_change_of_any_cell_of_any_row_is_found() {
    let (document, network) = (consistent(), shipped());
    assert!(!disagrees(&document, &network));
    let mut tried = 0;
    for (at, cells) in rows_of(&document) {
        // The title of a section matters only if it names a next hop.
        if cells.len() == 1 {
            let title = cells[0].replace("via", "by");
            assert_eq!(
                disagrees(&with_line(&document, at, Some(&format!("| {title} |"))), &network),
                cells[0].contains("via"),
                "{cells:?}"
            );
            continue;
        }
        assert!(disagrees(&with_line(&document, at, None), &network), "without {cells:?}");
        for (column, cell) in cells.iter().enumerate() {
            let flow = cells.len() > 4;
            let other = match (flow, column, *cell) {
                // The purpose of a row has no counterpart in the rules.
                (true, 5, _) => continue,
                (true, 6, "") => "TEMP",
                (true, 6, _) => "",
                (true, 4, "22") => "22,23",
                (true, 4, _) => "22",
                (true, 3, "TCP") => "UDP",
                (true, 3, _) => "TCP",
                (true, 2, "vmbr1") => "WAN",
                (true, 2, "10.42.0.10") => "10.42.0.11",
                (true, 2, "10.42.0.1") => "10.42.0.10",
                (true, 2, _) => "vmbr1",
                (true, 0, "mesh") => "ntp",
                (true, 0, _) => "mesh",
                (true, 1, "joi" | "localhost") => "ntp",
                (true, 1, _) => "joi",
                (false, 0, "mesh") => "mash",
                (false, 0, _) => "mesh",
                // `yes` names no address.
                (false, _, "none") => "yes",
                (false, _, "yes") => "none",
                (false, _, _) => "10.42.0.77",
                _ => unreachable!(),
            };
            let mut cells = cells.clone();
            cells[column] = other;
            let line = format!("| {} |", cells.join(" | "));
            assert!(disagrees(&with_line(&document, at, Some(&line)), &network), "{line}");
            tried += 1;
        }
    }
    assert!(tried > 140, "{tried}");
    let sentence = "Nebula itself uses UDP 4242 on vmbr1 between mesh and joi.";
    for other in [
        "",
        "Nebula itself uses UDP 4243 on vmbr1 between mesh and joi.",
        "Nebula itself uses UDP 4242 on WAN between mesh and joi.",
        "Nebula itself uses UDP 4242 on vmbr1 between mesh and ntp.",
    ] {
        assert!(disagrees(&document.replace(sentence, other), &network), "{other}");
    }
}

#[test]
fn a_change_of_any_rule_is_found() {
    let (document, text) = (consistent(), SHIPPED[0].1);
    let rules: Vec<&str> = text.split("\n\n").filter(|part| part.starts_with("[[allow]]")).collect();
    assert_eq!(rules.len(), 18);
    for rule in rules {
        let without = network("n.toml", &text.replace(rule, ""));
        assert!(!against(&document, &without).agrees(), "without {rule}");
        for (old, new) in
            [("protocol = \"tcp\"", "protocol = \"sctp\""), ("temp = ", "#"), ("ports = [", "ports = [7, ")]
        {
            if rule.contains(old) {
                let other = network("n.toml", &text.replace(rule, &rule.replace(old, new)));
                let found = against(&document, &other);
                assert!(!found.agrees(), "{rule} with {new}");
                assert!(
                    found.document.iter().all(|finding| finding.message.contains("n.toml:")),
                    "{}",
                    said(&found)
                );
            }
        }
    }
    let more = "\n[[allow]]\nname = \"more\"\nfrom = \"ntp\"\nto = \"joi\"\nprotocol = \"icmp\"\n";
    let found = against(&document, &network("n.toml", &format!("{text}{more}")));
    let [finding] = found.network.as_slice() else { panic!("{}", said(&found)) };
    assert_eq!(finding.code, "row-not-in-document");
    assert!(finding.help.ends_with("| ntp | joi | internal | ICMP |  |  |  |"), "{}", finding.help);
    // The row that the help proposes must work.
    let row = finding.help.split("add to the document: ").nth(1).unwrap();
    let longer = document.replace("| joi | ntp |", &format!("{row}\n| joi | ntp |"));
    let found = against(&longer, &network("n.toml", &format!("{text}{more}")));
    assert!(found.agrees(), "{}", said(&found));
}

#[test]
fn each_kind_of_disagreement_names_both_lines() {
    let network = shipped();
    let document = consistent();
    let line = |words: &str| {
        let at = SHIPPED[0].1.lines().position(|line| line.contains(words)).unwrap() + 1;
        format!("comm-matrix.toml:{at}")
    };
    for (old, new, code, words) in [
        (
            "| TCP | 443 | Signal",
            "| TCP | 444 | Signal",
            "row-differs",
            "ports: the document says TCP 444, the network TCP 443",
        ),
        (
            "| UDP | 53 | DNS res",
            "| TCP | 53 | DNS res",
            "row-differs",
            "ports: the document says TCP 53, the network UDP 53",
        ),
        (
            "| Signal protocol | |",
            "| Signal protocol | TEMP |",
            "row-differs",
            "time: the document says TEMP, the network always open",
        ),
        (
            "| Signal protocol | |",
            "| Signal protocol | TEMP night |",
            "row-differs",
            "time: the document says TEMP night",
        ),
        (
            "| mesh | ntp | vmbr1 |",
            "| mesh | ntp | Nebula |",
            "row-differs",
            "path: the document says Nebula, the network internal",
        ),
        (
            "**Update Routing (via Gateway)**",
            "**Update Routing**",
            "row-differs",
            "next hop: the document says to it alone, the network by it to internet",
        ),
        (
            "| mesh | Signal servers |",
            "| mesh | Signal server |",
            "row-not-allowed",
            "it has nothing called `Signal server`",
        ),
        ("| TCP | 22 | SSH", "| TCP | 22,2222 | SSH", "row-not-allowed", "gateway → mesh TCP 2222"),
        (
            "| 172.22.22.3 |",
            "| 172.22.22.33 |",
            "place-differs",
            "the document says 172.22.22.33, the network 172.22.22.3",
        ),
        ("| joi | 10.42.0.10 |", "| joi | 10.42.0.1 |", "", ""),
        (
            "| mesh | joi | 10.42.0.10 |",
            "| mesh | joi | 10.42.0.9 |",
            "address-differs",
            "10.42.0.9 is not the address of joi in nebula",
        ),
        (
            "| Nebula | TCP | 8443 |",
            "| Nebula | TCP | 8445 |",
            "tables-disagree",
            "is not in the overlay's own table",
        ),
        (
            "UDP 4242 on",
            "UDP 4243 on",
            "envelope-differs",
            "nebula itself uses UDP 4242 on internal between mesh and joi.",
        ),
    ] {
        if code.is_empty() {
            continue;
        }
        let changed = document.replacen(old, new, 1);
        assert_ne!(changed, document, "{old}");
        let found = against(&changed, &network);
        let all: Vec<&Finding> = found.document.iter().chain(&found.network).collect();
        let finding =
            all.iter().find(|f| f.code == code).unwrap_or_else(|| panic!("{new}: {}", said(&found)));
        assert!(finding.message.contains(words), "{new}: {}", finding.message);
        assert!(
            code == "tables-disagree" || finding.message.contains("comm-matrix.toml:"),
            "{}",
            finding.message
        );
        assert!(!finding.help.is_empty());
    }
    let found = against(&document.replacen("| TCP | 443 | Signal", "| TCP | 444 | Signal", 1), &network);
    assert!(found.document[0].message.contains(&line("name = \"mesh-signal\"")), "{}", said(&found));
    assert_eq!(found.network, []);
    let found = against(&document.replacen("| Signal servers |", "| Signal server |", 1), &network);
    assert_eq!(found.document[0].help, "is it signal-servers?");
}

#[test]
fn names_are_compared_without_case_and_columns_by_their_heads() {
    let network = shipped();
    let document = consistent()
        .replace("| Signal servers |", "| SIGNAL  SERVERS |")
        .replace("| mesh | ntp | vmbr1 |", "| Mesh | NTP | Internal |");
    assert!(against(&document, &network).agrees());
    // Columns in another order, with other words, and without bars at the ends.
    let document = "VM | WAN | internal (vmbr1)\n-- | --- | ---\na | none | 10.0.0.1/24\nb | none | 10.0.0.2\n\nPORTS | protocol | Source | Destination\n---|---|---|---\n22 | tcp | a | b\n";
    let matrix = read(document);
    let imported = import(&matrix, ("d.md", document)).unwrap();
    let network = network_of(&imported);
    assert_eq!(network.file.networks.len(), 1);
    assert!(against(document, &network).agrees(), "{}", imported.text);
    assert_eq!(network.file.allows[0].ports, [22]);
}

fn network_of(imported: &Imported) -> Loaded {
    network("made.toml", &imported.text)
}

const HOSTS: &str = "| VM | vmbr1 (lan) | WAN | Mesh |\n|--|--|--|--|\n| a | 10.0.0.1 | DHCP | 10.9.0.1 |\n| b | 10.0.0.2 | none | 10.9.0.2 |\n| c | none | DHCP | none |\n| gw | 10.0.0.4 | yes | none |\n\n";
const FLOWS: &str = "| From | To | Net | Proto | Port | Purpose | Temp |\n|--|--|--|--|--|--|--|\n";

#[test]
fn what_cannot_be_read_says_where_and_what_to_do() {
    for (text, line, code, words, help) in [
        (
            format!("{FLOWS}| a | b | lan | TPC | 1 | | |"),
            3,
            "bad-protocol",
            "`TPC` is no protocol",
            "write TCP, UDP",
        ),
        (
            format!("{FLOWS}| a | b | lan | TCP | 70000 | | |"),
            3,
            "bad-port",
            "`70000` is no port",
            "443 or 80,443",
        ),
        (format!("{FLOWS}| a | b | lan | TCP | 0 | | |"), 3, "bad-port", "`0` is no port", "443"),
        (
            format!("{FLOWS}| a | b | lan | TCP | 1-900 | | |"),
            3,
            "bad-port",
            "more than 64 ports",
            "name the ports",
        ),
        (format!("{FLOWS}| a | b | lan | TCP | 9-1 | | |"), 3, "bad-port", "ends before it begins", "443"),
        (
            format!("{FLOWS}| a | b | lan | UDP | 53/80 | | |"),
            3,
            "bad-port",
            "the two ports of DHCP only",
            "67/68",
        ),
        (format!("{FLOWS}| a | b | lan | TCP | 67/68 | | |"), 3, "bad-port", "67/68 is DHCP", "write UDP"),
        (
            format!("{FLOWS}| a | b | lan | ICMP | 8 | | |"),
            3,
            "bad-port",
            "a protocol that has none",
            "leave the port empty",
        ),
        (
            format!("{FLOWS}| a | b | lan | TCP | 1 | | maybe |"),
            3,
            "bad-temp",
            "`maybe` does not say",
            "write TEMP",
        ),
        (
            format!("{FLOWS}| a | | lan | TCP | 1 | | |"),
            3,
            "unnamed-party",
            "nobody under `To`",
            "name a host",
        ),
        (format!("{FLOWS}| A section |"), 3, "unnamed-party", "nobody under `To`", "**bold**"),
        (
            format!("{FLOWS}| a | b | lan | TCP | 1 | x | y | | |"),
            3,
            "too-many-cells",
            "9 cells, and the table has 7",
            "\\|",
        ),
        (
            format!("{FLOWS}\n| a | b | lan | TCP | 1 | | |"),
            4,
            "broken-table",
            "looks like rows of a table",
            "no empty line",
        ),
        (
            "| From | Too | Proto | Port |\n|--|--|--|--|\n| a | b | TCP | 1 |".into(),
            1,
            "missing-column",
            "no column `To`",
            "is `Too` that column?",
        ),
        (
            "| From | To | Port |\n|--|--|--|\n| a | b | 1 |".into(),
            1,
            "missing-column",
            "no column `Proto`",
            "in any order",
        ),
        (
            "| From | To | Proto | Port | Tmep |\n|--|--|--|--|--|\n| a | b | TCP | 1 | TEMP |".into(),
            1,
            "unknown-column",
            "`Tmep` is not read",
            "did you mean `Temp`?",
        ),
        (
            "| From | To | Proto | Port | Ports |\n|--|--|--|--|--|\n".into(),
            1,
            "repeated-column",
            "two columns for `Port`",
            "keep one",
        ),
        (HOSTS.to_owned(), 0, "no-flows", "no table of flows", "add one"),
        (
            "| VM | lan |\n|--|--|\n| a | 10.0.0.1 |\n| b | 10.0.0.300 |".into(),
            4,
            "bad-address",
            "`10.0.0.300` is no address",
            "none, DHCP or yes",
        ),
        ("| VM | lan |\n|--|--|\n| | 10.0.0.1 |".into(), 3, "unnamed-host", "no name", "first cell"),
        (
            "| VM | lan |\n|--|--|\n| a | 10.0.0.1 |\n| A | 10.0.0.2 |".into(),
            4,
            "repeated-host",
            "twice",
            "one row",
        ),
        (
            "| From | To | Mesh IP | Proto | Port |\n|--|--|--|--|--|\n| a | b | ten | TCP | 1 |".into(),
            3,
            "bad-address",
            "`ten` is no address",
            "in the overlay",
        ),
        (
            "Mesh itself uses UDP on lan between a and b.".into(),
            1,
            "bad-envelope",
            "it has no port",
            "Nebula itself uses",
        ),
        ("Mesh itself uses UDP 1 on lan.".into(), 1, "bad-envelope", "no `between`", "Nebula itself uses"),
        ("Mesh itself uses UDP 1 between a.".into(), 1, "bad-envelope", "takes two", "Nebula itself uses"),
        ("x\n".repeat(MAX_LINES + 1), 65_537, "document-too-big", "more than 65536 lines", "split"),
        ("|x".repeat(MAX_COLUMNS + 2), 1, "document-too-big", "more than 64 columns", "split"),
        ("x".repeat(MAX_DOCUMENT_LEN + 1), 0, "document-too-big", "more than 4194304", "split"),
    ] {
        let findings = parse(&text).map(|parsed| panic!("{words}: {parsed:?}")).unwrap_err();
        let shown = rendered(&findings[..findings.len().min(3)], &text);
        let finding = findings.iter().find(|f| f.code == code).unwrap_or_else(|| panic!("{code}: {shown}"));
        assert!(finding.is_error() && finding.message.contains(words), "{words}: {shown}");
        assert!(finding.help.contains(help), "{help}: {shown}");
        let at = finding.span.as_ref().map_or(0, |span| position_of(&text, span.start).line);
        assert_eq!(at, line, "{shown}");
    }
}

#[test]
fn what_cannot_be_imported_is_a_comment_and_a_finding() {
    let sentence = "\n\nMesh itself uses UDP 4242 on lan between a and b.\n";
    for (row, code, words) in [
        (
            "| b | web | WAN | TCP | 1 | | |",
            "not-attached",
            "`b` has no place on WAN by the table of hosts (line 4)",
        ),
        ("| b | c | | TCP | 1 | | |", "no-network", "they share no network"),
        ("| a | c | WAN | TCP | 1 | | |", "no-address", "the address of `c` there is not known"),
        ("| web | a | WAN | TCP | 1 | | |", "no-address", "the address of `a` there is not known"),
        ("| a | b | docker0 | TCP | 1 | | |", "unknown-network", "`docker0` is no column"),
        ("| a | gw | Mesh | TCP | 1 | | |", "not-a-member", "`gw` is no member of Mesh"),
        ("| a | web | Mesh | TCP | 1 | | |", "not-a-member", "`web` is no host in Mesh"),
        ("| web | site | WAN | TCP | 1 | | |", "no-rule", "neither end is a host"),
        ("| **S (via b)** |\n| a | b | lan | TCP | 1 | | |", "no-way-out", "b is on no other network"),
        ("| **S (via gw)** |\n| a | b | lan | TCP | 1 | | |", "via-inside", "`b` is not"),
        ("| **S (via gw)** |\n| c | gw | lan | TCP | 1 | | |", "not-attached", "`c` and gw share no network"),
        ("| a | bb | WAN | TCP | 1 | | |", "maybe-a-host", "`bb` is no host"),
        (
            "| a | b | lan | TCP | 2 | | |\n| a | b | lan | TCP | 2 | | |",
            "repeated-row",
            "line 10 says the same",
        ),
        ("| a | gw | lan | TCP | 2 | | |", "", ""),
    ] {
        let text = format!("{HOSTS}{FLOWS}{row}{sentence}");
        let imported = import(&read(&text), ("d.md", &text)).unwrap();
        network_of(&imported);
        let finding = imported.findings.iter().find(|finding| finding.code == code);
        if code.is_empty() {
            let worst = imported.findings.iter().map(|finding| finding.severity).min();
            assert_eq!(worst, Some(Severity::Note), "{}", rendered(&imported.findings, &text));
            continue;
        }
        let finding = finding.unwrap_or_else(|| panic!("{row}: {}", rendered(&imported.findings, &text)));
        assert!(finding.message.contains(words), "{}", finding.message);
        assert!(!finding.help.is_empty());
        let left_out = !matches!(code, "maybe-a-host" | "repeated-row");
        let comment = imported.text.contains("# Left out, line ") && imported.text.contains(words);
        assert_eq!(comment, left_out, "{}", imported.text);
    }
    let findings = import(&read(FLOWS), ("d.md", FLOWS)).unwrap_err();
    assert_eq!(findings[0].code, "no-hosts");
}

#[test]
fn rows_are_imported_as_what_they_say() {
    let rows = "| a, gw | b | lan | TCP/UDP | 8000-8002 | x \\| y | TEMP (night) |\n| any | b | lan | TCP | 443 | | |\n| a | any | WAN | ICMP | | | |\n| a | localhost | lo | TCP | 5 | | |\n| **Way out via GW** |\n| b | web | lan | TCP | 443 | | |\n";
    let text = format!("{HOSTS}{FLOWS}{rows}\n\nMesh itself uses UDP 4242 on lan between a and b.\n");
    let imported = import(&read(&text), ("d.md", &text)).unwrap();
    let network = network_of(&imported);
    let allows: Vec<_> =
        network.file.allows.iter().filter(|allow| !allow.name.starts_with("mesh.")).collect();
    assert_eq!(allows.len(), 8, "{}", imported.text);
    assert_eq!((&*allows[0].ports, &*allows[0].purpose), (&[8000, 8001, 8002][..], "x | y"));
    assert_eq!(allows[0].temp.as_deref(), Some("night"));
    assert_eq!((&*allows[4].from, &*allows[4].to), (&["lan".to_owned()][..], &["b".to_owned()][..]));
    assert_eq!(allows[6].place, flows::network::EnforcementPoint::Elsewhere("lo".to_owned()));
    assert_eq!((allows[7].via.as_deref(), &*allows[7].to), (Some("gw"), &["web".to_owned()][..]));
    let found = against(&text, &network);
    assert!(found.agrees(), "{}\n{}", said(&found), imported.text);
}

#[test]
fn members_that_talk_freely_and_lists_of_them_are_the_same() {
    let free = network(
        "n.toml",
        "[network.lan]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\ninside = \"allow\"\n[endpoint.a]\nattach = [{ network = \"lan\", port = \"p1\", addresses = [\"10.0.0.1\"] }]\n[endpoint.b]\nattach = [{ network = \"lan\", port = \"p2\", addresses = [\"10.0.0.2\"] }]\n",
    );
    let head = "| From | To | Proto | Port |\n|--|--|--|--|\n";
    let document = format!("{head}| a | b | any | |\n| b | a | any | |\n");
    assert!(against(&document, &free).agrees(), "{}", said(&against(&document, &free)));
    assert!(against(&format!("{head}| lan | lan | any | |\n"), &free).agrees());
    assert!(!against(&format!("{head}| a | b | any | |\n"), &free).agrees());
    // A row narrower than the rule is allowed, but does not cover the rule.
    let found = against(&format!("{document}| a | b | TCP | 22 |\n"), &free);
    assert!(found.agrees(), "{}", said(&found));
}

#[test]
fn a_next_hop_is_one_where_the_exit_is_not_or_where_there_is_no_other() {
    let plug = |network: &str, n: u8| {
        let third = u8::from(network == "wan");
        format!(
            "{{ network = \"{network}\", port = \"{network}{n}\", addresses = [\"10.0.{third}.{n}\"], mac = \"02:00:00:00:0{third}:0{n}\" }}"
        )
    };
    let networks = "[network.lan]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n[network.wan]\nbridge = \"br1\"\nsubnets = [\"10.0.1.0/24\"]\n[exit.out]\nnetwork = \"wan\"\nport = \"up\"\n";
    let endpoint =
        |name: &str, plugs: &[String]| format!("[endpoint.{name}]\nattach = [{}]\n", plugs.join(", "));
    let both = |n| [plug("lan", n), plug("wan", n)];
    let hop = endpoint("hop", &both(1));
    let rule = "[[allow]]\nname = \"r\"\nfrom = [\"a\"]\nto = \"out\"\nvia = \"hop\"\n";
    for (a, nets) in [
        (endpoint("a", &both(2)), "lan"),
        (endpoint("a", &[plug("lan", 2)]), "lan"),
        // An endpoint that is on the network of the exit only.
        (endpoint("a", &[plug("wan", 2)]), "wan"),
    ] {
        let network = network("n.toml", &format!("{networks}{hop}{a}{rule}"));
        let matrix = effective(&network.file);
        let rows: Vec<_> = matrix.rows.iter().map(|row| (&*row.from, &*row.to, row.nets.join(" "))).collect();
        assert_eq!(rows, [("a", "hop", nets.to_owned())], "{a}");
        // The compiler puts the rule on the same network.
        for (bridge, on) in [("br0", "lan"), ("br1", "wan")] {
            let ports = flows::verify::bridge_flows::numbered_ports(&network.file, bridge);
            let program = flows::compile::compile(&network.file, bridge, &ports, &Default::default());
            let rules = program.origins().filter(|(_, origin)| origin.rule == "r").count();
            assert_eq!(rules > 0, on == nets, "{bridge}: {a}");
        }
    }
}

/// Removes the places, as they differ between a document and its source.
fn bare(mut matrix: Matrix) -> Matrix {
    matrix.columns.iter_mut().for_each(|column| column.span = 0..0);
    for host in &mut matrix.hosts {
        host.span = 0..0;
        host.places.iter_mut().for_each(|place| place.span = 0..0);
    }
    matrix.rows.iter_mut().for_each(|row| row.places = RowPositions::default());
    matrix.envelopes.iter_mut().for_each(|envelope| envelope.span = 0..0);
    matrix
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn a_name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9 _.*|<>&\\\\`\\[\\]-]{0,10}[a-z]".prop_map(|name| plain(&name))
}

fn a_row() -> impl Strategy<Value = MatrixRow> {
    let protocol = prop_oneof![
        Just(Protocol::Any),
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Sctp),
        Just(Protocol::Icmp),
        Just(Protocol::Dhcp),
    ];
    let temp = prop_oneof![Just(Temp::Always), Just(Temp::Window), "[a-z]{1,8}".prop_map(Temp::Named)];
    let nets = proptest::collection::vec("[a-z0-9]{1,6}( \\([a-z]{1,4}\\))?", 0..3);
    let ports = proptest::collection::btree_set(1u16.., 0..5);
    (a_name(), a_name(), nets, protocol, ports, "\\PC{0,24}", temp).prop_map(
        |(from, to, nets, protocol, ports, purpose, temp)| MatrixRow {
            section: String::new(),
            from,
            to,
            nets,
            in_overlay: None,
            protocol,
            ports: match protocol {
                Protocol::Tcp | Protocol::Udp | Protocol::Sctp => ports.into_iter().collect(),
                _ => Vec::new(),
            },
            purpose: plain(&purpose),
            temp,
            places: RowPositions::default(),
        },
    )
}

fn a_matrix() -> impl Strategy<Value = Matrix> {
    let presence = prop_oneof![
        Just(Presence::None),
        Just(Presence::Yes),
        Just(Presence::Dhcp),
        (any::<[u8; 4]>(), any::<[u16; 8]>()).prop_map(|(v4, v6)| Presence::At {
            addresses: vec![IpAddr::from(v4).into(), IpAddr::from(v6).into()],
            behind: vec!["10.8.0.0/24".parse().unwrap()],
        }),
    ];
    let hosts = proptest::collection::vec((a_name(), proptest::collection::vec(presence, 14)), 1..4);
    let section = "\\PC{1,12}".prop_map(|title| format!("S{}", plain(&title)));
    let rows = proptest::collection::vec(a_row(), 0..4);
    let sections = proptest::collection::vec((section, proptest::collection::vec(a_row(), 1..3)), 0..3);
    let inside = proptest::collection::vec((a_row(), any::<Option<[u8; 4]>>()), 0..3);
    (1usize..14, hosts, rows, sections, inside, any::<bool>()).prop_map(
        |(columns, hosts, mut rows, sections, inside, envelope)| {
            for (section, some) in sections {
                rows.extend(some.into_iter().map(|row| MatrixRow { section: section.clone(), ..row }));
            }
            rows.extend(inside.into_iter().map(|(row, address)| MatrixRow {
                nets: vec!["Nebula".to_owned()],
                in_overlay: Some(InOverlay { address: address.map(IpAddr::from) }),
                ..row
            }));
            let place = |(column, presence)| HostPlace { column, presence, span: 0..0 };
            let mut seen = std::collections::HashSet::new();
            let hosts: Vec<MatrixHost> = hosts
                .into_iter()
                .filter(|(name, _)| seen.insert(words::slug(name)))
                // With several tables, a host on none of a table's networks is not among the rows
                // of that table.
                .map(|(name, all)| {
                    let all = all.into_iter().map(|p| if columns > 12 { Presence::Yes } else { p });
                    let places = (0..columns).zip(all).map(place).collect();
                    MatrixHost { name, span: 0..0, places }
                })
                .collect();
            let columns =
                (0..columns).map(|n| Column { label: format!("vmbr{n} (net_{n})"), span: 0..0 }).collect();
            let envelope = envelope.then(|| Envelope {
                overlay: "Nebula".to_owned(),
                protocol: Protocol::Udp,
                ports: vec![4242, 4243],
                net: "vmbr0".to_owned(),
                members: vec!["a".to_owned(), "b_c".to_owned(), "d".to_owned()],
                span: 0..0,
            });
            Matrix { columns, hosts, rows, envelopes: envelope.into_iter().collect() }
        },
    )
}

/// Generates texts that look like documents and are not.
fn a_text() -> impl Strategy<Value = String> {
    let words = prop_oneof![
        Just("| From | To | Net | Proto | Port | Temp |\n|--|--|--|--|--|--|\n".to_owned()),
        Just("| VM | vmbr1 (lan) | WAN |\n|--|--|--|\n".to_owned()),
        Just("| From | To | Mesh IP | Proto | Port |\n|--|--|--|--|--|\n".to_owned()),
        Just("Mesh itself uses UDP 4242 on lan between a and b.".to_owned()),
        Just("| **S (via a)** |\n".to_owned()),
        Just("| a | b | lan | TCP | 80 | TEMP |\n".to_owned()),
        Just("| a | 10.0.0.1 | DHCP |\n| b | fd00::1/64 | yes |\n".to_owned()),
        Just("| b | web | WAN | UDP | 67/68 | |\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("|".to_owned()),
        "[a-z|*\\-,/ 0-9]{0,12}",
        "\\PC{0,6}",
    ];
    proptest::collection::vec(words, 0..14).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(matrix in a_matrix()) {
        let printed = print(&matrix);
        let read = parse(&printed);
        prop_assert!(read.is_ok(), "{}\n{printed}", rendered(&read.unwrap_err(), &printed));
        let read = bare(read.unwrap().matrix);
        prop_assert_eq!(&read.rows, &matrix.rows, "{}", printed);
        prop_assert_eq!(read, matrix, "{}", printed);
    }

    #[test]
    fn no_text_is_too_odd(text in a_text()) {
        let Ok(parsed) = parse(&text) else { return Ok(()) };
        let shipped = shipped();
        let found = compare(&parsed.matrix, ("d.md", &text), &shipped.file, &shipped.sources);
        prop_assert!(!found.agrees());
        if let Ok(imported) = import(&parsed.matrix, ("d.md", &text)) {
            let made = network::parse(&imported.text);
            prop_assert!(made.is_ok(), "{}\n{:?}", imported.text, made.unwrap_err());
        }
    }
}

mod network {
    use flows::finding::Finding;

    pub(super) fn parse(text: &str) -> Result<(), Vec<Finding>> {
        flows::network::parse(text, "made.toml").map(|_| ())
    }
}
