//! The bounds and times of a session.

use std::time::Duration;

/// Bounds the ports of a switch. With the longest names they take 8 MB while the handshake hands
/// them over.
pub const MAX_PORTS: usize = 32_768;

/// The bounds and times of a session.
#[derive(Debug, Clone)]
pub struct Config {
    /// From the first byte that we send to the end of the handshake.
    pub handshake_timeout: Duration,
    /// Without a complete message for so long, the switch is asked for an echo.
    pub echo_interval: Duration,
    /// Without a complete message for so long after that, the session is dead.
    pub echo_timeout: Duration,
    /// Requests that the switch does not take: beyond so many bytes the session ends.
    pub max_request_bytes: usize,
    /// Answers that the switch does not take: beyond so many bytes nothing more is read from it.
    pub max_answer_bytes: usize,
    /// Memory of multipart replies under way, in bytes. Replies about flows are not kept.
    pub max_multipart_bytes: usize,
    /// The same until the handshake is complete.
    pub max_handshake_bytes: usize,
    /// Multipart requests that wait for an answer.
    pub max_multipart_requests: usize,
    /// Ports that a switch may have.
    pub max_ports: usize,
    /// Messages that we could not take; one more ends the session.
    pub max_bad_messages: u32,
    /// Whether the switch's configuration is set (fragments handled as usual). A tool that only looks
    /// leaves it as it is.
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
