//! Tests connections on loopback. The peers complete the handshake and then follow the test. A real
//! switch's handling of flows is not tested here.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ofproto::frame::Framer;
use ofproto::message::multipart::MultipartRequestBody;
use ofproto::message::{Message, Port};
use ofproto::testing::switch::{handshake, is_last};
use ofproto::{DatapathId, PortNo, Xid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{HttpLimits, HttpSettings, Server, ServerError, SessionLimits, serve_api};
use crate::address::ListenAddress;
use crate::api_client::{ApiAddress, fetch};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::policy::Policy;

const FILE: &str = include_str!("../../../flows/networks/dual-socket.toml");
/// Longer than any step here takes, and shorter than a person waits.
const PATIENCE: Duration = Duration::from_secs(20);

struct Controller {
    hub: Arc<Hub>,
    at: SocketAddr,
    shutdown: watch::Sender<bool>,
    server: Server,
}

async fn controller(bridges: usize) -> Controller {
    controller_with(SessionLimits::for_bridges(bridges)).await
}

async fn controller_with(limits: SessionLimits) -> Controller {
    controller_of(FILE, limits).await
}

fn policy(text: &str) -> Policy {
    Policy::from_text(Path::new("test.toml"), text.to_owned()).unwrap()
}

async fn controller_of(text: &str, limits: SessionLimits) -> Controller {
    let hub = Arc::new(Hub::new(policy(text), Metrics::new().unwrap()));
    let (shutdown, down) = watch::channel(false);
    let server = Server::new(Arc::clone(&hub), limits, down);
    let ListenAddress::Tcp(at) = server.listen(&"127.0.0.1:0".parse().unwrap()).await.unwrap() else {
        unreachable!()
    };
    Controller { hub, at, shutdown, server }
}

async fn api(controller: &Controller, address: &ListenAddress) -> Result<ListenAddress, ServerError> {
    let http = HttpSettings { limits: HttpLimits::for_connections(16), names: Vec::new() };
    serve_api(Arc::clone(&controller.hub), address, &http, controller.shutdown.subscribe()).await
}

struct Peer {
    stream: TcpStream,
    framer: Framer,
}

impl Peer {
    async fn call(at: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(at).await.unwrap(), framer: Framer::new() }
    }

    /// Returns a session of the bridge with that name, after its handshake.
    async fn connect(at: SocketAddr, bridge: &'static str) -> Self {
        Self::connect_as(at, bridge, DatapathId(1)).await
    }

    /// Returns a session of the bridge with that name and another datapath id.
    async fn connect_as(at: SocketAddr, bridge: &'static str, datapath: DatapathId) -> Self {
        let mut peer = Self::call(at).await;
        let ports = [Port::named(PortNo::LOCAL, bridge)];
        loop {
            let (xid, asked) = peer.next().await.expect("the handshake goes on");
            let Some(answer) = handshake(&asked, datapath, &ports) else { continue };
            peer.send(xid, &answer).await;
            if is_last(&asked) {
                return peer;
            }
        }
    }

    async fn send(&mut self, xid: Xid, message: &Message) {
        self.stream.write_all(&message.encode(xid).unwrap()).await.unwrap();
    }

    /// Returns the next message, or `None` at the end of the connection.
    async fn next(&mut self) -> Option<(Xid, Message)> {
        let mut buffer = vec![0; 4096];
        let next = async {
            loop {
                if let Some(frame) = self.framer.next_frame().unwrap() {
                    return Some(Message::decode(&frame).unwrap());
                }
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return None,
                    Ok(n) => assert_eq!(self.framer.feed(&buffer[..n]), n),
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a message or an end")
    }

    async fn until(&mut self, wanted: impl Fn(&Message) -> bool) -> (Xid, Message) {
        loop {
            let (xid, message) = self.next().await.expect("not the end");
            if wanted(&message) {
                return (xid, message);
            }
        }
    }

    /// Returns all messages up to the end of the connection.
    async fn end(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some((_, message)) = self.next().await {
            messages.push(message);
        }
        messages
    }

    async fn echo(&mut self) {
        self.send(Xid(77), &Message::EchoRequest("there?".into())).await;
        self.until(|m| *m == Message::EchoReply("there?".into())).await;
    }
}

async fn wait_for(what: &str, look: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !look() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

fn connected(controller: &Controller, bridge: &str) -> bool {
    controller.hub.report().bridges.iter().any(|b| b.name == bridge && b.connected)
}

#[tokio::test]
async fn a_dead_session_leaves_its_bridge_to_the_same_datapath() {
    let controller = controller(8).await;
    let mut old = Peer::connect(controller.at, "mesh-privacy").await;
    old.until(|m| matches!(m, Message::MultipartRequest(_))).await;
    wait_for("the first session", || connected(&controller, "mesh-privacy")).await;
    // The peer never answers the echo request.
    let mut new = Peer::connect(controller.at, "mesh-privacy").await;
    old.end().await;
    new.echo().await;
    wait_for("one session", || controller.hub.metrics.switches.get() == 1).await;
    assert!(connected(&controller, "mesh-privacy"), "the end of the old one is not that of the new one");
    drop(new);
    wait_for("nobody", || !connected(&controller, "mesh-privacy")).await;
}

#[tokio::test]
async fn a_live_session_keeps_its_bridge_and_others_are_told_nothing() {
    let controller = controller(8).await;
    let conflicts = || {
        let text = controller.hub.metrics_text().unwrap();
        let line =
            text.lines().find(|l| l.starts_with("portcullis_identity_conflicts_total{bridge=\"mesh-mgmt\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap()
    };
    let mut owner = Peer::connect(controller.at, "mesh-mgmt").await;
    owner.until(|m| matches!(m, Message::MultipartRequest(_))).await;
    wait_for("the session", || connected(&controller, "mesh-mgmt")).await;
    let mut other = Peer::connect_as(controller.at, "mesh-mgmt", DatapathId(2)).await;
    wait_for("a conflict", || conflicts() == 1).await;
    let mut same = Peer::connect(controller.at, "mesh-mgmt").await;
    let (xid, asked) = owner.until(|m| matches!(m, Message::EchoRequest(_))).await;
    assert_eq!(conflicts(), 1, "nobody knows yet whether it lives");
    let Message::EchoRequest(payload) = asked else { unreachable!() };
    owner.send(xid, &Message::EchoReply(payload)).await;
    wait_for("another conflict", || conflicts() == 2).await;
    for peer in [&mut other, &mut same] {
        peer.send(Xid(78), &Message::EchoRequest("there?".into())).await;
        let next = peer.next().await.expect("not the end").1;
        assert_eq!(next, Message::EchoReply("there?".into()), "the first thing that it is told");
    }
    assert_eq!(controller.hub.report().bridges.iter().map(|b| b.faults.len()).sum::<usize>(), 2);
    // Neither session is proven to be the bridge.
    let arrival = controller.hub.wait_until_applied("mesh-mgmt", 0, None, Duration::ZERO).await;
    assert!(matches!(arrival, crate::hub::PolicyArrival::OwnerUnproven(_)), "{arrival:?}");
    drop((other, same));
    wait_for("the end of them", || controller.hub.report().bridges.iter().all(|b| b.faults.is_empty())).await;
    owner.echo().await;
}

/// Fails to listen in every way that an operator can repair: each error has a remedy.
#[tokio::test]
async fn an_address_that_cannot_be_had_says_what_to_do() {
    let controller = controller(8).await;
    let taken = ListenAddress::Tcp(controller.at);
    for (address, help) in [
        ("unix:/nonexistent/switch.sock".parse().unwrap(), "make the directory"),
        (taken, "end the process that listens there"),
        ("tcp:192.0.2.1:6653".parse().unwrap(), "an address of this machine"),
    ] {
        let error = controller.server.listen(&address).await.unwrap_err();
        assert!(error.to_string().contains(&format!("cannot listen at {address}")), "{error}");
        assert!(error.help().is_some_and(|text| text.contains(help)), "{error}: {:?}", error.help());
    }
}

/// Reloads a file that names a bridge of two datapaths, and pins one of them. The session of the
/// other ends, whatever name its bridge had before.
#[tokio::test]
async fn a_session_whose_bridge_gets_a_name_and_another_datapath_ends() {
    const ANY: &str = "[bridge.\"*\"]\nflows = [\"priority=1,actions=drop\"]\n";
    let controller = controller_of(ANY, SessionLimits::for_bridges(8)).await;
    let asks = |m: &Message| matches!(m, Message::MultipartRequest(_));
    let mut right = Peer::connect_as(controller.at, "tap0", DatapathId(0xa1)).await;
    right.until(asks).await;
    let mut other = Peer::connect_as(controller.at, "tap0", DatapathId(0xb1)).await;
    other.until(asks).await;
    wait_for("both", || controller.hub.report().bridges.iter().filter(|b| b.connected).count() == 2).await;
    let named = "[bridge.tap0]\ndatapath_id = \"00000000000000a1\"\nflows = [\"priority=2,actions=drop\"]\n";
    controller.hub.replace_policy(policy(&format!("{ANY}{named}")));
    other.end().await;
    right.echo().await;
    assert!(connected(&controller, "tap0"));
}

#[tokio::test]
async fn a_socket_has_its_mode_before_it_listens() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o600, 0o660] {
        let path = dir.path().join(format!("{mode:o}.sock"));
        let _listener = super::listener::listen_unix(&path, Some(mode)).unwrap();
        let found = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{mode:o}");
    }
}

/// Makes the user that Open vSwitch runs as, which owns the run directory, the owner of the socket.
#[tokio::test]
async fn a_socket_for_switches_belongs_to_the_owner_of_its_directory() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    let dir = tempfile::tempdir().unwrap();
    // Only root can give a directory to another user.
    let owner = if chown(dir.path(), Some(65_534), None).is_ok() {
        65_534
    } else {
        dir.path().metadata().unwrap().uid()
    };
    let controller = controller(8).await;
    let path = dir.path().join("switch.sock");
    controller.server.listen(&ListenAddress::Unix(path.clone())).await.unwrap();
    let socket = path.metadata().unwrap();
    assert_eq!((socket.uid(), socket.permissions().mode() & 0o777), (owner, 0o600));
}

#[tokio::test]
async fn too_many_bridges_are_turned_away_until_there_is_room() {
    let controller = controller(2).await;
    let first = Peer::connect(controller.at, "mesh-privacy").await;
    wait_for("the first", || connected(&controller, "mesh-privacy")).await;
    let mut second = Peer::connect(controller.at, "mesh-mgmt").await;
    wait_for("the second", || connected(&controller, "mesh-mgmt")).await;
    Peer::connect(controller.at, "vmbr0").await.end().await;
    assert_eq!(controller.hub.metrics.rejected.get(), 1);
    assert!(!connected(&controller, "vmbr0"));
    second.echo().await;
    drop(first);
    wait_for("room", || controller.hub.metrics.switches.get() == 1).await;
    Peer::connect(controller.at, "mesh-privacy").await.echo().await;
}

#[tokio::test]
async fn connections_without_a_bridge_never_keep_a_bridge_out() {
    let controller = controller(16).await;
    let mut early = Peer::connect(controller.at, "mesh-mgmt").await;
    wait_for("the first session", || connected(&controller, "mesh-mgmt")).await;
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(Peer::call(controller.at).await);
    }
    let mut bridge = Peer::connect(controller.at, "mesh-privacy").await;
    bridge.echo().await;
    early.echo().await;
    wait_for("the bridge", || connected(&controller, "mesh-privacy")).await;
    // The oldest were evicted, one for each connection beyond the share.
    assert_eq!(controller.hub.metrics.rejected.get(), 9);
    for (n, peer) in silent.iter_mut().enumerate().take(9) {
        assert!(matches!(peer.end().await[..], [] | [Message::Hello(_)]), "connection {n}");
    }
}

#[tokio::test]
async fn a_bridge_that_the_file_does_not_name_goes_after_a_while() {
    let lifetime = Duration::from_millis(300);
    let controller =
        controller_with(SessionLimits { unnamed_lifetime: lifetime, ..SessionLimits::default() }).await;
    let mut named = Peer::connect(controller.at, "mesh-mgmt").await;
    let mut stranger = Peer::connect(controller.at, "br-other").await;
    wait_for("both", || controller.hub.metrics.switches.get() == 2).await;
    stranger.end().await;
    named.echo().await;
    assert!(connected(&controller, "mesh-mgmt"));
}

#[tokio::test]
async fn who_floods_and_never_reads_is_alone_with_it() {
    let controller = controller(8).await;
    let mut good = Peer::connect(controller.at, "mesh-mgmt").await;
    let flood = Peer::connect(controller.at, "mesh-privacy").await;
    let (mut reader, mut writer) = flood.stream.into_split();
    let echo = Message::EchoRequest(vec![7; 1_000].into()).encode(Xid(1)).unwrap().repeat(64);
    // The peer sends until the controller reads no more.
    let mut sent = 0;
    loop {
        // The accepted part of a message is not sent again.
        let rest = &echo[sent % echo.len()..];
        let Ok(written) = tokio::time::timeout(Duration::from_millis(500), writer.write(rest)).await else {
            break;
        };
        sent += written.unwrap();
        assert!(sent < 256 << 20, "the controller never stops reading");
        if sent % (64 * echo.len()) < echo.len() {
            good.echo().await;
        }
    }
    good.echo().await;
    // A peer that reads on is served.
    let mut buffer = vec![0; 1 << 20];
    let mut read = 0;
    while read < 4 << 20 {
        read += tokio::time::timeout(PATIENCE, reader.read(&mut buffer)).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn no_openflow_is_told_so_and_left() {
    let controller = controller(8).await;
    for (bytes, error) in [
        (vec![4, 0, 0, 0, 0, 0, 0, 1], (1, 6)),
        (vec![1, 0, 0, 8, 0, 0, 0, 1], (0, 0)),
        (vec![4, 14, 0, 8, 0, 0, 0, 1], (1, 6)),
        (vec![9, 2, 0, 8, 0, 0, 0, 1], (1, 0)),
    ] {
        let mut peer = Peer::call(controller.at).await;
        peer.stream.write_all(&bytes).await.unwrap();
        let said = peer.end().await;
        let [Message::Hello(_), Message::Error(e)] = &said[..] else { panic!("{bytes:?}: {said:?}") };
        assert_eq!((e.kind, e.code), error, "{bytes:?}");
    }
}

#[tokio::test]
async fn at_the_end_of_the_controller_sessions_end_and_flows_stay() {
    let controller = controller(8).await;
    let mut peer = Peer::connect(controller.at, "mesh-privacy").await;
    peer.until(|m| matches!(m, Message::MultipartRequest(r) if r.body == MultipartRequestBody::GroupDesc))
        .await;
    controller.shutdown.send_replace(true);
    assert_eq!(peer.end().await, []);
    wait_for("the end", || controller.hub.metrics.switches.get() == 0).await;
}

#[tokio::test]
async fn metrics_and_status_are_served_by_tcp_and_unix_sockets() {
    let controller = controller(8).await;
    let _peer = Peer::connect(controller.at, "mesh-privacy").await;
    wait_for("a session", || connected(&controller, "mesh-privacy")).await;
    let dir = tempfile::tempdir().unwrap();
    let unix: ListenAddress = format!("unix:{}", dir.path().join("api.sock").display()).parse().unwrap();
    for address in ["127.0.0.1:0".parse().unwrap(), unix] {
        let bound = api(&controller, &address).await;
        let at: ApiAddress = bound.unwrap().to_string().parse().unwrap();
        let ask = |path: &'static str| {
            let at = at.clone();
            tokio::task::spawn_blocking(move || fetch(&at, path))
        };
        let status: serde_json::Value =
            serde_json::from_str(&ask("/api/status").await.unwrap().unwrap()).unwrap();
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
        let bridge =
            status["bridges"].as_array().unwrap().iter().find(|b| b["name"] == "mesh-privacy").unwrap();
        assert_eq!((&bridge["connected"], &bridge["settled"]), (&true.into(), &false.into()));
        assert_eq!(bridge["dpid"], "0000000000000001");
        assert_eq!(bridge["isolated"], true);
        let metrics = ask("/metrics").await.unwrap().unwrap();
        for line in [
            "portcullis_switches_connected 1",
            "portcullis_bridge_connected{bridge=\"mesh-privacy\"} 1",
            "portcullis_bridge_connected{bridge=\"vmbr0\"} 0",
        ] {
            assert!(metrics.lines().any(|l| l == line), "{line} is not in\n{metrics}");
        }
        assert_eq!(ask("/healthz").await.unwrap().unwrap(), "ok\n");
        assert!(ask("/nothing").await.unwrap().is_err());
    }
    // A socket without a listener does not keep the next controller from starting.
    let stale = dir.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let address = ListenAddress::Unix(stale);
    api(&controller, &address).await.unwrap();
    // A socket with a listener does.
    api(&controller, &address).await.unwrap_err();
}

/// Connects all switches of a host at once, as when the controller comes back. Each waits to be
/// accepted, and none is dropped.
#[tokio::test]
async fn connections_wait_to_be_accepted() {
    const SWITCHES: usize = 500;
    /// Shorter than the delay of the retry after a dropped attempt: one second (tcp(7), RFC 6298
    /// §2.1).
    const BEFORE_A_SECOND_TRY: Duration = Duration::from_millis(900);
    // No connection is accepted: all of them wait in the backlog.
    let tcp = super::listener::listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = tcp.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("switch.sock");
    let unix = super::listener::listen_unix(&path, None).unwrap();
    let mut waiting = (Vec::new(), Vec::new());
    for n in 0..SWITCHES {
        let dialled = std::net::TcpStream::connect_timeout(&at, BEFORE_A_SECOND_TRY);
        waiting.0.push(dialled.unwrap_or_else(|error| panic!("TCP connection {n}: {error}")));
        let dialled = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        dialled.set_nonblocking(true).unwrap();
        let to = socket2::SockAddr::unix(&path).unwrap();
        dialled.connect(&to).unwrap_or_else(|error| panic!("Unix connection {n}: {error}"));
        waiting.1.push(dialled);
    }
    drop((tcp, unix));
}
