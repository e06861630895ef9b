//! OFPMP_DESC (OpenFlow 1.3.5 §7.3.5.1).

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};

/// The description of the switch. A text ends at its first NUL, or fills its field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desc {
    /// The manufacturer, at most 256 bytes.
    pub mfr_desc: Bytes,
    /// The hardware, at most 256 bytes.
    pub hw_desc: Bytes,
    /// The software, at most 256 bytes.
    pub sw_desc: Bytes,
    /// The serial number, at most 32 bytes.
    pub serial_num: Bytes,
    /// The datapath, at most 256 bytes.
    pub dp_desc: Bytes,
}

/// The width of a text, in bytes.
const DESC_STR_LEN: usize = 256;
/// The width of the serial number, in bytes.
const SERIAL_NUM_LEN: usize = 32;

impl Wire for Desc {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            mfr_desc: r.text(DESC_STR_LEN, "desc.mfr_desc")?,
            hw_desc: r.text(DESC_STR_LEN, "desc.hw_desc")?,
            sw_desc: r.text(DESC_STR_LEN, "desc.sw_desc")?,
            serial_num: r.text(SERIAL_NUM_LEN, "desc.serial_num")?,
            dp_desc: r.text(DESC_STR_LEN, "desc.dp_desc")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.text(&self.mfr_desc, DESC_STR_LEN, "desc.mfr_desc")?;
        w.text(&self.hw_desc, DESC_STR_LEN, "desc.hw_desc")?;
        w.text(&self.sw_desc, DESC_STR_LEN, "desc.sw_desc")?;
        w.text(&self.serial_num, SERIAL_NUM_LEN, "desc.serial_num")?;
        w.text(&self.dp_desc, DESC_STR_LEN, "desc.dp_desc")
    }
}
