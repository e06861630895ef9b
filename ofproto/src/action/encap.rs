//! `encap`: pushes a header in front of the packet (NXAST_ENCAP 46, ovs-actions(7)).

use bytes::Bytes;

/// The parameters of `encap`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Encap {
    /// The resulting packet type: namespace in the upper 16 bits, type in the lower
    /// (OXM_OF_PACKET_TYPE).
    pub packet_type: u32,
    /// Length of the header, in bytes; 0 leaves it unspecified.
    pub hdr_size: u16,
    /// The properties of the header.
    pub props: Vec<EncapProp>,
}

/// A property of a new header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EncapProp {
    /// The metadata format of an NSH header: 1 or 2.
    NshMdType(u8),
    /// A TLV in the metadata of an NSH header, format 2.
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
/// For `decap`: the type that the removed header names.
pub const PACKET_NEXT_PROTO: u32 = 0xfffe;
