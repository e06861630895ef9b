//! Finds flows of one table and priority that a packet can match both of, with different actions:
//! the winner is undefined (OpenFlow 1.3.5 §6.4, OFPFF_CHECK_OVERLAP).

use std::collections::{BTreeMap, HashMap};

use flow_model::Flow;
use ofproto::oxm::Field;

/// The maximum number of pairs returned.
pub const MAX_OVERLAPS: usize = 10_000;

/// The product of two set sizes up to which flows are compared one by one.
const FEW: usize = 64;

/// The fields that separate flows before they are compared.
const FIELDS: [Field; 12] = [
    Field::InPortOxm,
    Field::EthType,
    Field::IpProto,
    Field::Reg0,
    Field::Reg1,
    Field::Ipv4Dst,
    Field::Ipv4Src,
    Field::Ipv6Dst,
    Field::Ipv6Src,
    Field::ArpTpa,
    Field::TcpDst,
    Field::UdpDst,
];

/// Returns the pairs of flows, by their places, with one table and priority, a common packet, and
/// different actions; in order, and at most [`MAX_OVERLAPS`].
pub fn overlaps(flows: &[Flow]) -> Vec<(usize, usize)> {
    overlaps_where(flows, |_, _| true)
}

/// Returns only those pairs that a packet can match both of, according to `may`.
pub(crate) fn overlaps_where(flows: &[Flow], may: impl FnMut(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (n, flow) in flows.iter().enumerate() {
        groups.entry((flow.table, flow.priority)).or_default().push(n);
    }
    let mut search = Search { flows, may, found: Vec::new() };
    for group in groups.values() {
        search.within(group, &FIELDS);
    }
    search.found.sort_unstable();
    search.found
}

struct Search<'a, M> {
    flows: &'a [Flow],
    may: M,
    found: Vec<(usize, usize)>,
}

impl<M: FnMut(usize, usize) -> bool> Search<'_, M> {
    /// Finds pairs inside one set.
    fn within(&mut self, set: &[usize], fields: &[Field]) {
        let Some((field, rest)) = fields.split_first().filter(|_| set.len() * set.len() > FEW) else {
            for (n, a) in set.iter().enumerate() {
                set.iter().skip(n + 1).for_each(|b| self.compare(*a, *b));
            }
            return;
        };
        let (by_value, others) = self.split(set, *field);
        for same in by_value.values() {
            self.within(same, rest);
            self.between(same, &others, rest);
        }
        self.within(&others, rest);
    }

    /// Finds pairs of one flow from each set.
    fn between(&mut self, a: &[usize], b: &[usize], fields: &[Field]) {
        if a.is_empty() || b.is_empty() {
            return;
        }
        let Some((field, rest)) = fields.split_first().filter(|_| a.len() * b.len() > FEW) else {
            for a in a {
                b.iter().for_each(|b| self.compare(*a, *b));
            }
            return;
        };
        let (a_by_value, a_others) = self.split(a, *field);
        let (b_by_value, b_others) = self.split(b, *field);
        for (value, a) in &a_by_value {
            if let Some(b) = b_by_value.get(value) {
                self.between(a, b, rest);
            }
            self.between(a, &b_others, rest);
        }
        for b in b_by_value.values() {
            self.between(&a_others, b, rest);
        }
        self.between(&a_others, &b_others, rest);
    }

    /// Returns the flows that match the field exactly, by value, and all others.
    fn split(&self, set: &[usize], field: Field) -> (HashMap<u128, Vec<usize>>, Vec<usize>) {
        let mut by_value: HashMap<u128, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for &n in set {
            match self.flows.get(n).and_then(|flow| flow.matches.exact(field)) {
                Some(value) => by_value.entry(value).or_default().push(n),
                None => others.push(n),
            }
        }
        (by_value, others)
    }

    fn compare(&mut self, a: usize, b: usize) {
        let (Some(x), Some(y)) = (self.flows.get(a), self.flows.get(b)) else { return };
        if self.found.len() < MAX_OVERLAPS
            && x.instructions != y.instructions
            // Two drops that differ only in their samples are no contradiction.
            && !(x.drops() && y.drops())
            && x.matches.overlaps(&y.matches)
            && (self.may)(a, b)
        {
            self.found.push((a.min(b), a.max(b)));
        }
    }
}
