//! Fragments of IP packets.

/// Which fragment a packet is (ovs-fields(7), `ip_frag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fragment {
    /// A whole packet.
    #[default]
    No,
    /// The first, of offset zero.
    First,
    /// One with an offset, which has no transport header.
    Later,
}
