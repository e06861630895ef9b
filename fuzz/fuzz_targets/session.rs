#![no_main]
//! A session and its bridge under any sequence of inputs: what a switch answers, garbage, time, a new file. Whatever
//! comes, what goes out is OpenFlow, and what waits stays below its bounds.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use ofproto::frame::Framer;
use ofproto::message::multipart::{Desc, MultipartReply, MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{BundleControl, BundleControlKind, FeaturesReply, Hello, Port};
use ofproto::{DatapathId, Message, PortNo, Xid};
use portcullis::active_policy::ActivePolicy;
use portcullis::bridge::Bridge;
use portcullis::clock::Clock;
use portcullis::policy::Policy;
use portcullis::session::{Config, Session};

/// Three files for one bridge: with one rule, with another, and a learning switch.
fn policies() -> &'static [Arc<Policy>; 3] {
    static POLICIES: OnceLock<[Arc<Policy>; 3]> = OnceLock::new();
    POLICIES.get_or_init(|| {
        let of = |text| Arc::new(Policy::from_text(Path::new("fuzz.toml"), text).unwrap());
        let isolated = |protocol| {
            let text = format!(
                "[network.n]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
                 [endpoint.a]\nattach = [{{ network = \"n\", port = \"p1\", addresses = [\"10.0.0.2\"] }}]\n\
                 [endpoint.b]\nattach = [{{ network = \"n\", port = \"p2\", addresses = [\"10.0.0.3\"] }}]\n\
                 [[allow]]\nname = \"r\"\nfrom = [\"a\"]\nto = [\"b\"]\nprotocol = \"{protocol}\"\nports = [80]\n\
                 purpose = \"x\"\n"
            );
            of(text)
        };
        let learning = "[bridge.\"*\"]\nlearning = { macs = 8, macs_per_port = 4 }\n";
        [isolated("tcp"), isolated("udp"), of(learning.to_owned())]
    })
}

/// Small bounds, so that they are met.
fn config() -> Config {
    Config {
        max_request_bytes: 64 << 10,
        max_answer_bytes: 4 << 10,
        max_multipart_bytes: 32 << 10,
        max_ports: 32,
        max_bad_messages: 8,
        ..Config::default()
    }
}

struct Rig {
    session: Session,
    bridge: Bridge,
    now: Instant,
    framer: Framer,
    /// What the switch was asked and has not answered.
    asked: VecDeque<(Xid, Message)>,
}

impl Rig {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(now, config()),
            bridge: Bridge::new(
                ActivePolicy::new(Arc::clone(&policies()[0])),
                Clock::new(now, Duration::from_secs(1_800_000_000)),
            ),
            now,
            framer: Framer::new(),
            asked: VecDeque::new(),
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        // As the connection does: nothing is read from a switch that does not take its answers.
        if !self.session.wants_read() {
            return;
        }
        self.session.inbox().extend_from_slice(bytes);
        match self.bridge.learning(self.now) {
            None => self.session.received(self.now, |_| false),
            Some((learning, second)) => {
                let mut answers = Vec::new();
                self.session.received(self.now, |frame| learning.packet_in(frame, second, &mut answers));
                learning.batch_ended(second);
                assert!(learning.known() <= 8);
                let mut framer = Framer::new();
                framer.feed(&answers);
                while let Some(frame) = framer.next_frame().unwrap() {
                    Message::decode_shared(&frame).unwrap();
                }
            }
        }
    }

    /// The switch takes what waits for it.
    fn take(&mut self) {
        while let Some(bytes) = self.session.poll_transmit() {
            let mut bytes: &[u8] = &bytes;
            while !bytes.is_empty() {
                bytes = &bytes[self.framer.feed(bytes)..];
                while let Some(frame) = self.framer.next_frame().unwrap() {
                    self.asked.push_back(Message::decode(&frame).unwrap());
                    // A fuzzer that never answers is no leak of ours.
                    self.asked.truncate(4096);
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.bridge.handle_timeout(self.now, &mut self.session);
    }

    fn settle(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.bridge.handle_event(self.now, event, &mut self.session);
        }
        while self.bridge.poll_notice().is_some() {}
        let _ = (self.bridge.status(), self.bridge.poll_timeout(), self.session.poll_timeout());
        // One answer may still be added when almost nothing more may be read, and errors quote 64 bytes at least.
        let bound = config().max_request_bytes + config().max_answer_bytes + (128 << 10);
        assert!(self.session.buffered() <= bound, "{} bytes wait", self.session.buffered());
    }

    /// The answer that a good switch gives to what it was asked longest ago.
    fn answer(&mut self) {
        let Some((xid, asked)) = self.asked.pop_front() else { return };
        let parts = |body| Some(Message::MultipartReply(MultipartReply { flags: 0, body }));
        let answer = match asked {
            Message::Hello(_) => Some(Message::Hello(Hello::ours())),
            Message::FeaturesRequest => Some(Message::FeaturesReply(FeaturesReply {
                datapath_id: DatapathId(1),
                n_buffers: 0,
                n_tables: 254,
                auxiliary_id: 0,
                capabilities: 0,
                reserved: 0,
            })),
            Message::EchoRequest(payload) => Some(Message::EchoReply(payload)),
            Message::BarrierRequest => Some(Message::BarrierReply),
            Message::BundleControl(asked) => {
                let kind = match asked.kind {
                    BundleControlKind::OpenRequest => BundleControlKind::OpenReply,
                    BundleControlKind::CommitRequest => BundleControlKind::CommitReply,
                    BundleControlKind::DiscardRequest => BundleControlKind::DiscardReply,
                    _ => BundleControlKind::CloseReply,
                };
                Some(Message::BundleControl(BundleControl { kind, ..asked }))
            }
            Message::MultipartRequest(request) => match request.body {
                MultipartRequestBody::Desc => parts(MultipartReplyBody::Desc(Desc::default())),
                MultipartRequestBody::PortDesc => parts(MultipartReplyBody::PortDesc(vec![
                    Port::named(PortNo::LOCAL, "br0"),
                    Port::named(PortNo(1), "p1"),
                    Port::named(PortNo(2), "p2"),
                ])),
                MultipartRequestBody::Flow(_) => parts(MultipartReplyBody::Flow(Vec::new())),
                MultipartRequestBody::GroupDesc => parts(MultipartReplyBody::GroupDesc(Vec::new())),
                MultipartRequestBody::Monitor(_) => parts(MultipartReplyBody::Monitor(Vec::new())),
                _ => None,
            },
            _ => None,
        };
        if let Some(answer) = answer {
            self.receive(&answer.encode(xid).unwrap());
        }
    }
}

/// The next bytes of the input, fewer at its end.
fn next<'a>(data: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (head, rest) = data.split_at(len.min(data.len()));
    *data = rest;
    head
}

fn byte(data: &mut &[u8]) -> u8 {
    next(data, 1).first().copied().unwrap_or_default()
}

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let mut rig = Rig::new();
    while !data.is_empty() && !rig.session.is_closed() {
        match byte(&mut data) % 8 {
            // The switch takes what waits and answers well.
            0..=2 => {
                rig.take();
                rig.answer();
            }
            3 => rig.take(),
            // A message whose frame is right: a kind, whose answer it is, a body.
            4 => {
                let (kind, which, len) = (byte(&mut data), byte(&mut data), byte(&mut data));
                let xid = rig.asked.get(usize::from(which)).map_or(u32::from(which), |(xid, _)| xid.0);
                let body = next(&mut data, usize::from(len));
                let length = u16::try_from(body.len() + 8).unwrap();
                let head = [&[4, kind][..], &length.to_be_bytes(), &xid.to_be_bytes()].concat();
                rig.receive(&[&head, body].concat());
            }
            // Bytes.
            5 => {
                let len = usize::from(byte(&mut data));
                rig.receive(next(&mut data, len));
            }
            6 => rig.pass(Duration::from_millis(u64::from(byte(&mut data)) * 50)),
            _ => {
                let policy = &policies()[usize::from(byte(&mut data) % 3)];
                rig.bridge.reload(rig.now, ActivePolicy::new(Arc::clone(policy)), &mut rig.session);
            }
        }
        rig.settle();
    }
    rig.session.close(portcullis::session::CloseReason::Ended("the end of the input".to_owned()));
    rig.settle();
    rig.take();
    assert!(rig.session.is_closed() && rig.session.buffered() == 0);
});
