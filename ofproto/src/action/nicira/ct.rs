//! The wire form of `nat`: NXAST_NAT 36.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::{Action, Nat, NatAddresses};
use super::{NAT, zeros};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};

/// NX_NAT_RANGE_: the parts of the range that are present, in this order.
const IPV4_MIN: u16 = 1;
const IPV4_MAX: u16 = 2;
const IPV6_MIN: u16 = 4;
const IPV6_MAX: u16 = 8;
const PROTO_MIN: u16 = 16;
const PROTO_MAX: u16 = 32;

pub(super) fn decode(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let reserved = r.u16("nat padding")?;
    let flags = r.u16("nat flags")?;
    let present = r.u16("nat range_present")?;
    let has = |bit: u16| present & bit != 0;
    let addresses = match present & (IPV4_MIN | IPV4_MAX | IPV6_MIN | IPV6_MAX) {
        0 => NatAddresses::None,
        IPV4_MIN | 3 => NatAddresses::V4(v4(r)?, has(IPV4_MAX).then(|| v4(r)).transpose()?),
        IPV6_MIN | 12 => NatAddresses::V6(v6(r)?, has(IPV6_MAX).then(|| v6(r)).transpose()?),
        _ => return Ok(None),
    };
    let ports = match present & (PROTO_MIN | PROTO_MAX) {
        0 => None,
        PROTO_MAX => return Ok(None),
        _ => Some((r.u16("nat port")?, has(PROTO_MAX).then(|| r.u16("nat last port")).transpose()?)),
    };
    let known = IPV4_MIN | IPV4_MAX | IPV6_MIN | IPV6_MAX | PROTO_MIN | PROTO_MAX;
    let sense = ports.is_none() || addresses != NatAddresses::None;
    let padded = r.remaining() < 8 && zeros(r);
    let nat = Nat { flags, addresses, ports };
    Ok((reserved == 0 && present & !known == 0 && sense && padded).then_some(Action::Nat(nat)))
}

fn v4(r: &mut Reader<'_>) -> Result<Ipv4Addr, DecodeError> {
    r.array::<4>("nat address").map(Ipv4Addr::from)
}

fn v6(r: &mut Reader<'_>) -> Result<Ipv6Addr, DecodeError> {
    r.array::<16>("nat address").map(Ipv6Addr::from)
}

pub(super) fn encode(nat: &Nat, w: &mut Writer) -> Result<(), EncodeError> {
    if let (NatAddresses::None, Some((first, _))) = (nat.addresses, nat.ports) {
        return Err(EncodeError::DoesNotFit { field: "nat port", value: u128::from(first) });
    }
    let addresses = match nat.addresses {
        NatAddresses::None => 0,
        NatAddresses::V4(_, last) => IPV4_MIN | last.map_or(0, |_| IPV4_MAX),
        NatAddresses::V6(_, last) => IPV6_MIN | last.map_or(0, |_| IPV6_MAX),
    };
    let ports = nat.ports.map_or(0, |(_, last)| PROTO_MIN | last.map_or(0, |_| PROTO_MAX));
    w.u16(NAT);
    w.zeros(2);
    w.u16(nat.flags);
    w.u16(addresses | ports);
    match nat.addresses {
        NatAddresses::None => {}
        NatAddresses::V4(first, last) => {
            [Some(first), last].iter().flatten().for_each(|address| w.bytes(&address.octets()));
        }
        NatAddresses::V6(first, last) => {
            [Some(first), last].iter().flatten().for_each(|address| w.bytes(&address.octets()));
        }
    }
    if let Some((first, last)) = nat.ports {
        [Some(first), last].iter().flatten().for_each(|port| w.u16(*port));
    }
    Ok(())
}
