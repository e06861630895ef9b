//! Opens and closes TCP connections as fast as they come, or sends as much as fits through one: the two ends of
//! `benches/connections.sh`, each in a namespace of its own.
//!
//! `connections serve ADDRESS:PORT` answers both; `connections open ADDRESS:PORT SECONDS` prints connections per second,
//! `connections send ADDRESS:PORT SECONDS` megabytes per second.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Timeout for an answer. A lost connection does not count, and the run continues.
const PATIENCE: Duration = Duration::from_secs(1);
/// The first byte of a connection that is only opened.
const HELLO: u8 = b'o';
/// The first byte of a connection that sends data.
const BULK: u8 = b's';

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match *words {
        ["serve", address] => address.parse().map_err(io::Error::other).and_then(serve),
        ["open", address, seconds] => run(address, seconds, open),
        ["send", address, seconds] => run(address, seconds, send),
        _ => Err(io::Error::other("connections serve ADDRESS:PORT | open|send ADDRESS:PORT SECONDS")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("connections: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(address: &str, seconds: &str, work: fn(SocketAddr, Duration) -> io::Result<f64>) -> io::Result<()> {
    let address = address.parse().map_err(io::Error::other)?;
    let seconds = seconds.parse().map_err(io::Error::other)?;
    println!("{:.1}", work(address, Duration::from_secs(seconds))?);
    Ok(())
}

fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let Ok((mut stream, _)) = listener.accept() else { continue };
        let mut first = [0];
        if stream.set_read_timeout(Some(PATIENCE)).is_err() || stream.read_exact(&mut first).is_err() {
            continue;
        }
        if first == [BULK] {
            while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
        }
        // The client waits for this byte, and closes first.
        let _ = stream.write_all(&first);
        let _ = stream.read(&mut first);
    }
}

/// Returns connections per second: opened, one byte in each direction, closed.
fn open(address: SocketAddr, time: Duration) -> io::Result<f64> {
    let start = Instant::now();
    let mut done = 0_u32;
    while start.elapsed() < time {
        done += u32::from(once(address).is_ok());
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}

fn once(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    stream.write_all(&[HELLO])?;
    stream.read_exact(&mut [0])
}

/// Returns megabytes per second through one connection.
fn send(address: SocketAddr, time: Duration) -> io::Result<f64> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&[BULK])?;
    let block = vec![0_u8; 1 << 17];
    let start = Instant::now();
    let mut blocks = 0_u32;
    while start.elapsed() < time {
        stream.write_all(&block)?;
        blocks += 1;
    }
    let megabytes = f64::from(blocks) * 0.131_072;
    Ok(megabytes / start.elapsed().as_secs_f64())
}
