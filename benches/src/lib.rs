//! Common inputs of Portcullis's benchmarks: see README.md in this folder.

pub mod proof_files;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flow_model::{Flow, FlowMatch};
use flows::network::{Container, NetworkFile, Protocol, Service};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::{FlowStats, MultipartReply, MultipartReplyBody};
use ofproto::oxm::Field;
use ofproto::{Cookie, EncodeError, Message, PortNo, TableId, Xid};

/// The network file of the dual-socket deployment.
pub const DUAL_SOCKET: &str = include_str!("../../flows/networks/dual-socket.toml");

/// Returns the dual-socket network, parsed. `None` if the file is invalid.
pub fn dual_socket() -> Option<NetworkFile> {
    flows::network::parse(DUAL_SOCKET, "dual-socket.toml").ok().map(|(file, _)| file)
}

/// Pantheon with all of its projects: 256 networks from one template, with their endpoints.
pub const PANTHEON: &str = include_str!("../../flows/networks/pantheon.toml");

/// Returns [`PANTHEON`] with every project present.
pub fn pantheon_256() -> String {
    PANTHEON.replace("instances = \"1-3\"", "instances = \"all\"")
}

/// Returns the text of `pantheon_256` with a range for containers on its main network.
pub fn pantheon_with_containers() -> String {
    let range = "[network.main.containers]\nids = \"100-199\"\nport = \"veth{id}\"\n\
                 addresses = [\"10.0.1.{id}\"]\nclients = [\"backend\"]\n";
    format!("{}\n{range}", pantheon_256())
}

/// Returns a container of [`pantheon_with_containers`].
pub fn container() -> Container {
    let service = Service { name: "web".to_owned(), protocol: Protocol::Tcp, port: 80 };
    Container {
        id: 100,
        name: "new".to_owned(),
        network: "main".to_owned(),
        mac: Some([2, 0x50, 0x43, 0, 0, 1]),
        services: vec![service],
    }
}

/// Returns a network file of `count` networks, each with two endpoints and a rule.
pub fn networks(count: u32, bridges: Bridges) -> String {
    let mut text = String::new();
    for n in 0..count {
        let bridge = match bridges {
            Bridges::One => "br".to_owned(),
            Bridges::Each => format!("br{n}"),
        };
        let net = format!("10.{}.{}", n / 256, n % 256);
        let _ = writeln!(
            text,
            "[network.n{n}]\nbridge = \"{bridge}\"\nsubnets = [\"{net}.0/24\"]\n\
             [endpoint.a{n}]\nattach = [{{ network = \"n{n}\", port = \"a{n}\", addresses = [\"{net}.1\"] }}]\n\
             [endpoint.b{n}]\nattach = [{{ network = \"n{n}\", port = \"b{n}\", addresses = [\"{net}.2\"] }}]\n\
             [[allow]]\nname = \"r{n}\"\nfrom = \"a{n}\"\nto = \"b{n}\"\nprotocol = \"tcp\"\nports = [443]"
        );
    }
    text
}

/// The placement of the networks of [`networks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bridges {
    /// All networks on one bridge, `br`.
    One,
    /// Each network on a bridge of its own, from `br0` on.
    Each,
}

/// Returns a flow like that of an allow, one for each number: TCP to one address and port, to the
/// forwarding table.
pub fn numbered_flow(number: u32) -> Flow {
    let matches = FlowMatch::any()
        .with(Field::EthType, 0x800)
        .with(Field::IpProto, 6)
        .with(Field::Ipv4Dst, u128::from(0x0a00_0000 + number))
        .with(Field::TcpDst, 443);
    let mut flow = Flow::new(TableId(2), 1_000, matches);
    flow.cookie = Cookie(u64::from(number));
    let output = Action::Output { port: PortNo(1 + number % 64), max_len: 0 };
    flow.instructions = vec![Instruction::ApplyActions(vec![output]), Instruction::GotoTable(TableId(3))];
    flow
}

/// Returns the flow as a switch reports it.
pub fn reported(flow: &Flow) -> FlowStats {
    FlowStats {
        duration_sec: 3_600,
        duration_nsec: 500_000_000,
        packet_count: 123_456,
        byte_count: 123_456_789,
        ..flow.to_stats()
    }
}

/// Returns a flow statistics reply with as many flows as 64 kB hold, and their number.
///
/// # Errors
/// [`EncodeError`] if the flows do not encode.
pub fn full_flow_reply() -> Result<(Vec<u8>, u32), EncodeError> {
    let reply = |count: u32| {
        let flows = (0..count).map(|n| reported(&numbered_flow(n))).collect();
        let body = MultipartReplyBody::Flow(flows);
        Message::MultipartReply(MultipartReply { flags: 0, body }).encode(Xid(7))
    };
    // Header and multipart header are 16 bytes; all flows have one length.
    let one = reply(1)?.len() - 16;
    let count = u32::try_from((0xffff - 16) / one).unwrap_or(1);
    Ok((reply(count)?, count))
}

/// Returns numbers for the ports that a file assigns to a bridge.
pub fn ports(file: &NetworkFile, bridge: &str) -> BTreeMap<String, PortNo> {
    flows::verify::bridge_flows::numbered_ports(file, bridge)
}
