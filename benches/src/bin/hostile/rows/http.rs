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
/// A request that stays half sent has to be ended within so many seconds, even beside all others.
const HALF_SENT: f64 = 10.0;

pub(crate) fn measure(binary: &Path) -> io::Result<Vec<Row>> {
    let controller = Controller::start_with(binary, Some(FILES), &[])?;
    let start = Instant::now();
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
    let first = held.first().map(TcpStream::try_clone).transpose()?;
    let ended = std::thread::spawn(move || {
        // An error ends it as well.
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
        Row::at_most(title("a switch is in force"), "s", SWITCH, switched.as_secs_f64()),
        Row::at_most(title("the first is ended"), "s", HALF_SENT, ended.as_secs_f64()),
    ])
}
