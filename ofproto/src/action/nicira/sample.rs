//! `sample` on the wire: NXAST_SAMPLE 29, NXAST_SAMPLE2 38 and NXAST_SAMPLE3 41.

use super::super::{Action, Sample, SampleDirection};
use super::{SAMPLE, SAMPLE2, SAMPLE3, port, short};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::PortNo;

pub(super) fn decode(r: &mut Reader<'_>, form: u8) -> Result<Option<Action>, DecodeError> {
    let mut sample = Sample {
        probability: r.u16("sample probability")?,
        collector_set_id: r.u32("sample collector_set_id")?,
        obs_domain_id: r.u32("sample obs_domain_id")?,
        obs_point_id: r.u32("sample obs_point_id")?,
        sampling_port: PortNo::ANY,
        direction: SampleDirection::Default,
    };
    if form > 1 {
        sample.sampling_port = port(r, "sample port")?;
        let [direction, padding @ ..] = r.array::<6>("sample direction")?;
        if form == 3 {
            sample.direction = match direction {
                0 => SampleDirection::Default,
                1 => SampleDirection::Ingress,
                2 => SampleDirection::Egress,
                _ => return Ok(None),
            };
            if padding != [0; 5] {
                return Ok(None);
            }
        }
    }
    Ok(Some(Action::Sample(Box::new(sample))))
}

pub(super) fn encode(sample: &Sample, w: &mut Writer) -> Result<(), EncodeError> {
    let direction = match sample.direction {
        SampleDirection::Default => 0,
        SampleDirection::Ingress => 1,
        SampleDirection::Egress => 2,
    };
    let subtype = match (direction, sample.sampling_port) {
        (0, PortNo::ANY) => SAMPLE,
        (0, _) => SAMPLE2,
        _ => SAMPLE3,
    };
    w.u16(subtype);
    w.u16(sample.probability);
    w.u32(sample.collector_set_id);
    w.u32(sample.obs_domain_id);
    w.u32(sample.obs_point_id);
    if subtype != SAMPLE {
        w.u16(short(sample.sampling_port, "sample port")?);
        w.u8(direction);
        w.zeros(5);
    }
    Ok(())
}
