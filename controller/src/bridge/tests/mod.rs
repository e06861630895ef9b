//! A bridge on a session against a scripted peer, in virtual time.

mod acknowledge;
mod change;
mod connect;
mod ct_flush;
mod drift;
mod reactive;
mod samples;
mod windows;

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flows::{Flow, FlowMatch};
use ofproto::frame::Framer;
use ofproto::message::monitor::{MONITOR_ACTIONS, MonitorEvent, MonitorUpdate};
use ofproto::message::multipart::{
    Desc, FlowStats, GroupDesc, MultipartReply, MultipartReplyBody, MultipartRequestBody,
};
use ofproto::message::{
    BundleControl, BundleControlKind, ErrorMsg, FlowMod, FlowModCommand, GroupType, Hello, Message, Port,
    PortStatus, PortStatusReason,
};
use ofproto::testing::switch::features;
use ofproto::{DatapathId, GroupId, PortNo, Xid};

use super::{Bridge, Notice};
use crate::active_policy::ActivePolicy;
use crate::adversaries::switch::update;
use crate::clock::Clock;
use crate::policy::Policy;
use crate::session::{Config, Event, Session};

const FILE: &str = include_str!("../../../../flows/networks/dual-socket.toml");

/// Wall time at the beginning of a test, in seconds since 1970-01-01 UTC.
const BEGUN: u64 = 1_000_000;

fn policy(text: &str) -> ActivePolicy {
    ActivePolicy::new(Policy::from_text(Path::new("test.toml"), text.to_owned()).unwrap())
}

/// A bridge, its session, the clock, and the messages that the peer received.
struct Rig {
    bridge: Bridge,
    session: Session,
    now: Instant,
    framer: Framer,
    notices: Vec<Notice>,
    closed: bool,
}

impl Rig {
    /// Returns a switch whose own port has that name, with ports of these names, numbered from 1.
    fn connect(text: &str, bridge: &'static str, ports: &[&'static str]) -> Self {
        Self::connect_with(policy(text), bridge, ports)
    }

    fn connect_with(active: ActivePolicy, bridge: &'static str, ports: &[&'static str]) -> Self {
        let now = Instant::now();
        let mut rig = Self {
            bridge: Bridge::new(active, Clock::new(now, Duration::from_secs(BEGUN))),
            session: Session::new(now, Config::default()),
            now,
            framer: Framer::new(),
            notices: Vec::new(),
            closed: false,
        };
        let mut list = vec![Port::named(PortNo::LOCAL, bridge)];
        list.extend((1..).zip(ports).map(|(n, name)| Port::named(PortNo(n), *name)));
        rig.give(Xid(0), &Message::Hello(Hello::ours()));
        rig.give(Xid(2), &Message::FeaturesReply(features(DatapathId(1))));
        rig.give(Xid(4), &reply(MultipartReplyBody::Desc(Desc::default())));
        rig.received(); // What the handshake asked.
        rig.give(Xid(5), &reply(MultipartReplyBody::PortDesc(list)));
        rig
    }

    fn give(&mut self, xid: Xid, message: &Message) {
        self.session.receive(self.now, &message.encode(xid).unwrap());
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.closed |= matches!(event, Event::Closed(_));
            self.bridge.handle_event(self.now, event, &mut self.session);
        }
        self.notices.extend(std::iter::from_fn(|| self.bridge.poll_notice()));
    }

    /// Returns the messages that the switch received since the last call.
    fn received(&mut self) -> Vec<(Xid, Message)> {
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
        messages.retain(|(_, m)| !matches!(m, Message::EchoRequest(_)));
        messages
    }

    /// Advances the time, with a call at each deadline. The switch answers echoes meanwhile.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.bridge.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.bridge.handle_timeout(self.now, &mut self.session);
            self.settle();
            if self.closed || self.bridge.poll_timeout() == Some(at) {
                break;
            }
        }
        self.now = end;
    }

    fn millis(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis));
    }

    /// Advances the time until a message is sent, up to a limit. Returns the time that it took.
    fn until_sent(&mut self, most: Duration) -> Option<(Duration, Vec<(Xid, Message)>)> {
        let from = self.now;
        while self.now - from <= most {
            let sent = self.received();
            if !sent.is_empty() {
                return Some((self.now - from, sent));
            }
            self.millis(1);
        }
        None
    }

    /// Returns the bridge's desired flows, as a switch would report them.
    fn desired(&self) -> Vec<FlowStats> {
        self.bridge.knowledge.desired.program.flows().map(stats).collect()
    }

    /// Answers the request for the flow monitor, if it is among these messages.
    fn grant_monitor(&mut self, sent: &[(Xid, Message)]) {
        for (xid, message) in sent {
            if let Some(MultipartRequestBody::Monitor(_)) = asked(message) {
                self.give(*xid, &reply(MultipartReplyBody::Monitor(vec![])));
            }
        }
    }

    /// Answers the read among these messages.
    fn answer_read(&mut self, sent: &[(Xid, Message)], flows: Vec<FlowStats>, groups: &[u32]) {
        let mut answered = 0;
        for (xid, message) in sent {
            let body = match asked(message) {
                Some(MultipartRequestBody::Flow(_)) => MultipartReplyBody::Flow(flows.clone()),
                Some(MultipartRequestBody::GroupDesc) => {
                    let group = |id: &u32| GroupDesc {
                        kind: GroupType::All,
                        group_id: GroupId(*id),
                        buckets: vec![],
                    };
                    MultipartReplyBody::GroupDesc(groups.iter().map(group).collect())
                }
                _ => continue,
            };
            answered += 1;
            self.give(*xid, &reply(body));
        }
        assert_eq!(answered, 2, "a read asks for flows and groups: {sent:?}");
    }

    /// Takes the bridge through its first read, with nothing left to do.
    fn settled(text: &str, bridge: &'static str, ports: &[&'static str]) -> Self {
        Self::settled_with(policy(text), bridge, ports)
    }

    fn settled_with(active: ActivePolicy, bridge: &'static str, ports: &[&'static str]) -> Self {
        let mut rig = Self::connect_with(active, bridge, ports);
        let sent = rig.received();
        rig.grant_monitor(&sent);
        let desired = rig.desired();
        rig.answer_read(&sent, desired, &[]);
        assert!(rig.bridge.status().settled);
        assert_eq!(rig.received(), []);
        rig.notices.clear();
        rig
    }

    /// Opens the requested bundle. Returns the changes that the bridge adds to it.
    fn open_bundle(&mut self, sent: &[(Xid, Message)]) -> (Xid, u32, Vec<(Xid, Message)>) {
        let [(xid, Message::BundleControl(open))] = sent else { panic!("no bundle is opened: {sent:?}") };
        assert_eq!((open.kind, open.flags), (BundleControlKind::OpenRequest, 3));
        self.give(*xid, &control(open.bundle_id, BundleControlKind::OpenReply));
        let mut sent = self.received();
        let Some((commit_xid, Message::BundleControl(commit))) = sent.pop() else { panic!("no commit") };
        assert_eq!((commit.kind, commit.flags), (BundleControlKind::CommitRequest, 3));
        assert_eq!(commit.bundle_id, open.bundle_id);
        let changes = sent
            .into_iter()
            .map(|(outer, message)| {
                let Message::BundleAdd(add) = message else { panic!("{message:?} in a bundle") };
                assert_eq!((add.bundle_id, add.flags), (open.bundle_id, 3));
                let (inner, message) = Message::decode(&add.message).unwrap();
                assert_eq!(inner, outer, "the inner id is the outer one");
                (outer, message)
            })
            .collect();
        (commit_xid, commit.bundle_id, changes)
    }

    /// Completes a round: answers the read with these flows, and commits the changes that follow.
    fn round(&mut self, sent: &[(Xid, Message)], flows: Vec<FlowStats>) -> Vec<Message> {
        self.answer_read(sent, flows, &[]);
        let sent = self.received();
        let (xid, bundle, changes) = self.open_bundle(&sent);
        self.give(xid, &control(bundle, BundleControlKind::CommitReply));
        changes.into_iter().map(|(_, m)| m).collect()
    }

    /// Commits the bundles of changes that need no read. Returns the messages that follow.
    fn at_once(&mut self, sent: Vec<(Xid, Message)>) -> (Vec<Message>, Vec<(Xid, Message)>) {
        let (mut sent, mut all) = (sent, Vec::new());
        while !is_read(&sent) {
            let (xid, bundle, changes) = self.open_bundle(&sent);
            self.give(xid, &control(bundle, BundleControlKind::CommitReply));
            all.extend(changes.into_iter().map(|(_, m)| m));
            sent = self.received();
        }
        assert!(!all.is_empty(), "it was read first");
        (all, sent)
    }

    /// Reports a foreign change.
    fn tell(&mut self, event: MonitorEvent, flow: &Flow) {
        self.tell_update(update(event, 0, flow, MONITOR_ACTIONS));
    }

    fn tell_update(&mut self, update: MonitorUpdate) {
        self.give(Xid(0), &reply(MultipartReplyBody::Monitor(vec![update])));
    }

    fn tell_port(&mut self, reason: PortStatusReason, port_no: u32, name: &'static str) {
        let port = Port::named(PortNo(port_no), name);
        self.give(Xid(0), &Message::PortStatus(PortStatus { reason, port }));
    }

    fn reload(&mut self, text: &str) {
        self.reload_with(policy(text));
    }

    fn reload_with(&mut self, active: ActivePolicy) {
        self.bridge.reload(self.now, active, &mut self.session);
        self.settle();
    }

    fn drift_noted(&self) -> usize {
        let drift = |n: &Notice| if let Notice::Changed { drift, .. } = n { *drift } else { 0 };
        self.notices.iter().map(drift).sum()
    }
}

fn asked(message: &Message) -> Option<&MultipartRequestBody> {
    match message {
        Message::MultipartRequest(request) => Some(&request.body),
        _ => None,
    }
}

/// Returns whether these are the requests of one read and nothing else.
fn is_read(sent: &[(Xid, Message)]) -> bool {
    matches!(
        sent.iter().map(|(_, m)| asked(m)).collect::<Vec<_>>()[..],
        [Some(MultipartRequestBody::Flow(_)), Some(MultipartRequestBody::GroupDesc)]
    )
}

fn reply(body: MultipartReplyBody) -> Message {
    Message::MultipartReply(MultipartReply { flags: 0, body })
}

fn control(bundle_id: u32, kind: BundleControlKind) -> Message {
    Message::BundleControl(BundleControl::new(bundle_id, kind, 3))
}

fn refusal(kind: u16, code: u16) -> Message {
    Message::Error(ErrorMsg {
        kind,
        code,
        experimenter: (kind == 0xffff).then_some(0x4f4e_4600),
        data: Bytes::new(),
    })
}

fn stats(flow: &Flow) -> FlowStats {
    FlowStats { duration_sec: 1, ..flow.to_stats() }
}

/// Returns a foreign flow.
fn foreign() -> Flow {
    Flow::new(ofproto::TableId(0), 4_242, FlowMatch::any())
}

fn flow_mod(message: &Message) -> &FlowMod {
    match message {
        Message::FlowMod(change) => change,
        other => panic!("{other:?} is no flow_mod"),
    }
}

fn commands(changes: &[Message]) -> Vec<FlowModCommand> {
    changes.iter().map(|m| flow_mod(m).command).collect()
}
