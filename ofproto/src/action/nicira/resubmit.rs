//! `resubmit`: NXAST_RESUBMIT 1 and NXAST_RESUBMIT_TABLE 14.

use super::super::Action;
use super::RESUBMIT_TABLE;
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{PortNo, TableId};

/// The table that stands for the current one.
const CURRENT: u8 = 0xff;

pub(super) fn decode(r: &mut Reader<'_>, with_table: bool) -> Result<Option<Action>, DecodeError> {
    let port = r.u16("resubmit port")?;
    let table = r.u8("resubmit table")?;
    r.skip(3, "resubmit padding")?;
    let port = PortNo::from_u16(port);
    if port.to_u16().is_none() {
        return Ok(None);
    }
    Ok(Some(Action::Resubmit {
        port: Some(port).filter(|&p| p != PortNo::IN_PORT),
        table: Some(TableId(table)).filter(|_| with_table && table != CURRENT),
    }))
}

/// Always with a table, as Open vSwitch writes it: the short form says nothing that this one does not.
pub(super) fn encode(
    port: Option<PortNo>,
    table: Option<TableId>,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    let port = port.unwrap_or(PortNo::IN_PORT);
    let short =
        port.to_u16().ok_or(EncodeError::DoesNotFit { field: "resubmit port", value: u128::from(port.0) })?;
    w.u16(RESUBMIT_TABLE);
    w.u16(short);
    w.u8(table.map_or(CURRENT, |t| t.0));
    w.zeros(3);
    Ok(())
}
