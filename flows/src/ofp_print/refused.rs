//! Why `ovs-ofctl` does not print the body of a message: the OpenFlow error that a switch would answer with.

use ofproto::{DecodeError, DecodeErrorKind};

/// The name of an OpenFlow error, as `ovs-ofctl` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str);

/// How printing a body ended.
pub(super) type Printed = Result<(), Refused>;

impl Refused {
    pub(super) const BAD_LEN: Self = Self("OFPBRC_BAD_LEN");
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        use DecodeErrorKind::*;
        let field = error.field;
        let starts = |prefixes: &[&str]| prefixes.iter().any(|p| field.starts_with(p));
        Self(match error.kind {
            BadVersion(_) => "OFPBRC_BAD_VERSION",
            BadField if field == "match" => "OFPBMC_DUP_FIELD",
            BadField => "OFPBMC_BAD_FIELD",
            BadType(_) if field == "match type" => "OFPBMC_BAD_TYPE",
            Truncated | BadLength(_) if field.starts_with("oxm") => "OFPBMC_BAD_LEN",
            Truncated | BadLength(_) if field.starts_with("match") => "OFPBMC_BAD_LEN",
            Truncated | BadLength(_)
                if starts(&["instruction", "goto_table", "write_metadata", "clear_actions", "meter"]) =>
            {
                "OFPBIC_BAD_LEN"
            }
            Truncated | BadLength(_) if field.starts_with("action") => "OFPBAC_BAD_LEN",
            BadType(_) => "OFPBRC_BAD_TYPE",
            BadExperimenter(_) => "OFPBRC_BAD_EXPERIMENTER",
            BadValue(_) => "OFPBRC_BAD_LEN",
            Truncated | BadLength(_) => "OFPBRC_BAD_LEN",
        })
    }
}
