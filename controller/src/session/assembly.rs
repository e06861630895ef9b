//! Assembles multipart replies from their parts (OpenFlow 1.3.5 §7.3.5). A reply about flows may be
//! of any length, so its parts are passed on as they arrive.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use ofproto::Xid;
use ofproto::message::Port;
use ofproto::message::multipart::{FlowStats, MULTIPART_MORE, MultipartReply, MultipartReplyBody};

/// The replies under way, by the request that they answer. Only replies to requests are kept.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    waiting: BTreeMap<Xid, Partial>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Partial {
    body: Option<MultipartReplyBody>,
    bytes: usize,
    /// True if parts with flows were passed on.
    flows: bool,
}

/// The outcome of adding a part.
#[derive(Debug, PartialEq)]
pub(super) enum PartOutcome {
    /// The part was kept, and more parts follow.
    Kept,
    /// Flows of one part, which are not assembled, and whether more parts follow.
    Flows(Vec<FlowStats>, bool),
    /// The part was the last one, and completes the reply.
    Complete(MultipartReplyBody),
    /// The part answers no request.
    Unasked,
    /// The part has another kind than the parts before it.
    Mixed,
    /// The reply takes more memory than the limit.
    TooLarge,
    /// The reply has more ports than the limit.
    TooManyPorts,
}

/// The bounds on replies under way, which are checked at every part.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartLimits {
    /// Memory of all replies, in bytes.
    pub(super) bytes: usize,
    /// Ports in one reply.
    pub(super) ports: usize,
}

impl Assembly {
    /// Returns the number of requests that wait for a reply.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns whether a request with that xid waits for its reply.
    pub(super) fn waits(&self, xid: Xid) -> bool {
        self.waiting.contains_key(&xid)
    }

    /// Notes that a request was sent.
    pub(super) fn expect(&mut self, xid: Xid) {
        self.waiting.insert(xid, Partial::default());
    }

    /// Forgets a request, because it failed.
    pub(super) fn forget(&mut self, xid: Xid) {
        if let Some(partial) = self.waiting.remove(&xid) {
            self.bytes -= partial.bytes;
        }
    }

    /// Takes a part of `length` bytes on the wire.
    pub(super) fn add(
        &mut self,
        xid: Xid,
        reply: MultipartReply,
        length: usize,
        limits: PartLimits,
    ) -> PartOutcome {
        let Some(partial) = self.waiting.get_mut(&xid) else {
            return PartOutcome::Unasked;
        };
        let more = reply.flags & MULTIPART_MORE != 0;
        if partial.body.is_none()
            && let MultipartReplyBody::Flow(flows) = reply.body
        {
            partial.flows = true;
            if !more {
                self.forget(xid);
            }
            return PartOutcome::Flows(flows, more);
        }
        if partial.flows {
            self.forget(xid);
            return PartOutcome::Mixed;
        }
        let mut part = reply.body;
        if let MultipartReplyBody::PortDesc(ports) = &mut part {
            let before = match &partial.body {
                Some(MultipartReplyBody::PortDesc(before)) => before.len(),
                _ => 0,
            };
            if before.saturating_add(ports.len()) > limits.ports {
                return PartOutcome::TooManyPorts;
            }
            share_names(ports);
        }
        let size = footprint(&part, length);
        if self.bytes + size > limits.bytes {
            return PartOutcome::TooLarge;
        }
        partial.bytes += size;
        self.bytes += size;
        partial.body = match partial.body.take() {
            None => Some(part),
            Some(body) => join(body, part),
        };
        if partial.body.is_none() {
            self.forget(xid);
            return PartOutcome::Mixed;
        }
        if more {
            return PartOutcome::Kept;
        }
        let body = partial.body.take();
        self.forget(xid);
        body.map_or(PartOutcome::Mixed, PartOutcome::Complete)
    }
}

/// Copies the names of a part's ports into a buffer of their own, so that they do not keep the
/// message in memory.
fn share_names(ports: &mut [Port]) {
    let mut names = BytesMut::with_capacity(ports.iter().map(|port| port.name.len()).sum());
    for port in &*ports {
        names.extend_from_slice(&port.name);
    }
    let mut names: Bytes = names.freeze();
    for port in ports {
        port.name = names.split_to(port.name.len());
    }
}

/// Returns an estimate of the memory of a part that has `length` bytes on the wire. Data behind
/// pointers counts with its length on the wire.
fn footprint(part: &MultipartReplyBody, length: usize) -> usize {
    use MultipartReplyBody as B;
    match part {
        B::PortDesc(ports) => size_of_val(&**ports) + ports.iter().map(|port| port.name.len()).sum::<usize>(),
        B::Table(all) => length + size_of_val(&**all),
        B::PortStats(all) => length + size_of_val(&**all),
        B::Queue(all) => length + size_of_val(&**all),
        B::Group(all) => length + size_of_val(&**all),
        B::GroupDesc(all) => length + size_of_val(&**all),
        B::Meter(all) => length + size_of_val(&**all),
        B::MeterConfig(all) => length + size_of_val(&**all),
        B::TableFeatures(all) => length + size_of_val(&**all),
        B::Monitor(all) => length + size_of_val(&**all),
        _ => length,
    }
}

/// Appends a part to those before it. Returns `None` if their kinds differ.
fn join(mut body: MultipartReplyBody, part: MultipartReplyBody) -> Option<MultipartReplyBody> {
    use MultipartReplyBody as B;
    match (&mut body, part) {
        (B::Table(all), B::Table(part)) => all.extend(part),
        (B::PortStats(all), B::PortStats(part)) => all.extend(part),
        (B::Queue(all), B::Queue(part)) => all.extend(part),
        (B::Group(all), B::Group(part)) => all.extend(part),
        (B::GroupDesc(all), B::GroupDesc(part)) => all.extend(part),
        (B::Meter(all), B::Meter(part)) => all.extend(part),
        (B::MeterConfig(all), B::MeterConfig(part)) => all.extend(part),
        (B::TableFeatures(all), B::TableFeatures(part)) => all.extend(part),
        (B::IpfixFlow(all), B::IpfixFlow(part)) => all.extend(part),
        (B::PortDesc(all), B::PortDesc(part)) => {
            // A buffer that grows by doubling could stay half empty.
            if all.capacity() - all.len() < part.len() {
                all.reserve_exact(part.len().max(all.len() / 4));
            }
            all.extend(part);
        }
        (B::Monitor(all), B::Monitor(part)) => all.extend(part),
        (B::Unknown { kind: a, body: all }, B::Unknown { kind: b, body: part }) if *a == b => {
            *all = [all.as_ref(), part.as_ref()].concat().into();
        }
        _ => return None,
    }
    Some(body)
}
