//! What holds when something fails, is changed while the controller runs, or is hostile: on a real Open vSwitch, with
//! real packets.

mod bad_switch;
mod containers;
mod conversations;
mod drift;
mod hostile;
mod identity;
mod isolation;
mod ports;
mod reload;
mod restart;
mod revocation;
mod series;
mod soak;
mod text;
mod upgrade;
mod verified;

use portcullis_tests::Running;
use portcullis_tests::ofctl::{is_learned, timeless};
use portcullis_tests::running::{dual_socket as file, dual_socket_without as without};

/// Where another node's packets leave by WARP.
const INTERNET: &str = "198.51.100.10";
/// The bridges of dual-socket.toml.
const BRIDGES: [&str; 4] = ["vmbr0", "vmbr1", "mesh-privacy", "mesh-mgmt"];

/// Tells other threads to end when it is dropped: also when a test fails, which would wait for them forever.
struct Ends<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// The flows of a bridge but for the learned ones.
fn fixed(net: &Running, bridge: &str) -> Vec<String> {
    let flows = net.flows(bridge);
    let mut flows: Vec<String> = flows.iter().filter(|f| !is_learned(f)).map(|f| timeless(f)).collect();
    flows.sort();
    flows
}

/// The same of all bridges.
fn all_fixed(net: &Running) -> Vec<Vec<String>> {
    BRIDGES.iter().map(|bridge| fixed(net, bridge)).collect()
}

/// The MAC of a place as tools take it.
fn mac(net: &Running, place: &str) -> String {
    let place = net.lab.plan().place(place).expect("a place");
    place.mac.map(|b| format!("{b:02x}")).join(":")
}

/// Runs a command that has to succeed.
fn must(net: &Running, place: &str, words: &[&str]) {
    let output = net.lab.exec(place, words).unwrap();
    assert!(output.status.success(), "{place}: {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
