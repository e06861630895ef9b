//! Errors by name, for logs and metric labels.

use ofproto::message::ErrorMsg;

/// OFPET_HELLO_FAILED.
pub const HELLO_FAILED: u16 = 0;
/// OFPHFC_INCOMPATIBLE.
pub const INCOMPATIBLE: u16 = 0;
/// OFPET_BAD_REQUEST.
pub const BAD_REQUEST: u16 = 1;

/// Returns type and code of an error by name. The set of names is fixed: an unknown code is
/// "other".
pub fn names(error: &ErrorMsg) -> (&'static str, &'static str) {
    (error.kind_name().unwrap_or("other"), error.name().unwrap_or("other"))
}

/// Returns the text of an error, for a person.
pub fn describe(error: &ErrorMsg) -> String {
    error.name().map_or_else(|| format!("error type {}, code {}", error.kind, error.code), str::to_owned)
}
