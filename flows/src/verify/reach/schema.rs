//! JSON Schemas of the answers, as the commands print them.

use serde_json::{Value, json};

/// The dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// An answer that is printed as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// An [`Answer`](super::Answer).
    Why,
    /// A [`ReachTable`](super::ReachTable).
    Reach,
    /// A [`Difference`](super::Difference).
    DiffReach,
}

/// Returns the schema of an answer.
pub fn schema(kind: AnswerKind) -> Value {
    let (title, mut root) = match kind {
        AnswerKind::Why => ("Answer of why", why()),
        AnswerKind::Reach => ("Table of reach", object(json!({ "rows": list("row"), "unknown": texts() }))),
        AnswerKind::DiffReach => {
            let changes = || list("change");
            let all = json!({ "permitted": changes(), "denied": changes(), "unknown": texts() });
            ("Difference of diff-reach", object(all))
        }
    };
    if let Value::Object(root) = &mut root {
        root.insert("$schema".to_owned(), json!(DIALECT));
        root.insert("title".to_owned(), json!(title));
        root.insert("$defs".to_owned(), definitions());
    }
    root
}

/// Returns an object that has these members and no others.
fn object(properties: Value) -> Value {
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(|members| members.keys()).collect();
    let required = json!(names);
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn defined(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn list(name: &str) -> Value {
    json!({ "type": "array", "items": defined(name) })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn optional(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

fn or_null(of: Value) -> Value {
    json!({ "anyOf": [of, { "type": "null" }] })
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// Returns the members of a decision.
fn decision() -> Value {
    json!({
        "verdict": { "enum": ["passes", "denied", "unknown"] },
        "by": or_null(defined("rule")),
        "packet": text(),
        "path": list("hop"),
        "reasons": texts(),
    })
}

/// Returns the members of a row.
fn row() -> Value {
    json!({
        "from": defined("place"),
        "to": defined("place"),
        "protocol": {
            "enum": ["tcp", "udp", "sctp", "icmp", "icmpv6", "ip", "arp", "nd", "fragments", "ethernet"],
        },
        "families": { "type": "array", "items": { "enum": ["ipv4", "ipv6"] } },
        "ports": {
            "type": "string",
            "description": "\"any\", or numbers and ranges: ports, ICMP types, IP protocols or EtherTypes",
        },
        "kind": { "enum": ["opens", "answers"] },
        "when": { "enum": ["always", "open", "closed"] },
        "windows": texts(),
        "background": { "type": "boolean" },
    })
}

fn with(mut members: Value, more: Value) -> Value {
    if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
        members.extend(more);
    }
    members
}

fn why() -> Value {
    let more = json!({
        "from": defined("end"),
        "to": defined("end"),
        "service": text(),
        "every": { "type": "boolean" },
        "exceptions": texts(),
        "window": or_null(object(json!({ "rule": text(), "window": text() }))),
        "remedy": or_null(object(json!({
            "rule": optional("string"),
            "opens": list("row"),
            "remarks": texts(),
        }))),
        "answers": or_null(defined("decision")),
        "reverse": defined("decision"),
    });
    object(with(decision(), more))
}

fn definitions() -> Value {
    let witness = object(json!({
        "assertion": text(),
        "openers": { "type": "array", "items": list("hop") },
        "hops": list("hop"),
    }));
    json!({
        "place": object(json!({ "parties": texts(), "bridge": text(), "port": text() })),
        "end": object(json!({ "party": text(), "bridge": text(), "port": text(), "address": text() })),
        "row": object(row()),
        "change": object(with(row(), json!({ "witness": or_null(defined("witness")) }))),
        "witness": witness,
        "decision": object(decision()),
        "rule": object(json!({
            "bridge": text(),
            "table": optional("integer"),
            "priority": optional("integer"),
            "cookie": optional("string"),
            "kind": optional("string"),
            "rule": optional("string"),
            "detail": text(),
            "file": optional("string"),
            "line": optional("integer"),
        })),
        "hop": object(json!({
            "bridge": text(),
            "in_port": text(),
            "out_port": text(),
            "forwarded": { "type": "boolean" },
            "packet": text(),
            "flows": list("flow"),
        })),
        "flow": object(json!({
            "table": { "type": "integer" },
            "priority": { "type": "integer" },
            "cookie": text(),
            "rule": text(),
            "line": optional("integer"),
        })),
    })
}
