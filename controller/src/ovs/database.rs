//! The tables of the Open_vSwitch database as `ovs-vsctl --format=json` prints them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A table: rows of columns by name.
#[derive(Debug, Clone, Default)]
pub(super) struct DatabaseTable {
    rows: Vec<DatabaseRow>,
}

/// A row.
#[derive(Debug, Clone, Default)]
pub(super) struct DatabaseRow(BTreeMap<String, Value>);

#[derive(Deserialize)]
struct OvsdbValue {
    headings: Vec<String>,
    data: Vec<Vec<Value>>,
}

impl DatabaseTable {
    /// Reads the tables that one call printed, one after the other.
    pub(super) fn read_all(text: &str) -> Result<Vec<Self>, serde_json::Error> {
        serde_json::Deserializer::from_str(text)
            .into_iter::<OvsdbValue>()
            .map(|wire| {
                let OvsdbValue { headings, data } = wire?;
                let rows =
                    data.into_iter().map(|row| DatabaseRow(headings.iter().cloned().zip(row).collect()));
                Ok(Self { rows: rows.collect() })
            })
            .collect()
    }

    /// Returns the rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &DatabaseRow> {
        self.rows.iter()
    }

    /// Returns the rows with these ids.
    pub(super) fn with_ids(&self, ids: &[String]) -> impl Iterator<Item = &DatabaseRow> {
        self.rows.iter().filter(|r| ids.contains(&r.id()))
    }
}

/// Returns the text of a value: RFC 7047 §5.1 writes a UUID as `["uuid", text]`.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(kind), Value::String(id)] if kind == "uuid" => Some(id.clone()),
            _ => None,
        },
        _ => None,
    }
}

impl DatabaseRow {
    /// Returns the values of a column. An optional column or a set column (RFC 7047 §5.1) has any
    /// number of them, others have one.
    pub(super) fn values(&self, column: &str) -> Vec<String> {
        let Some(value) = self.0.get(column) else { return Vec::new() };
        if let Value::Array(pair) = value
            && let [Value::String(kind), Value::Array(items)] = pair.as_slice()
            && kind == "set"
        {
            return items.iter().filter_map(text).collect();
        }
        text(value).into_iter().collect()
    }

    /// Returns the value of a column, or `None` if it has none.
    pub(super) fn value(&self, column: &str) -> Option<String> {
        self.values(column).into_iter().next()
    }

    /// Returns the value of a key in a map column.
    pub(super) fn key(&self, column: &str, key: &str) -> Option<String> {
        let Value::Array(pair) = self.0.get(column)? else { return None };
        let [Value::String(kind), Value::Array(entries)] = pair.as_slice() else { return None };
        if kind != "map" {
            return None;
        }
        entries.iter().find_map(|entry| match entry.as_array()?.as_slice() {
            [k, value] if text(k).as_deref() == Some(key) => text(value),
            _ => None,
        })
    }

    /// Returns the UUID of the row.
    pub(super) fn id(&self) -> String {
        self.value("_uuid").unwrap_or_default()
    }
}
