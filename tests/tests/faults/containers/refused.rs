//! What cannot be, and that nothing is left of it.

use lab::{HOST, LabOptions};
use portcullis_tests::Running;

use super::stage::{FILE, Namespace, ask, create, delete, start, traces};

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let net = start();
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, None).status, 201);
    let before = traces(&net);
    let again = create(&net, "tor-relay", "management", 9001, None);
    assert_eq!(again.status, 409);
    let (code, message, help) = again.refusal();
    assert_eq!(code, "name-taken");
    assert_eq!(message, "there is a container tor-relay already, on the network privacy");
    assert!(help.contains("portcullis container delete tor-relay"), "{help}");
    for name in ["gateway", "privacy"] {
        let other = create(&net, name, "privacy", 1, None);
        assert_eq!((other.status, other.refusal().0), (409, "name-taken"), "{other:?}");
    }
    assert_eq!(traces(&net), before);
}

#[test]
fn a_full_range_is_said_so_until_one_is_free_again() {
    let net = start();
    for (name, id) in [("one", 101), ("two", 102)] {
        assert_eq!(create(&net, name, "privacy", 80, None).body["id"].as_u64(), Some(id));
    }
    let before = traces(&net);
    let third = create(&net, "three", "privacy", 80, None);
    assert_eq!((third.status, third.refusal().0), (409, "range-full"));
    assert_eq!(third.refusal().1, "all ids of the network privacy (100 to 102) are taken");
    assert!(third.refusal().2.contains("delete a container"), "{third:?}");
    assert_eq!(traces(&net), before);
    assert_eq!(create(&net, "three", "management", 80, None).status, 201, "another range has room");
    assert_eq!(delete(&net, "one").status, 200);
    assert_eq!(create(&net, "four", "privacy", 80, None).body["id"].as_u64(), Some(101));
}

#[test]
fn what_fails_in_the_middle_is_taken_back() {
    let net = start();
    // A port of that name on another bridge: the devices are made, then Open vSwitch refuses.
    net.lab.vsctl(&["--no-wait", "add-port", "vmbr1", "veth101"]).unwrap();
    let before = traces(&net);
    let made = create(&net, "tor-relay", "privacy", 9001, None);
    assert_eq!((made.status, made.refusal().0), (500, "open-vswitch"), "{made:?}");
    assert!(made.refusal().1.contains("veth101 already exists on bridge vmbr1"), "{made:?}");
    assert_eq!(traces(&net), before);
    net.lab.vsctl(&["del-port", "vmbr1", "veth101"]).unwrap();

    // A device of that name.
    assert!(
        net.lab
            .exec(HOST, &["ip", "link", "add", "veth101", "type", "veth", "peer", "x"])
            .unwrap()
            .status
            .success()
    );
    let before = traces(&net);
    let made = create(&net, "tor-relay", "privacy", 9001, None);
    assert_eq!((made.status, made.refusal().0), (409, "device-taken"), "{made:?}");
    assert_eq!(traces(&net), before);
    assert!(net.lab.exec(HOST, &["ip", "link", "del", "veth101"]).unwrap().status.success());

    // A namespace that has an eth0, and one that is not there.
    let home = Namespace::new(&net, "full");
    assert!(home.exec(&["ip", "link", "add", "eth0", "type", "veth", "peer", "y"]).status.success());
    let before = traces(&net);
    let made = create(&net, "tor-relay", "privacy", 9001, Some(&home));
    assert_eq!((made.status, made.refusal().0), (409, "device-taken"), "{made:?}");
    assert_eq!(traces(&net), before);
    let name = home.0.clone();
    drop(home);
    let body = format!(r#"{{"name": "a", "network": "privacy", "netns": "{name}"}}"#);
    let made = ask(&net, "POST", "/api/containers/create", Some(&body));
    assert_eq!(made.status, 404);
    assert_eq!(made.refusal().1, format!("there is no network namespace {name}"));
    assert_eq!(traces(&net), before);

    // The address cannot be given: the gateway is in no subnet of the namespace's. Undone after the devices are inside.
    assert_eq!(
        create(&net, "tor-relay", "privacy", 9001, None).body["id"].as_u64(),
        Some(101),
        "the id is free"
    );
}

#[test]
fn a_bridge_that_is_not_there_takes_no_container() {
    let net = start();
    net.lab.vsctl(&["del-br", "vmbr1"]).unwrap();
    let before = traces(&net);
    let made = create(&net, "prometheus", "management", 9090, None);
    assert_eq!((made.status, made.refusal().0), (500, "open-vswitch"), "{made:?}");
    assert!(made.refusal().1.contains("no row \"vmbr1\" in table Bridge"), "{made:?}");
    assert_eq!(traces(&net), before);
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, None).status, 201, "others do");
}

#[test]
fn what_is_asked_wrongly_is_said_by_its_key() {
    let net = start();
    let before = traces(&net);
    let post = |body: &str| ask(&net, "POST", "/api/containers/create", Some(body));
    for (body, status, message, help) in [
        ("nonsense", 400, "the body is no JSON", "JSON object"),
        (r#"{"network": "privacy"}"#, 400, "name is missing", "add \"name\""),
        (
            r#"{"name": "a", "network": "privacy", "service": []}"#,
            400,
            "service is no key",
            "did you mean services?",
        ),
        (
            r#"{"name": "a", "network": "privacy", "services": [{"name": "s", "protocol": "tcp", "port": 70000}]}"#,
            400,
            "services[0].port is 70000",
            "1 to 65535",
        ),
        (
            r#"{"name": "a", "network": "privaci"}"#,
            404,
            "there is no network privaci",
            "did you mean privacy?",
        ),
        (r#"{"name": "a", "network": "zzz"}"#, 404, "there is no network zzz", "privacy, management"),
    ] {
        let answer = post(body);
        let (_, said, todo) = answer.refusal();
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(said.starts_with(message) && todo.contains(help), "{body}: {said}; {todo}");
    }
    let long = format!(r#"{{"name": "a", "network": "{}"}}"#, "x".repeat(100_000));
    assert_eq!(post(&long).status, 413);
    let services = |query: &str| ask(&net, "GET", &format!("/api/services{query}"), None);
    assert_eq!(services("").status, 400);
    assert!(services("").refusal().2.contains("?network=NAME"));
    assert_eq!(services("?network=managment").refusal().2, "did you mean management?");
    assert_eq!(services("?network=managment").status, 404);
    let unknown = delete(&net, "tor-relay");
    assert_eq!((unknown.status, unknown.refusal().1), (404, "there is no container tor-relay"));
    assert_eq!(traces(&net), before);
}

#[test]
fn a_container_that_would_break_a_never_is_not_made() {
    let never = "[[never]]\nname = \"quiet\"\nfrom = [\"client\"]\nto = [\"privacy\"]\n";
    let net = Running::start(&(FILE.to_owned() + never), LabOptions::default());
    let before = traces(&net);
    let made = create(&net, "tor-relay", "privacy", 9001, None);
    assert_eq!((made.status, made.refusal().0), (409, "no-place"), "{made:?}");
    assert!(made.refusal().1.contains("the never \"quiet\" says that client reaches nothing"), "{made:?}");
    assert_eq!(traces(&net), before);
    let quiet = ask(&net, "POST", "/api/containers/create", Some(r#"{"name": "a", "network": "privacy"}"#));
    assert_eq!(quiet.status, 201, "one that serves nothing breaks nothing: {quiet:?}");
}
