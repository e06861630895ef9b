//! The match fields of ovs-fields(7): name, width, and the headers that carry them on the wire.

/// The format in which `ovs-ofctl` writes a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Decimal.
    Dec,
    /// Hexadecimal with 0x.
    Hex,
    /// Six bytes with colons.
    Ethernet,
    /// Dotted quad.
    Ipv4,
    /// The format of RFC 5952.
    Ipv6,
    /// A port's number or name.
    OfpPort,
    /// no, yes, first, later, not_later.
    Frag,
    /// Symbols: +syn-ack.
    TcpFlags,
    /// Symbols: +trk+est.
    CtState,
    /// Symbols: oam.
    TunFlags,
    /// Namespace and type: (1,0x800).
    PacketType,
}

macro_rules! fields {
    ($($number:literal $tunnel_option:ident)*; $($(#[$doc:meta])* $variant:ident: $name:literal, $extra:expr, $bits:literal, $nxm:expr, $oxm:expr, $mask:literal, $format:ident;)*) => {
        /// A match field that Portcullis knows. Each variant is one field of Open vSwitch's
        /// `meta-flow.h`. The NXM and OXM headers of a field are two spellings of it, unless their
        /// layouts differ.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Field {
            $($(#[$doc])* $variant,)*
            $(#[doc = concat!("Tunnel option ", $number, ", for actions: see [`Field::TUN_METADATA`].")] $tunnel_option,)*
        }

        impl Field {
            /// Every field whose value fits in 128 bits, in the order of `meta-flow.h`. Registers
            /// come last, and wide registers after single ones.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The tunnel options, which a switch maps to TLVs of up to 124 bytes. Actions name
            /// their bits by these fields. In a match or a `set_field` they are an
            /// [`Oxm::Unknown`](super::Oxm::Unknown) of class 1 and number 40 + N, as long as the
            /// value needs.
            pub const TUN_METADATA: [Self; 64] = [$(Self::$tunnel_option,)*];

            /// Returns the constant properties of the field.
            pub const fn info(self) -> &'static FieldInfo {
                match self { $(Self::$variant => &FieldInfo {
                    name: $name, extra: $extra, bits: $bits, nxm: $nxm, oxm: $oxm, maskable: $mask, format: Format::$format,
                },)*
                $(Self::$tunnel_option => &FieldInfo {
                    name: concat!("tun_metadata", $number), extra: None, bits: 128,
                    nxm: Some((0x0001, 40 + $number)), oxm: None, maskable: true, format: Format::Hex,
                },)* }
            }
        }
    };
}

/// The constant properties of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldInfo {
    /// The first name of the field in ovs-fields(7).
    pub name: &'static str,
    /// The second name of the field, if it has one.
    pub extra: Option<&'static str>,
    /// The width of the field, in bits.
    pub bits: u8,
    /// Class and number of the header in Nicira actions (`learn`, `move`, `load`). For class
    /// 0xffff, [`Field::experimenter`] returns the experimenter.
    pub nxm: Option<(u16, u8)>,
    /// Class and number of the header in an OpenFlow 1.3 match, if it differs from `nxm` or is the
    /// only one. Without it, a match uses the `nxm` header too.
    pub oxm: Option<(u16, u8)>,
    /// True if a match may mask the field arbitrarily.
    pub maskable: bool,
    /// The format of the value.
    pub format: Format,
}

impl FieldInfo {
    /// Returns the width on the wire, in bytes. A field narrower than its container is
    /// right-aligned in it.
    pub const fn bytes(&self) -> usize {
        match self.bits {
            0..=8 => 1,
            9..=16 => 2,
            17..=32 => 4,
            33..=48 => 6,
            49..=64 => 8,
            _ => 16,
        }
    }

    /// Returns a mask of all ones, as wide as the field.
    pub const fn exact(&self) -> u128 {
        if self.bits == 128 { u128::MAX } else { (1 << self.bits) - 1 }
    }
}

impl Field {
    /// Returns whether the field is part of the packet's headers rather than of its metadata.
    pub const fn is_header(self) -> bool {
        self as u32 >= Self::EthSrc as u32 && (self as u32) < Self::PacketType as u32
    }

    /// The single registers, of 32 bits each.
    pub const REGISTERS: [Self; 32] = {
        use Field::*;
        [
            Reg0, Reg1, Reg2, Reg3, Reg4, Reg5, Reg6, Reg7, Reg8, Reg9, Reg10, Reg11, Reg12, Reg13, Reg14,
            Reg15, Reg16, Reg17, Reg18, Reg19, Reg20, Reg21, Reg22, Reg23, Reg24, Reg25, Reg26, Reg27, Reg28,
            Reg29, Reg30, Reg31,
        ]
    };

    /// Returns the first version of Open vSwitch that has the field, if it is later than 3.1
    /// (ovs-fields(7)).
    pub const fn since(self) -> Option<(u8, u8)> {
        let first = match self.registers() {
            [first, ..] => *first as u32,
            [] => self as u32,
        };
        if Self::Reg16 as u32 <= first && first <= Self::Reg31 as u32 { Some((3, 7)) } else { None }
    }

    /// Returns the single registers that a wide one consists of, most significant first. Empty for
    /// other fields.
    pub const fn registers(self) -> &'static [Self] {
        use Field::*;
        match self {
            Xreg0 => &[Reg0, Reg1],
            Xreg1 => &[Reg2, Reg3],
            Xreg2 => &[Reg4, Reg5],
            Xreg3 => &[Reg6, Reg7],
            Xreg4 => &[Reg8, Reg9],
            Xreg5 => &[Reg10, Reg11],
            Xreg6 => &[Reg12, Reg13],
            Xreg7 => &[Reg14, Reg15],
            Xreg8 => &[Reg16, Reg17],
            Xreg9 => &[Reg18, Reg19],
            Xreg10 => &[Reg20, Reg21],
            Xreg11 => &[Reg22, Reg23],
            Xreg12 => &[Reg24, Reg25],
            Xreg13 => &[Reg26, Reg27],
            Xreg14 => &[Reg28, Reg29],
            Xreg15 => &[Reg30, Reg31],
            Xxreg0 => &[Reg0, Reg1, Reg2, Reg3],
            Xxreg1 => &[Reg4, Reg5, Reg6, Reg7],
            Xxreg2 => &[Reg8, Reg9, Reg10, Reg11],
            Xxreg3 => &[Reg12, Reg13, Reg14, Reg15],
            Xxreg4 => &[Reg16, Reg17, Reg18, Reg19],
            Xxreg5 => &[Reg20, Reg21, Reg22, Reg23],
            Xxreg6 => &[Reg24, Reg25, Reg26, Reg27],
            Xxreg7 => &[Reg28, Reg29, Reg30, Reg31],
            _ => &[],
        }
    }
}

fields! {
    0 TunMetadata0 1 TunMetadata1 2 TunMetadata2 3 TunMetadata3
    4 TunMetadata4 5 TunMetadata5 6 TunMetadata6 7 TunMetadata7
    8 TunMetadata8 9 TunMetadata9 10 TunMetadata10 11 TunMetadata11
    12 TunMetadata12 13 TunMetadata13 14 TunMetadata14 15 TunMetadata15
    16 TunMetadata16 17 TunMetadata17 18 TunMetadata18 19 TunMetadata19
    20 TunMetadata20 21 TunMetadata21 22 TunMetadata22 23 TunMetadata23
    24 TunMetadata24 25 TunMetadata25 26 TunMetadata26 27 TunMetadata27
    28 TunMetadata28 29 TunMetadata29 30 TunMetadata30 31 TunMetadata31
    32 TunMetadata32 33 TunMetadata33 34 TunMetadata34 35 TunMetadata35
    36 TunMetadata36 37 TunMetadata37 38 TunMetadata38 39 TunMetadata39
    40 TunMetadata40 41 TunMetadata41 42 TunMetadata42 43 TunMetadata43
    44 TunMetadata44 45 TunMetadata45 46 TunMetadata46 47 TunMetadata47
    48 TunMetadata48 49 TunMetadata49 50 TunMetadata50 51 TunMetadata51
    52 TunMetadata52 53 TunMetadata53 54 TunMetadata54 55 TunMetadata55
    56 TunMetadata56 57 TunMetadata57 58 TunMetadata58 59 TunMetadata59
    60 TunMetadata60 61 TunMetadata61 62 TunMetadata62 63 TunMetadata63;
    /// Tunnel id.
    TunId: "tun_id", Some("tunnel_id"), 64, Some((0x0001, 16)), Some((0x8000, 38)), true, Hex;
    /// Tunnel IPv4 source.
    TunSrc: "tun_src", None, 32, Some((0x0001, 31)), None, true, Ipv4;
    /// Tunnel IPv4 destination.
    TunDst: "tun_dst", None, 32, Some((0x0001, 32)), None, true, Ipv4;
    /// Tunnel IPv6 source.
    TunIpv6Src: "tun_ipv6_src", None, 128, Some((0x0001, 109)), None, true, Ipv6;
    /// Tunnel IPv6 destination.
    TunIpv6Dst: "tun_ipv6_dst", None, 128, Some((0x0001, 110)), None, true, Ipv6;
    /// Tunnel flags.
    TunFlags: "tun_flags", None, 16, Some((0x0001, 104)), None, true, TunFlags;
    /// VXLAN group policy id.
    TunGbpId: "tun_gbp_id", None, 16, Some((0x0001, 38)), None, true, Dec;
    /// VXLAN group policy flags.
    TunGbpFlags: "tun_gbp_flags", None, 8, Some((0x0001, 39)), None, true, Hex;
    /// ERSPAN version.
    TunErspanVer: "tun_erspan_ver", None, 8, Some((0xffff, 12)), None, true, Dec;
    /// ERSPAN index.
    TunErspanIdx: "tun_erspan_idx", None, 32, Some((0xffff, 11)), None, true, Hex;
    /// ERSPAN direction.
    TunErspanDir: "tun_erspan_dir", None, 8, Some((0xffff, 13)), None, true, Dec;
    /// ERSPAN hardware id.
    TunErspanHwid: "tun_erspan_hwid", None, 8, Some((0xffff, 14)), None, true, Hex;
    /// GTP-U flags.
    TunGtpuFlags: "tun_gtpu_flags", None, 8, Some((0xffff, 15)), None, true, Hex;
    /// GTP-U message type.
    TunGtpuMsgtype: "tun_gtpu_msgtype", None, 8, Some((0xffff, 16)), None, true, Dec;
    /// Metadata passed between tables.
    Metadata: "metadata", None, 64, Some((0x8000, 2)), Some((0x8000, 2)), true, Hex;
    /// Ingress port, 16 bits (Nicira form).
    InPort: "in_port", None, 16, Some((0x0000, 0)), None, false, OfpPort;
    /// Ingress port, 32 bits.
    InPortOxm: "in_port_oxm", None, 32, Some((0x8000, 0)), Some((0x8000, 0)), false, OfpPort;
    /// The datapath's packet mark.
    PktMark: "pkt_mark", None, 32, Some((0x0001, 33)), None, true, Hex;
    /// Connection tracking state.
    CtState: "ct_state", None, 32, Some((0x0001, 105)), None, true, CtState;
    /// Connection tracking zone.
    CtZone: "ct_zone", None, 16, Some((0x0001, 106)), None, false, Hex;
    /// Connection tracking mark.
    CtMark: "ct_mark", None, 32, Some((0x0001, 107)), None, true, Hex;
    /// Connection tracking label.
    CtLabel: "ct_label", None, 128, Some((0x0001, 108)), None, true, Hex;
    /// Protocol of the tracked connection.
    CtNwProto: "ct_nw_proto", None, 8, Some((0x0001, 119)), None, false, Dec;
    /// IPv4 source of the tracked connection.
    CtNwSrc: "ct_nw_src", None, 32, Some((0x0001, 120)), None, true, Ipv4;
    /// IPv4 destination of the tracked connection.
    CtNwDst: "ct_nw_dst", None, 32, Some((0x0001, 121)), None, true, Ipv4;
    /// IPv6 source of the tracked connection.
    CtIpv6Src: "ct_ipv6_src", None, 128, Some((0x0001, 122)), None, true, Ipv6;
    /// IPv6 destination of the tracked connection.
    CtIpv6Dst: "ct_ipv6_dst", None, 128, Some((0x0001, 123)), None, true, Ipv6;
    /// Source port of the tracked connection.
    CtTpSrc: "ct_tp_src", None, 16, Some((0x0001, 124)), None, true, Dec;
    /// Destination port of the tracked connection.
    CtTpDst: "ct_tp_dst", None, 16, Some((0x0001, 125)), None, true, Dec;
    /// Ethernet source.
    EthSrc: "eth_src", Some("dl_src"), 48, Some((0x0000, 2)), Some((0x8000, 4)), true, Ethernet;
    /// Ethernet destination.
    EthDst: "eth_dst", Some("dl_dst"), 48, Some((0x0000, 1)), Some((0x8000, 3)), true, Ethernet;
    /// Ethernet type, after VLAN tags.
    EthType: "eth_type", Some("dl_type"), 16, Some((0x0000, 3)), Some((0x8000, 5)), false, Hex;
    /// 802.1Q TCI with the CFI bit as "tag present" (Nicira form).
    VlanTci: "vlan_tci", None, 16, Some((0x0000, 4)), None, true, Hex;
    /// VLAN id with OFPVID_PRESENT (0x1000).
    VlanVid: "vlan_vid", None, 13, Some((0x8000, 6)), Some((0x8000, 6)), true, Hex;
    /// VLAN priority.
    VlanPcp: "vlan_pcp", Some("dl_vlan_pcp"), 3, Some((0x8000, 7)), Some((0x8000, 7)), false, Dec;
    /// MPLS label.
    MplsLabel: "mpls_label", None, 20, Some((0x8000, 34)), Some((0x8000, 34)), false, Dec;
    /// MPLS traffic class.
    MplsTc: "mpls_tc", None, 3, Some((0x8000, 35)), Some((0x8000, 35)), false, Dec;
    /// MPLS bottom of stack.
    MplsBos: "mpls_bos", None, 1, Some((0x8000, 36)), Some((0x8000, 36)), false, Dec;
    /// MPLS TTL.
    MplsTtl: "mpls_ttl", None, 8, Some((0x0001, 30)), None, false, Dec;
    /// IPv4 source.
    Ipv4Src: "ip_src", Some("nw_src"), 32, Some((0x0000, 7)), Some((0x8000, 11)), true, Ipv4;
    /// IPv4 destination.
    Ipv4Dst: "ip_dst", Some("nw_dst"), 32, Some((0x0000, 8)), Some((0x8000, 12)), true, Ipv4;
    /// IPv6 source.
    Ipv6Src: "ipv6_src", None, 128, Some((0x0001, 19)), Some((0x8000, 26)), true, Ipv6;
    /// IPv6 destination.
    Ipv6Dst: "ipv6_dst", None, 128, Some((0x0001, 20)), Some((0x8000, 27)), true, Ipv6;
    /// IPv6 flow label.
    Ipv6Label: "ipv6_label", None, 20, Some((0x0001, 27)), Some((0x8000, 28)), true, Hex;
    /// IP protocol.
    IpProto: "nw_proto", Some("ip_proto"), 8, Some((0x0000, 6)), Some((0x8000, 10)), false, Dec;
    /// DSCP in the upper six bits (Nicira form).
    IpDscp: "nw_tos", None, 8, Some((0x0000, 5)), None, false, Dec;
    /// DSCP.
    IpDscpShifted: "ip_dscp", None, 6, Some((0x8000, 8)), Some((0x8000, 8)), false, Dec;
    /// ECN.
    IpEcn: "nw_ecn", Some("ip_ecn"), 2, Some((0x0001, 28)), Some((0x8000, 9)), false, Dec;
    /// TTL or hop limit.
    IpTtl: "nw_ttl", None, 8, Some((0x0001, 29)), None, false, Dec;
    /// Fragment bits.
    IpFrag: "ip_frag", Some("nw_frag"), 2, Some((0x0001, 26)), None, true, Frag;
    /// ARP operation.
    ArpOp: "arp_op", None, 16, Some((0x0000, 15)), Some((0x8000, 21)), false, Dec;
    /// ARP sender IPv4.
    ArpSpa: "arp_spa", None, 32, Some((0x0000, 16)), Some((0x8000, 22)), true, Ipv4;
    /// ARP target IPv4.
    ArpTpa: "arp_tpa", None, 32, Some((0x0000, 17)), Some((0x8000, 23)), true, Ipv4;
    /// ARP sender MAC.
    ArpSha: "arp_sha", None, 48, Some((0x0001, 17)), Some((0x8000, 24)), true, Ethernet;
    /// ARP target MAC.
    ArpTha: "arp_tha", None, 48, Some((0x0001, 18)), Some((0x8000, 25)), true, Ethernet;
    /// TCP source port.
    TcpSrc: "tcp_src", Some("tp_src"), 16, Some((0x0000, 9)), Some((0x8000, 13)), true, Dec;
    /// TCP destination port.
    TcpDst: "tcp_dst", Some("tp_dst"), 16, Some((0x0000, 10)), Some((0x8000, 14)), true, Dec;
    /// TCP flags.
    TcpFlags: "tcp_flags", None, 12, Some((0x0001, 34)), Some((0xffff, 42)), true, TcpFlags;
    /// UDP source port.
    UdpSrc: "udp_src", None, 16, Some((0x0000, 11)), Some((0x8000, 15)), true, Dec;
    /// UDP destination port.
    UdpDst: "udp_dst", None, 16, Some((0x0000, 12)), Some((0x8000, 16)), true, Dec;
    /// SCTP source port.
    SctpSrc: "sctp_src", None, 16, Some((0x8000, 17)), Some((0x8000, 17)), true, Dec;
    /// SCTP destination port.
    SctpDst: "sctp_dst", None, 16, Some((0x8000, 18)), Some((0x8000, 18)), true, Dec;
    /// ICMP type.
    Icmpv4Type: "icmp_type", None, 8, Some((0x0000, 13)), Some((0x8000, 19)), false, Dec;
    /// ICMP code.
    Icmpv4Code: "icmp_code", None, 8, Some((0x0000, 14)), Some((0x8000, 20)), false, Dec;
    /// ICMPv6 type.
    Icmpv6Type: "icmpv6_type", None, 8, Some((0x0001, 21)), Some((0x8000, 29)), false, Dec;
    /// ICMPv6 code.
    Icmpv6Code: "icmpv6_code", None, 8, Some((0x0001, 22)), Some((0x8000, 30)), false, Dec;
    /// ND target.
    NdTarget: "nd_target", None, 128, Some((0x0001, 23)), Some((0x8000, 31)), true, Ipv6;
    /// ND source link-layer address.
    NdSll: "nd_sll", None, 48, Some((0x0001, 24)), Some((0x8000, 32)), true, Ethernet;
    /// ND target link-layer address.
    NdTll: "nd_tll", None, 48, Some((0x0001, 25)), Some((0x8000, 33)), true, Ethernet;
    /// ND reserved bits.
    NdReserved: "nd_reserved", None, 32, Some((0x1000, 1)), None, false, Dec;
    /// ND option type.
    NdOptionsType: "nd_options_type", None, 8, Some((0x1000, 2)), None, false, Dec;
    /// NSH flags.
    NshFlags: "nsh_flags", None, 8, Some((0xffff, 1)), None, true, Dec;
    /// NSH TTL.
    NshTtl: "nsh_ttl", None, 8, Some((0xffff, 10)), None, false, Dec;
    /// NSH metadata type.
    NshMdtype: "nsh_mdtype", None, 8, Some((0xffff, 2)), None, false, Dec;
    /// NSH next protocol.
    NshNp: "nsh_np", None, 8, Some((0xffff, 3)), None, false, Dec;
    /// NSH service path.
    NshSpi: "nsh_spi", Some("nsp"), 24, Some((0xffff, 4)), None, false, Hex;
    /// NSH service index.
    NshSi: "nsh_si", Some("nsi"), 8, Some((0xffff, 5)), None, false, Dec;
    /// NSH context 1.
    NshC1: "nsh_c1", Some("nshc1"), 32, Some((0xffff, 6)), None, true, Hex;
    /// NSH context 2.
    NshC2: "nsh_c2", Some("nshc2"), 32, Some((0xffff, 7)), None, true, Hex;
    /// NSH context 3.
    NshC3: "nsh_c3", Some("nshc3"), 32, Some((0xffff, 8)), None, true, Hex;
    /// NSH context 4.
    NshC4: "nsh_c4", Some("nshc4"), 32, Some((0xffff, 9)), None, true, Hex;
    /// Packet type: Ethernet, or the type of a packet without an Ethernet header.
    PacketType: "packet_type", None, 32, Some((0x8000, 44)), Some((0x8000, 44)), false, PacketType;
    /// Conjunction id.
    ConjId: "conj_id", None, 32, Some((0x0001, 37)), None, false, Dec;
    /// Hash computed by the datapath.
    DpHash: "dp_hash", None, 32, Some((0x0001, 35)), None, true, Hex;
    /// Recirculation id.
    RecircId: "recirc_id", None, 32, Some((0x0001, 36)), None, false, Hex;
    /// Output port in the action set.
    ActsetOutput: "actset_output", None, 32, Some((0xffff, 43)), Some((0xffff, 43)), false, OfpPort;
    /// Register 0.
    Reg0: "reg0", None, 32, Some((0x0001, 0)), None, true, Hex;
    /// Register 1.
    Reg1: "reg1", None, 32, Some((0x0001, 1)), None, true, Hex;
    /// Register 2.
    Reg2: "reg2", None, 32, Some((0x0001, 2)), None, true, Hex;
    /// Register 3.
    Reg3: "reg3", None, 32, Some((0x0001, 3)), None, true, Hex;
    /// Register 4.
    Reg4: "reg4", None, 32, Some((0x0001, 4)), None, true, Hex;
    /// Register 5.
    Reg5: "reg5", None, 32, Some((0x0001, 5)), None, true, Hex;
    /// Register 6.
    Reg6: "reg6", None, 32, Some((0x0001, 6)), None, true, Hex;
    /// Register 7.
    Reg7: "reg7", None, 32, Some((0x0001, 7)), None, true, Hex;
    /// Register 8.
    Reg8: "reg8", None, 32, Some((0x0001, 8)), None, true, Hex;
    /// Register 9.
    Reg9: "reg9", None, 32, Some((0x0001, 9)), None, true, Hex;
    /// Register 10.
    Reg10: "reg10", None, 32, Some((0x0001, 10)), None, true, Hex;
    /// Register 11.
    Reg11: "reg11", None, 32, Some((0x0001, 11)), None, true, Hex;
    /// Register 12.
    Reg12: "reg12", None, 32, Some((0x0001, 12)), None, true, Hex;
    /// Register 13.
    Reg13: "reg13", None, 32, Some((0x0001, 13)), None, true, Hex;
    /// Register 14.
    Reg14: "reg14", None, 32, Some((0x0001, 14)), None, true, Hex;
    /// Register 15.
    Reg15: "reg15", None, 32, Some((0x0001, 15)), None, true, Hex;
    /// Register 16.
    Reg16: "reg16", None, 32, Some((0xffff, 17)), None, true, Hex;
    /// Register 17.
    Reg17: "reg17", None, 32, Some((0xffff, 18)), None, true, Hex;
    /// Register 18.
    Reg18: "reg18", None, 32, Some((0xffff, 19)), None, true, Hex;
    /// Register 19.
    Reg19: "reg19", None, 32, Some((0xffff, 20)), None, true, Hex;
    /// Register 20.
    Reg20: "reg20", None, 32, Some((0xffff, 21)), None, true, Hex;
    /// Register 21.
    Reg21: "reg21", None, 32, Some((0xffff, 22)), None, true, Hex;
    /// Register 22.
    Reg22: "reg22", None, 32, Some((0xffff, 23)), None, true, Hex;
    /// Register 23.
    Reg23: "reg23", None, 32, Some((0xffff, 24)), None, true, Hex;
    /// Register 24.
    Reg24: "reg24", None, 32, Some((0xffff, 25)), None, true, Hex;
    /// Register 25.
    Reg25: "reg25", None, 32, Some((0xffff, 26)), None, true, Hex;
    /// Register 26.
    Reg26: "reg26", None, 32, Some((0xffff, 27)), None, true, Hex;
    /// Register 27.
    Reg27: "reg27", None, 32, Some((0xffff, 28)), None, true, Hex;
    /// Register 28.
    Reg28: "reg28", None, 32, Some((0xffff, 29)), None, true, Hex;
    /// Register 29.
    Reg29: "reg29", None, 32, Some((0xffff, 30)), None, true, Hex;
    /// Register 30.
    Reg30: "reg30", None, 32, Some((0xffff, 31)), None, true, Hex;
    /// Register 31.
    Reg31: "reg31", None, 32, Some((0xffff, 32)), None, true, Hex;
    /// Double register 0.
    Xreg0: "xreg0", None, 64, Some((0x8001, 0)), Some((0x8001, 0)), true, Hex;
    /// Double register 1.
    Xreg1: "xreg1", None, 64, Some((0x8001, 1)), Some((0x8001, 1)), true, Hex;
    /// Double register 2.
    Xreg2: "xreg2", None, 64, Some((0x8001, 2)), Some((0x8001, 2)), true, Hex;
    /// Double register 3.
    Xreg3: "xreg3", None, 64, Some((0x8001, 3)), Some((0x8001, 3)), true, Hex;
    /// Double register 4.
    Xreg4: "xreg4", None, 64, Some((0x8001, 4)), Some((0x8001, 4)), true, Hex;
    /// Double register 5.
    Xreg5: "xreg5", None, 64, Some((0x8001, 5)), Some((0x8001, 5)), true, Hex;
    /// Double register 6.
    Xreg6: "xreg6", None, 64, Some((0x8001, 6)), Some((0x8001, 6)), true, Hex;
    /// Double register 7.
    Xreg7: "xreg7", None, 64, Some((0x8001, 7)), Some((0x8001, 7)), true, Hex;
    /// Double register 8.
    Xreg8: "xreg8", None, 64, Some((0x8001, 8)), Some((0x8001, 8)), true, Hex;
    /// Double register 9.
    Xreg9: "xreg9", None, 64, Some((0x8001, 9)), Some((0x8001, 9)), true, Hex;
    /// Double register 10.
    Xreg10: "xreg10", None, 64, Some((0x8001, 10)), Some((0x8001, 10)), true, Hex;
    /// Double register 11.
    Xreg11: "xreg11", None, 64, Some((0x8001, 11)), Some((0x8001, 11)), true, Hex;
    /// Double register 12.
    Xreg12: "xreg12", None, 64, Some((0x8001, 12)), Some((0x8001, 12)), true, Hex;
    /// Double register 13.
    Xreg13: "xreg13", None, 64, Some((0x8001, 13)), Some((0x8001, 13)), true, Hex;
    /// Double register 14.
    Xreg14: "xreg14", None, 64, Some((0x8001, 14)), Some((0x8001, 14)), true, Hex;
    /// Double register 15.
    Xreg15: "xreg15", None, 64, Some((0x8001, 15)), Some((0x8001, 15)), true, Hex;
    /// Quadruple register 0.
    Xxreg0: "xxreg0", None, 128, Some((0x0001, 111)), None, true, Hex;
    /// Quadruple register 1.
    Xxreg1: "xxreg1", None, 128, Some((0x0001, 112)), None, true, Hex;
    /// Quadruple register 2.
    Xxreg2: "xxreg2", None, 128, Some((0x0001, 113)), None, true, Hex;
    /// Quadruple register 3.
    Xxreg3: "xxreg3", None, 128, Some((0x0001, 114)), None, true, Hex;
    /// Quadruple register 4.
    Xxreg4: "xxreg4", None, 128, Some((0xffff, 33)), None, true, Hex;
    /// Quadruple register 5.
    Xxreg5: "xxreg5", None, 128, Some((0xffff, 34)), None, true, Hex;
    /// Quadruple register 6.
    Xxreg6: "xxreg6", None, 128, Some((0xffff, 35)), None, true, Hex;
    /// Quadruple register 7.
    Xxreg7: "xxreg7", None, 128, Some((0xffff, 36)), None, true, Hex;
}
