//! The texts of a network file: trees with places, and the findings that point into them.

pub(in crate::network) mod json;
pub(in crate::network) mod report;
pub(in crate::network) mod sources;
pub(in crate::network) mod tree;
