//! The answers of a controller, read from their bytes without allocating.

use super::packet::{PacketNumber, number_in};

/// OFPT_PACKET_OUT.
pub(super) const PACKET_OUT: u8 = 13;
/// OFPT_FLOW_MOD.
pub(super) const FLOW_MOD: u8 = 14;
/// No output at all: a drop. No port has this number.
pub(super) const NOWHERE: u32 = 0;
/// Several outputs. OFPP_ANY is not a valid output port.
pub(super) const SEVERAL: u32 = 0xffff_ffff;
/// OFPP_FLOOD.
pub(super) const FLOOD: u32 = 0xffff_fffb;
/// OFPP_ALL.
pub(super) const ALL: u32 = 0xffff_fffc;
/// OFPP_CONTROLLER.
pub(super) const CONTROLLER: u32 = 0xffff_fffd;

const NO_BUFFER: u32 = 0xffff_ffff;
/// OFPFC_ADD.
const ADD: u8 = 0;

/// A PACKET_OUT (OpenFlow 1.3.5 §7.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacketOut {
    /// The packet that it refers to, by its buffer or by its data.
    pub(super) number: PacketNumber,
    /// The output port, [`NOWHERE`] or [`SEVERAL`].
    pub(super) out: u32,
}

/// A FLOW_MOD (OpenFlow 1.3.5 §7.3.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlowMod {
    /// The buffered packet that the new flow is to be applied to.
    pub(super) number: Option<u32>,
    /// The exact eth_dst of its match.
    pub(super) eth_dst: Option<[u8; 6]>,
    /// The output port, [`NOWHERE`] or [`SEVERAL`].
    pub(super) out: u32,
    /// True if it adds a flow.
    pub(super) adds: bool,
}

/// The type and code of the OFPT_ERROR with which this switch, which has no extensions, refuses a
/// message (OpenFlow 1.3.5 §7.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused(pub(super) u16, pub(super) u16);

/// OFPBRC_BAD_LEN.
const BAD_LEN: Refused = Refused(1, 6);

/// Decodes a PACKET_OUT of the switch with this tag.
///
/// # Errors
/// Returns the OFPT_ERROR that refuses the message.
#[inline]
pub(super) fn packet_out(message: &[u8], tag: u32) -> Result<PacketOut, Refused> {
    let (buffer, actions_len) = (u32_at(message, 8)?, u16_at(message, 16)?);
    let rest = message.get(24..).ok_or(BAD_LEN)?;
    let (actions, data) = rest.split_at_checked(usize::from(actions_len)).ok_or(BAD_LEN)?;
    let number = if buffer == NO_BUFFER { number_in(data, tag) } else { PacketNumber::Of(buffer) };
    Ok(PacketOut { number, out: output(actions)? })
}

/// Decodes a FLOW_MOD.
///
/// # Errors
/// Returns the OFPT_ERROR that refuses the message.
#[inline]
pub(super) fn flow_mod(message: &[u8]) -> Result<FlowMod, Refused> {
    let buffer = u32_at(message, 32)?;
    let adds = message.get(25).is_some_and(|command| *command == ADD);
    let match_len = usize::from(u16_at(message, 50)?);
    let fields = message.get(52..48 + match_len).ok_or(BAD_LEN)?;
    let mut instructions = message.get(48 + match_len.next_multiple_of(8)..).ok_or(BAD_LEN)?;
    let mut out = NOWHERE;
    while let Some(&[type_1, type_2, len_1, len_2]) = instructions.first_chunk() {
        let len = usize::from(u16::from_be_bytes([len_1, len_2]));
        let (instruction, rest) = instructions.split_at_checked(len.max(8)).ok_or(BAD_LEN)?;
        match u16::from_be_bytes([type_1, type_2]) {
            // OFPIT_WRITE_ACTIONS and OFPIT_APPLY_ACTIONS.
            3 | 4 => out = both(out, output(instruction.get(8..).unwrap_or_default())?),
            // OFPBIC_BAD_EXPERIMENTER.
            0xffff => return Err(Refused(3, 5)),
            _ => {}
        }
        instructions = rest;
    }
    let number = (buffer != NO_BUFFER && adds).then_some(buffer);
    Ok(FlowMod { number, eth_dst: eth_dst(fields)?, out, adds })
}

/// Returns the exact eth_dst of a match.
fn eth_dst(mut fields: &[u8]) -> Result<Option<[u8; 6]>, Refused> {
    let mut found = None;
    while let Some((&[class_1, class_2, field, len], rest)) = fields.split_first_chunk() {
        let (value, rest) = rest.split_at_checked(usize::from(len)).ok_or(BAD_LEN)?;
        match ([class_1, class_2], field) {
            // OFPXMC_OPENFLOW_BASIC, OFPXMT_OFB_ETH_DST without a mask.
            ([0x80, 0], 0x06) => found = value.first_chunk().copied(),
            ([0x80, 0], _) => {}
            // OFPBMC_BAD_FIELD.
            _ => return Err(Refused(4, 6)),
        }
        fields = rest;
    }
    Ok(found)
}

/// Returns the port that a list of actions sends a packet to.
#[inline]
fn output(mut actions: &[u8]) -> Result<u32, Refused> {
    let mut out = NOWHERE;
    while let Some((&[type_1, type_2, len_1, len_2], _)) = actions.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([len_1, len_2]));
        let (action, rest) = actions.split_at_checked(len.max(8)).ok_or(BAD_LEN)?;
        match u16::from_be_bytes([type_1, type_2]) {
            // OFPAT_OUTPUT.
            0 => out = both(out, u32_at(action, 4)?),
            // OFPBAC_BAD_EXPERIMENTER.
            0xffff => return Err(Refused(2, 2)),
            _ => {}
        }
        actions = rest;
    }
    Ok(out)
}

const fn both(one: u32, other: u32) -> u32 {
    match (one, other) {
        (NOWHERE, port) | (port, NOWHERE) => port,
        _ => SEVERAL,
    }
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Refused> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|b| u32::from_be_bytes(*b)).ok_or(BAD_LEN)
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Refused> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|b| u16::from_be_bytes(*b)).ok_or(BAD_LEN)
}
