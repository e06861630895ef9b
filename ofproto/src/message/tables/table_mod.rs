//! OFPT_TABLE_MOD (OpenFlow 1.3.5 §7.3.3).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::TableId;

/// A change of a table's configuration. OpenFlow 1.3 has no setting; the message exists for other
/// versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableMod {
    /// The table, or `ALL`.
    pub table_id: TableId,
    /// OFPTC_ bits. OpenFlow 1.1 and 1.2 set the handling of table misses with the mask 3.
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
