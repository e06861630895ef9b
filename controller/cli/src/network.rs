//! `portcullis network add|remove|list`: instances of the templates of a running controller.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use miette::IntoDiagnostic as _;
use portcullis::containers::{DroppedInstance, Instance, InstanceChange, TemplateList};
use serde_json::Value;

use super::control::{Control, segment};
use super::{Failure, output};

/// Add, remove and list the networks that templates make.
#[derive(Debug, Args)]
pub(super) struct NetworkArgs {
    #[command(subcommand)]
    verb: NetworkVerb,
}

#[derive(Debug, Subcommand)]
enum NetworkVerb {
    /// Stamp a template of the network file out once more.
    Add(NetworkArg),
    /// Take away what was added.
    Remove(NetworkArg),
    /// List the templates and their instances.
    List(List),
}

#[derive(Debug, Args)]
struct NetworkArg {
    /// The template's name.
    template: String,
    /// The number.
    number: u32,
    #[command(flatten)]
    control: Control,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    control: Control,
    /// Print the API's JSON.
    #[arg(long)]
    json: bool,
}

impl NetworkArgs {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        match self.verb {
            NetworkVerb::Add(one) => one.add(),
            NetworkVerb::Remove(one) => one.remove(),
            NetworkVerb::List(list) => list.execute(),
        }
    }
}

impl NetworkArg {
    fn add(self) -> Result<ExitCode, Failure> {
        let instance = Instance { template: self.template, number: self.number };
        let body = serde_json::to_value(&instance).into_diagnostic()?;
        let answer = self.control.ask("POST", "/api/networks", Some(&body))?;
        say(answer, "added")
    }

    fn remove(self) -> Result<ExitCode, Failure> {
        let path = format!("/api/networks/{}/{}", segment(&self.template), self.number);
        let answer = self.control.ask("DELETE", &path, None)?;
        say(answer, "removed")
    }
}

fn say(answer: Value, what: &str) -> Result<ExitCode, Failure> {
    let stamped: InstanceChange = serde_json::from_value(answer).into_diagnostic()?;
    let mut line = format!("{} {}: {what}", stamped.template, stamped.number);
    if !stamped.pending.is_empty() {
        line += &format!("; PENDING on {}: not connected to the controller", stamped.pending.join(", "));
    }
    output::print(&(line + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

impl List {
    fn execute(self) -> Result<ExitCode, Failure> {
        let answer = self.control.ask("GET", "/api/networks", None)?;
        if self.json {
            output::json(&answer)?;
            return Ok(ExitCode::SUCCESS);
        }
        let list: TemplateList = serde_json::from_value(answer).into_diagnostic()?;
        for DroppedInstance { template, number } in &list.set_aside {
            let why = "the network file has no place for it";
            output::complain(format_args!("{template} {number} was added and is NOT IN FORCE: {why}"));
        }
        if list.templates.is_empty() {
            output::print("the network file has no templates\n")?;
            return Ok(ExitCode::SUCCESS);
        }
        let head = ["TEMPLATE", "NUMBERS", "IN THE FILE", "ADDED"].map(str::to_owned);
        let rows = list.templates.iter().map(|t| {
            let (first, last) = t.numbers;
            [t.template.clone(), format!("{first}-{last}"), ranges(&t.file), ranges(&t.added)]
        });
        output::print(&output::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Numbers, those in a row put together: `1-3, 7`.
fn ranges(numbers: &[u32]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in sorted {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    if runs.is_empty() {
        return "-".to_owned();
    }
    let word = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_put_together() {
        assert_eq!(ranges(&[]), "-");
        assert_eq!(ranges(&[17, 2, 1, 3]), "1-3, 17");
        assert_eq!(ranges(&[u32::MAX, 0]), "0, 4294967295");
    }
}
