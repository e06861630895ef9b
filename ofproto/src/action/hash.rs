//! `multipath`, `bundle` and `bundle_load`: a choice by hash (NXAST_MULTIPATH 10, NXAST_BUNDLE 12,
//! NXAST_BUNDLE_LOAD 13, ovs-actions(7)).

use super::Subfield;
use crate::ids::PortNo;

/// The parameters of `multipath`, which stores a number from 0 to `max_link` in `dst`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Multipath {
    /// NX_HASH_FIELDS_: an index of [`HASH_FIELDS`].
    pub fields: u16,
    /// The basis of the hash: different values yield different hashes.
    pub basis: u16,
    /// NX_MP_ALG_: an index of [`MULTIPATH_ALGORITHMS`].
    pub algorithm: u16,
    /// Number of links, minus one.
    pub max_link: u16,
    /// The argument of the algorithm.
    pub arg: u32,
    /// The destination of the number, at most 64 bits.
    pub dst: Subfield,
}

/// The parameters of `bundle` and `bundle_load`, which choose a live member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bundle {
    /// NX_HASH_FIELDS_: an index of [`HASH_FIELDS`].
    pub fields: u16,
    /// The basis of the hash: different values yield different hashes.
    pub basis: u16,
    /// NX_BD_ALG_: an index of [`BUNDLE_ALGORITHMS`].
    pub algorithm: u16,
    /// The ports to choose from.
    pub members: Vec<PortNo>,
    /// The destination of the port number, at most 64 bits. `None` sends the packet there instead.
    pub dst: Option<Subfield>,
}

/// The fields to hash, by NX_HASH_FIELDS_ number, with the names of ovs-actions(7).
pub const HASH_FIELDS: [&str; 7] =
    ["eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"];

/// The algorithms of `multipath`, by NX_MP_ALG_ number.
pub const MULTIPATH_ALGORITHMS: [&str; 4] = ["modulo_n", "hash_threshold", "hrw", "iter_hash"];

/// The algorithms of `bundle`, by NX_BD_ALG_ number.
pub const BUNDLE_ALGORITHMS: [&str; 2] = ["active_backup", "hrw"];

/// Maximum number of members (NX_BUNDLE).
pub const MAX_MEMBERS: usize = 2048;
