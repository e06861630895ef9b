//! The messages of the packet-in path, read and written without allocating: a view of a PACKET_IN in the bytes that came,
//! and a FLOW_MOD, a deletion and a PACKET_OUT as bytes that were encoded once and differ in a few places alone.
//!
//! Nothing here knows another encoding than [`crate::message`]: the stamps are made by it, and property tests hold every
//! stamped message against what it encodes.

#![deny(clippy::disallowed_types, clippy::disallowed_macros)]

mod flow;
mod frame;
mod packet_in;
mod packet_out;
#[cfg(test)]
mod tests;

pub use self::flow::{FlowStamp, MacStamp};
pub use self::frame::{FrameAddresses, VlanVid};
pub use self::packet_in::PacketInView;
pub use self::packet_out::PacketOutStamp;

/// The OXM header of `in_port` without a mask (OpenFlow 1.3.5 §7.2.3.7).
const OXM_IN_PORT: u32 = 0x8000_0004;

/// A MAC address.
pub type Mac = [u8; 6];

/// Overwrites what stands at an offset. Offsets are those of a stamp's own bytes.
fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *place = value;
    }
}

/// Where two encodings that differ in one value begin to differ: there the value stands.
fn place(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}
