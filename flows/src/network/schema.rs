//! The JSON Schema of a network file, for editors: made from the same tables that the file is read by.

use serde_json::{Map, Value, json};

use super::words::{FILE, Key, Kind, Table};

/// The dialect of the schema.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a network file, for TOML as for JSON. Whatever reads without an error fits it; it knows words and
/// types, not what a name stands for.
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

fn table(table: &'static Table, definitions: &mut Map<String, Value>) -> Value {
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

/// A reference to a table, which is defined once.
fn reference(to: &'static Table, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(to.name) {
        // There before it is made, in case that it refers to itself.
        definitions.insert(to.name.to_owned(), Value::Null);
        let made = table(to, definitions);
        definitions.insert(to.name.to_owned(), made);
    }
    json!({ "$ref": format!("#/$defs/{}", to.name) })
}

fn property(key: &Key, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = kind(&key.kind, definitions);
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), json!(key.doc));
    }
    schema
}

/// In a template `{n}` stands for digits wherever a string may be, so strings are not looked into.
fn kind(kind: &Kind, definitions: &mut Map<String, Value>) -> Value {
    let text = || json!({ "type": "string" });
    // Names are checked more strictly when they are read; braces are those of templates.
    let name = || json!({ "type": "string", "pattern": "^[A-Za-z0-9._{}-]+$" });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let range = "^\\s*[0-9]+\\s*(-\\s*[0-9]+\\s*)?$";
    match kind {
        Kind::Text | Kind::Mac | Kind::Address => text(),
        Kind::Name => name(),
        Kind::DatapathId => json!({ "type": "string", "pattern": "^[0-9A-Fa-f]{16}$" }),
        Kind::Texts | Kind::Addresses | Kind::Prefixes | Kind::Places => list(text()),
        Kind::OwnAddresses(of) => list(json!({ "anyOf": [text(), reference(of, definitions)] })),
        Kind::Files => json!({ "anyOf": [text(), list(text())] }),
        Kind::Names => json!({ "anyOf": [name(), list(name())] }),
        Kind::Ports => list(json!({ "type": "integer", "minimum": 1, "maximum": u16::MAX })),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Date => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?$" }),
        Kind::Words(words) => json!({ "enum": words }),
        Kind::Range => json!({ "type": "string", "pattern": range }),
        Kind::Numbers => json!({ "anyOf": [
            { "type": "string", "pattern": "^(all|[-0-9, ]+)$" },
            list(json!({ "type": "integer", "minimum": 0, "maximum": super::words::MAX_NUMBER })),
        ] }),
        Kind::Members => json!({
            "type": "object",
            "additionalProperties": { "anyOf": [text(), list(text())] },
        }),
        Kind::One(of) => reference(of, definitions),
        Kind::List(of) | Kind::Rules(of) => list(reference(of, definitions)),
        Kind::Hops(of) => {
            let hop = reference(of, definitions);
            list(json!({ "anyOf": [hop, list(hop.clone())] }))
        }
        Kind::Named(of) => json!({
            "type": "object",
            "additionalProperties": reference(of, definitions),
        }),
    }
}
