//! Opens HTTP connections that never finish a request, while file descriptors are few.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::ReportRow;
use crate::controller::{BRIDGE, Controller, PORT, wait_for};
use crate::switch::Switch;

/// Sets the controller's file descriptors.
const FILES: u32 = 64;
/// Counts the HTTP connections; half of them are silent.
const CONNECTIONS: usize = 400;
/// Bounds the seconds until a bridge was read twice.
const SWITCH: f64 = 2.0;
/// Bounds the seconds until a half-sent request is ended.
const HALF_SENT: f64 = 10.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<ReportRow>> {
    let controller = Controller::start_with(binary, Some(FILES), &[])?;
    let start = Instant::now();
    let mut held = Vec::new();
    for n in 0..CONNECTIONS {
        // A connection beyond the backlog does not concern the bridge.
        let Ok(mut stream) = TcpStream::connect_timeout(&controller.http, Duration::from_millis(200)) else {
            break;
        };
        if n % 2 == 0 {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n")?;
        }
        held.push(stream);
    }
    let first = held.first().map(TcpStream::try_clone).transpose()?;
    let ended = std::thread::spawn(move || {
        // A reset ends the connection as well.
        first.map(|mut stream| std::io::copy(&mut stream, &mut io::sink()));
        start.elapsed()
    });
    let start = Instant::now();
    let switch = Switch::connect(controller.openflow, BRIDGE, &[PORT, "b"], 1)?;
    wait_for("the bridge to be read twice", || (switch.reads() >= 2).then_some(()))?;
    let switched = start.elapsed();
    let ended = ended.join().map_err(|_| io::Error::other("nobody waited"))?;
    let title = |what: &str| format!("{what}, {CONNECTIONS} half-sent requests at {FILES} descriptors");
    Ok(vec![
        ReportRow::at_most(title("a switch is in force"), "s", SWITCH, switched.as_secs_f64()),
        ReportRow::at_most(title("the first is ended"), "s", HALF_SENT, ended.as_secs_f64()),
    ])
}
