//! Properties: parts of a message with a type and a length (OpenFlow 1.4 §7.2.8). Nicira's messages
//! have them too.

use ofproto::OvsError;
use ofproto::codec::Reader;

/// Properties of experimenters have two more numbers, which no caller here uses.
const EXPERIMENTER: u16 = 0xffff;

/// Returns the type of the next property and a reader of its body, and skips its padding.
pub(super) fn next<'a>(r: &mut Reader<'a>) -> Result<(u16, Reader<'a>), OvsError> {
    const HEADER: usize = 4;
    let available = r.remaining();
    let kind = r.u16("property.type").map_err(|_| OvsError::PropertyLen)?;
    let len = usize::from(r.u16("property.length").map_err(|_| OvsError::PropertyLen)?);
    let padded = len.next_multiple_of(8);
    if len < HEADER || padded > available {
        return Err(OvsError::PropertyLen);
    }
    let body = r.sub(len - HEADER, "property").map_err(|_| OvsError::PropertyLen)?;
    r.skip(padded - len, "property.pad").map_err(|_| OvsError::PropertyLen)?;
    if kind == EXPERIMENTER {
        match body.clone().u32("property.experimenter") {
            Ok(0) => return Err(OvsError::PropertyVendor),
            Ok(_) if len >= HEADER + 8 => {}
            _ => return Err(OvsError::PropertyLen),
        }
    }
    Ok((kind, body))
}

/// Returns the first two bytes; the rest is ignored.
pub(super) fn u16(mut body: Reader<'_>) -> Result<u16, OvsError> {
    body.u16("property").map_err(|_| OvsError::PropertyLen)
}

/// Returns a number that fills the property.
pub(super) fn u32(mut body: Reader<'_>) -> Result<u32, OvsError> {
    let n = body.u32("property").map_err(|_| OvsError::PropertyLen)?;
    if body.is_empty() { Ok(n) } else { Err(OvsError::PropertyLen) }
}

/// Returns a number that fills the property after its padding.
pub(super) fn u64(mut body: Reader<'_>) -> Result<u64, OvsError> {
    body.skip(4, "property.pad").map_err(|_| OvsError::PropertyLen)?;
    let n = body.u64("property").map_err(|_| OvsError::PropertyLen)?;
    if body.is_empty() { Ok(n) } else { Err(OvsError::PropertyLen) }
}

/// Returns a wide number that fills the property.
pub(super) fn u128(mut body: Reader<'_>) -> Result<u128, OvsError> {
    let n = body.array("property").map_err(|_| OvsError::PropertyLen)?;
    if body.is_empty() { Ok(u128::from_be_bytes(n)) } else { Err(OvsError::PropertyLen) }
}

/// Returns Open vSwitch's error for an unknown property.
pub(super) fn unknown(kind: u16) -> OvsError {
    if kind == EXPERIMENTER { OvsError::PropertyVendorType } else { OvsError::PropertyType }
}

/// Returns the first byte; the rest is ignored.
pub(super) fn u8(mut body: Reader<'_>) -> Result<u8, OvsError> {
    body.u8("property").map_err(|_| OvsError::PropertyLen)
}

/// Returns a reader of the properties inside a property.
pub(super) fn nested(mut body: Reader<'_>) -> Result<Reader<'_>, OvsError> {
    body.skip(4, "property.pad").map_err(|_| OvsError::PropertyLen)?;
    Ok(body)
}
