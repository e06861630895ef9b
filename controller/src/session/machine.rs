//! The state machine of a session.

mod handshake;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use ofproto::frame::next_length;
use ofproto::message::multipart::{
    Desc, MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{ErrorMsg, FeaturesReply, Hello, Message, Port};
use ofproto::{DecodeError, ErrorCode, HEADER_LEN, Header, MessageType, Reader, VERSION, Wire as _, Xid};

use super::assembly::{Assembly, PartLimits, PartOutcome};
use super::error_names::HELLO_FAILED;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::{CloseReason, Config, Event, SendError, Stats};

/// The types of messages that a switch sends. All others are for a switch.
const FOR_CONTROLLER: [MessageType; 15] = [
    MessageType::HELLO,
    MessageType::ERROR,
    MessageType::ECHO_REQUEST,
    MessageType::ECHO_REPLY,
    MessageType::EXPERIMENTER,
    MessageType::FEATURES_REPLY,
    MessageType::GET_CONFIG_REPLY,
    MessageType::PACKET_IN,
    MessageType::FLOW_REMOVED,
    MessageType::PORT_STATUS,
    MessageType::MULTIPART_REPLY,
    MessageType::BARRIER_REPLY,
    MessageType::QUEUE_GET_CONFIG_REPLY,
    MessageType::ROLE_REPLY,
    MessageType::GET_ASYNC_REPLY,
];

/// The state of the handshake.
#[derive(Debug)]
enum State {
    /// HELLO was sent.
    Hello,
    /// FEATURES_REQUEST and the multipart requests for DESC and PORT_DESC were sent.
    Describing(Box<Description>),
    /// The handshake is complete.
    Ready,
    /// Nothing is received any more.
    Closed,
}

/// The replies that describe a switch.
#[derive(Debug)]
struct Description {
    features_xid: Xid,
    desc_xid: Xid,
    ports_xid: Xid,
    features: Option<FeaturesReply>,
    desc: Option<Desc>,
    ports: Option<Vec<Port>>,
}

/// One session with a switch.
#[derive(Debug)]
pub struct Session {
    config: Config,
    state: State,
    /// The received bytes that are not a whole message yet.
    inbox: Inbox,
    outbox: Outbox,
    events: VecDeque<Event>,
    assembly: Assembly,
    next_xid: u32,
    /// Deadline of the handshake.
    handshake_deadline: Instant,
    /// Arrival of the last complete message.
    heard: Instant,
    /// Deadline of the reply to the echo request under way.
    answer_due: Option<Instant>,
    stats: Stats,
}

impl Session {
    /// Starts a session, with a HELLO to send.
    pub fn new(now: Instant, config: Config) -> Self {
        let mut this = Self {
            handshake_deadline: now + config.handshake_timeout,
            config,
            state: State::Hello,
            inbox: Inbox::new(),
            outbox: Outbox::default(),
            events: VecDeque::new(),
            assembly: Assembly::default(),
            next_xid: 1,
            heard: now,
            answer_due: None,
            stats: Stats::default(),
        };
        this.request(&Message::Hello(Hello::ours()));
        this
    }

    /// Processes bytes from the switch.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.inbox.bytes.extend_from_slice(bytes);
        self.received(now, |_| false);
    }

    /// Returns the buffer for bytes from the switch, with room for a read. [`Session::received`]
    /// processes them there. So they are not copied, and no memory is allocated for them while all
    /// messages are processed.
    pub fn inbox(&mut self) -> &mut BytesMut {
        self.inbox.make_room()
    }

    /// Returns whether a whole header arrived that was not processed yet.
    pub fn has_header(&self) -> bool {
        self.inbox.bytes.len() >= HEADER_LEN
    }

    /// Shows the PACKET_INs that arrived and were not processed yet.
    pub fn waiting_packet_ins(&self, mut look: impl FnMut(&[u8])) {
        let mut rest = &self.inbox.bytes[..];
        while let Ok(Some(length)) = next_length(rest) {
            let Some((frame, after)) = rest.split_at_checked(length) else { return };
            if frame.first_chunk() == Some(&[VERSION, MessageType::PACKET_IN.0]) {
                look(frame);
            }
            rest = after;
        }
    }

    /// Processes the complete messages. PACKET_INs go to `packet_in` first, as they arrived. One
    /// that it does not accept becomes an event like all others.
    pub fn received(&mut self, now: Instant, mut packet_in: impl FnMut(&[u8]) -> bool) {
        self.inbox.was_read();
        while !self.is_closed() {
            let length = match next_length(&self.inbox.bytes) {
                Ok(Some(length)) => length,
                Ok(None) => return self.inbox.was_taken(),
                Err(error) => {
                    let code = DecodeError::from(error).wire_code();
                    self.answer_error(error.header.xid, code, &[]);
                    return self.close(CloseReason::Framing(error.into()));
                }
            };
            if matches!(self.state, State::Ready)
                && self.inbox.bytes.first_chunk() == Some(&[VERSION, MessageType::PACKET_IN.0])
                && self.inbox.bytes.get(..length).is_some_and(&mut packet_in)
            {
                self.note_activity(now);
                self.inbox.bytes.advance(length);
            } else {
                let frame = self.inbox.bytes.split_to(length).freeze();
                self.frame(now, &frame);
            }
        }
        // Nothing more is read from a closed session.
        self.inbox.close();
    }

    /// Returns the next whole messages to write.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outbox.pop()
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the time of the next call of [`Session::handle_timeout`], if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::Ready => Some(self.answer_due.unwrap_or(self.heard + self.config.echo_interval)),
            _ => Some(self.handshake_deadline),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        if !matches!(self.state, State::Ready) {
            let waiting = self.waiting();
            return self.close(CloseReason::HandshakeTimeout(waiting));
        }
        if self.answer_due.is_some() {
            return self.close(CloseReason::Silent);
        }
        self.probe(now, self.config.echo_timeout);
    }

    /// Sends an echo request. The session ends if no complete message arrives within `patience`.
    /// Does nothing before the handshake is complete, which has its own deadline.
    pub fn probe(&mut self, now: Instant, patience: Duration) {
        if !matches!(self.state, State::Ready) {
            return;
        }
        let due = now + patience;
        self.answer_due = Some(self.answer_due.map_or(due, |before| before.min(due)));
        self.request(&Message::EchoRequest(Bytes::from_static(b"portcullis")));
    }

    /// Returns whether an echo request waits for its reply.
    pub fn is_probed(&self) -> bool {
        self.answer_due.is_some()
    }

    /// Sends a message of the controller under a new transaction id.
    ///
    /// # Errors
    /// [`SendError`] if the session is over, its buffer is full (which ends it), or the message
    /// does not fit its encoding.
    pub fn send(&mut self, message: &Message) -> Result<Xid, SendError> {
        let xid = self.take_xid();
        self.send_as(xid, message)?;
        Ok(xid)
    }

    /// Returns a transaction id that was not used before. The ids repeat after 2³².
    pub fn take_xid(&mut self) -> Xid {
        let xid = Xid(self.next_xid);
        // A switch's own messages carry 0.
        self.next_xid = self.next_xid.checked_add(1).unwrap_or(1);
        xid
    }

    /// Sends a message of the controller under an id from [`Session::take_xid`].
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_as(&mut self, xid: Xid, message: &Message) -> Result<(), SendError> {
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        let is_multipart = matches!(message, Message::MultipartRequest(_));
        if is_multipart && self.assembly.len() >= self.config.max_multipart_requests {
            return Err(SendError::TooManyRequests);
        }
        let bytes = message.encode(xid)?;
        if self.outbox.request_bytes() + bytes.len() > self.config.max_request_bytes {
            self.close(CloseReason::WriteBuffer(self.config.max_request_bytes));
            return Err(SendError::Full);
        }
        if is_multipart {
            self.assembly.expect(xid);
        }
        self.outbox.request(&bytes);
        self.stats.sent += 1;
        Ok(())
    }

    /// Ends the session. Answers that wait may still be written.
    pub fn close(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        self.state = State::Closed;
        self.inbox.close();
        self.assembly = Assembly::default();
        self.outbox.drop_requests();
        self.events.push_back(Event::Closed(reason));
    }

    /// Returns whether the session is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Returns whether more should be read now. Nothing is read while the switch does not accept
    /// its answers.
    pub fn wants_read(&self) -> bool {
        !self.is_closed() && self.outbox.answer_bytes() < self.config.max_answer_bytes
    }

    /// Returns the number of bytes that wait to be written.
    pub fn buffered(&self) -> usize {
        self.outbox.answer_bytes() + self.outbox.request_bytes()
    }

    /// Returns the counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Notes a complete message, which keeps the session alive whatever it says. Half a message
    /// does not.
    fn note_activity(&mut self, now: Instant) {
        self.heard = now;
        self.answer_due = None;
        self.stats.received += 1;
    }

    /// Processes one complete message.
    fn frame(&mut self, now: Instant, frame: &Bytes) {
        self.note_activity(now);
        let Ok(header) = Header::decode(&mut Reader::new(frame)) else { return };
        // Open vSwitch reports some errors in version 1, which are accepted.
        if header.version != VERSION && !matches!(header.kind, MessageType::HELLO | MessageType::ERROR) {
            return self.bad(&header, frame, ErrorCode::BAD_VERSION, "another version");
        }
        match Message::decode_shared(frame) {
            Ok((xid, message)) => self.message(&header, xid, message, frame),
            Err(error) => {
                self.assembly.forget(header.xid);
                self.events.push_back(Event::Garbled { xid: header.xid, kind: header.kind, error });
                self.bad(&header, frame, error.wire_code(), "malformed");
            }
        }
    }

    fn message(&mut self, header: &Header, xid: Xid, message: Message, frame: &[u8]) {
        match (&self.state, message) {
            (State::Closed, _) => {}
            (_, Message::EchoRequest(payload)) => self.answer(xid, &Message::EchoReply(payload)),
            (State::Hello, Message::Hello(hello)) => self.hello(xid, &hello),
            (State::Hello, Message::Error(error)) => {
                self.close(CloseReason::Rejected(super::error_names::describe(&error)));
            }
            (State::Describing(_), Message::Error(error)) => {
                if error.kind == HELLO_FAILED || self.needs(xid) {
                    self.close(CloseReason::Rejected(super::error_names::describe(&error)));
                } else {
                    self.untimely(header);
                }
            }
            // A second HELLO changes nothing.
            (_, Message::EchoReply(_) | Message::Hello(_)) => {}
            (State::Describing(description), Message::FeaturesReply(features))
                if description.features.is_none() =>
            {
                self.features(features)
            }
            (State::Describing(_), Message::MultipartReply(reply)) => self.multipart(xid, reply, frame.len()),
            // The port list under way already contains this change, and other messages are not
            // expected yet.
            (
                State::Describing(_),
                Message::PortStatus(_) | Message::PacketIn(_) | Message::FlowRemoved(_),
            ) => {}
            (State::Hello, _) => {
                let waiting = self.waiting();
                self.answer_error(header.xid, ErrorCode::BAD_TYPE, frame);
                self.close(CloseReason::Unexpected { kind: header.kind, waiting });
            }
            // A switch may answer another controller's request, or send a notification of an
            // unknown kind.
            (State::Describing(_), _) => {
                if !FOR_CONTROLLER.contains(&header.kind) {
                    self.answer_error(header.xid, ErrorCode::BAD_TYPE, frame);
                }
                self.untimely(header);
            }
            (State::Ready, Message::Error(error)) => {
                self.assembly.forget(xid);
                self.events.push_back(Event::Refused(xid, error));
            }
            (State::Ready, Message::PortStatus(status)) => self.events.push_back(Event::PortChanged(status)),
            (State::Ready, Message::MultipartReply(reply)) => self.multipart(xid, reply, frame.len()),
            (State::Ready, message) => {
                if FOR_CONTROLLER.contains(&header.kind) {
                    self.events.push_back(Event::Received(xid, message));
                } else {
                    let what = if !header.kind.is_known() { "unknown type" } else { "a switch's message" };
                    self.bad(header, frame, ErrorCode::BAD_TYPE, what);
                }
            }
        }
    }

    fn multipart(&mut self, xid: Xid, reply: MultipartReply, size: usize) {
        // The updates of a flow monitor arrive unrequested, without a request's id.
        if let MultipartReplyBody::Monitor(_) = reply.body
            && xid == Xid(0)
        {
            if let (State::Ready, MultipartReplyBody::Monitor(updates)) = (&self.state, reply.body) {
                self.events.push_back(Event::Monitored(updates));
            }
            return;
        }
        if let State::Describing(description) = &self.state
            && self.assembly.waits(xid)
        {
            let fits = match &reply.body {
                MultipartReplyBody::Desc(_) => xid == description.desc_xid,
                MultipartReplyBody::PortDesc(_) => xid == description.ports_xid,
                _ => false,
            };
            if !fits {
                let waiting = self.waiting();
                return self.close(CloseReason::Unexpected { kind: MessageType::MULTIPART_REPLY, waiting });
            }
        }
        let bytes = match self.state {
            State::Ready => self.config.max_multipart_bytes,
            _ => self.config.max_handshake_bytes,
        };
        let limits = PartLimits { bytes, ports: self.config.max_ports };
        match self.assembly.add(xid, reply, size, limits) {
            PartOutcome::Kept | PartOutcome::Unasked => {}
            PartOutcome::TooLarge => self.close(CloseReason::ReplyTooLarge(bytes)),
            PartOutcome::TooManyPorts => self.close(CloseReason::TooManyPorts(self.config.max_ports)),
            PartOutcome::Mixed => {
                let waiting = self.waiting();
                self.close(CloseReason::Unexpected { kind: MessageType::MULTIPART_REPLY, waiting });
            }
            PartOutcome::Flows(flows, more) if matches!(self.state, State::Ready) => {
                self.events.push_back(Event::FlowsReported { xid, flows, more });
            }
            // The handshake requests no flows.
            PartOutcome::Flows(..) => {
                let waiting = self.waiting();
                self.close(CloseReason::Unexpected { kind: MessageType::MULTIPART_REPLY, waiting });
            }
            PartOutcome::Complete(body) => self.replied(xid, body),
        }
    }

    fn ask(&mut self, body: MultipartRequestBody) -> Xid {
        self.request(&Message::MultipartRequest(MultipartRequest { flags: 0, body })).unwrap_or_default()
    }

    /// Sends a request of the session itself. It fails only by ending the session.
    fn request(&mut self, message: &Message) -> Option<Xid> {
        match self.send(message) {
            Ok(xid) => Some(xid),
            Err(SendError::Encode(error)) => {
                self.close(CloseReason::Encode(error));
                None
            }
            Err(_) => None,
        }
    }

    fn answer(&mut self, xid: Xid, message: &Message) {
        match message.encode(xid) {
            Ok(bytes) => {
                self.stats.sent += 1;
                self.outbox.answer(&bytes);
            }
            Err(error) => self.close(CloseReason::Encode(error)),
        }
    }

    /// Sends an OFPT_ERROR with the beginning of the message that it answers.
    fn answer_error(&mut self, xid: Xid, code: ErrorCode, frame: &[u8]) {
        self.answer(xid, &Message::Error(ErrorMsg::with_code(code, frame)));
    }

    /// Answers a bad message, except an error. After too many of them the session ends.
    fn bad(&mut self, header: &Header, frame: &[u8], code: ErrorCode, what: &str) {
        self.stats.bad += 1;
        if header.kind != MessageType::ERROR {
            self.answer_error(header.xid, code, frame);
        }
        if !matches!(self.state, State::Ready) {
            let waiting = self.waiting();
            self.close(CloseReason::Unexpected { kind: header.kind, waiting });
        } else if self.stats.bad > u64::from(self.config.max_bad_messages) {
            self.close(CloseReason::TooManyBad(format!("{what} (type {})", header.kind)));
        }
    }
}
