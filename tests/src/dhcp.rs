//! DHCP messages of clients and servers (RFC 2131), as frames.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;

use crate::frames::EVERYBODY;

/// The address of a client without one.
pub const UNSET: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// A kind of message (RFC 2132 §9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DhcpMessageType {
    /// A client searches for servers.
    Discover = 1,
    /// A server offers an address.
    Offer = 2,
    /// A client requests the address.
    Request = 3,
    /// A server assigns the address.
    Ack = 5,
    /// A server refuses the address.
    Nak = 6,
    /// A client releases the address.
    Release = 7,
}

/// The contents of a message.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// The type of the message.
    pub kind: DhcpMessageType,
    /// The transaction id of the exchange.
    pub xid: u32,
    /// The client's MAC.
    pub chaddr: [u8; 6],
    /// The address that the client has.
    pub ciaddr: Ipv4Addr,
    /// The address assigned to the client.
    pub yiaddr: Ipv4Addr,
    /// The lease time, in seconds.
    pub lease: Option<u32>,
}

impl Message {
    /// Returns a client's message.
    pub fn of_client(kind: DhcpMessageType, xid: u32, chaddr: [u8; 6]) -> Self {
        Self { kind, xid, chaddr, ciaddr: UNSET, yiaddr: UNSET, lease: None }
    }

    /// Returns a server's message.
    pub fn of_server(kind: DhcpMessageType, xid: u32, chaddr: [u8; 6], yiaddr: Ipv4Addr) -> Self {
        Self { kind, xid, chaddr, ciaddr: UNSET, yiaddr, lease: Some(3_600) }
    }

    fn bytes(&self) -> Vec<u8> {
        let answers =
            matches!(self.kind, DhcpMessageType::Offer | DhcpMessageType::Ack | DhcpMessageType::Nak);
        let mut bytes = vec![if answers { 2 } else { 1 }, 1, 6, 0];
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.ciaddr.octets());
        bytes.extend(self.yiaddr.octets());
        bytes.extend([0; 8]);
        bytes.extend(self.chaddr);
        bytes.extend([0; 10 + 64 + 128]);
        bytes.extend([99, 130, 83, 99, 53, 1, self.kind as u8]);
        if let Some(seconds) = self.lease {
            bytes.extend([51, 4]);
            bytes.extend(seconds.to_be_bytes());
        }
        bytes.push(255);
        bytes
    }

    /// Returns the frame from a client with this MAC.
    ///
    /// # Panics
    /// Never: the message fits.
    pub fn request(&self, mac: [u8; 6], from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
        self.frame((mac, EVERYBODY), (from, to), (68, 67))
    }

    /// Returns the frame from a server to a MAC.
    ///
    /// # Panics
    /// Never: the message fits.
    pub fn answer(&self, macs: ([u8; 6], [u8; 6]), from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
        self.frame(macs, (from, to), (67, 68))
    }

    fn frame(
        &self,
        macs: ([u8; 6], [u8; 6]),
        (from, to): (Ipv4Addr, Ipv4Addr),
        ports: (u16, u16),
    ) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2(macs.0, macs.1).ipv4(from.octets(), to.octets(), 64);
        let mut frame = Vec::new();
        builder.udp(ports.0, ports.1).write(&mut frame, &self.bytes()).expect("a frame");
        frame
    }
}
