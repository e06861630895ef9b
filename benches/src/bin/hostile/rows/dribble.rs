//! Opens connections that send less than a header, byte by byte.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::ReportRow;
use crate::controller::Controller;

/// Counts the connections.
const CONNECTIONS: u32 = 2_000;
/// Allows so many bridges that a quarter as many sessions without one is enough.
const BRIDGES: &str = "8192";
/// Bounds the memory of a connection without a whole header, in kilobytes.
const MARK: f64 = 4.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<ReportRow>> {
    let controller = Controller::start_with(binary, None, &["--max-connections", BRIDGES])?;
    // The first session allocates memory that all share.
    drop(TcpStream::connect(controller.openflow)?);
    std::thread::sleep(Duration::from_millis(200));
    let before = controller.resident()?;
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        streams.push(TcpStream::connect(controller.openflow)?);
    }
    // Seven of the eight bytes of a header with length 65,535.
    for byte in [4, 0, 0xff, 0xff, 0, 0, 0] {
        for stream in &mut streams {
            stream.write_all(&[byte])?;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let each = f64::from(controller.resident()?.saturating_sub(before)) / f64::from(CONNECTIONS);
    let what = format!("memory for each of {CONNECTIONS} connections that dribble");
    Ok(vec![ReportRow::at_most(what, "kB", MARK, each)])
}
