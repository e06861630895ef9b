//! The reasons why a question has no answer.

use std::net::IpAddr;

/// A question that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// The file has no party of that name.
    #[error("the file has no party {name:?}")]
    UnknownParty {
        /// The name.
        name: String,
        /// The nearest name that the file has.
        nearest: Option<String>,
        /// The names that there are.
        there: Vec<String>,
    },
    /// The file gives nobody this address, and no exit leads to it.
    #[error("nobody in the file has the address {0}")]
    UnknownAddress(IpAddr),
    /// The two parties have no addresses of one family.
    #[error("{from} and {to} have no fixed addresses of one family")]
    NoAddresses {
        /// The sender.
        from: String,
        /// The receiver.
        to: String,
    },
}

impl ReachError {
    /// Returns what the asker can do.
    pub fn help(&self) -> String {
        match self {
            Self::UnknownParty { nearest: Some(nearest), .. } => format!("did you mean {nearest:?}?"),
            Self::UnknownParty { there, .. } => format!("there are: {}", there.join(", ")),
            Self::UnknownAddress(_) => "name a party, or one of its addresses".to_owned(),
            Self::NoAddresses { .. } => "give each of them addresses of one family in the file".to_owned(),
        }
    }
}
