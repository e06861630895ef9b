//! The meaning of TARGET on the command line: a bridge's name, `unix:PATH` or `tcp:ADDRESS[:PORT]`.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use miette::miette;
use ofctl::syntax::PortNames;
use portcullis::address::ListenAddress;
use portcullis::bridge::Ports;
use portcullis::net::{Client, ClientError};
use portcullis::ovs::Database;

use super::Failure;

/// IANA's port for OpenFlow.
const PORT: u16 = 6653;
/// Largest number of bridges that an error names.
const NAMED: usize = 20;

/// The remedy for a wrong target.
const HELP: &str = "a TARGET is a bridge's name (its socket is looked for in $OVS_RUNDIR), unix:PATH or \
                    tcp:ADDRESS[:PORT]";

/// Which of a bridge's sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Socket {
    /// For whoever asks or tells it something.
    Management,
    /// For whoever listens to it and its controller.
    Snoop,
}

impl Socket {
    fn suffix(self) -> &'static str {
        match self {
            Self::Management => "mgmt",
            Self::Snoop => "snoop",
        }
    }
}

fn rundir() -> PathBuf {
    Database::default().run_directory()
}

/// The address of a target. A name is that of a bridge, whose sockets are in the run directory.
fn address(target: &str, socket: Socket) -> Result<ListenAddress, Failure> {
    if let Some(path) = target.strip_prefix("unix:") {
        if path.is_empty() {
            return Err(miette!(help = HELP, "{target:?}: unix: needs a path"));
        }
        return Ok(ListenAddress::Unix(path.into()));
    }
    if let Some(at) = target.strip_prefix("tcp:") {
        let bare = at.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(at);
        let at = at.parse::<SocketAddr>().ok();
        let at = at.or_else(|| bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT)));
        return at.map(ListenAddress::Tcp).ok_or_else(|| {
            miette!(
                help = "tcp:10.0.0.1, tcp:10.0.0.1:6653 or tcp:[fd00::1]:6653",
                "{target:?} is no address: tcp: needs an IP address"
            )
        });
    }
    if target.starts_with("ssl:") {
        return Err(miette!(
            help = "call it on this machine by its bridge's name, or over tcp:",
            "{target:?}: ssl: is not supported yet"
        ));
    }
    if target.contains('/') {
        return Ok(ListenAddress::Unix(PathBuf::from(target)));
    }
    if target.is_empty() || target.contains(':') {
        return Err(miette!(help = HELP, "{target:?} is no TARGET"));
    }
    Ok(ListenAddress::Unix(rundir().join(format!("{target}.{}", socket.suffix()))))
}

/// Calls a target.
pub(super) fn connect(target: &str) -> Result<Client, Failure> {
    let address = address(target, Socket::Management)?;
    Client::connect(&address).map_err(|error| explain(target, &address, Socket::Management, &error))
}

/// The names of a switch's ports, which are these, and tables.
pub(super) fn names(client: &mut Client, ports: &Ports) -> Result<PortNames, Failure> {
    let mut names = ports.names();
    for (table, name) in client.tables()? {
        names.insert_table(name, table);
    }
    Ok(names)
}

/// Calls a target to listen to it and its controller.
pub(super) fn listen(target: &str) -> Result<Client, Failure> {
    let address = address(target, Socket::Snoop)?;
    Client::listen(&address).map_err(|error| explain(target, &address, Socket::Snoop, &error))
}

fn explain(target: &str, address: &ListenAddress, socket: Socket, error: &ClientError) -> Failure {
    let ClientError::Connect { source, .. } = error else {
        // Open vSwitch hangs up on whoever would listen to nobody.
        return match (socket, error) {
            (Socket::Snoop, ClientError::Closed(_)) => miette!(
                help = "point it at one, for example with `portcullis attach FILE`",
                "{target}: {error}: the bridge has no controller that is connected"
            ),
            _ => miette!("{target}: {error}"),
        };
    };
    let by_name = !target.contains(['/', ':']);
    match source.kind() {
        ErrorKind::NotFound if by_name => {
            let path = address.to_string();
            let path = path.strip_prefix("unix:").unwrap_or(&path);
            miette!(help = bridges(socket), "there is no bridge {target:?}: {path}: No such file")
        }
        ErrorKind::ConnectionRefused => miette!(
            help = match address {
                ListenAddress::Tcp(_) =>
                    "nobody listens there: `ovs-vsctl set-controller BRIDGE ptcp:6653` makes a bridge do so",
                ListenAddress::Unix(_) => "the socket is left over: does ovs-vswitchd run?",
            },
            "cannot connect to {address}: connection refused"
        ),
        ErrorKind::PermissionDenied => {
            miette!(help = "only root may, as a rule", "cannot connect to {address}: permission denied")
        }
        _ => miette!(help = HELP, "{target}: {error}"),
    }
}

/// Which bridges there are.
fn bridges(socket: Socket) -> String {
    let suffix = format!(".{}", socket.suffix());
    let entries = std::fs::read_dir(rundir()).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(&suffix)?.to_owned()))
        .take(NAMED)
        .collect();
    names.sort_unstable();
    if names.is_empty() {
        return "there is no bridge at all: does ovs-vswitchd run, and is $OVS_RUNDIR where it has its sockets?"
            .to_owned();
    }
    format!("in $OVS_RUNDIR there are: {}", names.join(", "))
}
