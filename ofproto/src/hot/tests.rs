//! Tests that every stamped message equals its encoding by the encoder of all messages.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::action::Action;
use crate::ids::{BufferId, Cookie, PortNo, TableId, Xid};
use crate::instruction::Instruction;
use crate::message::{FlowMod, FlowModCommand, Message, PacketIn, PacketOut};
use crate::oxm::{Field, Match, Oxm};

fn exact(field: Field, value: u128) -> Oxm {
    Oxm::Known { field, value, mask: None }
}

fn bits(mac: Mac) -> u128 {
    mac.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

fn frame_of(in_port: u32, fields: &[Oxm], data: &[u8]) -> Vec<u8> {
    let mut all = fields.to_vec();
    all.push(exact(Field::InPortOxm, in_port.into()));
    let packet = PacketIn {
        buffer_id: BufferId(7),
        total_len: u16::try_from(data.len()).unwrap(),
        reason: crate::ids::PacketInReason(0),
        table_id: TableId(3),
        cookie: Cookie(u64::MAX),
        fields: Match { fields: all },
        data: Bytes::copy_from_slice(data),
    };
    Message::PacketIn(packet).encode(Xid(0)).unwrap().to_vec()
}

proptest! {
    #[test]
    fn a_packet_in_is_seen_as_it_is_decoded(
        in_port: u32,
        metadata: bool,
        tunnel: bool,
        data in prop::collection::vec(any::<u8>(), 0..200),
        cut in 0_usize..40,
    ) {
        let mut fields = Vec::new();
        if metadata {
            fields.push(exact(Field::Metadata, 5));
        }
        if tunnel {
            fields.push(Oxm::Known { field: Field::TunId, value: 8, mask: Some(8) });
        }
        let frame = frame_of(in_port, &fields, &data);
        let view = PacketInView::parse(&frame).unwrap();
        prop_assert_eq!(
            view,
            PacketInView { buffer_id: BufferId(7), total_len: u16::try_from(data.len()).unwrap(), in_port: PortNo(in_port), data: &data }
        );
        // A truncated header yields no view.
        if cut < 36 {
            prop_assert_eq!(PacketInView::parse(&frame[..cut]), None);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = PacketInView::parse(&bytes);
    }

    #[test]
    fn a_flow_is_stamped_as_it_is_encoded(
        in_port: u32,
        src: Mac,
        dst: Mac,
        output: u32,
        vlan in 0_u16..0x2000,
        idle_timeout: u16,
        cookie: u64,
    ) {
        let flow = FlowMod { cookie: Cookie(cookie), idle_timeout, priority: 100, ..FlowMod::default() };
        let mut out = vec![9];
        let stamp = FlowStamp::new(&flow, Xid(3)).unwrap();
        stamp.write(&mut out, (PortNo(in_port), src), (PortNo(output), dst), VlanVid(vlan));
        let fields = vec![
            exact(Field::InPortOxm, in_port.into()),
            exact(Field::EthDst, bits(dst)),
            exact(Field::EthSrc, bits(src)),
            exact(Field::VlanVid, vlan.into()),
        ];
        let output = Action::Output { port: PortNo(output), max_len: 0 };
        let instructions = vec![Instruction::ApplyActions(vec![output])];
        let whole = FlowMod { fields: Match { fields }, instructions, ..flow };
        prop_assert_eq!(&out[1..], &Message::FlowMod(whole).encode(Xid(3)).unwrap()[..]);
    }

    #[test]
    fn a_deletion_is_stamped_as_it_is_encoded(mac: Mac, vlan in 0_u16..0x2000, source: bool) {
        let flow = FlowMod { command: FlowModCommand::Delete, ..FlowMod::default() };
        let field = if source { Field::EthSrc } else { Field::EthDst };
        let mut out = Vec::new();
        MacStamp::new(&flow, field, Xid(3)).unwrap().write(&mut out, mac, VlanVid(vlan));
        let fields = vec![exact(field, bits(mac)), exact(Field::VlanVid, vlan.into())];
        let whole = FlowMod { fields: Match { fields }, ..flow };
        prop_assert_eq!(&out[..], &Message::FlowMod(whole).encode(Xid(3)).unwrap()[..]);
    }

    #[test]
    fn a_packet_out_is_stamped_as_it_is_encoded(
        buffer_id: u32,
        in_port: u32,
        output: u32,
        data in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut out = vec![1, 2, 3];
        let stamp = PacketOutStamp::new(Xid(4)).unwrap();
        prop_assert!(stamp.write(&mut out, BufferId(buffer_id), PortNo(in_port), PortNo(output), &data));
        let whole = Message::PacketOut(PacketOut {
            buffer_id: BufferId(buffer_id),
            in_port: PortNo(in_port),
            actions: vec![Action::Output { port: PortNo(output), max_len: 0 }],
            data: data.into(),
        });
        prop_assert_eq!(&out[3..], &whole.encode(Xid(4)).unwrap()[..]);
    }
}

#[test]
fn a_packet_that_is_kept_is_thrown_away() {
    let mut out = Vec::new();
    PacketOutStamp::new(Xid(4)).unwrap().discard(&mut out, BufferId(77), PortNo(5));
    let (buffer_id, in_port) = (BufferId(77), PortNo(5));
    let whole = PacketOut { buffer_id, in_port, actions: Vec::new(), data: Bytes::new() };
    assert_eq!(out, Message::PacketOut(whole).encode(Xid(4)).unwrap());
}

#[test]
fn a_packet_that_fits_no_message_is_not_written() {
    let mut out = Vec::new();
    let stamp = PacketOutStamp::new(Xid(0)).unwrap();
    let no = BufferId::NO_BUFFER;
    assert!(!stamp.write(&mut out, no, PortNo(1), PortNo(2), &[0; 65_500]));
    assert!(out.is_empty());
}
