//! The bounds and times of a session.

use std::time::Duration;

/// Largest number of ports of a switch. With the longest names they take 8 MB while the handshake
/// passes them on.
pub const MAX_PORTS: usize = 32_768;

/// The bounds and times of a session.
#[derive(Debug, Clone)]
pub struct Config {
    /// Deadline of the handshake, counted from the start of the session.
    pub handshake_timeout: Duration,
    /// Time without a complete message before an echo request is sent.
    pub echo_interval: Duration,
    /// Time without a complete message after an echo request before the session ends.
    pub echo_timeout: Duration,
    /// Largest amount of unsent requests, in bytes. Beyond it the session ends.
    pub max_request_bytes: usize,
    /// Largest amount of unsent answers, in bytes. Beyond it nothing more is read from the switch.
    pub max_answer_bytes: usize,
    /// Memory of multipart replies under way, in bytes. Replies about flows are not kept.
    pub max_multipart_bytes: usize,
    /// Memory of multipart replies during the handshake, in bytes.
    pub max_handshake_bytes: usize,
    /// Largest number of multipart requests that wait for a reply.
    pub max_multipart_requests: usize,
    /// Largest number of ports of a switch.
    pub max_ports: usize,
    /// Largest number of bad messages. One more ends the session.
    pub max_bad_messages: u32,
    /// True if the session sets the switch's configuration of fragments. A tool that only looks
    /// leaves it alone.
    pub set_config: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            echo_interval: Duration::from_secs(5),
            echo_timeout: Duration::from_secs(5),
            max_request_bytes: 128 << 20,
            max_answer_bytes: 1 << 20,
            max_multipart_bytes: 256 << 20,
            max_handshake_bytes: 4 << 20,
            max_multipart_requests: 16,
            max_ports: MAX_PORTS,
            max_bad_messages: 64,
            set_config: true,
        }
    }
}
