//! Simulates a switch, which applies the controller's changes to its flows and counts the reads.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use ofproto::message::multipart::{FlowStats, MultipartReply, MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{BundleControl, BundleControlKind, ErrorMsg, FlowMod, FlowModCommand, Message, Port};
use ofproto::testing::switch::{handshake, is_last};
use ofproto::{DatapathId, ErrorCode, Framer, PortNo, Xid};

use crate::controller::PATIENCE;

/// Tells that the controller has finished its requests, after this time without one.
const SILENCE: Duration = Duration::from_millis(300);

/// Sends and receives whole messages over a connection.
pub(crate) struct SwitchConnection {
    stream: TcpStream,
    framer: Framer,
}

impl SwitchConnection {
    /// Connects to the controller.
    pub(crate) fn open(at: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, framer: Framer::new() })
    }

    /// Does the handshake up to the request for the ports. Returns the xid of that request.
    pub(crate) fn up_to_ports(&mut self, datapath: DatapathId) -> io::Result<Xid> {
        loop {
            let (xid, asked) = self.next()?;
            if is_last(&asked) {
                return Ok(xid);
            }
            if let Some(answer) = handshake(&asked, datapath, &[]) {
                self.send(xid, &answer)?;
            }
        }
    }

    /// Does the whole handshake, as the named bridge with these ports.
    pub(crate) fn shake_hands(&mut self, bridge: &str, ports: &[&str], datapath: u64) -> io::Result<()> {
        let xid = self.up_to_ports(DatapathId(datapath))?;
        let mut list = vec![Port::named(PortNo::LOCAL, bridge.to_owned())];
        list.extend((1..).zip(ports).map(|(n, name)| Port::named(PortNo(n), (*name).to_owned())));
        self.reply(xid, MultipartReplyBody::PortDesc(list))
    }

    fn reply(&mut self, xid: Xid, body: MultipartReplyBody) -> io::Result<()> {
        self.send(xid, &reply(0, body))
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, xid: Xid, message: &Message) -> io::Result<()> {
        self.stream.write_all(&message.encode(xid).map_err(io::Error::other)?)
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Returns the next message.
    pub(crate) fn next(&mut self) -> io::Result<(Xid, Message)> {
        self.next_frame().map(|(xid, message, _)| (xid, message))
    }

    /// Receives the next message, and answers it as a switch without flows.
    pub(crate) fn answer_one(&mut self) -> io::Result<Message> {
        let (xid, message, frame) = self.next_frame()?;
        if let Some(answer) = answer(&message, &frame) {
            self.send(xid, &answer)?;
        }
        Ok(message)
    }

    /// Answers until the controller sends no more requests.
    pub(crate) fn answer_until_silent(&mut self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(SILENCE))?;
        loop {
            match self.answer_one() {
                Ok(_) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
                Err(error) => return Err(error),
            }
        }
        self.stream.set_read_timeout(Some(PATIENCE))
    }

    /// Opens a second handle of the connection, to write while the first one waits for messages.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { stream: self.stream.try_clone()?, framer: Framer::new() })
    }

    /// Shuts down the connection, for all handles.
    pub(crate) fn shutdown(&self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Both)
    }

    /// Returns the next message and its bytes.
    pub(crate) fn next_frame(&mut self) -> io::Result<(Xid, Message, Bytes)> {
        let mut buffer = vec![0; 0x1_0000];
        loop {
            if let Some(frame) = self.framer.next_frame().map_err(io::Error::other)? {
                let (xid, message) = Message::decode_shared(&frame).map_err(io::Error::other)?;
                return Ok((xid, message, frame));
            }
            let n = self.stream.read(&mut buffer)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.framer.feed(buffer.get(..n).unwrap_or_default());
        }
    }
}

/// Answers as a switch without flows, bundles, meters and groups, but with a flow monitor.
pub(crate) fn answer(asked: &Message, frame: &[u8]) -> Option<Message> {
    match asked {
        Message::BundleControl(_) | Message::BundleAdd(_) | Message::MeterMod(_) => {
            Some(Message::Error(ErrorMsg::with_code(ErrorCode::BAD_TYPE, frame)))
        }
        _ => answer_with(asked, Vec::new),
    }
}

/// Answers as a switch with these flows, without groups, but with bundles and a flow monitor.
pub(crate) fn answer_with(asked: &Message, flows: impl FnOnce() -> Vec<FlowStats>) -> Option<Message> {
    let body = match asked {
        Message::EchoRequest(payload) => return Some(Message::EchoReply(payload.clone())),
        Message::BarrierRequest => return Some(Message::BarrierReply),
        Message::BundleControl(control) => {
            let kind = match control.kind {
                BundleControlKind::OpenRequest => BundleControlKind::OpenReply,
                BundleControlKind::CommitRequest => BundleControlKind::CommitReply,
                _ => return None,
            };
            return Some(Message::BundleControl(BundleControl::new(control.bundle_id, kind, control.flags)));
        }
        Message::MultipartRequest(request) => match request.body {
            MultipartRequestBody::Flow(_) => MultipartReplyBody::Flow(flows()),
            MultipartRequestBody::GroupDesc => MultipartReplyBody::GroupDesc(Vec::new()),
            MultipartRequestBody::Monitor(_) => MultipartReplyBody::Monitor(Vec::new()),
            _ => return None,
        },
        _ => return None,
    };
    Some(reply(0, body))
}

/// Returns a multipart reply with these flags.
pub(crate) fn reply(flags: u16, body: MultipartReplyBody) -> Message {
    Message::MultipartReply(MultipartReply { flags, body })
}

/// Simulates a bridge that answers in a thread of its own.
pub(crate) struct Switch {
    stream: TcpStream,
    answering: Option<JoinHandle<()>>,
    /// Number of reads of all flows.
    pub(crate) reads: Arc<AtomicU32>,
    connected: Arc<AtomicBool>,
    /// Keeps messages of the two threads whole.
    writing: Arc<Mutex<()>>,
}

impl Switch {
    /// Connects as the named bridge, and answers from then on.
    pub(crate) fn connect(at: SocketAddr, bridge: &str, ports: &[&str], datapath: u64) -> io::Result<Self> {
        let mut line = SwitchConnection::open(at)?;
        line.shake_hands(bridge, ports, datapath)?;
        let stream = line.stream.try_clone()?;
        let (reads, connected) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(true)));
        let writing = Arc::new(Mutex::new(()));
        let mut bridge = Bridge {
            line,
            flows: Vec::new(),
            bundles: BTreeMap::new(),
            reads: Arc::clone(&reads),
            writing: Arc::clone(&writing),
        };
        let alive = Arc::clone(&connected);
        let answering = std::thread::spawn(move || {
            while bridge.answer().is_ok() {}
            alive.store(false, Ordering::Relaxed);
        });
        Ok(Self { stream, answering: Some(answering), reads, connected, writing })
    }

    /// Sends a message without a request.
    pub(crate) fn tell(&mut self, message: &Message) -> io::Result<()> {
        let bytes = message.encode(Xid(0)).map_err(io::Error::other)?;
        let _whole = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.stream.write_all(&bytes)
    }

    /// Returns whether the session is still up.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Returns the number of reads of all flows so far.
    pub(crate) fn reads(&self) -> u32 {
        self.reads.load(Ordering::Relaxed)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        if let Some(answering) = self.answering.take() {
            let _ = answering.join();
        }
    }
}

/// Holds the state of the answering thread.
struct Bridge {
    line: SwitchConnection,
    flows: Vec<FlowStats>,
    bundles: BTreeMap<u32, Vec<FlowMod>>,
    reads: Arc<AtomicU32>,
    writing: Arc<Mutex<()>>,
}

impl Bridge {
    /// Receives one message, and answers it if it is a request.
    fn answer(&mut self) -> io::Result<()> {
        let (xid, message) = self.line.next()?;
        match &message {
            Message::FlowMod(change) => self.apply(change),
            Message::BundleAdd(add) => {
                if let Ok((_, Message::FlowMod(change))) = Message::decode_shared(&add.message) {
                    self.bundles.entry(add.bundle_id).or_default().push(change);
                }
            }
            Message::BundleControl(control) if control.kind == BundleControlKind::CommitRequest => {
                for change in self.bundles.remove(&control.bundle_id).unwrap_or_default() {
                    self.apply(&change);
                }
            }
            _ => {}
        }
        let flows = || {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.flows.clone()
        };
        let Some(answer) = answer_with(&message, flows) else { return Ok(()) };
        let writing = Arc::clone(&self.writing);
        let _whole = writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.line.send(xid, &answer)
    }

    fn apply(&mut self, change: &FlowMod) {
        let same = |flow: &FlowStats| {
            (flow.table_id, flow.priority) == (change.table_id, change.priority)
                && flow.fields == change.fields
        };
        match change.command {
            FlowModCommand::Add => {
                self.flows.retain(|flow| !same(flow));
                self.flows.push(stats(change));
            }
            FlowModCommand::DeleteStrict => self.flows.retain(|flow| !same(flow)),
            FlowModCommand::Delete => self.flows.retain(|flow| {
                let in_table = change.table_id.0 == 0xff || flow.table_id == change.table_id;
                let has_cookie = (flow.cookie.0 ^ change.cookie.0) & change.cookie_mask == 0;
                let matches = change.fields.fields.iter().all(|field| flow.fields.fields.contains(field));
                !(in_table && has_cookie && matches)
            }),
            _ => {}
        }
    }
}

/// Returns the flow that a change adds, as the switch reports it.
fn stats(change: &FlowMod) -> FlowStats {
    FlowStats {
        table_id: change.table_id,
        duration_sec: 1,
        duration_nsec: 0,
        priority: change.priority,
        idle_timeout: change.idle_timeout,
        hard_timeout: change.hard_timeout,
        flags: change.flags,
        importance: change.importance,
        cookie: change.cookie,
        packet_count: 0,
        byte_count: 0,
        fields: change.fields.clone(),
        instructions: change.instructions.clone(),
    }
}
