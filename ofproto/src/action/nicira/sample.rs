//! The wire form of `sample`: NXAST_SAMPLE 29, NXAST_SAMPLE2 38, NXAST_SAMPLE3 41 and NXAST_SAMPLE4
//! 51.

use super::super::subfield::{decode_header, encode_header};
use super::super::{Action, ObservationId, Sample, SampleDirection, Subfield};
use super::{SAMPLE, SAMPLE2, SAMPLE3, SAMPLE4, port, short};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::PortNo;

/// Width of an observation id, in bits.
const ID_BITS: u16 = 32;

/// Decodes the form of this subtype.
pub(super) fn decode(r: &mut Reader<'_>, subtype: u16) -> Result<Option<Action>, DecodeError> {
    let probability = r.u16("sample probability")?;
    let collector_set_id = r.u32("sample collector_set_id")?;
    let (domain, point) = if subtype == SAMPLE4 {
        (decode_id(r, "sample obs_domain_id")?, decode_id(r, "sample obs_point_id")?)
    } else {
        (Some(r.u32("sample obs_domain_id")?.into()), Some(r.u32("sample obs_point_id")?.into()))
    };
    let (sampling_port, [direction, padding @ ..]) = if subtype == SAMPLE {
        (PortNo::ANY, [0; 6])
    } else {
        (port(r, "sample port")?, r.array("sample direction")?)
    };
    let (Some(obs_domain_id), Some(obs_point_id)) = (domain, point) else { return Ok(None) };
    let direction = match direction {
        // Only padding follows the port of the second form, and its bytes are ignored.
        _ if subtype == SAMPLE2 => SampleDirection::Default,
        0 if padding == [0; 5] => SampleDirection::Default,
        1 if padding == [0; 5] => SampleDirection::Ingress,
        2 if padding == [0; 5] => SampleDirection::Egress,
        _ => return Ok(None),
    };
    let sample =
        Sample { probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port, direction };
    Ok(Some(Action::Sample(Box::new(sample))))
}

/// Decodes the header and bits of a field, or a number without a header. `None` for any other form.
fn decode_id(r: &mut Reader<'_>, field: &'static str) -> Result<Option<ObservationId>, DecodeError> {
    let mut header = r.sub(4, field)?;
    if header.clone().u32(field)? == 0 {
        return r.u32(field).map(|id| Some(id.into()));
    }
    let source = decode_header(&mut header, false)?;
    let bits = r.u16(field)?;
    let padding = r.u16(field)?;
    let source = source.and_then(|source| Subfield::unpacked(source, bits));
    Ok(source.filter(|source| source.n_bits <= ID_BITS && padding == 0).map(ObservationId::Field))
}

pub(super) fn encode(sample: &Sample, w: &mut Writer) -> Result<(), EncodeError> {
    let direction = match sample.direction {
        SampleDirection::Default => 0,
        SampleDirection::Ingress => 1,
        SampleDirection::Egress => 2,
    };
    let subtype = match (sample.obs_domain_id, sample.obs_point_id) {
        (ObservationId::Immediate(_), ObservationId::Immediate(_)) => match (direction, sample.sampling_port)
        {
            (0, PortNo::ANY) => SAMPLE,
            (0, _) => SAMPLE2,
            _ => SAMPLE3,
        },
        _ => SAMPLE4,
    };
    w.u16(subtype);
    w.u16(sample.probability);
    w.u32(sample.collector_set_id);
    encode_id(sample.obs_domain_id, subtype == SAMPLE4, w)?;
    encode_id(sample.obs_point_id, subtype == SAMPLE4, w)?;
    if subtype != SAMPLE {
        w.u16(short(sample.sampling_port, "sample port")?);
        w.u8(direction);
        w.zeros(5);
    }
    Ok(())
}

/// Appends an id. `with_header` is true if the form has room for the header of a field.
fn encode_id(id: ObservationId, with_header: bool, w: &mut Writer) -> Result<(), EncodeError> {
    match id {
        ObservationId::Immediate(id) => {
            if with_header {
                w.zeros(4);
            }
            w.u32(id);
        }
        ObservationId::Field(source) => {
            let bits = source.packed()?;
            if source.n_bits > ID_BITS {
                let value = u128::from(source.n_bits);
                return Err(EncodeError::DoesNotFit { field: "sample id bits", value });
            }
            encode_header(source.field, w, false)?;
            w.u16(bits);
            w.zeros(2);
        }
    }
    Ok(())
}
