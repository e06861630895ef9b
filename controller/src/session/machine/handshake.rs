//! The handshake of a session: version, features, description and ports.

use bytes::Bytes;
use ofproto::message::multipart::{MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{ErrorMsg, FeaturesReply, Hello, Message, SwitchConfig};
use ofproto::{Header, Xid};

use super::{MULTIPART_REPLY, Session, State};
use crate::session::error_names::{HELLO_FAILED, INCOMPATIBLE};
use crate::session::{CloseReason, Connected, Event};

/// Open vSwitch's way to treat fragments: the first is matched by its ports, and later ones have none (ovs-ofctl(8),
/// set-frags, `nx-match`). OFPC_FRAG_NORMAL hides them of the first, too. A switch that does not know it says so and stays
/// as it is.
const FRAG_NX_MATCH: u16 = 3;

impl Session {
    /// Agrees on the version (OpenFlow 1.3.5 §6.3.1): the bitmaps decide where both have one, else the lower of
    /// the two headers' versions.
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
            // First fragments with their ports, or no answer of several fragments would find its return flow; the rest
            // of a packet sent on a miss as Open vSwitch has it by default.
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
                // Both were asked for in this order and are answered in it.
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

    /// Whether the handshake cannot go on without an answer to that request.
    pub(super) fn needs(&self, xid: Xid) -> bool {
        match &self.state {
            // Nothing but our HELLO was sent before.
            State::Features { xid: asked } => xid != Xid(0) && xid <= *asked,
            State::Describing { desc_xid, ports_xid, .. } => xid == *desc_xid || xid == *ports_xid,
            State::Hello | State::Ready | State::Closed => false,
        }
    }

    /// What the handshake waits for.
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

    /// Leaves out a message that says nothing to the handshake; after too many of them the session ends.
    pub(super) fn untimely(&mut self, header: &Header) {
        self.stats.bad += 1;
        if self.stats.bad > u64::from(self.config.max_bad_messages) {
            let what = format!("type {} during the handshake", header.kind);
            self.close(CloseReason::TooManyBad(what));
        }
    }
}
