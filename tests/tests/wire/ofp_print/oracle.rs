//! The installed `ovs-ofctl`.

use std::io::Write as _;
use std::process::Command;

/// Where the texts of two messages part: a barrier request under an xid of its own.
const MARK: u32 = 0xee00_0000;

/// `ovs-ofctl ofp-parse` of a file of these messages: a text for each. `more` is how often `--more` is said.
pub(crate) fn parse(messages: &[Vec<u8>], more: u8) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let marks = (MARK..).map(|xid| [&[4, 20, 0, 8], &xid.to_be_bytes()[..]].concat());
    for (message, mark) in messages.iter().zip(marks) {
        file.write_all(message).unwrap();
        file.write_all(&mark).unwrap();
    }
    file.flush().unwrap();
    let mut command = Command::new("ovs-ofctl");
    command.args(["-vconsole:off", "-vsyslog:off"]).args(vec!["--more"; usize::from(more)]);
    let output = command.arg("ofp-parse").arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut rest = text.as_str();
    let mut texts = Vec::new();
    for xid in (MARK..).take(messages.len()) {
        // From verbosity 5 on the mark's bytes follow it.
        let mark = format!("OFPT_BARRIER_REQUEST (OF1.3) (xid={xid:#x}):\n");
        let (text, behind) = rest.split_once(&mark).unwrap();
        texts.push(text.to_owned());
        rest = if more < 3 { behind } else { behind.split_once('\n').unwrap().1 };
    }
    assert_eq!(rest, "");
    texts
}
