//! What a switch has.

use serde_json::Value;

use super::{Bench, steady};

/// Matches of every kind, several with one field in common.
const MATCHES: &str = "ip
tcp
udp
arp
icmp
ipv6
tcp6
icmp6,icmp_type=135
icmp6,icmp_type=136,nd_target=fe80::1
dl_vlan=5
vlan_tci=0x1000/0x1000
dl_vlan=7,dl_vlan_pcp=3
dl_vlan=0xffff
ip,nw_src=10.5.0.0/16
ip,nw_src=10.4.0.0/24
ip,nw_src=10.4.0.9
ip,nw_dst=192.0.2.9
tcp,tp_src=80
tcp,tp_src=443,tp_dst=9
udp,tp_src=53
udp,tp_src=68
udp,tp_dst=0x20/0xfff0
icmp,icmp_type=8
icmp,icmp_type=0,icmp_code=3
arp,arp_op=1
arp,arp_op=2
arp,arp_spa=192.0.2.1
arp,arp_spa=192.0.2.0/24
arp,arp_sha=00:00:00:00:00:07
reg0=7
reg0=3/0xff
reg1=9
reg0=1,reg1=2
metadata=0x10/0xff
in_port=1
in_port=2
in_port=LOCAL
in_port=77
ip,nw_tos=32
ip,nw_ttl=64
ip,nw_frag=later
ip,nw_proto=47
dl_src=00:00:00:00:00:12
dl_dst=01:00:00:00:00:00/01:00:00:00:00:00
ipv6,ipv6_src=fe80::9
ipv6,ipv6_dst=2001:db8::/32
tun_id=7
ct_state=+trk+new,ip,ct_zone=4
ct_state=+trk+est
ct_mark=5/0xf
conj_id=8
sctp,tp_src=6
mpls,mpls_label=16
pkt_mark=4
tcp,tcp_flags=+syn-ack
dl_type=0x88cc";

const ACTIONS: [&str; 9] = [
    "drop",
    "NORMAL",
    "output:1",
    "output:3,LOCAL",
    "group:5",
    "resubmit(,5)",
    "output:2,group:6",
    "CONTROLLER:128",
    "write_actions(output:4),goto_table:9",
];

fn mixed() -> String {
    let mut flows = String::new();
    for (n, fields) in MATCHES.lines().enumerate() {
        for table in [0, n % 3 + 1] {
            let priority = [1, 2, 100, 32768][(n + table) % 4];
            let actions = ACTIONS[(n * 2 + table) % ACTIONS.len()];
            let timeout = if n % 7 == 0 { ",hard_timeout=3000,send_flow_rem" } else { "" };
            let cookie = n % 20;
            flows += &format!(
                "table={table},priority={priority},cookie={cookie}{timeout},{fields} actions={actions}\n"
            );
        }
    }
    flows + "actions=drop\npriority=0 actions=NORMAL\n"
}

/// Tables with names: one that needs quotes, and one that two have.
pub(super) fn name_tables(bench: &Bench) {
    for (table, name) in [(2, "mytab"), (3, "my-tab"), (6, "both"), (9, "both")] {
        let name = format!("name={name}");
        let column = format!("flow_tables:{table}=@t");
        bench.ovs.vsctl(&[
            "--",
            "--id=@t",
            "create",
            "flow_table",
            &name,
            "--",
            "set",
            "bridge",
            "br0",
            &column,
        ]);
    }
    let flows = "table=2,priority=5,in_port=1 actions=resubmit(,3),learn(table=2,NXM_OF_IN_PORT[]),goto_table:9\n\
                 table=3,priority=5,ip,in_port=1 actions=ct(table=2),resubmit(1,6)\n";
    bench.add("br0", "tables", flows);
}

const FILTERS: [&str; 24] = [
    "table=0",
    "table=2,ip",
    "table=255",
    "ip",
    "tcp",
    "ip,nw_src=10.4.0.0/16",
    "in_port=1",
    "in_port=warp0",
    "in_port=\"1st\"",
    "out_port=1",
    "out_port=warp0",
    "out_port=LOCAL",
    "out_port=CONTROLLER",
    "out_group=5",
    "cookie=1/-1",
    "cookie=0x10/0x10",
    "arp table=1",
    "dl_vlan=5",
    "ipv6,ipv6_dst=2001:db8::/32",
    "reg0=7",
    "duration=3s,n_packets=0,n_bytes=0,table=0,ip",
    "udp6",
    // What has no prerequisites selects nothing, but what is about Ethernet packets.
    "tp_dst=80",
    "eth",
];

#[test]
fn flows_by_every_filter_with_and_without_names_and_counters() {
    let bench = Bench::new();
    bench.add("br0", "mixed", &mixed());
    bench.same(&["--names", "dump-flows", "br0"], &["dump-flows", "br0"]);
    bench.same(&["--names", "dump-flows", "br0"], &["dump-flows", "--no-names", "--names", "br0"]);
    bench.same(&["--no-names", "dump-flows", "br0"], &["dump-flows", "br0", "--no-names"]);
    for filter in FILTERS {
        bench.same(&["--names", "dump-flows", "br0", filter], &["dump-flows", "br0", filter]);
        let quiet = ["--names", "--no-stats", "dump-flows", "br0", filter];
        bench.same(&quiet, &["dump-flows", "--no-stats", "br0", filter]);
        if !filter.contains("warp0") && !filter.contains("1st") {
            let numbers = ["--no-names", "dump-flows", "br0", filter];
            bench.same(&numbers, &["dump-flows", "--no-names", "br0", filter]);
            let both = ["--no-names", "--no-stats", "dump-flows", "br0", filter];
            bench.same(&both, &["dump-flows", "--no-names", "--no-stats", "br0", filter]);
        }
    }
    // The socket by its path, and over TCP.
    let path = bench.ovs.mgmt("br0");
    let unix = format!("unix:{}", path.display());
    bench.same(&["--names", "dump-flows", "br0"], &["dump-flows", &unix]);
    bench.same(&["--names", "dump-flows", "br0"], &["dump-flows", path.to_str().unwrap()]);
}

/// Fields that can be sorted by, some of them in two spellings, and some that no flow has.
const FIELDS: &str = "nw_src ip_src nw_dst in_port in_port_oxm tcp_src tp_src udp_src tcp_dst udp_dst icmp_type icmp_code \
    arp_op arp_spa arp_sha reg0 reg1 xreg0 xxreg0 metadata nw_tos ip_dscp nw_ecn nw_ttl nw_proto dl_type eth_type dl_src \
    eth_dst dl_vlan vlan_vid dl_vlan_pcp vlan_pcp vlan_tci ipv6_src tun_id tunnel_id ct_zone ct_state ct_mark conj_id \
    icmpv6_type sctp_src mpls_label pkt_mark nd_target nd_sll actset_output ip_frag tcp_flags packet_type priority";

#[test]
fn tables_have_names() {
    let bench = Bench::new();
    name_tables(&bench);
    for filter in ["in_port=1", "table=mytab", "table=\"my-tab\"", "table=2", "table=9"] {
        bench.same(&["--names", "dump-flows", "br0", filter], &["dump-flows", "br0", filter]);
        let quiet = ["--names", "--no-stats", "dump-flows", "br0", filter];
        bench.same(&quiet, &["dump-flows", "--no-stats", "br0", filter]);
    }
    bench.same(&["--no-names", "dump-flows", "br0"], &["dump-flows", "--no-names", "br0"]);
    bench.same(&["--names", "dump-tables", "br0"], &["dump-tables", "br0"]);
    bench.same(
        &["--names", "dump-aggregate", "br0", "table=mytab"],
        &["dump-aggregate", "br0", "table=mytab"],
    );
    // Numbers alone know no names.
    let filter = "table=mytab";
    assert!(!bench.ovs.try_ofctl(&["--no-names", "dump-flows", "br0", filter]).status.success());
    assert_eq!(bench.output(&["dump-flows", "--no-names", "br0", filter]).status.code(), Some(1));
    for table in ["both", "nobody"] {
        let filter = format!("table={table}");
        assert!(!bench.ovs.try_ofctl(&["--names", "dump-flows", "br0", &filter]).status.success());
        assert_eq!(bench.output(&["dump-flows", "br0", &filter]).status.code(), Some(1));
    }
}

#[test]
fn flows_in_every_order() {
    let bench = Bench::new();
    bench.add("br0", "mixed", &mixed());
    for field in FIELDS.split_ascii_whitespace() {
        for order in ["sort", "rsort"] {
            let option = format!("--{order}={field}");
            bench.same(&["--names", &option, "dump-flows", "br0"], &["dump-flows", "br0", &option]);
        }
        let (up, down) = (format!("--sort={field}"), format!("--rsort={field}"));
        let theirs = ["--names", &up, "--rsort=in_port", "dump-flows", "br0", "ip"];
        bench.same(&theirs, &["dump-flows", &up, "--rsort=in_port", "br0", "ip"]);
        let theirs = ["--names", "--sort=reg0", &down, "--sort", "dump-flows", "br0"];
        bench.same(&theirs, &["dump-flows", "br0", "--sort=reg0", &down, "--sort"]);
    }
    // The field may be left out, or stand apart.
    bench.same(&["--names", "--sort", "dump-flows", "br0"], &["dump-flows", "--sort", "br0"]);
    bench.same(&["--names", "--rsort", "dump-flows", "br0", "ip"], &["dump-flows", "--rsort", "br0", "ip"]);
    bench
        .same(&["--names", "--sort=nw_src", "dump-flows", "br0"], &["dump-flows", "--sort", "nw_src", "br0"]);
    let theirs = ["--no-names", "--no-stats", "--sort=nw_src", "dump-flows", "br0"];
    bench.same(&theirs, &["dump-flows", "--no-names", "--no-stats", "--sort=nw_src", "br0"]);
}

#[test]
fn everything_else_that_a_switch_has() {
    let bench = Bench::new();
    bench.add("br0", "mixed", &mixed());
    let verbs = "dump-aggregate dump-tables dump-groups dump-group-stats dump-group-features dump-ports \
                 dump-ports-desc show dump-desc dump-meters meter-stats meter-features";
    for verb in verbs.split_ascii_whitespace() {
        bench.same(&["--names", verb, "br0"], &[verb, "br0"]);
        bench.same(&["--no-names", verb, "br0"], &[verb, "--no-names", "br0"]);
    }
    for (verb, which) in [
        ("dump-aggregate", "ip"),
        ("dump-aggregate", "table=1,cookie=1/1,out_port=warp0"),
        ("dump-ports", "3"),
        ("dump-ports", "LOCAL"),
        ("dump-ports", "br0"),
        ("dump-ports", "warp0"),
        ("dump-ports", "eth.1"),
        ("dump-ports", "99"),
        ("dump-ports-desc", "3"),
        ("dump-groups", "6"),
        ("dump-group-stats", "group_id=6"),
        ("dump-group-stats", "group_id=all"),
        ("dump-meters", "meter=3"),
        ("meter-stats", "meter=3"),
    ] {
        bench.same(&["--names", verb, "br0", which], &[verb, "br0", which]);
    }
}

#[test]
fn json_says_what_the_text_says() {
    let bench = Bench::new();
    bench.add("br0", "mixed", &mixed());
    let text = steady(&bench.ours(&["dump-flows", "br0", "--no-stats"]));
    let lines: Vec<&str> = text.lines().collect();
    let json = bench.ours(&["dump-flows", "br0", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.len(), lines.len());
    assert_eq!(json.lines().count(), rows.len() + 2, "an object a line, between two brackets");
    for (row, line) in rows.iter().zip(lines) {
        assert!(line.ends_with(&format!("actions={}", row["actions"].as_str().unwrap())), "{line}: {row}");
        assert!(line.contains(row["match"].as_str().unwrap()), "{line}: {row}");
        let priority = row["priority"].as_u64().unwrap();
        assert_eq!(priority != 32768, line.contains(&format!("priority={priority}")), "{line}: {row}");
        assert_eq!(row["packets"], 0, "{row}");
        assert!(row["duration_seconds"].is_number(), "{row}");
    }
    let few = bench.ours(&["dump-flows", "br0", "--json", "--no-stats", "udp6"]);
    assert_eq!(few, "[]\n");
    let some: Vec<Value> =
        serde_json::from_str(&bench.ours(&["dump-flows", "br0", "--json", "--no-stats", "arp"])).unwrap();
    assert!(!some.is_empty() && some.iter().all(|row| row.get("packets").is_none()));
}

#[test]
fn rates_are_what_passed_between_two_dumps() {
    let bench = Bench::new();
    bench.add("br0", "two", "priority=5,in_port=1 actions=drop\npriority=5,in_port=2 actions=drop\n");
    let command = bench
        .command(&["dump-flows", "br0", "--rate", "1", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut child = command.unwrap();
    let packet = format!("in_port=1,packet={},actions=resubmit(,0)", "00".repeat(60));
    while child.try_wait().unwrap().is_none() {
        bench.ovs.ofctl(&["packet-out", "br0", &packet]);
    }
    let rows: Vec<Value> = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    let rate = |port: &str, unit: &str| {
        let row = rows.iter().find(|row| row["match"] == format!("in_port={port}")).unwrap();
        row[unit].as_f64().unwrap()
    };
    let (packets, bits) = (rate("warp0", "packets_per_second"), rate("warp0", "bits_per_second"));
    assert!(packets > 0.0, "{rows:?}");
    assert!((bits / packets - 480.0).abs() < 1e-6, "60 bytes a packet: {bits} / {packets}");
    assert_eq!(rate("\"eth.1\"", "packets_per_second"), 0.0);
    let text = bench.ours(&["dump-flows", "br0", "--rate", "0.1", "--no-names", "in_port=2"]);
    assert!(text.contains("n_bytes=0, packets/s=0.0, bits/s=0, priority=5,in_port=2"), "{text}");
}
