#![no_main]
//! A list of instructions: whatever decodes has a wire form of its own, and comes back from it.

use libfuzzer_sys::fuzz_target;
use ofproto::instruction::Instruction;
use ofproto::{Reader, Writer};

fuzz_target!(|data: &[u8]| {
    let Ok(list) = Instruction::decode_list(&mut Reader::new(data)) else { return };
    let mut w = Writer::new();
    Instruction::encode_list(&list, &mut w).unwrap();
    assert_eq!(Instruction::decode_list(&mut Reader::new(w.as_slice())), Ok(list));
});
