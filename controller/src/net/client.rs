//! A session with a switch that we call: for tools that look once and go.
//!
//! It is no [`Session`](crate::session::Session): a tool holds nothing that it has printed, so the parts of a reply are
//! handed on as they come, and it chooses its transaction ids, because they are part of what it prints.

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

/// A switch has so long for each answer, and for each part of one.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much is read at a time, bytes: what the framer always has room for when all its whole messages were taken.
const CHUNK: usize = 64 << 10;
/// The transaction of what is asked for the tool's own use; what is printed has others.
const ASIDE: Xid = Xid(0x706f_7274);
/// Ports that a switch may have.
const MAX_PORTS: usize = 65_536;

/// Tables that a switch may have.
const MAX_TABLES: usize = 256;
/// The length of a table's name, bytes.
const TABLE_NAME: usize = 32;

/// Type, flags and padding of a multipart message, bytes.
const MULTIPART_HEADER: usize = 8;

/// Why a switch gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where.
        address: ListenAddress,
        /// What the system said.
        source: std::io::Error,
    },
    /// The switch speaks no version that we do.
    #[error("the switch does not speak OpenFlow 1.3: {0}")]
    Version(String),
    /// The session ended.
    #[error("connection closed: {0}")]
    Closed(String),
    /// The switch refused.
    #[error("the switch refused: {0}")]
    Refused(String),
    /// The switch answered something that is no answer.
    #[error("the switch's answer is garbled: {0}")]
    Garbled(#[from] DecodeError),
    /// The switch answered something else, or too much.
    #[error("the switch's answer is {0}")]
    Unexpected(&'static str),
    /// The request does not fit its encoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It takes too long.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
}

// Commands print it; it has no place in a file and no help of its own.
impl miette::Diagnostic for ClientError {}

trait Stream: std::io::Read + std::io::Write {}
impl<T: std::io::Read + std::io::Write> Stream for T {}

/// A blocking session.
pub struct Client {
    stream: Box<dyn Stream>,
    framer: Framer,
    buffer: Vec<u8>,
    /// Whether it answers echo requests: who only listens sees those that are for another.
    answers: bool,
}

/// One message of a multipart reply (OpenFlow 1.3.5 §7.3.5).
#[derive(Debug, Clone)]
pub struct ReplyPart {
    frame: Bytes,
    /// Whether others follow.
    pub more: bool,
}

impl ReplyPart {
    /// The message as it came.
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// The flows of a part of an OFPMP_FLOW reply, each cut out when it is asked for.
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

/// One flow of a reply, as it came: it shares the memory of its message.
#[derive(Debug, Clone)]
pub struct RawFlow(Bytes);

impl RawFlow {
    /// What it says.
    ///
    /// # Errors
    /// When it is malformed; offsets count from its own start.
    pub fn decode(&self) -> Result<FlowStats, DecodeError> {
        FlowStats::decode(&mut Reader::shared(&self.0))
    }

    /// Its length on the wire, bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl Client {
    /// Calls a switch and agrees on OpenFlow 1.3. Nothing of it is changed.
    ///
    /// # Errors
    /// When nobody is there, or speaks OpenFlow 1.3.
    pub fn connect(address: &ListenAddress) -> Result<Self, ClientError> {
        Self::open(address, Some(TIMEOUT))
    }

    /// Calls a switch to listen to it, for as long as it takes: [`Client::next_frame`] then waits without an end.
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
    /// When it does not fit its encoding, or the connection is lost.
    pub fn send(&mut self, xid: Xid, message: &Message) -> Result<(), ClientError> {
        let bytes = message.encode(xid)?;
        self.stream.write_all(&bytes).map_err(broken)
    }

    /// The next message off the wire; none when the other side closed the connection between two messages. Echo
    /// requests are answered, but by a listener, and come too.
    ///
    /// # Errors
    /// When the connection is lost, or what comes is not OpenFlow, or takes too long.
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

    /// The next message under this transaction id.
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

    /// Asks for something that has one message as an answer, and returns it as it came.
    ///
    /// # Errors
    /// When the switch refuses or the session ends.
    pub fn ask(&mut self, xid: Xid, request: &Message) -> Result<Bytes, ClientError> {
        self.send(xid, request)?;
        self.wait(xid).map(|(_, frame)| frame)
    }

    /// Asks for something that has an answer in parts, and hands on each as it comes. Nothing is kept.
    ///
    /// # Errors
    /// When the switch refuses or the session ends, or with what `take` returns.
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

    /// The switch's ports, in its order.
    ///
    /// # Errors
    /// When the switch refuses or the session ends.
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

    /// The names of the switch's tables, those that have one (OpenFlow 1.3.5 §7.3.5.5).
    ///
    /// # Errors
    /// When the session ends. A switch that does not say has no names.
    pub fn tables(&mut self) -> Result<Vec<(TableId, String)>, ClientError> {
        let mut tables = Vec::new();
        let asked = self.parts(ASIDE, MultipartRequestBody::TableFeatures(Vec::new()), |part| {
            // What the tables can do is long, and not asked for here.
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
