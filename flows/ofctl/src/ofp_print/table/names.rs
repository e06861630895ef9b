//! Abbreviated lists of fields and tables: `eth_{src,dst}`, `reg0...reg15`, `1-253`.

use std::collections::BTreeSet;

use ofproto::oxm::Field;

/// Returns tables as text, with a dash for runs.
pub(super) fn ranges(tables: &BTreeSet<u8>) -> String {
    let mut parts: Vec<(u8, u8)> = Vec::new();
    for &table in tables {
        match parts.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(table) => *last = table,
            _ => parts.push((table, table)),
        }
    }
    let text = |(first, last): &(u8, u8)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    parts.iter().map(text).collect::<Vec<_>>().join(",")
}

/// Returns the names of fields as text.
pub(super) fn list(fields: &BTreeSet<Field>) -> String {
    let mut fields: Vec<Field> = fields.iter().copied().collect();
    fields.sort_by_key(|field| rank(*field));
    let names: Vec<&str> = fields.iter().map(|field| field.info().name).collect();
    shorten(&names, 0)
}

/// Returns the group of a field in Open vSwitch's list. Within a group the order is that of
/// `Field`.
fn rank(field: Field) -> u8 {
    use Field::*;
    match field {
        DpHash => 0,
        RecircId => 1,
        PacketType => 2,
        ConjId => 3,
        TunErspanIdx => 5,
        TunErspanVer | TunErspanDir | TunErspanHwid => 6,
        TunGtpuFlags | TunGtpuMsgtype => 7,
        field if field.tun_metadata().is_some() => 8,
        field if field.info().name.starts_with("tun_") => 4,
        Metadata | InPort | InPortOxm => 9,
        ActsetOutput => 10,
        field if field < EthSrc => 11,
        field if field >= Reg0 => 12,
        NshTtl => 14,
        _ => 13,
    }
}

/// Joins names without their common first `prefix` bytes.
fn shorten(mut names: &[&str], prefix: usize) -> String {
    let mut groups = Vec::new();
    while let Some(first) = names.first() {
        let own = |name: &&str| name.get(prefix..).unwrap_or_default().to_owned();
        let (prefixed, extra) = prefix_run(names, prefix);
        let numbered = numbered_run(names);
        let run = prefixed.max(numbered);
        let (head, tail) = names.split_at(run);
        groups.push(match head.last() {
            Some(last) if numbered >= prefixed && run > 1 => format!("{}...{}", own(first), own(last)),
            _ if numbered >= prefixed => own(first),
            _ => {
                let common = first.get(prefix..prefix + extra).unwrap_or_default();
                format!("{common}{{{}}}", shorten(head, prefix + extra))
            }
        });
        names = tail;
    }
    groups.join(if prefix == 0 { " " } else { "," })
}

/// Returns the number of leading names that differ only in consecutive numbers. Two names are not
/// abbreviated.
fn numbered_run(names: &[&str]) -> usize {
    let pairs = names.iter().zip(names.iter().skip(1));
    match 1 + pairs.take_while(|(a, b)| follows(a, b)).count() {
        2 => 1,
        run => run,
    }
}

fn follows(a: &str, b: &str) -> bool {
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let number = |name: &str| {
        let digits = name.get(common..).filter(|d| d.len() < 10 && d.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|digits| digits.parse::<u32>().ok())
    };
    matches!((number(a), number(b)), (Some(a), Some(b)) if a + 1 == b)
}

/// Returns the number of leading names with a longer common prefix that ends in `_`, and the
/// additional length.
fn prefix_run(names: &[&str], prefix: usize) -> (usize, usize) {
    let [first, second, rest @ ..] = names else { return (names.len(), 0) };
    let common = |a: &str, b: &str| {
        let (a, b) = (a.get(prefix..).unwrap_or_default(), b.get(prefix..).unwrap_or_default());
        let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        a.get(..same).and_then(|same| same.rfind('_')).map_or(0, |at| at + 1)
    };
    match common(first, second) {
        0 => (1, 0),
        extra => (2 + rest.iter().take_while(|name| common(first, name) > 0).count(), extra),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened() {
        assert_eq!(shorten(&["reg0", "reg1", "reg2"], 0), "reg0...reg2");
        assert_eq!(shorten(&["reg0", "reg1", "x"], 0), "reg0 reg1 x");
        assert_eq!(
            shorten(&["eth_src", "eth_dst", "in_port", "in_port_oxm"], 0),
            "eth_{src,dst} in_{port,port_oxm}"
        );
    }

    #[test]
    fn runs_of_tables() {
        assert_eq!(ranges(&BTreeSet::from([1, 2, 3, 5, 254])), "1-3,5,254");
    }
}
