//! The order in which `ovs-ofctl --sort` and `--rsort` print flows.

use std::cmp::Ordering;

use flow_model::{FlowMatch, Masked};
use ofproto::message::multipart::FlowStats;
use ofproto::oxm::Field;

use crate::syntax::matching::field;
use crate::syntax::matching::fields::Fields;

/// A sort criterion of flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Criterion {
    by: SortCriterion,
    descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortCriterion {
    Priority,
    /// `dl_vlan`: the VLAN id without the "tagged" bit.
    VlanId,
    Field(Field),
}

/// The fields that only Ethernet packets have. All other fields of a protocol come with an Ethernet
/// type.
const ETHERNET: [Field; 5] = [Field::EthSrc, Field::EthDst, Field::EthType, Field::VlanVid, Field::VlanPcp];

/// The sort key of a flow: one part for each criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey(Vec<SortPart>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SortPart {
    /// True if the flow lacks the field. Such flows come last, in both directions.
    absent: bool,
    value: u128,
    descending: bool,
}

impl Criterion {
    /// Returns the criterion `priority`, or that of a field's name.
    pub fn new(name: &str, descending: bool) -> Option<Self> {
        let by = match name {
            _ if name.eq_ignore_ascii_case("priority") => SortCriterion::Priority,
            "dl_vlan" => SortCriterion::VlanId,
            _ => SortCriterion::Field(field::by_name(name)?),
        };
        Some(Self { by, descending })
    }

    fn part(self, stats: &FlowStats, matches: &FlowMatch, fields: &Fields) -> SortPart {
        let (absent, value) = match self.by {
            SortCriterion::Priority => (false, u128::from(stats.priority)),
            SortCriterion::VlanId => tag(fields, 0, 0xfff, 0xfff),
            SortCriterion::Field(Field::VlanTci) => tag(fields, 0, 0xffff, 0xffff),
            SortCriterion::Field(Field::VlanVid) => tag(fields, 0, 0x1fff, 0x1fff),
            SortCriterion::Field(Field::VlanPcp) => tag(fields, 13, 0x7, 0x7),
            SortCriterion::Field(field) => {
                let bits = fields.get(field).unwrap_or(Masked { value: 0, mask: 0 });
                // Fields that a flow lacks are compared too, by the contents of their place.
                let narrow = bits.value & field.info().exact();
                let spelling = match field {
                    Field::InPort => Field::InPortOxm,
                    Field::IpDscp => Field::IpDscpShifted,
                    field => field,
                };
                let wide = !field.registers().is_empty();
                let has = if wide { bits.mask != 0 } else { matches.field(spelling).is_some() };
                // A field of Ethernet packets implies their type.
                let ethernet =
                    field == Field::PacketType && ETHERNET.iter().any(|f| matches.field(*f).is_some());
                (!has && !ethernet, narrow)
            }
        };
        SortPart { absent, value, descending: self.descending }
    }
}

/// Returns bits of the VLAN tag.
fn tag(fields: &Fields, shift: u32, value: u128, mask: u128) -> (bool, u128) {
    let bits = fields.place(Field::VlanTci).unwrap_or(Masked { value: 0, mask: 0 });
    (bits.mask >> shift & mask == 0, bits.value >> shift & value)
}

impl SortKey {
    /// Returns the key of a flow.
    pub fn new(stats: &FlowStats, criteria: &[Criterion]) -> Self {
        let matches = FlowMatch::from_wire(&stats.fields);
        let fields = Fields::of(&matches);
        Self(criteria.iter().map(|c| c.part(stats, &matches, &fields)).collect())
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = self.0.iter().zip(&other.0).map(|(a, b)| {
            let values = a.value.cmp(&b.value);
            a.absent.cmp(&b.absent).then(if a.descending { values.reverse() } else { values })
        });
        parts.fold(Ordering::Equal, Ordering::then)
    }
}
