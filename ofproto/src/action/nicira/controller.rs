//! `controller(...)`: NXAST_CONTROLLER 20 and NXAST_CONTROLLER2 37.

use bytes::Bytes;

use super::super::{Action, ToController};
use super::{CONTROLLER, CONTROLLER2};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::ids::PacketInReason;

/// NXAC2PT_ property types.
const MAX_LEN: u16 = 0;
const CONTROLLER_ID: u16 = 1;
const REASON: u16 = 2;
const USERDATA: u16 = 3;
const PAUSE: u16 = 4;
const METER_ID: u16 = 5;

impl Default for ToController {
    /// Returns the defaults for absent properties of NXAST_CONTROLLER2: the whole packet, to
    /// controllers of id 0, with the reason of an action.
    fn default() -> Self {
        Self {
            max_len: 0xffff,
            controller_id: 0,
            reason: PacketInReason::ACTION,
            userdata: Bytes::new(),
            pause: false,
            meter: None,
        }
    }
}

pub(super) fn decode(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let max_len = r.u16("controller max_len")?;
    let controller_id = r.u16("controller id")?;
    let reason = PacketInReason(r.u8("controller reason")?);
    r.skip(1, "controller padding")?;
    Ok(Some(Action::Controller(Box::new(ToController {
        max_len,
        controller_id,
        reason,
        ..ToController::default()
    }))))
}

pub(super) fn decode2(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    r.skip(6, "controller2 padding")?;
    let mut to = ToController::default();
    while !r.is_empty() {
        let kind = r.u16("controller2 property type")?;
        let at_len = r.clone();
        let len = usize::from(r.u16("controller2 property length")?);
        let body = len
            .checked_sub(4)
            .ok_or_else(|| at_len.error(DecodeErrorKind::BadLength(len), "controller2 property length"))?;
        let mut p = r.sub(body, "controller2 property")?;
        r.skip(len.next_multiple_of(8) - len, "controller2 property padding")?;
        match kind {
            MAX_LEN => {
                to.max_len = p.u16("controller2 max_len")?;
                p.skip(2, "controller2 max_len padding")?;
            }
            CONTROLLER_ID => {
                to.controller_id = p.u16("controller2 id")?;
                p.skip(2, "controller2 id padding")?;
            }
            REASON => {
                to.reason = PacketInReason(p.u8("controller2 reason")?);
                // Open vSwitch excludes the padding from this property's length, unlike that of the
                // others.
                p.skip(p.remaining().min(3), "controller2 reason padding")?;
            }
            USERDATA => to.userdata = Bytes::copy_from_slice(p.rest()),
            PAUSE => {
                to.pause = true;
                // Open vSwitch sends no body, and accepts any.
                p.rest();
            }
            METER_ID => to.meter = Some(p.u32("controller2 meter")?),
            _ => return Ok(None),
        }
        p.finish("controller2 property")?;
    }
    Ok(Some(Action::Controller(Box::new(to))))
}

pub(super) fn encode(to: &ToController, w: &mut Writer) -> Result<(), EncodeError> {
    if to.userdata.is_empty() && !to.pause && to.meter.is_none() {
        w.u16(CONTROLLER);
        w.u16(to.max_len);
        w.u16(to.controller_id);
        w.u8(to.reason.0);
        w.zeros(1);
        return Ok(());
    }
    w.u16(CONTROLLER2);
    w.zeros(6);
    let default = ToController::default();
    if to.max_len != default.max_len {
        property(w, MAX_LEN, &u32::from(to.max_len).rotate_left(16).to_be_bytes())?;
    }
    if to.controller_id != default.controller_id {
        property(w, CONTROLLER_ID, &u32::from(to.controller_id).rotate_left(16).to_be_bytes())?;
    }
    if to.reason != default.reason {
        property(w, REASON, &[to.reason.0])?;
    }
    if !to.userdata.is_empty() {
        property(w, USERDATA, &to.userdata)?;
    }
    if to.pause {
        property(w, PAUSE, &[])?;
    }
    if let Some(meter) = to.meter {
        property(w, METER_ID, &meter.to_be_bytes())?;
    }
    Ok(())
}

/// Appends a property, whose length excludes the padding to eight bytes.
fn property(w: &mut Writer, kind: u16, body: &[u8]) -> Result<(), EncodeError> {
    let start = w.len();
    w.u16(kind);
    let len = w.len_slot(start);
    w.bytes(body);
    w.close(len, "controller2 property")?;
    w.pad8(start);
    Ok(())
}
