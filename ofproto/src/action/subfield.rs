//! A range of consecutive bits of a field, and its encoding in Nicira actions.

use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::oxm::Field;
use crate::oxm::header::{EXPERIMENTER, Header, NXM_1, OPENFLOW_BASIC, TUN_METADATA_LEN};
use crate::oxm::wire::put_header;

/// A range of consecutive bits of a field: `NXM_NX_REG0[0..15]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subfield {
    /// The field.
    pub field: Field,
    /// The lowest bit.
    pub ofs: u16,
    /// The number of bits, from 1.
    pub n_bits: u16,
}

/// Returns `n` ones.
const fn ones(n: u16) -> u128 {
    if n >= 128 { u128::MAX } else { (1 << n) - 1 }
}

impl Subfield {
    /// Returns all bits of a field.
    pub const fn whole(field: Field) -> Self {
        Self { field, ofs: 0, n_bits: Self::width(field) }
    }

    /// Returns the number of bits of a field that an action may name. It may be smaller than the
    /// width in a match. For vlan_vid it excludes the "present" bit; for some fields Open vSwitch
    /// lets a match name unused bits.
    pub const fn width(field: Field) -> u16 {
        match field {
            Field::VlanVid => 12,
            Field::TunFlags | Field::TunErspanDir => 1,
            Field::TunErspanVer => 4,
            Field::TunErspanHwid => 6,
            Field::TunErspanIdx => 20,
            field if field.tun_metadata().is_some() => 992,
            _ => field.info().bits as u16,
        }
    }

    /// Returns whether the bits exist: at least one, and none beyond the field's width.
    pub const fn is_valid(self) -> bool {
        let end = self.ofs as u32 + self.n_bits as u32;
        self.n_bits > 0 && end <= Self::width(self.field) as u32
    }

    /// Returns a mask with ones at these bits.
    pub const fn mask(self) -> u128 {
        if self.ofs >= 128 { 0 } else { ones(self.n_bits) << self.ofs }
    }

    /// Returns these bits of the field's value, right-aligned.
    pub const fn read(self, value: u128) -> u128 {
        if self.ofs >= 128 { 0 } else { value >> self.ofs & ones(self.n_bits) }
    }

    /// Returns the field's value with these bits replaced. Surplus upper bits of `bits` are
    /// ignored.
    pub const fn write(self, value: u128, bits: u128) -> u128 {
        if self.ofs >= 128 { value } else { value & !self.mask() | bits << self.ofs & self.mask() }
    }

    /// Returns whether a right-aligned value fits in these bits.
    pub const fn holds(self, bits: u128) -> bool {
        bits & !ones(self.n_bits) == 0
    }

    /// Checks that the bits exist.
    pub(crate) fn check(self) -> Result<(), EncodeError> {
        let value = u128::from(self.ofs) << 16 | u128::from(self.n_bits);
        if self.is_valid() {
            Ok(())
        } else {
            Err(EncodeError::DoesNotFit { field: self.field.info().name, value })
        }
    }

    /// Returns `ofs << 6 | (n_bits - 1)`, the packed form of `load` and `output_reg`. It allows at
    /// most 64 bits, from 0 to 1023.
    pub(crate) fn packed(self) -> Result<u16, EncodeError> {
        self.check()?;
        if self.n_bits > 64 {
            let value = u128::from(self.n_bits);
            return Err(EncodeError::DoesNotFit { field: self.field.info().name, value });
        }
        Ok(self.ofs << 6 | (self.n_bits - 1))
    }

    /// Returns the inverse of [`Self::packed`]. `None` for bits that do not exist.
    pub(crate) fn unpacked(field: Field, packed: u16) -> Option<Self> {
        Some(Self { field, ofs: packed >> 6, n_bits: (packed & 0x3f) + 1 }).filter(|s| s.is_valid())
    }
}

/// Decodes the header of a field. `None` for one that is unknown, masked, or of a wrong length.
/// `long` allows an experimenter id after the header.
pub(crate) fn decode_header(r: &mut Reader<'_>, long: bool) -> Result<Option<Field>, DecodeError> {
    let header = Header::unpack(r.u32("field header")?);
    let mut len = usize::from(header.len);
    let field = if header.class == NXM_1
        && let Some(field) = Field::from_tun_metadata(header.number)
    {
        // The switch's mapping determines the length, which is unknown here; an unmapped option has
        // the full length.
        return Ok(Some(field).filter(|_| !header.has_mask && len == TUN_METADATA_LEN));
    } else if header.class != EXPERIMENTER {
        Field::from_header(header.class, header.number)
    } else if long && len >= 4 {
        len -= 4;
        Field::from_experimenter(r.u32("field experimenter")?, header.number)
    } else {
        None
    };
    Ok(field.filter(|f| !header.has_mask && len == f.info().bytes()))
}

/// Appends the header of a field. It prefers the NXM header, as Open vSwitch does in its own
/// actions.
pub(crate) fn encode_header(field: Field, w: &mut Writer, long: bool) -> Result<(), EncodeError> {
    let info = field.info();
    let len = if field.tun_metadata().is_some() { TUN_METADATA_LEN } else { info.bytes() };
    match info.nxm {
        // A header of 32 bits has no room for an experimenter id; OpenFlow 1.5 has a number of its
        // own for some fields.
        Some((EXPERIMENTER, number)) if !long => match Field::from_header(OPENFLOW_BASIC, number) {
            Some(same) if same == field => put_header(field, Some((OPENFLOW_BASIC, number)), false, len, w),
            _ => Err(EncodeError::DoesNotFit { field: info.name, value: u128::from(number) }),
        },
        header => put_header(field, header, false, len, w),
    }
}

/// Appends the header of a field in its form for matches.
pub(crate) fn encode_match_header(field: Field, w: &mut Writer) -> Result<(), EncodeError> {
    let len = if field.tun_metadata().is_some() { TUN_METADATA_LEN } else { field.info().bytes() };
    put_header(field, field.match_header(), false, len, w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_where_they_were_written() {
        let bits = Subfield { field: Field::Reg0, ofs: 4, n_bits: 8 };
        assert_eq!(bits.write(0xffff_ffff, 0x1a5), 0xffff_fa5f);
        assert_eq!(bits.read(0xffff_fa5f), 0xa5);
        assert!(bits.holds(0xff) && !bits.holds(0x100));
    }

    #[test]
    fn bits_beyond_the_field_are_not_valid() {
        assert!(Subfield { field: Field::Reg0, ofs: 31, n_bits: 1 }.is_valid());
        assert!(!Subfield { field: Field::Reg0, ofs: 31, n_bits: 2 }.is_valid());
        assert!(!Subfield { field: Field::Reg0, ofs: 0, n_bits: 0 }.is_valid());
        assert!(!Subfield { field: Field::Xxreg0, ofs: u16::MAX, n_bits: u16::MAX }.is_valid());
        assert!(Field::ALL.iter().all(|&f| Subfield::whole(f).is_valid()));
    }

    #[test]
    fn a_whole_wide_field_is_all_ones() {
        let whole = Subfield::whole(Field::Xxreg0);
        assert_eq!(whole.mask(), u128::MAX);
        assert_eq!(whole.write(0, u128::MAX), u128::MAX);
        assert_eq!(whole.packed().ok(), None);
    }
}
