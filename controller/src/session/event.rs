//! What a session tells.

use ofproto::message::monitor::MonitorUpdate;
use ofproto::message::multipart::{Desc, FlowStats, MultipartReplyBody};
use ofproto::message::{ErrorMsg, FeaturesReply, Message, Port, PortStatus};
use ofproto::{DecodeError, EncodeError, MessageType, Xid};
use thiserror::Error;

/// What the handshake found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Connected {
    /// What the switch is.
    pub features: FeaturesReply,
    /// Its ports, in its order.
    pub ports: Vec<Port>,
    /// Who made it.
    pub desc: Desc,
}

/// What happened in a session, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The handshake is complete.
    Connected(Box<Connected>),
    /// A port appeared, went or changed.
    PortChanged(PortStatus),
    /// A multipart reply of another kind is complete; its lists hold the parts of all its messages.
    Replied(Xid, MultipartReplyBody),
    /// A part of the requested flows. A reply about flows is reported part by part.
    FlowsReported {
        /// The xid of the request.
        xid: Xid,
        /// The flows of one part.
        flows: Vec<FlowStats>,
        /// Whether more parts follow.
        more: bool,
    },
    /// A flow monitor's updates.
    Monitored(Vec<MonitorUpdate>),
    /// The switch refused something.
    Refused(Xid, ErrorMsg),
    /// Any other message that belongs to the controller.
    Received(Xid, Message),
    /// A message that is not what its type says; it was answered with an OFPT_ERROR unless it was one.
    Garbled {
        /// Its transaction.
        xid: Xid,
        /// Its OFPT_ type.
        kind: MessageType,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The session is over. Nothing comes after it.
    Closed(CloseReason),
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// The switch speaks no version that we do.
    #[error("the switch speaks OpenFlow {0}, not 1.3")]
    Version(String),
    /// The switch refused our HELLO.
    #[error("the switch refused the session: {0}")]
    Rejected(String),
    /// The handshake took too long.
    #[error("the handshake was not complete in time: still waiting for {0}")]
    HandshakeTimeout(&'static str),
    /// A message that cannot come at this point of the handshake.
    #[error("unexpected message of type {kind} during the handshake ({waiting})")]
    Unexpected {
        /// OFPT_ type.
        kind: MessageType,
        /// What was expected.
        waiting: &'static str,
    },
    /// The connection is an auxiliary one (OpenFlow 1.3.5 §6.3.5), and the controller takes only
    /// main connections.
    #[error("the switch calls it its auxiliary connection {0}: connect without auxiliary connections")]
    Auxiliary(u8),
    /// The peer fell silent.
    #[error("no answer to an echo request")]
    Silent,
    /// Bytes that are no message: a length below a header's.
    #[error("the stream is not OpenFlow: {0}")]
    Framing(DecodeError),
    /// Too many messages that could not be taken.
    #[error("too many bad messages, the last: {0}")]
    TooManyBad(String),
    /// A reply larger than we are ready to hold.
    #[error("a multipart reply is larger than {0} bytes")]
    ReplyTooLarge(usize),
    /// More ports than we are ready to hold.
    #[error("the switch has more than {0} ports")]
    TooManyPorts(usize),
    /// The switch does not take what we send.
    #[error("more than {0} bytes wait to be sent")]
    WriteBuffer(usize),
    /// What was to be sent cannot be encoded.
    #[error("cannot encode: {0}")]
    Encode(EncodeError),
    /// The other side closed, or the network did.
    #[error("connection closed: {0}")]
    Connection(String),
    /// Whoever drives the session ended it.
    #[error("{0}")]
    Ended(String),
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// The session is over.
    #[error("the session is over")]
    Closed,
    /// The write buffer is full; the session ends.
    #[error("the write buffer is full")]
    Full,
    /// The message does not fit its encoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Too many multipart requests wait for an answer.
    #[error("too many requests wait for an answer")]
    TooManyRequests,
}

/// What a session counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that could not be taken.
    pub bad: u64,
}
