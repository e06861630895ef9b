#![no_main]
//! A match, framed and bare: whatever decodes has a wire form of its own, and comes back from it.

use libfuzzer_sys::fuzz_target;
use ofproto::oxm::Match;
use ofproto::{Reader, Wire, Writer};

fuzz_target!(|data: &[u8]| {
    let framed = Match::decode(&mut Reader::new(data));
    let bare = Match::decode_fields(&mut Reader::new(data));
    for decoded in [framed, bare].into_iter().flatten() {
        let mut w = Writer::new();
        decoded.encode(&mut w).unwrap();
        let mut r = Reader::new(w.as_slice());
        assert_eq!(Match::decode(&mut r), Ok(decoded));
        assert!(r.is_empty());
    }
});
