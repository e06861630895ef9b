//! The shipped network files, for tests.

use flows::network::NetworkFile;

/// Returns a shipped file by its name.
pub(crate) fn shipped(name: &str) -> NetworkFile {
    let path = format!("{}/../../flows/networks/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    flows::network::parse(&text, name).unwrap().0
}

/// Returns flows/networks/dual-socket.toml.
pub(crate) fn dual_socket() -> NetworkFile {
    shipped("dual-socket.toml")
}
