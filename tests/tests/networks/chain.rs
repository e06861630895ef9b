//! Phoenix: client → Nginx → Traefik → Qdrant. No hop can be skipped, and none goes back.

use lab::LabOptions;
use portcullis_tests::traffic::{at_once, ping_now, tcp, tcp_now};
use portcullis_tests::{Running, network_file};

use super::introduce;

const PLACES: [(&str, &str); 4] =
    [("client", "10.0.0.1"), ("nginx", "10.0.0.153"), ("traefik", "10.0.0.12"), ("qdrant", "10.0.0.102")];
/// Who comes after whom, and where.
const HOPS: [(&str, &str, u16); 3] =
    [("client", "nginx", 443), ("nginx", "traefik", 443), ("traefik", "qdrant", 8000)];

#[test]
fn no_hop_is_skipped_and_none_goes_back() {
    let text = std::fs::read_to_string(network_file("phoenix.toml")).unwrap();
    let net = Running::start(&text, LabOptions::default());
    for (from, _) in PLACES {
        for (to, address) in PLACES.iter().filter(|(to, _)| *to != from) {
            introduce(&net, from, address, to);
        }
    }
    // The world is behind the client's port.
    let client = |from: &'static str| if from == "client" { "internet" } else { from };
    for (from, _) in PLACES {
        let others = || PLACES.iter().filter(|(to, _)| *to != from);
        let services = others().flat_map(|place| [443, 8000, 22].map(|port| (place, port)));
        at_once(services, |((to, address), port)| {
            let allowed = HOPS.contains(&(from, to, port));
            let said = format!("{from} → {to}:{port}");
            let reaches = if allowed { tcp } else { tcp_now };
            assert_eq!(reaches(&net.lab, client(from), to, &format!("{address}:{port}")), allowed, "{said}");
        });
        at_once(others(), |(to, address)| {
            assert!(!ping_now(&net.lab, client(from), address), "{from} → {to}: ping");
        });
    }
    // And none goes out.
    for from in ["nginx", "traefik", "qdrant"] {
        assert!(!tcp_now(&net.lab, from, "internet", "198.51.100.10:443"), "{from} → the world");
    }
}
