//! Holds the network files of the simulations, which are small so that many runs are cheap.

use std::path::Path;

use crate::policy::Policy;

/// Lists the ports of the bridge, numbered from 1.
pub(crate) const PORTS: [&str; 5] = ["a0", "b0", "c0", "veth100", "veth101"];

const PARTIES: &str = r#"
[network.n]
bridge = "br0"
subnets = ["10.9.0.0/24"]
[network.n.containers]
ids = "100-109"
port = "veth{id}"
addresses = ["10.9.0.{id}"]
clients = ["a"]
[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.9.0.1"] }]
[endpoint.b]
attach = [{ network = "n", port = "b0", addresses = ["10.9.0.2"] }]
"#;

const C: &str = r#"
[endpoint.c]
attach = [{ network = "n", port = "c0", addresses = ["10.9.0.3"] }]
[[allow]]
name = "fetch"
from = ["a", "b"]
to = "c"
protocol = "udp"
ports = [69]
temp = "updates"
"#;

const MOVED: &str = r#"
[endpoint.c]
attach = [{ network = "n", port = "x9", addresses = ["10.9.0.3"], mac = "02:00:00:00:00:03" }]
[[allow]]
name = "fetch"
from = ["a"]
to = "c"
protocol = "udp"
ports = [69]
temp = "updates"
"#;

const WEB: &str = r#"
[[allow]]
name = "web"
from = ["a", "c"]
to = "b"
protocol = "tcp"
ports = [80]
"#;

const SSH: &str = r#"
[[allow]]
name = "ssh"
from = ["a"]
to = "c"
protocol = "tcp"
ports = [22]
"#;

/// Leaves the bridge out of the file.
const ELSEWHERE: &str = r#"
[network.n]
bridge = "br9"
subnets = ["10.9.0.0/24"]
[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.9.0.1"] }]
"#;

/// Returns the policy of all parts together.
pub(crate) fn policy(parts: &[&str]) -> Policy {
    Policy::from_text(Path::new("test.toml"), parts.concat()).expect("a network file")
}

/// Returns files that replace each other: with a rule less, another rule, an endpoint moved, and
/// the bridge left out.
pub(crate) fn files() -> [Policy; 5] {
    [
        policy(&[PARTIES, C, WEB]),
        policy(&[PARTIES, C]),
        policy(&[PARTIES, C, SSH]),
        policy(&[PARTIES, MOVED, WEB, SSH]),
        policy(&[ELSEWHERE]),
    ]
}

/// Returns two bridges with as few flows as possible. The second file has another rule.
pub(crate) fn two_bridges() -> [Policy; 2] {
    let text = |port: u16| {
        format!(
            r#"
[bridge.br0]
sample_denied = 5
[network.n]
bridge = "br0"
subnets = ["10.9.0.0/24"]
[network.m]
bridge = "br1"
subnets = ["10.8.0.0/24"]
[endpoint.a]
attach = [{{ network = "n", port = "a0", addresses = ["10.9.0.1"] }}]
[endpoint.c]
attach = [{{ network = "n", port = "c0", addresses = ["10.9.0.3"] }}]
[endpoint.d]
attach = [{{ network = "m", port = "d0", addresses = ["10.8.0.1"] }}]
[[allow]]
name = "web"
from = "a"
to = "c"
protocol = "tcp"
ports = [{port}]
[[allow]]
name = "fetch"
from = "c"
to = "a"
protocol = "udp"
ports = [69]
temp = "updates"
"#
        )
    };
    [policy(&[&text(80)]), policy(&[&text(22)])]
}

/// Returns the same as raw flows: a tenth of a network's flows, for the many scenarios in which the
/// flows do not matter.
pub(crate) fn two_bridges_of_lines() -> [Policy; 2] {
    let text = |port: u16| {
        format!(
            r#"
[bridge.br0]
ports = ["a0", "b0", "c0"]
flows = [
  "cookie=0x11,priority=100,in_port=a0,actions=goto_table:1",
  "cookie=0x12,priority=100,in_port=b0,actions=goto_table:1",
  "cookie=0x13,priority=100,in_port=c0,actions=goto_table:1",
  "cookie=0x14,priority=0,actions=drop",
  "cookie=0x15,table=1,priority=50,tcp,nw_dst=10.9.0.3,tp_dst={port},actions=output:c0",
  "cookie=0x16,table=1,priority=50,ip,nw_dst=10.9.0.1,actions=output:a0",
  "cookie=0x17,table=1,priority=40,arp,actions=output:a0,output:c0",
  "cookie=0x18,table=1,priority=0,actions=drop",
]
[bridge.br1]
ports = ["d0", "e0"]
flows = [
  "cookie=0x21,priority=100,in_port=d0,actions=output:e0",
  "cookie=0x22,priority=0,actions=drop",
]
"#
        )
    };
    [policy(&[&text(80)]), policy(&[&text(22)])]
}
