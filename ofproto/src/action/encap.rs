//! `encap`: a header in front of the packet (NXAST_ENCAP 46, ovs-actions(7)).

use bytes::Bytes;

/// The parameters of `encap`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Encap {
    /// The packet type that comes of it: namespace in the upper 16 bits, type in the lower (OXM_OF_PACKET_TYPE).
    pub packet_type: u32,
    /// How long the header is, in bytes; 0 for not said.
    pub hdr_size: u16,
    /// What the header says.
    pub props: Vec<EncapProp>,
}

/// A property of a new header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EncapProp {
    /// The format of an NSH header's metadata: 1 or 2.
    NshMdType(u8),
    /// A TLV of an NSH header's metadata of format 2.
    NshTlv {
        /// Class.
        class: u16,
        /// Type.
        kind: u8,
        /// Value.
        data: Bytes,
    },
}

/// Packet type of an Ethernet frame.
pub const PACKET_ETHERNET: u32 = 0;
/// Packet type of an NSH packet.
pub const PACKET_NSH: u32 = 0x1_894f;
/// Packet type of an MPLS packet.
pub const PACKET_MPLS: u32 = 0x1_8847;
/// Packet type of an MPLS multicast packet.
pub const PACKET_MPLS_MC: u32 = 0x1_8848;
/// For `decap`: whatever the removed header says.
pub const PACKET_NEXT_PROTO: u32 = 0xfffe;
