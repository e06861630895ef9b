//! `portcullis lab test` on small files of many shapes: all of them are right, and so no row of the table is red.

use super::Base;

/// Runs the lab of a file and expects it green; a row of each phrase has to be there.
fn is_green(text: &str, rows: &[&str]) {
    let base = Base::new();
    let file = base.file("shape.toml", text);
    let (code, said) = base.run(&["test", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains('✗') && said.contains("probes, all as expected"), "{said}");
    for row in rows {
        let shown = said.lines().any(|line| line.starts_with("✓ ") && line.contains(row));
        assert!(shown, "no row {row:?}: {said}");
    }
}

macro_rules! shapes {
    ($($name:ident: $rows:expr, $text:expr;)*) => {
        $(#[test]
        fn $name() {
            is_green($text, &$rows);
        })*
    };
}

shapes! {
    the_hosts_own_port_has_a_way_out: ["tcp 443 to 198.51.100.10 (out)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        [endpoint.host]
        attach = [{ network = "n", port = "LOCAL", addresses = ["10.0.0.2", "fd00::2"] }]
        [exit.up]
        network = "n"
        port = "up0"
        next_hop = ["10.0.0.1", "fd00::1"]
        [[allow]]
        name = "out"
        from = "host"
        to = "up"
        protocol = "tcp"
        ports = [443]
        [[allow]]
        name = "ssh"
        from = "up"
        to = "host"
        protocol = "tcp"
        ports = [22]
    "#;

    two_hosts_own_ports_have_a_way_out_each: ["(out-a)", "(out-b)"], r#"
        [network.a]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [network.b]
        bridge = "br1"
        subnets = ["10.1.0.0/24"]
        [endpoint.host]
        attach = [
            { network = "a", port = "LOCAL", addresses = ["10.0.0.2"] },
            { network = "b", port = "LOCAL", addresses = ["10.1.0.2"] },
        ]
        [exit.up-a]
        network = "a"
        port = "upa"
        next_hop = ["10.0.0.1"]
        [exit.up-b]
        network = "b"
        port = "upb"
        next_hop = ["10.1.0.1"]
        [[allow]]
        name = "out-a"
        from = "host"
        to = "up-a"
        protocol = "udp"
        ports = [53]
        [[allow]]
        name = "out-b"
        from = "host"
        to = "up-b"
        protocol = "icmp"
    "#;

    two_exits_of_one_network: ["(web)", "(dns)", "(in)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.10"] }]
        [endpoint.b]
        attach = [{ network = "n", port = "pb", addresses = ["10.0.0.11"] }]
        [exit.first]
        network = "n"
        port = "x1"
        next_hop = ["10.0.0.1"]
        [exit.second]
        network = "n"
        port = "x2"
        next_hop = ["10.0.0.2"]
        [[allow]]
        name = "web"
        from = ["a", "b"]
        to = "first"
        protocol = "tcp"
        ports = [443]
        [[allow]]
        name = "dns"
        from = "a"
        to = "second"
        protocol = "udp"
        ports = [53]
        [[allow]]
        name = "in"
        from = "second"
        to = "b"
        protocol = "tcp"
        ports = [22]
    "#;

    two_exits_with_the_same_rule: ["(web)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.10", "fd00::10"] }]
        [exit.first]
        network = "n"
        port = "x1"
        next_hop = ["10.0.0.1", "fd00::1"]
        [exit.second]
        network = "n"
        port = "x2"
        next_hop = ["10.0.0.2", "fd00::2"]
        [[allow]]
        name = "web"
        from = "a"
        to = ["first", "second"]
        protocol = "tcp"
        ports = [443]
    "#;

    two_exits_with_named_hosts_behind_each: ["(to-one)", "(to-other)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.10"] }]
        [exit.first]
        network = "n"
        port = "x1"
        next_hop = ["10.0.0.1"]
        [exit.second]
        network = "n"
        port = "x2"
        next_hop = ["10.0.0.2"]
        [outside.one]
        exit = "first"
        addresses = ["203.0.113.0/25"]
        [outside.other]
        exit = "second"
        addresses = ["203.0.113.128/25"]
        [[allow]]
        name = "to-one"
        from = "a"
        to = "one"
        protocol = "tcp"
        ports = [443]
        [[allow]]
        name = "to-other"
        from = "a"
        to = "other"
        protocol = "tcp"
        ports = [443]
    "#;

    an_exit_on_each_of_two_bridges: ["(a-out)", "(b-out)"], r#"
        [network.a]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [network.b]
        bridge = "br1"
        subnets = ["10.1.0.0/24"]
        [endpoint.both]
        attach = [
            { network = "a", port = "p0", addresses = ["10.0.0.10"] },
            { network = "b", port = "p1", addresses = ["10.1.0.10"] },
        ]
        [exit.up-a]
        network = "a"
        port = "upa"
        next_hop = ["10.0.0.1"]
        [exit.up-b]
        network = "b"
        port = "upb"
        next_hop = ["10.1.0.1"]
        [[allow]]
        name = "a-out"
        from = "a"
        to = "up-a"
        protocol = "tcp"
        ports = [443]
        [[allow]]
        name = "b-out"
        from = "b"
        to = "up-b"
        protocol = "tcp"
        ports = [80]
    "#;

    ipv6_alone_with_a_next_hop: ["tcp 443 to 2001:db8:ff::a (out)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["fd00::/64"]
        gateway = ["fd00::1"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["fd00::10"] }]
        [endpoint.b]
        attach = [{ network = "n", port = "pb", addresses = ["fd00::11"] }]
        [exit.up]
        network = "n"
        port = "up0"
        next_hop = ["fd00::1"]
        [[allow]]
        name = "out"
        from = "a"
        to = "up"
        protocol = "tcp"
        ports = [443]
        [[allow]]
        name = "inner"
        from = "a"
        to = "b"
        protocol = "icmp"
    "#;

    both_families_by_way_of_a_next_hop: ["(updates)"], r#"
        [network.inner]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        [network.outer]
        bridge = "br1"
        subnets = ["10.1.0.0/24", "fd01::/64"]
        [endpoint.a]
        attach = [{ network = "inner", port = "pa", addresses = ["10.0.0.10", "fd00::10"] }]
        [endpoint.gate]
        attach = [
            { network = "inner", port = "g0", addresses = ["10.0.0.1", "fd00::1"], mac = "52:54:00:00:00:01" },
            { network = "outer", port = "g1", addresses = ["10.1.0.2", "fd01::2"] },
        ]
        [exit.up]
        network = "outer"
        port = "up0"
        next_hop = ["10.1.0.1", "fd01::1"]
        [[allow]]
        name = "updates"
        from = "a"
        to = "up"
        via = "gate"
        protocol = "tcp"
        ports = [443]
        [[allow]]
        name = "gate-updates"
        from = "gate"
        to = "up"
        protocol = "tcp"
        ports = [443]
    "#;

    ports_and_a_bridge_with_the_words_of_ip: ["(web)"], r#"
        [network.n]
        bridge = "dev"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        [endpoint.one]
        attach = [{ network = "n", port = "up", addresses = ["10.0.0.1", "fd00::1"] }]
        [endpoint.two]
        attach = [{ network = "n", port = "a", addresses = ["10.0.0.2", "fd00::2"] }]
        [endpoint.three]
        attach = [{ network = "n", port = "name", addresses = ["10.0.0.3"] }]
        [[allow]]
        name = "web"
        from = "one"
        to = ["two", "three"]
        protocol = "tcp"
        ports = [80]
    "#;

    addresses_that_dhcp_gives: ["(web)", "(ask)", "(lease)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", leased = true }]
        [endpoint.b]
        attach = [{ network = "n", port = "pb", leased = true, mac = "02:00:00:00:00:0b" }]
        [endpoint.s]
        attach = [{ network = "n", port = "ps", addresses = ["10.0.0.9", "fd00::9"], mac = "02:00:00:00:00:09" }]
        [[allow]]
        name = "lease"
        from = ["a", "b"]
        to = "s"
        protocol = "dhcp"
        [[allow]]
        name = "web"
        from = "a"
        to = ["b", "s"]
        protocol = "tcp"
        ports = [80]
        [[allow]]
        name = "ask"
        from = "s"
        to = "b"
        protocol = "udp"
        ports = [53]
    "#;

    addresses_that_hosts_make_under_a_tag: ["(web)", "(ask)", "(lease)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        vlan = 9
        [endpoint.a]
        attach = [{ network = "n", port = "pa", leased = true }]
        [endpoint.b]
        attach = [{ network = "n", port = "pb", leased = true, mac = "02:00:00:00:00:0b" }]
        [endpoint.s]
        attach = [{ network = "n", port = "ps", addresses = ["10.0.0.9", "fd00::9"], mac = "02:00:00:00:00:09", router = true }]
        [[allow]]
        name = "lease"
        from = ["a", "b"]
        to = "s"
        protocol = "dhcp"
        [[allow]]
        name = "web"
        from = "a"
        to = ["b", "s"]
        protocol = "tcp"
        ports = [80]
        [[allow]]
        name = "ask"
        from = "s"
        to = "b"
        protocol = "udp"
        ports = [53]
    "#;

    a_network_with_a_vlan: ["(web)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        vlan = 20
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.1", "fd00::1"] }]
        [endpoint.b]
        attach = [{ network = "n", port = "pb", addresses = ["10.0.0.2", "fd00::2"] }]
        [exit.up]
        network = "n"
        port = "up0"
        next_hop = ["10.0.0.254"]
        [[allow]]
        name = "web"
        from = "a"
        to = ["b", "up"]
        protocol = "tcp"
        ports = [80]
    "#;

    members_that_talk_freely: ["(inside n)", "(ssh)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        inside = "allow"
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.1", "fd00::1"] }]
        [endpoint.host]
        attach = [{ network = "n", port = "LOCAL", addresses = ["10.0.0.2", "fd00::2"] }]
        [exit.up]
        network = "n"
        port = "up0"
        next_hop = ["10.0.0.254"]
        [[allow]]
        name = "ssh"
        from = "host"
        to = "up"
        protocol = "tcp"
        ports = [22]
    "#;

    the_connection_tracker: ["(web)", "(dns)", "(pings)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        stateful = "conntrack"
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.1", "fd00::1"] }]
        [endpoint.b]
        attach = [{ network = "n", port = "pb", addresses = ["10.0.0.2", "fd00::2"] }]
        [exit.up]
        network = "n"
        port = "up0"
        next_hop = ["10.0.0.254", "fd00::fe"]
        [[allow]]
        name = "web"
        from = ["a", "b"]
        to = "up"
        protocol = "tcp"
        ports = [443]
        [[allow]]
        name = "dns"
        from = "a"
        to = "b"
        protocol = "udp"
        ports = [53]
        [[allow]]
        name = "pings"
        from = "b"
        to = "a"
        protocol = "icmp"
    "#;

    everything_to_one_and_back: ["(forth)", "(back)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.1"] }]
        [endpoint.b]
        attach = [{ network = "n", port = "pb", addresses = ["10.0.0.2"] }]
        [[allow]]
        name = "forth"
        from = "a"
        to = "b"
        [[allow]]
        name = "back"
        from = "b"
        to = "a"
        protocol = "tcp"
        ports = [8080]
    "#;

    a_link_between_two_bridges: ["(web)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.1"] }]
        [link.mesh]
        ends = [
            { network = "n", port = "to-mesh", behind = ["10.0.0.0/24"] },
            { bridge = "mesh0", port = "from-br0", forwards = "nm0" },
        ]
        [[allow]]
        name = "web"
        from = "mesh"
        to = "a"
        protocol = "tcp"
        ports = [80]
        [[allow]]
        name = "out"
        from = "a"
        to = "mesh"
        protocol = "udp"
        ports = [53]
    "#;

    a_chain_from_outside: ["tcp 443", "tcp 8000"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.nginx]
        attach = [{ network = "n", port = "ng", addresses = ["10.0.0.10"] }]
        [endpoint.api]
        attach = [{ network = "n", port = "api", addresses = ["10.0.0.11"] }]
        [exit.up]
        network = "n"
        port = "up0"
        next_hop = ["10.0.0.1"]
        [[chain]]
        name = "https"
        from = "up"
        purpose = "TLS as far as nginx"
        hops = [{ to = "nginx", protocol = "tcp", ports = [443] }, { to = "api", protocol = "tcp", ports = [8000] }]
    "#;

    a_crossing_of_two_networks: ["(health)"], r#"
        [network.one]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [network.two]
        bridge = "br1"
        subnets = ["10.1.0.0/24"]
        [endpoint.watch]
        attach = [{ network = "one", port = "pw", addresses = ["10.0.0.10"], mac = "52:54:00:00:00:10" }]
        [endpoint.server]
        attach = [{ network = "two", port = "ps", addresses = ["10.1.0.10"], mac = "52:54:00:00:00:11" }]
        [link.health]
        ends = [{ bridge = "br0", port = "to-health" }, { bridge = "br1", port = "from-health" }]
        [[crossing]]
        name = "health"
        from = "watch"
        to = "server"
        protocol = "tcp"
        ports = [8080]
        over = "health"
        approved_by = "operations"
        reason = "one watches two"
    "#;

    prefixes_behind_an_endpoint: ["from behind it (web)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.vpn]
        attach = [{ network = "n", port = "pv", addresses = ["10.0.0.10"], behind = ["10.9.0.0/24"] }]
        [exit.up]
        network = "n"
        port = "up0"
        next_hop = ["10.0.0.1"]
        [[allow]]
        name = "web"
        from = "vpn"
        to = "up"
        protocol = "tcp"
        ports = [443]
    "#;

    a_window_open_and_closed: ["(updates)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.10"] }]
        [exit.up]
        network = "n"
        port = "up0"
        next_hop = ["10.0.0.1"]
        [[allow]]
        name = "updates"
        from = "a"
        to = "up"
        protocol = "tcp"
        ports = [80]
        temp = "updates"
    "#;

    a_network_stamped_out_by_number: ["(report-1)", "(report-2)"], r#"
        [template.project]
        numbers = "1-9"
        instances = "1-2"
        [template.project.network."project-{n}"]
        bridge = "br0"
        subnets = ["172.30.{n}.0/24"]
        [template.project.endpoint."vm-{n}"]
        attach = [{ network = "project-{n}", port = "vm{n}", addresses = ["172.30.{n}.2"] }]
        [template.project.endpoint."store-{n}"]
        attach = [{ network = "project-{n}", port = "st{n}", addresses = ["172.30.{n}.3"] }]
        [[template.project.allow]]
        name = "report-{n}"
        from = "vm-{n}"
        to = "store-{n}"
        protocol = "tcp"
        ports = [3002]
    "#;

    several_networks_on_one_bridge: ["(a-b)", "(d-c)"], r#"
        [network.one]
        bridge = "br0"
        subnets = ["10.0.0.0/24", "fd00::/64"]
        [network.two]
        bridge = "br0"
        subnets = ["10.1.0.0/24", "fd01::/64"]
        [endpoint.a]
        attach = [{ network = "one", port = "pa", addresses = ["10.0.0.1", "fd00::1"] }]
        [endpoint.b]
        attach = [{ network = "one", port = "pb", addresses = ["10.0.0.2", "fd00::2"] }]
        [endpoint.c]
        attach = [{ network = "two", port = "pc", addresses = ["10.1.0.1", "fd01::1"] }]
        [endpoint.d]
        attach = [{ network = "two", port = "pd", addresses = ["10.1.0.2", "fd01::2"] }]
        [[allow]]
        name = "a-b"
        from = "a"
        to = "b"
        protocol = "tcp"
        ports = [80]
        [[allow]]
        name = "d-c"
        from = "d"
        to = "c"
        protocol = "udp"
        ports = [53]
        [[never]]
        name = "apart"
        from = "one"
        to = "two"
    "#;

    sctp_and_ports_that_several_rules_name: ["(sctp)", "(web)"], r#"
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.1"] }]
        [endpoint.b]
        attach = [{ network = "n", port = "pb", addresses = ["10.0.0.2"] }]
        [endpoint.c]
        attach = [{ network = "n", port = "pc", addresses = ["10.0.0.3"] }]
        [[allow]]
        name = "sctp"
        from = "a"
        to = "b"
        protocol = "sctp"
        ports = [3868]
        [[allow]]
        name = "web"
        from = ["a", "b"]
        to = "c"
        protocol = "tcp"
        ports = [80, 443]
        returns = "connection"
    "#;
}

#[test]
fn traffic_that_leaves_by_the_wrong_one_of_two_exits_is_red() {
    let base = Base::new();
    // A raw flow above all others sends to the second exit what the rule sends to the first.
    let text = r#"
        [bridge.br0]
        flows = ["priority=65500,tcp,in_port=pa,tp_dst=443,actions=output:x2"]
        [network.n]
        bridge = "br0"
        subnets = ["10.0.0.0/24"]
        [endpoint.a]
        attach = [{ network = "n", port = "pa", addresses = ["10.0.0.10"] }]
        [exit.first]
        network = "n"
        port = "x1"
        next_hop = ["10.0.0.1"]
        [exit.second]
        network = "n"
        port = "x2"
        next_hop = ["10.0.0.2"]
        [[allow]]
        name = "web"
        from = "a"
        to = "first"
        protocol = "tcp"
        ports = [443]
    "#;
    let file = base.file("wrong.toml", text);
    let (code, said) = base.run(&["test", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    let wrong = |words: &[&str]| {
        said.lines().any(|line| line.starts_with("✗ ") && words.iter().all(|word| line.contains(word)))
    };
    assert!(wrong(&["by the flows", "comes out x2 of br0"]), "{said}");
    assert!(wrong(&["(web)", "passes"]), "{said}");
}
