//! What Prometheus itself makes of the controller's metrics, after real packets: Debian's `promtool` and a
//! running `prometheus`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use lab::HOST;
use portcullis::api_client::{ApiAddress, fetch};
use portcullis_tests::Running;
use portcullis_tests::running::METRICS;
use portcullis_tests::traffic::{Udp, ping, ping_as, ping_now, tcp, udp_now};
use serde_json::Value;

const INTERNET: &str = "198.51.100.10";
const BRIDGES: [&str; 4] = ["vmbr0", "vmbr1", "mesh-privacy", "mesh-mgmt"];
/// In the lab's host, where nobody else listens.
const PROMETHEUS: &str = "127.0.0.1:9090";

/// Each family, its type, and the labels of its samples.
const FAMILIES: [(&str, &str, &[&str]); 15] = [
    ("portcullis_switches_connected", "gauge", &[]),
    ("portcullis_bridge_connected", "gauge", &["bridge"]),
    ("portcullis_bridge_settled", "gauge", &["bridge"]),
    ("portcullis_ambiguous_ports", "gauge", &["bridge"]),
    ("portcullis_flows", "gauge", &["bridge", "table"]),
    ("portcullis_learned_flows", "gauge", &["bridge"]),
    ("portcullis_rule_packets_total", "counter", &["bridge", "rule"]),
    ("portcullis_rule_bytes_total", "counter", &["bridge", "rule"]),
    ("portcullis_denied_packets_total", "counter", &["bridge", "reason"]),
    ("portcullis_packet_ins_total", "counter", &["bridge"]),
    ("portcullis_flow_mods_total", "counter", &["bridge"]),
    ("portcullis_openflow_errors_total", "counter", &["code", "type"]),
    ("portcullis_drift_repaired_total", "counter", &["bridge"]),
    ("portcullis_reconcile_duration_seconds", "histogram", &["bridge"]),
    ("portcullis_isolation_fault", "gauge", &["bridge", "kind"]),
];

/// A sample: its name, its labels in order of their names, its value.
type Sample<'a> = (&'a str, Vec<(&'a str, &'a str)>, f64);

fn samples(text: &str) -> Vec<Sample<'_>> {
    let sample = |line| {
        let (series, value) = str::rsplit_once(line, ' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').expect("the end of the labels");
        let mut labels: Vec<_> = labels
            .split_terminator("\",")
            .map(|l| l.split_once("=\"").expect("a label"))
            .map(|(k, v)| (k, v.trim_end_matches('"')))
            .collect();
        labels.sort_unstable();
        (name, labels, value.parse().expect("a number"))
    };
    text.lines().filter(|l| !l.starts_with('#')).map(sample).collect()
}

/// Whether a text is an address or holds one: IPv4, IPv6 or a MAC.
fn holds_address(text: &str) -> bool {
    let v4 = |word: &str| word.parse::<std::net::Ipv4Addr>().is_ok();
    let colons = |word: &str| word.matches(':').count() >= 2;
    text.split(|c: char| !(c.is_ascii_digit() || c == '.')).any(v4)
        || text.split(|c: char| !(c.is_ascii_hexdigit() || c == ':')).any(colons)
}

/// Packets by rule, a denied one, an answer by a learned flow, drift, and an error by a switch.
fn eventful() -> Running {
    let net = Running::dual_socket();
    for from in ["gateway", "nm-privacy"] {
        assert!(tcp(&net.lab, from, "internet", &format!("{INTERNET}:443")), "{from}");
    }
    assert!(ping_as(&net.lab, "gateway", INTERNET, Some("10.8.0.2")));
    assert!(tcp(&net.lab, "mcp", "api", "10.1.0.201:9573"));
    assert!(!ping_now(&net.lab, "internet", "10.0.0.102"));
    assert_eq!(udp_now(&net.lab, "gateway", "xray", "10.0.0.102:53"), Udp::Lost);
    net.lab.ofctl(&["add-flow", "vmbr1", "priority=7,ip,nw_dst=10.9.8.7,actions=drop"]).unwrap();

    // A group that the bridge does not have: nothing but the switch can know that.
    net.lab
        .vsctl(&[
            "add-br",
            "extra",
            "--",
            "set",
            "bridge",
            "extra",
            "datapath_type=netdev",
            "protocols=OpenFlow13",
            "fail_mode=secure",
            "other-config:disable-in-band=true",
        ])
        .unwrap();
    let text = std::fs::read_to_string(&net.path).unwrap();
    net.apply(&format!("{text}\n[bridge.extra]\nflows = [\"priority=1,actions=group:77\"]\n"));
    net.lab.vsctl(&["set-controller", "extra", "tcp:127.0.0.1:6653"]).unwrap();
    net.wait_for("the error", || net.metrics().contains("portcullis_openflow_errors_total{").then_some(()));
    net.lab.vsctl(&["del-controller", "extra"]).unwrap();
    net.wait_for("the counters", || {
        let counted = [
            "portcullis_rule_packets_total{bridge=\"vmbr0\",rule=\"warp-egress\"}",
            "portcullis_rule_packets_total{bridge=\"vmbr1\",rule=\"op-dbus-api\"}",
            "portcullis_denied_packets_total{bridge=\"vmbr0\",reason=\"not-allowed\"}",
            "portcullis_learned_flows{bridge=\"vmbr0\"}",
            "portcullis_drift_repaired_total{bridge=\"vmbr1\"}",
        ];
        let left = net.metric("portcullis_switches_connected") == 4.0;
        (left && counted.iter().all(|sample| net.metric(sample) > 0.0)).then_some(())
    });
    net.wait_for("the audit", || net.metrics().contains("portcullis_isolation_fault{").then_some(()));
    net
}

/// What `promtool check metrics` says of a text: whether it takes it, and its words.
fn promtool(text: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool: is Debian's prometheus installed?");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&words).into_owned())
}

/// The value of the one series that a query gives.
fn asked(net: &Running, query: &str) -> Option<f64> {
    let address = ApiAddress::Tcp(PROMETHEUS.parse().unwrap());
    let escaped: String = query.bytes().map(|b| format!("%{b:02x}")).collect();
    let path = format!("/api/v1/query?query={escaped}");
    let text = net.lab.within(HOST, || fetch(&address, &path)).unwrap().ok()?;
    let answer: Value = serde_json::from_str(&text).unwrap();
    let found = answer["data"]["result"].as_array()?.clone();
    let [series] = found.as_slice() else {
        assert!(found.is_empty(), "{query}: {answer:#}");
        return None;
    };
    Some(series["value"][1].as_str()?.parse().unwrap())
}

#[test]
fn promtool_takes_the_metrics_and_prometheus_scrapes_them() {
    let net = eventful();
    let text = net.metrics();

    assert_eq!(promtool(&text), (true, String::new()), "{text}");
    // It does say something where something is wrong.
    let wrong = "# HELP x_count A counter by another name.\n# TYPE x_count gauge\nx_count 1\n";
    assert_ne!(promtool(wrong), (true, String::new()));

    let all = samples(&text);
    for (family, kind, labels) in FAMILIES {
        let head = format!("# TYPE {family} {kind}\n");
        assert!(text.contains(&head), "{head}: {text}");
        let sample = if kind == "histogram" { format!("{family}_count") } else { family.to_owned() };
        let found: Vec<_> = all.iter().filter(|(name, ..)| *name == sample).collect();
        assert!(!found.is_empty(), "no sample of {family}");
        for (_, given, _) in &found {
            let names: Vec<_> = given.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, labels, "{family}");
        }
        if labels.contains(&"bridge") {
            for bridge in BRIDGES {
                let of = found.iter().filter(|(_, given, _)| given.contains(&("bridge", bridge))).count();
                // A bridge that nobody was denied anything on may have no such sample.
                assert!(of > 0 || family.contains("denied"), "{family} of {bridge}");
            }
        }
    }
    // Flows by table add up to what the switch has.
    let by_table =
        all.iter().filter(|(name, l, _)| *name == "portcullis_flows" && l.contains(&("bridge", "mesh-mgmt")));
    assert_eq!(by_table.map(|s| s.2).sum::<f64>(), net.flows("mesh-mgmt").len() as f64);

    for (name, labels, _) in &all {
        for (label, value) in labels {
            assert!(!holds_address(value), "{name}: {label}={value:?}");
        }
    }
    assert!(
        ["10.0.0.102", "at 10.0.0.0/24", "10.0.0.1:80", "fd00::1", "02:00:00:00:00:01"]
            .into_iter()
            .all(holds_address)
    );
    assert!(!["0.1.0", "vmbr0", "0.0025", "dead-beef"].into_iter().any(holds_address));

    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("prometheus.yml");
    let scrape = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: portcullis\n    static_configs:\n      - targets: ['{METRICS}']\n"
    );
    std::fs::write(&config, scrape).unwrap();
    let words = [
        "prometheus".to_owned(),
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", dir.path().join("data").display()),
        format!("--web.listen-address={PROMETHEUS}"),
    ];
    let prometheus = net.lab.spawn(HOST, &words.each_ref().map(String::as_str)).unwrap();
    net.wait_for("Prometheus to scrape", || {
        assert!(prometheus.running(), "{}", prometheus.output());
        asked(&net, "up{job=\"portcullis\"}").filter(|up| *up == 1.0)
    });
    assert_eq!(asked(&net, "portcullis_switches_connected"), Some(4.0));
    assert_eq!(asked(&net, "sum(portcullis_bridge_connected)"), Some(4.0));
    let by_rule = "portcullis_rule_packets_total{bridge=\"vmbr0\",rule=\"warp-egress\"}";
    let before = asked(&net, by_rule).expect("packets by rule");
    assert!(before > 0.0);
    // It scrapes on: what passes and what is dropped now is counted too.
    let by_reason = "portcullis_denied_packets_total{bridge=\"vmbr0\",reason=\"not-allowed\"}";
    let denied = asked(&net, by_reason).expect("denies by reason");
    assert!(ping(&net.lab, "xray", INTERNET));
    assert!(!ping_now(&net.lab, "internet", "10.0.0.100"));
    net.wait_for("the packets in Prometheus", || {
        let more = |query, than| asked(&net, query).is_some_and(|now| now > than);
        (more(by_rule, before) && more(by_reason, denied)).then_some(())
    });
    prometheus.stop();
    assert!(!prometheus.running());
}
