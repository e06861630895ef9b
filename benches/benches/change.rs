//! A change of the policy, from the container that is added to the bytes of the bundle, through the state of a bridge and
//! its session as the controller runs them. What is not in it: sockets, and the host's part of making a container.
#![allow(clippy::unwrap_used, reason = "a benchmark of what is not read measures nothing")]

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion};
use flows::compile::PortMap;
use ofproto::frame::Framer;
use ofproto::message::multipart::{
    Desc, MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{BundleControl, BundleControlKind, Hello, Port};
use ofproto::testing::switch::features;
use ofproto::{DatapathId, Message, Xid};
use portcullis::active_policy::ActivePolicy;
use portcullis::bridge::Bridge;
use portcullis::clock::Clock;
use portcullis::policy::Policy;
use portcullis::session::{Config, Session};
use portcullis_benches::{container, pantheon_with_containers, reported};

const BRIDGE: &str = "pantheon";
/// OFPMPF_REPLY_MORE.
const MORE: u16 = 1;
/// So many flows of Pantheon, or ports, are less than 64 kB.
const PART: usize = 100;

fn main() {
    let mut c = Criterion::default().configure_from_args();
    let policy = Policy::from_text(Path::new("pantheon.toml"), pantheon_with_containers()).unwrap();
    let policy = ActivePolicy::new(policy);
    // The container's port is there before its flows are.
    let ports = policy.with_container(&container()).unwrap().assumed_ports(BRIDGE);
    let mut group = c.benchmark_group("pantheon-256");
    group.sample_size(20);
    group.bench_function("container_added", |b| {
        b.iter_batched(
            || Switch::settled(&policy, &ports),
            |mut switch| {
                let next = policy.with_container(&container()).unwrap();
                let changes = switch.change(ActivePolicy::new(next));
                assert!((1..20).contains(&changes), "{changes} changes for a container");
                switch
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
    c.final_summary();
}

/// A bridge of the controller, on a switch that has what it desires.
struct Switch {
    bridge: Bridge,
    session: Session,
    now: Instant,
}

impl Switch {
    fn settled(policy: &ActivePolicy, ports: &PortMap) -> Self {
        let now = Instant::now();
        let bridge = Bridge::new(policy.clone(), Clock::new(now, Duration::from_secs(1_000_000)));
        let mut this = Self { bridge, session: Session::new(now, Config::default()), now };
        let list: Vec<_> = ports.iter().map(|(name, number)| Port::named(*number, name.clone())).collect();
        this.give(Xid(0), &Message::Hello(Hello::ours()));
        this.give(Xid(2), &Message::FeaturesReply(features(DatapathId(1))));
        this.give(Xid(4), &reply(0, MultipartReplyBody::Desc(Desc::default())));
        this.sent();
        for part in list.chunks(PART) {
            this.give(Xid(5), &reply(MORE, MultipartReplyBody::PortDesc(part.to_vec())));
        }
        this.give(Xid(5), &reply(0, MultipartReplyBody::PortDesc(Vec::new())));
        let flows: Vec<_> = policy.policy.compile(BRIDGE, ports).flows().map(reported).collect();
        for (xid, message) in this.sent() {
            let Message::MultipartRequest(MultipartRequest { body, .. }) = message else { continue };
            match body {
                MultipartRequestBody::Monitor(_) => {
                    this.give(xid, &reply(0, MultipartReplyBody::Monitor(Vec::new())));
                }
                MultipartRequestBody::Flow(_) => {
                    for part in flows.chunks(PART) {
                        this.give(xid, &reply(MORE, MultipartReplyBody::Flow(part.to_vec())));
                    }
                    this.give(xid, &reply(0, MultipartReplyBody::Flow(Vec::new())));
                }
                MultipartRequestBody::GroupDesc => {
                    this.give(xid, &reply(0, MultipartReplyBody::GroupDesc(Vec::new())));
                }
                _ => {}
            }
        }
        assert!(this.bridge.status().settled);
        this
    }

    /// Takes another policy into force; how many changes are in the bundle.
    fn change(&mut self, policy: ActivePolicy) -> usize {
        self.bridge.reload(self.now, policy, &mut self.session);
        let sent = self.sent();
        let [(xid, Message::BundleControl(open))] = &*sent else { return 0 };
        let opened = BundleControl::new(open.bundle_id, BundleControlKind::OpenReply, open.flags);
        self.give(*xid, &Message::BundleControl(opened));
        let sent = self.sent();
        let committed = matches!(
            sent.last(),
            Some((_, Message::BundleControl(control))) if control.kind == BundleControlKind::CommitRequest
        );
        if committed { sent.len() - 1 } else { 0 }
    }

    fn give(&mut self, xid: Xid, message: &Message) {
        self.session.receive(self.now, &message.encode(xid).unwrap());
        while let Some(event) = self.session.poll_event() {
            self.bridge.handle_event(self.now, event, &mut self.session);
        }
        while self.bridge.poll_notice().is_some() {}
    }

    fn sent(&mut self) -> Vec<(Xid, Message)> {
        let (mut framer, mut messages) = (Framer::new(), Vec::new());
        while let Some(bytes) = self.session.poll_transmit() {
            let mut bytes: &[u8] = &bytes;
            while !bytes.is_empty() {
                bytes = bytes.get(framer.feed(bytes)..).unwrap_or_default();
                while let Some(frame) = framer.next_frame().unwrap() {
                    messages.push(Message::decode(&frame).unwrap());
                }
            }
        }
        messages
    }
}

fn reply(flags: u16, body: MultipartReplyBody) -> Message {
    Message::MultipartReply(MultipartReply { flags, body })
}
