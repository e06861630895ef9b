//! `ofproto/trace` without a process for each packet: what `ovs-appctl` says to the daemon is JSON-RPC.

use std::io::{BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use portcullis_tests::{PrivateOvs, hex};
use serde_json::de::IoRead;
use serde_json::{Deserializer, StreamDeserializer, Value, json};

const BRIDGE: &str = "br0";
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Tracer {
    socket: UnixStream,
    answers: StreamDeserializer<'static, IoRead<BufReader<UnixStream>>, Value>,
    _ovs: PrivateOvs,
}

impl Tracer {
    /// Starts a switch with a port 1. It looks at two VLAN tags, not at one, which is its own default
    /// (ovs-vswitchd.conf.db(5), `vlan-limit`).
    pub(crate) fn start() -> Self {
        let ovs = PrivateOvs::new();
        ovs.vsctl(&["set", "Open_vSwitch", ".", "other_config:vlan-limit=2"]);
        ovs.add_bridge(BRIDGE);
        let port = ["set", "interface", "p1", "type=internal", "ofport_request=1"];
        ovs.vsctl(&[&["add-port", BRIDGE, "p1", "--"][..], &port].concat());
        let entries = std::fs::read_dir(ovs.rundir()).unwrap().map(|entry| entry.unwrap().path());
        let is_control = |name: &str| name.starts_with("ovs-vswitchd.") && name.ends_with(".ctl");
        let mut paths = entries.filter(|path| path.file_name().unwrap().to_str().is_some_and(is_control));
        let socket = UnixStream::connect(paths.next().unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::new(socket.try_clone().unwrap());
        Self { socket, answers: Deserializer::from_reader(reader).into_iter(), _ovs: ovs }
    }

    /// The fields of a frame that comes in at port 1, as the switch prints them.
    pub(crate) fn flow_line(&mut self, frame: &[u8]) -> String {
        let params = [BRIDGE, "in_port=1", &hex(frame)];
        let ask = json!({ "id": 0, "method": "ofproto/trace", "params": params });
        self.socket.write_all(ask.to_string().as_bytes()).unwrap();
        let answer = self.answers.next().unwrap().unwrap();
        let text = answer["result"].as_str().unwrap_or_else(|| panic!("{}: {answer}", hex(frame)));
        let line = text.lines().find_map(|line| line.strip_prefix("Flow: "));
        line.unwrap_or_else(|| panic!("{text}")).to_owned()
    }
}
