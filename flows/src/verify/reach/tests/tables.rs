//! Tables of what parties reach.

use super::{DUAL_SOCKET, SMALL, file};
use crate::verify::bridge_flows::compiled;
use crate::verify::proof::Budget;
use crate::verify::reach::{Direction, ReachError, ReachTable, Row, RowKind, When, reach, table};

fn reached(text: &str, party: &str, direction: Direction) -> ReachTable {
    let file = file(text);
    let found = reach(&file, &compiled(&file), party, direction, Budget::default()).unwrap();
    assert_eq!(found.unknown, Vec::<String>::new());
    found
}

#[test]
fn what_xray_reaches() {
    let found = reached(DUAL_SOCKET, "xray", Direction::From);
    insta::assert_snapshot!(table(found.shown(false)));
}

#[test]
fn who_reaches_the_api() {
    let found = reached(DUAL_SOCKET, "api", Direction::To);
    insta::assert_snapshot!(table(found.shown(true)));
}

#[test]
fn a_crossing_holds_until_its_deadline() {
    let found = reached(DUAL_SOCKET, "monitoring", Direction::From);
    let crossing = |row: &&Row| row.to.parties == ["xray"] && row.kind == RowKind::Opens && !row.background;
    let rows: Vec<&Row> = found.rows.iter().filter(crossing).collect();
    let [row] = &rows[..] else { panic!("{rows:#?}") };
    assert_eq!((row.when, row.ports.to_string()), (When::Open, "8080".to_owned()));
    assert_eq!(row.windows, ["privacy-health until 2031-12-31"]);
}

#[test]
fn a_window_is_named() {
    let found = reached(SMALL, "b", Direction::From);
    insta::assert_snapshot!(table(found.shown(false)));
    let without = SMALL.replace("temp = \"maintenance\"\n", "");
    let always = reached(&without, "b", Direction::From);
    assert!(always.rows.iter().all(|row| row.when == When::Always));
    assert!(found.rows.iter().any(|row| row.windows == ["maintenance"]));
}

#[test]
fn arp_is_background() {
    let found = reached(SMALL, "a", Direction::To);
    let protocols = |all: bool| found.shown(all).map(|row| row.protocol).collect::<Vec<_>>();
    assert!(protocols(true).contains(&"arp") && protocols(true).contains(&"nd"), "{:?}", protocols(true));
    assert!(!protocols(false).contains(&"arp") && !protocols(false).contains(&"nd"));
}

#[test]
fn an_unknown_party_is_told_with_the_nearest() {
    let file = file(DUAL_SOCKET);
    let error = reach(&file, &compiled(&file), "monitorin", Direction::From, Budget::default()).unwrap_err();
    assert!(matches!(&error, ReachError::UnknownParty { .. }));
    assert_eq!(error.help(), "did you mean \"monitoring\"?");
    let error =
        reach(&file, &compiled(&file), "nobody-at-all", Direction::To, Budget::default()).unwrap_err();
    assert!(error.help().starts_with("there are: privacy, management, "), "{}", error.help());
}

#[test]
fn what_is_not_understood_is_said() {
    let file = file(SMALL);
    let tiny = reach(&file, &compiled(&file), "a", Direction::From, Budget::nodes(1)).unwrap();
    assert!(!tiny.unknown.is_empty());
}
