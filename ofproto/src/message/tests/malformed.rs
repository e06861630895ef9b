//! The fault and the offset of malformed messages: each case is a message of a known length with
//! one change.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::action::Action;
use crate::error::DecodeErrorKind;
use crate::error::DecodeErrorKind::{BadLength, Truncated};
use crate::ids::{GroupId, MeterId, PortNo, QueueId, TableId, Xid};
use crate::instruction::Instruction;
use crate::message::multipart::{
    FeatureId, MeterConfig, MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
    TableFeatureProperty, TableFeatures,
};
use crate::message::*;

/// Sets the 16-bit word at this offset, and decodes.
fn with_word(message: &Message, at: usize, word: u16) -> Result<(Xid, Message), DecodeError> {
    let mut bytes = message.encode(Xid(1)).unwrap();
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
    Message::decode(&bytes)
}

/// Removes bytes from the end, adjusts the header, and decodes.
fn cut(message: &Message, n: usize) -> Result<(Xid, Message), DecodeError> {
    let mut bytes = message.encode(Xid(1)).unwrap();
    bytes.truncate(bytes.len() - n);
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    Message::decode(&bytes)
}

fn kind(result: Result<(Xid, Message), DecodeError>) -> (DecodeErrorKind, usize) {
    let error = result.unwrap_err();
    (error.kind, error.at)
}

fn reply(body: MultipartReplyBody) -> Message {
    Message::MultipartReply(MultipartReply { flags: 0, body })
}

#[test]
fn lengths_of_buckets_and_bands() {
    let group = Message::GroupMod(GroupMod {
        command: GroupModCommand::Add,
        kind: GroupType::All,
        group_id: GroupId(1),
        buckets: vec![Bucket::default(), Bucket::default()],
    });
    // The first bucket begins at 16 and is 16 long.
    assert_eq!(kind(with_word(&group, 16, 0)), (BadLength(0), 16));
    assert_eq!(kind(with_word(&group, 16, 15)), (Truncated, 28));
    assert_eq!(kind(with_word(&group, 16, 33)).0, Truncated);
    // Lists are padded to eight bytes.
    assert_eq!(kind(cut(&group, 1)), (BadLength(39), 8));
    // The length is four bytes too long, and no action has four bytes.
    assert!(with_word(&group, 16, 20).is_err());

    let band = MeterBand { rate: 1, burst_size: 2, kind: MeterBandType::Drop };
    let meter = Message::MeterMod(MeterMod {
        command: MeterModCommand::Add,
        flags: 0,
        meter_id: MeterId(1),
        bands: vec![band.clone()],
    });
    // The band begins at 16; its length is at 18.
    assert_eq!(kind(with_word(&meter, 18, 3)), (BadLength(3), 18));
    assert_eq!(kind(with_word(&meter, 18, 12)), (Truncated, 28));
    assert_eq!(kind(with_word(&meter, 18, 17)), (Truncated, 20));
    assert_eq!(kind(cut(&meter, 4)), (BadLength(20), 8));
    assert_eq!(kind(cut(&meter, 8)), (Truncated, 20));

    let config = reply(MultipartReplyBody::MeterConfig(vec![MeterConfig {
        flags: 0,
        meter_id: MeterId(1),
        bands: vec![band],
    }]));
    assert_eq!(kind(with_word(&config, 16, 1)), (BadLength(1), 16));
    assert_eq!(kind(with_word(&config, 16, 9)), (Truncated, 24));
    // A length of zero would make the list endless.
    let groups = reply(MultipartReplyBody::Group(vec![]));
    let mut bytes = groups.encode(Xid(1)).unwrap();
    bytes.extend([0; 40]);
    bytes[3] = 56;
    assert_eq!(kind(Message::decode(&bytes)), (BadLength(0), 16));
}

/// Checks a few cases; the tests against a switch have more.
#[test]
fn the_error_to_send_back_names_the_part() {
    let name = |result: Result<(Xid, Message), DecodeError>| {
        ErrorMsg::with_code(result.unwrap_err().wire_code(), &[]).name().unwrap()
    };
    let group = Message::GroupMod(GroupMod {
        command: GroupModCommand::Add,
        kind: GroupType::All,
        group_id: GroupId(1),
        buckets: vec![Bucket::default()],
    });
    assert_eq!(name(with_word(&group, 16, 0)), "OFPGMFC_BAD_BUCKET");
    assert_eq!(name(cut(&group, 1)), "OFPBRC_BAD_LEN");
    let instructions = vec![Instruction::ApplyActions(vec![Action::PopVlan])];
    let flow = Message::FlowMod(FlowMod { instructions, ..FlowMod::default() });
    assert_eq!(name(with_word(&flow, 48, 7)), "OFPBMC_BAD_TYPE");
    assert_eq!(name(with_word(&flow, 50, 3)), "OFPBMC_BAD_LEN");
    assert_eq!(name(with_word(&flow, 58, 24)), "OFPBIC_BAD_LEN");
    assert_eq!(name(with_word(&flow, 66, 16)), "OFPBAC_BAD_LEN");
    let inner = Message::BarrierRequest.encode(Xid(1)).unwrap().into();
    let add = BundleAdd { bundle_id: 1, flags: 0, message: inner, properties: vec![] };
    assert_eq!(name(with_word(&Message::BundleAdd(add), 26, 4)), "OFPBFC_MSG_BAD_LEN");
    let flush = CtFlush { ip_proto: 1, properties: vec![CtFlushProperty::ZoneId(1)] };
    assert_eq!(name(with_word(&Message::CtFlush(flush), 26, 3)), "OFPBPC_BAD_LEN");
}

#[test]
fn lengths_of_properties() {
    let property = TableFeatureProperty::Instructions {
        miss: false,
        ids: vec![FeatureId { kind: 1, body: Bytes::new() }],
    };
    let table = TableFeatures {
        table_id: TableId(0),
        name: Bytes::new(),
        metadata_match: 0,
        metadata_write: 0,
        config: 0,
        max_entries: 0,
        properties: vec![property],
    };
    let features = Message::MultipartRequest(MultipartRequest {
        flags: 0,
        body: MultipartRequestBody::TableFeatures(vec![table]),
    });
    // The structure begins at 16, its property at 80, the instruction in it at 84.
    assert_eq!(kind(with_word(&features, 16, 63)), (Truncated, 76));
    assert_eq!(kind(with_word(&features, 82, 3)), (BadLength(3), 82));
    assert_eq!(kind(with_word(&features, 82, 9)).0, Truncated);
    assert_eq!(kind(with_word(&features, 86, 3)), (BadLength(3), 86));
    assert_eq!(kind(with_word(&features, 86, 5)), (Truncated, 88));

    // The padding of a property is part of it.
    let packet = Message::PacketIn2(PacketIn2 {
        properties: vec![PacketInProperty::Reason(crate::ids::PacketInReason(1))],
    });
    assert_eq!(kind(cut(&packet, 1)), (Truncated, 21));
    assert_eq!(kind(with_word(&packet, 18, 6)), (BadLength(1), 21));
    assert_eq!(kind(with_word(&packet, 18, 4)), (Truncated, 20));
    let mask = AsyncProperty::Reasons { message: AsyncMessage::PacketIn, slave: true, mask: 7 };
    let masks = Message::SetAsyncConfig2(AsyncConfig2 { properties: vec![mask] });
    assert_eq!(kind(with_word(&masks, 18, 7)), (Truncated, 20));
    let tuple = CtFlushProperty::OrigTuple(vec![CtTupleProperty::IcmpType(8)]);
    let flush = Message::CtFlush(CtFlush { ip_proto: 1, properties: vec![tuple] });
    // The tuple begins at 24, its property at 32.
    assert_eq!(kind(with_word(&flush, 34, 4)), (Truncated, 36));
    assert_eq!(kind(with_word(&flush, 26, 7)).0, Truncated);

    let queue =
        PacketQueue { queue_id: QueueId(1), port: PortNo(1), properties: vec![QueueProperty::MinRate(1)] };
    let queues = Message::QueueGetConfigReply(QueueGetConfigReply { port: PortNo(1), queues: vec![queue] });
    // The queue begins at 16, its length is at 24, its property at 32.
    assert_eq!(kind(with_word(&queues, 24, 9)), (BadLength(9), 24));
    assert_eq!(kind(with_word(&queues, 24, 15)), (Truncated, 26));
    assert_eq!(kind(with_word(&queues, 34, 7)), (Truncated, 36));
    assert_eq!(kind(with_word(&queues, 34, 15)).0, Truncated);
}

#[test]
fn messages_inside_messages() {
    let inner: Bytes = Message::BarrierRequest.encode(Xid(1)).unwrap().into();
    let forward = Message::RequestForward(RequestForward { message: inner.clone() });
    assert_eq!(kind(with_word(&forward, 18, 7)), (BadLength(7), 16));
    assert_eq!(kind(with_word(&forward, 18, 9)), (BadLength(9), 16));
    assert_eq!(kind(cut(&forward, 1)).0, Truncated);
    let property = Property { kind: 0xffff, body: Bytes::from_static(&[0; 8]) };
    let add =
        Message::BundleAdd(BundleAdd { bundle_id: 1, flags: 0, message: inner, properties: vec![property] });
    assert!(cut(&add, 0).is_ok());
    // The message begins at 24, the property at 32.
    assert_eq!(kind(with_word(&add, 34, 3)), (BadLength(3), 34));
    assert_eq!(kind(with_word(&add, 34, 17)).0, Truncated);
    // Ten bytes of message, six of padding, twelve of property and four of its padding. Padding
    // alone is not a property.
    let inner = Message::EchoRequest("hi".into()).encode(Xid(1)).unwrap().into();
    let property = Property { kind: 0xffff, body: Bytes::from_static(&[0; 8]) };
    let add =
        Message::BundleAdd(BundleAdd { bundle_id: 1, flags: 0, message: inner, properties: vec![property] });
    assert!(cut(&add, 0).is_ok());
    assert!(cut(&add, 22).is_ok());
    assert_eq!(kind(cut(&add, 16)), (Truncated, 40));
    assert_eq!(kind(cut(&add, 18)).0, Truncated);
}

#[test]
fn an_experimenter_says_who_it_is_and_what() {
    for len in 0..8 {
        let body = Bytes::from(vec![0; len]);
        let message = Message::Unknown { kind: crate::MessageType::EXPERIMENTER, body: body.clone() };
        assert_eq!(kind(cut(&message, 0)).0, Truncated, "{len}");
        let body = MultipartRequestBody::Unknown { kind: 0xffff, body };
        let message = Message::MultipartRequest(MultipartRequest { flags: 0, body });
        assert_eq!(kind(cut(&message, 0)).0, Truncated, "{len}");
    }
}

/// Generates the types of experimenters, and some unassigned ones.
fn experimenters() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![
        (Just(NICIRA), 0..34u32),
        (Just(ONF), select(vec![1870u32, 1871, 1872, 1911, 2300, 2301, 2350, 2351])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn random_bodies_of_experimenters_and_multiparts_never_panic(
        (experimenter, exp_type) in experimenters(),
        multipart in prop_oneof![Just(0xffffu16), 0..16u16],
        outer in select(vec![4u8, 18, 19]),
        mut body in vec(prop_oneof![4 => Just(0), 2 => 0..40u8, 1 => any::<u8>()], 0..160),
        lengths in vec((any::<Index>(), 0..48u16), 0..4),
    ) {
        // Valid lengths at these words make more of the message well-formed.
        for (at, length) in lengths {
            let at = at.index(body.len() / 2 + 1) * 2;
            if let Some(word) = body.get_mut(at..at + 2) {
                word.copy_from_slice(&length.to_be_bytes());
            }
        }
        let mut whole = Vec::new();
        if outer != 4 {
            whole.extend(multipart.to_be_bytes());
            whole.extend([0; 6]);
        }
        if outer == 4 || multipart == 0xffff {
            whole.extend(experimenter.to_be_bytes());
            whole.extend(exp_type.to_be_bytes());
        }
        whole.extend(body);
        let length = u16::try_from(whole.len() + 8).unwrap().to_be_bytes();
        let frame = [&[4, outer], &length[..], &[0; 4], &whole].concat();
        if let Ok((xid, message)) = Message::decode(&frame) {
            let again = message.encode(xid).map_err(|e| TestCaseError::fail(format!("{e}: {message:?}")))?;
            prop_assert_eq!(again.len(), frame.len(), "{:?}", message);
            prop_assert_eq!(Message::decode(&again), Ok((xid, message)));
        }
    }

    #[test]
    fn continuations_look_inside_what_they_hold(
        properties in vec(crate::testing::nicira::continuation_property(), 0..5),
        random in vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>()], 0..60),
    ) {
        let mut w = Writer::new();
        properties.iter().try_for_each(|property| property.encode(&mut w)).unwrap();
        prop_assert_eq!(ContinuationProperty::list(w.as_slice()), Ok(properties));
        if let Ok(found) = ContinuationProperty::list(&random) {
            let mut w = Writer::new();
            found.iter().try_for_each(|property| property.encode(&mut w)).unwrap();
            prop_assert_eq!(ContinuationProperty::list(w.as_slice()), Ok(found));
        }
    }
}
