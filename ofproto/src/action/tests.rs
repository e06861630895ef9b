//! Tests that encoded actions decode to themselves, that invalid ones are refused, and that no
//! input causes a panic.

use proptest::prelude::*;

use super::{Action, Ct, CtZone, Subfield};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeErrorKind, EncodeError};
use crate::instruction::Instruction;
use crate::oxm::{Field, Match, Oxm};
use crate::testing::actions;

fn encode(actions: &[Action]) -> Result<Vec<u8>, EncodeError> {
    let mut w = Writer::new();
    Action::encode_list(actions, &mut w)?;
    Ok(w.into_vec())
}

fn encode_match(m: &Match) -> Result<Vec<u8>, EncodeError> {
    let mut w = Writer::new();
    m.encode(&mut w)?;
    Ok(w.into_vec())
}

fn set(field: Field, value: u128, mask: Option<u128>) -> Action {
    Action::SetField(Oxm::Known { field, value, mask })
}

/// Flips, cuts and inserts bytes in valid input, for shapes that random bytes never reach.
fn mutated(valid: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (valid, proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), any::<u16>())
        .prop_map(|(mut bytes, edits, cut)| {
            for (at, b) in edits {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = b;
                }
            }
            if cut % 4 == 0 {
                bytes.truncate(usize::from(cut / 4) % (bytes.len() + 1));
            }
            bytes
        })
}

proptest! {
    #[test]
    fn a_match_comes_back(m in actions::matches()) {
        let bytes = encode_match(&m).unwrap();
        prop_assert_eq!(bytes.len() % 8, 0);
        let mut r = Reader::new(&bytes);
        prop_assert_eq!(Match::decode(&mut r), Ok(m));
        prop_assert!(r.is_empty());
    }

    #[test]
    fn actions_come_back(list in actions::actions()) {
        let bytes = encode(&list).unwrap();
        prop_assert_eq!(bytes.len() % 8, 0);
        prop_assert_eq!(Action::decode_list(&mut Reader::new(&bytes)), Ok(list));
    }

    #[test]
    fn instructions_come_back(list in actions::instructions()) {
        let mut w = Writer::new();
        Instruction::encode_list(&list, &mut w).unwrap();
        prop_assert_eq!(Instruction::decode_list(&mut Reader::new(w.as_slice())), Ok(list));
    }

    /// Checks that a decoded list encodes, and then decodes to an equal list.
    #[test]
    fn what_decodes_encodes(bytes in mutated(actions::actions().prop_map(|l| encode(&l).unwrap()))) {
        if let Ok(list) = Action::decode_list(&mut Reader::new(&bytes)) {
            let again = encode(&list).unwrap();
            prop_assert_eq!(Action::decode_list(&mut Reader::new(&again)), Ok(list));
        }
    }

    #[test]
    fn what_decodes_as_a_match_encodes(
        bytes in mutated(actions::matches().prop_map(|m| encode_match(&m).unwrap()))
    ) {
        if let Ok(m) = Match::decode(&mut Reader::new(&bytes)) {
            let again = encode_match(&m).unwrap();
            prop_assert_eq!(Match::decode(&mut Reader::new(&again)), Ok(m));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Match::decode(&mut Reader::new(&bytes));
        let _ = Match::decode_fields(&mut Reader::new(&bytes));
        let _ = Action::decode_list(&mut Reader::new(&bytes));
        let _ = Instruction::decode_list(&mut Reader::new(&bytes));
    }

    /// Checks that the loads of a masked set_field change only the bits under the mask.
    #[test]
    fn a_masked_set_field_is_its_loads(value: u128, mask: u128, before: u128) {
        let action = set(Field::Xxreg1, value, Some(mask));
        let mut after = before;
        for load in action.lowered().unwrap() {
            match load {
                Action::Load { dst, value } => after = dst.write(after, u128::from(value)),
                Action::SetField(Oxm::Known { value, mask: None, .. }) => after = value,
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert_eq!(after, before & !mask | value & mask);
    }
}

#[test]
fn every_field_has_a_wire_form() {
    for &field in Field::ALL {
        let exact = field.info().exact();
        for mask in [None, Some(1).filter(|_| field.info().maskable)] {
            let m = Match { fields: vec![Oxm::Known { field, value: exact, mask }] };
            let bytes = encode_match(&m).unwrap();
            assert_eq!(Match::decode(&mut Reader::new(&bytes)), Ok(m));
        }
    }
}

/// Found by fuzzing: in the 32 bits of a `ct` zone, actset_output has only its number of OpenFlow 1.5.
#[test]
fn a_field_named_by_another_versions_number_comes_back() {
    let zone = CtZone::Field(Subfield { field: Field::ActsetOutput, ofs: 0, n_bits: 16 });
    let list = vec![Action::Ct(Box::new(Ct { flags: 0, zone, table: None, alg: 0, actions: Vec::new() }))];
    let bytes = encode(&list).unwrap();
    assert_eq!(bytes[12..16], [0x80, 0x00, 0x56, 0x04]);
    assert_eq!(Action::decode_list(&mut Reader::new(&bytes)), Ok(list));
}

#[test]
fn nothing_is_cut_to_fit() {
    let too_wide = Match { fields: vec![Oxm::Known { field: Field::IpDscpShifted, value: 64, mask: None }] };
    assert!(matches!(encode_match(&too_wide), Err(EncodeError::DoesNotFit { value: 64, .. })));
    let masked = Match { fields: vec![Oxm::Known { field: Field::EthType, value: 1, mask: Some(1) }] };
    assert!(encode_match(&masked).is_err());
    let dst = Subfield { field: Field::Reg0, ofs: 0, n_bits: 4 };
    assert!(encode(&[Action::Load { dst, value: 16 }]).is_err());
    assert!(encode(&[Action::Load { dst: Subfield { ofs: 30, ..dst }, value: 0 }]).is_err());
    assert!(encode(&[Action::Move { src: dst, dst: Subfield { n_bits: 5, ..dst } }]).is_err());
    assert!(encode(&[Action::Resubmit { port: Some(crate::PortNo(0x1_0000)), table: None }]).is_err());
    assert!(encode(&[Action::Note(vec![0; 65_536].into())]).is_err());
    assert!(encode(&[Action::Unknown { kind: 99, body: vec![0; 5].into() }]).is_err());
    assert!(encode(&[set(Field::Reg0, 1 << 32, Some(1))]).is_err());
}

#[test]
fn a_field_twice_is_refused() {
    // eth_src under its OXM and its NXM header.
    let hex = [0x80, 0x00, 0x08, 6, 0, 0, 0, 0, 0, 1, 0x00, 0x00, 0x04, 6, 0, 0, 0, 0, 0, 1];
    let err = Match::decode_fields(&mut Reader::new(&hex)).unwrap_err();
    assert_eq!((err.kind, err.at), (DecodeErrorKind::BadField, 10));
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    for bytes in [
        &[0, 24, 0, 0, 0, 0, 0, 0][..],
        &[0, 24, 0, 4, 0, 0, 0, 0],
        &[0, 24, 0, 9, 0, 0, 0, 0, 0],
        &[0, 99, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 24, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 8, 0, 0, 0, 1],
        &[0, 24, 0, 16, 0, 0, 0, 0],
        &[0, 24, 0],
    ] {
        assert!(Action::decode_list(&mut Reader::new(bytes)).is_err(), "{bytes:x?}");
        assert!(Instruction::decode_list(&mut Reader::new(&[bytes, &[0]].concat())).is_err(), "{bytes:x?}");
    }
    for bytes in
        [&[0, 1, 0, 3, 0, 0, 0, 0][..], &[0, 1, 0, 9, 0, 0, 0, 0], &[0, 0, 0, 4, 0, 0, 0, 0], &[0, 1, 0, 4]]
    {
        assert!(Match::decode(&mut Reader::new(bytes)).is_err(), "{bytes:x?}");
    }
}

#[test]
fn a_mask_where_none_may_be_is_refused() {
    // eth_type with a mask, set_field with one, and fields of a wrong length.
    let masked = [0x80, 0x00, 0x0b, 4, 8, 0, 0xff, 0];
    let short = [0x80, 0x00, 0x0a, 1, 8];
    let half = [0x80, 0x00, 0x0d, 3, 1, 2, 3];
    for bytes in [&masked[..], &short, &half] {
        let err = Match::decode_fields(&mut Reader::new(bytes)).unwrap_err();
        assert_eq!(err.kind, DecodeErrorKind::BadField, "{bytes:x?}");
    }
    let set_field = [0, 25, 0, 16, 0, 1, 1, 8, 0, 0, 0, 1, 0, 0, 0, 1];
    let err = Action::decode_list(&mut Reader::new(&set_field)).unwrap_err();
    assert_eq!(err.kind, DecodeErrorKind::BadField);
}

#[test]
fn nothing_may_follow_inside_an_instruction() {
    for kind in [1, 5, 6] {
        let bytes = [&[0, kind, 0, 16][..], &[0; 12]].concat();
        let err = Instruction::decode_list(&mut Reader::new(&bytes)).unwrap_err();
        assert_eq!((err.kind, err.at), (DecodeErrorKind::BadLength(8), 8));
    }
}

/// Checks for one load per run of the mask, lowest first, and none above 64 bits, as Open vSwitch
/// sends them.
#[test]
fn a_masked_set_field_is_one_load_a_run() {
    let load =
        |ofs, n_bits, value| Action::Load { dst: Subfield { field: Field::Xxreg0, ofs, n_bits }, value };
    let lowered = |mask| set(Field::Xxreg0, u128::MAX, Some(mask)).lowered().unwrap();
    assert_eq!(lowered(0xf0f << 100), [load(100, 4, 15), load(108, 4, 15)]);
    let most = u128::MAX >> 1;
    assert_eq!(lowered(most), [load(0, 64, u64::MAX), load(64, 63, u64::MAX >> 1)]);
    assert_eq!(lowered(0), []);
    assert_eq!(lowered(u128::MAX), [set(Field::Xxreg0, u128::MAX, None)]);
    assert_eq!(set(Field::Xxreg0, 1, None).lowered(), None);
}

#[test]
fn an_action_that_cannot_be_said_survives() {
    let nicira = |body: &[&[u8]]| {
        let body = body.concat();
        [&[0xff, 0xff, 0, u8::try_from(body.len() + 8).unwrap(), 0, 0, 0x23, 0x20][..], &body].concat()
    };
    let learn = |specs: &[u8]| nicira(&[&[0, 16], &[0; 22], specs]);
    let reg1 = [0, 1, 0x02, 4, 0, 0];
    for bytes in [
        // An unknown source field.
        learn(&[0x10, 0x08, 0x7a, 0xaa, 0x02, 0x01, 0, 0]),
        // Padding that could be shorter, and non-zero padding.
        learn(&[0; 16]),
        learn(&[0, 0, 0, 0, 0, 0, 0, 1]),
        // A constant to output to, a spec of no bits, and a fourth kind of destination.
        learn(&[&[0x30, 16, 0, 8][..], &[0; 4]].concat()),
        learn(&[&[0x08, 0][..], &reg1, &reg1, &[0; 2]].concat()),
        learn(&[&[0x18, 1][..], &reg1, &reg1, &[0; 2]].concat()),
        // load of a value above its bits, beyond the field, and to a header of another length.
        nicira(&[&[0, 7, 0, 3, 0, 1, 0, 4], &[0, 0, 0, 0, 0, 0, 0, 16]]),
        nicira(&[&[0, 7, 7, 0xc1, 0, 1, 0, 4], &[0; 8]]),
        nicira(&[&[0, 7, 0, 3, 0, 1, 0, 8], &[0; 8]]),
        // An unknown property of controller2.
        nicira(&[&[0, 37, 0, 0, 0, 0, 0, 0], &[0, 99, 0, 8, 1, 2, 3, 4]]),
        // Another experimenter's action, and an unknown subtype.
        vec![0xff, 0xff, 0, 8, 0x4f, 0x4e, 0x46, 0],
        nicira(&[&[0x12, 0x34, 1, 2, 3, 4, 5, 6]]),
    ] {
        let list = Action::decode_list(&mut Reader::new(&bytes)).unwrap();
        assert!(matches!(list[..], [Action::Unknown { kind: 0xffff, .. }]), "{list:?}");
        assert_eq!(encode(&list).unwrap(), bytes);
    }
    // A constant above its width is kept unchanged.
    let bytes = learn(&[&[0x20, 3, 0, 8][..], &reg1, &[0; 6]].concat());
    let list = Action::decode_list(&mut Reader::new(&bytes)).unwrap();
    assert!(matches!(list[..], [Action::Learn(_)]), "{list:?}");
    assert_eq!(encode(&list).unwrap(), bytes);
}

/// The texts that `ovs-ofctl` 4.0.0 (Debian's openvswitch-common 4.0.0-2) prints for a flow with
/// each action: `ofp-print`.
#[test]
fn what_open_vswitch_says_to_a_sample_of_fields() {
    let sample = |domain: &[u8; 8], point: &[u8; 8], probability: u8, direction: u8, padding: u8| {
        let head = [0xff, 0xff, 0, 40, 0, 0, 0x23, 0x20, 0, 51, 0, probability, 0, 0, 0, 1];
        let bytes = [&head[..], domain, point, &[0xff, 0xff, direction, 0, 0, 0, 0, padding]].concat();
        Action::ovs_error(&bytes).map(crate::OvsError::name)
    };
    let reg0 = &[0, 1, 0, 4, 0, 0x1f, 0, 0];
    let seven = &[0, 0, 0, 0, 0, 0, 0, 7];
    let beyond = &[0, 1, 0, 4, 0, 0x5f, 0, 0];
    let wide = &[0x80, 1, 0, 8, 0, 0x3f, 0, 0];
    let long = &[0xff, 0xff, 0x22, 8, 0, 0, 0x23, 0x20];
    for (refusal, expected) in [
        (sample(reg0, seven, 5, 2, 0), None),
        (sample(seven, seven, 5, 0, 0), None),
        (sample(reg0, seven, 0, 0, 0), Some("OFPBAC_BAD_ARGUMENT")),
        (sample(reg0, seven, 5, 3, 0), Some("OFPBAC_BAD_ARGUMENT")),
        (sample(reg0, seven, 0, 3, 1), Some("NXBRC_MUST_BE_ZERO")),
        (sample(beyond, seven, 5, 0, 1), Some("NXBRC_MUST_BE_ZERO")),
        (sample(beyond, long, 5, 0, 0), Some("OFPBAC_BAD_SET_LEN")),
        (sample(long, beyond, 5, 0, 0), Some("OFPBAC_BAD_SET_TYPE")),
        (sample(seven, long, 5, 3, 0), Some("OFPBAC_BAD_ARGUMENT")),
        (sample(wide, long, 5, 0, 0), Some("OFPBAC_BAD_ARGUMENT")),
        (sample(reg0, beyond, 5, 0, 0), Some("OFPBAC_BAD_SET_LEN")),
    ] {
        assert_eq!(refusal, expected);
    }
}
