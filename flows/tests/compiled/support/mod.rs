//! What the tests of the compiler share: files compiled, packets made, what came out in words.

pub(crate) mod changes;
pub(crate) mod packets;
pub(crate) mod random;
pub(crate) mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;

use flows::compile::lease::Lease;
use flows::compile::shared::pinned_holders;
use flows::compile::{PortMap, Program, TimeContext, compile};
use flows::network::{self, NetworkFile};
use flows::verify::interp::{Output, Packet, Pipeline};
use ofproto::PortNo;
use ofproto::oxm::Field;

use crate::verdict::{Form, Frame, Leased, Out, verdict};

pub(crate) const DUAL_SOCKET: &str = include_str!("../../../networks/dual-socket.toml");
pub(crate) const COMM_MATRIX: &str = include_str!("../../../networks/comm-matrix.toml");
pub(crate) const PANTHEON: &str = include_str!("../../../networks/pantheon.toml");
pub(crate) const PHOENIX: &str = include_str!("../../../networks/phoenix.toml");
pub(crate) const SWARM: &str = include_str!("../../../networks/swarm.toml");
/// Everything at once.
pub(crate) const MIXED: &str = include_str!("mixed.toml");

/// The shipped files that say networks, by name.
pub(crate) const SHIPPED: [(&str, &str); 5] = [
    ("comm-matrix", COMM_MATRIX),
    ("dual-socket", DUAL_SOCKET),
    ("pantheon", PANTHEON),
    ("phoenix", PHOENIX),
    ("swarm", SWARM),
];

pub(crate) fn file(text: &str) -> NetworkFile {
    network::parse(text, "test.toml").unwrap_or_else(|e| panic!("{e:?}\n{text}")).0
}

/// Every port of the file gets its number; LOCAL has its own.
pub(crate) fn ports(file: &NetworkFile, bridge: &str) -> PortMap {
    let names = file.bridge_ports(bridge).into_iter().filter(|p| *p != "LOCAL");
    (1..).map(PortNo).zip(names).map(|(number, name)| (name.to_owned(), number)).collect()
}

/// 2030-01-01: crossings of the shipped files last.
pub(crate) const NOW: u64 = 1_893_456_000;

/// All windows of the file open for an hour.
pub(crate) fn open_windows(file: &NetworkFile) -> TimeContext {
    let windows = file.allows.iter().filter_map(|a| a.temp.clone()).map(|w| (w, NOW + 3_600)).collect();
    TimeContext { now: NOW, windows }
}

/// A bridge, compiled.
pub(crate) struct Compiled {
    pub(crate) text: String,
    pub(crate) file: NetworkFile,
    pub(crate) moment: TimeContext,
    pub(crate) bridge: String,
    pub(crate) ports: PortMap,
    pub(crate) names: BTreeMap<PortNo, String>,
    pub(crate) program: Program,
    /// What DHCP gave: one address to each who may have one.
    pub(crate) leases: Vec<Lease>,
    pub(crate) pipeline: Pipeline,
}

impl Compiled {
    pub(crate) fn new(file: NetworkFile, bridge: &str, moment: TimeContext) -> Self {
        let ports = ports(&file, bridge);
        let program = compile(&file, bridge, &ports, &moment);
        let (with_leases, leases) = program.clone().with_leases(packets::PEER);
        let mut flows: Vec<_> = with_leases.flows().cloned().collect();
        flows.extend(pinned_holders(&flows, 0));
        let pipeline = Pipeline::new(flows);
        let mut names: BTreeMap<_, _> = ports.iter().map(|(name, number)| (*number, name.clone())).collect();
        names.insert(PortNo::LOCAL, "LOCAL".to_owned());
        Self {
            text: String::new(),
            file,
            moment,
            bridge: bridge.to_owned(),
            ports,
            names,
            program,
            leases,
            pipeline,
        }
    }

    /// Every bridge of the file that it owns, windows closed and open.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        let file = file(text);
        let mut moments = vec![TimeContext { now: NOW, ..TimeContext::default() }];
        let open = open_windows(&file);
        if !moments.contains(&open) {
            moments.push(open);
        }
        let bridges = file.bridges.iter().filter(|b| flows::compile::owns(&file, &b.name));
        let of = |bridge: &str| {
            let at = |m: &TimeContext| Self {
                text: text.to_owned(),
                ..Self::new(file.clone(), bridge, m.clone())
            };
            moments.iter().map(at).collect::<Vec<_>>()
        };
        bridges.flat_map(|b| of(&b.name)).collect()
    }

    pub(crate) fn number(&self, port: &str) -> PortNo {
        if port == "LOCAL" { PortNo::LOCAL } else { self.ports[port] }
    }

    /// What the flows make of the frame.
    pub(crate) fn outs(&self, in_port: &str, packet: &Packet) -> Vec<Out> {
        self.outs_of(&self.pipeline, in_port, packet)
    }

    pub(crate) fn outs_of(&self, pipeline: &Pipeline, in_port: &str, packet: &Packet) -> Vec<Out> {
        let outcome = pipeline.run(self.number(in_port), packet);
        assert!(outcome.unsupported.is_empty(), "{:?}", outcome.unsupported);
        for flows in &outcome.ambiguous {
            let same =
                |n: &usize| pipeline.flows()[*n].instructions == pipeline.flows()[flows[0]].instructions;
            assert!(
                flows.iter().all(same),
                "{flows:?} contradict each other: {}",
                self.path(in_port, packet)
            );
        }
        let mut outs: Vec<Out> = outcome
            .outputs
            .iter()
            .map(|(output, sent)| match output {
                Output::Port(port) => self.out(*port, packet, sent, false),
                Output::InPort(port) => self.out(*port, packet, sent, true),
                other => panic!("{other:?} from a compiled pipeline"),
            })
            .collect();
        outs.sort();
        outs
    }

    fn out(&self, port: PortNo, came: &Packet, sent: &Packet, back: bool) -> Out {
        let tag = sent.value(Field::VlanVid).unwrap_or(0);
        let vlan = (tag & 0x1000 != 0).then_some(u16::try_from(tag & 0xfff).unwrap());
        let form = match back {
            true => {
                assert_eq!(sent.value(Field::ArpOp), Some(2), "only ARP is answered by the switch");
                assert_eq!(sent.value(Field::ArpSpa), came.value(Field::ArpTpa));
                assert_eq!(sent.value(Field::ArpTpa), came.value(Field::ArpSpa));
                assert_eq!(sent.value(Field::EthDst), came.value(Field::EthSrc));
                assert_eq!(sent.value(Field::ArpSha), sent.value(Field::EthSrc));
                Form::Answer
            }
            false if sent.value(Field::EthSrc) != came.value(Field::EthSrc) => {
                assert_eq!(sent.value(Field::IpTtl), Some(63), "routed");
                let [.., a, b, c, d, e, f] = sent.value(Field::EthDst).unwrap().to_be_bytes();
                Form::Routed([a, b, c, d, e, f])
            }
            false => {
                assert_eq!(sent.value(Field::EthDst), came.value(Field::EthDst), "changed on the way");
                Form::Same
            }
        };
        Out { port: self.names[&port].clone(), vlan, form }
    }

    /// The leases by the names of ports.
    /// Each shared address at the first of the ports at which it may be.
    fn held(&self) -> Vec<(IpAddr, String)> {
        let mut first: BTreeMap<IpAddr, (PortNo, String)> = BTreeMap::new();
        for (_, plug) in self.file.attachments_on(&self.bridge) {
            for shared in &plug.shared {
                let here = (self.number(&plug.port), plug.port.clone());
                let port = first.entry(shared.address).or_insert_with(|| here.clone());
                *port = here.min(port.clone());
            }
        }
        first.into_iter().map(|(address, (_, port))| (address, port)).collect()
    }

    fn leased(&self) -> Vec<Leased> {
        let leased = |lease: &Lease| Leased {
            port: self.names[&lease.port].clone(),
            address: lease.address,
            mac: lease.mac,
        };
        self.leases.iter().map(leased).collect()
    }

    /// The flows that the frame passes, in words.
    pub(crate) fn path(&self, in_port: &str, packet: &Packet) -> String {
        let outcome = self.pipeline.run(self.number(in_port), packet);
        let line = |s: &flows::verify::interp::MatchedFlow| match self.program.origin(s.cookie) {
            Some(o) => format!(
                "  table {} priority {}: {:?} {}: {}\n",
                s.table.0, s.priority, o.kind, o.rule, o.detail
            ),
            None => format!("  table {} priority {}: learned\n", s.table.0, s.priority),
        };
        outcome.path.iter().map(line).collect()
    }

    /// The flows do what the file says.
    pub(crate) fn agree(&self, in_port: &str, frame: Frame) {
        let packet = packets::packet(frame);
        let came_out = self.outs(in_port, &packet);
        let expected =
            verdict(&self.file, &self.moment, &self.leased(), &self.held(), &self.bridge, in_port, frame);
        assert_eq!(
            came_out,
            expected,
            "{frame:?} at {in_port} of {}:\n{}{}",
            self.bridge,
            self.path(in_port, &packet),
            if self.text.len() < 5_000 { self.text.as_str() } else { "" },
        );
    }
}
