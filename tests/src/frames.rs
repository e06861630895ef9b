//! Frames that no well-behaved host sends, written to a device as they are.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd as _;

use etherparse::{ArpEthIpv4Packet, ArpOperation, ArpPacket, PacketBuilder, VlanId};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, bind, send, socket};
use portcullis::lab::Lab;

/// Everybody's MAC.
pub const EVERYBODY: [u8; 6] = [0xff; 6];
/// ICMPv6's neighbour solicitation (RFC 4861 §4.3).
pub const SOLICITATION: u8 = 135;
/// ICMPv6's neighbour advertisement (RFC 4861 §4.4).
pub const ADVERTISEMENT: u8 = 136;

/// The MAC of a place.
///
/// # Panics
/// When there is no such place.
pub fn mac(lab: &Lab, place: &str) -> [u8; 6] {
    lab.plan().place(place).unwrap_or_else(|| panic!("no place {place}")).mac
}

/// Sends frames from a place's device.
///
/// # Panics
/// When the system does not let them out.
pub fn emit(lab: &Lab, place: &str, frames: &[Vec<u8>]) {
    let device = &lab.plan().place(place).unwrap_or_else(|| panic!("no place {place}")).device;
    let sent = lab.within(place, || emit_on(device, frames));
    sent.expect("the namespace").unwrap_or_else(|error| panic!("{place}, {device}: {error}"));
}

/// Sends frames from a device of the namespace that this thread is in.
///
/// # Errors
/// When there is no such device, or the system does not let them out.
pub fn emit_on(device: &str, frames: &[Vec<u8>]) -> nix::Result<()> {
    let raw = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    let mut devices = getifaddrs()?.filter(|d| d.interface_name == *device);
    let link = devices.find_map(|d| d.address?.as_link_addr().copied()).ok_or(nix::Error::ENODEV)?;
    bind(raw.as_raw_fd(), &link)?;
    for frame in frames {
        send(raw.as_raw_fd(), frame, MsgFlags::empty())?;
    }
    Ok(())
}

/// A UDP datagram.
///
/// # Panics
/// Never: it fits.
pub fn udp(macs: ([u8; 6], [u8; 6]), from: Ipv4Addr, to: Ipv4Addr, port: u16) -> Vec<u8> {
    let builder =
        PacketBuilder::ethernet2(macs.0, macs.1).ipv4(from.octets(), to.octets(), 9).udp(4_000, port);
    let mut frame = Vec::new();
    builder.write(&mut frame, b"frame").expect("a frame");
    frame
}

/// The same under a VLAN tag.
///
/// # Panics
/// When the tag has more than twelve bits.
pub fn tagged(macs: ([u8; 6], [u8; 6]), tag: u16, from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let tag = VlanId::try_new(tag).expect("a VLAN");
    let builder = PacketBuilder::ethernet2(macs.0, macs.1).single_vlan(tag);
    let mut frame = Vec::new();
    builder
        .ipv4(from.octets(), to.octets(), 9)
        .udp(4_000, 9_573)
        .write(&mut frame, b"frame")
        .expect("a frame");
    frame
}

/// A UDP datagram over IPv6.
///
/// # Panics
/// Never: it fits.
pub fn udp6(macs: ([u8; 6], [u8; 6]), from: Ipv6Addr, to: Ipv6Addr, port: u16) -> Vec<u8> {
    let builder =
        PacketBuilder::ethernet2(macs.0, macs.1).ipv6(from.octets(), to.octets(), 255).udp(4_000, port);
    let mut frame = Vec::new();
    builder.write(&mut frame, b"frame").expect("a frame");
    frame
}

/// ARP: a request for `target`, or the answer to it that nobody asked for.
///
/// # Panics
/// Never: it fits.
pub fn arp(macs: ([u8; 6], [u8; 6]), request: bool, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let packet = ArpEthIpv4Packet {
        operation: if request { ArpOperation::REQUEST } else { ArpOperation::REPLY },
        sender_mac: macs.0,
        sender_ipv4: sender.octets(),
        target_mac: if request { [0; 6] } else { macs.1 },
        target_ipv4: target.octets(),
    };
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(macs.0, macs.1).arp(ArpPacket::from(packet));
    builder.write(&mut frame).expect("a frame");
    frame
}

/// Neighbour discovery of a kind about `target`, with the sender's MAC.
///
/// # Panics
/// Never: it fits.
pub fn nd(macs: ([u8; 6], [u8; 6]), kind: u8, from: Ipv6Addr, to: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let (flags, option) = if kind == ADVERTISEMENT { ([0x60, 0, 0, 0], 2) } else { ([0; 4], 1) };
    let mut payload = target.octets().to_vec();
    payload.extend([option, 1]);
    payload.extend(macs.0);
    let builder = PacketBuilder::ethernet2(macs.0, macs.1).ipv6(from.octets(), to.octets(), 255);
    let mut frame = Vec::new();
    builder.icmpv6_raw(kind, 0, flags).write(&mut frame, &payload).expect("a frame");
    frame
}
