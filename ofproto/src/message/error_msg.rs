//! OFPT_ERROR (OpenFlow 1.3.5 §7.4.4).

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ovs_errors::{EXPERIMENTER, ErrorCode, OvsError};

/// The error that reports a failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorMsg {
    /// The OFPET_ type; 0xffff for an experimenter's error.
    pub kind: u16,
    /// The code; for an experimenter's error, its type (ONF bundles: 2300 to 2315).
    pub code: u16,
    /// The experimenter id, for type 0xffff.
    pub experimenter: Option<u32>,
    /// At least the first 64 bytes of the request.
    pub data: Bytes,
}

/// Number of bytes of a request that an error quotes.
const QUOTED: usize = 64;

impl ErrorMsg {
    /// Returns the reply to a message that could not be decoded. Send it under that message's xid.
    pub fn reply_to(error: &DecodeError, frame: &[u8]) -> Self {
        Self::with_code(error.wire_code(), frame)
    }

    /// Returns an error about a message, with its first bytes quoted.
    pub fn with_code(code: ErrorCode, frame: &[u8]) -> Self {
        let ErrorCode { kind, code, experimenter } = code;
        let quoted = frame.get(..QUOTED).unwrap_or(frame);
        Self { kind, code, experimenter, data: Bytes::copy_from_slice(quoted) }
    }

    /// Returns the type and code, without the quoted bytes.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode { kind: self.kind, code: self.code, experimenter: self.experimenter }
    }

    /// Returns Open vSwitch's error with this code, if it has one.
    pub fn ovs_error(&self) -> Option<OvsError> {
        OvsError::from_wire_code(self.code())
    }

    /// Returns the name of the type, such as `OFPET_BAD_REQUEST`, if it has one.
    pub fn kind_name(&self) -> Option<&'static str> {
        self.code().kind_name()
    }

    /// Returns the combined name of type and code, such as `OFPBRC_BAD_LEN`, if there is one: see
    /// [`OvsError::name`].
    pub fn name(&self) -> Option<&'static str> {
        self.ovs_error().map(OvsError::name)
    }
}

impl Wire for ErrorMsg {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.u16("error.type")?;
        let code = r.u16("error.code")?;
        // Open vSwitch answers some invalid requests with a truncated experimenter's error: decode
        // the part that is present.
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
