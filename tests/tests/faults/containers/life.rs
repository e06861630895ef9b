//! What a container has from its beginning to its end.

use lab::HOST;
use portcullis_tests::Running;

use super::stage::{
    FILE, Namespace, ask, cli, create, delete, reached_from, reaches, services, start, text, traces,
};

#[test]
fn the_clients_of_its_range_reach_its_service_and_nobody_reaches_anything_else() {
    let net = start();
    let home = Namespace::new(&net, "tor");
    let before = traces(&net);
    let made = create(&net, "tor-relay", "privacy", 9001, Some(&home));
    assert_eq!(made.status, 201, "{made:?}");
    // 100 is the gateway's.
    assert_eq!((made.body["id"].as_u64(), text(&made.body["port"])), (Some(101), "veth101"));
    assert_eq!((text(&made.body["addresses"][0]), text(&made.body["device"])), ("10.0.0.101/24", "eth0"));
    assert_eq!(made.body["pending"], false);
    let seen =
        String::from_utf8_lossy(&home.exec(&["ip", "-br", "addr", "show", "eth0"]).stdout).into_owned();
    assert!(seen.contains("UP") && seen.contains("10.0.0.101/24"), "{seen}");
    let link = String::from_utf8_lossy(&home.exec(&["ip", "link", "show", "eth0"]).stdout).into_owned();
    assert!(link.contains(text(&made.body["mac"])), "{link}");
    let routes = String::from_utf8_lossy(&home.exec(&["ip", "route"]).stdout).into_owned();
    assert!(routes.contains("default via 10.0.0.1"), "{routes}");

    assert!(reaches(&net, "client", &home, "10.0.0.101:9001"), "its client");
    assert!(!reaches(&net, "client", &home, "10.0.0.101:9002"), "a port that is no service");
    assert!(!reaches(&net, "other", &home, "10.0.0.101:9001"), "somebody else of its network");
    assert!(!reaches(&net, "gateway", &home, "10.0.0.101:9001"), "the gateway");
    assert!(!reached_from(&net, &home, "client", "10.0.0.10:9001"), "it opens nothing itself");
    for to in ["10.0.0.10", "10.0.0.11", "10.1.0.10"] {
        assert!(!home.exec(&["ping", "-c", "1", "-W", "1", to]).status.success(), "{to}");
    }

    let gone = delete(&net, "tor-relay");
    assert_eq!((gone.status, gone.body["id"].as_u64()), (200, Some(101)), "{gone:?}");
    assert_eq!(traces(&net), before);
    assert!(!home.exec(&["ip", "link", "show", "eth0"]).status.success(), "its end went with the other");
    // Nothing learned for it is left either.
    let learned: Vec<_> = net.flows("vmbr0").into_iter().filter(|f| f.contains("10.0.0.101")).collect();
    assert_eq!(learned, Vec::<String>::new());
}

/// What is said of its MAC holds: nothing passes from another, also after a restart and a reload.
#[test]
fn a_container_sends_from_the_mac_that_is_said() {
    let mut net = start();
    let home = Namespace::new(&net, "pinned");
    let made = create(&net, "tor-relay", "privacy", 9001, Some(&home));
    let mac = text(&made.body["mac"]).to_owned();
    let listed = ask(&net, "GET", "/api/containers", None);
    assert_eq!(text(&listed.body["containers"][0]["mac"]), mac);
    let become_one = |mac: &str| {
        let set = home.exec(&["ip", "link", "set", "eth0", "address", mac]);
        assert!(set.status.success(), "{set:?}");
    };
    let pins = |net: &Running| net.flows("vmbr0").iter().filter(|flow| flow.contains(&mac)).count();
    let (fixed, serves) = (pins(&net), |net: &Running| reaches(net, "client", &home, "10.0.0.101:9001"));
    assert!(fixed > 0, "{:#?}", net.flows("vmbr0"));
    assert!(serves(&net));
    for step in ["as it was made", "after a restart", "after a reload"] {
        match step {
            "after a restart" => {
                net.kill_controller();
                net.start_controller();
                net.settle();
            }
            "after a reload" => {
                net.reload(&format!("{FILE}# read again\n"));
                net.wait_for("the file to be read again", || {
                    net.controller.output().contains("read again and in force").then_some(())
                });
            }
            _ => {}
        }
        assert_eq!(pins(&net), fixed, "{step}");
        become_one("02:00:00:00:00:99");
        assert!(!serves(&net), "from another MAC, {step}");
        become_one(&mac);
        assert!(serves(&net), "from its own, {step}");
    }
}

#[test]
fn a_network_finds_its_own_services_alone() {
    let net = start();
    assert_eq!(services(&net, "privacy"), Vec::<String>::new());
    assert_eq!(create(&net, "tor-relay", "privacy", 9001, None).status, 201);
    assert_eq!(create(&net, "prometheus", "management", 9090, None).status, 201);
    assert_eq!(create(&net, "alert", "management", 9093, None).status, 201);
    assert_eq!(services(&net, "privacy"), ["tor-relay tor-relay 10.0.0.101:9001"]);
    assert_eq!(
        services(&net, "management"),
        ["alert alert 10.1.0.201:9093", "prometheus prometheus 10.1.0.200:9090"]
    );
    assert_eq!(delete(&net, "prometheus").status, 200);
    assert_eq!(services(&net, "management"), ["alert alert 10.1.0.201:9093"]);
    // The lowest free id again.
    assert_eq!(create(&net, "grafana", "management", 3000, None).body["id"].as_u64(), Some(200));
}

#[test]
fn a_device_that_somebody_else_moves_works_as_well() {
    let net = start();
    let home = Namespace::new(&net, "moved");
    let made = create(&net, "tor-relay", "privacy", 9001, None);
    assert_eq!(text(&made.body["device"]), "ceth101");
    let moved = net.lab.exec(HOST, &["ip", "link", "set", "ceth101", "netns", &home.0]).unwrap();
    assert!(moved.status.success());
    for words in [
        &["ip", "addr", "add", text(&made.body["addresses"][0]), "dev", "ceth101"][..],
        &["ip", "link", "set", "ceth101", "up"],
    ] {
        assert!(home.exec(words).status.success(), "{words:?}");
    }
    assert!(reaches(&net, "client", &home, "10.0.0.101:9001"));
    assert!(!reaches(&net, "other", &home, "10.0.0.101:9001"));
}

#[test]
fn a_service_that_is_not_exposed_is_found_and_not_reached() {
    let net = start();
    let home = Namespace::new(&net, "hidden");
    let body = format!(
        r#"{{"name": "db", "network": "privacy", "netns": "{}", "services": [
            {{"name": "sql", "protocol": "tcp", "port": 5432, "exposed": false}},
            {{"name": "web", "protocol": "tcp", "port": 80, "exposed": true}}]}}"#,
        home.0
    );
    assert_eq!(ask(&net, "POST", "/api/containers/create", Some(&body)).status, 201);
    assert_eq!(services(&net, "privacy"), ["sql db 10.0.0.101:5432", "web db 10.0.0.101:80"]);
    assert!(reaches(&net, "client", &home, "10.0.0.101:80"));
    assert!(!reaches(&net, "client", &home, "10.0.0.101:5432"));
}

#[test]
fn containers_made_at_once_have_different_ids() {
    let net = start();
    let names: Vec<String> = (0..8).map(|n| format!("c{n}")).collect();
    let mut ids: Vec<u64> = std::thread::scope(|scope| {
        let all: Vec<_> =
            names.iter().map(|name| scope.spawn(|| create(&net, name, "management", 80, None))).collect();
        let answers = all.into_iter().map(|t| t.join().unwrap());
        answers.map(|made| made.body["id"].as_u64().unwrap_or_else(|| panic!("{made:?}"))).collect()
    });
    ids.sort_unstable();
    assert_eq!(ids, (200..208).collect::<Vec<_>>());
    // And of two of one name at once, one is made.
    let both: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..2).map(|_| scope.spawn(|| create(&net, "same", "management", 80, None).status)).collect();
        all.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(both == [201, 409] || both == [409, 201], "{both:?}");
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
    assert_eq!(said(&["container", "list"], true), "no containers\n");
    let create =
        ["container", "create", "tor-relay", "--network", "privacy", "--service", "tor-relay:tcp/9001"];
    let made = said(&create, true);
    assert!(made.starts_with("tor-relay: id 101 on privacy, port veth101 of vmbr0\n"), "{made}");
    assert!(made.contains("ceth101, to be moved") && made.contains("10.0.0.101/24"), "{made}");
    let mac = made.lines().find_map(|line| line.trim().strip_prefix("mac ")).unwrap().trim();
    let again = said(&create, false);
    assert!(again.contains("there is a container tor-relay already"), "{again}");
    assert!(again.contains("container delete tor-relay"), "{again}");
    let list = said(&["container", "list", "--network", "privacy"], true);
    assert_eq!(
        list,
        format!(
            "NAME       NETWORK  ID   PORT     MAC                ADDRESSES      SERVICES            STATE\n\
             tor-relay  privacy  101  veth101  {mac}  10.0.0.101/24  tor-relay:tcp/9001  in force\n"
        )
    );
    assert_eq!(said(&["container", "list", "--network", "management"], true), "no containers\n");
    assert!(said(&["container", "list", "--network", "privaci"], false).contains("did you mean privacy?"));
    assert_eq!(
        said(&["container", "delete", "tor-relay"], true),
        "tor-relay: removed, id 101 of privacy is free\n"
    );
    assert!(said(&["container", "delete", "tor-relay"], false).contains("there is no container tor-relay"));
}
