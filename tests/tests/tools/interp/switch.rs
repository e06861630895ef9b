//! A private Open vSwitch whose datapath has no devices: nothing of the host's network is touched.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flows::Flow;
use ofproto::frame::Framer;
use ofproto::message::multipart::{
    FlowStatsRequest, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{FlowMod, FlowModCommand, Hello, Message};
use ofproto::{PortNo, TableId, Xid};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Switch {
    dir: TempDir,
    children: Vec<Child>,
    bridges: Vec<Bridge>,
}

struct Bridge {
    name: String,
    ports: u32,
    datapath: BTreeMap<u32, PortNo>,
}

impl Drop for Switch {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Switch {
    /// Bridges with ports p1, p2, … of those numbers.
    pub(crate) fn start(bridges: &[(&str, u32)]) -> Self {
        let dir = TempDir::new().unwrap();
        let mut this = Self { dir, children: Vec::new(), bridges: Vec::new() };
        let path = |name: &str| this.path(name).display().to_string();
        let (db, socket) = (path("conf.db"), path("db.sock"));
        let remote = format!("unix:{socket}");
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        this.run("ovsdb-tool", &["create", &db, schema]);
        let (db_ctl, v_ctl) = (path("db.ctl"), path("v.ctl"));
        let listen = format!("--remote=p{remote}");
        this.spawn("ovsdb-server", &[&db, &listen, &format!("--unixctl={db_ctl}")]);
        this.wait_for("db.sock");
        let database = format!("--db={remote}");
        this.run("ovs-vsctl", &[&database, "--no-wait", "init"]);
        let flags = ["--disable-system", "--disable-system-route", "--enable-dummy"];
        this.spawn("ovs-vswitchd", &[&[&*remote, &format!("--unixctl={v_ctl}")], &flags[..]].concat());
        this.wait_for("v.ctl");
        for (bridge, ports) in bridges {
            let mut args =
                vec![database.clone(), "--timeout=20".to_owned(), "add-br".to_owned(), (*bridge).to_owned()];
            let mut more = |words: String| args.extend(words.split(' ').map(str::to_owned));
            more(format!("-- set bridge {bridge} datapath_type=dummy protocols=OpenFlow13 fail_mode=secure"));
            for n in 1..=*ports {
                more(format!("-- add-port {bridge} {bridge}-{n} -- set interface {bridge}-{n} type=dummy"));
                more(format!("ofport_request={n}"));
            }
            this.run("ovs-vsctl", &args.iter().map(String::as_str).collect::<Vec<_>>());
            let datapath = this.ask_datapath_ports(bridge);
            this.bridges.push(Bridge { name: (*bridge).to_owned(), ports: *ports, datapath });
        }
        this
    }

    /// A file beside those of the switch.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env("OVS_RUNDIR", self.dir.path());
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let output = self.command(program, args).output().unwrap();
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn spawn(&mut self, program: &str, args: &[&str]) {
        let mut command = self.command(program, args);
        let log = std::fs::File::create(self.path(&format!("{program}.log"))).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.children.push(child);
    }

    fn wait_for(&self, name: &str) {
        let until = Instant::now() + PATIENCE;
        while UnixStream::connect(self.path(name)).is_err() {
            assert!(Instant::now() < until, "no {name}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The numbers of a bridge's ports, LOCAL included.
    pub(crate) fn ports(&self, bridge: &str) -> Vec<PortNo> {
        (1..=self.bridge(bridge).ports).map(PortNo).chain([PortNo::LOCAL]).collect()
    }

    fn bridge(&self, name: &str) -> &Bridge {
        self.bridges.iter().find(|b| b.name == name).unwrap()
    }

    /// The bridge's port behind each number of the datapath's.
    pub(crate) fn datapath_ports(&self, bridge: &str) -> &BTreeMap<u32, PortNo> {
        &self.bridge(bridge).datapath
    }

    fn ask_datapath_ports(&self, bridge: &str) -> BTreeMap<u32, PortNo> {
        let text = self.appctl(&["dpif/show"]);
        let mut found = BTreeMap::new();
        for line in text.lines().skip_while(|l| l.trim() != format!("{bridge}:")).skip(1) {
            // "    br0-1 1/7: (dummy)"; the next bridge's name ends the list.
            let Some((of, dp)) =
                line.split_whitespace().nth(1).and_then(|w| w.trim_end_matches(':').split_once('/'))
            else {
                break;
            };
            let of = PortNo::from_u16(of.parse().unwrap());
            found.insert(dp.parse().unwrap(), of);
        }
        assert!(!found.is_empty(), "{text}");
        found
    }

    fn appctl(&self, args: &[&str]) -> String {
        let target = self.path("v.ctl").display().to_string();
        self.run("ovs-appctl", &[&["-t", &target], args].concat())
    }

    /// What Open vSwitch does with a packet; with `learn` it also learns.
    pub(crate) fn trace(&self, bridge: &str, packet: &str, learn: bool) -> String {
        let args = ["ofproto/trace", bridge, packet, "-generate"];
        self.appctl(if learn { &args } else { &args[..3] })
    }

    /// Changes the switch's configuration.
    pub(crate) fn vsctl(&self, args: &[&str]) -> String {
        let database = format!("--db=unix:{}", self.path("db.sock").display());
        self.run("ovs-vsctl", &[&[&*database, "--timeout=20"], args].concat())
    }

    /// Asks or tells a bridge something by hand.
    pub(crate) fn ofctl(&self, args: &[&str]) -> String {
        self.run("ovs-ofctl", &[&["-O", "OpenFlow13"], args].concat())
    }

    /// A frame comes in at a port.
    pub(crate) fn receive(&self, port: &str, frame: &str) {
        self.appctl(&["netdev-dummy/receive", port, frame]);
    }

    /// How many frames have left a bridge by a port.
    pub(crate) fn sent(&self, bridge: &str, port: u32) -> u64 {
        let text = self.ofctl(&["dump-ports", bridge, &port.to_string()]);
        let (_, sent) = text.split_once("tx pkts=").unwrap_or_else(|| panic!("{text}"));
        sent.split(',').next().unwrap().parse().unwrap()
    }

    /// The same as [`Switch::trace`] with `learn`, without a process for it: what `ovs-appctl` says to the daemon is JSON-RPC.
    pub(crate) fn trace_quick(&self, bridge: &str, packet: &str) -> String {
        let mut socket = UnixStream::connect(self.path("v.ctl")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let params = [bridge, packet, "-generate"];
        let ask = serde_json::json!({ "id": 0, "method": "ofproto/trace", "params": params });
        socket.write_all(ask.to_string().as_bytes()).unwrap();
        let mut answers = serde_json::Deserializer::from_reader(socket).into_iter::<serde_json::Value>();
        let answer = answers.next().unwrap().unwrap();
        answer["result"].as_str().unwrap_or_else(|| panic!("{packet}: {answer}")).to_owned()
    }

    /// Puts flows in place of all that there are; returns those that the switch took.
    pub(crate) fn install(&self, bridge: &str, flows: Vec<Flow>) -> Vec<Flow> {
        let mut session = Session::open(self, bridge);
        let clear = FlowMod { table_id: TableId::ALL, command: FlowModCommand::Delete, ..FlowMod::default() };
        session.send(&Message::FlowMod(clear), 1_000_000);
        for (n, flow) in flows.iter().enumerate() {
            let change = flow.to_flow_mod(FlowModCommand::Add);
            session.send(&Message::FlowMod(change), u32::try_from(n).unwrap());
        }
        let refused = session.barrier();
        assert!(!refused.contains(&1_000_000));
        let taken = |n: usize| !refused.contains(&u32::try_from(n).unwrap());
        flows.into_iter().enumerate().filter(|(n, _)| taken(*n)).map(|(_, flow)| flow).collect()
    }

    /// The flows that a bridge has.
    pub(crate) fn flows(&self, bridge: &str) -> Vec<Flow> {
        let mut session = Session::open(self, bridge);
        let body = MultipartRequestBody::Flow(FlowStatsRequest::default());
        session.send(&Message::MultipartRequest(MultipartRequest { flags: 0, body }), 7);
        let mut flows = Vec::new();
        loop {
            if let (_, Message::MultipartReply(reply)) = session.next() {
                let MultipartReplyBody::Flow(stats) = reply.body else { panic!("{reply:?}") };
                flows.extend(stats.iter().map(Flow::from_stats));
                if reply.flags & 1 == 0 {
                    return flows;
                }
            }
        }
    }
}

/// An OpenFlow session on a bridge's management socket.
pub(crate) struct Session {
    socket: UnixStream,
    framer: Framer,
}

impl Session {
    pub(crate) fn open(switch: &Switch, bridge: &str) -> Self {
        let socket = UnixStream::connect(switch.path(&format!("{bridge}.mgmt"))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut this = Self { socket, framer: Framer::new() };
        this.send(&Message::Hello(Hello::ours()), 0);
        this
    }

    pub(crate) fn send(&mut self, message: &Message, xid: u32) {
        self.socket.write_all(&message.encode(Xid(xid)).unwrap()).unwrap();
    }

    fn next(&mut self) -> (Xid, Message) {
        loop {
            if let Some(frame) = self.framer.next_frame().unwrap() {
                return Message::decode(&frame).unwrap();
            }
            let mut bytes = [0; 4096];
            let n = self.socket.read(&mut bytes).unwrap();
            assert_ne!(n, 0, "the switch closed the session");
            assert_eq!(self.framer.feed(&bytes[..n]), n);
        }
    }

    /// The transactions that were refused before a barrier.
    pub(crate) fn barrier(&mut self) -> Vec<u32> {
        self.send(&Message::BarrierRequest, 2_000_000);
        let mut refused = Vec::new();
        loop {
            match self.next() {
                (_, Message::BarrierReply) => return refused,
                (xid, Message::Error(_)) => refused.push(xid.0),
                _ => {}
            }
        }
    }
}
