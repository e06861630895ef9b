//! The flow syntax against the installed `ovs-ofctl`. Each line goes both ways into a real Open vSwitch: through
//! `ovs-ofctl add-flow`, and through our parser and our flow_mod. What the switch then has must be the same flow, and
//! our text of it the text of `ovs-ofctl dump-flows`.

use std::process::Command;

use flows::Flow;
use ofctl::syntax::{
    NoNames, PortNames, SyntaxErrorKind, parse_flow, parse_flow_with_warnings, parse_match, print_flow,
    print_stats,
};
use ofproto::message::multipart::{FlowStats, FlowStatsRequest, MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::{Message, PortNo, TableId};
use portcullis_tests::{Conn, PrivateOvs, lines, says_no_less};

/// Ports of the document's bridges, and some with names that need quotes.
const PORTS: [&str; 17] = [
    "warp0",
    "veth100",
    "veth102",
    "from-privacy",
    "to-privacy",
    "nm-privacy",
    "nm-mgmt",
    "to-mgmt",
    "from-mgmt",
    "veth200",
    "veth201",
    "veth202",
    "eth.1",
    "1st",
    "tap_x",
    "exit",
    "faction0",
];

/// A switch with those ports, and a connection to it.
struct Bench {
    ovs: PrivateOvs,
    conn: Conn,
    names: PortNames,
}

impl Bench {
    fn new() -> Self {
        let ovs = PrivateOvs::new();
        ovs.add_bridge("vmbr0");
        for (name, n) in PORTS.iter().zip(1..) {
            let request = format!("ofport_request={n}");
            ovs.vsctl(&[
                "add-port",
                "vmbr0",
                name,
                "--",
                "set",
                "interface",
                name,
                "type=internal",
                &request,
            ]);
        }
        ovs.ofctl(&["add-group", "vmbr0", "group_id=5,type=all,bucket=actions=output:1"]);
        ovs.ofctl(&["add-meter", "vmbr0", "meter=3,kbps,band=type=drop,rate=5"]);
        let conn = Conn::dial(&ovs.mgmt("vmbr0"));
        let ports = PORTS.iter().zip(1..).map(|(name, n)| (*name, PortNo(n)));
        Self { ovs, conn, names: ports.chain([("vmbr0", PortNo::LOCAL)]).collect() }
    }

    fn clear(&mut self) {
        let delete =
            FlowMod { command: FlowModCommand::Delete, table_id: TableId::ALL, ..FlowMod::default() };
        self.conn.send(&Message::FlowMod(delete));
        self.conn.barrier();
    }

    /// Whether `ovs-ofctl` and the switch take a line. Only its flow is on the switch then.
    fn ovs_takes(&mut self, line: &str) -> bool {
        self.clear();
        self.ovs.try_ofctl(&["--names", "add-flow", "vmbr0", line]).status.success()
            && self.stats().len() == 1
    }

    fn stats(&mut self) -> Vec<FlowStats> {
        let parts = self.conn.parts(MultipartRequestBody::Flow(FlowStatsRequest::default()));
        let lists = parts.into_iter().map(|part| match part {
            MultipartReplyBody::Flow(list) => list,
            other => panic!("{other:?}"),
        });
        lists.flatten().collect()
    }

    /// What `ovs-ofctl` prints of the one flow.
    fn dumped(&self) -> String {
        self.ovs.ofctl(&["--names", "--no-stats", "dump-flows", "vmbr0"]).trim_end_matches('\n').to_owned()
    }

    fn check(&mut self, line: &str) {
        assert!(self.ovs_takes(line), "Open vSwitch refuses {line}");
        let theirs = self.dumped();
        let [stats] = &self.stats()[..] else { panic!("{line}: not one flow") };

        let ours = parse_flow(line, &self.names).unwrap_or_else(|error| panic!("{line}: {error:?}"));
        let text = print_stats(stats, &self.names, false);
        assert_eq!(format!(" {}", print_flow(&ours, &self.names)), text, "{line}");
        assert!(says_no_less(&text, &theirs), "{line}\nours   {text}\ntheirs {theirs}");
        // What a switch has must not look like drift from what was asked of it.
        assert_eq!(ours, Flow::from_stats(stats), "{line}");

        self.clear();
        self.conn.send(&Message::FlowMod(ours.to_flow_mod(FlowModCommand::Add)));
        self.conn.barrier();
        assert_eq!(self.conn.errors(), [], "{line}");
        assert_eq!(self.dumped(), theirs, "{line}: sent by us");
    }
}

/// `ovs-ofctl` counts by the words of a line, not by what they mean.
#[test]
fn the_protocols_that_can_say_a_line_are_those_of_ovs_ofctl() {
    let lines = [lines::DOCUMENT, lines::MATCHES, lines::ACTIONS, lines::LEARN, lines::LATER].concat();
    let mut compared = 0;
    for line in lines {
        // Without a switch there are no names of ports, here as there.
        let output =
            Command::new("ovs-ofctl").args(["-O", "OpenFlow13", "parse-flow", line]).output().unwrap();
        let Ok(parsed) = parse_flow_with_warnings(line, &NoNames) else { continue };
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.lines().next(), Some(&*format!("usable protocols: {}", parsed.usable)), "{line}");
        compared += 1;
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn what_ovs_ofctl_takes_is_the_same_flow_here() {
    let mut bench = Bench::new();
    for line in lines::DOCUMENT
        .iter()
        .chain(lines::MATCHES)
        .chain(lines::ACTIONS)
        .chain(lines::LEARN)
        .chain(lines::LATER)
    {
        bench.check(line);
    }
}

/// It does not read back what it prints of these.
#[test]
fn packet_types_of_learned_flows_are_printed_as_by_ovs_ofctl() {
    for packet_type in ["(0,0)", "(0,1)", "(1,0)", "(1,0x86dd)"] {
        let line = format!("actions=learn(table=1,packet_type={packet_type})");
        let output =
            Command::new("ovs-ofctl").args(["-O", "OpenFlow13", "parse-flow", &line]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let theirs = said.trim_end().split_once(": ADD ").unwrap().1;
        assert_eq!(print_flow(&parse_flow(&line, &NoNames).unwrap(), &NoNames), theirs);
    }
}

#[test]
fn actions_nest_as_deep_as_in_ovs_ofctl() {
    for depth in [98, 99, 100] {
        let line = format!("actions={}output:1{}", "clone(".repeat(depth), ")".repeat(depth));
        let output =
            Command::new("ovs-ofctl").args(["-O", "OpenFlow13", "parse-flow", &line]).output().unwrap();
        assert_eq!(parse_flow(&line, &NoNames).is_ok(), output.status.success(), "{depth}");
    }
}

#[test]
fn what_ovs_ofctl_refuses_is_refused_here() {
    let mut bench = Bench::new();
    for line in lines::REFUSED {
        assert!(!bench.ovs_takes(line), "Open vSwitch takes {line}");
        let ours = parse_flow(line, &bench.names);
        assert!(ours.is_err(), "{line}: {ours:?}");
    }
}

/// Where `ovs-ofctl` installs something else than the line says, or less of it, the line is refused.
#[test]
fn what_ovs_ofctl_would_change_is_refused_here() {
    let mut bench = Bench::new();
    for (line, theirs) in lines::CHANGED {
        assert!(bench.ovs_takes(line), "Open vSwitch refuses {line}");
        assert_eq!(bench.dumped().trim_start(), *theirs, "{line}");
        let ours = parse_flow(line, &bench.names);
        assert!(ours.is_err(), "{line}: {ours:?}");
    }
}

/// The document's two lines for health checks name a port of another bridge.
#[test]
fn a_port_that_the_bridge_lacks_is_told_from_other_errors() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("vmbr1");
    let names: PortNames = [("veth202", PortNo(1)), ("from-privacy", PortNo(2))].into_iter().collect();
    for (line, port) in lines::HEALTH_CHECKS {
        assert!(!ovs.try_ofctl(&["--names", "add-flow", "vmbr1", line]).status.success());
        let error = parse_flow(line, &names).expect_err(line);
        assert_eq!(error.kind, SyntaxErrorKind::UnknownPort((*port).to_owned()));
        assert_eq!(&line[error.span], *port);
    }
}

/// Fields without their prerequisites: `ovs-ofctl` leaves them out, and so do we, but we say so.
#[test]
fn what_ovs_ofctl_leaves_out_is_left_out_with_a_warning() {
    let mut bench = Bench::new();
    for line in lines::NORMALIZED {
        bench.check(line);
        let warnings = parse_flow_with_warnings(line, &bench.names).unwrap().warnings;
        assert!(!warnings.is_empty(), "{line}");
    }
}

/// Numbers that OpenFlow 1.0 had for ports, and bits that a field has not: taken as by `ovs-ofctl`, and said.
#[test]
fn what_is_taken_otherwise_than_written_is_said() {
    let mut bench = Bench::new();
    for line in lines::CUT {
        bench.check(line);
        let warnings = parse_flow_with_warnings(line, &bench.names).unwrap().warnings;
        assert!(!warnings.is_empty(), "{line}");
    }
}

#[test]
fn a_whole_dump_is_the_same_text() {
    let mut bench = Bench::new();
    bench.clear();
    for (n, line) in lines::DOCUMENT.iter().enumerate() {
        bench.ovs.ofctl(&["--names", "add-flow", "vmbr0", &format!("table={n},{line}")]);
    }
    let ours: Vec<_> = bench.stats().iter().map(|stats| print_stats(stats, &bench.names, true)).collect();
    let theirs = bench.ovs.ofctl(&["--names", "dump-flows", "vmbr0"]);
    let ageless = |line: &str| {
        let (head, tail) = line.split_once("duration=").unwrap();
        let (age, tail) = tail.split_once(", ").unwrap();
        assert!(age.ends_with('s'), "{line}");
        format!("{head}{tail}")
    };
    let ours: Vec<_> = ours.iter().map(|line| ageless(line)).collect();
    assert_eq!(ours, theirs.lines().map(ageless).collect::<Vec<_>>());
}

#[test]
fn a_match_selects_the_same_flows() {
    let mut bench = Bench::new();
    bench.clear();
    for (n, line) in lines::DOCUMENT.iter().enumerate() {
        bench.ovs.ofctl(&["--names", "add-flow", "vmbr0", &format!("table={n},{line}")]);
    }
    for text in ["in_port=veth100", "udp", "tcp,tp_dst=9573", "", "in_port=LOCAL", "dl_type=0x800"] {
        let fields = parse_match(text, &bench.names).unwrap().to_wire();
        let request = FlowStatsRequest { fields, ..FlowStatsRequest::default() };
        let parts = bench.conn.parts(MultipartRequestBody::Flow(request));
        let [MultipartReplyBody::Flow(list)] = &parts[..] else { panic!("{parts:?}") };
        let ours: Vec<_> = list.iter().map(|stats| print_stats(stats, &bench.names, false)).collect();
        let theirs = bench.ovs.ofctl(&["--names", "--no-stats", "dump-flows", "vmbr0", text]);
        assert_eq!(ours, theirs.lines().collect::<Vec<_>>(), "{text}");
    }
}
