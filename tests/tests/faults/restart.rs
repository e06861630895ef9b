//! The controller, or the switch, dies and starts again.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lab::{HOST, Lab, LabOptions};
use portcullis_tests::traffic::ping;
use portcullis_tests::{Ages, Pinger, Running};

use super::{BRIDGES, Ends, INTERNET, all_fixed, is_learned, mac, must};

#[test]
fn the_controller_dies_and_starts_again_and_no_packet_is_lost() {
    let mut net = Running::dual_socket();
    // A connection that another node keeps open, and its learned return flow, beside that of the ping. (Once closed, the
    // flow of a connection dies after five quiet seconds.)
    let server = net.lab.within("internet", || TcpListener::bind("0.0.0.0:443")).unwrap().unwrap();
    let address = format!("{INTERNET}:443").parse().unwrap();
    let open = || TcpStream::connect_timeout(&address, Duration::from_secs(5));
    let mut client = net.lab.within("nm-privacy", open).unwrap().unwrap();
    let (mut server, _) = server.accept().unwrap();
    server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let pinger = Pinger::start(&net.lab, "nm-privacy", INTERNET);
    let before = Ages::of(&net, &BRIDGES);
    assert!(before.on("vmbr0", is_learned).count() >= 2, "{before:#?}");

    net.kill_controller();
    pinger.more(50);
    net.start_controller();
    pinger.more(50);

    let after = Ages::of(&net, &BRIDGES);
    let pinged = pinger.end();
    assert_eq!(pinged.lost, Vec::<u32>::new(), "of {}", pinged.sent);
    assert!(pinged.sent > 100, "{pinged:?}");
    // That holds for the learned flows too.
    assert_eq!(after.touched_since(&before), Vec::<String>::new());
    assert_eq!(after.flows.len(), before.flows.len());
    let mut heard = [0; 4];
    client.write_all(b"ping").unwrap();
    server.read_exact(&mut heard).unwrap();
    server.write_all(b"pong").unwrap();
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"pong");
    for bridge in BRIDGES {
        let sent = net.metric(&format!("portcullis_flow_mods_total{{bridge=\"{bridge}\"}}"));
        assert_eq!(sent, 0.0, "{bridge}: the new controller changed something");
    }
}

/// Datagrams to xray that no rule allows, as fast as a scanner sends them, from everywhere around it.
struct Prober {
    target: UdpSocket,
    sources: Vec<UdpSocket>,
}

const DENIED: (&str, u16) = ("10.0.0.102", 5353);

impl Prober {
    fn new(net: &Running) -> Self {
        let lab = &net.lab;
        // ARP is not what is to stop them.
        let xray = mac(net, "xray");
        for place in ["nm-privacy", "warp", "gateway"] {
            must(net, place, &["ip", "neigh", "replace", DENIED.0, "lladdr", &xray, "dev", "eth0"]);
        }
        let socket = |place: &str, at: (&str, u16)| {
            let socket = lab.within(place, || UdpSocket::bind(at)).unwrap().unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        let sources = ["internet", "nm-privacy", "warp", "gateway"].map(|p| socket(p, ("0.0.0.0", 0)));
        Self { target: socket("xray", ("0.0.0.0", DENIED.1)), sources: sources.into() }
    }

    /// One datagram from each: how many could be sent.
    fn send(&self) -> u64 {
        self.sources.iter().filter(|s| s.send_to(b"denied", DENIED).is_ok()).count() as u64
    }

    /// Those that arrived, by sender.
    fn arrived(&self) -> Vec<String> {
        let mut buffer = [0; 16];
        std::iter::from_fn(|| self.target.recv_from(&mut buffer).ok())
            .map(|(_, from)| from.to_string())
            .collect()
    }
}

#[test]
fn the_switch_dies_and_starts_again_and_no_denied_packet_passes() {
    let net = Running::dual_socket();
    assert!(ping(&net.lab, "gateway", INTERNET));
    let before = all_fixed(&net);
    let prober = Prober::new(&net);
    let (ends, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let probe = || {
        while !ends.load(Ordering::Relaxed) {
            sent.fetch_add(prober.send(), Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    std::thread::scope(|scope| {
        let _ends = Ends(&ends);
        scope.spawn(probe);
        for _ in 0..2 {
            net.lab.kill_vswitchd().unwrap();
            std::thread::sleep(Duration::from_millis(200));
            net.lab.start_vswitchd().unwrap();
            net.wait_for("all flows to be back", || {
                let back = net.lab.ofctl(&["dump-flows", "vmbr0"]).is_ok() && all_fixed(&net) == before;
                back.then_some(())
            });
        }
        std::thread::sleep(Duration::from_millis(100));
    });
    assert!(sent.load(Ordering::Relaxed) > 1000, "{sent:?}");
    assert_eq!(prober.arrived(), Vec::<String>::new(), "denied packets passed");
    for from in ["gateway", "xray", "nm-privacy"] {
        assert!(ping(&net.lab, from, INTERNET), "{from}");
    }
    every_prober_would_have_passed(&net, &prober);
}

/// With a flow that switches freely the same datagrams do arrive from each sender, so the test tests something.
fn every_prober_would_have_passed(net: &Running, prober: &Prober) {
    net.kill_controller();
    for bridge in ["vmbr0", "mesh-privacy"] {
        open(&net.lab, bridge);
    }
    let mut seen = std::collections::BTreeSet::new();
    net.wait_for("a datagram of each sender", || {
        prober.send();
        std::thread::sleep(Duration::from_millis(20));
        seen.extend(prober.arrived());
        (seen.len() == prober.sources.len()).then_some(())
    });
}

fn open(lab: &Lab, bridge: &str) {
    lab.ofctl(&["del-flows", bridge]).unwrap();
    lab.ofctl(&["add-flow", bridge, "priority=10,actions=normal"]).unwrap();
}

/// So many calls take seven seconds where each follows the last within one, and half a minute where Open vSwitch waits
/// twice as long each time, as it does of itself up to eight seconds.
const CALLS: usize = 7;

#[test]
fn a_controller_that_is_gone_is_called_every_second() {
    let net = Running::start(ONE_BRIDGE, LabOptions::default());
    net.wait_for("Open vSwitch to be told", || {
        let told = net.lab.vsctl(&["get", "controller", "br0", "max_backoff"]).unwrap();
        (told.trim() == "1001").then_some(())
    });
    net.kill_controller();
    // The port is free when the last of its sockets is gone, which may be a moment after the process.
    let (listener, _) = net.wait_for("the controller's port to be free", || {
        net.lab.within(HOST, || TcpListener::bind("127.0.0.1:6653")).unwrap().ok()
    });
    listener.set_nonblocking(true).unwrap();
    let mut calls = 0;
    net.wait_for("Open vSwitch to call again and again", || {
        // Whoever is called hangs up.
        calls += usize::from(listener.accept().is_ok());
        (calls >= CALLS).then_some(())
    });
}

const ONE_BRIDGE: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.0.0.0/24"]
inside = "allow"
[endpoint.a]
attach = [{ network = "lan", port = "a0", addresses = ["10.0.0.1"] }]
[endpoint.b]
attach = [{ network = "lan", port = "b0", addresses = ["10.0.0.2"] }]
"#;
