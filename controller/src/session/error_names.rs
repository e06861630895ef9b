//! Names of OFPET_ types and their codes, for logs and metric labels (OpenFlow 1.3.5 §7.4.4).

use ofproto::message::ErrorMsg;

/// OFPET_HELLO_FAILED.
pub const HELLO_FAILED: u16 = 0;
/// OFPHFC_INCOMPATIBLE.
pub const INCOMPATIBLE: u16 = 0;
/// OFPET_BAD_REQUEST.
pub const BAD_REQUEST: u16 = 1;
/// OFPBRC_BAD_VERSION.
pub const BAD_VERSION: u16 = 0;
/// OFPBRC_BAD_TYPE.
pub const BAD_TYPE: u16 = 1;
/// The type of an experimenter's error.
pub const EXPERIMENTER: u16 = 0xffff;

const TYPES: [(&str, &[&str]); 14] = [
    ("hello_failed", &["incompatible", "eperm"]),
    (
        "bad_request",
        &[
            "bad_version",
            "bad_type",
            "bad_multipart",
            "bad_experimenter",
            "bad_exp_type",
            "eperm",
            "bad_len",
            "buffer_empty",
            "buffer_unknown",
            "bad_table_id",
            "is_slave",
            "bad_port",
            "bad_packet",
            "multipart_buffer_overflow",
        ],
    ),
    (
        "bad_action",
        &[
            "bad_type",
            "bad_len",
            "bad_experimenter",
            "bad_exp_type",
            "bad_out_port",
            "bad_argument",
            "eperm",
            "too_many",
            "bad_queue",
            "bad_out_group",
            "match_inconsistent",
            "unsupported_order",
            "bad_tag",
            "bad_set_type",
            "bad_set_len",
            "bad_set_argument",
        ],
    ),
    (
        "bad_instruction",
        &[
            "unknown_inst",
            "unsup_inst",
            "bad_table_id",
            "unsup_metadata",
            "unsup_metadata_mask",
            "bad_experimenter",
            "bad_exp_type",
            "bad_len",
            "eperm",
        ],
    ),
    (
        "bad_match",
        &[
            "bad_type",
            "bad_len",
            "bad_tag",
            "bad_dl_addr_mask",
            "bad_nw_addr_mask",
            "bad_wildcards",
            "bad_field",
            "bad_value",
            "bad_mask",
            "bad_prereq",
            "dup_field",
            "eperm",
        ],
    ),
    (
        "flow_mod_failed",
        &[
            "unknown",
            "table_full",
            "bad_table_id",
            "overlap",
            "eperm",
            "bad_timeout",
            "bad_command",
            "bad_flags",
        ],
    ),
    (
        "group_mod_failed",
        &[
            "group_exists",
            "invalid_group",
            "weight_unsupported",
            "out_of_groups",
            "out_of_buckets",
            "chaining_unsupported",
            "watch_unsupported",
            "loop",
            "unknown_group",
            "chained_group",
            "bad_type",
            "bad_command",
            "bad_bucket",
            "bad_watch",
            "eperm",
        ],
    ),
    ("port_mod_failed", &["bad_port", "bad_hw_addr", "bad_config", "bad_advertise", "eperm"]),
    ("table_mod_failed", &["bad_table", "bad_config", "eperm"]),
    ("queue_op_failed", &["bad_port", "bad_queue", "eperm"]),
    ("switch_config_failed", &["bad_flags", "bad_len", "eperm"]),
    ("role_request_failed", &["stale", "unsup", "bad_role"]),
    (
        "meter_mod_failed",
        &[
            "unknown",
            "meter_exists",
            "invalid_meter",
            "unknown_meter",
            "bad_command",
            "bad_flags",
            "bad_rate",
            "bad_burst",
            "bad_band",
            "bad_band_type",
            "out_of_meters",
            "out_of_bands",
        ],
    ),
    ("table_features_failed", &["bad_table", "bad_metadata", "bad_type", "bad_len", "bad_argument", "eperm"]),
];

/// ONF bundle errors, from 2300 (EXT-230).
const BUNDLE: [&str; 16] = [
    "unknown",
    "eperm",
    "bad_id",
    "bundle_exist",
    "bundle_closed",
    "out_of_bundles",
    "bad_type",
    "bad_flags",
    "msg_bad_len",
    "msg_bad_xid",
    "msg_unsup",
    "msg_conflict",
    "msg_too_many",
    "msg_failed",
    "timeout",
    "bundle_in_progress",
];

/// The type and code of an error by their names in the specification, in lower case and without prefix. Never more
/// than a fixed set: what has no name is "other".
pub fn names(error: &ErrorMsg) -> (&'static str, &'static str) {
    if error.kind == EXPERIMENTER {
        let bundle = error.code.checked_sub(2300).and_then(|n| BUNDLE.get(usize::from(n)));
        return bundle.map_or(("experimenter", "other"), |code| ("bundle_failed", code));
    }
    TYPES.get(usize::from(error.kind)).map_or(("other", "other"), |(kind, codes)| {
        (kind, codes.get(usize::from(error.code)).copied().unwrap_or("other"))
    })
}

/// An error for a person.
pub fn describe(error: &ErrorMsg) -> String {
    let (kind, code) = names(error);
    if code == "other" {
        format!("{kind} (type {}, code {})", error.kind, error.code)
    } else {
        format!("{kind}: {code}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: u16, code: u16) -> ErrorMsg {
        ErrorMsg { kind, code, experimenter: None, data: bytes::Bytes::new() }
    }

    #[test]
    fn names_are_those_of_the_specification() {
        assert_eq!(names(&error(1, 6)), ("bad_request", "bad_len"));
        assert_eq!(names(&error(5, 3)), ("flow_mod_failed", "overlap"));
        assert_eq!(names(&error(0xffff, 2309)), ("bundle_failed", "msg_bad_xid"));
        assert_eq!(names(&error(0xffff, 1)), ("experimenter", "other"));
        assert_eq!(describe(&error(99, 7)), "other (type 99, code 7)");
    }
}
