//! Connections to the HTTP side that never finish, with few file descriptors.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Row;
use crate::controller::{BRIDGE, Controller, PORT, wait_for};
use crate::switch::Switch;

/// Descriptors of the controller.
const FILES: u32 = 64;
/// Connections to the HTTP side, half of them silent.
const CONNECTIONS: usize = 400;
/// A bridge has to be read within so many seconds.
const SWITCH: f64 = 2.0;
/// Metrics have to be answered within so many seconds from when nobody more attacks.
const HTTP: f64 = 15.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<Row>> {
    let controller = Controller::start_with(binary, Some(FILES), &[])?;
    let mut held = Vec::new();
    for n in 0..CONNECTIONS {
        // Whoever is beyond the backlog is not there yet, and neither a bridge's business.
        let Ok(mut stream) = TcpStream::connect_timeout(&controller.http, Duration::from_millis(200)) else {
            break;
        };
        if n % 2 == 0 {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n")?;
        }
        held.push(stream);
    }
    let start = Instant::now();
    let switch = Switch::connect(controller.openflow, BRIDGE, &[PORT, "b"], 1)?;
    wait_for("the bridge to be read twice", || (switch.reads() >= 2).then_some(()))?;
    let switched = start.elapsed();
    // The half that is left keeps its places until its time is over.
    held.truncate(20);
    let start = Instant::now();
    wait_for("metrics", || controller.get("/metrics").ok())?;
    let answered = start.elapsed();
    let title = |what: &str| format!("{what}, {CONNECTIONS} half-sent requests, {FILES} descriptors");
    Ok(vec![
        Row::at_most(title("a switch is in force"), "s", SWITCH, switched.as_secs_f64()),
        Row::at_most(title("metrics are answered"), "s", HTTP, answered.as_secs_f64()),
    ])
}
