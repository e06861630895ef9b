//! Templates that are stamped out while the controller runs.

use lab::{ExtraPort, LabOptions};
use portcullis_tests::traffic::{tcp, tcp_now};
use portcullis_tests::{Ages, Running};
use serde_json::Value;

use super::stage::{Answer, Namespace, ask, cli, create, delete, reaches, text};

const FILE: &str = r#"
[network.main]
bridge = "br0"
subnets = ["10.0.1.0/24"]

[endpoint.backend]
attach = [{ network = "main", port = "backend", addresses = ["10.0.1.2"] }]

[template.project]
numbers = "0-31"
instances = [1]

[template.project.network."project-{n}"]
bridge = "br0"
subnets = ["172.30.{n}.0/24"]

[template.project.network."project-{n}".containers]
ids = "10-12"
port = "p{n}c{id}"
addresses = ["172.30.{n}.{id}"]
clients = ["vm-{n}"]

[template.project.endpoint."vm-{n}"]
attach = [{ network = "project-{n}", port = "vm{n}", addresses = ["172.30.{n}.2"] }]

[template.project.endpoint."share-{n}"]
attach = [{ network = "project-{n}", port = "share{n}", addresses = ["172.30.{n}.3"] }]

[[template.project.allow]]
name = "files-{n}"
from = "vm-{n}"
to = "share-{n}"
protocol = "tcp"
ports = [8888]
"#;

const FILES: &str = "172.30.17.3:8888";

/// The lab, with the machines of a project that is not there yet.
fn start() -> Running {
    let extra = |name: &str, address: &str| ExtraPort {
        name: name.to_owned(),
        bridge: "br0".to_owned(),
        port: name.to_owned(),
        addresses: vec![address.parse().unwrap()],
        ..ExtraPort::default()
    };
    let extra = vec![extra("vm17", "172.30.17.2/24"), extra("share17", "172.30.17.3/24")];
    Running::start(FILE, LabOptions { extra, ..LabOptions::default() })
}

fn add(net: &Running, number: u64) -> Answer {
    let body = format!(r#"{{"template": "project", "number": {number}}}"#);
    ask(net, "POST", "/api/networks", Some(&body))
}

fn remove(net: &Running, number: u64) -> Answer {
    ask(net, "DELETE", &format!("/api/networks/project/{number}"), None)
}

fn project(net: &Running) -> Value {
    let list = ask(net, "GET", "/api/networks", None);
    list.body["templates"][0].clone()
}

fn files(net: &Running) -> bool {
    tcp(&net.lab, "vm17", "share17", FILES)
}

#[test]
fn a_project_comes_with_its_rules_and_goes_with_them() {
    let net = start();
    assert!(!files(&net), "before it is there, its ports are unknown");
    let before = net.flows("br0");
    let ages = Ages::of(&net, &["br0"]);
    let added = add(&net, 17);
    assert_eq!((added.status, text(&added.body["template"])), (201, "project"), "{added:?}");
    assert_eq!(added.body["pending"].as_array().map(Vec::len), Some(0), "{added:?}");
    assert!(files(&net));
    assert!(!tcp_now(&net.lab, "share17", "vm17", "172.30.17.2:8888"), "only the one way");
    assert!(!tcp_now(&net.lab, "vm17", "backend", "10.0.1.2:8888"), "it is no part of another network");
    let listed = project(&net);
    assert_eq!(
        (listed["file"].to_string(), listed["added"].to_string()),
        ("[1]".to_owned(), "[17]".to_owned())
    );
    // What was there is not touched.
    let touched = Ages::of(&net, &["br0"]).touched_since(&ages);
    assert_eq!(touched, Vec::<String>::new());

    assert_eq!(remove(&net, 17).status, 200);
    net.wait_for_flows("br0", &before);
    assert!(!files(&net));
    assert_eq!(project(&net)["added"].to_string(), "[]");
}

#[test]
fn what_was_added_is_there_after_a_restart_and_after_a_reload() {
    let mut net = start();
    assert_eq!(add(&net, 17).status, 201);
    assert!(files(&net));
    let ages = Ages::of(&net, &["br0"]);
    net.kill_controller();
    net.start_controller();
    assert_eq!(Ages::of(&net, &["br0"]).touched_since(&ages), Vec::<String>::new());
    net.reload(&(FILE.to_owned() + "# read again\n"));
    net.wait_for("the file to be read again", || {
        net.controller.output().contains("read again and in force").then_some(())
    });
    assert!(files(&net));
    assert_eq!(project(&net)["added"].to_string(), "[17]");
    assert_eq!(remove(&net, 17).status, 200);
    net.kill_controller();
    net.start_controller();
    assert!(!files(&net));
}

#[test]
fn an_instance_without_a_place_is_set_aside_at_the_start() {
    let mut net = start();
    assert_eq!(add(&net, 17).status, 201);
    assert_eq!(add(&net, 18).status, 201);
    net.kill_controller();
    std::fs::write(&net.path, FILE.replace("0-31", "0-17")).unwrap();
    net.start_controller();
    assert!(net.controller.output().contains("project 18 is not in force"), "{}", net.controller.output());
    assert!(files(&net), "the other one is");
    assert_eq!(project(&net)["added"].to_string(), "[17]");
    let list = ask(&net, "GET", "/api/networks", None);
    assert_eq!(list.body["set_aside"][0]["number"].as_u64(), Some(18), "{list:?}");
    // The file may have a place for it again; or nobody wants it any more.
    net.reload(FILE);
    net.wait_for("it to be back", || (project(&net)["added"] == serde_json::json!([17, 18])).then_some(()));
    net.reload(&FILE.replace("0-31", "0-17"));
    net.wait_for("the file to be refused", || {
        net.status()?["refused"].as_str()?.contains("18").then_some(())
    });
    assert_eq!(remove(&net, 18).status, 200);
}

#[test]
fn what_cannot_be_added_or_removed_is_said_so() {
    let net = start();
    let before = net.flows("br0");
    let unknown = ask(&net, "POST", "/api/networks", Some(r#"{"template": "projcet", "number": 17}"#));
    assert_eq!((unknown.status, unknown.refusal().2), (404, "did you mean project?"));
    let beyond = add(&net, 32);
    assert_eq!((beyond.status, beyond.refusal().1), (400, "32 is not among the numbers of project"));
    assert_eq!(beyond.refusal().2, "its numbers are 0 to 31");
    let there = add(&net, 1);
    assert_eq!((there.status, there.refusal().0), (409, "instance-taken"), "{there:?}");
    let in_file = remove(&net, 1);
    assert_eq!((in_file.status, in_file.refusal().0), (409, "in-file"), "{in_file:?}");
    assert_eq!(remove(&net, 5).status, 404);
    assert_eq!(remove(&net, 5_000_000_000).status, 400);
    assert_eq!(net.flows("br0"), before);
}

#[test]
fn a_project_goes_after_its_containers() {
    let net = start();
    assert_eq!(add(&net, 17).status, 201);
    let home = Namespace::new(&net, "web");
    let made = create(&net, "web", "project-17", 80, Some(&home));
    assert_eq!((made.status, text(&made.body["port"])), (201, "p17c10"), "{made:?}");
    assert!(reaches(&net, "vm17", &home, "172.30.17.10:80"));
    let before = net.flows("br0");
    let kept = remove(&net, 17);
    assert_eq!((kept.status, kept.refusal().0), (409, "in-use"), "{kept:?}");
    assert!(kept.refusal().2.contains("portcullis container delete web"), "{kept:?}");
    assert!(reaches(&net, "vm17", &home, "172.30.17.10:80"));
    assert_eq!(net.flows("br0"), before);
    assert_eq!(delete(&net, "web").status, 200);
    assert_eq!(remove(&net, 17).status, 200);
}

#[test]
fn the_command_line_does_the_same() {
    let net = start();
    let said = |words: &[&str], well: bool| {
        let output = cli(&net, words);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), well, "{words:?}: {out}{err}");
        if well { out.into_owned() } else { err.into_owned() }
    };
    assert_eq!(said(&["network", "add", "project", "17"], true), "project 17: added\n");
    assert_eq!(said(&["network", "add", "project", "2"], true), "project 2: added\n");
    assert!(said(&["network", "add", "project", "17"], false).contains("project 17 is there already"));
    assert_eq!(
        said(&["network", "list"], true),
        "TEMPLATE  NUMBERS  IN THE FILE  ADDED\nproject   0-31     1            2, 17\n"
    );
    assert_eq!(said(&["network", "remove", "project", "2"], true), "project 2: removed\n");
    assert!(said(&["network", "remove", "project", "1"], false).contains("is in the network file"));
}
