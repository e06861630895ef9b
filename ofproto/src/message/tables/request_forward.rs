//! ONF's request forward (EXT-264, experimenter type 2350): a change by another controller.

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::message::tables::bundle::inner_message;

/// A GROUP_MOD or METER_MOD that another controller sent and the switch executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestForward {
    /// The whole message, header included.
    pub message: Bytes,
}

impl Wire for RequestForward {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { message: inner_message(r, "request_forward.message")? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.bytes(&self.message);
        Ok(())
    }
}
