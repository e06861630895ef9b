//! A client session with a switch, for tools that look once and exit.
//!
//! It is no [`Session`](crate::session::Session). A tool keeps nothing that it has printed, so the
//! parts of a reply are passed on as they arrive. It also chooses its transaction ids, because they
//! are part of its output.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::Bytes;
use ofproto::message::multipart::{
    FlowStats, MULTIPART_MORE, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{Hello, Message, Port};
use ofproto::{
    DecodeError, EncodeError, Framer, HEADER_LEN, Header, MessageType, Reader, TableId, VERSION, Wire as _,
    Xid,
};

use crate::address::ListenAddress;
use crate::printable::printable_name;
use crate::session::error_names;

/// Deadline for each answer, and for each part of one.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Size of one read, in bytes. The framer has room for it once all whole messages were taken.
const CHUNK: usize = 64 << 10;
/// Transaction id of requests for the tool's own use. Printed messages have other ids.
const ASIDE: Xid = Xid(0x706f_7274);
/// Largest number of ports of a switch.
const MAX_PORTS: usize = 65_536;

/// Largest number of tables of a switch.
const MAX_TABLES: usize = 256;
/// Length of a table's name, in bytes.
const TABLE_NAME: usize = 32;

/// Length of type, flags and padding of a multipart message, in bytes.
const MULTIPART_HEADER: usize = 8;

/// A failure to get an answer from a switch.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection to the address.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The address.
        address: ListenAddress,
        /// The system's error.
        source: std::io::Error,
    },
    /// The switch does not support OpenFlow 1.3.
    #[error("the switch does not speak OpenFlow 1.3: {0}")]
    Version(String),
    /// The session ended.
    #[error("connection closed: {0}")]
    Closed(String),
    /// The switch refused the request.
    #[error("the switch refused: {0}")]
    Refused(String),
    /// The switch's answer is malformed.
    #[error("the switch's answer is garbled: {0}")]
    Garbled(#[from] DecodeError),
    /// The switch sent another kind of answer, or too much.
    #[error("the switch's answer is {0}")]
    Unexpected(&'static str),
    /// The request does not fit its encoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answer did not arrive in time.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
}

// Commands print the error. It has no place in a file and no help of its own.
impl miette::Diagnostic for ClientError {}

trait Stream: std::io::Read + std::io::Write {}
impl<T: std::io::Read + std::io::Write> Stream for T {}

/// A blocking session.
pub struct Client {
    stream: Box<dyn Stream>,
    framer: Framer,
    buffer: Vec<u8>,
    /// True if the client answers echo requests. A listener leaves those to the other receiver.
    answers: bool,
}

/// One message of a multipart reply (OpenFlow 1.3.5 §7.3.5).
#[derive(Debug, Clone)]
pub struct ReplyPart {
    frame: Bytes,
    /// True if more parts follow.
    pub more: bool,
}

impl ReplyPart {
    /// Returns the message as it arrived.
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// Returns the flows of a part of an OFPMP_FLOW reply. Each is cut out of the message when it
    /// is requested.
    pub fn flows(&self) -> impl Iterator<Item = Result<RawFlow, DecodeError>> + '_ {
        let mut left = Reader::shared(&self.frame);
        let mut over = left.skip(HEADER_LEN + MULTIPART_HEADER, "multipart.header").is_err();
        std::iter::from_fn(move || {
            if over || left.is_empty() {
                return None;
            }
            let start = left.at();
            let cut = left.sized("flow_stats.length").map(|_| RawFlow(self.frame.slice(start..left.at())));
            over = cut.is_err();
            Some(cut)
        })
    }
}

/// One flow of a reply, as it arrived. It shares the memory of its message.
#[derive(Debug, Clone)]
pub struct RawFlow(Bytes);

impl RawFlow {
    /// Decodes the flow.
    ///
    /// # Errors
    /// [`DecodeError`] if the flow is malformed. Its offsets count from the start of the flow.
    pub fn decode(&self) -> Result<FlowStats, DecodeError> {
        FlowStats::decode(&mut Reader::shared(&self.0))
    }

    /// Returns the length on the wire, in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl Client {
    /// Connects to a switch and negotiates OpenFlow 1.3. Nothing on the switch is changed.
    ///
    /// # Errors
    /// [`ClientError`] if no switch answers, or the switch does not support OpenFlow 1.3.
    pub fn connect(address: &ListenAddress) -> Result<Self, ClientError> {
        Self::open(address, Some(TIMEOUT))
    }

    /// Connects to a switch to listen without a time limit: [`Client::next_frame`] then waits for
    /// ever.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn listen(address: &ListenAddress) -> Result<Self, ClientError> {
        Self::open(address, None)
    }

    fn open(address: &ListenAddress, patience: Option<Duration>) -> Result<Self, ClientError> {
        let failed = |source| ClientError::Connect { address: address.clone(), source };
        let stream: Box<dyn Stream> = match address {
            ListenAddress::Tcp(at) => {
                let stream = TcpStream::connect_timeout(at, TIMEOUT).map_err(failed)?;
                stream.set_read_timeout(patience).map_err(failed)?;
                stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
                Box::new(stream)
            }
            ListenAddress::Unix(path) => {
                let stream = UnixStream::connect(path).map_err(failed)?;
                stream.set_read_timeout(patience).map_err(failed)?;
                stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
                Box::new(stream)
            }
        };
        let mut client =
            Self { stream, framer: Framer::new(), buffer: vec![0; CHUNK], answers: patience.is_some() };
        client.send(Xid(1), &Message::Hello(Hello::ours()))?;
        client.greeted()?;
        Ok(client)
    }

    /// Waits for the switch's HELLO.
    fn greeted(&mut self) -> Result<(), ClientError> {
        loop {
            let Some(frame) = self.next_frame()? else {
                return Err(ClientError::Closed("before its HELLO".to_owned()));
            };
            match Message::decode_shared(&frame)?.1 {
                Message::Hello(hello) if hello.speaks_ours() => return Ok(()),
                Message::Hello(hello) => {
                    return Err(ClientError::Version(match hello.bitmap {
                        Some(bitmap) => format!("its versions are {bitmap:#x} (a bitmap)"),
                        None => format!("its version is {:#04x}", hello.version),
                    }));
                }
                Message::Error(error) => return Err(ClientError::Version(error_names::describe(&error))),
                _ => {}
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`ClientError`] if the message does not fit its encoding, or the connection is lost.
    pub fn send(&mut self, xid: Xid, message: &Message) -> Result<(), ClientError> {
        let bytes = message.encode(xid)?;
        self.stream.write_all(&bytes).map_err(broken)
    }

    /// Returns the next message from the wire, or `None` if the peer closed the connection between
    /// two messages. Echo requests are answered (except by a listener), and returned too.
    ///
    /// # Errors
    /// [`ClientError`] if the connection is lost, the bytes are not OpenFlow, or the deadline is
    /// over.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(frame) = self.framer.next_frame().map_err(DecodeError::from)? {
                if self.answers
                    && frame.get(1) == Some(&MessageType::ECHO_REQUEST.0)
                    && let Ok((xid, Message::EchoRequest(payload))) = Message::decode(&frame)
                {
                    self.send(xid, &Message::EchoReply(payload))?;
                }
                return Ok(Some(frame));
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) if self.framer.buffered() == 0 => return Ok(None),
                Ok(0) => return Err(ClientError::Closed("in the middle of a message".to_owned())),
                Ok(n) => {
                    let taken = self.framer.feed(self.buffer.get(..n).unwrap_or_default());
                    debug_assert_eq!(taken, n, "there is room for a chunk");
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
    }

    /// Returns the next message with this transaction id.
    fn wait(&mut self, xid: Xid) -> Result<(Header, Bytes), ClientError> {
        loop {
            let Some(frame) = self.next_frame()? else {
                return Err(ClientError::Closed("by the switch".to_owned()));
            };
            let header = Header::decode(&mut Reader::new(&frame))?;
            if header.xid != xid || matches!(header.kind, MessageType::HELLO | MessageType::ECHO_REQUEST) {
                continue;
            }
            // Open vSwitch reports some errors in version 1.
            if header.kind == MessageType::ERROR {
                return Err(match Message::decode(&frame)?.1 {
                    Message::Error(error) => ClientError::Refused(error_names::describe(&error)),
                    _ => ClientError::Unexpected("no error, though it says so"),
                });
            }
            if header.version != VERSION {
                return Err(ClientError::Unexpected("of another version"));
            }
            return Ok((header, frame));
        }
    }

    /// Sends a request that has one message as its answer. Returns the answer as it arrived.
    ///
    /// # Errors
    /// [`ClientError`] if the switch refuses the request, or the session ends.
    pub fn ask(&mut self, xid: Xid, request: &Message) -> Result<Bytes, ClientError> {
        self.send(xid, request)?;
        self.wait(xid).map(|(_, frame)| frame)
    }

    /// Sends a request that has an answer in parts, and passes each part on as it arrives. Nothing
    /// is kept.
    ///
    /// # Errors
    /// [`ClientError`] if the switch refuses the request or the session ends, or the error of
    /// `take`.
    pub fn parts<E: From<ClientError>>(
        &mut self,
        xid: Xid,
        body: MultipartRequestBody,
        mut take: impl FnMut(ReplyPart) -> Result<(), E>,
    ) -> Result<(), E> {
        let kind = body.kind();
        self.send(xid, &Message::MultipartRequest(MultipartRequest { flags: 0, body }))?;
        loop {
            let (header, frame) = self.wait(xid)?;
            let mut reader = Reader::new(&frame);
            let fields = reader
                .skip(HEADER_LEN, "header")
                .and_then(|()| Ok((reader.u16("multipart.type")?, reader.u16("multipart.flags")?)));
            let (found, flags) = fields.map_err(ClientError::from)?;
            if header.kind != MessageType::MULTIPART_REPLY || found != kind {
                return Err(ClientError::Unexpected("of another kind").into());
            }
            let more = flags & MULTIPART_MORE != 0;
            take(ReplyPart { frame, more })?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Returns the switch's ports, in its order.
    ///
    /// # Errors
    /// [`ClientError`] if the switch refuses the request, or the session ends.
    pub fn ports(&mut self) -> Result<Vec<Port>, ClientError> {
        let mut ports = Vec::new();
        self.parts(ASIDE, MultipartRequestBody::PortDesc, |part| {
            let (_, Message::MultipartReply(reply)) = Message::decode(part.frame())? else { return Ok(()) };
            if let MultipartReplyBody::PortDesc(list) = reply.body {
                ports.extend(list);
            }
            if ports.len() > MAX_PORTS {
                return Err(ClientError::Unexpected("too long: more than 65536 ports"));
            }
            Ok(())
        })?;
        Ok(ports)
    }

    /// Returns the names of the switch's tables that have one (OpenFlow 1.3.5 §7.3.5.5).
    ///
    /// # Errors
    /// [`ClientError`] if the session ends. A switch that refuses the request has no names.
    pub fn tables(&mut self) -> Result<Vec<(TableId, String)>, ClientError> {
        let mut tables = Vec::new();
        let asked = self.parts(ASIDE, MultipartRequestBody::TableFeatures(Vec::new()), |part| {
            // The features of the tables are long, and not needed here.
            let mut left = Reader::new(part.frame());
            left.skip(HEADER_LEN + MULTIPART_HEADER, "multipart.header")?;
            while !left.is_empty() {
                let mut table = left.sized("table_features.length")?;
                let id = TableId(table.u8("table_features.table_id")?);
                table.skip(5, "table_features.pad")?;
                let name = table.text(TABLE_NAME, "table_features.name")?;
                if !name.is_empty() && tables.len() < MAX_TABLES {
                    tables.push((id, printable_name(&name)));
                }
            }
            Ok(())
        });
        match asked {
            Ok(()) | Err(ClientError::Refused(_)) => Ok(tables),
            Err(error) => Err(error),
        }
    }
}

fn broken(error: std::io::Error) -> ClientError {
    match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => ClientError::Timeout,
        _ => ClientError::Closed(error.to_string()),
    }
}
