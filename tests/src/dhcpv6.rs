//! DHCPv6 messages of clients and servers (RFC 8415), as frames.

use std::net::Ipv6Addr;

use etherparse::PacketBuilder;

/// The multicast address of all servers of a link, and its MAC (RFC 8415 §7.1, RFC 2464 §7).
pub const SERVERS: (Ipv6Addr, [u8; 6]) =
    (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2), [0x33, 0x33, 0, 1, 0, 2]);

/// A kind of message (RFC 8415 §7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dhcpv6MessageType {
    /// A client searches for servers.
    Solicit = 1,
    /// A server offers addresses.
    Advertise = 2,
    /// A client requests addresses.
    Request = 3,
    /// A client renews its addresses.
    Renew = 5,
    /// A server assigns addresses.
    Reply = 7,
    /// A client releases its addresses.
    Release = 8,
    /// A client reports that its addresses are in use by another host.
    Decline = 9,
    /// A server asks clients to contact it.
    Reconfigure = 10,
}

/// The contents of a message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The type of the message.
    pub kind: Dhcpv6MessageType,
    /// The transaction id of the exchange, of 24 bits.
    pub xid: u32,
    /// The client's MAC, from which its identifier is derived (DUID-LL).
    pub client: [u8; 6],
    /// The addresses of its identity association, each with its valid lifetime in seconds.
    pub addresses: Vec<(Ipv6Addr, u32)>,
    /// A prefix that is delegated.
    pub prefix: Option<(Ipv6Addr, u8)>,
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("an option");
    [&code.to_be_bytes(), &length.to_be_bytes(), value].concat()
}

impl Message {
    /// Returns a message about these addresses, each with a lifetime of an hour.
    pub fn new(kind: Dhcpv6MessageType, xid: u32, client: [u8; 6], addresses: &[Ipv6Addr]) -> Self {
        let addresses = addresses.iter().map(|address| (*address, 3_600)).collect();
        Self { kind, xid, client, addresses, prefix: None }
    }

    fn bytes(&self) -> Vec<u8> {
        let [_, a, b, c] = self.xid.to_be_bytes();
        let duid = |mac: [u8; 6]| [&[0, 3, 0, 1][..], &mac].concat();
        let mut association = vec![0; 12];
        for (address, valid) in &self.addresses {
            let times = [valid.to_be_bytes(), valid.to_be_bytes()].concat();
            association.extend(option(5, &[&address.octets()[..], &times].concat()));
        }
        let mut bytes = vec![self.kind as u8, a, b, c];
        bytes.extend(option(1, &duid(self.client)));
        bytes.extend(option(2, &duid([2, 0, 0, 0, 0xff, 0xff])));
        bytes.extend(option(3, &association));
        if let Some((prefix, length)) = self.prefix {
            let times = [0, 0, 14, 16, 0, 0, 14, 16, length];
            let prefix = option(26, &[&times[..], &prefix.octets()].concat());
            bytes.extend(option(25, &[&[0; 12][..], &prefix].concat()));
        }
        bytes
    }

    /// Returns the frame from a client to all servers.
    ///
    /// # Panics
    /// Never: the message fits.
    pub fn request(&self, mac: [u8; 6], from: Ipv6Addr) -> Vec<u8> {
        self.frame((mac, SERVERS.1), (from, SERVERS.0), (546, 547))
    }

    /// Returns the frame from a server to a client's link-local address.
    ///
    /// # Panics
    /// Never: the message fits.
    pub fn answer(&self, macs: ([u8; 6], [u8; 6]), from: Ipv6Addr, to: Ipv6Addr) -> Vec<u8> {
        self.frame(macs, (from, to), (547, 546))
    }

    fn frame(
        &self,
        macs: ([u8; 6], [u8; 6]),
        (from, to): (Ipv6Addr, Ipv6Addr),
        ports: (u16, u16),
    ) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2(macs.0, macs.1).ipv6(from.octets(), to.octets(), 64);
        let mut frame = Vec::new();
        builder.udp(ports.0, ports.1).write(&mut frame, &self.bytes()).expect("a frame");
        frame
    }
}
