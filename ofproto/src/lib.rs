//! OpenFlow 1.3.

pub mod action;
pub mod codec;
pub mod error;
pub mod frame;
pub mod header;
pub mod ids;
pub mod instruction;
pub mod message;
pub mod oxm;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use codec::{Reader, Wire, Writer};
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use frame::{FrameError, Framer};
pub use header::{HEADER_LEN, Header, VERSION};
pub use ids::{BufferId, Cookie, DatapathId, GroupId, PortNo, TableId, Xid};
pub use message::Message;
