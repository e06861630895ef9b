//! The switch and a controller's relation to it: features, configuration, description, roles.

use ofproto::codec::Reader;
use ofproto::message::multipart::Desc;
use ofproto::message::{FeaturesReply, Role, SwitchConfig};
use ofproto::{MessageType, OvsError, VERSION, Wire as _};

use super::{Frame, MessagePrinter, Printed, put, text};

/// OFPC_ capabilities (OpenFlow 1.3.5 §7.3.1), by bit.
const CAPABILITIES: [&str; 9] = [
    "FLOW_STATS",
    "TABLE_STATS",
    "PORT_STATS",
    "GROUP_STATS",
    "",
    "IP_REASM",
    "QUEUE_STATS",
    "",
    "PORT_BLOCKED",
];

/// The capabilities of this version.
const KNOWN_CAPABILITIES: u32 = 0x16f;

pub(super) fn features(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let features = FeaturesReply::decode(r)?;
    put!(
        out.text,
        " dpid:{}\nn_tables:{}, n_buffers:{}",
        features.datapath_id,
        features.n_tables,
        features.n_buffers
    );
    if features.auxiliary_id != 0 {
        put!(out.text, ", auxiliary_id:{}", features.auxiliary_id);
    }
    out.text.push_str("\ncapabilities: ");
    text::bits(&mut out.text, features.capabilities & KNOWN_CAPABILITIES, &CAPABILITIES, ' ');
    out.text.push('\n');
    Ok(())
}

pub(super) fn config(
    out: &mut MessagePrinter<'_>,
    r: &mut Reader<'_>,
    frame: &Frame<'_>,
    set: bool,
) -> Printed {
    const FRAGMENTS: u16 = 3;
    /// OFPC_INVALID_TTL_TO_CONTROLLER: before OpenFlow 1.3, it made a switch send packets with an
    /// invalid TTL to the controller.
    const INVALID_TTL: u16 = 4;
    let config = SwitchConfig::decode(r)?;
    let old = frame.header.version < VERSION;
    let known = if old { FRAGMENTS | INVALID_TTL } else { FRAGMENTS };
    if set && config.flags & !known != 0 {
        return Err(OvsError::ConfigFlags);
    }
    let fragments = match config.flags & FRAGMENTS {
        0 => "normal",
        1 => "drop",
        2 => "reassemble",
        _ => "nx-match",
    };
    put!(out.text, " frags={fragments}");
    if old && config.flags & INVALID_TTL != 0 {
        out.text.push_str(" invalid_ttl_to_controller");
    }
    put!(out.text, " miss_send_len={}\n", config.miss_send_len);
    Ok(())
}

pub(super) fn desc(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    print_desc(&mut out.text, &Desc::decode(r)?);
    Ok(())
}

/// Prints the description of a switch, as `ovs-ofctl dump-desc` does after the name of the message.
pub fn print_desc(out: &mut String, desc: &Desc) {
    let lines = [
        ("Manufacturer", &desc.mfr_desc),
        ("Hardware", &desc.hw_desc),
        ("Software", &desc.sw_desc),
        ("Serial Num", &desc.serial_num),
        ("DP Description", &desc.dp_desc),
    ];
    out.push('\n');
    for (title, value) in lines {
        put!(out, "{title}: ");
        text::c_string(out, value);
        out.push('\n');
    }
}

pub(super) fn role(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>, frame: &Frame<'_>) -> Printed {
    let role = Role::decode(r)?;
    let name = role_name(role.role)?;
    put!(out.text, " role={name}");
    let has_generation = if frame.header.kind == MessageType::ROLE_REQUEST {
        role.role != 0
    } else {
        role.generation_id != u64::MAX
    };
    if has_generation && role.generation_id != u64::MAX {
        put!(out.text, " generation_id={}", role.generation_id);
    }
    Ok(())
}

/// Returns the word of `ovs-ofctl` for an OFPCR_ROLE_ number.
pub(super) fn role_name(role: u32) -> Result<&'static str, OvsError> {
    ["nochange", "equal", "primary", "secondary"]
        .get(usize::try_from(role).unwrap_or(usize::MAX))
        .copied()
        .ok_or(OvsError::Role)
}
