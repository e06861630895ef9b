//! Ports: descriptions and counters.

use ofproto::codec::Reader;
use ofproto::message::multipart::PortStats;
use ofproto::message::{Port, PortMod, PortStatus, PortStatusReason};
use ofproto::{MacAddr, OvsError, PortNo, Wire};

use super::{MessagePrinter, Printed, put, text};
use crate::syntax::{Names, NoNames};

/// OFPPC_ bits (OpenFlow 1.3.5 §7.2.1), by bit.
const CONFIG: [&str; 7] = ["PORT_DOWN", "", "NO_RECV", "", "", "NO_FWD", "NO_PACKET_IN"];
/// The OFPPC_ bits of this version.
const KNOWN_CONFIG: u32 = 0x65;
/// OFPPS_ bits (OpenFlow 1.3.5 §7.2.1), by bit.
const STATE: [&str; 3] = ["LINK_DOWN", "BLOCKED", "LIVE"];
/// OFPPF_ bits (OpenFlow 1.3.5 §7.2.1), by bit.
const FEATURES: [&str; 16] = [
    "10MB-HD",
    "10MB-FD",
    "100MB-HD",
    "100MB-FD",
    "1GB-HD",
    "1GB-FD",
    "10GB-FD",
    "40GB-FD",
    "100GB-FD",
    "1TB-FD",
    "OTHER",
    "COPPER",
    "FIBER",
    "AUTO_NEG",
    "AUTO_PAUSE",
    "AUTO_PAUSE_ASYM",
];

/// Checks a port as Open vSwitch does: up to 0xfeff, or one of the numbers from OFPP_MAX on.
pub(super) fn check_port(port: PortNo) -> Result<PortNo, OvsError> {
    match port.0 {
        0xff00..0xffff_ff00 => Err(OvsError::ActionOutPort),
        _ => Ok(port),
    }
}

pub(super) fn status(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let status = PortStatus::decode(r)?;
    let reason = match status.reason {
        PortStatusReason::Add => " ADD:",
        PortStatusReason::Delete => " DEL:",
        PortStatusReason::Modify => " MOD:",
        PortStatusReason::Unknown(_) => return Err(OvsError::PortReason),
    };
    check_port(status.port.port_no)?;
    out.text.push_str(reason);
    print_port(&mut out.text, &status.port);
    Ok(())
}

/// Prints a port in several lines, as `ovs-ofctl dump-ports-desc` and `show` do.
pub fn print_port(out: &mut String, port: &Port) {
    out.push(' ');
    text::port(out, port.port_no, &NoNames);
    out.push('(');
    // Open vSwitch keeps 15 bytes, and stops at the first unprintable one.
    out.extend(port.name.iter().take(15).take_while(|b| (0x20..0x7f).contains(*b)).map(|b| char::from(*b)));
    out.push_str("): addr:");
    put!(out, "{}", MacAddr(port.hw_addr));
    out.push_str("\n     config:     ");
    text::bits(out, port.config & KNOWN_CONFIG, &CONFIG, ' ');
    out.push_str("\n     state:      ");
    text::bits(out, port.state & 7, &STATE, ' ');
    out.push('\n');
    let features = [
        ("current:   ", port.curr),
        ("advertised:", port.advertised),
        ("supported: ", port.supported),
        ("peer:      ", port.peer),
    ];
    for (title, bits) in features {
        if bits & 0xffff != 0 {
            put!(out, "     {title} ");
            text::bits(out, bits & 0xffff, &FEATURES, ' ');
            out.push('\n');
        }
    }
    put!(out, "     speed: {} Mbps now, {} Mbps max\n", port.curr_speed / 1000, port.max_speed / 1000);
}

/// Returns ports by ascending number, the order of every printed list.
fn sorted(r: &mut Reader<'_>) -> (Vec<Port>, Printed) {
    let mut ports = Vec::new();
    let mut printed = Ok(());
    while !r.is_empty() {
        let port = Port::decode(r).map_err(OvsError::from);
        match port.and_then(|port| check_port(port.port_no).map(|_| port)) {
            Ok(port) => ports.push(port),
            Err(refused) => {
                printed = Err(refused);
                break;
            }
        }
    }
    ports.sort_by_key(|port| port.port_no.0 & 0xffff);
    (ports, printed)
}

pub(super) fn desc_request(out: &mut MessagePrinter<'_>) -> Printed {
    out.text.push_str(" port=ANY");
    Ok(())
}

pub(super) fn desc_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    out.text.push('\n');
    let (ports, printed) = sorted(r);
    ports.iter().for_each(|port| print_port(&mut out.text, port));
    printed
}

pub(super) fn stats_request(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let port = check_port(PortNo(r.u32("port_stats_request.port_no")?))?;
    out.text.push_str(" port_no=");
    text::port(&mut out.text, port, out.names);
    Ok(())
}

pub(super) fn stats_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    // The ports before the first one that is refused.
    let mut ahead = r.clone();
    let good = std::iter::from_fn(|| PortStats::decode(&mut ahead).ok())
        .take_while(|stats| check_port(stats.port_no).is_ok());
    put!(out.text, " {} ports\n", good.count());
    if out.verbosity < 1 {
        return Ok(());
    }
    while !r.is_empty() {
        let stats = PortStats::decode(r)?;
        check_port(stats.port_no)?;
        print_port_stats(&mut out.text, &stats, out.names);
    }
    Ok(())
}

/// Prints the counters of a port in three lines, as `ovs-ofctl dump-ports` does. A counter that the
/// switch does not keep is all ones, and is printed as a question mark.
pub fn print_port_stats(out: &mut String, stats: &PortStats, names: &dyn Names) {
    out.push_str("  port ");
    if stats.port_no.0 < 10 {
        out.push(' ');
    }
    text::port(out, stats.port_no, names);
    out.push_str(": rx ");
    text::counters(
        out,
        &[
            ("pkts", stats.rx_packets),
            ("bytes", stats.rx_bytes),
            ("drop", stats.rx_dropped),
            ("errs", stats.rx_errors),
            ("frame", stats.rx_frame_err),
            ("over", stats.rx_over_err),
            ("crc", stats.rx_crc_err),
        ],
    );
    out.push_str("           tx ");
    text::counters(
        out,
        &[
            ("pkts", stats.tx_packets),
            ("bytes", stats.tx_bytes),
            ("drop", stats.tx_dropped),
            ("errs", stats.tx_errors),
            ("coll", stats.collisions),
        ],
    );
    if stats.duration_sec != u32::MAX {
        out.push_str("           duration=");
        text::duration(out, stats.duration_sec, stats.duration_nsec);
        out.push('\n');
    }
}

pub(super) fn port_mod(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let change = PortMod::decode(r)?;
    check_port(change.port_no)?;
    let text = &mut out.text;
    text.push_str(" port: ");
    text::port(text, change.port_no, out.names);
    text.push_str(": addr:");
    put!(text, "{}", MacAddr(change.hw_addr));
    text.push_str("\n     config: ");
    text::bits(text, change.config & change.mask & KNOWN_CONFIG, &CONFIG, ' ');
    text.push_str("\n     mask:   ");
    text::bits(text, change.mask & KNOWN_CONFIG, &CONFIG, ' ');
    text.push_str("\n     advertise: ");
    match change.advertise & 0xffff {
        0 => text.push_str("UNCHANGED"),
        advertise => text::bits(text, advertise, &FEATURES, ' '),
    }
    text.push('\n');
    Ok(())
}
