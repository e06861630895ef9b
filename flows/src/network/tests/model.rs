//! The meaning of the shipped files, and the views of the model.

use super::*;

#[test]
fn shipped_files_mean_what_they_say() {
    for (name, text) in SHIPPED {
        let file = without_places(model_of(text, name));
        insta::assert_debug_snapshot!(name.trim_end_matches(".toml"), file);
    }
}

#[test]
fn json_means_what_toml_means() {
    for (name, text) in SHIPPED {
        let json = to_json(text);
        assert_eq!(without_places(model_of(&json, "x.JSON")), without_places(model_of(text, name)), "{name}");
    }
}

#[test]
fn places_are_those_of_the_names() {
    for (name, json) in [("x.toml", false), ("x.json", true)] {
        let text = shipped("dual-socket.toml");
        let text = if json { to_json(text) } else { text.to_owned() };
        let file = model_of(&text, name);
        let at = |span: &Span| text[span.clone()].trim_matches('"').to_owned();
        assert_eq!(at(&file.bridges[2].span), "mesh-privacy");
        assert_eq!(at(&file.networks[0].span), "privacy");
        assert_eq!(at(&file.endpoints[0].span), "gateway");
        assert!(at(&file.endpoints[0].attachments[0].span).contains("veth100"));
        assert_eq!(at(&file.links[1].span), "management-mesh");
        assert!(at(&file.links[1].ends[1].span).contains("to-mgmt"));
        assert_eq!(at(&file.exits[0].span), "warp");
        assert_eq!(at(&file.allows[2].span), "op-dbus-api");
        assert_eq!(at(&file.nevers[0].span), "privacy-reaches-management");
    }
    let text = shipped("dual-socket-verbatim.toml");
    let file = model_of(text, "x.toml");
    for flow in file.bridges.iter().flat_map(|bridge| &bridge.flows) {
        assert_eq!(text[flow.span.clone()], format!("\"{}\"", flow.line));
    }
}

#[test]
fn bridge_ports_are_each_once_and_in_order() {
    let ports = |name: &str, bridge: &str| -> Vec<String> {
        let file = model_of(shipped(name), name);
        file.bridge_ports(bridge).into_iter().map(str::to_owned).collect()
    };
    assert_eq!(
        ports("dual-socket.toml", "vmbr0"),
        ["veth100", "veth102", "from-privacy", "from-health", "warp0"]
    );
    assert_eq!(
        ports("dual-socket.toml", "vmbr1"),
        ["veth200", "veth201", "veth202", "LOCAL", "from-mgmt", "to-health"]
    );
    assert_eq!(ports("dual-socket.toml", "mesh-mgmt"), ["to-mgmt", "nm-mgmt"]);
    assert_eq!(ports("dual-socket-verbatim.toml", "vmbr0"), ["from-privacy", "warp0", "veth100", "veth102"]);
    assert_eq!(ports("dual-socket.toml", "vmbr2"), [""; 0]);
    let text = "[bridge.br0]\nports = [\"e0\", \"p1\"]\n[exit.e]\nbridge = \"br0\"\nport = \"e0\"";
    assert_eq!(model_of(text, "x.toml").bridge_ports("br0"), ["e0", "p1"]);
}

#[test]
fn views_of_a_bridge() {
    let file = model_of(shipped("dual-socket.toml"), "x.toml");
    let networks: Vec<_> =
        file.networks_on("vmbr1").map(|network| (&*network.name, network.number)).collect();
    assert_eq!(networks, [("management", 9826)]);
    let attachments: Vec<_> = file.attachments_on("vmbr0").map(|(e, a)| (&*e.name, &*a.port)).collect();
    assert_eq!(attachments, [("gateway", "veth100"), ("xray", "veth102")]);
    let ends = |bridge| file.link_ends_on(bridge).map(|(l, e)| (&*l.name, &*e.port)).collect::<Vec<_>>();
    assert_eq!(ends("vmbr0"), [("privacy-mesh", "from-privacy"), ("health", "from-health")]);
    assert_eq!(ends("mesh-privacy"), [("privacy-mesh", "to-privacy")]);
    assert_eq!(file.exits_on("vmbr0").map(|exit| &*exit.port).collect::<Vec<_>>(), ["warp0"]);
    assert_eq!(file.exits_on("vmbr1").count(), 0);
}

#[test]
fn parties_by_name() {
    let text = "[network.a]\nbridge = \"b0\"\nsubnets = [\"10.0.0.0/24\"]\n\
                [network.b]\nbridge = \"b1\"\nsubnets = [\"10.1.0.0/24\"]\n\
                [endpoint.both]\nattach = [{ network = \"b\", port = \"v0\", addresses = [\"10.1.0.1\"] }, \
                { network = \"a\", port = \"v1\", addresses = [\"10.0.0.1\"] }, \
                { network = \"b\", port = \"v2\", addresses = [\"10.1.0.2\"] }]\n\
                [link.l]\nends = [{ bridge = \"b2\", port = \"l0\" }, { network = \"b\", port = \"l1\", behind = [\"10.2.0.0/24\"] }]\n\
                [exit.e]\nnetwork = \"a\"\nport = \"e0\"\n[exit.declared]\nbridge = \"b3\"\nport = \"e1\"";
    let file = model_of(text, "x.toml");
    let networks = |name| file.party(name).map(|party| (party.name(), party.networks()));
    assert_eq!(networks("a"), Some(("a", vec!["a"])));
    assert_eq!(networks("both"), Some(("both", vec!["b", "a"])));
    assert_eq!(networks("l"), Some(("l", vec!["b"])));
    assert_eq!(networks("e"), Some(("e", vec!["a"])));
    assert_eq!(networks("declared"), Some(("declared", vec![])));
    assert_eq!(networks("b0"), None, "bridges are no parties");
    assert!(matches!(file.party("l"), Some(Party::Link(link)) if link.ends[1].network() == Some("b")));
}

#[test]
fn order_is_that_of_the_file() {
    let text = "[network.z]\nbridge = \"b1\"\nsubnets = [\"10.0.0.0/24\"]\n\
                [bridge.b2]\n[network.a]\nbridge = \"b0\"\nsubnets = [\"10.1.0.0/24\"]\n[bridge.b1]\nports = [\"x\"]";
    let file = model_of(text, "x.toml");
    assert_eq!(
        file.networks.iter().map(|n| (&*n.name, n.number)).collect::<Vec<_>>(),
        [("z", 21179), ("a", 3386)]
    );
    assert_eq!(file.bridges.iter().map(|b| &*b.name).collect::<Vec<_>>(), ["b1", "b2", "b0"]);
    assert_eq!(file.bridges[0].ports, ["x"]);
}

/// A repeated item has a warning, and is in the model once.
#[test]
fn repeated_items_stand_once() {
    let text = "[network.a]\nbridge = \"b0\"\nsubnets = [\"10.0.0.0/24\", \"10.0.0.0/24\"]\n\
                [endpoint.x]\nattach = [{ network = \"a\", port = \"v0\", addresses = [\"10.0.0.1\", \"10.0.0.1\"] }]\n\
                [endpoint.y]\nattach = [{ network = \"a\", port = \"v1\", addresses = [\"10.0.0.2\"], mac = \"52:54:00:aB:00:01\" }]\n\
                [[allow]]\nname = \"p\"\nfrom = \"x\"\nto = [\"y\", \"y\"]\nprotocol = \"sctp\"\nports = [5, 5, 4]\nlimit = 9";
    let (file, findings) = parse(text, "x.toml").unwrap();
    assert_eq!(findings.len(), 4, "{}", rendered(&findings, "", text));
    assert_eq!(file.networks[0].subnets.len(), 1);
    assert_eq!(file.endpoints[0].attachments[0].addresses.len(), 1);
    assert_eq!(file.endpoints[1].attachments[0].mac, Some([0x52, 0x54, 0, 0xab, 0, 1]));
    let allow = &file.allows[0];
    assert_eq!((&allow.from, &allow.to, &allow.ports), (&vec!["x".into()], &vec!["y".into()], &vec![5, 4]));
    assert_eq!((allow.protocol, allow.limit), (Protocol::Sctp, Some(9)));
}
