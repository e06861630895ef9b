//! The messages of the packet-in path, read and written without allocating. A PACKET_IN is viewed
//! in its received bytes. A FLOW_MOD, a deletion and a PACKET_OUT are encoded once and patched in a
//! few places.
//!
//! This module has no encoding of its own: [`crate::message`] encodes the stamps, and property
//! tests compare every stamped message with its encoding.

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

/// Overwrites the bytes at an offset in a stamp.
fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *place = value;
    }
}

/// Returns the offset at which two encodings first differ. The value by which they differ is there.
fn place(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}
