//! Tests that no frame makes the extraction panic, with frames that no switch accepts. The
//! extracted fields are compared with Open vSwitch elsewhere (`tests/tests/wire/frames.rs`).

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..120), packet_type: u32, known in 0..7_usize) {
        let types = [
            ethertype::IPV4,
            ethertype::IPV6,
            ethertype::ARP,
            ethertype::MPLS,
            ethertype::NSH,
            ethertype::VLAN,
            0,
        ];
        extract(&bytes);
        extract_packet(&bytes, packet_type);
        extract_packet(&bytes, 0x1_0000 | u32::from(types[known]));
    }
}

#[test]
fn a_frame_that_ends_in_its_ethernet_header_has_no_fields() {
    assert_eq!(extract(&[2; 13]), Frame::default());
    assert_eq!(extract(&[2; 14]).ethernet.eth_type, 0x05ff);
}
