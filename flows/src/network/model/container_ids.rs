//! Numbers of containers in a network file.

/// Bounds the numbers of one range.
pub(in crate::network) const MAX_IDS: u32 = 4096;

/// Stands for a container's number in the text of a port or an address.
pub(in crate::network) const ID: &str = "{id}";
