//! `resubmit`: NXAST_RESUBMIT 1, NXAST_RESUBMIT_TABLE 14 and NXAST_RESUBMIT_TABLE_CT 44.

use super::super::Action;
use super::short;
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{PortNo, TableId};

/// The number of the current table.
const CURRENT: u8 = 0xff;

pub(super) fn decode(r: &mut Reader<'_>, with_table: bool) -> Result<Option<Action>, DecodeError> {
    let port = r.u16("resubmit port")?;
    let table = r.u8("resubmit table")?;
    let padding = r.array::<3>("resubmit padding")?;
    if with_table && padding != [0; 3] {
        return Ok(None);
    }
    Ok(Some(Action::Resubmit {
        port: Some(PortNo::from_u16(port)).filter(|&p| p != PortNo::IN_PORT),
        table: Some(TableId(table)).filter(|_| with_table && table != CURRENT),
    }))
}

/// Decodes NXAST_RESUBMIT_TABLE_CT.
pub(super) fn decode_ct(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    Ok(decode(r, true)?.map(|action| match action {
        Action::Resubmit { port, table } => Action::ResubmitCt { port, table },
        other => other,
    }))
}

/// Encodes the form with a table, as Open vSwitch does. The short form expresses no more.
pub(super) fn encode(
    subtype: u16,
    port: Option<PortNo>,
    table: Option<TableId>,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    let port = port.unwrap_or(PortNo::IN_PORT);
    let short = short(port, "resubmit port")?;
    w.u16(subtype);
    w.u16(short);
    w.u8(table.map_or(CURRENT, |t| t.0));
    w.zeros(3);
    Ok(())
}
