//! The events of a session.

use ofproto::message::monitor::MonitorUpdate;
use ofproto::message::multipart::{Desc, FlowStats, MultipartReplyBody};
use ofproto::message::{ErrorMsg, FeaturesReply, Message, Port, PortStatus};
use ofproto::{DecodeError, EncodeError, MessageType, Xid};
use thiserror::Error;

/// The results of the handshake.
#[derive(Debug, Clone, PartialEq)]
pub struct Connected {
    /// The switch's features.
    pub features: FeaturesReply,
    /// The switch's ports, in its order.
    pub ports: Vec<Port>,
    /// The switch's description: manufacturer, hardware and software.
    pub desc: Desc,
}

/// The events of a session, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The handshake is complete.
    Connected(Box<Connected>),
    /// A port was added, removed or changed.
    PortChanged(PortStatus),
    /// Another multipart reply is complete. Its lists hold the parts of all its messages.
    Replied(Xid, MultipartReplyBody),
    /// A part of the requested flows. A reply about flows is reported part by part.
    FlowsReported {
        /// The transaction id of the request.
        xid: Xid,
        /// The flows of one part.
        flows: Vec<FlowStats>,
        /// True if more parts follow.
        more: bool,
    },
    /// Updates of a flow monitor.
    Monitored(Vec<MonitorUpdate>),
    /// The switch refused a message.
    Refused(Xid, ErrorMsg),
    /// Any other message that belongs to the controller.
    Received(Xid, Message),
    /// A message that is malformed for its type. It was answered with OFPT_ERROR unless it was one
    /// itself.
    Garbled {
        /// Its transaction id.
        xid: Xid,
        /// Its OFPT_ type.
        kind: MessageType,
        /// The error in it.
        error: DecodeError,
    },
    /// The session is over. No event follows.
    Closed(CloseReason),
}

/// The reason for the end of a session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// The switch does not support OpenFlow 1.3.
    #[error("the switch speaks OpenFlow {0}, not 1.3")]
    Version(String),
    /// The switch refused the controller's HELLO.
    #[error("the switch refused the session: {0}")]
    Rejected(String),
    /// The handshake took too long.
    #[error("the handshake was not complete in time: still waiting for {0}")]
    HandshakeTimeout(&'static str),
    /// A message arrived that is not allowed at this point of the handshake.
    #[error("unexpected message of type {kind} during the handshake ({waiting})")]
    Unexpected {
        /// Its OFPT_ type.
        kind: MessageType,
        /// The expected message.
        waiting: &'static str,
    },
    /// The connection is an auxiliary one (OpenFlow 1.3.5 §6.3.5), and the controller takes only
    /// main connections.
    #[error("the switch calls it its auxiliary connection {0}: connect without auxiliary connections")]
    Auxiliary(u8),
    /// The peer stopped answering.
    #[error("no answer to an echo request")]
    Silent,
    /// The bytes are no message: the length is below a header's.
    #[error("the stream is not OpenFlow: {0}")]
    Framing(DecodeError),
    /// Too many bad messages arrived.
    #[error("too many bad messages, the last: {0}")]
    TooManyBad(String),
    /// A multipart reply exceeds the memory limit.
    #[error("a multipart reply is larger than {0} bytes")]
    ReplyTooLarge(usize),
    /// The switch has more ports than the limit.
    #[error("the switch has more than {0} ports")]
    TooManyPorts(usize),
    /// The switch does not accept the controller's messages.
    #[error("more than {0} bytes wait to be sent")]
    WriteBuffer(usize),
    /// A message cannot be encoded.
    #[error("cannot encode: {0}")]
    Encode(EncodeError),
    /// The peer closed the connection, or the network failed.
    #[error("connection closed: {0}")]
    Connection(String),
    /// The driver of the session ended it.
    #[error("{0}")]
    Ended(String),
}

/// The reason why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// The session is over.
    #[error("the session is over")]
    Closed,
    /// The write buffer is full, which ends the session.
    #[error("the write buffer is full")]
    Full,
    /// The message does not fit its encoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Too many multipart requests wait for an answer.
    #[error("too many requests wait for an answer")]
    TooManyRequests,
}

/// The counters of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Bad messages.
    pub bad: u64,
}
