//! Checks the draft: addresses, ports and rules against each other, and the total size. Findings go
//! to the report; the draft is not changed.

pub(in crate::network) mod addresses;
pub(in crate::network) mod assertions;
pub(in crate::network) mod containers;
pub(in crate::network) mod crossings;
pub(in crate::network) mod earlier_grants;
pub(in crate::network) mod notes;
pub(in crate::network) mod ports;
pub(in crate::network) mod rules;
pub(in crate::network) mod size;
