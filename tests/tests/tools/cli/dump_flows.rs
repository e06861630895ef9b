//! `portcullis dump-flows` prints the text of `ovs-ofctl -O OpenFlow13 --names dump-flows`.

use portcullis_tests::Running;
use portcullis_tests::ofctl::is_learned;
use portcullis_tests::traffic::{Udp, ping, tcp, udp};

use super::{BRIDGES, Ended, INTERNET, portcullis_in, shipped};

/// The lines without what changes from one look to the next: durations and counters.
fn ageless(text: &str) -> Vec<String> {
    let fixed = |word: &str| match word.split_once('=') {
        Some((name @ ("duration" | "n_packets" | "n_bytes"), value)) => {
            assert!(value.trim_end_matches('s').parse::<f64>().is_ok(), "{word}");
            format!("{name}=")
        }
        _ => word.to_owned(),
    };
    text.lines().map(|l| l.split(", ").map(fixed).collect::<Vec<_>>().join(", ")).collect()
}

/// `dump-flows` with these arguments by both programs, at a time when nothing comes or goes.
fn both(net: &Running, ours: &[&str], theirs: &[&str], rest: &[&str]) -> (Vec<String>, Vec<String>) {
    let ask = || {
        let arguments = [&["--names"], theirs, &["dump-flows"], rest].concat();
        ageless(&net.lab.ofctl(&arguments).unwrap())
    };
    let (found, _) = net.wait_for("a quiet moment", || {
        let before = ask();
        let ended = portcullis_in(net.lab.rundir(), &[&["dump-flows"], ours, rest].concat());
        assert_eq!((ended.code, &*ended.err), (Some(0), ""), "{rest:?}");
        (before == ask()).then_some((ageless(&ended.out), before))
    });
    found
}

#[test]
fn it_prints_what_ovs_ofctl_prints() {
    let net = Running::dual_socket();
    assert!(ping(&net.lab, "xray", INTERNET));
    for from in ["gateway", "nm-privacy"] {
        assert!(tcp(&net.lab, from, "internet", &format!("{INTERNET}:443")));
        assert_eq!(udp(&net.lab, from, "internet", &format!("{INTERNET}:53")), Udp::Answered);
    }
    assert!(tcp(&net.lab, "nm-mgmt", "api", "10.1.0.201:9573"));
    for bridge in BRIDGES {
        let (ours, theirs) = both(&net, &[], &[], &[bridge]);
        assert_eq!(ours, theirs, "{bridge}");
        assert!(ours.len() >= 8);
        if bridge.starts_with("vmbr") {
            let learned = |l: &&String| l.contains(" table=1,") && is_learned(l);
            assert!(ours.iter().filter(learned).count() > 0, "{bridge}: nothing learned: {ours:#?}");
        }
        let (ours, theirs) = both(&net, &["--no-stats"], &["--no-stats"], &[bridge]);
        assert_eq!(ours, theirs, "{bridge} --no-stats");
    }

    let cookie = net
        .flows("vmbr0")
        .iter()
        .find_map(|f| Some(f.strip_prefix("cookie=")?.split_once(',')?.0.to_owned()));
    let cookie = format!("cookie={}/-1", cookie.unwrap());
    for filter in [
        "table=1",
        "table=1,udp",
        "ip,nw_src=10.0.0.102",
        "in_port=warp0",
        "table=0 in_port=from-privacy",
        "out_port=veth100",
        "table=3,out_port=warp0",
        "arp",
        "dl_type=0x800,nw_proto=1",
        "in_port=LOCAL",
        "vlan_tci=0x1000/0x1000",
        &cookie,
        "",
    ] {
        let (ours, theirs) = both(&net, &[], &[], &["vmbr0", filter]);
        assert_eq!(ours, theirs, "{filter}");
        assert!(!ours.is_empty() || filter == "in_port=LOCAL", "{filter} selects nothing: no test");
    }
    // Nothing fits, and then nothing is printed.
    let (ours, theirs) = both(&net, &[], &[], &["vmbr0", "tcp,tp_dst=7777"]);
    assert_eq!((ours.len(), theirs.len()), (0, 0));

    let target = format!("unix:{}", net.lab.rundir().join("vmbr1.mgmt").display());
    let by_socket = super::portcullis(&["dump-flows", "--no-stats", &target]);
    let by_name = portcullis_in(net.lab.rundir(), &["dump-flows", "--no-stats", "vmbr1"]);
    assert_eq!((by_socket.code, by_socket.out), (Some(0), by_name.out));

    explained(&net);
}

/// The rule behind each flow, and the same as JSON.
fn explained(net: &Running) {
    let file = shipped("dual-socket.toml");
    let ended = portcullis_in(net.lab.rundir(), &["dump-flows", "vmbr0", "--explain", &file]);
    assert_eq!((ended.code, &*ended.err), (Some(0), ""));
    let lines: Vec<_> = ended.out.lines().collect();
    for pair in lines.chunks(2) {
        let [flow, rule] = pair else { panic!("{pair:?}") };
        assert!(flow.starts_with(" cookie=") && rule.starts_with("    # "), "{pair:?}");
        assert!(!rule.contains("not of the file"), "{pair:?}");
        assert_eq!(rule.contains("# learned by allow warp-egress: "), is_learned(flow), "{pair:?}");
    }
    let json = portcullis_in(net.lab.rundir(), &["dump-flows", "vmbr0", "--json", "--explain", &file]);
    let rows: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    // The learned ones come and go.
    let fixed = rows.as_array().unwrap().iter().filter(|r| r["origin"]["learned"] == false).count();
    assert_eq!(fixed, lines.iter().filter(|l| l.starts_with("    # ") && !l.contains("learned by")).count());
    assert!(rows.as_array().unwrap().iter().all(|r| r["origin"]["rule"].is_string()), "{rows:#}");
    let other = portcullis_in(net.lab.rundir(), &["dump-flows", "vmbr0", "--explain", "/no/such.toml"]);
    assert_eq!(other.code, Some(1));
}

/// An error: exit code 1, nothing on standard output, these words on standard error, no panic.
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{}", ended.err);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    // A terminal's width may break the lines anywhere.
    let said: String = ended.err.split_whitespace().filter(|w| *w != "│").collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn what_is_not_there_or_makes_no_sense_is_an_error() {
    let ovs = portcullis_tests::PrivateOvs::new();
    ovs.add_bridge("vmbr0");
    let dump = |arguments: &[&str]| portcullis_in(ovs.rundir(), &[&["dump-flows"], arguments].concat());
    refused(&dump(&["vmbr7"]), &["vmbr7", "vmbr7.mgmt", "No such file", "OVS_RUNDIR"]);
    refused(&dump(&["unix:/no/such.sock"]), &["/no/such.sock", "No such file"]);
    refused(&dump(&["tcp:127.0.0.1:1"]), &["127.0.0.1:1", "refused"]);
    refused(&dump(&["vmbr0", "nonsense=3"]), &["nonsense"]);
    refused(&dump(&["vmbr0", "table=256"]), &["table=256", "unknown table"]);
    refused(&dump(&["vmbr0", "out_port=nobody"]), &["out_port=nobody"]);
    refused(&dump(&["vmbr0", "in_port=nobody"]), &["nobody"]);
    // As ovs-ofctl says, too.
    for bad in ["nonsense=3", "table=256", "out_port=nobody", "in_port=nobody"] {
        assert!(!ovs.try_ofctl(&["--names", "dump-flows", "vmbr0", bad]).status.success(), "{bad}");
    }
    // A bridge without flows has nothing to show.
    let ended = dump(&["vmbr0"]);
    assert_eq!((ended.code, &*ended.out), (Some(0), ""));
}
