//! The JSON Schema of a network file, for editors, built from the tables that the reader uses.

pub(in crate::network) mod file_schema;

use serde_json::{Map, Value, json};

use crate::network::schema::file_schema::{FILE, SchemaKey, SchemaTable, ValueKind};

/// The dialect of the schema.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Returns the schema of a network file, for TOML as for JSON. Every file that reads without an
/// error conforms to it. It covers words and types, but resolves no names.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let root = table(&FILE, &mut definitions);
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!(DIALECT));
    schema.insert("title".to_owned(), json!("Network file"));
    if let Value::Object(root) = root {
        schema.extend(root);
    }
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(schema)
}

fn table(table: &'static SchemaTable, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        properties.insert(key.name.to_owned(), property(key, definitions));
    }
    let required: Vec<_> = table.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut object = json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if let (Value::Object(object), false) = (&mut object, required.is_empty()) {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

/// Returns a reference to a table, which is defined once.
fn reference(to: &'static SchemaTable, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(to.name) {
        // Reserved before it is built, in case the table refers to itself.
        definitions.insert(to.name.to_owned(), Value::Null);
        let made = table(to, definitions);
        definitions.insert(to.name.to_owned(), made);
    }
    json!({ "$ref": format!("#/$defs/{}", to.name) })
}

fn property(key: &SchemaKey, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = kind(&key.kind, definitions);
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), json!(key.doc));
    }
    schema
}

/// Returns the schema of a value. In a template `{n}` may stand for digits in any string, so the
/// content of strings is not restricted.
fn kind(kind: &ValueKind, definitions: &mut Map<String, Value>) -> Value {
    let text = || json!({ "type": "string" });
    // The reader checks names more strictly; braces are those of templates.
    let name = || json!({ "type": "string", "pattern": "^[A-Za-z0-9._{}-]+$" });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let range = "^\\s*[0-9]+\\s*(-\\s*[0-9]+\\s*)?$";
    match kind {
        ValueKind::Text | ValueKind::Mac | ValueKind::Address => text(),
        ValueKind::Name => name(),
        ValueKind::DatapathId => json!({ "type": "string", "pattern": "^[0-9A-Fa-f]{16}$" }),
        ValueKind::Texts | ValueKind::Addresses | ValueKind::Prefixes | ValueKind::Places => list(text()),
        ValueKind::OwnAddresses(of) => list(json!({ "anyOf": [text(), reference(of, definitions)] })),
        ValueKind::Files => json!({ "anyOf": [text(), list(text())] }),
        ValueKind::Names => json!({ "anyOf": [name(), list(name())] }),
        ValueKind::Ports => list(json!({ "type": "integer", "minimum": 1, "maximum": u16::MAX })),
        ValueKind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        ValueKind::Flag => json!({ "type": "boolean" }),
        ValueKind::Date => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?$" }),
        ValueKind::Words(words) => json!({ "enum": words }),
        ValueKind::Range => json!({ "type": "string", "pattern": range }),
        ValueKind::Numbers => json!({ "anyOf": [
            { "type": "string", "pattern": "^(all|[-0-9, ]+)$" },
            list(json!({ "type": "integer", "minimum": 0, "maximum": crate::network::schema::file_schema::MAX_NUMBER })),
        ] }),
        ValueKind::Members => json!({
            "type": "object",
            "additionalProperties": { "anyOf": [text(), list(text())] },
        }),
        ValueKind::One(of) => reference(of, definitions),
        ValueKind::List(of) | ValueKind::Rules(of) => list(reference(of, definitions)),
        ValueKind::Hops(of) => {
            let hop = reference(of, definitions);
            list(json!({ "anyOf": [hop, list(hop.clone())] }))
        }
        ValueKind::Named(of) => json!({
            "type": "object",
            "additionalProperties": reference(of, definitions),
        }),
    }
}
