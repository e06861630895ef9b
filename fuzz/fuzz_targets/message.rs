#![no_main]
//! A whole message: decoding copies or shares, to the same value, and that has a wire form of its own.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ofproto::message::Message;

fuzz_target!(|data: &[u8]| {
    // The length in the header is the framer's to check: let the mutator off getting it right each time.
    let mut data = data.to_vec();
    if let (Ok(len), Some(field)) = (u16::try_from(data.len()), data.get_mut(2..4)) {
        field.copy_from_slice(&len.to_be_bytes());
    }
    let decoded = Message::decode(&data);
    assert_eq!(Message::decode_shared(&Bytes::from(data)), decoded);
    if let Ok((xid, message)) = decoded {
        let again = message.encode(xid).unwrap();
        assert_eq!(Message::decode(&again), Ok((xid, message)));
    }
});
