//! The fields of a frame, as Open vSwitch takes them out: what is cut short or broken has fields of zero.

use ofproto::DecodeError;
use ofproto::codec::Reader;

use super::ETHERNET;

/// A frame.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) source: [u8; 6],
    pub(super) destination: [u8; 6],
    /// The control words of VLAN tags, outermost first, each with the bit of a tag set.
    pub(super) tags: Vec<u16>,
    pub(super) eth_type: u16,
    pub(super) network: Network,
    pub(super) ip: Ip,
    pub(super) transport: Transport,
    /// Where the transport's header begins, and how many bytes there are of it and behind it.
    payload: Option<(usize, usize)>,
}

#[derive(Debug, Default)]
pub(super) enum Network {
    #[default]
    Other,
    Arp {
        source: u32,
        target: u32,
        operation: u16,
        source_mac: [u8; 6],
        target_mac: [u8; 6],
    },
    Mpls(Vec<u32>),
    Ipv4 {
        source: u32,
        destination: u32,
    },
    Ipv6 {
        source: u128,
        destination: u128,
        label: u32,
    },
    Nsh(Nsh),
}

#[derive(Debug, Default)]
pub(super) struct Nsh {
    pub(super) flags: u8,
    pub(super) ttl: u8,
    pub(super) md_type: u8,
    pub(super) next: u8,
    pub(super) path: u32,
    pub(super) context: [u32; 4],
}

#[derive(Debug, Default)]
pub(super) struct Ip {
    pub(super) protocol: u8,
    pub(super) tos: u8,
    pub(super) ttl: u8,
    pub(super) fragment: bool,
    pub(super) later: bool,
}

#[derive(Debug, Default)]
pub(super) struct Transport {
    pub(super) source: u16,
    pub(super) destination: u16,
    pub(super) tcp_flags: u16,
    pub(super) neighbor: Option<Neighbor>,
}

/// Neighbor discovery (RFC 4861 §4.3 and §4.4).
#[derive(Debug, Default)]
pub(super) struct Neighbor {
    pub(super) target: u128,
    pub(super) source: [u8; 6],
    pub(super) destination: [u8; 6],
}

const FIELD: &str = "frame";

impl Frame {
    /// The protocol of IP, or the operation of ARP, which Open vSwitch keeps in the same place.
    pub(super) fn protocol(&self) -> u8 {
        self.ip.protocol
    }

    /// The name and the value of the transport's checksum, if its header is whole.
    pub(super) fn checksum(&self, bytes: &[u8]) -> Option<(&'static str, u32)> {
        let (start, len) = self.payload?;
        let (name, header, at, wide) = match self.ip.protocol {
            6 => ("tcp", 20, 16, false),
            17 => ("udp", 8, 6, false),
            132 => ("sctp", 12, 8, true),
            1 => ("icmp", 8, 2, false),
            58 => ("icmp6", 4, 2, false),
            _ => return None,
        };
        let sum = bytes.get(start + at..)?;
        (len >= header).then_some(())?;
        Some((
            name,
            if wide {
                u32::from_be_bytes(*sum.first_chunk()?)
            } else {
                u32::from(u16::from_be_bytes(*sum.first_chunk()?))
            },
        ))
    }
}

/// Takes the fields out of a packet, which is a frame if its type is that of Ethernet.
pub(super) fn parse(bytes: &[u8], packet_type: u32) -> Frame {
    let mut frame = Frame::default();
    let mut r = Reader::new(bytes);
    if packet_type == ETHERNET {
        if bytes.len() < 14 || link(&mut frame, &mut r).is_err() {
            return frame;
        }
    } else {
        frame.eth_type = u16::try_from(packet_type & 0xffff).unwrap_or_default();
    }
    // Fields that cannot be read stay zero.
    let _ = match frame.eth_type {
        0x0800 => ipv4(&mut frame, &mut r),
        0x86dd => ipv6(&mut frame, &mut r),
        0x0806 | 0x8035 => arp(&mut frame, &mut r),
        0x8847 | 0x8848 => {
            let labels = std::iter::from_fn(|| r.u32(FIELD).ok());
            let mut bottom = false;
            let stack = labels.take_while(|l| !std::mem::replace(&mut bottom, l & 0x100 != 0));
            frame.network = Network::Mpls(stack.take(3).collect());
            Ok(())
        }
        0x894f => nsh(&mut frame, &mut r),
        _ => Ok(()),
    };
    frame
}

fn link(frame: &mut Frame, r: &mut Reader<'_>) -> Result<(), DecodeError> {
    const MAX_TAGS: usize = 2;
    const TAG: u16 = 0x1000;
    const NONE: u16 = 0x05ff;
    const FIRST_TYPE: u16 = 0x0600;
    frame.destination = r.array(FIELD)?;
    frame.source = r.array(FIELD)?;
    let is_tag = |r: &Reader<'_>| matches!(r.clone().u16(FIELD), Ok(0x8100 | 0x88a8));
    while frame.tags.len() < MAX_TAGS && r.remaining() >= 6 && is_tag(r) {
        r.skip(2, FIELD)?;
        frame.tags.push(r.u16(FIELD)? | TAG);
    }
    frame.eth_type = r.u16(FIELD)?;
    if frame.eth_type < FIRST_TYPE {
        // A length: IEEE 802.3, perhaps with a SNAP header that names the type.
        const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];
        let mut ahead = r.clone();
        let snap = ahead.array(FIELD).is_ok_and(|head: [u8; 6]| head == SNAP);
        frame.eth_type = match ahead.u16(FIELD) {
            Ok(kind) if snap => {
                *r = ahead;
                if kind >= FIRST_TYPE { kind } else { NONE }
            }
            _ => NONE,
        };
    }
    Ok(())
}

fn arp(frame: &mut Frame, r: &mut Reader<'_>) -> Result<(), DecodeError> {
    frame.network =
        Network::Arp { source: 0, target: 0, operation: 0, source_mac: [0; 6], target_mac: [0; 6] };
    let mut r = r.sub(28, FIELD)?;
    // Ethernet and IPv4.
    if r.array(FIELD)? != [0, 1, 8, 0, 6, 4] {
        return Ok(());
    }
    let operation = Some(r.u16(FIELD)?).filter(|op| *op <= 0xff).unwrap_or_default();
    let (source_mac, source) = (r.array(FIELD)?, r.u32(FIELD)?);
    let (target_mac, target) = (r.array(FIELD)?, r.u32(FIELD)?);
    frame.network = Network::Arp { source, target, operation, source_mac, target_mac };
    Ok(())
}

fn ipv4(frame: &mut Frame, r: &mut Reader<'_>) -> Result<(), DecodeError> {
    frame.network = Network::Ipv4 { source: 0, destination: 0 };
    let mut ahead = r.clone();
    let [version_length, tos] = ahead.array(FIELD)?;
    let (header, total) = (usize::from(version_length & 0xf) * 4, usize::from(ahead.u16(FIELD)?));
    if r.remaining() < 20 || header < 20 || r.remaining() < header || total > r.remaining() || header > total
    {
        return Ok(());
    }
    let mut body = r.sub(total, FIELD)?;
    let mut head = body.sub(header, FIELD)?;
    head.skip(6, FIELD)?;
    let fragment = head.u16(FIELD)?;
    let [ttl, protocol] = head.array(FIELD)?;
    head.skip(2, FIELD)?;
    frame.network = Network::Ipv4 { source: head.u32(FIELD)?, destination: head.u32(FIELD)? };
    frame.ip = Ip { protocol, tos, ttl, fragment: fragment & 0x3fff != 0, later: fragment & 0x1fff != 0 };
    transport(frame, body)
}

fn ipv6(frame: &mut Frame, r: &mut Reader<'_>) -> Result<(), DecodeError> {
    frame.network = Network::Ipv6 { source: 0, destination: 0, label: 0 };
    if r.remaining() < 40 {
        return Ok(());
    }
    let first = r.u32(FIELD)?;
    let payload = usize::from(r.u16(FIELD)?);
    let [mut protocol, ttl] = r.array(FIELD)?;
    let address = |r: &mut Reader<'_>| Ok::<_, DecodeError>(u128::from_be_bytes(r.array(FIELD)?));
    let (source, destination) = (address(r)?, address(r)?);
    let Ok(mut body) = r.sub(payload, FIELD) else { return Ok(()) };
    frame.network = Network::Ipv6 { source, destination, label: 0 };
    let (mut fragment, mut later) = (false, false);
    // Extension headers (RFC 8200 §4).
    while !later && matches!(protocol, 0 | 43 | 44 | 51 | 60) {
        if body.remaining() < 8 {
            return Ok(());
        }
        let mut head = body.clone();
        let [next, len] = head.array(FIELD)?;
        let len = usize::from(len);
        let len = match protocol {
            44 => {
                let offset = head.u16(FIELD)?;
                fragment = fragment || offset != 0;
                later = offset & 0xfff8 != 0;
                8
            }
            51 => (len + 2) * 4,
            _ => (len + 1) * 8,
        };
        body.skip(len, FIELD)?;
        protocol = if later { 44 } else { next };
    }
    frame.network = Network::Ipv6 { source, destination, label: first & 0xf_ffff };
    let tos = u8::try_from(first >> 20 & 0xff).unwrap_or_default();
    frame.ip = Ip { protocol, tos, ttl, fragment, later };
    transport(frame, body)
}

fn transport(frame: &mut Frame, mut r: Reader<'_>) -> Result<(), DecodeError> {
    frame.payload = Some((r.at(), r.remaining()));
    if frame.ip.later {
        return Ok(());
    }
    let out = &mut frame.transport;
    match (frame.ip.protocol, r.remaining()) {
        (6, 20..) => {
            let mut head = r.clone();
            let (source, destination) = (head.u16(FIELD)?, head.u16(FIELD)?);
            head.skip(8, FIELD)?;
            let control = head.u16(FIELD)?;
            let len = usize::from(control >> 12) * 4;
            if len >= 20 && r.remaining() >= len {
                *out = Transport { source, destination, tcp_flags: control & 0xfff, neighbor: None };
            }
        }
        (17, 8..) | (132, 12..) => (out.source, out.destination) = (r.u16(FIELD)?, r.u16(FIELD)?),
        (1 | 2, 8..) => {
            let [kind, code] = r.array(FIELD)?;
            (out.source, out.destination) = (u16::from(kind), u16::from(code));
        }
        (58, 8..) => icmp6(frame, &mut r)?,
        _ => {}
    }
    Ok(())
}

fn icmp6(frame: &mut Frame, r: &mut Reader<'_>) -> Result<(), DecodeError> {
    const SOLICIT: u8 = 135;
    const ADVERT: u8 = 136;
    let [kind, code] = r.array(FIELD)?;
    let out = &mut frame.transport;
    (out.source, out.destination) = (u16::from(kind), u16::from(code));
    if frame.eth_type != 0x86dd || code != 0 || !matches!(kind, SOLICIT | ADVERT) {
        return Ok(());
    }
    r.skip(6, FIELD)?;
    out.neighbor = Some(neighbor(r));
    Ok(())
}

/// The target and the link-layer addresses; all zero if one of those is there twice.
fn neighbor(r: &mut Reader<'_>) -> Neighbor {
    const SOURCE: u8 = 1;
    const TARGET: u8 = 2;
    let mut found = Neighbor::default();
    let Ok(target) = r.array(FIELD) else { return found };
    found.target = u128::from_be_bytes(target);
    while r.remaining() >= 8 {
        let Ok([kind, len]) = r.clone().array(FIELD) else { break };
        let len = usize::from(len) * 8;
        if len == 0 || len > r.remaining() {
            break;
        }
        let Ok(mut option) = r.sub(len, FIELD) else { break };
        let address = option.skip(2, FIELD).and_then(|()| option.array(FIELD)).unwrap_or_default();
        let place = match kind {
            SOURCE if len == 8 => &mut found.source,
            TARGET if len == 8 => &mut found.destination,
            _ => continue,
        };
        if *place != [0; 6] {
            return Neighbor::default();
        }
        *place = address;
    }
    found
}

fn nsh(frame: &mut Frame, r: &mut Reader<'_>) -> Result<(), DecodeError> {
    frame.network = Network::Nsh(Nsh::default());
    let available = r.remaining();
    let first = r.u16(FIELD)?;
    let [md_type, next] = r.array(FIELD)?;
    let path = r.u32(FIELD)?;
    let len = usize::from(first & 0x3f) * 4;
    if len > available || first >> 14 != 0 {
        return Ok(());
    }
    let mut context = [0; 4];
    match md_type {
        1 if len != 24 => return Ok(()),
        1 => {
            for word in &mut context {
                *word = r.u32(FIELD)?;
            }
        }
        2 if len < 8 => return Ok(()),
        _ => {}
    }
    let flags = u8::try_from(first >> 12 & 3).unwrap_or_default();
    let ttl = u8::try_from(first >> 6 & 0x3f).unwrap_or_default();
    frame.network = Network::Nsh(Nsh { flags, ttl, md_type, next, path, context });
    Ok(())
}
