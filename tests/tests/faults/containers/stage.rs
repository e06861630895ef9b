//! A lab with two networks that have containers, and what the tests do with them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use lab::{HOST, LabOptions};
use nix::sched::{CloneFlags, setns};
use portcullis::api_client::{ApiAddress, request};
use portcullis_tests::ofctl::{is_learned, timeless};
use portcullis_tests::{Running, binary};
use serde_json::Value;

/// Both networks of the document, small: `privacy` has two free ids, because veth100 is the gateway's.
pub(crate) const FILE: &str = r#"
[network.privacy]
bridge = "vmbr0"
subnets = ["10.0.0.0/24"]
gateway = ["10.0.0.1"]

[network.privacy.containers]
ids = "100-102"
port = "veth{id}"
addresses = ["10.0.0.{id}"]
clients = ["client"]

[network.management]
bridge = "vmbr1"
subnets = ["10.1.0.0/24"]

[network.management.containers]
ids = "200-254"
port = "veth{id}"
addresses = ["10.1.0.{id}"]
clients = ["admin"]

[endpoint.gateway]
attach = [{ network = "privacy", port = "veth100", addresses = ["10.0.0.100"] }]

[endpoint.client]
attach = [{ network = "privacy", port = "c0", addresses = ["10.0.0.10"] }]

[endpoint.other]
attach = [{ network = "privacy", port = "o0", addresses = ["10.0.0.11"] }]

[endpoint.admin]
attach = [{ network = "management", port = "a0", addresses = ["10.1.0.10"] }]
"#;

/// The bridges of [`FILE`].
pub(crate) const BRIDGES: [&str; 2] = ["vmbr0", "vmbr1"];

/// How long a packet has to get through.
const WAIT: Duration = Duration::from_millis(1000);

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The code, the message and the help of a refusal.
    pub(crate) fn refusal(&self) -> (&str, &str, &str) {
        let word = |key: &str| self.body["error"][key].as_str().unwrap_or_default();
        (word("code"), word("message"), word("help"))
    }
}

/// A namespace for a container, gone when dropped.
#[derive(Debug)]
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    pub(crate) fn new(net: &Running, name: &str) -> Self {
        let name = format!("{}-{name}", net.lab.host());
        must(Command::new("ip").args(["netns", "add", &name]));
        Self(name)
    }

    /// Runs something on a thread in it.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let file = std::fs::File::open(PathBuf::from("/run/netns").join(&self.0)).unwrap();
        std::thread::scope(|scope| {
            let enter = || {
                setns(file, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            };
            scope.spawn(enter).join().unwrap()
        })
    }

    /// Runs a command in it.
    pub(crate) fn exec(&self, words: &[&str]) -> Output {
        Command::new("ip").args(["netns", "exec", &self.0]).args(words).output().unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

pub(crate) fn must(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lab of [`FILE`], settled.
pub(crate) fn start() -> Running {
    Running::start(FILE, LabOptions::default())
}

/// Asks the API that may change things.
pub(crate) fn ask(net: &Running, method: &str, path: &str, body: Option<&str>) -> Answer {
    let reply = request(&control(net), method, path, body, None).unwrap();
    let body = serde_json::from_str(&reply.body);
    Answer { status: reply.status, body: body.unwrap_or(Value::String(reply.body)) }
}

fn control(net: &Running) -> ApiAddress {
    net.lab.control()
}

/// The command line of a person at the host.
pub(crate) fn cli(net: &Running, words: &[&str]) -> Output {
    let api = control(net).to_string();
    Command::new(binary()).args(words).args(["--api", &api]).output().unwrap()
}

/// A container with one TCP service of the same name.
pub(crate) fn create(
    net: &Running,
    name: &str,
    network: &str,
    port: u16,
    netns: Option<&Namespace>,
) -> Answer {
    let netns = netns.map_or_else(String::new, |n| format!(r#", "netns": "{}""#, n.0));
    let body = format!(
        r#"{{"name": "{name}", "network": "{network}",
            "services": [{{"name": "{name}", "protocol": "tcp", "port": {port}}}]{netns}}}"#
    );
    ask(net, "POST", "/api/containers/create", Some(&body))
}

pub(crate) fn delete(net: &Running, name: &str) -> Answer {
    ask(net, "DELETE", &format!("/api/containers/{name}"), None)
}

/// The services that are found in a network, as `name container address:port`.
pub(crate) fn services(net: &Running, network: &str) -> Vec<String> {
    let found = ask(net, "GET", &format!("/api/services?network={network}"), None);
    assert_eq!(found.status, 200, "{found:?}");
    let word = |s: &Value| {
        format!("{} {} {}:{}", text(&s["name"]), text(&s["container"]), text(&s["addresses"][0]), s["port"])
    };
    found.body["services"].as_array().unwrap().iter().map(word).collect()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether a TCP connection from a place of the lab to a server in the namespace opens and carries bytes.
pub(crate) fn reaches(net: &Running, from: &str, to: &Namespace, address: &str) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    let listener = to.within(|| TcpListener::bind(("0.0.0.0", address.port())).unwrap());
    carries(&listener, || net.lab.within(from, || TcpStream::connect_timeout(&address, WAIT)).unwrap())
}

/// The other way round.
pub(crate) fn reached_from(net: &Running, from: &Namespace, to: &str, address: &str) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    let listener = net.lab.within(to, || TcpListener::bind(("0.0.0.0", address.port())).unwrap()).unwrap();
    carries(&listener, || from.within(|| TcpStream::connect_timeout(&address, WAIT)))
}

fn carries(listener: &TcpListener, connect: impl FnOnce() -> std::io::Result<TcpStream>) -> bool {
    let Ok(mut client) = connect() else { return false };
    let (mut server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(WAIT)).unwrap();
    }
    let mut buffer = [0; 4];
    client.write_all(b"ping").unwrap();
    server.read_exact(&mut buffer).unwrap();
    server.write_all(b"pong").unwrap();
    client.read_exact(&mut buffer).unwrap();
    buffer == *b"pong"
}

/// All that a container leaves traces in: the fixed flows, the ports, the devices of the host, the containers of the API.
pub(crate) fn traces(net: &Running) -> Vec<String> {
    let mut traces = Vec::new();
    for bridge in BRIDGES {
        if let Ok(ports) = net.lab.vsctl(&["list-ports", bridge]) {
            traces.extend(ports.lines().map(|p| format!("{bridge} port {p}")));
            let fixed = net.flows(bridge).into_iter().filter(|f| !is_learned(f));
            traces.extend(fixed.map(|f| format!("{bridge} {}", timeless(&f))));
        }
    }
    let links = net.lab.exec(HOST, &["ip", "-br", "link"]).unwrap();
    let names = String::from_utf8_lossy(&links.stdout).into_owned();
    traces.extend(names.lines().filter_map(|l| Some(format!("device {}", l.split(['@', ' ']).next()?))));
    let rows = ask(net, "GET", "/api/containers", None);
    traces.extend(
        rows.body["containers"].as_array().unwrap().iter().map(|c| format!("row {}", text(&c["name"]))),
    );
    traces.sort();
    traces
}
