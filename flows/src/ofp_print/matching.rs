//! The match of a message: read as strictly as Open vSwitch does, and printed.

use ofproto::codec::Reader;
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, Wire as _};

use super::port::check_port;
use super::refused::Refused;
use crate::model::{FlowMatch, Masked};
use crate::syntax::{Fields, Names, print_match};

/// The priority that is not printed.
pub(super) const DEFAULT_PRIORITY: u16 = 0x8000;

const BAD_LEN: Refused = Refused("OFPBMC_BAD_LEN");
const BAD_FIELD: Refused = Refused("OFPBMC_BAD_FIELD");
const BAD_VALUE: Refused = Refused("OFPBMC_BAD_VALUE");

/// Reads a match and its padding (OpenFlow 1.3.5 §7.2.3). `strict` asks for the fields that a field needs, as every
/// message but a packet for the controller does.
pub(super) fn read(r: &mut Reader<'_>, strict: bool) -> Result<FlowMatch, Refused> {
    const OXM: u16 = 1;
    let start = r.at();
    let kind = r.u16("match type").map_err(|_| BAD_LEN)?;
    let len = r.u16("match length").map_err(|_| BAD_LEN)?;
    if kind == 0 {
        // The form of OpenFlow 1.1; Open vSwitch would take one of the right length.
        return Err(BAD_LEN);
    }
    if kind != OXM {
        return Err(Refused("OFPBMC_BAD_TYPE"));
    }
    let len = usize::from(len).checked_sub(4).ok_or(BAD_LEN)?;
    let padding = (len + 4).next_multiple_of(8) - len - 4;
    let mut body = r.sub(len, "match").map_err(|_| BAD_LEN)?;
    r.skip(padding, "match padding").map_err(|_| BAD_LEN)?;
    debug_assert_eq!((r.at() - start) % 8, 0);
    fields(&mut body, strict)
}

/// Reads match fields without a header, as Nicira's messages have them.
pub(super) fn fields(body: &mut Reader<'_>, strict: bool) -> Result<FlowMatch, Refused> {
    let mut matches = FlowMatch::any();
    let mut seen = Fields::default();
    while !body.is_empty() {
        match field(body) {
            Ok((field, bits)) => {
                if strict && !seen.has(field) {
                    return Err(Refused("OFPBMC_BAD_PREREQ"));
                }
                if seen.get(field).is_some_and(|bits| bits.mask != 0) {
                    return Err(Refused("OFPBMC_DUP_FIELD"));
                }
                seen.set(field, bits);
                matches.set(field, bits);
            }
            Err(refused) if refused == BAD_FIELD && !strict => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(matches)
}

/// One field. One that is not known is passed over before it is refused.
fn field(r: &mut Reader<'_>) -> Result<(Field, Masked), Refused> {
    let (len, has_mask) = {
        let mut ahead = r.clone();
        let [_, _, number, len] = ahead.array("oxm header").map_err(|_| BAD_LEN)?;
        (usize::from(len), number & 1 != 0)
    };
    let mut own = r.sub(4 + len, "oxm").map_err(|_| BAD_LEN)?;
    let oxm = Oxm::decode(&mut own);
    let Ok(Oxm::Known { field, value, mask }) = oxm else {
        // A value too large for its field is known by its length.
        return Err(BAD_FIELD);
    };
    debug_assert_eq!(has_mask, mask.is_some());
    let mask = mask.unwrap_or(field.info().exact());
    if value & !mask != 0 {
        return Err(Refused("OFPBMC_BAD_WILDCARDS"));
    }
    if !valid(field, value) {
        return Err(BAD_VALUE);
    }
    Ok((field, Masked { value, mask }))
}

fn valid(field: Field, value: u128) -> bool {
    match field {
        Field::InPortOxm | Field::ActsetOutput => {
            u32::try_from(value).is_ok_and(|port| check_port(PortNo(port)).is_ok())
        }
        Field::ArpOp => value <= 0xff,
        Field::NshTtl => value <= 63,
        Field::NshMdtype => value == 1 || value == 2,
        Field::VlanVid => value <= 0x1fff,
        _ => true,
    }
}

/// A match with its priority, as it stands in a flow; empty for one that matches everything at the usual priority.
pub(super) fn text(matches: &FlowMatch, priority: u16, names: &dyn Names) -> String {
    let fields = print_match(matches, names);
    match (priority, fields.is_empty()) {
        (DEFAULT_PRIORITY, _) => fields,
        (priority, true) => format!("priority={priority}"),
        (priority, false) => format!("priority={priority},{fields}"),
    }
}
