//! Bounds the memory that a bridge keeps for its desired and its installed flows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use flows::{Flow, FlowMatch};
use ofproto::message::multipart::{
    Desc, FlowStats, MULTIPART_MORE, MultipartReply, MultipartReplyBody, MultipartRequestBody,
};
use ofproto::message::{BundleControl, BundleControlKind, Hello, Message, Port};
use ofproto::oxm::Field;
use ofproto::testing::switch::features;
use ofproto::{Cookie, DatapathId, Framer, PortNo, TableId, Xid};
use portcullis::active_policy::ActivePolicy;
use portcullis::bridge::Bridge;
use portcullis::clock::Clock;
use portcullis::policy::Policy;
use portcullis::session::{Config, Session};

const BRIDGE: &str = "br0";

/// Returns a network in which half of the endpoints open connections to the other half.
fn policy(endpoints: u32) -> ActivePolicy {
    let mut text = format!("[network.lan]\nbridge = \"{BRIDGE}\"\nsubnets = [\"10.0.0.0/16\"]\n");
    for n in 0..endpoints {
        let address = format!("10.0.{}.{}", n / 250, 1 + n % 250);
        let _ = writeln!(
            text,
            "[endpoint.e{n}]\nattach = [{{ network = \"lan\", port = \"p{n}\", addresses = [\"{address}\"], \
             mac = \"02:00:00:00:{:02x}:{:02x}\" }}]",
            n / 256,
            n % 256
        );
        if n % 2 == 1 {
            let _ = writeln!(
                text,
                "[[allow]]\nname = \"r{n}\"\nfrom = \"e{}\"\nto = \"e{n}\"\nprotocol = \"tcp\"\nports = [443]",
                n - 1
            );
        }
    }
    ActivePolicy::new(Policy::from_text(Path::new("test.toml"), text).unwrap())
}

/// Joins a bridge of the controller with a switch that accepts every change.
struct Switch {
    bridge: Bridge,
    session: Session,
    now: Instant,
    framer: Framer,
}

impl Switch {
    fn connected(policy: ActivePolicy, ports: u32) -> Self {
        let now = Instant::now();
        let bridge = Bridge::new(policy, Clock::new(now, Duration::from_secs(1_000_000)));
        let session = Session::new(now, Config::default());
        let mut this = Self { bridge, session, now, framer: Framer::new() };
        this.give(Xid(0), &Message::Hello(Hello::ours()));
        this.give(Xid(2), &Message::FeaturesReply(features(DatapathId(1))));
        this.give(Xid(4), &reply(0, MultipartReplyBody::Desc(Desc::default())));
        this.sent();
        let port = |n: u32| Port::named(PortNo(n + 1), format!("p{n}"));
        let list: Vec<Port> =
            [Port::named(PortNo::LOCAL, BRIDGE)].into_iter().chain((0..ports).map(port)).collect();
        for part in list.chunks(500) {
            this.give(Xid(5), &reply(MULTIPART_MORE, MultipartReplyBody::PortDesc(part.to_vec())));
        }
        this.give(Xid(5), &reply(0, MultipartReplyBody::PortDesc(Vec::new())));
        this
    }

    fn give(&mut self, xid: Xid, message: &Message) {
        self.session.receive(self.now, &message.encode(xid).unwrap());
        while let Some(event) = self.session.poll_event() {
            self.bridge.handle_event(self.now, event, &mut self.session);
        }
        while self.bridge.poll_notice().is_some() {}
    }

    /// Returns the pending request for flows, and answers the others.
    fn asks_for_flows(&mut self) -> Xid {
        let mut asked = None;
        for (xid, message) in self.sent() {
            let Message::MultipartRequest(request) = message else { continue };
            match request.body {
                MultipartRequestBody::Flow(_) => asked = Some(xid),
                MultipartRequestBody::GroupDesc => {
                    self.give(xid, &reply(0, MultipartReplyBody::GroupDesc(Vec::new())));
                }
                MultipartRequestBody::Monitor(_) => {
                    self.give(xid, &reply(0, MultipartReplyBody::Monitor(Vec::new())));
                }
                _ => {}
            }
        }
        asked.unwrap()
    }

    /// Reports flows, in parts.
    fn report(&mut self, xid: Xid, flows: impl Iterator<Item = Flow>, last: bool) {
        let mut flows = flows.peekable();
        while flows.peek().is_some() {
            let part: Vec<FlowStats> = flows.by_ref().take(50).map(|flow| flow.to_stats()).collect();
            self.give(xid, &reply(MULTIPART_MORE, MultipartReplyBody::Flow(part)));
        }
        if last {
            self.give(xid, &reply(0, MultipartReplyBody::Flow(Vec::new())));
        }
    }

    /// Receives the bundle, and returns the number of its flow changes.
    fn commit(&mut self) -> usize {
        let sent = self.sent();
        let [(xid, Message::BundleControl(open))] = &*sent else { panic!("no bundle: {sent:?}") };
        let answer = |kind| Message::BundleControl(BundleControl::new(open.bundle_id, kind, open.flags));
        self.give(*xid, &answer(BundleControlKind::OpenReply));
        let mut changes = 0;
        while let Some(bytes) = self.session.poll_transmit() {
            changes += self.frames(&bytes).filter(|message| matches!(message, Message::BundleAdd(_))).count();
        }
        self.give(Xid(0), &answer(BundleControlKind::CommitReply));
        changes
    }

    fn sent(&mut self) -> Vec<(Xid, Message)> {
        let mut messages = Vec::new();
        while let Some(bytes) = self.session.poll_transmit() {
            let mut bytes: &[u8] = &bytes;
            while !bytes.is_empty() {
                bytes = bytes.get(self.framer.feed(bytes)..).unwrap();
                while let Some(frame) = self.framer.next_frame().unwrap() {
                    messages.push(Message::decode(&frame).unwrap());
                }
            }
        }
        messages
    }

    fn frames<'s>(&'s mut self, mut bytes: &'s [u8]) -> impl Iterator<Item = Message> + 's {
        std::iter::from_fn(move || {
            loop {
                if let Some(frame) = self.framer.next_frame().unwrap() {
                    return Some(Message::decode(&frame).unwrap().1);
                }
                if bytes.is_empty() {
                    return None;
                }
                bytes = bytes.get(self.framer.feed(bytes)..).unwrap();
            }
        })
    }
}

fn reply(flags: u16, body: MultipartReplyBody) -> Message {
    Message::MultipartReply(MultipartReply { flags, body })
}

/// Returns a foreign flow, as long as the desired ones.
fn foreign(n: u32) -> Flow {
    let matches = FlowMatch::any()
        .with(Field::EthType, 0x800)
        .with(Field::IpProto, 6)
        .with(Field::Ipv4Dst, n.into())
        .with(Field::TcpDst, 443);
    let mut flow = Flow::new(TableId(2), 1_000, matches);
    flow.cookie = Cookie(n.into());
    flow
}

#[test]
fn a_foreign_flow_of_a_dump_costs_so_many_bytes_and_a_desired_one_none() {
    const FLOWS: u32 = 30_000;
    let policy = policy(200);
    let mut switch = Switch::connected(policy, 200);
    let xid = switch.asks_for_flows();
    switch.report(xid, (0..1).map(foreign), false);
    let counted = allocation_counter::measure(|| switch.report(xid, (0..FLOWS).map(foreign), false));
    let each = counted.bytes_max / u64::from(FLOWS);
    assert!(each <= 150, "{each} bytes a foreign flow: {counted:?}");
    let ports = (0..200).map(|n| (format!("p{n}"), PortNo(n + 1))).collect();
    let desired = self::policy(200).compile(&Default::default(), BRIDGE, &ports, 0);
    let desired: Vec<Flow> = desired.flows().cloned().collect();
    let counted = allocation_counter::measure(|| {
        for _ in 0..20 {
            switch.report(xid, desired.iter().cloned(), false);
        }
    });
    let each = counted.bytes_max / (20 * desired.len() as u64);
    assert!(each <= 10, "{each} bytes a desired flow");
    // One round deletes a bounded number of flows, and the next round the rest.
    let counted = allocation_counter::measure(|| switch.report(xid, (FLOWS..8 * FLOWS).map(foreign), true));
    let each = counted.bytes_max / u64::from(8 * FLOWS);
    assert!(each <= 150, "{each} bytes a foreign flow: {counted:?}");
    assert_eq!(switch.commit(), 1 << 15);
}

#[test]
fn an_installed_flow_costs_at_most_a_kilobyte() {
    const ENDPOINTS: u32 = 2_000;
    let policy = policy(ENDPOINTS);
    let mut kept = None;
    let mut flows = 0;
    let counted = allocation_counter::measure(|| {
        let mut switch = Switch::connected(policy, ENDPOINTS);
        let xid = switch.asks_for_flows();
        switch.report(xid, std::iter::empty(), true);
        flows = switch.commit();
        kept = Some(switch);
    });
    assert!(flows > 10_000, "{flows} flows");
    let (each, most) = (counted.bytes_current / flows as i64, counted.bytes_max / flows as u64);
    println!("{flows} flows: {each} bytes each, {most} at most");
    assert!(each <= 1_024, "{each} bytes an installed flow");
    assert!(most <= 2_048, "{most} bytes an installed flow while they are given");
    drop(kept);
}
