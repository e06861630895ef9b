//! The reasons why a measurement failed, and the remedy for each.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// The reason why a measurement failed.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The address is unreachable, or no process listens there.
    #[error("cannot connect to tcp:{address}: {source}")]
    Unreachable {
        /// The address of the controller.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The controller's HELLO excludes OpenFlow 1.3, or the controller refused that version.
    #[error("the controller at tcp:{address} does not speak OpenFlow 1.3: {said}")]
    Version {
        /// The address of the controller.
        address: SocketAddr,
        /// The answer of the controller, in its own words.
        said: String,
    },
    /// Some switches never had their first packet-in answered.
    #[error("{served} of {switches} switches were served within {seconds:.1} s; {stuck}")]
    NotServed {
        /// The number of switches served.
        served: u32,
        /// The number of switches.
        switches: u32,
        /// Time waited, in seconds.
        seconds: f64,
        /// The stages at which the others got stuck.
        stuck: StuckSwitches,
    },
    /// Settings that are not valid.
    #[error("{0}")]
    Options(String),
    /// A controller of a comparison did not start.
    #[error("{name}: {why}")]
    Start {
        /// The name of the controller.
        name: String,
        /// The reason.
        why: String,
    },
    /// A signal interrupted the run.
    #[error("interrupted")]
    Interrupted,
    /// A system call failed.
    #[error("cannot {what}: {source}")]
    System {
        /// The operation that failed.
        what: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A message that cannot be encoded.
    #[error(transparent)]
    Encode(#[from] ofproto::EncodeError),
}

/// The number of switches that were not served, by the stage at which they got stuck.
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
    /// Returns the remedy that the reader can try.
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
