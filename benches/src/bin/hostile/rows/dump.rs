//! Sends a dump of 252 MB of foreign flows.

use std::io;
use std::path::Path;

use ofproto::message::multipart::{FlowStats, MULTIPART_MORE, MultipartReplyBody};
use ofproto::{TableId, Xid};
use portcullis_benches::{numbered_flow, reported};

use crate::ReportRow;
use crate::controller::{BRIDGE, Controller, PORT, most_resident};
use crate::switch::{SwitchConnection, answer_with, reply};

/// Sets the length of the dump, in bytes.
const BYTES: usize = 252_000_000;
/// Sets the flows in each part.
const PART: u32 = 400;
/// Bounds the memory for each foreign flow, in bytes.
const EACH: f64 = 150.0;
/// Bounds the memory held afterwards beyond that held before, in megabytes. One round takes as
/// much.
const LEFT: f64 = 32.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<ReportRow>> {
    let controller = Controller::start(binary)?;
    let mut line = SwitchConnection::open(controller.openflow)?;
    line.shake_hands(BRIDGE, &[PORT, "b"], 1)?;
    let before = controller.resident()?;
    let (mut flows, mut reads) = (0, 0);
    // The second read shows no flows any more. The third one follows once their deletion is
    // complete.
    while reads < 3 {
        let (xid, message) = line.next()?;
        let mut is_read = false;
        let no_flows = || {
            is_read = true;
            Vec::new()
        };
        let Some(answer) = answer_with(&message, no_flows) else { continue };
        if is_read {
            reads += 1;
            if reads == 1 {
                flows = dump(&mut line, xid)?;
            }
        }
        line.send(xid, &answer)?;
    }
    let each =
        f64::from(most_resident(controller.pid())?.saturating_sub(before)) * 1_024.0 / f64::from(flows);
    let left = f64::from(controller.resident()?.saturating_sub(before)) / 1_024.0;
    let what = format!("a dump of {} MB, {flows} foreign flows", BYTES / 1_000_000);
    Ok(vec![
        ReportRow::at_most(format!("{what}: memory for each, at most"), "bytes", EACH, each),
        ReportRow::at_most(format!("{what}: memory held afterwards"), "MB", LEFT, left),
    ])
}

/// Sends the parts of the dump. Returns the number of their flows.
fn dump(line: &mut SwitchConnection, xid: Xid) -> io::Result<u32> {
    let (mut sent, mut flows) = (0, 0);
    while sent < BYTES {
        let foreign = |n: u32| FlowStats { table_id: TableId(9), ..reported(&numbered_flow(n)) };
        let part =
            reply(MULTIPART_MORE, MultipartReplyBody::Flow((flows..flows + PART).map(foreign).collect()));
        let bytes = part.encode(xid).map_err(io::Error::other)?;
        line.send_bytes(&bytes)?;
        (sent, flows) = (sent + bytes.len(), flows + PART);
    }
    Ok(flows)
}
