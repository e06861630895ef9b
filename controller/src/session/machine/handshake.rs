//! Runs the handshake of a session: version, features, description and ports.

use bytes::Bytes;
use ofproto::message::multipart::{MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{ErrorMsg, FeaturesReply, Hello, Message, SwitchConfig};
use ofproto::{Header, MessageType, Xid};

use super::{Description, Session, State};
use crate::session::error_names::{HELLO_FAILED, INCOMPATIBLE};
use crate::session::{CloseReason, Connected, Event};

/// Flag that makes Open vSwitch match a first fragment by its ports, and later fragments without
/// any (`nx-match` of set-frags, ovs-ofctl(8)). OFPC_FRAG_NORMAL hides the ports of the first one
/// too. A switch that does not know the flag answers with an error, and changes nothing.
const FRAG_NX_MATCH: u16 = 3;

impl Session {
    /// Agrees on the version (OpenFlow 1.3.5 §6.3.1). The bitmaps decide if both sides send one,
    /// else the lower version of the two headers.
    pub(super) fn hello(&mut self, xid: Xid, hello: &Hello) {
        if hello.speaks_ours() {
            return self.describe();
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

    /// Sends all requests that describe the switch at once, so that the handshake takes one round
    /// trip after HELLO.
    fn describe(&mut self) {
        let features_xid = self.request(&Message::FeaturesRequest).unwrap_or_default();
        if self.config.set_config {
            // Without ports in first fragments, no fragmented answer would find its return flow.
            // For packets sent on a miss, 128 bytes are Open vSwitch's own default.
            self.request(&Message::SetConfig(SwitchConfig { flags: FRAG_NX_MATCH, miss_send_len: 128 }));
        }
        let desc_xid = self.ask(MultipartRequestBody::Desc);
        let ports_xid = self.ask(MultipartRequestBody::PortDesc);
        if !self.is_closed() {
            self.state = State::Describing(Box::new(Description {
                features_xid,
                desc_xid,
                ports_xid,
                features: None,
                desc: None,
                ports: None,
            }));
        }
    }

    pub(super) fn features(&mut self, features: FeaturesReply) {
        if features.auxiliary_id != 0 {
            return self.close(CloseReason::Auxiliary(features.auxiliary_id));
        }
        if let State::Describing(description) = &mut self.state {
            description.features = Some(features);
            self.connect_if_described();
        }
    }

    pub(super) fn replied(&mut self, xid: Xid, body: MultipartReplyBody) {
        let State::Describing(description) = &mut self.state else {
            return self.events.push_back(Event::Replied(xid, body));
        };
        match body {
            MultipartReplyBody::Desc(desc) if xid == description.desc_xid => description.desc = Some(desc),
            MultipartReplyBody::PortDesc(ports) if xid == description.ports_xid => {
                description.ports = Some(ports);
                self.connect_if_described();
            }
            _ => {
                let waiting = self.waiting();
                self.close(CloseReason::Unexpected { kind: MessageType::MULTIPART_REPLY, waiting });
            }
        }
    }

    /// Completes the handshake once features and ports are known. A switch answers in the order of
    /// the requests, so a description that did not arrive before the ports is left empty.
    fn connect_if_described(&mut self) {
        let State::Describing(description) = &mut self.state else { return };
        let (Some(features), Some(ports)) = (&description.features, &mut description.ports) else { return };
        let connected = Connected {
            features: features.clone(),
            ports: std::mem::take(ports),
            desc: description.desc.take().unwrap_or_default(),
        };
        self.state = State::Ready;
        self.events.push_back(Event::Connected(Box::new(connected)));
    }

    /// Returns whether the handshake needs an answer to that request.
    pub(super) fn needs(&self, xid: Xid) -> bool {
        let State::Describing(description) = &self.state else { return false };
        let Description { features_xid, desc_xid, ports_xid, features, .. } = &**description;
        // HELLO is the only request before FEATURES_REQUEST. A switch's own messages carry 0.
        let is_early = xid != Xid(0) && xid <= *features_xid;
        is_early && features.is_none() || xid == *desc_xid || xid == *ports_xid
    }

    /// Returns the name of the message that the handshake waits for.
    pub(super) fn waiting(&self) -> &'static str {
        match &self.state {
            State::Hello => "HELLO",
            State::Describing(description) if description.features.is_none() => "FEATURES_REPLY",
            State::Describing(description) if description.desc.is_none() => "the switch's description",
            State::Describing(_) => "the list of ports",
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
