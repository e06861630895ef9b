//! Meters.
//!
//! These are read field by field, not by the types of `ofproto`: Open vSwitch reports an error in
//! one field before it reads the next.

use ofproto::codec::Reader;
use ofproto::message::multipart::{MeterFeatures, MeterStats};
use ofproto::{OvsError, Wire as _};

use super::{MessagePrinter, Printed, put, text};

/// OFPMF_ flags and capabilities (OpenFlow 1.3.5 §7.3.4.5), by bit.
const FLAGS: [&str; 4] = ["kbps", "pktps", "burst", "stats"];
const KBPS: u16 = 1;
const PKTPS: u16 = 2;
const BURST: u16 = 4;

/// The configuration of a meter.
#[derive(Debug)]
pub(super) struct Config {
    id: u32,
    flags: u16,
    bands: Vec<Band>,
}

#[derive(Debug)]
struct Band {
    rate: u32,
    burst_size: u32,
    /// The drop precedence of a band that remarks the DSCP instead of dropping.
    prec_level: Option<u8>,
}

pub(super) fn meter_mod(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let change = read_mod(r)?;
    print_mod(&mut out.text, &change);
    Ok(())
}

/// Prints a change of a meter after the name of the message.
pub(super) fn print_mod(out: &mut String, (command, config): &(&str, Config)) {
    put!(out, " {command} ");
    print_config(out, config);
}

/// Reads a change of a meter, as its word and the meter.
pub(super) fn read_mod(r: &mut Reader<'_>) -> Result<(&'static str, Config), OvsError> {
    const COMMANDS: [&str; 3] = ["ADD", "MOD", "DEL"];
    let command = usize::from(r.u16("meter_mod.command")?);
    let command = COMMANDS.get(command).ok_or(OvsError::MeterCommand)?;
    let flags = r.u16("meter_mod.flags")?;
    let id = r.u32("meter_mod.meter_id")?;
    if *command == "DEL" {
        return Ok((command, Config { id, flags: 0, bands: Vec::new() }));
    }
    if flags & (KBPS | PKTPS) == KBPS | PKTPS {
        return Err(OvsError::MeterFlags);
    }
    Ok((command, Config { id, flags, bands: bands(r)? }))
}

/// Reads bands until no bytes are left.
fn bands(r: &mut Reader<'_>) -> Result<Vec<Band>, OvsError> {
    const LEN: usize = 16;
    const DROP: u16 = 1;
    const REMARK: u16 = 2;
    let mut bands = Vec::new();
    while r.remaining() >= LEN {
        let mut band = r.sub(LEN, "meter_band")?;
        let kind = band.u16("meter_band.type")?;
        if usize::from(band.u16("meter_band.len")?) != LEN {
            return Err(OvsError::RequestLen);
        }
        let (rate, burst_size) = (band.u32("meter_band.rate")?, band.u32("meter_band.burst_size")?);
        let level = band.u8("meter_band.prec_level")?;
        let prec_level = match kind {
            DROP => None,
            REMARK => Some(level),
            _ => return Err(OvsError::MeterBand),
        };
        bands.push(Band { rate, burst_size, prec_level });
    }
    if r.is_empty() { Ok(bands) } else { Err(OvsError::RequestLen) }
}

fn print_config(out: &mut String, config: &Config) {
    id(out, config.id, '=');
    out.push(' ');
    let known = FLAGS.iter().enumerate().filter(|(bit, _)| config.flags >> bit & 1 != 0);
    known.for_each(|(_, name)| put!(out, "{name} "));
    let rest = config.flags >> FLAGS.len() << FLAGS.len();
    if rest != 0 {
        put!(out, "flags:{rest:#x} ");
    }
    out.push_str("bands=");
    for band in &config.bands {
        let kind = if band.prec_level.is_some() { "dscp_remark" } else { "drop" };
        put!(out, "\ntype={kind} rate={}", band.rate);
        if config.flags & BURST != 0 {
            put!(out, " burst_size={}", band.burst_size);
        }
        if let Some(level) = band.prec_level {
            put!(out, " prec_level={level}");
        }
    }
    out.push('\n');
}

/// Prints a meter's number, or the word for a virtual meter.
fn id(out: &mut String, meter: u32, separator: char) {
    const MAX: u32 = 0xffff_0000;
    match meter {
        0..=MAX => put!(out, "meter{separator}{meter}"),
        0xffff_fffd => put!(out, "meter{separator}slowpath"),
        0xffff_fffe => put!(out, "meter{separator}controller"),
        u32::MAX => put!(out, "meter{separator}all"),
        _ => put!(out, "meter{separator}unknown"),
    }
}

pub(super) fn request(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    out.text.push(' ');
    id(&mut out.text, r.u32("meter_request.meter_id")?, '=');
    Ok(())
}

pub(super) fn config_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const LEN: usize = 8;
    while !r.is_empty() {
        let len = usize::from(r.u16("meter_config.length")?);
        let body = len.checked_sub(LEN).ok_or(OvsError::RequestLen)?;
        let flags = r.u16("meter_config.flags")?;
        let id = r.u32("meter_config.meter_id")?;
        let bands = bands(&mut r.sub(body, "meter_config.length")?)?;
        out.text.push('\n');
        print_config(&mut out.text, &Config { id, flags, bands });
    }
    Ok(())
}

pub(super) fn stats_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    while !r.is_empty() {
        // The length follows the number of the meter.
        let stats = MeterStats::decode(r).map_err(|_| OvsError::RequestLen)?;
        let text = &mut out.text;
        text.push('\n');
        id(text, stats.meter_id.0, ':');
        put!(
            text,
            " flow_count:{} packet_in_count:{} byte_in_count:{} duration:",
            stats.flow_count,
            stats.packet_in_count,
            stats.byte_in_count
        );
        text::duration(text, stats.duration_sec, stats.duration_nsec);
        text.push_str(" bands:\n");
        for (at, band) in stats.bands.iter().enumerate() {
            put!(text, "{at}: packet_count:{} byte_count:{}\n", band.packet_band_count, band.byte_band_count);
        }
    }
    Ok(())
}

pub(super) fn features(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const TYPES: [&str; 3] = ["", "drop", "dscp_remark"];
    let features = MeterFeatures::decode(r)?;
    let text = &mut out.text;
    put!(
        text,
        "\nmax_meter:{} max_bands:{} max_color:{}\nband_types: ",
        features.max_meter,
        features.max_bands,
        features.max_color
    );
    text::bits(text, features.band_types, &TYPES, ' ');
    text.push_str("\ncapabilities: ");
    text::bits(text, features.capabilities, &FLAGS, ' ');
    text.push('\n');
    Ok(())
}
