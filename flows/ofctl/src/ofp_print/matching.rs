//! Matches of messages, read as strictly as Open vSwitch does.

use flow_model::{DEFAULT_PRIORITY, FlowMatch, Masked};
use ofproto::codec::Reader;
use ofproto::oxm::{Field, Match};
use ofproto::{OvsError, ethertype};

use crate::syntax::{Names, print_match};

/// Reads a match and its padding (OpenFlow 1.3.5 §7.2.3). `strict` checks the prerequisites of
/// fields, as every message but a packet-in needs.
pub(super) fn read(r: &mut Reader<'_>, strict: bool) -> Result<FlowMatch, OvsError> {
    fields(Match::frame(r)?.rest(), strict)
}

/// Reads match fields in the form of Nicira's messages: `len` bytes without a header, and their
/// padding.
pub(super) fn read_nxm(r: &mut Reader<'_>, len: u16, strict: bool) -> Result<FlowMatch, OvsError> {
    fields(nxm(r, len)?, strict)
}

/// Reads match fields in the form of Nicira's messages, with the cookie and mask that select flows,
/// zero for none.
pub(super) fn read_nicira(r: &mut Reader<'_>, len: u16) -> Result<(FlowMatch, (u64, u64)), OvsError> {
    /// NXM_NX_COOKIE and NXM_NX_COOKIE_W.
    const COOKIE: [u32; 2] = [0x0001_3c08, 0x0001_3d10];
    let mut body = Reader::new(nxm(r, len)?);
    let mut cookie = (0, 0);
    let mut others = Vec::new();
    while !body.is_empty() {
        let mut ahead = body.clone();
        let [.., len] = ahead.clone().array::<4>("nxm.header").map_err(|_| OvsError::MatchLen)?;
        let entry = body.bytes(4 + usize::from(len), "nxm").map_err(|_| OvsError::MatchLen)?;
        let header = ahead.u32("nxm.header")?;
        if !COOKIE.contains(&header) {
            others.extend_from_slice(entry);
            continue;
        }
        let value = ahead.u64("nxm.cookie")?;
        let mask = if header == COOKIE[0] { u64::MAX } else { ahead.u64("nxm.cookie_mask")? };
        if value & !mask != 0 {
            return Err(OvsError::MatchWildcards);
        }
        if cookie.1 != 0 {
            return Err(OvsError::MatchTwice);
        }
        cookie = (value, mask);
    }
    Ok((fields(&others, true)?, cookie))
}

fn nxm<'a>(r: &mut Reader<'a>, len: u16) -> Result<&'a [u8], OvsError> {
    let len = usize::from(len);
    let body = r.bytes(len, "nxm").map_err(|_| OvsError::MatchLen)?;
    r.skip(len.next_multiple_of(8) - len, "nxm.pad").map_err(|_| OvsError::MatchLen)?;
    Ok(body)
}

/// Reads the fields of a match. Without `strict`, it skips unknown fields and checks no
/// prerequisites.
pub(super) fn fields(body: &[u8], strict: bool) -> Result<FlowMatch, OvsError> {
    let decoded = if strict { Match::decode_strict(body) } else { Match::decode_told(body) };
    decoded.map(|wire| FlowMatch::from_wire(&wire))
}

/// Refuses the addresses of a tracked connection without the IP version that they belong to.
pub(super) fn check_tracking(matches: &FlowMatch) -> Result<(), OvsError> {
    use Field::{CtIpv6Dst, CtIpv6Src, CtNwDst, CtNwSrc};
    let eth_type = matches.exact(Field::EthType);
    let any = |fields: [Field; 2]| fields.iter().any(|field| matches.field(*field).is_some());
    if any([CtNwSrc, CtNwDst]) && eth_type != Some(ethertype::IPV4.into())
        || any([CtIpv6Src, CtIpv6Dst]) && eth_type != Some(ethertype::IPV6.into())
    {
        return Err(OvsError::MatchInconsistent);
    }
    Ok(())
}

/// Returns the text of a match with its priority, as in a flow. Empty for a match on everything at
/// the default priority.
pub(super) fn text(matches: &FlowMatch, priority: u16, names: &dyn Names) -> String {
    let fields = match without_meaningless(matches) {
        Some(matches) => print_match(&matches, names),
        None => print_match(matches, names),
    };
    match (priority, fields.is_empty()) {
        (DEFAULT_PRIORITY, _) => fields,
        (priority, true) => format!("priority={priority}"),
        (priority, false) => format!("priority={priority},{fields}"),
    }
}

/// Returns the match without the fields that Open vSwitch ignores because their prerequisites are
/// not matched. `None` if there are no such fields. Only a packet-in has them: a switch refuses
/// such a flow.
fn without_meaningless(matches: &FlowMatch) -> Option<FlowMatch> {
    use Field::*;
    const NSH: u128 = ethertype::NSH as u128;
    let nsh = matches.exact(EthType) == Some(NSH) || matches.exact(PacketType) == Some(1 << 16 | NSH);
    let meaningless = |field: Field| match field {
        CtTpSrc | CtTpDst => matches.field(CtNwProto).is_none(),
        NshFlags | NshTtl | NshMdtype | NshNp | NshSpi | NshSi | NshC1 | NshC2 | NshC3 | NshC4 => !nsh,
        _ => false,
    };
    let fields: Vec<Field> = matches.iter().map(|(field, _)| field).filter(|f| meaningless(*f)).collect();
    if fields.is_empty() {
        return None;
    }
    let mut rest = matches.clone();
    fields.into_iter().for_each(|field| rest.set(field, Masked { value: 0, mask: 0 }));
    Some(rest)
}
