//! `learn = "controller"` as it runs: the same raw line on a bridge that learns by itself and on one whose controller learns for
//! it. The same frames leave both with the same learned flows, and out of the same ports.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flows::Flow;
use ofctl::syntax::{NoNames, parse_flow};
use ofproto::TableId;
use ofproto::message::FLOW_SEND_FLOW_REM;
use portcullis_tests::running::binary;

use super::switch::Switch;

const THEIRS: &str = "br0";
const OURS: &str = "br1";
const PATIENCE: Duration = Duration::from_secs(20);

/// The controller, until the test ends.
struct Controller(Child);

impl Controller {
    /// Runs for a bridge of the switch with a network file.
    fn start(switch: &Switch, bridge: &str, file: &str) -> Self {
        let path = switch.path("network.toml");
        fs::write(&path, file).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let target = format!("tcp:127.0.0.1:{port}");
        let mut command = Command::new(binary());
        command.arg("run").arg(&path).args(["--listen", &target]);
        command.args(["--metrics", &format!("unix:{}", switch.path("api.sock").display())]);
        command.arg("--state").arg(switch.path("state")).stdin(Stdio::null());
        let log = fs::File::create(switch.path("portcullis.log")).unwrap();
        let this = Self(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        switch.vsctl(&["set-controller", bridge, &target]);
        eventually("the bridge has its flow", || {
            let log = fs::read_to_string(switch.path("portcullis.log")).unwrap();
            assert!(!log.contains("error"), "{log}");
            switch.flows(bridge).iter().any(|flow| flow.cookie.0 == 1)
        });
        this
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The learned flows, all of them told about when they end.
fn learned(switch: &Switch, bridge: &str) -> Vec<String> {
    let flows = switch.flows(bridge).into_iter().filter(|flow| flow.table != TableId(0));
    let told = |flow: Flow| Flow { flags: flow.flags | FLOW_SEND_FLOW_REM, ..flow };
    let mut all: Vec<String> = flows.map(told).map(|flow| format!("{flow:?}")).collect();
    all.sort();
    all
}

fn frame(last: u8) -> String {
    let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, last], [2, 0, 0, 0, 0, 99]);
    let mut frame = Vec::new();
    let packet = builder.ipv4([10, 0, 0, last], [10, 0, 0, 99], 64).tcp(1_000, 80, 1, 2);
    packet.write(&mut frame, b"some data").unwrap();
    portcullis_tests::hex(&frame)
}

#[test]
fn a_controller_learns_for_a_bridge() {
    let switch = Switch::start(&[(THEIRS, 3), (OURS, 3)]);
    let learn = |hard: u8| {
        format!(
            "cookie=1,priority=9,tcp,actions=load:2->NXM_NX_REG0[0..15],mod_dl_src:02:00:00:00:00:07,\
             learn(table=1,cookie=7,limit=2,hard_timeout={hard},result_dst=NXM_NX_REG1[0],priority=5,eth_type=0x800,\
             nw_proto=6,NXM_OF_IP_SRC[],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_NX_REG0[0..15]->NXM_NX_REG2[0..15],\
             output:NXM_OF_IN_PORT[]),move:NXM_NX_REG1[0]->NXM_NX_REG0[0],output:NXM_NX_REG0[0..15]"
        )
    };
    let file = |hard: u8| {
        let ports = format!("[\"{OURS}-1\", \"{OURS}-2\", \"{OURS}-3\"]");
        format!("[bridge.{OURS}]\nports = {ports}\nlearn = \"controller\"\nflows = [\"{}\"]\n", learn(hard))
    };
    switch.install(THEIRS, vec![parse_flow(&learn(100), &NoNames).unwrap()]);
    let _controller = Controller::start(&switch, OURS, &file(100));

    // Two are learned, the third is above the limit, which the last bit of the way out tells, and the first comes again.
    for (last, out, sent) in [(1, 3, 1), (2, 3, 2), (3, 2, 1), (1, 3, 3)] {
        for bridge in [THEIRS, OURS] {
            switch.receive(&format!("{bridge}-1"), &frame(last));
            eventually("the frame goes out", || switch.sent(bridge, out) == sent);
        }
    }
    let theirs = learned(&switch, THEIRS);
    assert_eq!(theirs.len(), 2);
    eventually("the same is learned", || learned(&switch, OURS) == theirs);

    // What somebody else puts there goes, and what was learned stays.
    let foreign = "table=1,cookie=9,priority=7,actions=drop";
    switch.ofctl(&["add-flow", OURS, foreign]);
    eventually("the foreign flow is gone", || learned(&switch, OURS) == theirs);

    // One ends, and the controller knows that there is room again.
    for (bridge, sent) in [(THEIRS, 4), (OURS, 4)] {
        switch.ofctl(&["del-flows", bridge, "table=1,tcp,nw_src=10.0.0.2"]);
        eventually("the third is learned", || {
            switch.receive(&format!("{bridge}-1"), &frame(3));
            switch.sent(bridge, 3) >= sent
        });
    }
    let theirs = learned(&switch, THEIRS);
    assert!(theirs.iter().any(|flow| flow.contains(&format!("{:?}", 0x0a00_0003))), "{theirs:?}");
    eventually("the same is learned", || learned(&switch, OURS) == theirs);
}

/// Room in the learned table for so many flows.
const ROOM: usize = 40;

/// Two senders, at the ports 1 and 2, and a server at port 3 whose answers come back to whoever asked.
const SENDERS: &str = r#"
[bridge.br1]
ports = ["br1-1", "br1-2", "br1-3"]
learn = "controller"
flows = [
  "cookie=1,udp,in_port=1,actions=LEARN,output:3",
  "cookie=2,udp,in_port=2,actions=LEARN,output:3",
  "cookie=3,in_port=3,actions=resubmit(,1)",
]
"#;
const LEARN: &str = "learn(table=1,cookie=7,hard_timeout=3000,eth_type=0x800,nw_proto=17,NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],\
                     NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],NXM_OF_UDP_SRC[]=NXM_OF_UDP_DST[],NXM_OF_UDP_DST[]=NXM_OF_UDP_SRC[],\
                     output:NXM_OF_IN_PORT[])";

/// A bridge with two senders, whose learned table is bounded by the switch.
struct Senders {
    switch: Switch,
    _controller: Controller,
}

impl Senders {
    fn start(bound: &[&str]) -> Self {
        let switch = Switch::start(&[(OURS, 3)]);
        let limit = format!("flow_limit={ROOM}");
        let create = ["--", "--id=@t", "create", "Flow_Table", &limit];
        let set = ["--", "set", "bridge", OURS, "flow_tables:1=@t"];
        switch.vsctl(&[&create, bound, &set].concat());
        let controller = Controller::start(&switch, OURS, &SENDERS.replace("LEARN", LEARN));
        Self { switch, _controller: controller }
    }

    /// One between a sender, by its port, and the server, in one direction or the other.
    fn frame(sender: u8, port: u16, asks: bool) -> String {
        let (client, server) = ([10, 0, 0, sender], [10, 0, 0, 99]);
        let (src, dst, ports) =
            if asks { (client, server, (port, 53)) } else { (server, client, (53, port)) };
        let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, src[3]], [2, 0, 0, 0, 0, dst[3]]);
        let mut frame = Vec::new();
        builder.ipv4(src, dst, 64).udp(ports.0, ports.1).write(&mut frame, b"some data").unwrap();
        portcullis_tests::hex(&frame)
    }

    /// A sender asks, and the request has gone out to the server.
    fn asks(&self, sender: u8, port: u16) {
        let before = self.switch.sent(OURS, 3);
        self.switch.receive(&format!("{OURS}-{sender}"), &Self::frame(sender, port, true));
        eventually("the request goes out", || self.switch.sent(OURS, 3) > before);
    }

    /// Whether the server's answer comes back to the sender.
    fn answered(&self, sender: u8, port: u16) -> bool {
        let before = self.switch.sent(OURS, sender.into());
        self.switch.receive(&format!("{OURS}-3"), &Self::frame(sender, port, false));
        self.switch.sent(OURS, sender.into()) > before
    }

    fn learned(&self) -> usize {
        self.switch.flows(OURS).iter().filter(|flow| flow.table == TableId(1)).count()
    }
}

/// The switch refuses what its table has no room for, as one without eviction does.
#[test]
fn a_storm_of_one_sender_leaves_the_answers_of_another() {
    let net = Senders::start(&["overflow_policy=refuse"]);
    net.asks(2, 1_000);
    for n in 0..3 * u16::try_from(ROOM).unwrap() {
        net.asks(1, 2_000 + n);
    }
    assert!(net.answered(2, 1_000), "who spoke before");
    net.asks(2, 1_001);
    eventually("who is new gets in", || net.answered(2, 1_001));
    assert!(net.answered(2, 1_000));
    net.asks(1, 9_000);
    eventually("the storm's newest gets in", || net.answered(1, 9_000));
    assert!(!net.answered(1, 2_000), "and its oldest made room");
    assert_eq!(net.learned(), ROOM);
}

/// The switch evicts by itself, whoever it is: the controller hears of it, and teaches again.
#[test]
fn what_the_switch_evicts_is_taught_again() {
    let net = Senders::start(&["overflow_policy=evict"]);
    net.asks(2, 1_000);
    assert!(net.answered(2, 1_000));
    for n in 0..2 * u16::try_from(ROOM).unwrap() {
        net.asks(1, 2_000 + n);
    }
    assert!(!net.answered(2, 1_000), "evicted");
    eventually("it is taught again", || {
        net.asks(2, 1_000);
        net.answered(2, 1_000)
    });
}
