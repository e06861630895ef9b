//! `--sort[=FIELD]` and `--rsort[=FIELD]`, in the order in which they were given.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use miette::miette;
use ofctl::syntax::Criterion;

use super::Failure;

/// The words of the command line that are not options, and what to sort by.
///
/// As for `ovs-ofctl`, the field may be left out: `--sort` alone sorts by priority. So a word behind `--sort` that is no
/// field is taken for the TARGET, if that would be missing otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    /// TARGET and MATCH.
    pub(super) words: Vec<String>,
    /// The first counts most.
    pub(super) criteria: Vec<Criterion>,
    /// A word that is no field.
    pub(super) unknown: Option<String>,
    /// A word behind `--sort` that was taken for the TARGET.
    guessed: Option<String>,
}

impl Order {
    /// Says what a TARGET that is none may have been meant for.
    pub(super) fn doubt(&self, failure: Failure) -> Failure {
        match &self.guessed {
            Some(word) => miette!(
                help = "to sort: a field of ovs-fields(7), such as nw_src or in_port, or priority",
                "{word:?} is neither a field to sort by nor a TARGET: {failure}"
            ),
            None => failure,
        }
    }
}

const SORT: &str = "sort";
const RSORT: &str = "rsort";
const TARGET: &str = "target";
const MATCH: &str = "match";

impl Args for Order {
    fn augment_args(command: Command) -> Command {
        let sort = |name: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name("FIELD")
                .num_args(0..=1)
                .default_missing_value("priority")
                .action(ArgAction::Append)
                .help(help)
        };
        command
            .arg(Arg::new(TARGET).value_name("TARGET").help("A bridge's name, unix:PATH or tcp:ADDRESS[:PORT]"))
            .arg(
                Arg::new(MATCH)
                    .value_name("MATCH")
                    .help("Only these flows: match fields, table=, cookie=VALUE/MASK, out_port=, out_group="),
            )
            .arg(sort(
                SORT,
                "Sort by a field or by priority, ascending; flows without the field come last. May be given several times",
            ))
            .arg(sort(RSORT, "Likewise, descending"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Order {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name: &str| -> Vec<(usize, String)> {
            let indices = matches.indices_of(name).into_iter().flatten();
            let values = matches.get_many::<String>(name).into_iter().flatten().cloned();
            indices.zip(values).collect()
        };
        let words = [given(TARGET), given(MATCH)].concat();
        let first = words.first().map_or(usize::MAX, |(at, _)| *at);
        let mut sorts: Vec<(usize, bool, String)> = Vec::new();
        for (name, descending) in [(SORT, false), (RSORT, true)] {
            sorts.extend(given(name).into_iter().map(|(at, field)| (at, descending, field)));
        }
        sorts.sort();
        let mut this = Self { words: words.into_iter().map(|(_, word)| word).collect(), ..Self::default() };
        for (at, descending, name) in sorts {
            if let Some(criterion) = Criterion::new(&name, descending) {
                this.criteria.push(criterion);
            } else if at < first && this.words.len() < 2 && this.unknown.is_none() {
                this.guessed = Some(name.clone());
                this.words.insert(0, name);
                this.criteria.extend(Criterion::new("priority", descending));
            } else {
                this.unknown.get_or_insert(name);
            }
        }
        // As ovs-ofctl does; flows that are still equal stay in the switch's order.
        if !this.criteria.is_empty() {
            this.criteria.extend(Criterion::new("priority", true));
        }
        Ok(this)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
