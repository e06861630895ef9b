//! What is refused, and as what: a list of actions with several mistakes is refused for the one that Open vSwitch finds first.
//!
//! The random flows of `random` and `ofp_print` found these; here they stand small.

mod codes;

use ofctl::ofp_print::print_message;
use ofctl::syntax::NoNames;
use ofproto::action::{Action, Bundle, Ct, CtZone, Legacy, Subfield};
use ofproto::instruction::Instruction;
use ofproto::message::FlowMod;
use ofproto::oxm::Field;
use ofproto::{Message, PortNo, Xid};
use portcullis_tests::ofp_print;

/// What `ovs-ofctl` prints of a message, which must be what we print, and the error that it names.
fn refusal(message: &[u8]) -> String {
    let theirs = ofp_print(message, 2);
    assert_eq!(print_message(message, 2, &NoNames), theirs);
    let error = theirs.split("***decode error: ").nth(1).and_then(|text| text.split("***").next());
    error.unwrap_or("none").to_owned()
}

fn flow_mod(instruction: Instruction) -> Vec<u8> {
    let message = FlowMod { instructions: vec![instruction], ..FlowMod::default() };
    Message::FlowMod(message).encode(Xid(1)).unwrap()
}

/// `bundle_load` with fields and an algorithm that nobody knows.
fn bundle(field: Field, n_bits: u16, members: Vec<PortNo>) -> Action {
    let dst = Some(Subfield { field, ofs: 0, n_bits });
    Action::Bundle(Box::new(Bundle { fields: 99, basis: 0, algorithm: 99, members, dst }))
}

/// A flow_mod that does what these bytes say; in place of a note, which does nothing.
fn with_action(action: &[u8]) -> Vec<u8> {
    let note = Action::Note(vec![0; action.len() - 10].into());
    let mut bytes = flow_mod(Instruction::ApplyActions(vec![note]));
    let at = bytes.len() - action.len();
    bytes[at..].copy_from_slice(action);
    bytes
}

/// Which field it is, and whether it has that length, comes before whether it is there.
#[test]
fn a_field_to_set_is_refused_for_its_type_then_its_length_then_its_absence() {
    let set_field = |rest: &[u8]| {
        let action = [&[0, 25, 0, u8::try_from(rest.len() + 4).unwrap()][..], rest].concat();
        refusal(&with_action(&action))
    };
    let zeros = [0; 8];
    assert_eq!(set_field(&[&[0x80, 0, 99 << 1, 8], &zeros[..]].concat()), "OFPBAC_BAD_SET_TYPE");
    assert_eq!(set_field(&[&[0x80, 0, 99 << 1, 32], &zeros[..]].concat()), "OFPBAC_BAD_SET_TYPE");
    assert_eq!(set_field(&[&[0x80, 0, 3 << 1, 0], &zeros[..]].concat()), "OFPBAC_BAD_SET_TYPE");
    assert_eq!(set_field(&[&[0x80, 0, 3 << 1, 32], &zeros[..]].concat()), "OFPBAC_BAD_SET_LEN");
    assert_eq!(set_field(&[&[0x80, 0, 3 << 1 | 1, 33], &zeros[..]].concat()), "OFPBAC_BAD_SET_LEN");
    assert_eq!(set_field(&[&[0x80, 0, 3 << 1 | 1, 12], &zeros[..]].concat()), "OFPBMC_BAD_LEN");
    // A header of zeros is none.
    let load = [&[0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0, 7][..], &[0; 14]].concat();
    assert_eq!(refusal(&with_action(&load)), "OFPBAC_BAD_SET_TYPE");
}

/// 16 bits are asked for before a field that can be written.
#[test]
fn a_bundle_is_refused_for_its_width_before_its_field() {
    for (bundle, error) in [
        (bundle(Field::CtTpDst, 15, vec![]), Some("OFPBAC_BAD_ARGUMENT")),
        (bundle(Field::Reg0, 15, vec![]), Some("OFPBAC_BAD_ARGUMENT")),
        (bundle(Field::CtTpDst, 16, vec![]), Some("OFPBAC_BAD_SET_ARGUMENT")),
        (bundle(Field::CtTpDst, 16, vec![PortNo::CONTROLLER]), Some("OFPBAC_BAD_SET_ARGUMENT")),
        // What else is wrong with it is forgotten.
        (bundle(Field::Reg0, 16, vec![]), None),
    ] {
        let own = error.unwrap_or("none");
        assert_eq!(refusal(&flow_mod(Instruction::ApplyActions(vec![bundle.clone()]))), own);
        // Inside others it is looked at before what is around it, the action set included.
        let clone = Action::Clone(vec![Action::Legacy(Legacy::TpDst(1)), bundle.clone()]);
        let around = flow_mod(Instruction::WriteActions(vec![clone]));
        assert_eq!(refusal(&around), error.unwrap_or("OFPBAC_BAD_TYPE"));
        let ct = Ct { flags: 0, zone: CtZone::Immediate(1), table: None, alg: 0, actions: vec![bundle] };
        let around = flow_mod(Instruction::ApplyActions(vec![Action::Ct(Box::new(ct))]));
        assert_eq!(refusal(&around), error.unwrap_or("OFPBAC_BAD_ARGUMENT"));
    }
}

/// Of a `bundle_load` whose bytes end before its members do.
#[test]
fn a_bundle_is_refused_for_its_length_before_its_width() {
    for n_bits in [15, 16] {
        let members = vec![PortNo(1); 4];
        let mut bytes = flow_mod(Instruction::ApplyActions(vec![bundle(Field::CtTpDst, n_bits, members)]));
        // The number of members stands 20 bytes into the action, which ends the message and is 40 long.
        let at = bytes.len() - 40 + 20;
        assert_eq!(bytes[at..at + 2], [0, 4]);
        bytes[at + 1] = 5;
        assert_eq!(refusal(&bytes), "OFPBAC_BAD_LEN");
    }
}
