//! The values to try: every value that the file or a flow distinguishes, and for each kind one that
//! nothing names.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;
use ofproto::oxm::Field;
use ofproto::{MacAddr, ethertype, ip_protocol};

use super::BridgeFlows;
use crate::network::{NetworkFile, Protocol};
pub(in crate::verify::sampling) use crate::verify::bridge_flows::STRANGER;

/// The maximum number of values of one kind. More are thinned out, and the check is then
/// incomplete.
const MANY: usize = 512;

/// A transport port that hardly any file names.
pub(in crate::verify::sampling) const OTHER_PORT: u128 = 40_009;
/// LLDP (IEEE 802.1AB), and a type for local experiments (IEEE 802).
const LLDP: u16 = 0x88cc;
const EXPERIMENTAL: u16 = 0x88b5;
/// A protocol for experiments (RFC 3692).
const EXPERIMENTAL_PROTOCOL: u8 = 253;
/// Another MAC address without an owner.
pub(in crate::verify::sampling) const OTHER_STRANGER: u128 = 0x02_00_5e_00_53_08;

#[derive(Debug, Default)]
pub(in crate::verify::sampling) struct ProbeValues {
    pub(in crate::verify::sampling) v4: BTreeSet<u128>,
    pub(in crate::verify::sampling) v6: BTreeSet<u128>,
    /// MACs of senders, in frames and in ARP or neighbour discovery.
    pub(in crate::verify::sampling) macs: BTreeSet<u128>,
    /// MACs of receivers.
    pub(in crate::verify::sampling) dst_macs: BTreeSet<u128>,
    pub(in crate::verify::sampling) tcp: BTreeSet<u128>,
    pub(in crate::verify::sampling) udp: BTreeSet<u128>,
    pub(in crate::verify::sampling) sctp: BTreeSet<u128>,
    pub(in crate::verify::sampling) ip_protos: BTreeSet<u128>,
    pub(in crate::verify::sampling) icmp: BTreeSet<u128>,
    pub(in crate::verify::sampling) icmpv6: BTreeSet<u128>,
    pub(in crate::verify::sampling) eth_types: BTreeSet<u128>,
    pub(in crate::verify::sampling) vids: BTreeSet<u128>,
}

impl ProbeValues {
    pub(in crate::verify::sampling) fn collect(file: &NetworkFile, bridges: &[BridgeFlows<'_>]) -> Self {
        let mut this = Self::default();
        this.constants();
        this.of_file(file);
        for flow in bridges.iter().flat_map(|b| &b.flows) {
            for (field, bits) in flow.matches.iter() {
                // For a masked value, one that it admits, apart from the special values at its
                // ends.
                let free = field.info().exact() & !bits.mask;
                this.of_flow(field, bits.value | free & 7);
            }
        }
        this
    }

    fn constants(&mut self) {
        let v4 = [
            [198, 51, 100, 7],
            [0, 0, 0, 0],
            [255, 255, 255, 255],
            [224, 0, 0, 1],
            [239, 255, 0, 7],
            [127, 0, 0, 1],
            [169, 254, 0, 7],
        ];
        self.v4.extend(v4.map(|a| u128::from(u32::from_be_bytes(a))));
        let v6 = [
            "2001:db8:ffff::7",
            "::",
            "::1",
            "fe80::7",
            "fe80::8",
            "ff02::1",
            "ff02::2",
            "ff02::fb",
            "ff02::1:ff00:7",
            "ff05::2",
        ];
        self.v6.extend(v6.iter().filter_map(|a| a.parse::<Ipv6Addr>().ok()).map(u128::from));
        self.macs.insert(STRANGER);
        self.dst_macs.insert(STRANGER);
        // Broadcast, IPv4 and IPv6 multicast, the bridges' own group.
        for macs in [&mut self.macs, &mut self.dst_macs] {
            macs.extend([0xffff_ffff_ffff, 0x0100_5e00_0001, 0x3333_0000_0001, 0x0180_c200_0000]);
        }
        for ports in [&mut self.tcp, &mut self.udp, &mut self.sctp] {
            ports.insert(OTHER_PORT);
        }
        // DHCP and DHCPv6, both directions.
        self.udp.extend([67, 68, 546, 547]);
        let protocols = [ip_protocol::IGMP, ip_protocol::GRE, ip_protocol::VRRP, EXPERIMENTAL_PROTOCOL];
        self.ip_protos.extend(protocols.map(u128::from));
        // Echo reply, unreachable, redirect, echo, time exceeded; their equivalents, MLD and ND
        // without its fields.
        self.icmp.extend([0, 3, 5, 8, 11]);
        self.icmpv6.extend([1, 2, 128, 129, 130, 133, 134, 137, 143]);
        let types = [LLDP, ethertype::MPLS, ethertype::NOT_ETH_TYPE, EXPERIMENTAL];
        self.eth_types.extend(types.map(u128::from));
        self.vids.insert(10);
    }

    fn of_file(&mut self, file: &NetworkFile) {
        let plugs = || file.endpoints.iter().flat_map(|e| &e.attachments);
        for plug in plugs() {
            plug.addresses.iter().for_each(|a| self.address(*a));
            plug.shared.iter().for_each(|shared| self.address(shared.address));
            plug.behind.iter().for_each(|p| self.stranger(file, *p));
            self.macs.extend(plug.mac.map(|mac| MacAddr(mac).bits()));
        }
        for exit in &file.exits {
            exit.next_hop.iter().for_each(|a| self.address(*a));
        }
        for end in file.links.iter().flat_map(|l| &l.ends) {
            if let crate::network::LinkRole::Network { behind, .. } = &end.role {
                behind.iter().for_each(|p| self.stranger(file, *p));
            }
        }
        for subnet in file.networks.iter().flat_map(|n| &n.subnets) {
            self.stranger(file, *subnet);
            self.address(subnet.network());
            if let IpNetwork::V4(v4) = subnet {
                self.address(v4.broadcast().into());
            }
        }
        for allow in &file.allows {
            let ports = match allow.protocol {
                Protocol::Tcp => &mut self.tcp,
                Protocol::Udp => &mut self.udp,
                Protocol::Sctp => &mut self.sctp,
                Protocol::Any | Protocol::Icmp | Protocol::Dhcp | Protocol::Vrrp => continue,
            };
            ports.extend(allow.ports.iter().map(|p| u128::from(*p)));
        }
    }

    fn of_flow(&mut self, field: Field, value: u128) {
        let set = match field {
            Field::Ipv4Src | Field::Ipv4Dst | Field::ArpSpa | Field::ArpTpa => &mut self.v4,
            Field::Ipv6Src | Field::Ipv6Dst | Field::NdTarget => &mut self.v6,
            Field::EthSrc | Field::ArpSha | Field::NdSll | Field::NdTll => &mut self.macs,
            Field::EthDst => &mut self.dst_macs,
            Field::TcpSrc | Field::TcpDst => &mut self.tcp,
            Field::UdpSrc | Field::UdpDst => &mut self.udp,
            Field::SctpSrc | Field::SctpDst => &mut self.sctp,
            Field::IpProto => &mut self.ip_protos,
            Field::Icmpv4Type => &mut self.icmp,
            Field::Icmpv6Type => &mut self.icmpv6,
            Field::EthType => &mut self.eth_types,
            Field::VlanVid => &mut self.vids,
            _ => return,
        };
        set.insert(value);
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(a) => self.v4.insert(u32::from(a).into()),
            IpAddr::V6(a) => self.v6.insert(a.into()),
        };
    }

    /// Adds an address of the prefix that no endpoint and no next hop has, if there is one near its
    /// start.
    fn stranger(&mut self, file: &NetworkFile, prefix: IpNetwork) {
        let owned = |a: &IpAddr| {
            file.endpoints.iter().flat_map(|e| &e.attachments).any(|p| p.has(*a))
                || file.exits.iter().any(|e| e.next_hop.contains(a))
        };
        let nth = |n: u32| match prefix {
            IpNetwork::V4(p) => Some(IpAddr::from(Ipv4Addr::from(u32::from(p.network()).checked_add(n)?))),
            IpNetwork::V6(p) => {
                Some(IpAddr::from(Ipv6Addr::from(u128::from(p.network()).checked_add(n.into())?)))
            }
        };
        // Not the first address: it belongs to the subnet, and often to the router.
        let near = (2..512).chain([1, 0]).filter_map(nth);
        if let Some(address) = near.filter(|a| prefix.contains(*a)).find(|a| !owned(a)) {
            self.address(address);
        }
    }

    /// Returns the values to try, those in `first` before all others, and whether some are left
    /// out.
    pub(in crate::verify::sampling) fn thinned(values: &BTreeSet<u128>, first: &[u128]) -> (Vec<u128>, bool) {
        let mut list: Vec<u128> = first.to_vec();
        let others: Vec<u128> = values.iter().copied().filter(|v| !first.contains(v)).collect();
        let step = others.len().div_ceil(MANY).max(1);
        list.extend(others.iter().step_by(step));
        (list, step > 1)
    }
}
