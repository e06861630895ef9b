//! Tests the identity of bridges: a name alone proves nothing, and the owner of a bridge keeps it.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use lab::{HOST, LabOptions};
use ofproto::message::Port;
use ofproto::{DatapathId, PortNo};
use portcullis_tests::switch::Listening;
use portcullis_tests::{Running, binary};

/// Two endpoints, and a window for something between them.
const FILE: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.0.0.0/24"]
[endpoint.a]
attach = [{ network = "lan", port = "a0", addresses = ["10.0.0.1"] }]
[endpoint.b]
attach = [{ network = "lan", port = "b0", addresses = ["10.0.0.2"] }]
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
purpose = "for a while"
temp = "updates"
"#;
/// Names a datapath that is no bridge of the lab.
const STRANGE: DatapathId = DatapathId(0xbad);

fn start() -> Running {
    Running::start(FILE, LabOptions::default())
}

/// Connects a stranger on the controller's host that claims to be that bridge.
fn stranger(net: &Running, bridge: &str, datapath: DatapathId) -> Listening {
    let dial = || TcpStream::connect(("127.0.0.1", 6653));
    let stream = net.lab.within(HOST, dial).unwrap().unwrap();
    Listening::new(stream, datapath, &[Port::named(PortNo::LOCAL, bridge.to_owned())])
}

/// Returns the datapath id of a real bridge.
fn datapath(net: &Running, bridge: &str) -> DatapathId {
    let text = net.lab.vsctl(&["get", "bridge", bridge, "datapath_id"]).unwrap();
    DatapathId(u64::from_str_radix(text.trim().trim_matches('"'), 16).unwrap())
}

fn conflicts(net: &Running, bridge: &str) -> f64 {
    net.metric(&format!("portcullis_identity_conflicts_total{{bridge=\"{bridge}\"}}"))
}

/// Returns the exit code and the output of `portcullis status`.
fn status(net: &Running) -> (Option<i32>, String) {
    let output = Command::new(binary()).args(["status", "--api", &net.api().to_string()]).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the output of `portcullis window`.
fn window(net: &Running, words: &[&str]) -> String {
    let api = net.lab.control().to_string();
    let output = Command::new(binary()).arg("window").args(words).args(["--api", &api]).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Checks that the controller keeps the real bridge: a foreign flow on it is deleted.
fn is_kept(net: &Running, bridge: &str) {
    net.lab.ofctl(&["add-flow", bridge, "priority=7,actions=NORMAL"]).unwrap();
    net.wait_for("the foreign flow to go", || {
        (!net.flows(bridge).iter().any(|flow| flow.contains("NORMAL"))).then_some(())
    });
}

fn is_contested(net: &Running, bridge: &str) -> bool {
    let faults = net.bridge(bridge).map(|b| b["faults"].clone());
    let faults = faults.as_ref().and_then(|faults| faults.as_array());
    faults.is_some_and(|faults| faults.iter().any(|fault| fault["kind"] == "identity-conflict"))
}

/// Claims a bridge that has a session, with another datapath id and with the same one.
#[test]
fn a_bridge_cannot_be_taken_from_the_switch_that_has_it() {
    let net = start();
    let real = datapath(&net, "br0");
    net.wait_for("the database to be asked", || (status(&net).0 == Some(0)).then_some(()));
    for (n, claimed) in [(1.0, STRANGE), (2.0, real)] {
        let stranger = stranger(&net, "br0", claimed);
        net.wait_for("the conflict", || (conflicts(&net, "br0") == n).then_some(()));
        net.wait_for("the contest", || is_contested(&net, "br0").then_some(()));
        let (code, text) = status(&net);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&format!("CONTESTED (identity-conflict): datapath {claimed} at 127.0.0.1:")));
        assert!(text.contains("br0: connected, as the file says; "), "{text}");
        is_kept(&net, "br0");
        if claimed == STRANGE {
            // The real bridge is known, so its changes are acknowledged.
            let opened = window(&net, &["open", "updates", "--for", "1h", "--reason", "x"]);
            assert!(opened.contains("updates") && !opened.contains("br0: "), "{opened}");
        }
        assert_eq!(stranger.told(), [""; 0], "{claimed}: a stranger is told nothing");
        assert!(!stranger.is_over());
        let said = net.controller.output();
        let line = said.lines().find(|l| l.contains("not taken for the bridge") && l.contains("br0"));
        assert!(line.is_some(), "{said}");
        drop(stranger);
        net.wait_for("the end of it", || (status(&net).0 == Some(0)).then_some(()));
    }
    assert_eq!(net.bridge("br0").unwrap()["dpid"], real.to_string());
}

/// Connects the stranger first, while the real bridge has no controller.
#[test]
fn whoever_comes_first_is_not_the_bridge_for_that() {
    let net = start();
    let real = datapath(&net, "br0");
    net.lab.vsctl(&["del-controller", "br0"]).unwrap();
    net.wait_for("the real one to go", || (net.bridge("br0")?["connected"] == false).then_some(()));

    // Open vSwitch knows another datapath of that name.
    let stranger = stranger(&net, "br0", STRANGE);
    net.wait_for("the contest", || is_contested(&net, "br0").then_some(()));
    assert_eq!(net.bridge("br0").unwrap()["connected"], false);
    assert!(
        window(&net, &["open", "updates", "--for", "1h", "--reason", "x"]).contains("br0: not connected")
    );
    assert_eq!(stranger.told(), [""; 0]);

    // The same datapath id may be the bridge, until Open vSwitch shows its bridge not connected.
    let impostor = self::stranger(&net, "br0", real);
    net.wait_for("the impostor", || (net.bridge("br0")?["connected"] == true).then_some(()));
    let fault = "portcullis_isolation_fault{bridge=\"br0\",kind=\"impostor\"}";
    net.wait_for("the impostor to be found out", || (net.metric(fault) == 1.0).then_some(()));
    let (code, text) = status(&net);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("NOT ISOLATED (impostor): a session at 127.0.0.1:"), "{text}");
    let closed = window(&net, &["close", "updates"]);
    assert!(closed.contains("br0: a session at 127.0.0.1:"), "not acknowledged: {closed}");

    // The real bridge connects, and is granted.
    net.lab.vsctl(&["set-controller", "br0", "tcp:127.0.0.1:6653"]).unwrap();
    net.wait_for("the impostor to be ended", || impostor.is_over().then_some(()));
    net.settle();
    is_kept(&net, "br0");
    net.wait_for("all to be well", || (net.metric(fault) == 0.0).then_some(()));
    drop(stranger);
    net.wait_for("the status to say so", || {
        (!status(&net).1.contains("NOT ISOLATED (impostor)")).then_some(())
    });
    assert!(!window(&net, &["open", "updates", "--for", "1h", "--reason", "x"]).contains("a session at"));
}

/// Makes the bridge after the stranger took its name, with no new look at the database.
#[test]
fn an_impostor_whose_bridge_is_made_later_loses_it() {
    let text = FILE.to_owned() + "\n[network.late]\nbridge = \"late\"\nsubnets = [\"10.1.0.0/24\"]\n";
    let net = start();
    net.reload(&text);
    net.wait_for("the file", || net.bridge("late").map(drop));
    let impostor = stranger(&net, "late", STRANGE);
    net.wait_for("the impostor", || (net.bridge("late")?["connected"] == true).then_some(()));
    net.wait_for("the policy", || (!impostor.told().is_empty()).then_some(()));
    let add = ["add-br", "late", "--", "set", "bridge", "late", "datapath_type=netdev", "fail_mode=secure"];
    net.lab
        .vsctl(&[&add[..], &["other-config:disable-in-band=true", "protocols=OpenFlow13"]].concat())
        .unwrap();
    net.wait_for("the impostor to be ended", || impostor.is_over().then_some(()));
    net.wait_for("the fault", || {
        let faults = net.bridge("late")?["faults"].clone();
        faults.as_array()?.iter().any(|fault| fault["kind"] == "impostor").then_some(())
    });
    let said = net.controller.output();
    assert!(said.contains("late: NOT ISOLATED (impostor): its session at 127.0.0.1:"), "{said}");
    net.lab.vsctl(&["set-controller", "late", "tcp:127.0.0.1:6653"]).unwrap();
    net.wait_for("the real one", || {
        let bridge = net.bridge("late")?;
        (bridge["settled"] == true && bridge["dpid"] == datapath(&net, "late").to_string()).then_some(())
    });
}

/// Reconnects a switch whose last connection died without a word.
#[test]
fn the_same_datapath_gets_the_bridge_of_a_session_that_is_dead() {
    let net = start();
    // One that never answers has no thread that does.
    let text = FILE.replace("br0", "far") + "\n[bridge.far]\ndatapath_id = \"0000000000000bad\"\n";
    net.reload(&text);
    net.wait_for("the file", || net.bridge("far").map(drop));
    let dial = || TcpStream::connect(("127.0.0.1", 6653));
    let mut dead = net.lab.within(HOST, dial).unwrap().unwrap();
    let local = [Port::named(PortNo::LOCAL, "far")];
    portcullis_tests::switch::shake_hands(&mut dead, STRANGE, &local);
    net.wait_for("the first", || (net.bridge("far")?["connected"] == true).then_some(()));
    // A session with another datapath id than the file's cannot cause a probe.
    let other = stranger(&net, "far", DatapathId(0xfad));
    net.wait_for("the conflict", || (conflicts(&net, "far") == 1.0).then_some(()));
    let second = stranger(&net, "far", STRANGE);
    net.wait_for("the second one's policy", || (!second.told().is_empty()).then_some(()));
    assert_eq!(conflicts(&net, "far"), 1.0, "the second one contests nothing");
    assert_eq!(other.told(), [""; 0]);
    let said = net.controller.output();
    let ended = said.lines().filter(|l| l.contains("session ended") && l.contains("no answer to an echo"));
    assert_eq!(ended.count(), 1, "{said}");
}

/// Checks that a switch without a LOCAL port gets the section of its datapath id.
#[test]
fn a_switch_is_named_by_its_datapath_id() {
    let net = start();
    let section =
        "\n[bridge.0000000000000bad]\nflows = [\"priority=1,actions=drop\"]\nlearn = \"controller\"\n";
    net.reload(&(FILE.to_owned() + section));
    net.wait_for("the file", || net.bridge(&STRANGE.to_string()).map(drop));
    let dial = || TcpStream::connect(("127.0.0.1", 6653));
    let stream = net.lab.within(HOST, dial).unwrap().unwrap();
    let switch = Listening::new(stream, STRANGE, &[Port::named(PortNo(1), "port1")]);
    net.wait_for("its policy", || (!switch.told().is_empty()).then_some(()));
    assert_eq!(net.bridge(&STRANGE.to_string()).unwrap()["connected"], true);
}

/// Checks that bridges under `*` are told apart by datapath id.
#[test]
fn datapaths_of_one_name_are_bridges_of_their_own_where_the_file_names_none() {
    let net = start();
    net.apply(&(FILE.to_owned() + "\n[bridge.\"*\"]\nflows = [\"priority=1,actions=drop\"]\n"));
    let switches = [0xa1, 0xb1].map(|id| stranger(&net, "tap0", DatapathId(id)));
    for switch in &switches {
        net.wait_for("its policy", || (!switch.told().is_empty()).then_some(()));
    }
    let names = || {
        let bridges = net.status()?["bridges"].as_array()?.clone();
        let mut names: Vec<String> = bridges.iter().map(|b| b["name"].as_str().unwrap().to_owned()).collect();
        names.retain(|name| name.starts_with("tap0"));
        Some(names)
    };
    net.wait_for("both", || (names()?.len() == 2).then_some(()));
    assert_eq!(conflicts(&net, "*"), 0.0);
    // The same datapath once more is not a third one.
    let again = stranger(&net, "tap0", DatapathId(0xa1));
    net.wait_for("the conflict", || (conflicts(&net, "*") == 1.0).then_some(()));
    assert_eq!((again.told(), names().unwrap().len()), (vec![], 2));
}

/// Checks that only root and the owner of Open vSwitch's run directory can open the socket, from
/// the moment it listens.
#[test]
fn a_socket_for_switches_is_for_open_vswitch_alone() {
    let dir = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let path = dir.path().join("switch.sock");
    let listen = format!("unix:{}", path.display());
    let net = Running::start_with(
        FILE,
        LabOptions::default(),
        &["--listen", &listen, "--listen", "tcp:127.0.0.1:6653"],
    );
    net.wait_for("the socket", || path.exists().then_some(()));
    // A user without write permission on a socket cannot connect to it (unix(7)).
    let opens = |user: &str| {
        let user = [&format!("--reuid={user}"), "--regid=65534", "--clear-groups"];
        let mut command = Command::new("setpriv");
        command.args(user).args(["test", "-w"]).arg(&path).status().unwrap().success()
    };
    assert!(opens("0") && !opens("65534"));
    let found = std::fs::metadata(&path).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
}

/// Drops a switch again and again: `status` shows the reason and the count.
#[test]
fn a_switch_that_is_dropped_again_and_again_says_why() {
    let net = start();
    net.reload(&(FILE.replace("br0", "far")));
    net.wait_for("the file", || net.bridge("far").map(drop));
    let error = || Some(net.bridge("far")?["last_error"].as_str()?.to_owned());
    for n in 1..=3 {
        let switch = stranger(&net, "far", STRANGE);
        net.wait_for("its policy", || (!switch.told().is_empty()).then_some(()));
        switch.say(&[4, 2, 0, 0, 0, 0, 0, 9]);
        net.wait_for("its end", || switch.is_over().then_some(()));
        let count = if n == 1 {
            "its session ended: ".to_owned()
        } else {
            format!("ended {n} times, the last one: ")
        };
        let (said, _) = net.wait_for("the reason", || error().filter(|e| e.contains(&count)));
        assert!(said.contains("the stream is not OpenFlow"), "{said}");
    }
}
