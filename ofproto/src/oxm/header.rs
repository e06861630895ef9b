//! The 32-bit header of an OXM or NXM (OpenFlow 1.3.5 §7.2.3.2): class, field number, mask bit,
//! length.

use super::Field;
use crate::ids::{NICIRA, ONF};

/// The class whose payload begins with an experimenter id.
pub(crate) const EXPERIMENTER: u16 = 0xffff;
/// OFPXMC_OPENFLOW_BASIC, the class of OpenFlow's own fields.
pub(crate) const OPENFLOW_BASIC: u16 = 0x8000;
/// The class of Nicira's own fields.
pub(crate) const NXM_1: u16 = 0x0001;
/// Maximum length of a tunnel option, in bytes.
pub(crate) const TUN_METADATA_LEN: usize = 124;
/// The experimenter id of the NSH fields.
const NSH: u32 = 0x005a_d650;

/// The fields of one class by number, built at compile time. A match of ten fields costs ten loads,
/// not ten scans.
type FieldsByNumber = [Option<Field>; 128];

const fn table(class: u16, experimenter: u32) -> FieldsByNumber {
    let mut table = [None; 128];
    let mut rest = Field::ALL;
    while let Some((&field, tail)) = rest.split_first() {
        let info = field.info();
        // A field may have one header of a class of its own and one of an experimenter's (tcp_flags).
        let ours = match field.experimenter() {
            Some(id) => class != EXPERIMENTER || id == experimenter,
            None => class != EXPERIMENTER,
        };
        if ours {
            set(&mut table, class, info.nxm, field);
            set(&mut table, class, info.oxm, field);
        }
        rest = tail;
    }
    if class == OPENFLOW_BASIC {
        // OpenFlow 1.5 has a number of its own for these two. Open vSwitch reads it in 1.3 too, and
        // never writes it.
        set(&mut table, class, Some((class, 42)), Field::TcpFlags);
        set(&mut table, class, Some((class, 43)), Field::ActsetOutput);
    }
    table
}

#[allow(clippy::indexing_slicing, reason = "runs at compile time: out of range does not compile")]
const fn set(table: &mut FieldsByNumber, class: u16, header: Option<(u16, u8)>, field: Field) {
    if let Some((c, number)) = header
        && c == class
    {
        table[number as usize] = Some(field);
    }
}

static NXM_BASIC: FieldsByNumber = table(0x0000, 0);
static NXM_NICIRA: FieldsByNumber = table(NXM_1, 0);
static ERICSSON: FieldsByNumber = table(0x1000, 0);
static OXM_BASIC: FieldsByNumber = table(OPENFLOW_BASIC, 0);
static OXM_REGS: FieldsByNumber = table(0x8001, 0);
static ONF_FIELDS: FieldsByNumber = table(EXPERIMENTER, ONF);
static NICIRA_FIELDS: FieldsByNumber = table(EXPERIMENTER, NICIRA);
static NSH_FIELDS: FieldsByNumber = table(EXPERIMENTER, NSH);

impl Field {
    /// Returns the experimenter id of the field's header of class 0xffff. `None` for a field
    /// without one.
    pub const fn experimenter(self) -> Option<u32> {
        match self {
            Self::TcpFlags | Self::ActsetOutput => Some(ONF),
            Self::NshFlags
            | Self::NshTtl
            | Self::NshMdtype
            | Self::NshNp
            | Self::NshSpi
            | Self::NshSi
            | Self::NshC1
            | Self::NshC2
            | Self::NshC3
            | Self::NshC4 => Some(NSH),
            _ if self.has_long_header() => Some(NICIRA),
            _ => None,
        }
    }

    /// Returns whether the field's header in Nicira actions ends in an experimenter id. Such a
    /// header has eight bytes, for which most actions have no room.
    pub const fn has_long_header(self) -> bool {
        matches!(self.info().nxm, Some((EXPERIMENTER, _)))
    }

    /// Returns the field of an OXM or NXM class and number. Class 0xffff is read as ONF's.
    pub fn from_header(class: u16, number: u8) -> Option<Self> {
        if class == EXPERIMENTER {
            return Self::from_experimenter(ONF, number);
        }
        let table = match class {
            0x0000 => &NXM_BASIC,
            NXM_1 => &NXM_NICIRA,
            0x1000 => &ERICSSON,
            OPENFLOW_BASIC => &OXM_BASIC,
            0x8001 => &OXM_REGS,
            _ => return None,
        };
        table.get(usize::from(number)).copied().flatten()
    }

    /// Returns the field of an experimenter's number.
    pub fn from_experimenter(experimenter: u32, number: u8) -> Option<Self> {
        let table = match experimenter {
            ONF => &ONF_FIELDS,
            NICIRA => &NICIRA_FIELDS,
            NSH => &NSH_FIELDS,
            _ => return None,
        };
        table.get(usize::from(number)).copied().flatten()
    }

    /// Returns the tunnel option of a number in class 1.
    pub(crate) fn from_tun_metadata(number: u8) -> Option<Self> {
        Self::TUN_METADATA.get(usize::from(number.checked_sub(40)?)).copied()
    }

    /// Returns the number of a tunnel option, from 0 to 63. `None` for other fields.
    pub const fn tun_metadata(self) -> Option<u8> {
        if (self as usize) < Self::TunMetadata0 as usize {
            return None;
        }
        // Header numbers have seven bits; tunnel options start at 40.
        match self.info().nxm {
            Some((_, number)) => Some(number - 40),
            None => None,
        }
    }

    /// Returns whether actions may write the field, by ovs-fields(7).
    pub const fn is_writable(self) -> bool {
        !matches!(
            self,
            Self::EthType
                | Self::IpProto
                | Self::IpFrag
                | Self::TcpFlags
                | Self::MplsBos
                | Self::CtState
                | Self::CtZone
                | Self::CtNwProto
                | Self::CtNwSrc
                | Self::CtNwDst
                | Self::CtIpv6Src
                | Self::CtIpv6Dst
                | Self::CtTpSrc
                | Self::CtTpDst
                | Self::ConjId
                | Self::PacketType
                | Self::TunGtpuFlags
                | Self::TunGtpuMsgtype
                | Self::NshNp
                | Self::NshMdtype
                | Self::DpHash
                | Self::RecircId
                | Self::ActsetOutput
        )
    }

    /// Returns class and number in a match or `set_field` of OpenFlow 1.3.
    pub(crate) const fn match_header(self) -> Option<(u16, u8)> {
        let info = self.info();
        if info.oxm.is_some() { info.oxm } else { info.nxm }
    }
}

/// A header without payload, by which Nicira actions name fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) class: u16,
    pub(crate) number: u8,
    pub(crate) has_mask: bool,
    pub(crate) len: u8,
}

impl Header {
    pub(crate) const fn unpack(header: u32) -> Self {
        let [hi, lo, number, len] = header.to_be_bytes();
        Self { class: u16::from_be_bytes([hi, lo]), number: number >> 1, has_mask: number & 1 != 0, len }
    }

    pub(crate) const fn pack(self) -> u32 {
        let [hi, lo] = self.class.to_be_bytes();
        u32::from_be_bytes([hi, lo, self.number << 1 | self.has_mask as u8, self.len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_finds_its_field() {
        for &field in Field::ALL {
            let info = field.info();
            for (class, number) in info.nxm.into_iter().chain(info.oxm) {
                let found = if class == EXPERIMENTER {
                    Field::from_experimenter(field.experimenter().unwrap(), number)
                } else {
                    Field::from_header(class, number)
                };
                assert_eq!(found, Some(field), "{class:#x} {number}");
            }
            assert!(field.match_header().is_some(), "{}", info.name);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> =
            Field::ALL.iter().flat_map(|f| [Some(f.info().name), f.info().extra]).flatten().collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
    }
}
