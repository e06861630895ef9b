//! Sets of numbers of 16 bits, as ranges.

use std::fmt;

use serde::{Serialize, Serializer};

/// A set of ports, types or protocol numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ranges(Vec<(u16, u16)>);

impl Ranges {
    /// Returns the set of some ranges, each with its first and its last number.
    pub fn new(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::new();
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if u32::from(first) <= u32::from(*end) + 1 => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// Returns whether it has no number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        self.0.iter().copied()
    }

    /// Returns the smallest number.
    pub fn first(&self) -> Option<u16> {
        self.0.first().map(|(first, _)| *first)
    }

    /// Returns whether it has the number.
    pub fn contains(&self, number: u16) -> bool {
        self.iter().any(|(first, last)| (first..=last).contains(&number))
    }

    /// Returns the numbers that are in one of the two.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        Self::new(self.iter().chain(others.iter()).collect())
    }

    /// Returns the numbers that are not in the others.
    #[must_use]
    pub fn except(&self, others: &Self) -> Self {
        let mut left = Vec::new();
        for (first, last) in self.iter() {
            let mut next = Some(first);
            for (from, to) in others.iter().filter(|(from, to)| *from <= last && *to >= first) {
                if let Some(start) = next.filter(|start| *start < from) {
                    left.push((start, from - 1));
                }
                next = to.checked_add(1).filter(|start| *start <= last);
            }
            left.extend(next.map(|start| (start, last)));
        }
        Self(left)
    }
}

/// Prints `any`, or ranges such as `22,80-443`.
impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self.0 == [(0, u16::MAX)] {
            return f.write_str("any");
        }
        for (n, (first, last)) in self.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// Writes the text.
impl Serialize for Ranges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_sets() {
        let set = |ranges: &[(u16, u16)]| Ranges::new(ranges.to_vec());
        assert_eq!(set(&[(5, 9), (1, 2), (3, 4)]).to_string(), "1-9");
        assert_eq!(set(&[(0, 65_535)]).to_string(), "any");
        assert_eq!(set(&[(80, 80), (443, 443)]).to_string(), "80,443");
        let all = set(&[(0, 65_535)]);
        assert_eq!(all.except(&set(&[(0, 0), (22, 23), (65_535, 65_535)])).to_string(), "1-21,24-65534");
        assert!(set(&[(5, 9)]).except(&all).is_empty());
        assert_eq!(set(&[(5, 9)]).except(&set(&[(1, 5), (9, 20)])).to_string(), "6-8");
        assert_eq!(set(&[(5, 9)]).except(&set(&[(1, 2), (20, 30)])).to_string(), "5-9");
        assert_eq!(set(&[(1, 1)]).or(&set(&[(2, 2)])), set(&[(1, 2)]));
        assert!(set(&[(1, 3)]).contains(3) && !set(&[(1, 3)]).contains(4));
        // All but ports of one kind keep both ends.
        assert_eq!(all.except(&Ranges::default()), all);
    }
}
