//! Sends endless lists of ports from connections that never get a bridge.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ofproto::message::Port;
use ofproto::message::multipart::{MULTIPART_MORE, MultipartReplyBody};
use ofproto::{DatapathId, PortNo, Xid};

use crate::ReportRow;
use crate::controller::{Controller, resident};
use crate::switch::{SwitchConnection, reply};

/// Counts the attacking connections.
const CONNECTIONS: u32 = 4;
/// Sets the ports in each message, as many as fit.
const PORTS: u32 = 1_023;
/// Sets the number of messages: 256 MB in all.
const PARTS: u32 = 4_096;
/// Bounds the memory of a connection, in megabytes.
const MARK: f64 = 8.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<ReportRow>> {
    let controller = Controller::start(binary)?;
    let pid = controller.pid();
    let before = controller.resident()?;
    let done = AtomicBool::new(false);
    let peak = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut peak = before;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(resident(pid).unwrap_or(0));
                std::thread::sleep(Duration::from_millis(1));
            }
            peak
        });
        let attacks: Vec<_> =
            (0..CONNECTIONS).map(|n| scope.spawn(move || attack(&controller.openflow, n))).collect();
        let ended: io::Result<Vec<()>> =
            attacks.into_iter().map(|attack| attack.join().unwrap_or(Ok(()))).collect();
        done.store(true, Ordering::Relaxed);
        let peak = watching.join().unwrap_or(u32::MAX);
        ended.map(|_| peak)
    })?;
    let each = f64::from(peak.saturating_sub(before)) / f64::from(CONNECTIONS) / 1024.0;
    let what = format!("memory for each of {CONNECTIONS} connections with endless PORT_DESC parts");
    Ok(vec![ReportRow::at_most(what, "MB", MARK, each)])
}

/// Sends parts until the controller ends the session, or all are sent.
fn attack(at: &std::net::SocketAddr, n: u32) -> io::Result<()> {
    let mut line = SwitchConnection::open(*at)?;
    let xid = line.up_to_ports(DatapathId(u64::from(n) + 0x100))?;
    for part in 0..PARTS {
        if line.send_bytes(&ports(xid, part)?).is_err() {
            break;
        }
    }
    Ok(())
}

/// Returns a part whose ports have the longest names, of characters that have to be escaped.
fn ports(xid: Xid, part: u32) -> io::Result<Vec<u8>> {
    let first = part * PORTS + 1;
    let list = (first..first + PORTS).map(|n| Port::named(PortNo(n), vec![0x1b; 15])).collect();
    Ok(reply(MULTIPART_MORE, MultipartReplyBody::PortDesc(list))
        .encode(xid)
        .map_err(io::Error::other)?
        .to_vec())
}
