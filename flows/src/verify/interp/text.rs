//! Prints packets as `ovs-appctl ofproto/trace BRIDGE FLOW` reads them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use ofproto::PortNo;
use ofproto::oxm::{Field, Format};

use super::packet::Packet;

impl Packet {
    /// Returns the packet in the flow syntax of `ovs-appctl ofproto/trace`, with its ingress port
    /// in front if it is given. An inner VLAN tag has no spelling there and is left out.
    pub fn to_text(&self, in_port: Option<PortNo>) -> String {
        let mut out = String::new();
        if let Some(port) = in_port {
            let _ = match port {
                PortNo::LOCAL => write!(out, "in_port=LOCAL"),
                port => write!(out, "in_port={}", port.0),
            };
        }
        for (field, value) in self.headers() {
            if value == 0 && matches!(field, Field::IpFrag | Field::VlanVid) {
                continue;
            }
            if !out.is_empty() {
                out.push(',');
            }
            // Names that every release of Open vSwitch knows, and the whole TCI as one.
            let name = match field {
                Field::VlanPcp => {
                    out.pop();
                    continue;
                }
                Field::VlanVid => "vlan_tci",
                Field::EthSrc => "dl_src",
                Field::EthDst => "dl_dst",
                Field::EthType => "dl_type",
                Field::Ipv4Src => "nw_src",
                Field::Ipv4Dst => "nw_dst",
                Field::IpDscpShifted => "nw_tos",
                other => other.info().name,
            };
            let value = match field {
                Field::VlanVid => self.value(Field::VlanTci).unwrap_or(value),
                Field::IpDscpShifted => value << 2,
                _ => value,
            };
            let _ = write!(out, "{name}=");
            let _ = write_value(&mut out, field, value);
        }
        out
    }
}

fn write_value(out: &mut String, field: Field, value: u128) -> std::fmt::Result {
    match (field, field.info().format) {
        (Field::IpFrag, _) => out.write_str(match value {
            1 => "first",
            3 => "later",
            _ => "no",
        }),
        (Field::TcpFlags | Field::VlanVid, _) => write!(out, "{value:#06x}"),
        (Field::EthType, _) => write!(out, "{value:#06x}"),
        (_, Format::Ethernet) => {
            let [.., a, b, c, d, e, f] = value.to_be_bytes();
            write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
        }
        (_, Format::Ipv4) => write!(out, "{}", Ipv4Addr::from(u32::try_from(value).unwrap_or(u32::MAX))),
        (_, Format::Ipv6) => write!(out, "{}", Ipv6Addr::from(value)),
        (_, Format::Hex) => write!(out, "{value:#x}"),
        _ => write!(out, "{value}"),
    }
}
