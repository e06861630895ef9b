//! Questions about shipped and small networks.

mod answers;
mod differences;
mod schemas;
mod tables;

use crate::network::{self, NetworkFile};

pub(super) const DUAL_SOCKET: &str = include_str!("../../../../networks/dual-socket.toml");

/// Two hosts and an exit on one network, a host on another; one rule has a window.
pub(super) const SMALL: &str = r#"
[network.left]
bridge = "br"
subnets = ["10.0.0.0/24", "fd00::/64"]
[network.right]
bridge = "br"
subnets = ["10.1.0.0/24"]
[endpoint.a]
attach = [{ network = "left", port = "p1", addresses = ["10.0.0.2", "fd00::2"], mac = "02:00:00:00:00:01" }]
[endpoint.b]
attach = [{ network = "left", port = "p2", addresses = ["10.0.0.3", "fd00::3"] }]
[endpoint.c]
attach = [{ network = "right", port = "p3", addresses = ["10.1.0.2"] }]
[exit.wan]
network = "left"
port = "w"
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80, 443]
[[allow]]
name = "repair"
from = "b"
to = "a"
protocol = "tcp"
ports = [22]
temp = "maintenance"
[[allow]]
name = "dns"
from = ["a", "b"]
to = "wan"
protocol = "udp"
ports = [53]
"#;

pub(super) fn file(text: &str) -> NetworkFile {
    network::parse(text, "n.toml").unwrap().0
}
