//! OFPT_FEATURES_REPLY (OpenFlow 1.3.5 §7.3.1).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::DatapathId;

/// The features of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeaturesReply {
    /// The datapath id.
    pub datapath_id: DatapathId,
    /// Number of packets that it can buffer.
    pub n_buffers: u32,
    /// Number of tables.
    pub n_tables: u8,
    /// The auxiliary id; 0 for the main connection.
    pub auxiliary_id: u8,
    /// OFPC_ bits.
    pub capabilities: u32,
    /// Reserved.
    pub reserved: u32,
}

impl Wire for FeaturesReply {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let datapath_id = DatapathId(r.u64("features.datapath_id")?);
        let n_buffers = r.u32("features.n_buffers")?;
        let n_tables = r.u8("features.n_tables")?;
        let auxiliary_id = r.u8("features.auxiliary_id")?;
        r.skip(2, "features.pad")?;
        Ok(Self {
            datapath_id,
            n_buffers,
            n_tables,
            auxiliary_id,
            capabilities: r.u32("features.capabilities")?,
            reserved: r.u32("features.reserved")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u64(self.datapath_id.0);
        w.u32(self.n_buffers);
        w.u8(self.n_tables);
        w.u8(self.auxiliary_id);
        w.zeros(2);
        w.u32(self.capabilities);
        w.u32(self.reserved);
        Ok(())
    }
}
