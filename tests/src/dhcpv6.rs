//! DHCPv6 as a client and a server say it (RFC 8415), frame by frame.

use std::net::Ipv6Addr;

use etherparse::PacketBuilder;

/// All servers of a link, and their MAC (RFC 8415 §7.1, RFC 2464 §7).
pub const SERVERS: (Ipv6Addr, [u8; 6]) =
    (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2), [0x33, 0x33, 0, 1, 0, 2]);

/// A kind of message (RFC 8415 §7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dhcpv6MessageType {
    /// A client looks for servers.
    Solicit = 1,
    /// A server offers addresses.
    Advertise = 2,
    /// A client wants them.
    Request = 3,
    /// A client wants to keep them.
    Renew = 5,
    /// A server gives them.
    Reply = 7,
    /// A client gives them back.
    Release = 8,
    /// A client says that somebody else has them.
    Decline = 9,
    /// A server wants to be asked.
    Reconfigure = 10,
}

/// What a message says.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its kind.
    pub kind: Dhcpv6MessageType,
    /// The exchange that it belongs to, of 24 bits.
    pub xid: u32,
    /// The client's MAC, of which its identifier is made (DUID-LL).
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
    /// A message about some addresses, each for an hour.
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

    /// The frame from a client, to all servers.
    ///
    /// # Panics
    /// Never: it fits.
    pub fn request(&self, mac: [u8; 6], from: Ipv6Addr) -> Vec<u8> {
        self.frame((mac, SERVERS.1), (from, SERVERS.0), (546, 547))
    }

    /// The frame from a server, to a client's link-local address.
    ///
    /// # Panics
    /// Never: it fits.
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
