//! Network files for tests, built by hand.

use flows::network::{
    Allow, Attachment, Bridge, Endpoint, Exit, Inside, Link, LinkEnd, LinkRole, Network, NetworkFile, Never,
    Protocol,
};

fn bridge(name: &str) -> Bridge {
    Bridge { name: name.to_owned(), ports: Vec::new(), flows: Vec::new(), span: 0..0 }
}

fn endpoint(name: &str, network: &str, port: &str, address: &str, behind: &[&str]) -> Endpoint {
    Endpoint {
        name: name.to_owned(),
        attachments: vec![Attachment {
            network: network.to_owned(),
            port: port.to_owned(),
            addresses: vec![address.parse().unwrap()],
            behind: behind.iter().map(|p| p.parse().unwrap()).collect(),
            mac: None,
            span: 0..0,
        }],
        span: 0..0,
    }
}

fn link(name: &str, network: (&str, &str, &str, &str), mesh: (&str, &str, &str)) -> Link {
    let role = LinkRole::Network { network: network.0.to_owned(), behind: vec![network.3.parse().unwrap()] };
    let near = LinkEnd { bridge: network.1.to_owned(), port: network.2.to_owned(), role, span: 0..0 };
    let role = LinkRole::Forwards { port: mesh.2.to_owned() };
    let far = LinkEnd { bridge: mesh.0.to_owned(), port: mesh.1.to_owned(), role, span: 0..0 };
    Link { name: name.to_owned(), ends: [near, far], span: 0..0 }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn allow(name: &str, from: &[&str], to: &[&str], protocol: Protocol, ports: &[u16]) -> Allow {
    Allow {
        name: name.to_owned(),
        from: names(from),
        to: names(to),
        protocol,
        ports: ports.to_vec(),
        purpose: String::new(),
        limit: None,
        span: 0..0,
    }
}

fn never(name: &str, from: &str, to: &str) -> Never {
    Never { name: name.to_owned(), from: names(&[from]), to: names(&[to]), span: 0..0 }
}

/// flows/networks/dual-socket.toml.
pub(crate) fn dual_socket() -> NetworkFile {
    let network = |name: &str, number, bridge: &str, subnet: &str, inside| Network {
        name: name.to_owned(),
        number,
        bridge: bridge.to_owned(),
        subnets: vec![subnet.parse().unwrap()],
        inside,
        span: 0..0,
    };
    NetworkFile {
        bridges: ["vmbr0", "vmbr1", "mesh-privacy", "mesh-mgmt"].into_iter().map(bridge).collect(),
        networks: vec![
            network("privacy", 1, "vmbr0", "10.0.0.0/24", Inside::Deny),
            network("management", 2, "vmbr1", "10.1.0.0/24", Inside::Allow),
        ],
        endpoints: vec![
            endpoint("gateway", "privacy", "veth100", "10.0.0.100", &["10.8.0.0/24"]),
            endpoint("xray", "privacy", "veth102", "10.0.0.102", &[]),
            endpoint("mcp", "management", "veth200", "10.1.0.200", &[]),
            endpoint("api", "management", "veth201", "10.1.0.201", &[]),
            endpoint("monitoring", "management", "veth202", "10.1.0.202", &[]),
            endpoint("host", "management", "LOCAL", "10.1.0.1", &[]),
        ],
        links: vec![
            link(
                "privacy-mesh",
                ("privacy", "vmbr0", "from-privacy", "10.0.0.0/24"),
                ("mesh-privacy", "to-privacy", "nm-privacy"),
            ),
            link(
                "management-mesh",
                ("management", "vmbr1", "from-mgmt", "10.1.0.0/24"),
                ("mesh-mgmt", "to-mgmt", "nm-mgmt"),
            ),
        ],
        exits: vec![Exit {
            name: "warp".to_owned(),
            network: Some("privacy".to_owned()),
            bridge: "vmbr0".to_owned(),
            port: "warp0".to_owned(),
            next_hop: vec!["10.0.0.1".parse().unwrap()],
            span: 0..0,
        }],
        allows: vec![
            allow("warp-egress", &["gateway", "xray", "privacy-mesh"], &["warp"], Protocol::Any, &[]),
            allow("vpn-clients", &["warp", "privacy-mesh"], &["gateway"], Protocol::Udp, &[51820]),
            allow(
                "op-dbus-api",
                &["mcp", "monitoring", "management-mesh"],
                &["api"],
                Protocol::Tcp,
                &[9573, 9574],
            ),
        ],
        nevers: vec![
            never("privacy-reaches-management", "privacy", "management"),
            never("management-reaches-privacy", "management", "privacy"),
        ],
    }
}
