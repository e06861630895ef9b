//! `multipath`, `bundle` and `bundle_load`: a choice by a hash (NXAST_MULTIPATH 10, NXAST_BUNDLE 12, NXAST_BUNDLE_LOAD 13,
//! ovs-actions(7)).

use super::Subfield;
use crate::ids::PortNo;

/// The parameters of `multipath`: a number from 0 to `max_link` goes into `dst`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Multipath {
    /// NX_HASH_FIELDS_: an index of [`HASH_FIELDS`].
    pub fields: u16,
    /// Different values give different hashes.
    pub basis: u16,
    /// NX_MP_ALG_: an index of [`MULTIPATH_ALGORITHMS`].
    pub algorithm: u16,
    /// The number of links, less one.
    pub max_link: u16,
    /// For the algorithm.
    pub arg: u32,
    /// Where the number goes: at most 64 bits.
    pub dst: Subfield,
}

/// The parameters of `bundle` and `bundle_load`: one of the members that are up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bundle {
    /// NX_HASH_FIELDS_: an index of [`HASH_FIELDS`].
    pub fields: u16,
    /// Different values give different hashes.
    pub basis: u16,
    /// NX_BD_ALG_: an index of [`BUNDLE_ALGORITHMS`].
    pub algorithm: u16,
    /// The ports.
    pub members: Vec<PortNo>,
    /// Where the port's number goes, at most 64 bits; none to send the packet there.
    pub dst: Option<Subfield>,
}

/// What can be hashed, by NX_HASH_FIELDS_ number, as ovs-actions(7) calls it.
pub const HASH_FIELDS: [&str; 7] =
    ["eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"];

/// The algorithms of `multipath`, by NX_MP_ALG_ number.
pub const MULTIPATH_ALGORITHMS: [&str; 4] = ["modulo_n", "hash_threshold", "hrw", "iter_hash"];

/// The algorithms of `bundle`, by NX_BD_ALG_ number.
pub const BUNDLE_ALGORITHMS: [&str; 2] = ["active_backup", "hrw"];

/// NX_BUNDLE: at most so many members.
pub const MAX_MEMBERS: usize = 2048;
