//! What is refused, and how it is said.

use super::Bench;

#[test]
fn a_clear_word_and_exit_code_1() {
    let bench = Bench::new();
    std::os::unix::net::UnixListener::bind(bench.ovs.rundir().join("dead.mgmt")).unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["dump-flows", "nope"], &["there is no bridge \"nope\"", "there are: br0"]),
        (&["dump-groups", "nope"], &["there is no bridge \"nope\""]),
        (&["snoop", "nope"], &["there is no bridge \"nope\"", "there are: br0"]),
        (&["snoop", "br0"], &["br0", "has no controller that is connected"]),
        (&["dump-flows", "dead"], &["connection refused", "does ovs-vswitchd run?"]),
        (&["dump-flows", "tcp:127.0.0.1:1"], &["tcp:127.0.0.1:1: connection refused"]),
        (&["dump-flows", "tcp:no"], &["\"tcp:no\" is no address"]),
        (&["dump-flows", "unix:"], &["unix: needs a path"]),
        (&["dump-flows", "ssl:127.0.0.1:6653"], &["ssl: is not supported yet"]),
        (&["dump-flows", "foo:bar"], &["\"foo:bar\" is no TARGET"]),
        (&["dump-flows", "br0", "ip,bogus=1"], &["unknown keyword \"bogus\"", "help:"]),
        (&["dump-flows", "br0", "priority=5"], &["unknown keyword \"priority\"", "--sort priority"]),
        (&["dump-flows", "br0", "actions=drop"], &["unknown keyword \"actions\""]),
        (&["dump-flows", "br0", "table=300"], &["unknown table \"300\""]),
        (&["dump-flows", "br0", "cookie=1"], &["only with a mask", "cookie=1/-1"]),
        (&["dump-flows", "br0", "out_port=nope"], &["unknown port \"nope\""]),
        (&["dump-flows", "br0", "out_port=warp0", "--no-names"], &["unknown port \"warp0\""]),
        (&["dump-flows", "br0", "out_group=x"], &["\"x\" is no group"]),
        (&["dump-flows", "br0", "nw_src=300.1.1.1"], &["300.1.1.1"]),
        (&["dump-flows", "br0", "--sort=bogus"], &["\"bogus\" is no field to sort by"]),
        (&["dump-flows", "--sort", "nw_scr", "br0"], &["neither a field to sort by nor a TARGET"]),
        (&["dump-flows"], &["needs a TARGET"]),
        (&["dump-aggregate", "br0", "bogus=1"], &["unknown keyword \"bogus\""]),
        (&["dump-ports", "br0", "nope"], &["unknown port \"nope\""]),
        (&["dump-groups", "br0", "x"], &["\"x\" is no group"]),
        (&["dump-meters", "br0", "x"], &["\"x\" is no meter"]),
        (&["diff-flows", "br0", "./nope"], &["./nope: No such file"]),
        (&["diff-flows", "nope", "br0"], &["there is no file \"nope\"", "there is no bridge \"nope\""]),
        (&["diff-flows", "br0", "nope.toml#vmbr0"], &["there is no file"]),
    ];
    for (arguments, wanted) in cases {
        let output = bench.output(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        // A line may be broken where it is too long.
        let flat = text.split_whitespace().filter(|w| *w != "│").collect::<Vec<_>>().join(" ");
        for word in *wanted {
            assert!(flat.contains(word), "{arguments:?}: {word:?} is not in {text}");
        }
        assert!(!text.contains('\x1b'), "no colour without a terminal: {text:?}");
    }
    // The caret is under the word.
    let output = bench.output(&["dump-flows", "br0", "ip,table=300"]);
    let text = String::from_utf8(output.stderr).unwrap();
    let column = |line: &str, what: &str| line.find(what).map(|at| line[..at].chars().count());
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains("ip,table=300")).unwrap();
    assert_eq!(column(lines[at], "300"), column(lines[at + 1], "─"), "{text}");
}

#[test]
fn a_file_of_flows_is_refused_with_its_line() {
    let bench = Bench::new();
    std::fs::write(bench.ovs.rundir().join("bad.txt"), "actions=drop\nip,bogus=3 actions=drop\n").unwrap();
    let output = bench.output(&["diff-flows", "br0", "bad.txt"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("bad.txt, line 2") && text.contains("bogus"), "{text}");
}

#[test]
fn nobody_reads() {
    let bench = Bench::new();
    let file = portcullis_tests::network_file("dual-socket.toml");
    let verbatim = portcullis_tests::network_file("dual-socket-verbatim.toml");
    let (file, verbatim) = (file.to_str().unwrap(), verbatim.to_str().unwrap());
    let verbs =
        "dump-flows dump-aggregate dump-tables dump-groups dump-ports dump-ports-desc show dump-meters";
    let mut commands: Vec<Vec<&str>> = verbs.split_ascii_whitespace().map(|verb| vec![verb, "br0"]).collect();
    commands.extend([
        vec!["compile", file],
        vec!["check", "--no-audit", file],
        vec!["check", "--no-audit", verbatim],
        vec!["diff-flows", file, "br0"],
        vec!["dump-flows", "nope"],
    ]);
    for arguments in commands {
        // Both ends of standard output and error are closed before anything is written.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status =
            bench.command(&arguments).stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap();
        let code = status.code().unwrap_or_else(|| panic!("{arguments:?}: {status}"));
        assert!(code <= 1, "{arguments:?} panicked: {status}");
    }
}
