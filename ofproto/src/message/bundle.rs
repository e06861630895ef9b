//! Bundles: several changes that take effect together (ONF EXT-230, experimenter 0x4f4e4600).

use bytes::Bytes;

/// OFPBF_ATOMIC.
pub const BUNDLE_ATOMIC: u16 = 1;
/// OFPBF_ORDERED.
pub const BUNDLE_ORDERED: u16 = 2;

/// Opens, closes, commits or discards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BundleControl {
    /// The bundle's number, unique in the session.
    pub bundle_id: u32,
    /// What to do, or what was done.
    pub kind: BundleControlKind,
    /// `BUNDLE_` bits.
    pub flags: u16,
}

/// OFPBCT_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleControlKind {
    /// 0.
    OpenRequest,
    /// 1.
    OpenReply,
    /// 2.
    CloseRequest,
    /// 3.
    CloseReply,
    /// 4.
    CommitRequest,
    /// 5.
    CommitReply,
    /// 6.
    DiscardRequest,
    /// 7.
    DiscardReply,
    /// Any other.
    Unknown(u16),
}

/// Puts a message into a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleAdd {
    /// The bundle's number.
    pub bundle_id: u32,
    /// `BUNDLE_` bits, as it was opened.
    pub flags: u16,
    /// The whole message, header included; its xid equals the outer one.
    pub message: Bytes,
}
