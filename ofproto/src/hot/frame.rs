//! The beginning of an Ethernet frame: its addresses and its outermost VLAN tag.

use super::Mac;

/// The value of OXM_OF_VLAN_VID (OpenFlow 1.3.5 §7.2.3.7): OFPVID_NONE for an untagged frame, and
/// the VLAN id with OFPVID_PRESENT for a tagged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VlanVid(pub u16);

/// OFPVID_PRESENT.
const PRESENT: u16 = 0x1000;

impl VlanVid {
    /// An untagged frame.
    pub const NONE: Self = Self(0);
    /// A priority tag: the frame belongs to the VLAN of untagged frames (IEEE 802.1Q §6.9.1).
    pub const PRIORITY: Self = Self(PRESENT);
    /// The highest value.
    pub(super) const HIGHEST: Self = Self(PRESENT | 0xfff);

    /// Returns the VLAN id, 0 for untagged frames.
    #[inline]
    pub const fn number(self) -> u16 {
        self.0 & 0xfff
    }
}

/// The addresses and the VLAN of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameAddresses {
    /// The destination address.
    pub dst: Mac,
    /// The source address.
    pub src: Mac,
    /// The outermost tag.
    pub vlan: VlanVid,
}

impl FrameAddresses {
    /// Parses the beginning of a frame. `None` if the frame is too short.
    #[inline]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let (&dst, rest) = frame.split_first_chunk::<6>()?;
        let (&src, rest) = rest.split_first_chunk::<6>()?;
        let vlan = match rest.first_chunk::<2>() {
            // Customer and service tags, both of which OXM_OF_VLAN_VID matches.
            Some([0x81, 0x00] | [0x88, 0xa8]) => {
                let tci = u16::from_be_bytes(*rest.get(2..)?.first_chunk::<2>()?);
                VlanVid(PRESENT | tci & 0xfff)
            }
            _ => VlanVid::NONE,
        };
        Some(Self { dst, src, vlan })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_tag_says_which_vlan() {
        let frame = |rest: &[u8]| [&[2; 6][..], &[4; 6], rest].concat();
        let vlan = |rest: &[u8]| FrameAddresses::parse(&frame(rest)).map(|addresses| addresses.vlan.0);
        assert_eq!(vlan(&[8, 0, 0x45, 0]), Some(0));
        assert_eq!(vlan(&[0x81, 0, 0x20, 0x0a, 8, 0]), Some(0x100a), "the priority does not count");
        assert_eq!(vlan(&[0x81, 0, 0xe0, 0, 8, 0]), Some(VlanVid::PRIORITY.0));
        assert_eq!(vlan(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0]), Some(0x1007));
        assert_eq!(vlan(&[0x81, 0, 0]), None, "cut off within its tag");
        assert_eq!((vlan(&[]), FrameAddresses::parse(&[2; 11])), (Some(0), None));
        assert_eq!((VlanVid(0x100a).number(), VlanVid::PRIORITY.number()), (10, 0));
    }
}
