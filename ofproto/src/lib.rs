//! OpenFlow 1.3 as Open vSwitch speaks it: the bytes of a connection, without sockets, clocks or
//! policy. The crates above turn decoded messages into decisions, and decisions into messages to
//! encode.
//!
//! # From bytes to a message and back
//! 1. [`Framer`] cuts the stream into frames by the length in their [`Header`], whatever their
//!    version. It holds a bounded number of bytes.
//! 2. [`Message::decode_shared`] decodes a frame into a transaction id ([`Xid`]) and a [`Message`].
//!    It must consume the whole frame: trailing bytes are an error.
//! 3. [`Message::encode_into`] appends a message to a [`Writer`]. A part that does not fit a length
//!    field is an [`EncodeError`], never cut short.
//!
//! ```
//! use ofproto::{Framer, Message, Xid};
//!
//! let bytes = Message::EchoRequest("ping".into()).encode(Xid(7))?;
//! let mut framer = Framer::new();
//! framer.feed(&bytes);
//! let frame = framer.next_frame()?.ok_or("not all of it")?;
//! assert_eq!(Message::decode_shared(&frame)?, (Xid(7), Message::EchoRequest("ping".into())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//! | module | holds |
//! |---|---|
//! | [`message`] | every message, one file each, and the one table from type number to message |
//! | [`message::coverage`] | which messages of the specifications are here, and why others are not |
//! | [`message::multipart`] | requests and replies in parts: descriptions, flows, tables, ports |
//! | [`message::monitor`] | the flow monitor, by which a switch tells of every change of its flows |
//! | [`oxm`] | match fields: OXM and NXM, masks, and which fields need which others |
//! | [`action`], [`instruction`] | what flows do; `learn()` and the other Nicira actions among them |
//! | [`hot`] | the messages of the packet-in path, without allocating |
//! | [`codec`], [`error`] | reading and writing with lengths checked once; what goes wrong, and where |
//! | [`ovs_errors`] | every error of Open vSwitch, and what it says to a match, actions or instructions that make no sense |
//! | [`ids`], [`mac`] | numbers and addresses that must not be mixed up, a type each |
//! | [`ethertype`], [`ip_protocol`], [`icmpv6`] | numbers of the protocols in a frame, each in this one place |
//!
//! # Promises
//! - No input makes the crate panic.
//! - Unknown parts are kept: an unknown message, action, instruction or match field decodes to an
//!   `Unknown` variant and encodes to the same bytes.
//! - A [`DecodeError`] names the field and the offset, and the OFPT_ERROR to answer with
//!   ([`DecodeError::wire_code`]).
//!
//! To add a message, add a file in [`message`], a variant of [`Message`] and a line of its
//! dispatch.

pub mod action;
pub mod codec;
pub mod error;
pub mod ethertype;
pub mod frame;
pub mod header;
pub mod hot;
pub mod icmpv6;
pub mod ids;
pub mod instruction;
pub mod ip_protocol;
pub mod mac;
pub mod message;
pub mod message_type;
pub mod ovs_errors;
pub mod oxm;
pub(crate) mod strict;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

/// Runs the examples of the README as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use self::codec::{Reader, Wire, Writer};
pub use self::error::{DecodeError, DecodeErrorKind, EncodeError};
pub use self::frame::{FrameError, Framer};
pub use self::header::{HEADER_LEN, Header, VERSION};
pub use self::ids::{
    BufferId, Cookie, DatapathId, GroupId, MeterId, PacketInReason, PortNo, QueueId, TableId, Xid,
};
pub use self::mac::MacAddr;
pub use self::message::Message;
pub use self::message_type::MessageType;
pub use self::ovs_errors::{ErrorCode, OvsError};
