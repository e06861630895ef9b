//! What is gone has no series.

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::traffic::{ping, tcp};

const KEPT: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.0.0.0/24"]
[endpoint.a]
attach = [{ network = "lan", port = "a0", addresses = ["10.0.0.1"] }]
[endpoint.b]
attach = [{ network = "lan", port = "b0", addresses = ["10.0.0.2"] }]
"#;
const ANY: &str = r#"
[bridge."*"]
learning = { idle_timeout = 60, age = 300, macs_per_port = 4, macs = 16 }
"#;
const GONE: &str = r#"
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
purpose = "for a while"
temp = "updates"
[[allow]]
name = "site"
from = "a"
to = "b"
protocol = "tcp"
ports = [81]
purpose = "always"
[network.far]
bridge = "br1"
subnets = ["10.2.0.0/24"]
inside = "allow"
[endpoint.e]
attach = [{ network = "far", port = "e0", addresses = ["10.2.0.1"] }]
[endpoint.f]
attach = [{ network = "far", port = "f0", addresses = ["10.2.0.2"] }]
"#;

#[test]
fn series_end_with_what_leaves_the_file() {
    let net = Running::start(&format!("{KEPT}{GONE}"), LabOptions::default());
    assert!(ping(&net.lab, "e", "10.2.0.2") && tcp(&net.lab, "a", "b", "10.0.0.2:81"));
    let series = |label: &str| net.metrics().lines().filter(|line| line.contains(label)).count();
    let labels = ["bridge=\"br1\"", "rule=\"site\"", "window=\"updates\""];
    net.wait_for("the counters", || labels.iter().all(|label| series(label) > 0).then_some(()));

    // A bridge that was never attached is not the file's business, whatever its settings are.
    net.apply(&format!("{KEPT}{GONE}{ANY}"));
    let add = ["add-br", "never", "--", "set", "bridge", "never", "datapath_type=netdev"];
    net.lab.vsctl(&[&add[..], &["--", "set", "bridge", "br0", "fail_mode=standalone"]].concat()).unwrap();
    net.wait_for("a look at the settings", || {
        let found = net.metric("portcullis_isolation_fault{bridge=\"br0\",kind=\"not-secure\"}");
        (found == 1.0).then_some(())
    });
    assert_eq!(series("bridge=\"never\""), 0, "{}", net.metrics());

    net.apply(&format!("{KEPT}{ANY}"));
    // The session of br1 goes on: its bridge is one of those that the file does not name now.
    net.wait_for("no series of what is gone", || {
        labels.iter().all(|label| !net.metrics().contains(label) || label.contains("br1")).then_some(())
    });
    let text = net.metrics();
    let left: Vec<&str> = text.lines().filter(|line| line.contains(labels[0])).collect();
    assert!(left.iter().all(|line| line.starts_with("portcullis_isolation_fault{")), "{left:#?}");
    net.lab.vsctl(&["del-controller", "br1"]).unwrap();
    net.wait_for("none of the bridge either", || (series(labels[0]) == 0).then_some(()));
    assert!(series("bridge=\"br0\"") > 0);
}
