//! Why a measurement could not be made, and what to do about it.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why a measurement could not be made.
#[derive(Debug, Error)]
pub enum BenchError {
    /// Nobody listens there, or nobody can be reached.
    #[error("cannot connect to tcp:{address}: {source}")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The controller's HELLO excludes OpenFlow 1.3, or it refused ours.
    #[error("the controller at tcp:{address} does not speak OpenFlow 1.3: {said}")]
    Version {
        /// Where.
        address: SocketAddr,
        /// What it said.
        said: String,
    },
    /// Not every switch got as far as having its first packet-in answered.
    #[error("{served} of {switches} switches were served within {seconds:.1} s; {stuck}")]
    NotServed {
        /// How many were.
        served: u32,
        /// How many there are.
        switches: u32,
        /// How long was waited.
        seconds: f64,
        /// Where the others got stuck.
        stuck: StuckSwitches,
    },
    /// Numbers that cannot be.
    #[error("{0}")]
    Options(String),
    /// A controller of a comparison did not come up.
    #[error("{name}: {why}")]
    Start {
        /// Its name.
        name: String,
        /// What happened.
        why: String,
    },
    /// A signal asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The operating system refused something.
    #[error("cannot {what}: {source}")]
    System {
        /// What.
        what: &'static str,
        /// What it says.
        source: io::Error,
    },
    /// A message that cannot be encoded.
    #[error(transparent)]
    Encode(#[from] ofproto::EncodeError),
}

/// Where switches that were not served got stuck.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct StuckSwitches {
    /// The connection was refused.
    pub refused: u32,
    /// The controller closed it before the first packet-in was answered.
    pub dropped: u32,
    /// The connection was not accepted.
    pub connecting: u32,
    /// No HELLO came.
    pub no_hello: u32,
    /// No FEATURES_REQUEST came.
    pub no_features: u32,
    /// No table-miss flow came, without which an OpenFlow 1.3 switch sends no packet-ins.
    pub no_table_miss: u32,
    /// The first packet-in was not answered.
    pub no_answer: u32,
}

impl std::fmt::Display for StuckSwitches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [
            (self.refused, "refused"),
            (self.dropped, "closed by the controller"),
            (self.connecting, "not accepted"),
            (self.no_hello, "without a HELLO from the controller"),
            (self.no_features, "without a FEATURES_REQUEST"),
            (self.no_table_miss, "without a table-miss flow"),
            (self.no_answer, "whose first packet-in was not answered"),
        ];
        let some = all.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
        f.write_str(&some.collect::<Vec<_>>().join(", "))
    }
}

impl BenchError {
    /// What the reader can do about it.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => Some(
                "nobody listens there: start the controller first, or name its address, as tcp:ADDRESS:PORT",
            ),
            Self::Version { .. } => Some(
                "allow it OpenFlow 1.3 (ovs-testcontroller: -O OpenFlow13); this load generator speaks no other version",
            ),
            Self::NotServed { stuck, .. } if stuck.no_table_miss > 0 => Some(
                "an OpenFlow 1.3 switch sends packet-ins only after a flow told it to (priority 0, output:CONTROLLER): \
                 does this controller have a policy for unknown switches? (Portcullis: run flows/networks/learning-switch.toml)",
            ),
            Self::NotServed { stuck, .. } if stuck.no_answer > 0 => {
                Some("the controller must answer a broadcast with a PACKET_OUT: is it a learning switch?")
            }
            Self::NotServed { .. } => Some("fewer --switches, or a longer --timeout"),
            _ => None,
        }
    }

    pub(super) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
