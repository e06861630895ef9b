//! Runs the handshake of a session: version, features, description and ports.

use bytes::Bytes;
use ofproto::message::multipart::{MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{ErrorMsg, FeaturesReply, Hello, Message, SwitchConfig};
use ofproto::{Header, Xid};

use super::{MULTIPART_REPLY, Session, State};
use crate::session::error_names::{HELLO_FAILED, INCOMPATIBLE};
use crate::session::{CloseReason, Connected, Event};

/// Makes Open vSwitch match a first fragment by its ports, and later fragments without any
/// (`nx-match` of set-frags, ovs-ofctl(8)). OFPC_FRAG_NORMAL hides the ports of the first one too.
/// A switch that does not know the flag answers with an error, and changes nothing.
const FRAG_NX_MATCH: u16 = 3;

impl Session {
    /// Agrees on the version (OpenFlow 1.3.5 §6.3.1). The bitmaps decide if both sides send one,
    /// else the lower version of the two headers.
    pub(super) fn hello(&mut self, xid: Xid, hello: &Hello) {
        if hello.speaks_ours() {
            if let Some(xid) = self.request(&Message::FeaturesRequest) {
                self.state = State::Features { xid };
            }
            return;
        }
        let theirs = match hello.bitmap {
            Some(bitmap) => format!("versions {bitmap:#x} (a bitmap)"),
            None => format!("version {:#04x}", hello.version),
        };
        let text = Bytes::from_static(b"OpenFlow 1.3 (version 0x04) is needed");
        let error = ErrorMsg { kind: HELLO_FAILED, code: INCOMPATIBLE, experimenter: None, data: text };
        self.answer(xid, &Message::Error(error));
        self.close(CloseReason::Version(theirs));
    }

    pub(super) fn features(&mut self, features: FeaturesReply) {
        if features.auxiliary_id != 0 {
            return self.close(CloseReason::Auxiliary(features.auxiliary_id));
        }
        if self.config.set_config {
            // Without ports in first fragments, no fragmented answer would find its return flow.
            // For packets sent on a miss, 128 bytes are Open vSwitch's own default.
            self.request(&Message::SetConfig(SwitchConfig { flags: FRAG_NX_MATCH, miss_send_len: 128 }));
        }
        let desc_xid = self.ask(MultipartRequestBody::Desc);
        let ports_xid = self.ask(MultipartRequestBody::PortDesc);
        if !self.is_closed() {
            self.state = State::Describing { features, desc: None, desc_xid, ports_xid };
        }
    }

    pub(super) fn replied(&mut self, xid: Xid, body: MultipartReplyBody) {
        let State::Describing { features, desc, desc_xid, ports_xid } = &mut self.state else {
            return self.events.push_back(Event::Replied(xid, body));
        };
        match body {
            MultipartReplyBody::Desc(d) if xid == *desc_xid => *desc = Some(d),
            MultipartReplyBody::PortDesc(ports) if xid == *ports_xid => {
                // A switch answers both requests in the order in which they were sent.
                let desc = desc.take().unwrap_or_default();
                let connected = Connected { features: features.clone(), ports, desc };
                self.state = State::Ready;
                self.events.push_back(Event::Connected(Box::new(connected)));
            }
            _ => {
                let waiting = self.waiting();
                self.close(CloseReason::Unexpected { kind: MULTIPART_REPLY, waiting });
            }
        }
    }

    /// Returns whether the handshake needs an answer to that request.
    pub(super) fn needs(&self, xid: Xid) -> bool {
        match &self.state {
            // Only HELLO, with xid 0, was sent before.
            State::Features { xid: asked } => xid != Xid(0) && xid <= *asked,
            State::Describing { desc_xid, ports_xid, .. } => xid == *desc_xid || xid == *ports_xid,
            State::Hello | State::Ready | State::Closed => false,
        }
    }

    /// Names the message that the handshake waits for.
    pub(super) fn waiting(&self) -> &'static str {
        match &self.state {
            State::Hello => "HELLO",
            State::Features { .. } => "FEATURES_REPLY",
            State::Describing { desc: None, .. } => "the switch's description",
            State::Describing { .. } => "the list of ports",
            State::Ready => "nothing in particular",
            State::Closed => "nothing",
        }
    }

    /// Ignores a message that does not belong to the handshake. After too many of them the session
    /// ends.
    pub(super) fn untimely(&mut self, header: &Header) {
        self.stats.bad += 1;
        if self.stats.bad > u64::from(self.config.max_bad_messages) {
            let what = format!("type {} during the handshake", header.kind);
            self.close(CloseReason::TooManyBad(what));
        }
    }
}
