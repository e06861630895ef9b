//! OFPT_ERROR (OpenFlow 1.3.5 §7.4.4).

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ovs_errors::{EXPERIMENTER, ErrorCode, OvsError};

/// A request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorMsg {
    /// OFPET_ type; 0xffff is an experimenter's.
    pub kind: u16,
    /// The code; for an experimenter's error its type (ONF bundles: 2300 to 2315).
    pub code: u16,
    /// The experimenter, for type 0xffff.
    pub experimenter: Option<u32>,
    /// At least the first 64 bytes of the request.
    pub data: Bytes,
}

/// How much of a request goes back with an error, in bytes.
const QUOTED: usize = 64;

impl ErrorMsg {
    /// The answer to a message that could not be decoded: send it under that message's xid.
    pub fn reply_to(error: &DecodeError, frame: &[u8]) -> Self {
        Self::with_code(error.wire_code(), frame)
    }

    /// An error about a message, of which it quotes the beginning.
    pub fn with_code(code: ErrorCode, frame: &[u8]) -> Self {
        let ErrorCode { kind, code, experimenter } = code;
        let quoted = frame.get(..QUOTED).unwrap_or(frame);
        Self { kind, code, experimenter, data: Bytes::copy_from_slice(quoted) }
    }

    /// Returns its numbers, without what it quotes.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode { kind: self.kind, code: self.code, experimenter: self.experimenter }
    }

    /// Returns what it is, if Open vSwitch has it.
    pub fn ovs_error(&self) -> Option<OvsError> {
        OvsError::from_wire_code(self.code())
    }

    /// Returns the name of its type, such as `OFPET_BAD_REQUEST`, if it has one.
    pub fn kind_name(&self) -> Option<&'static str> {
        self.code().kind_name()
    }

    /// Returns the name of its type and code together, such as `OFPBRC_BAD_LEN`, if it has one: see [`OvsError::name`].
    pub fn name(&self) -> Option<&'static str> {
        self.ovs_error().map(OvsError::name)
    }
}

impl Wire for ErrorMsg {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.u16("error.type")?;
        let code = r.u16("error.code")?;
        // Open vSwitch answers some invalid requests with an experimenter's error cut from memory: take what is there.
        let experimenter = if kind == EXPERIMENTER { r.u32("error.experimenter").ok() } else { None };
        Ok(Self { kind, code, experimenter, data: r.rest_copied() })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.kind);
        w.u16(self.code);
        match self.experimenter {
            Some(id) if self.kind == EXPERIMENTER => w.u32(id),
            None if self.kind != EXPERIMENTER || self.data.len() < 4 => {}
            _ => {
                return Err(EncodeError::DoesNotFit {
                    field: "error.experimenter",
                    value: u128::from(self.kind),
                });
            }
        }
        w.bytes(&self.data);
        Ok(())
    }
}
