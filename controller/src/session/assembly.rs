//! Multipart replies put together from their parts (OpenFlow 1.3.5 §7.3.5).

use std::collections::BTreeMap;

use ofproto::Xid;
use ofproto::message::multipart::{MULTIPART_MORE, MultipartReply, MultipartReplyBody};

/// Replies under way, by the request that they answer. Only what was asked for is kept.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    waiting: BTreeMap<Xid, Partial>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Partial {
    body: Option<MultipartReplyBody>,
    bytes: usize,
}

/// What became of a part.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    /// More will follow.
    Kept,
    /// That was the last one.
    Complete(MultipartReplyBody),
    /// Nobody asked for it.
    Unasked,
    /// Its kind is not that of the parts before it.
    Mixed,
    /// It is too much.
    TooLarge,
}

impl Assembly {
    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
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

    /// Takes a part of `size` bytes on the wire.
    pub(super) fn add(&mut self, xid: Xid, reply: MultipartReply, size: usize, limit: usize) -> Part {
        let Some(partial) = self.waiting.get_mut(&xid) else {
            return Part::Unasked;
        };
        if self.bytes + size > limit {
            return Part::TooLarge;
        }
        partial.bytes += size;
        self.bytes += size;
        partial.body = match partial.body.take() {
            None => Some(reply.body),
            Some(body) => join(body, reply.body),
        };
        if partial.body.is_none() {
            self.forget(xid);
            return Part::Mixed;
        }
        if reply.flags & MULTIPART_MORE != 0 {
            return Part::Kept;
        }
        let body = partial.body.take();
        self.forget(xid);
        body.map_or(Part::Mixed, Part::Complete)
    }
}

/// Appends a part to those before it; none when they do not go together.
fn join(mut body: MultipartReplyBody, part: MultipartReplyBody) -> Option<MultipartReplyBody> {
    use MultipartReplyBody as B;
    match (&mut body, part) {
        (B::Flow(all), B::Flow(part)) => all.extend(part),
        (B::Table(all), B::Table(part)) => all.extend(part),
        (B::PortStats(all), B::PortStats(part)) => all.extend(part),
        (B::Queue(all), B::Queue(part)) => all.extend(part),
        (B::Group(all), B::Group(part)) => all.extend(part),
        (B::GroupDesc(all), B::GroupDesc(part)) => all.extend(part),
        (B::Meter(all), B::Meter(part)) => all.extend(part),
        (B::MeterConfig(all), B::MeterConfig(part)) => all.extend(part),
        (B::TableFeatures(all), B::TableFeatures(part)) => all.extend(part),
        (B::IpfixFlow(all), B::IpfixFlow(part)) => all.extend(part),
        (B::PortDesc(all), B::PortDesc(part)) => all.extend(part),
        (B::Monitor(all), B::Monitor(part)) => all.extend(part),
        (B::Unknown { kind: a, body: all }, B::Unknown { kind: b, body: part }) if *a == b => {
            *all = [all.as_ref(), part.as_ref()].concat().into();
        }
        _ => return None,
    }
    Some(body)
}
