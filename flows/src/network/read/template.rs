//! Templates: sections that are expanded for a number, by inserting it into every name and string.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::finding_code::FindingCode;
use crate::network::draft::{Draft, Spanned};
use crate::network::model::additions::Additions;
use crate::network::read::fields::Fields;
use crate::network::read::{name_of, named_entries, section};
use crate::network::schema::file_schema;
use crate::network::schema::file_schema::MAX_NUMBER;
use crate::network::text::report::{FindingReport, quote};
use crate::network::text::tree::{TreeEntry, TreeNode, Value, moved};
use crate::network::{Span, Template};

/// The placeholder for the number.
const PLACE: &str = "{n}";

/// Limits the copies of all templates.
pub(in crate::network) const MAX_INSTANCES: usize = 4096;

/// Limits the cost of all copies in bytes. The expansion is complete before any of it is checked.
pub(in crate::network) const MAX_EXPANDED: usize = 64 << 20;

/// A parsed template.
pub(in crate::network) struct ParsedTemplate<'n, 't> {
    name: Spanned<String>,
    numbers: Option<Spanned<(u32, u32)>>,
    /// The numbers of the instances in order, those of the file first.
    instances: Vec<u32>,
    entries: &'n [TreeEntry<'t>],
    /// The cost of one copy.
    cost: usize,
}

/// Reads the templates of a file.
pub(in crate::network) fn read<'n, 't>(
    root: &'n TreeNode<'t>,
    templates: &mut Vec<ParsedTemplate<'n, 't>>,
    report: &mut FindingReport,
) {
    let Value::Table(sections) = &root.value else { return };
    let Some(section) = sections.iter().find(|entry| entry.key == "template") else { return };
    for entry in named_entries(section, report) {
        let name = name_of(entry, true, report);
        templates.extend(template(name, &entry.node, report));
    }
}

fn template<'n, 't>(
    name: Spanned<String>,
    node: &'n TreeNode<'t>,
    report: &mut FindingReport,
) -> Option<ParsedTemplate<'n, 't>> {
    let what = format!("template {}", quote(&name.value));
    let fields = Fields::open(node, &name.span, what, &file_schema::TEMPLATE, report)?;
    let numbers =
        fields.required("numbers", "\"0-255\"", report).and_then(|_| fields.range("numbers", report));
    let all = numbers.as_ref().map(|numbers| numbers.value);
    let mut instances = Vec::new();
    let mut seen = HashSet::new();
    for Spanned { value: (first, last), span } in fields.numbers("instances", all, report) {
        let Some((least, most)) = all else { break };
        if first < least || last > most {
            let message = format!("{} of {} has numbers that may not be", quote("instances"), fields.what());
            let help = format!("its `numbers` are {least} to {most}: take others, or widen that");
            report.error(FindingCode::NumberOutOfRange, &span, message, help);
        }
        for number in first.max(least)..=last.min(most) {
            if seen.insert(number) {
                instances.push(number);
            } else {
                let message = format!("the number {number} of {} stands twice", fields.what());
                report.warning(FindingCode::Repeated, &span, message, "keep one");
            }
        }
    }
    let entries = fields.entries();
    let cost = entries.iter().map(|entry| cost(&entry.node)).sum();
    Some(ParsedTemplate { name, numbers, instances, entries, cost })
}

fn cost(node: &TreeNode<'_>) -> usize {
    const NODE: usize = 96;
    NODE + match &node.value {
        Value::Table(entries) => entries.iter().map(|entry| entry.key.len() + cost(&entry.node)).sum(),
        Value::Array(items) => items.iter().map(cost).sum(),
        Value::Text(text) => text.len(),
        _ => 0,
    }
}

/// Checks that template names are unique. Templates have a namespace of their own, and within one
/// text the syntax ensures it.
pub(in crate::network) fn unique(templates: &[ParsedTemplate<'_, '_>], report: &mut FindingReport) {
    let mut seen: HashMap<&str, &Span> = HashMap::new();
    for ParsedTemplate { name, .. } in templates {
        if let Some(first) = seen.insert(&name.value, &name.span) {
            let message =
                format!("there already is a template {} (line {})", quote(&name.value), report.line(first));
            report.error(FindingCode::DuplicateTemplate, &name.span, message, "rename one");
        }
    }
}

/// Adds the copies that were requested at run time.
pub(in crate::network) fn add(
    templates: &mut [ParsedTemplate<'_, '_>],
    additions: &Additions,
    report: &mut FindingReport,
) {
    let mut by_name: HashMap<String, (usize, HashSet<u32>)> = HashMap::new();
    for (index, template) in templates.iter().enumerate() {
        let numbers = template.instances.iter().copied().collect();
        by_name.entry(template.name.value.clone()).or_insert((index, numbers));
    }
    for (name, number) in additions.instances.iter().take(MAX_INSTANCES + 1) {
        let remedy = format!("add the template, or `portcullis network remove {name} {number}`");
        let Some((index, seen)) = by_name.get_mut(name) else {
            let names: Vec<_> = templates.iter().map(|template| template.name.value.as_str()).collect();
            let help = report.near(name, names, remedy);
            let message = format!(
                "number {number} of template {} was added, and there is no such template",
                quote(name)
            );
            report.whole(FindingCode::AdditionUnknownTemplate, message, help);
            continue;
        };
        let Some(template) = templates.get_mut(*index) else { continue };
        let Some(Spanned { value: (least, most), span }) = &template.numbers else { continue };
        if !(least..=most).contains(&number) {
            let message = format!(
                "number {number} of template {} was added, and its numbers are {least} to {most}",
                quote(name)
            );
            let help = format!("widen `numbers`, or `portcullis network remove {name} {number}`");
            report.error(FindingCode::AdditionOutOfRange, span, message, help);
        } else if seen.insert(*number) {
            template.instances.push(*number);
        } else {
            let message =
                format!("number {number} of template {} was added, and it is there already", quote(name));
            let help = format!("`portcullis network remove {name} {number}` if the file is to say it alone");
            report.warning(FindingCode::AdditionThereAlready, &template.name.span, message, help);
        }
    }
}

/// Expands the templates into the draft; returns false if that exceeds a limit.
pub(in crate::network) fn expand(
    templates: &[ParsedTemplate<'_, '_>],
    draft: &mut Draft,
    report: &mut FindingReport,
) -> bool {
    let count = templates.iter().map(|template| template.instances.len() + 2).fold(0, usize::saturating_add);
    let cost = templates.iter().map(|template| template.cost.saturating_mul(template.instances.len() + 2));
    let cost = cost.fold(0, usize::saturating_add);
    if let Some(template) = templates.iter().max_by_key(|template| template.instances.len())
        && (count > MAX_INSTANCES + 2 * templates.len() || cost > MAX_EXPANDED)
    {
        let message = format!(
            "the templates give more than {MAX_INSTANCES} copies, or more than {} MiB of them",
            MAX_EXPANDED >> 20
        );
        report.error(FindingCode::TooMany, &template.name.span, message, "split the file by host");
        return false;
    }
    for (index, template) in templates.iter().enumerate() {
        for &number in &template.instances {
            stamp(index, template, number, draft, report);
        }
    }
    true
}

/// Expands the first and the last number of each template that has no such instance. So a defect of
/// a template is reported before an instance is needed.
pub(in crate::network) fn expand_trials(
    templates: &[ParsedTemplate<'_, '_>],
    draft: &mut Draft,
    report: &mut FindingReport,
) {
    for (index, template) in templates.iter().enumerate() {
        let Some(Spanned { value: (first, last), .. }) = template.numbers else { continue };
        let both = if first == last { vec![first] } else { vec![first, last] };
        for number in both.into_iter().filter(|number| !template.instances.contains(number)) {
            stamp(index, template, number, draft, report);
        }
    }
}

fn stamp(
    index: usize,
    template: &ParsedTemplate<'_, '_>,
    number: u32,
    draft: &mut Draft,
    report: &mut FindingReport,
) {
    let note = format!("number {number} of template {}", quote(&template.name.value));
    let by = report.add_stamp(&template.name.span, note, Some(index));
    let number = number.to_string();
    let known = template.entries.iter().filter(|entry| file_schema::TEMPLATE.key(&entry.key).is_some());
    for entry in known {
        section(&stamped_entry(entry, &number, by), draft, report);
    }
}

fn stamped_entry<'s>(entry: &'s TreeEntry<'_>, number: &str, by: usize) -> TreeEntry<'s> {
    TreeEntry {
        key: stamped_text(&entry.key, number),
        key_span: moved(entry.key_span.clone(), by),
        node: stamped(&entry.node, number, by),
    }
}

fn stamped<'s>(node: &'s TreeNode<'_>, number: &str, by: usize) -> TreeNode<'s> {
    let value = match &node.value {
        Value::Table(entries) => {
            Value::Table(entries.iter().map(|entry| stamped_entry(entry, number, by)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| stamped(item, number, by)).collect()),
        Value::Text(text) => Value::Text(stamped_text(text, number)),
        Value::Integer(integer) => Value::Integer(*integer),
        Value::Flag(flag) => Value::Flag(*flag),
        Value::Date(date) => Value::Date(date.clone()),
        Value::Other(kind) => Value::Other(kind),
    };
    TreeNode { span: moved(node.span.clone(), by), value }
}

fn stamped_text<'s>(text: &'s str, number: &str) -> Cow<'s, str> {
    if text.contains(PLACE) { Cow::Owned(text.replace(PLACE, number)) } else { Cow::Borrowed(text) }
}

/// Adds the further attachments to their endpoints.
pub(in crate::network) fn attach(draft: &mut Draft, report: &mut FindingReport) {
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for (index, endpoint) in draft.endpoints.iter().enumerate() {
        owners.entry(&endpoint.name.value).or_insert(index);
    }
    let mut targets = Vec::with_capacity(draft.attaches.len());
    for attach in &draft.attaches {
        let target = attach.endpoint.as_ref().and_then(|name| {
            let owner = owners.get(&*name.value).copied();
            if owner.is_none() {
                let known = draft.endpoints.iter().map(|endpoint| &*endpoint.name.value);
                let otherwise = "name an endpoint of this file, or add it as [endpoint.NAME]";
                let help = report.near(&name.value, known, otherwise);
                let message = format!("there is no endpoint {}", quote(&name.value));
                report.error(FindingCode::UnknownEndpoint, &name.span, message, help);
            }
            owner
        });
        targets.push(target);
    }
    for (attach, target) in std::mem::take(&mut draft.attaches).into_iter().zip(targets) {
        if let Some(endpoint) = target.and_then(|index| draft.endpoints.get_mut(index)) {
            endpoint.attachments.push(attach.attachment);
        }
    }
}

/// Returns the templates in the form of the model.
pub(in crate::network) fn resolved(
    templates: Vec<ParsedTemplate<'_, '_>>,
    real: impl Fn(&Span) -> Span,
) -> Vec<Template> {
    templates
        .into_iter()
        .map(|template| Template {
            span: real(&template.name.span),
            name: template.name.value,
            numbers: template.numbers.map_or((0, MAX_NUMBER), |numbers| numbers.value),
            instances: template.instances,
        })
        .collect()
}
