//! A controller comes that gives the same flows other cookies: an upgrade from a version that hashed them otherwise.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use portcullis_tests::ofctl::is_learned;
use portcullis_tests::{Pinger, Running};

use super::{BRIDGES, INTERNET, all_fixed};

/// Gives all flows of a bridge other cookies, and their learners' flows with them. Learned flows go.
fn with_other_cookies(net: &Running, bridge: &str) {
    let text = net.lab.ofctl(&["--no-names", "--no-stats", "dump-flows", bridge]).unwrap();
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|l| l.contains("actions=") && !is_learned(l)).collect();
    let mut flows = lines.join("\n");
    let cookie = |line: &&str| {
        line.split_once("cookie=0x").map(|(_, rest)| rest.split(',').next().unwrap().to_owned())
    };
    let cookies: BTreeSet<String> = lines.iter().filter_map(cookie).collect();
    assert_eq!(cookies.len(), lines.len(), "{bridge}: a cookie each");
    for cookie in cookies {
        let value = u64::from_str_radix(&cookie, 16).unwrap();
        flows = flows.replace(
            &format!("cookie=0x{cookie},"),
            &format!("cookie={:#x},", value ^ 0x00ff_00ff_00ff_00ff),
        );
    }
    let path = net.path.with_file_name(format!("{bridge}.flows"));
    std::fs::write(&path, flows).unwrap();
    net.lab.ofctl(&["--bundle", "replace-flows", bridge, path.to_str().unwrap()]).unwrap();
}

#[test]
fn flows_with_other_cookies_are_replaced_at_once_and_connections_live_on() {
    let mut net = Running::dual_socket();
    let wanted = all_fixed(&net);
    net.kill_controller();
    BRIDGES.iter().for_each(|bridge| with_other_cookies(&net, bridge));
    assert!(all_fixed(&net).iter().zip(&wanted).all(|(is, wanted)| is.len() == wanted.len() && is != wanted));

    // It is open by a return flow of the old learner's, and so is the ping's.
    let server = net.lab.within("internet", || TcpListener::bind("0.0.0.0:443")).unwrap().unwrap();
    let address = format!("{INTERNET}:443").parse().unwrap();
    let open = || TcpStream::connect_timeout(&address, Duration::from_secs(5));
    let mut client = net.lab.within("nm-privacy", open).unwrap().unwrap();
    let (mut server, _) = server.accept().unwrap();
    for end in [&client, &server] {
        end.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    }
    let pinger = Pinger::start(&net.lab, "nm-privacy", INTERNET);
    pinger.more(20);

    net.start_controller();
    assert_eq!(all_fixed(&net), wanted);
    pinger.more(50);
    let mut heard = [0; 4];
    for _ in 0..3 {
        client.write_all(b"ping").unwrap();
        server.read_exact(&mut heard).unwrap();
        server.write_all(b"pong").unwrap();
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"pong");
    }
    let pinged = pinger.end();
    eprintln!("{pinged:?}");
    let said = net.controller.output();
    eprintln!("{said}");
    for bridge in BRIDGES {
        let of = |what: &str| {
            let bridge = format!("bridge=\"{bridge}\"");
            said.lines().filter(|l| l.contains(what) && l.contains(&bridge)).count()
        };
        assert_eq!((of("flows changed"), of("drift repaired")), (1, 0), "{bridge}: {said}");
    }
    // What the old learners taught is gone, and nothing of it comes back.
    let old = |flow: &String| {
        let cookie = flow.split_once("cookie=0x").unwrap().1.split(',').next().unwrap();
        let is_known = wanted.iter().flatten().any(|line| line.contains(&format!("cookie=0x{cookie},")));
        is_learned(flow) && !is_known
    };
    for bridge in BRIDGES {
        assert_eq!(
            net.flows(bridge).into_iter().filter(old).collect::<Vec<_>>(),
            Vec::<String>::new(),
            "{bridge}"
        );
    }
}
