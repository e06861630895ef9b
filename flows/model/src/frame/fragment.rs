//! Fragments of IP packets.

/// The fragment status of a packet (ovs-fields(7), `ip_frag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fragment {
    /// A whole packet.
    #[default]
    No,
    /// The first fragment, at offset zero.
    First,
    /// A later fragment, which has no transport header.
    Later,
}
