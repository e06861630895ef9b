//! A blocking OpenFlow connection to a bridge, for tests of the wire itself.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use ofproto::message::multipart::{
    MULTIPART_MORE, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{ErrorMsg, Hello};
use ofproto::{Framer, Message, VERSION, Xid};

/// Timeout for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One end of a session, after the HELLOs.
#[derive(Debug)]
pub struct Conn {
    stream: UnixStream,
    framer: Framer,
    next_xid: u32,
    /// The messages that arrived unrequested: events and errors.
    pub pushed: VecDeque<(Xid, Message)>,
}

impl Conn {
    /// Connects to a management socket.
    ///
    /// # Panics
    /// Panics if the peer does not answer in OpenFlow 1.3.
    pub fn dial(socket: &Path) -> Self {
        Self::greet(UnixStream::connect(socket).unwrap())
    }

    /// Opens a session on a connected stream.
    ///
    /// # Panics
    /// Panics if the peer does not speak OpenFlow 1.3.
    pub fn greet(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut conn = Self { stream, framer: Framer::new(), next_xid: 0x100, pushed: VecDeque::new() };
        conn.send(&Message::Hello(Hello::ours()));
        let (_, Message::Hello(hello)) = conn.recv() else { panic!("no HELLO") };
        assert!(hello.speaks_ours(), "{hello:?}");
        conn
    }

    /// Sends bytes unchanged.
    ///
    /// # Panics
    /// Panics if the connection is lost.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a message under an xid of its own, and returns that xid.
    ///
    /// # Panics
    /// Panics if the message does not encode, or if the connection is lost.
    pub fn send(&mut self, message: &Message) -> Xid {
        let xid = self.xid();
        self.send_raw(&message.encode(xid).unwrap());
        xid
    }

    /// Returns an unused xid.
    pub fn xid(&mut self) -> Xid {
        self.next_xid += 1;
        Xid(self.next_xid)
    }

    /// Returns the next message. Every message of version 1.3 must encode to its received bytes.
    ///
    /// # Panics
    /// Panics if no message arrives, or if it does not decode or encodes to other bytes.
    pub fn recv(&mut self) -> (Xid, Message) {
        let frame = loop {
            if let Some(frame) = self.framer.next_frame().unwrap() {
                break frame;
            }
            let mut buf = [0; 0x1_0000];
            let n = self.stream.read(&mut buf).expect("an answer in time");
            assert_ne!(n, 0, "the switch hung up");
            assert_eq!(self.framer.feed(&buf[..n]), n);
        };
        let (xid, message) =
            Message::decode_shared(&frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
        if frame[0] == VERSION {
            let again = message.encode(xid).unwrap();
            assert_eq!(again, frame, "{message:?}");
        }
        (xid, message)
    }

    /// Waits for the next message under this xid. Others are put into `pushed`.
    ///
    /// # Panics
    /// Panics if no such message arrives.
    pub fn wait(&mut self, xid: Xid) -> Message {
        loop {
            match self.recv() {
                (at, message) if at == xid => return message,
                other => self.pushed.push_back(other),
            }
        }
    }

    /// Sends a message and waits for the one answer.
    ///
    /// # Panics
    /// Panics if no answer arrives.
    pub fn ask(&mut self, message: &Message) -> Message {
        let xid = self.send(message);
        self.wait(xid)
    }

    /// Waits until the switch has processed all messages sent so far.
    ///
    /// # Panics
    /// Panics if no barrier reply arrives.
    pub fn barrier(&mut self) {
        assert_eq!(self.ask(&Message::BarrierRequest), Message::BarrierReply);
    }

    /// Sends a multipart request and waits for all parts of the answer.
    ///
    /// # Panics
    /// Panics if the answer is another message.
    pub fn parts(&mut self, body: MultipartRequestBody) -> Vec<MultipartReplyBody> {
        let xid = self.send(&Message::MultipartRequest(MultipartRequest { flags: 0, body }));
        let mut parts = Vec::new();
        loop {
            let Message::MultipartReply(reply) = self.wait(xid) else { panic!("not a multipart reply") };
            parts.push(reply.body);
            if reply.flags & MULTIPART_MORE == 0 {
                return parts;
            }
        }
    }

    /// Returns the errors among the unrequested messages, and drops the rest.
    pub fn errors(&mut self) -> Vec<(Xid, ErrorMsg)> {
        let errors = self.pushed.drain(..).filter_map(|(xid, message)| match message {
            Message::Error(error) => Some((xid, error)),
            _ => None,
        });
        errors.collect()
    }
}
