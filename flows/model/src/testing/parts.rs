//! Strategies for the parts of actions: bits of fields, ports and tables.

use ofproto::action::{Action, Subfield};
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, TableId};
use proptest::prelude::*;
use proptest::sample::select;

use super::fields::ANY;

pub(super) fn part(field: Field, max: u16) -> impl Strategy<Value = Subfield> {
    let width = Subfield::width(field);
    (1..=width.min(max)).prop_flat_map(move |n_bits| {
        (0..=width - n_bits).prop_map(move |ofs| Subfield { field, ofs, n_bits })
    })
}

pub(super) fn subfield(max: u16) -> impl Strategy<Value = Subfield> {
    select(ANY).prop_flat_map(move |field| part(field, max))
}

pub(super) fn pair() -> impl Strategy<Value = (Subfield, Subfield)> {
    (subfield(128), subfield(128)).prop_map(|(a, b)| {
        let n_bits = a.n_bits.min(b.n_bits);
        (Subfield { n_bits, ..a }, Subfield { n_bits, ..b })
    })
}

pub(super) fn port() -> impl Strategy<Value = PortNo> {
    let reserved =
        [PortNo::IN_PORT, PortNo::NORMAL, PortNo::FLOOD, PortNo::ALL, PortNo::LOCAL, PortNo::TABLE];
    // The first numbers have names in some tests.
    let numbers = prop_oneof![0..9_u32, 0..0xff00_u32];
    prop_oneof![numbers.prop_map(PortNo), select(reserved.to_vec())]
}

pub(super) fn plain_port() -> impl Strategy<Value = PortNo> {
    prop_oneof![(0..0xff00_u32).prop_map(PortNo), select(vec![PortNo::IN_PORT, PortNo::LOCAL])]
}

/// Generates ports that an action may name without sending a packet there.
pub(super) fn named_port() -> impl Strategy<Value = PortNo> {
    let reserved = prop_oneof![0xffff_ff00..=u32::MAX, 0xffff_fff7..=u32::MAX];
    prop_oneof![0..0xff00_u32, reserved.prop_filter("the port of arrival", |port| *port != 0xffff_fff8)]
        .prop_map(PortNo)
}

pub(super) fn table() -> impl Strategy<Value = Option<TableId>> {
    prop::option::of((0..255_u8).prop_map(TableId))
}

pub(super) fn set(field: Field) -> impl Strategy<Value = Action> {
    any::<u128>().prop_map(move |value| {
        let value = value & field.info().exact();
        Action::SetField(Oxm::Known { field, value, mask: None })
    })
}
