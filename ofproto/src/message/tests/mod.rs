//! Every kind of message, decoded and encoded.

mod golden;
mod golden_later;
mod golden_nicira;
mod golden_tables;
mod malformed;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::codec::{Reader, Writer};
use crate::error::{DecodeErrorKind, EncodeError};
use crate::ids::{PortNo, Xid};
use crate::ovs_errors::ErrorCode;
use crate::testing::messages::{message, xid};

/// Returns a frame of this kind with a valid header.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&[4, kind], &length[..], &[0; 4], body].concat()
}

/// Checks that any decoded message has a wire form of its own.
fn decodes_stably(frame: &[u8]) -> Result<(), TestCaseError> {
    if let Ok((xid, message)) = Message::decode(frame) {
        let again = message.encode(xid).map_err(|e| TestCaseError::fail(format!("{e}: {message:?}")))?;
        prop_assert_eq!(Message::decode(&again), Ok((xid, message)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_encoded_decodes_to_itself(message in message(), xid in xid(), before in vec(any::<u8>(), 0..9)) {
        let bytes = message.encode(xid).unwrap();
        prop_assert_eq!(usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), bytes.len());
        prop_assert_eq!(bytes[1], message.kind().0);
        let shared = Bytes::from(bytes.clone());
        prop_assert_eq!(Message::decode_shared(&shared), Ok((xid, message.clone())));
        prop_assert_eq!(Message::decode(&bytes), Ok((xid, message.clone())));
        let mut w = Writer::new();
        w.bytes(&before);
        message.encode_into(xid, &mut w).unwrap();
        prop_assert_eq!(w.as_slice(), [&before[..], &bytes].concat());
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        decodes_stably(&bytes)?;
    }

    #[test]
    fn random_bodies_never_panic(kind in 0..30u8, body in vec(prop_oneof![any::<u8>(), 0..9u8], 0..200)) {
        decodes_stably(&frame(kind, &body))?;
    }

    #[test]
    fn a_message_with_changed_bytes_never_panics(
        message in message(),
        changes in vec((any::<Index>(), prop_oneof![any::<u8>(), 0..9u8]), 1..5),
        cut in prop::option::of(any::<Index>()),
    ) {
        let mut body = message.encode(Xid(0)).unwrap().split_off(8);
        for (at, byte) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len() + 1));
        }
        decodes_stably(&frame(message.kind().0, &body))?;
    }
}

#[test]
fn bytes_left_over_are_an_error() {
    for message in [
        Message::FeaturesRequest,
        Message::BarrierReply,
        Message::RoleReply(Role { role: 2, generation_id: 7 }),
        Message::BundleControl(BundleControl::new(1, BundleControlKind::OpenReply, 3)),
        Message::MonitorPaused,
        Message::FlowMod(FlowMod::default()),
        Message::MultipartRequest(MultipartRequest {
            flags: 0,
            body: multipart::MultipartRequestBody::PortDesc,
        }),
    ] {
        let mut body = message.encode(Xid(1)).unwrap().split_off(8);
        assert!(Message::decode(&frame(message.kind().0, &body)).is_ok());
        body.push(0);
        let error = Message::decode(&frame(message.kind().0, &body)).unwrap_err();
        assert_eq!(error.wire_code(), ErrorCode::BAD_LEN, "{message:?}: {error}");
    }
}

#[test]
fn a_frame_is_as_long_as_its_header_says() {
    for length in [0, 7, 8, 15, 17, 24] {
        let mut bytes = frame(2, &[0; 8]);
        bytes[3] = length;
        let error = Message::decode(&bytes).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::BadLength(usize::from(length)));
    }
    for len in 0..8 {
        assert_eq!(Message::decode(&frame(2, &[])[..len]).unwrap_err().kind, DecodeErrorKind::Truncated);
    }
}

#[test]
fn only_hello_and_error_may_be_of_another_version() {
    for kind in 0..=40 {
        for version in [0, 1, 3, 5, 6, 0xff] {
            let mut bytes = frame(kind, &[0; 8]);
            bytes[0] = version;
            if kind > 1 {
                let error = Message::decode(&bytes).unwrap_err();
                assert_eq!(error.kind, DecodeErrorKind::BadVersion(version));
                assert_eq!(error.wire_code(), ErrorCode::BAD_VERSION);
            }
        }
    }
    // OFPT_HELLO of 1.0 has no elements, and may hold any data.
    let (_, hello) = Message::decode(&[1, 0, 0, 11, 0, 0, 0, 9, b'h', b'i', b'!']).unwrap();
    assert_eq!(hello, Message::Hello(Hello { body: Bytes::from_static(b"hi!"), ..Hello::new(1, None) }));
    let (_, error) = Message::decode(&[1, 1, 0, 12, 0, 0, 0, 9, 0xff, 0xff, 0, 1]).unwrap();
    let expected = ErrorMsg { kind: 0xffff, code: 1, experimenter: None, data: Bytes::new() };
    assert_eq!(error, Message::Error(expected));
}

#[test]
fn the_longest_error_of_version_1_decodes() {
    let mut bytes = vec![1, 1, 0xff, 0xff, 0, 0, 0, 9, 0xff, 0xff, 0, 1, 0, 0, 0x23, 0x20];
    bytes.resize(65_535, 0x5a);
    let Ok((Xid(9), Message::Error(error))) = Message::decode(&bytes) else { panic!("not an error") };
    assert_eq!((error.experimenter, error.data.len()), (Some(0x2320), 65_535 - 16));
}

#[test]
fn hello_elements_are_kept() {
    // An unknown element of 5 bytes with padding, then a bitmap of two words, then the bitmap again.
    let body =
        [0, 9, 0, 5, 1, 0, 0, 0, 0, 1, 0, 12, 0, 0, 0, 0x12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0];
    let hello = Hello::decode(4, &mut Reader::new(&body)).unwrap();
    assert_eq!(hello, Hello { body: Bytes::copy_from_slice(&body), ..Hello::new(4, Some(0x12)) });
    let mut w = Writer::new();
    hello.encode(&mut w).unwrap();
    assert_eq!(w.as_slice(), body);
    assert!(hello.speaks_ours());
    assert!(!Hello::new(6, Some(0x42)).speaks_ours());
    assert!(Hello::new(6, None).speaks_ours());
    assert!(!Hello::new(1, None).speaks_ours());
    assert!(Hello::decode(4, &mut Reader::new(&[0, 1, 0, 3, 0, 0, 0, 0])).is_err());
    assert!(Hello::decode(4, &mut Reader::new(&[0, 1, 0, 9, 0, 0, 0, 0])).is_err());
}

#[test]
fn what_does_not_fit_is_an_error_and_leaves_nothing() {
    let mut w = Writer::new();
    w.bytes(b"before");
    let long = Message::EchoRequest(Bytes::from(vec![0; 65_528]));
    let error = long.encode_into(Xid(0), &mut w).unwrap_err();
    assert_eq!(error, EncodeError::TooLong { field: "message", len: 65_536 });
    assert_eq!(w.as_slice(), b"before");
    assert_eq!(Message::EchoRequest(Bytes::from(vec![0; 65_527])).encode(Xid(0)).unwrap().len(), 65_535);

    let encode = |name: &'static [u8]| {
        let port = Port::named(PortNo(1), Bytes::from_static(name));
        Message::PortStatus(PortStatus { reason: PortStatusReason::Add, port }).encode(Xid(0))
    };
    assert!(encode(b"sixteen-bytes-ok").is_ok());
    assert!(encode(b"seventeen-bytes-no").is_err());
    assert!(encode(b"a\0b").is_err());
    let error = ErrorMsg { kind: 1, code: 6, experimenter: Some(ONF), data: Bytes::new() };
    assert!(Message::Error(error).encode(Xid(0)).is_err());
    // These four bytes of data would decode as the experimenter id.
    let error = ErrorMsg { kind: 0xffff, code: 6, experimenter: None, data: Bytes::from_static(&[0; 4]) };
    assert!(Message::Error(error).encode(Xid(0)).is_err());
}

#[test]
fn lengths_of_parts_are_held_to() {
    let update = |len: u16, rest: &[u8]| {
        let head =
            [&[0xff, 0xff, 0, 0, 0, 0, 0, 0, 0x4f, 0x4e, 0x46, 0, 0, 0, 7, 0x4e], &len.to_be_bytes()[..]];
        Message::decode(&frame(19, &[head.concat(), rest.to_vec()].concat()))
    };
    // NXFME_ABBREV is exactly eight bytes.
    assert!(update(8, &[0, 3, 0, 0, 0, 1]).is_ok());
    for len in [0, 1, 2, 3, 4, 6, 7, 9, 0xffff] {
        assert!(update(len, &[0, 3, 0, 0, 0, 1]).is_err(), "{len}");
    }
    assert!(update(12, &[0, 3, 0, 0, 0, 1, 0, 0, 0, 0]).is_err());
    // A flow of length 0 would make the decoder loop forever.
    assert!(Message::decode(&frame(19, &[&[0, 1, 0, 0, 0, 0, 0, 0][..], &[0; 56]].concat())).is_err());
    // The length of a message in a bundle is that of its header.
    let add = |len| {
        frame(
            4,
            &[
                &[0x4f, 0x4e, 0x46, 0, 0, 0, 8, 0xfd, 0, 0, 0, 1, 0, 0, 0, 3, 4, 20, 0, len, 0, 0, 0, 1][..],
                &[0; 8],
            ]
            .concat(),
        )
    };
    assert!(Message::decode(&add(16)).is_ok());
    assert!(Message::decode(&add(8)).is_err());
    assert!(Message::decode(&add(24)).is_err());
    // The actions of a packet-out end within the message.
    let out =
        |len: u8| frame(13, &[&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, len, 0, 0, 0, 0, 0, 0][..]].concat());
    assert!(Message::decode(&out(0)).is_ok());
    assert!(Message::decode(&out(1)).is_err());
}

#[test]
fn errors_are_answered_with_what_they_quote() {
    let bytes = frame(20, &[0; 100]);
    let error = Message::decode(&bytes).unwrap_err();
    let reply = ErrorMsg::reply_to(&error, &bytes);
    assert_eq!(reply.name(), Some("OFPBRC_BAD_LEN"));
    assert_eq!(reply.kind_name(), Some("OFPET_BAD_REQUEST"));
    assert_eq!(&reply.data[..], &bytes[..64]);
    assert_eq!(&ErrorMsg::reply_to(&error, &bytes[..9]).data[..], &bytes[..9]);
    let named = |kind, code, experimenter| ErrorMsg { kind, code, experimenter, data: Bytes::new() }.name();
    assert_eq!(named(0xffff, 2313, Some(ONF)), Some("OFPBFC_MSG_FAILED"));
    assert_eq!(named(0xffff, 2313, Some(1)), None);
    assert_eq!(named(0xffff, 2313, None), None);
    assert_eq!(named(14, 0, None), None);
    assert_eq!(named(5, 8, None), None);
}
