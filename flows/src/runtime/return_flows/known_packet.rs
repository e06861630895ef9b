//! A packet with partly known bits.

use flow_model::{FlowMatch, Masked};
use ofproto::PortNo;
use ofproto::action::Subfield;
use ofproto::oxm::Field;

const FIELDS: usize = Field::ALL.len();

/// A field without known bits.
const UNKNOWN: Masked = Masked { value: 0, mask: 0 };

/// The known bits of a packet and of its pipeline fields, in the spelling of a [`FlowMatch`].
#[derive(Debug, Clone)]
pub(in crate::runtime::return_flows) struct KnownPacket(Box<[Masked; FIELDS]>);

impl KnownPacket {
    /// Returns a packet that enters the pipeline. Only two facts are known: the registers are zero,
    /// and no connection tracker has seen it.
    pub(in crate::runtime::return_flows) fn nothing() -> Self {
        let mut this = Self(Box::new([UNKNOWN; FIELDS]));
        for field in Field::REGISTERS.into_iter().chain([Field::Metadata, Field::CtState]) {
            this.put(field, Masked::exact(field, 0));
        }
        this
    }

    /// Returns the known bits of a field.
    pub(in crate::runtime::return_flows) fn bits(&self, field: Field) -> Masked {
        self.0.get(field as usize).copied().unwrap_or(UNKNOWN)
    }

    /// Returns a hash of all known bits, wide enough that no two packets of a walk collide. Only
    /// known fields cost time.
    pub(in crate::runtime::return_flows) fn fingerprint(&self, seed: u8) -> u128 {
        // From MurmurHash3's finalizer: each bit of the input changes half of the output.
        let mix = |hash: u64, more: u64| {
            let mut hash = (hash ^ more).wrapping_mul(0xff51_afd7_ed55_8ccd);
            hash ^= hash >> 33;
            hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
            hash ^ hash >> 29
        };
        let halves = |bits: u128| {
            let low = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
            [low, u64::try_from(bits >> 64).unwrap_or_default()]
        };
        let mut hash = [u64::from(seed), !u64::from(seed)];
        for (place, bits) in self.0.iter().enumerate().filter(|(_, bits)| bits.mask != 0) {
            for (lane, hash) in hash.iter_mut().enumerate() {
                *hash = mix(*hash, u64::try_from(place << 1 | lane).unwrap_or_default());
                for more in halves(bits.value).into_iter().chain(halves(bits.mask)) {
                    *hash = mix(hash.rotate_left(5), more);
                }
            }
        }
        let [a, b] = hash;
        u128::from(a) << 64 | u128::from(b)
    }

    fn put(&mut self, field: Field, bits: Masked) {
        self.0.get_mut(field as usize).into_iter().for_each(|old| *old = bits);
    }

    /// Adds known bits of a field. Returns whether they agree with the earlier ones.
    pub(in crate::runtime::return_flows) fn add(&mut self, field: Field, bits: Masked) -> bool {
        let old = self.bits(field);
        self.put(field, Masked { value: old.value | bits.value, mask: old.mask | bits.mask });
        old.overlaps(bits)
    }

    /// Adds the match of a flow that the packet matched. Returns whether it agrees with the known
    /// bits.
    pub(in crate::runtime::return_flows) fn matched(&mut self, matches: &FlowMatch) -> bool {
        // All fields are added, even after a contradiction: the packet is not used further then.
        matches.iter().fold(true, |fits, (field, bits)| self.add(field, bits) && fits)
    }

    /// Returns whether every such packet matches.
    pub(in crate::runtime::return_flows) fn is_certain(&self, matches: &FlowMatch) -> bool {
        !matches.has_unknown() && matches.iter().all(|(field, bits)| self.bits(field).within(bits))
    }

    /// Returns the bits of a subfield, right-aligned.
    pub(in crate::runtime::return_flows) fn read(&self, sub: Subfield) -> Masked {
        let bits = match sub.field {
            Field::InPort => {
                let port = u32::try_from(self.bits(Field::InPortOxm).value).ok().map(PortNo);
                let whole = self.bits(Field::InPortOxm).mask == Field::InPortOxm.info().exact();
                let port = port.filter(|_| whole).and_then(PortNo::to_u16);
                port.map_or(UNKNOWN, |port| Masked { value: port.into(), mask: 0xffff })
            }
            field => self.bits(field),
        };
        let down = |bits: u128| bits.checked_shr(sub.ofs.into()).unwrap_or(0) & low_bits(sub.n_bits);
        Masked { value: down(bits.value), mask: down(bits.mask) }
    }

    /// Writes a subfield, as `load` does.
    pub(in crate::runtime::return_flows) fn write(&mut self, sub: Subfield, bits: Masked) {
        if sub.field != canonical(sub.field) || !sub.field.registers().is_empty() {
            return self.forget(sub.field);
        }
        let mask = mask_of(sub);
        let old = self.bits(sub.field);
        let up = |bits: u128| shifted(bits, sub.ofs) & mask;
        self.put(
            sub.field,
            Masked { value: old.value & !mask | up(bits.value), mask: old.mask & !mask | up(bits.mask) },
        );
    }

    /// Forgets the known bits of a field, in all of its spellings.
    pub(in crate::runtime::return_flows) fn forget(&mut self, field: Field) {
        spellings(field).iter().for_each(|field| self.put(*field, UNKNOWN));
    }
}

/// Returns the fields in which a [`FlowMatch`] keeps the field's value.
pub(in crate::runtime::return_flows) fn spellings(field: Field) -> &'static [Field] {
    match field {
        Field::InPort | Field::InPortOxm => &[Field::InPortOxm],
        Field::IpDscp | Field::IpDscpShifted => &[Field::IpDscpShifted],
        // The presence of a tag decides the presence of its priority.
        Field::VlanTci | Field::VlanVid | Field::VlanPcp => &[Field::VlanVid, Field::VlanPcp],
        field if !field.registers().is_empty() => field.registers(),
        field => Field::ALL.get(field as usize).map_or(&[], std::slice::from_ref),
    }
}

fn canonical(field: Field) -> Field {
    match field {
        Field::InPort => Field::InPortOxm,
        Field::IpDscp => Field::IpDscpShifted,
        Field::VlanTci => Field::VlanVid,
        field => field,
    }
}

pub(in crate::runtime::return_flows) fn low_bits(n: u16) -> u128 {
    1u128.checked_shl(n.into()).map_or(u128::MAX, |bit| bit - 1)
}

pub(in crate::runtime::return_flows) fn shifted(value: u128, by: u16) -> u128 {
    value.checked_shl(by.into()).unwrap_or(0)
}

pub(in crate::runtime::return_flows) fn mask_of(sub: Subfield) -> u128 {
    shifted(low_bits(sub.n_bits), sub.ofs)
}
