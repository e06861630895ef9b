//! Tests against a real ovsdb-server and ovs-vswitchd.

use std::path::Path;

use flows::network::{Additions, NetworkFile};
use lab::{HOST, Lab, LabOptions};

use super::*;

fn dual_socket() -> NetworkFile {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../flows/networks/dual-socket.toml");
    crate::policy::loaded(Path::new(path), &Additions::default()).unwrap().file
}

fn lab(base: &Path) -> Lab {
    Lab::up(&dual_socket(), LabOptions { base: Some(base.to_owned()), ..Default::default() }).unwrap()
}

fn base() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("pcl").tempdir_in("/run").unwrap()
}

fn options(lab: &Lab) -> AttachOptions {
    let database = Database { db: None, rundir: Some(lab.rundir().to_owned()) };
    AttachOptions { database, ..Default::default() }
}

fn faults(lab: &Lab) -> Vec<IsolationFault> {
    audit(&dual_socket(), &options(lab).database).unwrap().faults
}

fn labels(lab: &Lab, bridge: &str) -> Vec<&'static str> {
    let faults = faults(lab);
    faults.iter().filter(|f| f.bridge == bridge).map(|f| f.kind.label()).collect()
}

#[test]
fn a_dry_run_prints_the_commands_and_changes_nothing() {
    let base = base();
    let lab = lab(base.path());
    let options = AttachOptions { dry_run: true, ..options(&lab) };
    let mut out = Vec::new();
    let outcome = attach(&dual_socket(), LOOPBACK_TARGET, &options, &mut out).unwrap();
    assert!(outcome.complete());
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text.lines().next().unwrap(),
        "ovs-vsctl --timeout=10 \
         set bridge vmbr0 fail_mode=secure other-config:disable-in-band=true -- \
         set bridge vmbr0 protocols=OpenFlow13 -- \
         set-controller vmbr0 tcp:127.0.0.1:6653 -- \
         set controller vmbr0 connection-mode=out-of-band max_backoff=1000 inactivity_probe=5000 -- "
            .to_owned()
            + eviction::command("vmbr0").strip_prefix("ovs-vsctl -- ").unwrap()
    );
    assert_eq!(text.lines().count(), 4);
    assert_eq!(lab.vsctl(&["get-controller", "vmbr0"]).unwrap(), "");
}

#[test]
fn attached_bridges_pass_the_audit_and_have_no_hidden_flow() {
    let base = base();
    let lab = lab(base.path());
    // The defaults of Open vSwitch: in-band, standalone.
    lab.vsctl(&["remove", "bridge", "vmbr0", "other-config", "disable-in-band"]).unwrap();
    lab.vsctl(&["clear", "bridge", "vmbr0", "fail_mode"]).unwrap();
    lab.vsctl(&["set-controller", "vmbr0", "tcp:127.0.0.1:6653"]).unwrap();
    assert_eq!(labels(&lab, "vmbr0"), ["in-band", "not-secure", "unbounded"]);
    // A bridge that only forwards a link learns nothing.
    assert!(!labels(&lab, "mesh-privacy").contains(&"unbounded"));
    let hidden = || lab.appctl(&["bridge/dump-flows", "vmbr0"]).unwrap().contains("priority=18000");
    assert!(hidden());

    let outcome = attach(&dual_socket(), LOOPBACK_TARGET, &options(&lab), &mut Vec::new()).unwrap();
    assert_eq!(outcome.done, ["vmbr0", "vmbr1", "mesh-privacy", "mesh-mgmt"]);
    assert!(outcome.complete());
    assert_eq!(faults(&lab), Vec::new());
    assert!(!hidden());
    assert_eq!(lab.vsctl(&["get-controller", "mesh-mgmt"]).unwrap().trim(), LOOPBACK_TARGET);
    assert_eq!(lab.vsctl(&["get", "controller", "vmbr0", "max_backoff"]).unwrap().trim(), "1000");

    // As set, and after a foreign change.
    let visitors = lab.vsctl(&["get", "bridge", "vmbr0", "flow_tables:6"]).unwrap();
    let visitors = visitors.trim();
    let table = |column: &str| lab.vsctl(&["get", "flow_table", visitors, column]).unwrap();
    assert_eq!((table("flow_limit").trim(), table("overflow_policy").trim()), ("65536", "evict"));
    lab.vsctl(&["clear", "flow_table", visitors, "groups"]).unwrap();
    assert_eq!(labels(&lab, "vmbr0"), ["unbounded"]);
    lab.vsctl(&["remove", "bridge", "vmbr1", "flow_tables", "1"]).unwrap();
    assert_eq!(labels(&lab, "vmbr1"), ["unbounded"]);

    let mut out = Vec::new();
    assert!(detach(&dual_socket(), &options(&lab), &mut out).unwrap().complete());
    assert!(String::from_utf8(out).unwrap().contains("stays secure"));
    assert_eq!(lab.vsctl(&["get-controller", "vmbr0"]).unwrap(), "");
    assert_eq!(lab.vsctl(&["get-fail-mode", "vmbr0"]).unwrap().trim(), "secure");
    let standalone = AttachOptions { standalone: true, ..options(&lab) };
    assert!(detach(&dual_socket(), &standalone, &mut Vec::new()).unwrap().complete());
    assert_eq!(lab.vsctl(&["get-fail-mode", "vmbr0"]).unwrap().trim(), "standalone");
    assert_eq!(lab.vsctl(&["get", "bridge", "vmbr0", "flow_tables"]).unwrap().trim(), "{}");
}

#[test]
fn a_socket_that_open_vswitch_never_opens_is_refused() {
    let base = base();
    let lab = lab(base.path());
    let mut out = Vec::new();
    let outcome = attach(&dual_socket(), "unix:/run/p.sock", &options(&lab), &mut out).unwrap();
    assert_eq!((outcome.done.len(), outcome.failed.len()), (0, 4));
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("# unix:/run/p.sock: Open vSwitch connects to no socket outside of "), "{text}");
    assert_eq!(lab.vsctl(&["get-controller", "vmbr0"]).unwrap(), "");
}

#[test]
fn a_switch_without_a_name_is_left_to_others() {
    let base = base();
    let lab = lab(base.path());
    let mut file = dual_socket();
    file.bridges.retain(|bridge| bridge.name == "vmbr1");
    file.bridges[0].name = "00000000000000b1".to_owned();
    let mut out = Vec::new();
    let outcome = attach(&file, LOOPBACK_TARGET, &options(&lab), &mut out).unwrap();
    assert_eq!(outcome, AttachOutcome::default());
    assert!(String::from_utf8(out).unwrap().starts_with("# 00000000000000b1: "));
}

#[test]
fn a_missing_bridge_is_named_and_the_others_go_on() {
    let base = base();
    let lab = lab(base.path());
    lab.vsctl(&["del-br", "vmbr1"]).unwrap();
    let mut out = Vec::new();
    let outcome = attach(&dual_socket(), LOOPBACK_TARGET, &options(&lab), &mut out).unwrap();
    assert_eq!(outcome.done, ["vmbr0", "mesh-privacy", "mesh-mgmt"]);
    assert_eq!(outcome.failed.len(), 1);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("# vmbr1: there is no such bridge; `ovs-vsctl add-br vmbr1` makes it"), "{text}");
}

#[test]
fn each_fault_is_found() {
    let base = base();
    let lab = lab(base.path());
    attach(&dual_socket(), LOOPBACK_TARGET, &options(&lab), &mut Vec::new()).unwrap();
    assert_eq!(faults(&lab), Vec::new());

    lab.vsctl(&["set", "port", "veth100", "tag=10"]).unwrap();
    assert_eq!(labels(&lab, "vmbr0"), ["vlan-port"]);
    lab.vsctl(&["clear", "port", "veth100", "tag", "--", "set", "port", "veth100", "trunks=1,2"]).unwrap();
    assert_eq!(labels(&lab, "vmbr0"), ["vlan-port"]);
    lab.vsctl(&["clear", "port", "veth100", "trunks"]).unwrap();

    let mirror = ["--", "--id=@m", "create", "mirror", "name=spy", "select-all=true"];
    let mirror = [&mirror[..], &["--", "set", "bridge", "vmbr0", "mirrors=@m"]].concat();
    lab.vsctl(&mirror).unwrap();
    assert_eq!(labels(&lab, "vmbr0"), ["mirror"]);
    lab.vsctl(&["clear", "bridge", "vmbr0", "mirrors"]).unwrap();

    // A manager over the network is in-band unless the bridge disables all of it.
    lab.vsctl(&["set-manager", "tcp:127.0.0.1:6640"]).unwrap();
    assert_eq!(labels(&lab, "vmbr0"), Vec::<&str>::new());
    lab.vsctl(&["remove", "bridge", "vmbr0", "other-config", "disable-in-band"]).unwrap();
    assert_eq!(labels(&lab, "vmbr0"), ["in-band"]);
    lab.vsctl(&["del-manager"]).unwrap();
    assert_eq!(labels(&lab, "vmbr0"), Vec::<&str>::new(), "its controller is out-of-band");

    lab.vsctl(&["set-controller", "vmbr1", "tcp:127.0.0.1:6653", "ptcp:16653"]).unwrap();
    assert_eq!(labels(&lab, "vmbr1"), ["second-controller"]);

    // A bridge that the file does not name is not audited.
    lab.vsctl(&["add-br", "other", "--", "set", "bridge", "other", "datapath_type=netdev"]).unwrap();
    assert_eq!(labels(&lab, "other"), Vec::<&str>::new());
}

#[test]
fn an_exit_without_ethernet_is_found() {
    let base = base();
    let lab = lab(base.path());
    attach(&dual_socket(), LOOPBACK_TARGET, &options(&lab), &mut Vec::new()).unwrap();
    // A WireGuard device has no link type of its own here; a tun device is layer 3 as well.
    let script = "ip link del warp0 && ip tuntap add dev warp0 mode tun";
    let output = lab.exec(HOST, &["sh", "-c", script]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The devices that `portcullis run` in that namespace sees under /sys/class/net.
    let devices = base.path().join("devices");
    let copy = "for d in /sys/class/net/*; do mkdir -p $0/${d##*/}; cat $d/type > $0/${d##*/}/type; done";
    let output = lab.exec(HOST, &["sh", "-c", copy, devices.to_str().unwrap()]).unwrap();
    assert!(output.status.success());
    let found = audit::audit_with(&dual_socket(), &options(&lab).database, &devices).unwrap();
    let found: Vec<_> = found.faults.iter().map(|f| (f.bridge.as_str(), f.kind.label())).collect();
    assert_eq!(found, [("vmbr0", "not-ethernet")]);
}

#[test]
fn nobody_to_ask_is_no_fault() {
    let database = Database { db: Some("unix:/nonexistent/db.sock".to_owned()), rundir: None };
    let error = audit(&dual_socket(), &database).unwrap_err();
    assert!(matches!(error, AuditError::Unreachable(_)), "{error}");
    let mut out = Vec::new();
    let options = AttachOptions { database, ..Default::default() };
    let outcome = attach(&dual_socket(), LOOPBACK_TARGET, &options, &mut out).unwrap();
    assert_eq!(outcome.failed.len(), 4);
}
