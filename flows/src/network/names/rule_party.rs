//! Looks up the parties of a rule.

use std::collections::HashSet;

use crate::finding_code::FindingCode;
use crate::network::draft::{Draft, Spanned};
use crate::network::names::{NameIndex, NamedParty};
use crate::network::text::report::{FindingReport, quote};

/// Pairs a party with the place where a rule names it.
pub(in crate::network) type RuleParty<'n, 'd> = (&'n Spanned<String>, &'n NamedParty<'d>);

/// Looks up the parties that a list of a rule names. A repeated party is reported.
pub(in crate::network) fn parties<'n, 'd>(
    list: &'n [Spanned<String>],
    names: &'n NameIndex<'d>,
    report: &mut FindingReport,
) -> Vec<RuleParty<'n, 'd>> {
    let mut seen = HashSet::new();
    let mut parties = Vec::new();
    for name in list {
        let Some(party) = names.party(name, report) else { continue };
        if list.len() == 1 || seen.insert(&*name.value) {
            parties.push((name, party));
        } else {
            report.warning(
                FindingCode::Repeated,
                &name.span,
                format!("{} stands twice", quote(&name.value)),
                "keep one",
            );
        }
    }
    parties
}

/// Returns the quoted names of networks, only the first few if there are many.
pub(in crate::network) fn quoted_networks(draft: &Draft, networks: &[usize]) -> String {
    const MOST: usize = 4;
    let names = networks.iter().filter_map(|index| draft.networks.get(*index));
    let names: Vec<_> = names.take(MOST).map(|network| quote(&network.name.value).to_string()).collect();
    let more = networks.len().saturating_sub(MOST);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(" and ") }
}
