//! Neighbour discovery (RFC 4861 §4.3, §4.4 and §4.6).

use std::net::Ipv6Addr;

use ofproto::MacAddr;
use ofproto::codec::Reader;

use super::FIELD;

/// The fields of a neighbour solicitation or advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The target address.
    pub target: Ipv6Addr,
    /// The source link-layer address; zero if there is none.
    pub source: MacAddr,
    /// The target link-layer address; zero if there is none.
    pub destination: MacAddr,
}

impl Default for Neighbour {
    fn default() -> Self {
        Self { target: Ipv6Addr::UNSPECIFIED, source: MacAddr::ZERO, destination: MacAddr::ZERO }
    }
}

/// Types of options (RFC 4861 §4.6.1).
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
/// The unit of an option's length, and the length of one with an Ethernet address.
const UNIT: usize = 8;

/// Extracts the target and the link-layer addresses.
///
/// All are zero if one of the addresses occurs twice, which Open vSwitch treats as an invalid
/// message. An option of length zero, or a truncated one, ends the options (RFC 4861 §4.6).
pub(super) fn extract(mut r: Reader<'_>) -> Neighbour {
    let mut found = Neighbour::default();
    let Ok(target) = r.array::<16>(FIELD) else { return found };
    found.target = target.into();
    while let Some((kind, mut option)) = option(&mut r) {
        let place = match kind {
            SOURCE_LINK_LAYER if option.remaining() == UNIT => &mut found.source,
            TARGET_LINK_LAYER if option.remaining() == UNIT => &mut found.destination,
            _ => continue,
        };
        if *place != MacAddr::ZERO {
            return Neighbour::default();
        }
        *place = option.skip(2, FIELD).and_then(|()| option.array(FIELD)).map(MacAddr).unwrap_or_default();
    }
    found
}

/// Takes a whole option, and returns its type and body.
fn option<'a>(r: &mut Reader<'a>) -> Option<(u8, Reader<'a>)> {
    let [kind, units] = r.clone().array(FIELD).ok()?;
    let len = usize::from(units) * UNIT;
    let option = r.sub(len, FIELD).ok().filter(|_| len > 0)?;
    Some((kind, option))
}
