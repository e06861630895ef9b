//! Comparisons of two files.

use super::{DUAL_SOCKET, SMALL, file};
use crate::verify::bridge_flows::compiled;
use crate::verify::proof::Budget;
use crate::verify::reach::{Difference, RowKind, When, difference};

fn compare(old: &str, new: &str) -> Difference {
    let (old, new) = (file(old), file(new));
    let found = difference((&old, &compiled(&old)), (&new, &compiled(&new)), Budget::default());
    assert_eq!(found.unknown, Vec::<String>::new());
    let all = || found.permitted.iter().chain(&found.denied);
    assert!(all().all(|change| change.witness.is_some()), "{found:#?}");
    found
}

/// Returns the lines of changes that open connections.
fn opened(changes: &[crate::verify::reach::Change]) -> Vec<(String, When)> {
    let rows = changes.iter().map(|change| &change.row);
    let rows = rows.filter(|row| row.kind == RowKind::Opens && !row.background);
    rows.map(|row| (row.summary(), row.when)).collect()
}

#[test]
fn a_file_does_not_differ_from_itself() {
    let commented = format!("# the same\n{SMALL}");
    assert_eq!(compare(SMALL, &commented), Difference::default());
}

#[test]
fn ports_more_and_less_are_told() {
    let new = SMALL.replace("ports = [80, 443]", "ports = [80, 8080, 8081]");
    let found = compare(SMALL, &new);
    assert_eq!(opened(&found.permitted), [("a -> b: tcp 8080-8081".to_owned(), When::Always)]);
    assert_eq!(opened(&found.denied), [("a -> b: tcp 443".to_owned(), When::Always)]);
    let witness = found.permitted[0].witness.as_ref().unwrap();
    assert!(witness.hops[0].packet.contains("tcp_dst=8080"), "{witness}");
    // And back again.
    let back = compare(&new, SMALL);
    assert_eq!(opened(&back.permitted), opened(&found.denied));
    assert_eq!(opened(&back.denied), opened(&found.permitted));
}

#[test]
fn a_window_that_goes_permits_more_only_while_windows_are_closed() {
    let new = SMALL.replace("temp = \"maintenance\"\n", "");
    let found = compare(SMALL, &new);
    assert_eq!(opened(&found.permitted), [("b -> a: tcp 22".to_owned(), When::Closed)]);
    assert_eq!(opened(&found.denied), []);
    let more = format!(
        "{SMALL}[[allow]]\nname = \"more\"\nfrom = \"b\"\nto = \"a\"\nprotocol = \"udp\"\nports = [69]\ntemp = \"maintenance\"\n"
    );
    assert_eq!(opened(&compare(SMALL, &more).permitted), [("b -> a: udp 69".to_owned(), When::Open)]);
}

#[test]
fn the_other_family_differs_too() {
    let new = SMALL.replace(", \"fd00::3\"]", "]");
    let found = compare(SMALL, &new);
    assert_eq!(opened(&found.permitted), []);
    let denied = opened(&found.denied);
    assert!(denied.contains(&("a -> b: tcp (IPv6) 80,443".to_owned(), When::Always)), "{denied:?}");
}

#[test]
fn a_line_more_in_dual_socket_is_told() {
    let raw = "[bridge.vmbr0]\nflows = [\"priority=65500,in_port=veth102,tcp,tp_dst=8080,actions=output:veth100\"]\n";
    let new = DUAL_SOCKET.replace("[endpoint.gateway]", &format!("{raw}[endpoint.gateway]"));
    let found = compare(DUAL_SOCKET, &new);
    assert_eq!(opened(&found.permitted), [("xray -> gateway: tcp (IPv4) 8080".to_owned(), When::Always)]);
}
