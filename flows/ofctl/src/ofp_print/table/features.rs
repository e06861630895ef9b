//! Features of tables (OpenFlow 1.3.5 §7.3.5.5), as `ovs-ofctl dump-table-features` prints them.
//! Features shared with the previous table are not repeated.

use std::collections::BTreeSet;

use ofproto::codec::Reader;
use ofproto::message::multipart::{FeatureId, OxmId, TableFeatureProperty, TableFeatures};
use ofproto::oxm::Field;
use ofproto::{OvsError, TableId, Wire as _};

use super::super::group::actions_of_bitmap;
use super::super::{MessagePrinter, Printed, put};
use super::names;

/// OFPIT_ types in the order of `ovs-ofctl`, with their words.
const INSTRUCTIONS: [(u16, &str); 6] = [
    (6, "meter"),
    (4, "apply_actions"),
    (5, "clear_actions"),
    (3, "write_actions"),
    (2, "write_metadata"),
    (1, "goto_table"),
];

type Fields = BTreeSet<Field>;

/// The features for packets that match, or for those of a table miss.
#[derive(Debug, Clone, Default)]
struct Instructions {
    next: BTreeSet<u8>,
    kinds: BTreeSet<u16>,
    write: Actions,
    apply: Actions,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Actions {
    /// OFPAT_ types below 32, as bits.
    kinds: u32,
    set_fields: Fields,
}

#[derive(Debug, Clone, Default)]
struct FeaturesOfTable {
    id: u8,
    name: Vec<u8>,
    metadata_match: u64,
    metadata_write: u64,
    max_entries: u32,
    hit: Instructions,
    miss: Instructions,
    matched: Fields,
    masked: Fields,
    wildcarded: Fields,
}

pub(in super::super) fn print(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let mut before: Option<FeaturesOfTable> = None;
    let mut ditto = super::RepeatedTables::default();
    let mut printed = Ok(());
    while !r.is_empty() {
        match table(r) {
            Ok(table) => {
                print_table(&mut out.text, &table, before.as_ref(), &mut ditto);
                before = Some(table);
            }
            Err(refused) => {
                printed = Err(refused);
                break;
            }
        }
    }
    ditto.finish(&mut out.text);
    printed
}

fn table(r: &mut Reader<'_>) -> Result<FeaturesOfTable, OvsError> {
    const LEN: usize = 64;
    let available = r.remaining();
    let len = usize::from(r.clone().u16("table_features.length").map_err(|_| OvsError::PropertyLen)?);
    if available < LEN || len < LEN || len > available || !len.is_multiple_of(8) {
        return Err(OvsError::PropertyLen);
    }
    if r.clone().bytes(3, "table_features.table_id")?.last() == Some(&TableId::ALL.0) {
        return Err(OvsError::TableNumber);
    }
    let wire = TableFeatures::decode(r).map_err(|_| OvsError::PropertyLen)?;
    let mut table = FeaturesOfTable {
        id: wire.table_id.0,
        name: wire.name.iter().take(31).copied().collect(),
        metadata_match: wire.metadata_match,
        metadata_write: wire.metadata_write,
        max_entries: wire.max_entries,
        ..FeaturesOfTable::default()
    };
    let mut seen = BTreeSet::new();
    for property in &wire.properties {
        let kind = property.kind();
        if !seen.insert(kind) && kind < 32 {
            return Err(OvsError::TableFeatures);
        }
        table.take(property)?;
    }
    const REQUIRED: [u16; 8] = [0, 2, 4, 6, 8, 10, 12, 14];
    if !REQUIRED.iter().all(|kind| seen.contains(kind)) {
        return Err(OvsError::TableFeatures);
    }
    table.complete(&seen);
    Ok(table)
}

impl FeaturesOfTable {
    fn take(&mut self, property: &TableFeatureProperty) -> Printed {
        let Self { hit, miss, .. } = self;
        let place = |is_miss: &bool| if *is_miss { miss } else { hit };
        match property {
            TableFeatureProperty::Instructions { miss, ids } => {
                let known = |kind: &u16| INSTRUCTIONS.iter().any(|(known, _)| known == kind);
                place(miss).kinds = ids.iter().map(|id| id.kind).filter(known).collect();
            }
            TableFeatureProperty::NextTables { miss, tables } => {
                if tables.contains(&TableId::ALL) {
                    return Err(OvsError::PropertyValue);
                }
                place(miss).next = tables.iter().map(|table| table.0).collect();
            }
            TableFeatureProperty::WriteActions { miss, ids } => place(miss).write.kinds = bits(ids),
            TableFeatureProperty::ApplyActions { miss, ids } => place(miss).apply.kinds = bits(ids),
            TableFeatureProperty::WriteSetField { miss, ids } => place(miss).write.set_fields = exact(ids)?,
            TableFeatureProperty::ApplySetField { miss, ids } => place(miss).apply.set_fields = exact(ids)?,
            TableFeatureProperty::Match(ids) => {
                check_lengths(ids)?;
                let of = |mask: bool| ids.iter().filter(move |id| id.has_mask == mask).filter_map(known);
                self.matched = of(false).collect();
                self.masked = of(true).collect();
            }
            TableFeatureProperty::Wildcards(ids) => self.wildcarded = exact(ids)?,
            _ => {}
        }
        Ok(())
    }

    /// Completes the features. Missing ones for table misses equal those for matches, and maskable
    /// fields can be matched.
    fn complete(&mut self, seen: &BTreeSet<u16>) {
        let Self { hit, miss, .. } = self;
        if !seen.contains(&1) {
            miss.kinds = hit.kinds.clone();
        }
        if !seen.contains(&3) {
            miss.next = hit.next.clone();
        }
        if !seen.contains(&5) {
            miss.write.kinds = hit.write.kinds;
        }
        if !seen.contains(&7) {
            miss.apply.kinds = hit.apply.kinds;
        }
        if !seen.contains(&13) {
            miss.write.set_fields = hit.write.set_fields.clone();
        }
        if !seen.contains(&15) {
            miss.apply.set_fields = hit.apply.set_fields.clone();
        }
        self.matched.extend(&self.masked);
        self.wildcarded.extend(&self.masked);
        self.wildcarded.retain(|field| self.matched.contains(field));
    }

    fn same(&self, other: &Self) -> bool {
        (self.metadata_match, self.metadata_write, self.max_entries)
            == (other.metadata_match, other.metadata_write, other.max_entries)
            && self.hit.same(self.id, &other.hit, other.id)
            && self.miss.same(self.id, &other.miss, other.id)
            && self.matched == other.matched
    }
}

impl Instructions {
    /// Returns whether two tables have equal features. A table cannot go to itself or back, so the
    /// absence of the next table itself is no difference.
    fn same(&self, id: u8, other: &Self, other_id: u8) -> bool {
        let next = |a: &Self, b: &Self, b_id: u8| {
            let mut next = b.next.clone();
            next.insert(b_id);
            a.next.contains(&b_id) && !b.next.contains(&b_id) && a.next == next
        };
        let same_next = self.next == other.next
            || (id.checked_add(1) == Some(other_id) && next(self, other, other_id))
            || (other_id.checked_add(1) == Some(id) && next(other, self, id));
        same_next && self.kinds == other.kinds && self.write == other.write && self.apply == other.apply
    }

    fn is_empty(&self) -> bool {
        let none = |actions: &Actions| bits_known(actions.kinds) == 0 && actions.set_fields.is_empty();
        self.next.is_empty() && self.kinds.is_empty() && none(&self.write) && none(&self.apply)
    }
}

/// Returns the action types that have a word.
fn bits_known(kinds: u32) -> u32 {
    const KNOWN: u32 = 0x03ff_8001;
    kinds & KNOWN
}

fn bits(ids: &[FeatureId]) -> u32 {
    bits_known(ids.iter().fold(0, |bits, id| bits | 1u32.checked_shl(u32::from(id.kind)).unwrap_or(0)))
}

/// Returns the field of an id with a valid length.
fn known(id: &OxmId) -> Option<Field> {
    /// NXM_NX_TUN_METADATA0, and the length of tunnel options in a list of fields.
    const TUNNEL_OPTIONS: (u16, u8, u8) = (1, 40, 124);
    if id.class == TUNNEL_OPTIONS.0
        && let Some(option) = id.number.checked_sub(TUNNEL_OPTIONS.1)
        && let Some(field) = Field::TUN_METADATA.get(usize::from(option))
    {
        let len = u16::from(TUNNEL_OPTIONS.2) * if id.has_mask { 2 } else { 1 };
        return (u16::from(id.len) == len).then_some(*field);
    }
    let field = id.field()?;
    let own = field.info().bytes() * if id.has_mask { 2 } else { 1 };
    let experimenter = if id.experimenter.is_some() { 4 } else { 0 };
    (usize::from(id.len) == own + experimenter).then_some(field)
}

/// Refuses an experimenter's field without room for the experimenter id.
fn check_lengths(ids: &[OxmId]) -> Printed {
    let short = ids.iter().any(|id| id.experimenter.is_some() && id.len < 4);
    if short { Err(OvsError::MatchLen) } else { Ok(()) }
}

fn exact(ids: &[OxmId]) -> Result<Fields, OvsError> {
    check_lengths(ids)?;
    let fields = ids.iter().filter_map(|id| known(id).map(|field| (field, id.has_mask)));
    fields.map(|(field, has_mask)| if has_mask { Err(OvsError::MatchMask) } else { Ok(field) }).collect()
}

fn print_table(
    out: &mut String,
    table: &FeaturesOfTable,
    before: Option<&FeaturesOfTable>,
    ditto: &mut super::RepeatedTables,
) {
    let same = before.is_some_and(|before| table.same(before));
    if same && table.name.is_empty() {
        ditto.add(table.id);
        return;
    }
    ditto.finish(out);
    put!(out, "\n  table {}", table.id);
    if !table.name.is_empty() {
        put!(out, " (\"{}\")", String::from_utf8_lossy(&table.name));
    }
    out.push(':');
    if same {
        out.push_str(" ditto");
        return;
    }
    out.push('\n');
    if table.metadata_match != 0 || table.metadata_write != 0 {
        let hex = |n: u64| if n == 0 { "0".to_owned() } else { format!("{n:#x}") };
        put!(out, "    metadata: match={} write={}\n", hex(table.metadata_match), hex(table.metadata_write));
    }
    if table.max_entries != 0 {
        put!(out, "    max_entries={}\n", table.max_entries);
    }
    let (hit, miss) = (&table.hit, &table.miss);
    let same_instructions =
        before.is_some_and(|b| hit.same(table.id, &b.hit, b.id) && miss.same(table.id, &b.miss, b.id));
    if same_instructions {
        if !hit.is_empty() {
            out.push_str("    (same instructions)\n");
        }
    } else if !hit.same(table.id, miss, table.id) {
        out.push_str("    instructions (other than table miss):\n");
        print_instructions(out, hit, before.map(|b| &b.hit));
        out.push_str("    instructions (table miss):\n");
        print_instructions(out, miss, before.map(|b| &b.miss));
    } else if !hit.is_empty() {
        out.push_str("    instructions (table miss and others):\n");
        print_instructions(out, hit, before.map(|b| &b.hit));
    }
    print_matching(out, table, before);
}

fn print_matching(out: &mut String, table: &FeaturesOfTable, before: Option<&FeaturesOfTable>) {
    if table.matched.is_empty() {
        return;
    }
    if before.is_some_and(|before| before.matched == table.matched) {
        out.push_str("    (same matching)\n");
        return;
    }
    out.push_str("    matching:\n");
    let kinds = [
        (true, true, "arbitrary mask"),
        (false, true, "exact match or wildcard"),
        (false, false, "must exact match"),
    ];
    for (mask, wildcard, title) in kinds {
        let of = |f: &&Field| table.masked.contains(f) == mask && table.wildcarded.contains(f) == wildcard;
        let fields: Fields = table.matched.iter().filter(of).copied().collect();
        if !fields.is_empty() {
            put!(out, "      {title}: {}\n", names::list(&fields));
        }
    }
}

fn print_instructions(out: &mut String, these: &Instructions, before: Option<&Instructions>) {
    if !these.next.is_empty() {
        put!(out, "      next tables: {}\n", names::ranges(&these.next));
    }
    if !these.kinds.is_empty() {
        if before.is_some_and(|before| before.kinds == these.kinds) {
            out.push_str("      (same instructions)\n");
        } else {
            let words = INSTRUCTIONS.iter().filter(|(kind, _)| these.kinds.contains(kind));
            let words: Vec<&str> = words.map(|(_, word)| *word).collect();
            put!(out, "      instructions: {}\n", words.join(" "));
        }
    }
    let same = before.is_some_and(|b| b.write == these.write && b.apply == these.apply);
    if same && !these.write.set_fields.is_empty() {
        out.push_str("      (same actions)\n");
    } else if these.write != these.apply {
        out.push_str("      Write-Actions features:\n");
        print_actions(out, &these.write);
        out.push_str("      Apply-Actions features:\n");
        print_actions(out, &these.apply);
    } else if these.write.kinds != 0 || !these.write.set_fields.is_empty() {
        out.push_str("      Write-Actions and Apply-Actions features:\n");
        print_actions(out, &these.write);
    }
}

fn print_actions(out: &mut String, actions: &Actions) {
    if actions.kinds != 0 {
        put!(out, "        actions: {}\n", actions_of_bitmap(actions.kinds));
    }
    if !actions.set_fields.is_empty() {
        put!(out, "        supported on Set-Field: {}\n", names::list(&actions.set_fields));
    }
}
