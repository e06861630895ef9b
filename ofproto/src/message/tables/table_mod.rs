//! OFPT_TABLE_MOD (OpenFlow 1.3.5 §7.3.3).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::TableId;

/// Configures a table. OpenFlow 1.3 has nothing to configure; the message is there for the versions around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableMod {
    /// Which, or `ALL`.
    pub table_id: TableId,
    /// OFPTC_ bits: 1.1 and 1.2 had 3 for what happens on a miss.
    pub config: u32,
}

impl Wire for TableMod {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let table_id = TableId(r.u8("table_mod.table_id")?);
        r.skip(3, "table_mod.pad")?;
        Ok(Self { table_id, config: r.u32("table_mod.config")? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u8(self.table_id.0);
        w.zeros(3);
        w.u32(self.config);
        Ok(())
    }
}
