//! The wire form of `encap` and `decap`: NXAST_ENCAP 46 and NXAST_DECAP 47.

use bytes::Bytes;

use super::super::{Action, Encap, EncapProp};
use super::{DECAP, ENCAP, zeros};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// OFPPPC_NSH.
const NSH: u16 = 4;
/// OFPPPT_PROP_NSH_MDTYPE.
const NSH_MD_TYPE: u8 = 1;
/// OFPPPT_PROP_NSH_TLV.
const NSH_TLV: u8 = 2;

pub(super) fn decode(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let hdr_size = r.u16("encap hdr_size")?;
    let packet_type = r.u32("encap packet type")?;
    let mut props = Vec::new();
    while !r.is_empty() {
        match decode_prop(r)? {
            Some(prop) => props.push(prop),
            None => return Ok(None),
        }
    }
    Ok(Some(Action::Encap(Box::new(Encap { packet_type, hdr_size, props }))))
}

fn decode_prop(r: &mut Reader<'_>) -> Result<Option<EncapProp>, DecodeError> {
    let class = r.u16("encap property class")?;
    let kind = r.u8("encap property type")?;
    let at_len = r.clone();
    let len = usize::from(r.u8("encap property length")?);
    let bad = at_len.error(DecodeErrorKind::BadLength(len), "encap property length");
    let body = len.checked_sub(4).ok_or(bad)?;
    let mut p = r.sub(body, "encap property")?;
    let padding = r.bytes(len.next_multiple_of(8) - len, "encap property padding")?;
    if padding.iter().any(|&b| b != 0) {
        return Ok(None);
    }
    Ok(match (class, kind) {
        (NSH, NSH_MD_TYPE) => {
            let md_type = p.u8("encap md_type")?;
            // The length may include the padding, because Open vSwitch sends both forms.
            (p.remaining() == 0).then_some(EncapProp::NshMdType(md_type))
        }
        (NSH, NSH_TLV) => {
            let class = p.u16("encap tlv class")?;
            let kind = p.u8("encap tlv type")?;
            let len = usize::from(p.u8("encap tlv length")?);
            let data = Bytes::copy_from_slice(p.bytes(len, "encap tlv")?);
            // The property's length includes the padding of the value to eight bytes.
            let filled = p.remaining() == len.next_multiple_of(8) - len && zeros(&mut p);
            filled.then_some(EncapProp::NshTlv { class, kind, data })
        }
        _ => None,
    })
}

pub(super) fn encode(encap: &Encap, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(ENCAP);
    w.u16(encap.hdr_size);
    w.u32(encap.packet_type);
    encap.props.iter().try_for_each(|prop| {
        let start = w.len();
        match prop {
            EncapProp::NshMdType(md_type) => {
                w.u16(NSH);
                w.bytes(&[NSH_MD_TYPE, 5, *md_type]);
            }
            EncapProp::NshTlv { class, kind, data } => {
                let len = data.len();
                let too_long = EncodeError::TooLong { field: "encap tlv", len };
                let whole = u8::try_from(len.next_multiple_of(8) + 8).map_err(|_| too_long)?;
                w.u16(NSH);
                w.bytes(&[NSH_TLV, whole]);
                w.u16(*class);
                w.bytes(&[*kind, u8::try_from(len).map_err(|_| too_long)?]);
                w.bytes(data);
            }
        }
        w.pad8(start);
        Ok(())
    })
}

pub(super) fn decode_decap(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    r.skip(2, "decap padding")?;
    let packet_type = r.u32("decap packet type")?;
    // Properties, of which none are defined yet.
    if !r.is_empty() {
        zeros(r);
        return Ok(None);
    }
    Ok(Some(Action::Decap(packet_type)))
}

pub(super) fn encode_decap(packet_type: u32, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(DECAP);
    w.zeros(2);
    w.u32(packet_type);
    Ok(())
}
