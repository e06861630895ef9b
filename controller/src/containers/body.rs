//! Reads JSON bodies. An error names the path of the wrong value, the value, and a right one.

use std::fmt;
use std::marker::PhantomData;

use ofctl::nearest;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::problem::Problem;

/// Longest excerpt of a wrong value in an error, in characters.
const MAX_SAID: usize = 80;

/// Reads a JSON object. `remedy` tells what to write for a key.
///
/// # Errors
///
/// [`Problem::bad`] with the path of the value that does not fit.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], remedy: fn(&str) -> &'static str) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|e| Problem::bad(format!("the body is no JSON: {e}"), "send a JSON object".to_owned()))?;
    match serde_path_to_error::deserialize::<_, Object<T>>(&value) {
        Ok(Object(read)) => Ok(read),
        Err(error) => Err(problem(&value, error.path(), &error.inner().to_string(), remedy)),
    }
}

/// Returns the error for a wrong value, from its path and serde's message.
fn problem(body: &Value, path: &Path, words: &str, remedy: fn(&str) -> &'static str) -> Problem {
    let bad = |at: &str, what: &str, help: String| Problem::bad(format!("{at} {what}"), help);
    let at = if path.iter().len() == 0 { String::new() } else { path.to_string() };
    let dotted = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    // The wording of serde's messages is fixed by the tests.
    let mut quoted = words.split('`').skip(1).step_by(2);
    if words.starts_with("missing field")
        && let Some(key) = quoted.next()
    {
        return bad(&dotted(key), "is missing", format!("add \"{key}\""));
    }
    if words.starts_with("unknown field")
        && let Some(key) = quoted.next()
    {
        // An unknown key may be a misspelled one.
        let keys: Vec<&str> = quoted.collect();
        let help = match nearest(key, keys.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the keys are {}", keys.join(", ")),
        };
        return bad(&at, "is no key", help);
    }
    let Some(value) = path.iter().try_fold(body, step).filter(|_| !at.is_empty()) else {
        return bad("the body", "is no object", remedy("").to_owned());
    };
    let mut said: String = value.to_string().chars().take(MAX_SAID + 1).collect();
    if said.chars().count() > MAX_SAID {
        said = said.chars().take(MAX_SAID).chain(['…']).collect();
    }
    bad(&at, &format!("is {said}"), remedy(&last_key(path)).to_owned())
}

/// Follows a path by one segment.
fn step<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    match segment {
        Segment::Map { key } => value.get(key),
        Segment::Seq { index } => value.get(index),
        Segment::Enum { .. } | Segment::Unknown => Some(value),
    }
}

/// Returns the last key of a path, with `[]` behind it for an element of its list.
fn last_key(path: &Path) -> String {
    path.iter().fold(String::new(), |before, segment| match segment {
        Segment::Map { key } => key.clone(),
        Segment::Seq { .. } => before + "[]",
        Segment::Enum { .. } | Segment::Unknown => before,
    })
}

/// Reads a list of objects; `null` is an empty one.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let list = Option::<Vec<Object<T>>>::deserialize(from)?.unwrap_or_default();
    Ok(list.into_iter().map(|Object(one)| one).collect())
}

/// A value that is read from a JSON object. serde itself accepts a list of the values for a struct,
/// too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
