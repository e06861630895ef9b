//! Tests the plan, and a real lab.

use std::path::Path;
use std::time::Instant;

use super::samples::{dual_socket, shipped};
use super::*;

fn options(base: &Path) -> LabOptions {
    LabOptions { base: Some(base.to_owned()), ..Default::default() }
}

/// A directory whose path is short enough for sockets.
fn base() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("pcl").tempdir_in("/run").unwrap()
}

fn namespaces_of(id: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return Vec::new() };
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.starts_with(&format!("pcl-{id}")))
        .collect();
    names.sort();
    names
}

fn ping(lab: &Lab, from: &str, to: &str) -> bool {
    lab.exec(from, &["ping", "-c1", "-W1", to]).unwrap().status.success()
}

#[test]
fn the_plan_of_the_dual_socket_network() {
    let plan = LabPlan::new(&dual_socket());
    let ports = |b: &str| plan.bridges.iter().find(|x| x.name == b).unwrap().ports.join(" ");
    assert_eq!(ports("vmbr0"), "veth100 veth102 warp0 from-privacy from-health");
    assert_eq!(ports("vmbr1"), "veth200 veth201 veth202 from-mgmt to-health");
    assert_eq!(ports("mesh-privacy"), "to-privacy nm-privacy");
    assert_eq!(ports("mesh-mgmt"), "to-mgmt nm-mgmt");
    let place = |name: &str| plan.place(name).unwrap();
    assert_eq!(place("gateway").addresses, ["10.0.0.100/24".parse().unwrap()]);
    assert_eq!(place("gateway").behind, ["10.8.0.2".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(place("nm-privacy").addresses, ["10.0.0.50/24".parse().unwrap()]);
    assert_eq!(place("nm-privacy").network.as_deref(), Some("privacy"));
    assert_eq!(place("nm-privacy").subject, Subject::Link("privacy-mesh".to_owned()));
    assert_eq!(place("nm-mgmt").addresses, ["10.1.0.50/24".parse().unwrap()]);
    assert_eq!(place("host").namespace, HOST);
    assert_eq!(place("host").device, "vmbr1");
    let ns = |key: &str| plan.namespaces.iter().find(|n| n.key == key).unwrap();
    let route = |to: &str, via: &str| (to.parse().unwrap(), via.parse().unwrap());
    assert_eq!(ns("xray").routes, [route("0.0.0.0/0", "10.0.0.1")]);
    assert_eq!(ns("api").routes, []);
    assert!(ns("warp").forwards && !ns("gateway").forwards && !ns(HOST).forwards);
    assert_eq!(ns("warp").routes, [route("0.0.0.0/0", "198.51.100.10"), route("10.8.0.0/24", "10.0.0.100")]);
    assert_eq!(
        ns(INTERNET).routes,
        [route("10.0.0.0/24", "198.51.100.1"), route("10.8.0.0/24", "198.51.100.1")]
    );
    assert_eq!(ns("monitoring").on_link, [("10.0.0.102/32".parse().unwrap(), "eth0".to_owned())]);
    assert_eq!(ns("xray").on_link, [("10.1.0.202/32".parse().unwrap(), "eth0".to_owned())]);
    assert!(plan.remarks.is_empty());
}

#[test]
fn the_plan_of_the_four_vms() {
    let plan = LabPlan::new(&shipped("comm-matrix.toml"));
    let ns = |key: &str| plan.namespaces.iter().find(|n| n.key == key).unwrap();
    let route = |to: &str, via: &str| (to.parse().unwrap(), via.parse().unwrap());
    // Leases are unowned addresses.
    assert_eq!(plan.place("mesh@wan").unwrap().addresses, ["192.0.2.50/24".parse().unwrap()]);
    assert!(plan.place("mesh@wan").unwrap().leased && !plan.place("mesh").unwrap().leased);
    assert_eq!(ns("joi").routes, [route("0.0.0.0/0", "172.22.22.4")]);
    // The gateway forwards and translates. Multi-homed endpoints send by the attachment of their
    // source address.
    let gateway = ns("gateway");
    assert!(gateway.forwards && gateway.translates == ["eth1"]);
    assert_eq!(gateway.routes, [route("0.0.0.0/0", "192.0.2.1")]);
    let tables: Vec<_> =
        ns("mesh").by_source.iter().map(|t| (t.from.to_string(), t.routes.clone())).collect();
    assert_eq!(
        tables,
        [
            ("172.22.22.1".to_owned(), vec![route("0.0.0.0/0", "172.22.22.4")]),
            ("192.0.2.50".to_owned(), vec![route("0.0.0.0/0", "192.0.2.1")]),
        ]
    );
    assert!(ns("joi").by_source.is_empty() && !ns("mesh").forwards);
    let pantheon = LabPlan::new(&shipped("pantheon.toml"));
    let dns = |a: &str| {
        pantheon.namespaces.iter().any(|n| n.addresses.contains(&("lo".to_owned(), a.parse().unwrap())))
    };
    assert!(dns("1.1.1.1/32") && dns("8.8.4.4/32"));
}

#[test]
fn no_two_devices_of_a_plan_share_a_mac_or_a_name() {
    for name in ["comm-matrix.toml", "phoenix.toml", "pantheon.toml", "swarm.toml", "dual-socket.toml"] {
        distinct(&LabPlan::new(&shipped(name)));
    }
}

fn distinct(plan: &LabPlan) {
    let ends = || plan.cables.iter().flat_map(|c| [&c.a, &c.b]);
    let mut macs: Vec<_> = ends().map(|e| e.mac).chain(plan.bridges.iter().map(|b| b.mac)).collect();
    let mut names: Vec<_> = ends().map(|e| (&e.namespace, &e.device)).collect();
    let (all_macs, all_names) = (macs.len(), names.len());
    macs.sort_unstable();
    macs.dedup();
    names.sort_unstable();
    names.dedup();
    assert_eq!((macs.len(), names.len()), (all_macs, all_names));
}

#[test]
fn a_directory_too_long_for_sockets_is_refused() {
    let base = base();
    let deep = base.path().join("x".repeat(80));
    let error = Lab::up(&dual_socket(), options(&deep)).unwrap_err();
    assert!(matches!(error, LabError::DirectoryTooLong(_)), "{error}");
}

#[test]
fn a_lab_is_closed_until_flows_open_it_and_leaves_nothing() {
    let base = base();
    let start = Instant::now();
    let lab = Lab::up(&dual_socket(), options(base.path())).unwrap();
    eprintln!("up in {:?}", start.elapsed());
    assert!(!ping(&lab, "xray", "10.0.0.1"), "a bridge without flows passed a packet");
    for bridge in ["vmbr0", "vmbr1", "mesh-privacy", "mesh-mgmt"] {
        lab.ofctl(&["add-flow", bridge, "actions=NORMAL"]).unwrap();
    }
    for (from, to) in [
        ("xray", "10.0.0.1"),
        ("gateway", "198.51.100.10"),
        ("nm-privacy", "198.51.100.10"),
        (INTERNET, "10.0.0.102"),
        (INTERNET, "10.8.0.2"),
        ("mcp", "10.1.0.201"),
        ("nm-mgmt", "10.1.0.1"),
        ("host", "10.1.0.200"),
        (HOST, "10.1.0.202"),
    ] {
        assert!(ping(&lab, from, to), "{from} does not reach {to}");
    }
    let out = lab.exec("gateway", &["ping", "-c1", "-W1", "-I", "10.8.0.2", "198.51.100.10"]).unwrap();
    assert!(out.status.success());
    // Two labs run in parallel.
    let other = Lab::up(&dual_socket(), options(base.path())).unwrap();
    assert_ne!(lab.id(), other.id());
    let (id, dir) = (lab.id().to_owned(), lab.rundir().to_owned());
    let pids: Vec<_> = LabState::load(&dir).unwrap().processes;
    assert_eq!(pids.len(), 2);
    assert!(!namespaces_of(&id).is_empty());
    lab.down().unwrap();
    assert_eq!(namespaces_of(&id), Vec::<String>::new());
    assert!(!dir.exists());
    assert!(pids.iter().all(|p| !p.alive()));
    assert!(other.exec("xray", &["true"]).unwrap().status.success());
}

#[test]
fn nothing_gets_past_the_bridge_into_the_hosts_stack() {
    // The host routes and has an address on both sides. The bridges have no flows, so no packet may
    // arrive.
    let base = base();
    let host_addresses = vec![("vmbr0".to_owned(), "10.0.0.254/24".parse().unwrap())];
    let lab =
        Lab::up(&dual_socket(), LabOptions { host_addresses, host_forwards: true, ..options(base.path()) })
            .unwrap();
    assert!(!ping(&lab, "xray", "10.0.0.254"));
    assert!(!ping(&lab, "mcp", "10.1.0.1"));
    // The neighbour is known, so the packet itself is sent, to the only MAC address that the IP
    // stack could use.
    let mac = lab.exec(HOST, &["cat", "/sys/class/net/veth200/address"]).unwrap();
    let mac = String::from_utf8(mac.stdout).unwrap();
    let add = ["ip", "neigh", "replace", "10.1.0.1", "lladdr", mac.trim(), "dev", "eth0"];
    assert!(lab.exec("mcp", &add).unwrap().status.success());
    let received = || {
        let text = lab.exec(HOST, &["cat", "/proc/net/snmp"]).unwrap().stdout;
        let text = String::from_utf8(text).unwrap();
        let line = text.lines().filter(|l| l.starts_with("Icmp:")).nth(1).unwrap().to_owned();
        line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = received();
    assert!(!ping(&lab, "mcp", "10.1.0.1"));
    assert_eq!(received(), before, "the host's stack took a packet that the bridge dropped");
}

#[test]
fn vswitchd_comes_back_with_its_bridges() {
    let base = base();
    let lab = Lab::up(&dual_socket(), options(base.path())).unwrap();
    lab.kill_vswitchd().unwrap();
    assert!(lab.appctl(&["version"]).is_err());
    lab.start_vswitchd().unwrap();
    lab.ofctl(&["add-flow", "vmbr1", "actions=NORMAL"]).unwrap();
    assert!(ping(&lab, "mcp", "10.1.0.1"));
    lab.del_port("vmbr1", "veth200").unwrap();
    assert!(!ping(&lab, "mcp", "10.1.0.1"));
    lab.add_port("vmbr1", "veth200", Some(77)).unwrap();
    assert!(lab.ofctl(&["show", "vmbr1"]).unwrap().contains("77(veth200)"));
    assert!(ping(&lab, "mcp", "10.1.0.1"));
}

#[test]
fn a_crashed_lab_is_found_and_removed() {
    let base = base();
    let lab = Lab::up(&dual_socket(), options(base.path())).unwrap();
    let sleeper = lab.spawn("api", &["sleep", "600"]).unwrap();
    // Started by hand in the lab: the state does not have it.
    let id = lab.id().to_owned();
    let mut stray = std::process::Command::new("ip")
        .args(["netns", "exec", &format!("pcl-{id}-mcp"), "sleep", "600"])
        .spawn()
        .unwrap();
    let bystander = Lab::up(&dual_socket(), options(base.path())).unwrap();
    let processes = LabState::load(lab.rundir()).unwrap().processes;
    assert_eq!(processes.len(), 3);
    std::mem::forget(lab);

    assert_eq!(take_down(base.path(), &LabSelection::Id("other".to_owned())).unwrap(), Vec::<String>::new());
    assert!(sleeper.running());
    assert_eq!(take_down(base.path(), &LabSelection::Id(id.clone())).unwrap(), std::slice::from_ref(&id));
    assert_eq!(namespaces_of(&id), Vec::<String>::new());
    assert!(processes.iter().all(|p| !p.alive()));
    assert!(!base.path().join(&id).exists());
    stray.wait().unwrap();
    assert!(bystander.exec("xray", &["true"]).unwrap().status.success());
    bystander.down().unwrap();
    assert_eq!(labs(base.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn hidden_flows_are_those_of_in_band_control_only() {
    let base = base();
    let lab = Lab::up(&dual_socket(), options(base.path())).unwrap();
    lab.ofctl(&["add-flow", "vmbr0", "priority=65535,actions=drop"]).unwrap();
    lab.ofctl(&["add-flow", "vmbr0", "arp,actions=drop"]).unwrap();
    lab.attach(&dual_socket()).unwrap();
    assert_eq!(lab.hidden_flows("vmbr0").unwrap(), Vec::<String>::new());
    lab.vsctl(&["remove", "bridge", "vmbr0", "other-config", "disable-in-band"]).unwrap();
    lab.vsctl(&["set-controller", "vmbr0", "tcp:127.0.0.1:6653"]).unwrap();
    let start = Instant::now();
    while lab.hidden_flows("vmbr0").unwrap().is_empty() {
        assert!(start.elapsed().as_secs() < 10, "in-band control shows no flow");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(lab.hidden_flows("vmbr0").unwrap().iter().all(|f| f.contains("priority=18000")));
}

#[test]
fn a_file_with_errors_makes_no_lab() {
    let dir = base();
    let path = dir.path().join("bad.toml");
    std::fs::write(&path, "[network.x]\nbridge = 3\n").unwrap();
    let error = Scenario::read(&path, "portcullis".into()).unwrap_err();
    assert!(error.to_string().contains("bad.toml:2:"), "{error}");
}

#[test]
fn a_controller_that_ends_is_named_with_what_it_said() {
    let base = base();
    let path = format!("{}/../../flows/networks/dual-socket.toml", env!("CARGO_MANIFEST_DIR"));
    let program = base.path().join("portcullis");
    std::fs::write(&program, "#!/bin/sh\necho \"no such thing: $*\" >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let scenario = Scenario::read(Path::new(&path), program).unwrap();
    let labs_in = base.path().join("labs");
    let error =
        start(&scenario, LabOptions { base: Some(labs_in.clone()), ..scenario.options() }).unwrap_err();
    let LabError::Controller(said) = &error else { panic!("{error}") };
    assert!(said.contains("no such thing: run /") && said.contains("--metrics unix:"), "{said}");
    assert_eq!(labs(&labs_in), Vec::<std::path::PathBuf>::new());
}

/// Interrupts this very process a while after a lab of `base` has a state, while its namespaces are
/// being made.
fn interrupt_when_there(base: &Path, then: std::time::Duration) -> std::thread::JoinHandle<Vec<String>> {
    let base = base.to_owned();
    std::thread::spawn(move || {
        let start = Instant::now();
        let state = loop {
            assert!(start.elapsed().as_secs() < 20, "no lab came up");
            if let Some(Ok(state)) = labs(&base).first().map(|d| LabState::load(d)) {
                break state;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        };
        std::thread::sleep(then);
        nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGINT).unwrap();
        state.namespaces
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_nothing_at_any_moment() {
    let path = format!("{}/../../flows/networks/dual-socket.toml", env!("CARGO_MANIFEST_DIR"));
    // A controller that never settles, so that the lab is incomplete until the signal arrives.
    for millis in [0, 30, 100, 200, 400, 1500] {
        let base = base();
        let program = base.path().join("portcullis");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let labs_in = base.path().join("labs");
        let signaller = interrupt_when_there(&labs_in, std::time::Duration::from_millis(millis));
        let code = test(Path::new(&path), program, &labs_in).await.unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::from(130)));
        let namespaces = signaller.join().unwrap();
        assert!(namespaces.len() >= 10);
        assert_eq!(labs(&labs_in), Vec::<std::path::PathBuf>::new(), "after {millis} ms");
        let left: Vec<_> = namespaces.iter().filter(|n| Path::new("/run/netns").join(n).exists()).collect();
        assert!(left.is_empty(), "after {millis} ms: {left:?}");
        // A killed process shows its command line until the kernel has ended it.
        let ended = Instant::now();
        while processes_in(base.path()) {
            let named = base.path().display();
            assert!(ended.elapsed().as_secs() < 2, "after {millis} ms a process goes on with {named}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// Returns whether a process was started with that directory on its command line.
fn processes_in(dir: &Path) -> bool {
    let needle = dir.to_str().unwrap().as_bytes();
    std::fs::read_dir("/proc").unwrap().any(|entry| {
        let line = std::fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
        line.windows(needle.len()).any(|w| w == needle)
    })
}
