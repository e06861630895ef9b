//! Queues of ports.
//!
//! These are read field by field, not by the types of `ofproto`: Open vSwitch reports an error in
//! one field before it reads the next.

use ofproto::codec::Reader;
use ofproto::message::multipart::QueueStats;
use ofproto::{OvsError, PortNo, Wire as _};

use super::port::check_port;
use super::{MessagePrinter, Printed, put, text};

pub(super) fn config_request(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let port = check_port(PortNo(r.u32("queue_config.port")?))?;
    if port.0 >= 0xff00 && port != PortNo::ANY {
        return Err(OvsError::QueuePort);
    }
    out.text.push_str(" port=");
    text::port(&mut out.text, port, out.names);
    Ok(())
}

/// A queue and its rates, in tenths of a percent. A rate may be absent.
#[derive(Debug)]
struct QueueRates {
    id: u32,
    min_rate: u16,
    max_rate: u16,
}

pub(super) fn config_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let port = PortNo(r.u32("queue_config.port")?);
    r.skip(4, "queue_config.pad")?;
    let (mut queues, mut printed) = (Vec::new(), Ok(()));
    while !r.is_empty() && printed.is_ok() {
        match check_port(port).and_then(|_| queue(r)) {
            Ok(queue) => queues.push(queue),
            Err(refused) => printed = Err(refused),
        }
    }
    queues.sort_by_key(|queue| queue.id);
    let text = &mut out.text;
    text.push(' ');
    if !queues.is_empty() && port.0 != 0 {
        text.push_str("port=");
        text::port(text, port, out.names);
        text.push('\n');
    }
    for queue in &queues {
        put!(text, "queue {}:", queue.id);
        for (name, rate) in [("min_rate", queue.min_rate), ("max_rate", queue.max_rate)] {
            match rate {
                0..=1000 => put!(text, " {name}:{}.{}%", rate / 10, rate % 10),
                u16::MAX => {}
                _ => put!(text, " {name}:(disabled)"),
            }
        }
        text.push('\n');
    }
    out.chomp();
    printed
}

fn queue(r: &mut Reader<'_>) -> Result<QueueRates, OvsError> {
    const LEN: usize = 16;
    const MIN_RATE: u16 = 1;
    const MAX_RATE: u16 = 2;
    let mut queue = QueueRates { id: r.u32("queue.queue_id")?, min_rate: u16::MAX, max_rate: u16::MAX };
    r.skip(4, "queue.port")?;
    let len = usize::from(r.u16("queue.len")?);
    r.skip(6, "queue.pad")?;
    let body = len.checked_sub(LEN).filter(|_| len.is_multiple_of(8)).ok_or(OvsError::RequestLen)?;
    let mut properties = r.sub(body, "queue.len")?;
    while !properties.is_empty() {
        let available = properties.remaining();
        let kind = properties.u16("queue_property.property")?;
        let len = usize::from(properties.u16("queue_property.len")?);
        if len < 8 || len > available || !len.is_multiple_of(8) {
            return Err(OvsError::RequestLen);
        }
        let mut property = properties.sub(len - 4, "queue_property")?;
        property.skip(4, "queue_property.pad")?;
        let place = match kind {
            MIN_RATE => &mut queue.min_rate,
            MAX_RATE => &mut queue.max_rate,
            _ => continue,
        };
        if len != 16 {
            return Err(OvsError::RequestLen);
        }
        *place = property.u16("queue_property.rate")?;
    }
    Ok(queue)
}

fn id(out: &mut String, queue: u32) {
    match queue {
        u32::MAX => out.push_str("ALL"),
        n => put!(out, "{n}"),
    }
}

pub(super) fn stats_request(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let port = check_port(PortNo(r.u32("queue_stats_request.port_no")?))?;
    out.text.push_str(" port=");
    text::port(&mut out.text, port, out.names);
    out.text.push_str(" queue=");
    id(&mut out.text, r.u32("queue_stats_request.queue_id")?);
    Ok(())
}

pub(super) fn stats_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    // The queues before the first one that is refused.
    let mut ahead = r.clone();
    let good = std::iter::from_fn(|| QueueStats::decode(&mut ahead).ok())
        .take_while(|stats| check_port(stats.port_no).is_ok());
    put!(out.text, " {} queues\n", good.count());
    if out.verbosity < 1 {
        return Ok(());
    }
    while !r.is_empty() {
        let stats = QueueStats::decode(r)?;
        check_port(stats.port_no)?;
        let text = &mut out.text;
        text.push_str("  port ");
        text::port(text, stats.port_no, out.names);
        text.push_str(" queue ");
        id(text, stats.queue_id.0);
        text.push_str(": ");
        let counters = [("bytes", stats.tx_bytes), ("pkts", stats.tx_packets), ("errors", stats.tx_errors)];
        counters.iter().for_each(|(name, count)| text::counter(text, name, *count, ", "));
        text.push_str("duration=");
        match stats.duration_sec {
            u32::MAX => text.push('?'),
            seconds => text::duration(text, seconds, stats.duration_nsec),
        }
        text.push('\n');
    }
    Ok(())
}
