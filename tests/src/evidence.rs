//! The state of a lab's switch and its hosts, for the report of a probe that failed.

use lab::RunningLab;

/// Maximum number of lines of one part of the report. The last lines are kept.
const LINES: usize = 120;

/// Returns the state that explains lost packets: flows and connections of the datapath, warnings of
/// ovs-vswitchd, and the neighbours that each host knows.
pub fn of(lab: &RunningLab) -> String {
    let mut report = String::new();
    let mut part = |title: &str, text: String| {
        let lines: Vec<&str> = text.lines().collect();
        let omitted = lines.len().saturating_sub(LINES);
        report += &format!("--- {title} ({omitted} earlier lines omitted)\n");
        report += &lines[omitted..].join("\n");
        report.push('\n');
    };
    for command in [
        &["dpctl/dump-flows", "netdev@ovs-netdev"][..],
        &["dpctl/dump-conntrack", "netdev@ovs-netdev"],
        &["dpctl/show", "-s", "netdev@ovs-netdev"],
        &["upcall/show"],
        &["coverage/show"],
    ] {
        part(&command.join(" "), lab.lab.appctl(command).unwrap_or_else(|error| error.to_string()));
    }
    let log = std::fs::read_to_string(lab.lab.rundir().join("ovs-vswitchd.log")).unwrap_or_default();
    let warnings: Vec<&str> = log.lines().filter(|line| !line.contains("|INFO|")).collect();
    part("ovs-vswitchd.log", warnings.join("\n"));
    for place in &lab.lab.plan().places {
        let known =
            lab.lab.exec(&place.name, &["ip", "neigh"]).map(|output| output.stdout).unwrap_or_default();
        part(&format!("neighbours of {}", place.name), String::from_utf8_lossy(&known).into_owned());
    }
    report
}
