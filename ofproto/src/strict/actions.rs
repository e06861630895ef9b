//! The checks of Open vSwitch on actions.

use super::matches::decode_entry;
use crate::action::subfield::decode_header;
use crate::action::{
    Action, CT_COMMIT, CT_FORCE, Ct, CtZone, Encap, HASH_FIELDS, LEARN_WRITE_RESULT, Legacy, MAX_DEPTH,
    MAX_MEMBERS, MULTIPATH_ALGORITHMS, Multipath, NAT_DST, NAT_HASH, NAT_RANDOM, NAT_SRC, Nat, NatAddresses,
    PACKET_ETHERNET, PACKET_MPLS, PACKET_MPLS_MC, PACKET_NSH, Subfield,
};
use crate::codec::Reader;
use crate::error::DecodeError;
use crate::ethertype;
use crate::ids::{NICIRA, ONF};
use crate::ovs_errors::OvsError;
use crate::ovs_errors::OvsError::*;
use crate::oxm::header::Header;
use crate::oxm::{Field, Oxm};

const EXPERIMENTER: u16 = 0xffff;
/// Maximum length of an action, in bytes.
const MAX: usize = 65_528;

impl Action {
    /// Decodes actions until no bytes are left.
    ///
    /// An unknown action becomes [`Action::Unknown`], as does a known one that [`Action`] cannot
    /// express. So do actions nested deeper than [`MAX_DEPTH`].
    ///
    /// # Errors
    /// `BadLength` for a length that is not a multiple of 8, is below 8, or leaves bytes over;
    /// `Truncated` if an action ends before its fields; `BadField` for a `set_field` that is not
    /// well-formed.
    pub fn decode_list(r: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let list = r.clone().rest();
        Self::decode_nested(r, 0).map_err(|error| match Self::ovs_error(list) {
            // Open vSwitch does not look into a list that is not padded.
            _ if !list.len().is_multiple_of(8) => DecodeError { ovs_error: None, ..error },
            ovs_error => DecodeError { ovs_error, ..error }.named(ActionLen),
        })
    }

    /// Returns the first error that Open vSwitch reports for a list of actions, given as bytes.
    /// `None` for a list that it accepts, as far as this can be decided without the match of the
    /// flow.
    pub fn ovs_error(list: &[u8]) -> Option<OvsError> {
        if !list.len().is_multiple_of(8) {
            return Some(ActionLen);
        }
        let actions = match decode(list, 0) {
            Ok(actions) => actions,
            Err(error) => return Some(error),
        };
        verify(&actions, Outer::List).err()
    }
}

/// The context of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outer {
    /// A message.
    List,
    /// Instructions, where NXAST_WRITE_METADATA may come last.
    Instructions,
    /// A `ct` action.
    Ct,
    /// A `clone` action.
    Clone,
}

/// Decodes a list as Open vSwitch does.
pub(crate) fn decode(list: &[u8], depth: usize) -> Result<Vec<Action>, OvsError> {
    let mut actions = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let (one, tail) = split(rest)?;
        actions.push(decode_one(one, depth)?);
        rest = tail;
    }
    Ok(actions)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..).and_then(|tail| tail.first_chunk().copied()).map(u16::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..).and_then(|tail| tail.first_chunk().copied()).map(u32::from_be_bytes)
}

/// Splits off the first action.
fn split(list: &[u8]) -> Result<(&[u8], &[u8]), OvsError> {
    let (Some(kind), Some(len), Some(vendor)) = (u16_at(list, 0), u16_at(list, 2), u32_at(list, 4)) else {
        return Err(ActionLen);
    };
    let (min, max) = if kind != EXPERIMENTER {
        standard_len(kind).ok_or(ActionType)?
    } else {
        if !matches!(vendor, NICIRA | ONF) {
            return Err(ActionVendor);
        }
        let subtype = u16_at(list, 8).filter(|_| list.len() >= 16).ok_or(ActionLen)?;
        extension_len(vendor, subtype).ok_or(ActionVendorType)?
    };
    let len = usize::from(len);
    if len < min || len > max || !len.is_multiple_of(8) {
        return Err(ActionLen);
    }
    list.split_at_checked(len).ok_or(ActionLen)
}

fn standard_len(kind: u16) -> Option<(usize, usize)> {
    Some(match kind {
        0 | 3 | 4 => (16, 16),
        25 => (8, MAX),
        1..=10 | 13..=24 => (8, 8),
        _ => return None,
    })
}

fn extension_len(vendor: u32, subtype: u16) -> Option<(usize, usize)> {
    if vendor == ONF {
        return (subtype == 3200).then_some((24, MAX));
    }
    Some(match subtype {
        1 | 2 | 5 | 14 | 17 | 19 | 20 | 34 | 39 | 43 | 44 | 48 => (16, 16),
        7 | 9 | 15 | 27 | 28 | 29 | 32 | 50 => (24, 24),
        10 | 22 | 38 | 41 => (32, 32),
        6 | 8 | 21 | 33 | 36 | 37 | 42 | 46 | 47 => (16, MAX),
        35 | 49 => (24, MAX),
        12 | 13 | 16 => (32, MAX),
        45 => (40, MAX),
        51 => (40, 40),
        // The debugging actions exist in test builds only.
        254 | 255 => (16, 16),
        _ => return None,
    })
}

fn decode_one(one: &[u8], depth: usize) -> Result<Action, OvsError> {
    if depth > MAX_DEPTH {
        return Err(ActionArgument);
    }
    let kind = u16_at(one, 0).unwrap_or_default();
    let subtype = if kind == EXPERIMENTER { u16_at(one, 8).unwrap_or_default() } else { 0 };
    // Nested lists come first, so that the first error is theirs.
    match (kind, subtype) {
        (EXPERIMENTER, 254 | 255) => return Err(ActionVendorType),
        (EXPERIMENTER, 35) => {
            ct_head(one)?;
            verify(&decode(one.get(24..).unwrap_or_default(), depth + 1)?, Outer::Ct)?;
        }
        (EXPERIMENTER, 42) => verify(&decode(one.get(16..).unwrap_or_default(), depth + 1)?, Outer::Clone)?,
        (25, _) => set_field(one.get(4..).unwrap_or_default(), false)?,
        (EXPERIMENTER, 33) => set_field(one.get(10..).unwrap_or_default(), true)?,
        (EXPERIMENTER, _) => fields(subtype, u32_at(one, 4) == Some(ONF), one)?,
        _ => {}
    }
    let decoded = Action::decode_nested(&mut Reader::new(one), 0).ok().and_then(|mut list| list.pop());
    match decoded {
        Some(Action::Unknown { .. }) | None => Err(malformed(subtype, one)),
        Some(action) => check(&action).map(|()| action),
    }
}

/// Checks flags and zone of a `ct`, as Open vSwitch does before the actions inside.
fn ct_head(one: &[u8]) -> Result<(), OvsError> {
    let flags = u16_at(one, 10).unwrap_or_default();
    ok(flags & CT_COMMIT != 0 || flags & CT_FORCE == 0, ActionArgument)?;
    if u32_at(one, 12).is_none_or(|header| header == 0) {
        return Ok(());
    }
    let zone = u16_at(one, 16).map(|bits| (bits >> 6, (bits & 0x3f) + 1)).unwrap_or_default();
    bits(one, 12, zone, false)?;
    ok(zone.1 == 16, ActionSetLen)
}

/// Returns the error of an action that could not be decoded.
fn malformed(subtype: u16, one: &[u8]) -> OvsError {
    let zero = |from: usize, to: usize| one.get(from..to).is_some_and(|b| b.iter().all(|b| *b == 0));
    match subtype {
        21 if zero(12, 16) => ActionLen,
        12 | 13 if u16_at(one, 20).is_some_and(|n| one.len() < 32 + 2 * usize::from(n)) => ActionLen,
        37 if !zero(10, 16) => MustBeZero,
        37 => PropertyLen,
        6 | 21 | 22 | 27 | 28 | 32 | 49 | 3200 => MustBeZero,
        41 if !zero(27, 32) => MustBeZero,
        46 => HeaderProperty,
        47 => HeaderProperty,
        _ => ActionArgument,
    }
}

/// Checks the fields that an action names by their headers.
fn fields(subtype: u16, onf: bool, one: &[u8]) -> Result<(), OvsError> {
    let packed = |at: usize| u16_at(one, at).map(|bits| (bits >> 6, (bits & 0x3f) + 1)).unwrap_or_default();
    let at = |at: usize| u16_at(one, at).unwrap_or_default();
    match (onf, subtype) {
        (false, 7) => bits(one, 12, packed(10), true).map(|_| ()),
        (false, 15) => bits(one, 12, packed(10), false).map(|_| ()),
        (false, 32) => bits(one, 14, packed(10), false).map(|_| ()),
        (false, 10) => {
            // Open vSwitch checks the other arguments first.
            let dst = bits(one, 28, packed(26), true);
            let known =
                usize::from(at(10)) < HASH_FIELDS.len() && usize::from(at(16)) < MULTIPATH_ALGORITHMS.len();
            let room = packed(26).1 >= 16 || at(18) >> packed(26).1 == 0;
            ok(dst == Err(ActionSetType) || known && room, ActionArgument)?;
            dst.map(|_| ())
        }
        (false, 13) => {
            // Open vSwitch checks last whether the field is writable, after the room for the
            // members and the width.
            let dst = bits(one, 24, packed(22), true);
            ok(dst == Err(ActionSetType) || one.len() >= 32 + 2 * usize::from(at(20)), ActionLen)?;
            ok(dst == Err(ActionSetType) || packed(22).1 >= 16, ActionArgument)?;
            dst.map(|_| ())
        }
        (false, 6) => {
            let next = bits(one, 16, (at(12), at(10)), false)?;
            bits(one, next, (at(14), at(10)), true).map(|_| ())
        }
        (true, 3200) => {
            let next = bits(one, 20, (at(14), at(12)), false)?;
            bits(one, next, (at(16), at(12)), true).map(|_| ())
        }
        (false, 27 | 28) => {
            let next = header_end(one, 12);
            bits(one, 12, (at(10), at(next)), subtype == 28).map(|_| ())
        }
        (false, 49) => bits(one, 14, (at(12), 1), true).map(|_| ()),
        (false, 51) => sampled(one),
        _ => Ok(()),
    }
}

/// Checks the arguments of NXAST_SAMPLE4, and the fields of its ids.
fn sampled(one: &[u8]) -> Result<(), OvsError> {
    ok(one.get(35..40) == Some(&[0; 5]), MustBeZero)?;
    let probability = u16_at(one, 10).unwrap_or_default();
    ok(probability != 0 && one.get(34).is_some_and(|direction| *direction <= 2), ActionArgument)?;
    for at in [16, 24] {
        if u32_at(one, at) != Some(0) {
            let id = u16_at(one, at + 4).map(|bits| (bits >> 6, (bits & 0x3f) + 1)).unwrap_or_default();
            // The action has no room for an experimenter id after the header.
            bits(one.get(..at + 4).unwrap_or_default(), at, id, false)?;
            ok(id.1 <= 32, ActionArgument)?;
        }
    }
    Ok(())
}

fn header_end(one: &[u8], at: usize) -> usize {
    let long = u16_at(one, at) == Some(EXPERIMENTER);
    at + if long { 8 } else { 4 }
}

/// Checks a header and its bits, and returns the offset of its end.
fn bits(one: &[u8], at: usize, (ofs, n_bits): (u16, u16), written: bool) -> Result<usize, OvsError> {
    let mut r = Reader::new(one.get(at..).unwrap_or_default());
    let masked = u32_at(one, at).is_some_and(|header| Header::unpack(header).has_mask);
    let field = match decode_header(&mut r, true) {
        Ok(Some(field)) => field,
        // A header with a mask is accepted for the field too, but not for a field to be written
        // here.
        Ok(None) if masked && written => return Err(ActionSetArgument),
        _ => return Err(ActionSetType),
    };
    let sub = Subfield { field, ofs, n_bits };
    if !sub.is_valid() {
        return Err(ActionSetLen);
    }
    if written && !field.is_writable() {
        return Err(ActionSetArgument);
    }
    Ok(header_end(one, at))
}

/// Checks a `set_field` from the header of the field on.
fn set_field(bytes: &[u8], may_mask: bool) -> Result<(), OvsError> {
    let header = Header::unpack(u32_at(bytes, 0).ok_or(MatchLen)?);
    let end = 4 + usize::from(header.len);
    let entry = bytes.get(..end);
    let oxm = match decode_entry(entry.unwrap_or(bytes), true, !may_mask) {
        // The field and its length are checked before its bytes are known to be complete.
        Err(MatchField) => return Err(ActionSetType),
        Err(ActionSetLen) if header.len == 0 => return Err(ActionSetType),
        Err(ActionSetLen) => return Err(ActionSetLen),
        _ if entry.is_none() => return Err(MatchLen),
        Ok(oxm) => oxm,
        Err(MatchValue) => return Err(ActionSetArgument),
        Err(MatchMask) if !may_mask => return Err(ActionSetMask),
        Err(error) => return Err(error),
    };
    if header.has_mask && !may_mask {
        return Err(ActionSetMask);
    }
    if bytes.get(end..).is_some_and(|rest| rest.iter().any(|b| *b != 0)) {
        return Err(ActionSetArgument);
    }
    let Oxm::Known { field, value, .. } = oxm else { return Ok(()) };
    let untagged = field == Field::VlanVid && value & 0x1000 == 0;
    let port = field == Field::InPortOxm;
    if !field.is_writable() || !may_mask && (untagged || port || field == Field::IpDscp && value & 3 != 0) {
        return Err(ActionSetArgument);
    }
    Ok(())
}

fn ok(condition: bool, error: OvsError) -> Result<(), OvsError> {
    if condition { Ok(()) } else { Err(error) }
}

/// Checks the values of an action.
fn check(action: &Action) -> Result<(), OvsError> {
    match action {
        Action::Output { port, .. } => ok(port.is_output(), ActionOutPort),
        Action::PushVlan(kind) => {
            ok(matches!(*kind, ethertype::VLAN | ethertype::SERVICE_VLAN), ActionArgument)
        }
        Action::PushMpls(kind) => {
            ok(matches!(*kind, ethertype::MPLS | ethertype::MPLS_MULTICAST), ActionArgument)
        }
        Action::Legacy(Legacy::VlanVid(id)) => ok(*id <= 0xfff, ActionArgument),
        Action::Legacy(Legacy::VlanPcp(pcp)) => ok(*pcp <= 7, ActionArgument),
        Action::Legacy(Legacy::NwTos(tos)) => ok(tos & 3 == 0, ActionArgument),
        Action::Legacy(Legacy::NwEcn(ecn)) => ok(*ecn <= 3, ActionArgument),
        Action::CopyTtlIn | Action::CopyTtlOut | Action::PushPbb(_) | Action::PopPbb => Err(ActionType),
        Action::Learn(learn) => {
            let flags = 3 | if learn.result_dst.is_some() { LEARN_WRITE_RESULT } else { 0 };
            ok(learn.table.0 != 0xff && learn.flags & !flags == 0, ActionArgument)?;
            ok(learn.result_dst.is_none_or(|dst| dst.field.is_writable()), ActionSetArgument)
        }
        Action::Multipath(m) => check_multipath(m),
        Action::Bundle(b) => {
            let known = usize::from(b.fields) < HASH_FIELDS.len() && b.algorithm <= 1;
            let known = known && b.members.len() <= MAX_MEMBERS;
            // With a destination, Open vSwitch drops its earlier result.
            ok(b.dst.map_or(known, |dst| dst.n_bits >= 16), ActionArgument)?;
            ok(b.members.iter().all(|port| port.is_member()), ActionOutPort)
        }
        Action::Sample(sample) => ok(sample.probability != 0, ActionArgument),
        Action::Conjunction { clause, n_clauses, .. } => {
            ok((2..=64).contains(n_clauses) && clause < n_clauses, OvsError::Conjunction)
        }
        Action::Ct(ct) => check_ct(ct),
        Action::Nat(nat) => check_nat(nat),
        Action::OutputTrunc { max_len, .. } => ok(*max_len >= 14, ActionArgument),
        Action::Encap(encap) => check_encap(encap),
        _ => Ok(()),
    }
}

fn check_multipath(m: &Multipath) -> Result<(), OvsError> {
    let known = usize::from(m.fields) < HASH_FIELDS.len();
    let known = known && usize::from(m.algorithm) < MULTIPATH_ALGORITHMS.len();
    ok(known && m.dst.holds(u128::from(m.max_link)), ActionArgument)
}

fn check_encap(encap: &Encap) -> Result<(), OvsError> {
    let known = [PACKET_ETHERNET, PACKET_NSH, PACKET_MPLS, PACKET_MPLS_MC];
    ok(known.contains(&encap.packet_type), HeaderType)
}

fn check_ct(ct: &Ct) -> Result<(), OvsError> {
    let committed = ct.flags & CT_COMMIT != 0;
    ok(committed || ct.flags & CT_FORCE == 0, ActionArgument)?;
    if let CtZone::Field(src) = ct.zone {
        ok(src.n_bits == 16, ActionSetLen)?;
    }
    let plain =
        |a: &Action| matches!(a, Action::Nat(nat) if nat.flags == 0 && nat.addresses == NatAddresses::None);
    ok(committed || ct.actions.iter().all(plain), ActionArgument)
}

fn check_nat(nat: &Nat) -> Result<(), OvsError> {
    let both = |bits: u16| nat.flags & bits == bits;
    let flags = nat.flags & !31 == 0 && !both(NAT_SRC | NAT_DST) && !both(NAT_HASH | NAT_RANDOM);
    let addresses = match nat.addresses {
        NatAddresses::None => true,
        NatAddresses::V4(first, last) => !first.is_unspecified() && last.is_none_or(|last| last >= first),
        NatAddresses::V6(first, last) => !first.is_unspecified() && last.is_none_or(|last| last >= first),
    };
    let ports = nat.ports.is_none_or(|(first, last)| first != 0 && last.is_none_or(|last| last >= first));
    ok(flags && addresses && ports, ActionArgument)
}

/// Checks the positions of actions in a list, and their combinations.
pub(crate) fn verify(actions: &[Action], outer: Outer) -> Result<(), OvsError> {
    let mut metadata = false;
    for action in actions {
        if matches!(action, Action::Conjunction { .. }) {
            let beside = |a: &Action| matches!(a, Action::Conjunction { .. } | Action::Note(_));
            return ok(actions.iter().all(beside), OvsError::Conjunction);
        }
        let of_connection = connection_field(action);
        match (outer, action) {
            (Outer::Ct, Action::Nat(_)) => continue,
            (_, Action::Nat(_)) => return Err(ActionSetArgument),
            (Outer::Ct, _) => ok(of_connection == Some(true), ActionArgument)?,
            _ => ok(of_connection != Some(true), ActionSetArgument)?,
        }
        // It behaves like an instruction: it comes after the actions, and only once.
        ok(!metadata, ActionOrder)?;
        metadata = matches!(action, Action::WriteMetadata { .. });
        ok(!metadata || outer == Outer::Instructions, InstructionUnsupported)?;
    }
    Ok(())
}

/// Returns whether the field that an action sets belongs to a tracked connection. `None` for an
/// action that sets no field.
fn connection_field(action: &Action) -> Option<bool> {
    let field = match action {
        Action::SetField(Oxm::Known { field, .. }) | Action::RegLoad2(Oxm::Known { field, .. }) => *field,
        Action::Load { dst, .. } | Action::Move { dst, .. } | Action::CopyField { dst, .. } => dst.field,
        _ => return None,
    };
    Some(matches!(field, Field::CtMark | Field::CtLabel))
}

/// Returns whether an action set may hold the action.
pub(crate) fn is_for_set(action: &Action) -> bool {
    !matches!(
        action,
        Action::Bundle(_)
            | Action::Clone(_)
            | Action::Nat(_)
            | Action::Controller(_)
            | Action::Exit
            | Action::FinTimeout { .. }
            | Action::Learn(_)
            | Action::Conjunction { .. }
            | Action::Multipath(_)
            | Action::Note(_)
            | Action::OutputReg { .. }
            | Action::OutputTrunc { .. }
            | Action::PopQueue
            | Action::Sample(_)
            | Action::Pop(_)
            | Action::Push(_)
            | Action::WriteMetadata { .. }
            | Action::CheckPktLarger { .. }
            | Action::DeleteField(_)
    )
}
