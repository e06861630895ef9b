//! Actions and instructions, read as strictly as Open vSwitch does where that is likely to matter: the error that is
//! named first is that of the first action that a switch would refuse.

use std::collections::BTreeSet;

use ofproto::PortNo;
use ofproto::action::Action;
use ofproto::codec::Reader;
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};

use super::port::check_port;
use super::refused::{Printed, Refused};

const BAD_LEN: Refused = Refused("OFPBAC_BAD_LEN");
const BAD_ARGUMENT: Refused = Refused("OFPBAC_BAD_ARGUMENT");
const BAD_SET_ARGUMENT: Refused = Refused("OFPBAC_BAD_SET_ARGUMENT");
const EXPERIMENTER: u16 = 0xffff;

/// Reads a list of actions of that many bytes.
pub(super) fn list(r: &mut Reader<'_>, len: usize) -> Result<Vec<Action>, Refused> {
    if !len.is_multiple_of(8) {
        return Err(Refused::BAD_LEN);
    }
    let mut list = r.sub(len, "actions").map_err(|_| Refused::BAD_LEN)?;
    let actions = read(&mut list)?;
    check_conjunctions(&actions)?;
    Ok(actions)
}

fn read(list: &mut Reader<'_>) -> Result<Vec<Action>, Refused> {
    let mut actions = Vec::new();
    while !list.is_empty() {
        let mut ahead = list.clone();
        let kind = ahead.u16("action type").map_err(|_| BAD_LEN)?;
        let len = usize::from(ahead.u16("action length").map_err(|_| BAD_LEN)?);
        let experimenter = if kind == EXPERIMENTER { ahead.u32("action experimenter").ok() } else { None };
        let unknown = match experimenter {
            None if kind == EXPERIMENTER => BAD_LEN,
            None => Refused("OFPBAC_BAD_TYPE"),
            Some(super::kinds::NICIRA | ofproto::message::ONF) => Refused("OFPBAC_BAD_VENDOR_TYPE"),
            Some(_) => return Err(Refused("OFPBAC_BAD_VENDOR")),
        };
        if len < 8 || len > list.remaining() || !len.is_multiple_of(8) {
            return Err(BAD_LEN);
        }
        let mut one = list.sub(len, "action").map_err(|_| BAD_LEN)?;
        for action in Action::decode_list(&mut one).map_err(Refused::from)? {
            check(&action, unknown)?;
            actions.push(action);
        }
    }
    Ok(actions)
}

/// What an action may not be, whatever the flow matches.
fn check(action: &Action, unknown: Refused) -> Printed {
    const VLAN_TYPES: [u16; 2] = [0x8100, 0x88a8];
    const MPLS_TYPES: [u16; 2] = [0x8847, 0x8848];
    match action {
        // Open vSwitch does not have these, though the standard does.
        Action::CopyTtlIn | Action::CopyTtlOut | Action::PushPbb(_) | Action::PopPbb => {
            Err(Refused("OFPBAC_BAD_TYPE"))
        }
        Action::Unknown { .. } => Err(unknown),
        Action::Output { port, .. } => check_output(*port),
        Action::PushVlan(kind) if !VLAN_TYPES.contains(kind) => Err(BAD_ARGUMENT),
        Action::PushMpls(kind) if !MPLS_TYPES.contains(kind) => Err(BAD_ARGUMENT),
        Action::SetField(Oxm::Unknown { .. }) | Action::RegLoad2(Oxm::Unknown { .. }) => {
            Err(Refused("OFPBAC_BAD_SET_TYPE"))
        }
        Action::SetField(Oxm::Known { field, value, mask }) => {
            if mask.is_some() {
                return Err(Refused("OFPBAC_BAD_SET_MASK"));
            }
            check_value(*field, *value)
        }
        Action::RegLoad2(Oxm::Known { field, value, .. }) => check_value(*field, *value),
        _ => Ok(()),
    }
}

fn check_output(port: PortNo) -> Printed {
    const BAD: Refused = Refused("OFPBAC_BAD_OUT_PORT");
    match check_port(port)? {
        PortNo(0..0xff00) => Ok(()),
        PortNo::ANY => Err(BAD),
        port if port >= PortNo::IN_PORT => Ok(()),
        _ => Err(BAD),
    }
}

/// Refuses to set what cannot be set, or to what it cannot be.
fn check_value(field: Field, value: u128) -> Printed {
    let writable = !matches!(
        field,
        Field::EthType
            | Field::IpProto
            | Field::IpFrag
            | Field::TcpFlags
            | Field::MplsBos
            | Field::CtState
            | Field::CtZone
            | Field::CtNwProto
            | Field::CtNwSrc
            | Field::CtNwDst
            | Field::CtIpv6Src
            | Field::CtIpv6Dst
            | Field::CtTpSrc
            | Field::CtTpDst
            | Field::PacketType
            | Field::ConjId
            | Field::DpHash
            | Field::RecircId
            | Field::ActsetOutput
    );
    let tagged = field != Field::VlanVid || value & 0x1000 != 0;
    if writable && tagged { Ok(()) } else { Err(BAD_SET_ARGUMENT) }
}

/// Conjunctions stand alone, but for notes.
fn check_conjunctions(actions: &[Action]) -> Printed {
    let conjunction = |action: &Action| matches!(action, Action::Conjunction { .. });
    let alone = |action: &Action| conjunction(action) || matches!(action, Action::Note(_));
    if actions.iter().any(conjunction) && !actions.iter().all(alone) {
        return Err(Refused("NXBAC_BAD_CONJUNCTION"));
    }
    Ok(())
}

/// Reads the instructions that fill what is left.
pub(super) fn instructions(r: &mut Reader<'_>) -> Result<Vec<Instruction>, Refused> {
    const BAD_LEN: Refused = Refused("OFPBIC_BAD_LEN");
    if !r.remaining().is_multiple_of(8) {
        return Err(BAD_LEN);
    }
    let mut seen = BTreeSet::new();
    let mut found: Vec<Reader<'_>> = Vec::new();
    // All are looked at before the actions in any of them.
    while !r.is_empty() {
        let mut ahead = r.clone();
        let kind = ahead.u16("instruction type").map_err(|_| BAD_LEN)?;
        let len = usize::from(ahead.u16("instruction length").map_err(|_| BAD_LEN)?);
        if len < 8 || len > r.remaining() || !len.is_multiple_of(8) {
            return Err(BAD_LEN);
        }
        match kind {
            1 | 5 | 6 if len != 8 => return Err(BAD_LEN),
            2 if len != 24 => return Err(BAD_LEN),
            1..=6 => {}
            EXPERIMENTER => return Err(Refused("OFPBIC_BAD_EXPERIMENTER")),
            _ => return Err(Refused("OFPBIC_UNKNOWN_INST")),
        }
        if !seen.insert(kind) {
            return Err(Refused("OFPBIC_DUP_INST"));
        }
        found.push(r.sub(len, "instruction").map_err(|_| BAD_LEN)?);
    }
    found.iter_mut().map(instruction).collect()
}

fn instruction(r: &mut Reader<'_>) -> Result<Instruction, Refused> {
    const WRITE_ACTIONS: u16 = 3;
    const APPLY_ACTIONS: u16 = 4;
    let kind = r.clone().u16("instruction type")?;
    if !matches!(kind, WRITE_ACTIONS | APPLY_ACTIONS) {
        let mut one = Instruction::decode_list(r)?;
        return one.pop().ok_or(Refused("OFPBIC_BAD_LEN"));
    }
    r.skip(8, "instruction")?;
    let actions = read(r)?;
    if kind == APPLY_ACTIONS {
        check_conjunctions(&actions)?;
        return Ok(Instruction::ApplyActions(actions));
    }
    Ok(Instruction::WriteActions(actions))
}
