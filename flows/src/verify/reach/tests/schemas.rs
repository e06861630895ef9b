//! The answers conform to their schemas.

use serde_json::{Value, json};

use super::{DUAL_SOCKET, SMALL, file};
use crate::verify::bridge_flows::compiled;
use crate::verify::proof::Budget;
use crate::verify::reach::{AnswerKind, Direction, Question, difference, reach, schema, why};

fn conforms(kind: AnswerKind, answer: &Value) {
    let schema = schema(kind);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{answer:#}");
    // Nothing else does.
    let mut more = answer.clone();
    more.as_object_mut().unwrap().insert("more".to_owned(), json!(1));
    assert!(!validator.is_valid(&more) && !validator.is_valid(&json!({})));
}

#[test]
fn tables_conform() {
    let file = file(DUAL_SOCKET);
    let table = reach(&file, &compiled(&file), "xray", Direction::From, Budget::default()).unwrap();
    assert!(!table.rows.is_empty());
    conforms(AnswerKind::Reach, &serde_json::to_value(table).unwrap());
}

#[test]
fn differences_conform() {
    let (old, new) = (file(SMALL), file(&SMALL.replace("443", "8443")));
    let found = difference((&old, &compiled(&old)), (&new, &compiled(&new)), Budget::default());
    assert!(!found.permitted.is_empty() && !found.denied.is_empty());
    conforms(AnswerKind::DiffReach, &serde_json::to_value(found).unwrap());
}

#[test]
fn answers_conform() {
    let file = file(SMALL);
    let bridges = compiled(&file);
    for (from, to, service) in
        [("a", "b", "tcp/443"), ("a", "b", "udp/9"), ("a", "c", "icmp"), ("b", "a", "tcp/22")]
    {
        let (from, to) = (from.to_owned(), to.to_owned());
        let question = Question { from, to, service: service.parse().unwrap(), from_port: None, mac: None };
        let answer = why(&file, &bridges, &question, Budget::default()).unwrap();
        conforms(AnswerKind::Why, &serde_json::to_value(answer).unwrap());
    }
}
