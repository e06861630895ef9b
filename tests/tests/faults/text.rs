//! Text that a stranger chose does nothing where it is shown.

use std::net::TcpStream;
use std::process::Command;

use ofproto::message::Port;
use ofproto::{DatapathId, PortNo};
use portcullis_tests::switch::shake_hands;
use portcullis_tests::{Running, binary};

/// Names that set a terminal's title, start a line of their own, and turn what stands around them; and how they are shown.
const NAMES: [(&[u8], &str); 3] = [
    (b"\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}"),
    (b"x\nvmbr0 gone", "x\\u{a}vmbr0 gone"),
    ("y\u{202e}0rbmv\u{9b}".as_bytes(), "y\\u{202e}0rbmv\\u{9b}"),
];

/// Whether a terminal does something at this character, in place of showing it.
fn is_active(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c)
}

#[test]
fn a_switchs_name_is_shown_and_does_nothing() {
    // Whatever connects is a bridge of the file.
    let net = Running::dual_socket();
    net.reload(&(super::file() + "\n[bridge.\"*\"]\nlearning = {}\n"));
    let switches: Vec<TcpStream> = NAMES
        .iter()
        .zip(0xbad..)
        .map(|((name, _), id)| {
            let dial = || TcpStream::connect(("127.0.0.1", 6653));
            let mut stream = net.lab.within("host", dial).unwrap().unwrap();
            let local = Port::named(PortNo::LOCAL, name.to_vec());
            let other = Port::named(PortNo(1), name.to_vec());
            shake_hands(&mut stream, DatapathId(id), &[local, other]);
            stream
        })
        .collect();
    net.wait_for("the three switches", || {
        let status = net.status()?;
        let known = status["bridges"].as_array()?.iter().filter_map(|b| b["name"].as_str());
        let known: Vec<_> = known.map(str::to_owned).collect();
        NAMES.iter().all(|(_, shown)| known.iter().any(|name| name == shown)).then_some(())
    });
    let (api, control) = (net.api().to_string(), net.lab.control().to_string());
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["denied"],
        &["denied", "--json"],
        &["window", "list"],
        &["container", "list"],
        &["network", "list"],
    ] {
        let address = if words[0] == "status" { &api } else { &control };
        let output = Command::new(binary()).args(words).args(["--api", address]).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains(is_active), "{words:?}: {text:?}");
        if words == ["status"] {
            for (_, shown) in NAMES {
                assert!(text.lines().any(|line| line.starts_with(shown)), "{shown} is not in\n{text}");
            }
        }
    }
    for text in [net.metrics(), net.controller.output()] {
        assert!(!text.contains(is_active), "{text:?}");
    }
    drop(switches);
}
