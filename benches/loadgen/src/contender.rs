//! Parses the controllers of a comparison: a name and the command that starts each.

use std::str::FromStr;

/// The placeholder for the port in a command.
const PORT: &str = "{port}";
/// The placeholder for an empty directory in a command.
const DIR: &str = "{dir}";

/// A controller to compare, as `NAME=COMMAND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// The name of the controller.
    pub name: String,
    /// The program and its arguments, separated by blanks. `{port}` is the placeholder for the port
    /// to listen at, on 127.0.0.1. `{dir}` is the placeholder for an empty directory that is
    /// removed afterwards.
    pub command: String,
}

impl FromStr for Contender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, command) = named.ok_or("NAME=COMMAND is wanted")?;
        if !command.contains(PORT) {
            return Err(format!("the command needs {PORT} where its port is to stand"));
        }
        Ok(Self { name: name.to_owned(), command: command.to_owned() })
    }
}

impl Contender {
    /// Returns the null responder of this program.
    pub fn null(program: &str) -> Self {
        Self { name: "null".into(), command: format!("{program} bench null tcp:127.0.0.1:{PORT}") }
    }

    /// Returns the program and its arguments, for this port and directory.
    pub(super) fn words(&self, port: u16, dir: &str) -> Result<(String, Vec<String>), String> {
        let port = port.to_string();
        let mut words =
            self.command.split_ascii_whitespace().map(|word| word.replace(PORT, &port).replace(DIR, dir));
        let program = words.next().ok_or("the command is empty")?;
        Ok((program, words.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let contender: Contender = "a=prog --listen tcp:127.0.0.1:{port}  --state={dir}/x".parse().unwrap();
        assert_eq!(contender.name, "a");
        let (program, arguments) = contender.words(77, "/d").unwrap();
        assert_eq!(
            (program.as_str(), arguments),
            ("prog", vec!["--listen".into(), "tcp:127.0.0.1:77".into(), "--state=/d/x".into()])
        );
        for bad in ["prog {port}", "a=prog", "={port}"] {
            assert!(bad.parse::<Contender>().is_err(), "{bad}");
        }
    }
}
