//! OFPT_EXPERIMENTER (OpenFlow 1.3.5 §7.5.4), for messages without a variant of [`super::Message`].

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};

/// A message or a multipart body of an experimenter, with its bytes unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experimenter {
    /// The experimenter id: an OUI in the lower three bytes, or a number that ONF assigned.
    pub experimenter: u32,
    /// The type, in the experimenter's numbering.
    pub exp_type: u32,
    /// The bytes after the type.
    pub data: Bytes,
}

impl Wire for Experimenter {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            experimenter: r.u32("experimenter.experimenter")?,
            exp_type: r.u32("experimenter.exp_type")?,
            data: r.rest_copied(),
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.experimenter);
        w.u32(self.exp_type);
        w.bytes(&self.data);
        Ok(())
    }
}
