//! Tests a session against a scripted peer, in virtual time.

mod bounds;
mod matrix;
mod times;

use std::time::{Duration, Instant};

use ofproto::frame::Framer;
use ofproto::message::multipart::{Desc, MULTIPART_MORE, MultipartReply, MultipartReplyBody};
use ofproto::message::{FeaturesReply, Hello, Message, Port, PortStatus, PortStatusReason};
use ofproto::{DatapathId, PortNo, Xid};

use super::{CloseReason, Config, Connected, Event, Session};

/// A session and the clock.
pub(super) struct Rig {
    pub(super) session: Session,
    pub(super) now: Instant,
    framer: Framer,
}

/// The progress of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandshakePoint {
    Hello,
    Features,
    Describing,
    Ports,
    Ready,
    Closed,
}

impl HandshakePoint {
    pub(super) const ALL: [Self; 6] =
        [Self::Hello, Self::Features, Self::Describing, Self::Ports, Self::Ready, Self::Closed];
}

impl Rig {
    pub(super) fn new(config: Config) -> Self {
        let now = Instant::now();
        Self { session: Session::new(now, config), now, framer: Framer::new() }
    }

    /// Returns a session with that progress of the handshake, without pending messages or events.
    pub(super) fn at(at: HandshakePoint, config: Config) -> Self {
        let mut rig = Self::new(config);
        let steps = HandshakePoint::ALL.iter().position(|s| *s == at).unwrap();
        if at == HandshakePoint::Closed {
            rig.session.close(CloseReason::Silent);
        } else {
            for step in 0..steps {
                match step {
                    0 => rig.give(Xid(0), &Message::Hello(Hello::ours())),
                    1 => rig.give(Xid(2), &Message::FeaturesReply(features())),
                    // HELLO, FEATURES_REQUEST and SET_CONFIG took 1 to 3.
                    2 => rig.give(Xid(4), &desc()),
                    _ => rig.give(Xid(5), &ports(0)),
                }
            }
        }
        rig.sent();
        rig.told();
        rig
    }

    pub(super) fn ready() -> Self {
        Self::at(HandshakePoint::Ready, Config::default())
    }

    pub(super) fn give(&mut self, xid: Xid, message: &Message) {
        let bytes = message.encode(xid).unwrap();
        self.session.receive(self.now, &bytes);
    }

    pub(super) fn give_bytes(&mut self, bytes: &[u8]) {
        self.session.receive(self.now, bytes);
    }

    /// Returns the sent messages, one by one.
    pub(super) fn sent(&mut self) -> Vec<(Xid, Message)> {
        let mut messages = Vec::new();
        while let Some(bytes) = self.session.poll_transmit() {
            let mut bytes: &[u8] = &bytes;
            while !bytes.is_empty() {
                bytes = &bytes[self.framer.feed(bytes)..];
                while let Some(frame) = self.framer.next_frame().unwrap() {
                    messages.push(Message::decode(&frame).unwrap());
                }
            }
        }
        assert_eq!(self.framer.buffered(), 0, "only whole messages are handed out");
        messages
    }

    /// Returns the events.
    pub(super) fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    /// Advances the time, with a call at each deadline.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
        }
        self.now = end;
    }

    pub(super) fn closed(&mut self) -> Option<CloseReason> {
        self.told().into_iter().find_map(|event| match event {
            Event::Closed(reason) => Some(reason),
            _ => None,
        })
    }
}

pub(super) fn features() -> FeaturesReply {
    FeaturesReply {
        datapath_id: DatapathId(0x42),
        n_buffers: 0,
        n_tables: 254,
        auxiliary_id: 0,
        capabilities: 0x4f,
        reserved: 0,
    }
}

pub(super) fn multipart(flags: u16, body: MultipartReplyBody) -> Message {
    Message::MultipartReply(MultipartReply { flags, body })
}

pub(super) fn desc() -> Message {
    multipart(0, MultipartReplyBody::Desc(Desc { sw_desc: "3.1.0".into(), ..Desc::default() }))
}

pub(super) fn ports(flags: u16) -> Message {
    multipart(flags, MultipartReplyBody::PortDesc(vec![Port::named(PortNo::LOCAL, "vmbr0")]))
}

pub(super) fn port_status() -> Message {
    Message::PortStatus(PortStatus { reason: PortStatusReason::Add, port: Port::named(PortNo(7), "warp0") })
}

#[test]
fn a_handshake_tells_who_the_switch_is() {
    let mut rig = Rig::new(Config::default());
    assert_eq!(rig.sent(), [(Xid(1), Message::Hello(Hello::ours()))]);
    rig.give(Xid(9), &Message::Hello(Hello::new(6, Some(0b0101_0010))));
    let sent = rig.sent();
    assert_eq!(sent[0], (Xid(2), Message::FeaturesRequest));
    assert!(matches!(sent[1].1, Message::SetConfig(_)));
    assert_eq!(
        sent[2..].iter().map(|(xid, m)| (*xid, m.kind().0)).collect::<Vec<_>>(),
        [(Xid(4), 18), (Xid(5), 18)]
    );
    rig.give(Xid(2), &Message::FeaturesReply(features()));
    assert_eq!(rig.sent(), []);
    rig.give(Xid(4), &desc());
    rig.give(Xid(5), &ports(MULTIPART_MORE));
    rig.give(Xid(5), &multipart(0, MultipartReplyBody::PortDesc(vec![Port::named(PortNo(1), "veth100")])));
    let connected = Connected {
        features: features(),
        ports: vec![Port::named(PortNo::LOCAL, "vmbr0"), Port::named(PortNo(1), "veth100")],
        desc: Desc { sw_desc: "3.1.0".into(), ..Desc::default() },
    };
    assert_eq!(rig.told(), [Event::Connected(Box::new(connected))]);
}

/// OpenFlow 1.3.5 §6.2: without a barrier a switch may answer in another order.
#[test]
fn ports_may_come_before_the_features() {
    let mut rig = Rig::at(HandshakePoint::Features, Config::default());
    rig.give(Xid(5), &ports(0));
    assert_eq!(rig.told(), [], "without its datapath id nobody knows the switch");
    rig.give(Xid(4), &desc());
    rig.give(Xid(2), &Message::FeaturesReply(features()));
    let connected = Connected {
        features: features(),
        ports: vec![Port::named(PortNo::LOCAL, "vmbr0")],
        desc: Desc { sw_desc: "3.1.0".into(), ..Desc::default() },
    };
    assert_eq!(rig.told(), [Event::Connected(Box::new(connected))]);
}

#[test]
fn a_tool_that_only_looks_leaves_the_configuration_alone() {
    let mut rig = Rig::new(Config { set_config: false, ..Config::default() });
    rig.give(Xid(0), &Message::Hello(Hello::ours()));
    rig.give(Xid(2), &Message::FeaturesReply(features()));
    assert!(rig.sent().iter().all(|(_, m)| !matches!(m, Message::SetConfig(_))));
}

#[test]
fn versions_are_agreed_on_as_the_standard_says() {
    // The bitmaps decide if both sides send one, otherwise the lower of both versions.
    for (version, bitmap, agreed) in [
        (4, None, true),
        (6, None, true),
        (1, None, false),
        (3, None, false),
        (6, Some(1 << 4), true),
        (1, Some(1 << 4), true),
        (6, Some(1 << 6 | 1 << 1), false),
        (4, Some(0), false),
    ] {
        let mut rig = Rig::at(HandshakePoint::Hello, Config::default());
        rig.give(Xid(3), &Message::Hello(Hello::new(version, bitmap)));
        let sent = rig.sent();
        if agreed {
            assert_eq!(sent[0], (Xid(2), Message::FeaturesRequest), "{version} {bitmap:?}");
        } else {
            let [(Xid(3), Message::Error(error))] = &sent[..] else {
                panic!("{version} {bitmap:?}: {sent:?}")
            };
            assert_eq!((error.kind, error.code), (0, 0));
            assert!(matches!(rig.closed(), Some(CloseReason::Version(_))));
        }
    }
}
