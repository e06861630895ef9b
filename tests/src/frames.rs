//! Frames that no well-behaved host sends, written to a device unchanged.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Instant;

use etherparse::{ArpEthIpv4Packet, ArpOperation, ArpPacket, PacketBuilder, VlanId};
use lab::Lab;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send, setsockopt,
    socket,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::running::PATIENCE;

/// The broadcast MAC.
pub const EVERYBODY: [u8; 6] = [0xff; 6];
/// The packet type of an outgoing frame in a packet socket's address (packet(7)).
const OUTGOING: u8 = 4;
/// ICMPv6's neighbour solicitation (RFC 4861 §4.3).
pub const SOLICITATION: u8 = 135;
/// ICMPv6's neighbour advertisement (RFC 4861 §4.4).
pub const ADVERTISEMENT: u8 = 136;

/// Returns the MAC of a place.
///
/// # Panics
/// Panics if there is no such place.
pub fn mac(lab: &Lab, place: &str) -> [u8; 6] {
    lab.plan().place(place).unwrap_or_else(|| panic!("no place {place}")).mac
}

/// Sends frames from a place's device.
///
/// # Panics
/// Panics if the system refuses to send them.
pub fn emit(lab: &Lab, place: &str, frames: &[Vec<u8>]) {
    let device = &lab.plan().place(place).unwrap_or_else(|| panic!("no place {place}")).device;
    let sent = lab.within(place, || emit_on(device, frames));
    sent.expect("the namespace").unwrap_or_else(|error| panic!("{place}, {device}: {error}"));
}

/// Sends frames from a device of the namespace that this thread is in.
///
/// # Errors
/// Returns an error if there is no such device, or if the system refuses to send the frames.
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

/// Returns a UDP datagram.
///
/// # Panics
/// Never: the frame fits.
pub fn udp(macs: ([u8; 6], [u8; 6]), from: Ipv4Addr, to: Ipv4Addr, port: u16) -> Vec<u8> {
    let builder =
        PacketBuilder::ethernet2(macs.0, macs.1).ipv4(from.octets(), to.octets(), 9).udp(4_000, port);
    let mut frame = Vec::new();
    builder.write(&mut frame, b"frame").expect("a frame");
    frame
}

/// Returns a UDP datagram under a VLAN tag.
///
/// # Panics
/// Panics if the tag has more than twelve bits.
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

/// Returns a UDP datagram over IPv6.
///
/// # Panics
/// Never: the frame fits.
pub fn udp6(macs: ([u8; 6], [u8; 6]), from: Ipv6Addr, to: Ipv6Addr, port: u16) -> Vec<u8> {
    let builder =
        PacketBuilder::ethernet2(macs.0, macs.1).ipv6(from.octets(), to.octets(), 255).udp(4_000, port);
    let mut frame = Vec::new();
    builder.write(&mut frame, b"frame").expect("a frame");
    frame
}

/// Returns an ARP request for `target`, or an unsolicited reply.
///
/// # Panics
/// Never: the frame fits.
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

/// Returns a neighbour discovery message of this type about `target`, with the sender's MAC.
///
/// # Panics
/// Never: the frame fits.
pub fn nd(macs: ([u8; 6], [u8; 6]), kind: u8, from: Ipv6Addr, to: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    // An advertisement to a group is unsolicited, and a host drops one with the solicited flag
    // (RFC 4861 §7.1.2).
    let flags = if to.is_multicast() { 0x20 } else { 0x60 };
    let (flags, option) = if kind == ADVERTISEMENT { ([flags, 0, 0, 0], 2) } else { ([0; 4], 1) };
    let mut payload = target.octets().to_vec();
    payload.extend([option, 1]);
    payload.extend(macs.0);
    let builder = PacketBuilder::ethernet2(macs.0, macs.1).ipv6(from.octets(), to.octets(), 255);
    let mut frame = Vec::new();
    builder.icmpv6_raw(kind, 0, flags).write(&mut frame, &payload).expect("a frame");
    frame
}

/// Returns an ICMPv6 message of this type, with the four bytes after its checksum and the rest of
/// the body.
///
/// # Panics
/// Never: the frame fits.
pub fn icmpv6(
    macs: ([u8; 6], [u8; 6]),
    kind: u8,
    (from, to): (Ipv6Addr, Ipv6Addr),
    head: [u8; 4],
    payload: &[u8],
) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(macs.0, macs.1).ipv6(from.octets(), to.octets(), 255);
    let mut frame = Vec::new();
    builder.icmpv6_raw(kind, 0, head).write(&mut frame, payload).expect("a frame");
    frame
}

/// Returns a router advertisement (RFC 4861 §4.2): a default route for half an hour, and a /64 for
/// autonomous address configuration.
pub fn router_advertisement(mac: [u8; 6], from: Ipv6Addr, prefix: Ipv6Addr) -> Vec<u8> {
    let mut payload = vec![0; 8];
    payload.extend([1, 1]);
    payload.extend(mac);
    // On-link, autonomous; for an hour.
    payload.extend([3, 4, 64, 0xc0]);
    payload.extend([0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 0]);
    payload.extend(prefix.octets());
    let everybody = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    icmpv6((mac, [0x33, 0x33, 0, 0, 0, 1]), 134, (from, everybody), [64, 0, 7, 8], &payload)
}

/// Captures all frames that arrive at a place's device.
#[derive(Debug)]
pub struct Ear {
    socket: OwnedFd,
}

impl Ear {
    /// Starts to capture.
    ///
    /// # Panics
    /// Panics if there is no such place.
    pub fn open(lab: &Lab, place: &str) -> Self {
        let device = &lab.plan().place(place).unwrap_or_else(|| panic!("no place {place}")).device;
        let open = || -> nix::Result<OwnedFd> {
            let all = SockProtocol::EthAll;
            let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, all)?;
            let mut devices = getifaddrs()?.filter(|d| d.interface_name == *device);
            let link = devices.find_map(|d| d.address?.as_link_addr().copied()).ok_or(nix::Error::ENODEV)?;
            bind(socket.as_raw_fd(), &link)?;
            setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(100))?;
            Ok(socket)
        };
        Self { socket: lab.within(place, open).expect("the namespace").expect("a packet socket") }
    }

    /// Returns the frames that arrive, up to and including the first one for which `last` returns
    /// true.
    ///
    /// # Panics
    /// Panics if that frame does not arrive.
    pub fn until(&self, last: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
        let start = Instant::now();
        let mut heard: Vec<Vec<u8>> = Vec::new();
        let mut buffer = [0; 2_048];
        while !heard.last().is_some_and(|frame| last(frame)) {
            assert!(start.elapsed() < PATIENCE, "waited in vain; heard {heard:02x?}");
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut buffer) {
                // The capture includes the device's own frames.
                Ok((_, Some(from))) if from.pkttype() == OUTGOING => {}
                Ok((length, _)) => heard.push(buffer.get(..length).unwrap_or_default().to_vec()),
                Err(_) => {}
            }
        }
        heard
    }
}
