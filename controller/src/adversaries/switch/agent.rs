//! Handles each message as a switch does.

use std::time::Instant;

use bytes::Bytes;
use ofproto::message::monitor::MonitorRequest;
use ofproto::message::multipart::{
    Desc, GroupDesc, MULTIPART_MORE, MultipartReply, MultipartReplyBody as Reply, MultipartRequest,
    MultipartRequestBody as Ask,
};
use ofproto::message::{
    BUNDLE_ATOMIC, BundleAdd, BundleControl, BundleControlKind as Kind, ErrorMsg, FlowMod, GroupMod,
    GroupModCommand, MeterMod, MeterModCommand, ONF, Port, SwitchConfig,
};
use ofproto::testing::switch::features;
use ofproto::{DecodeError, ErrorCode, GroupId, Message, Xid};

use super::table::Change;
use super::{Bundle, ConnectionId, Switch};

/// OFPBRC_BAD_MULTIPART.
const BAD_MULTIPART: ErrorCode = standard(1, 2);
/// OFPGMFC_GROUP_EXISTS and OFPGMFC_UNKNOWN_GROUP.
const GROUP_EXISTS: ErrorCode = standard(6, 0);
const UNKNOWN_GROUP: ErrorCode = standard(6, 8);
/// OFPMMFC_METER_EXISTS and OFPMMFC_UNKNOWN_METER.
const METER_EXISTS: ErrorCode = standard(12, 1);
const UNKNOWN_METER: ErrorCode = standard(12, 7);
/// Errors of ONF EXT-230, by type.
const BAD_ID: ErrorCode = bundle(2302);
const BUNDLE_EXIST: ErrorCode = bundle(2303);
const BUNDLE_CLOSED: ErrorCode = bundle(2304);
const BAD_TYPE: ErrorCode = bundle(2306);
const BAD_FLAGS: ErrorCode = bundle(2307);
const MSG_BAD_XID: ErrorCode = bundle(2309);
const MSG_UNSUP: ErrorCode = bundle(2310);
const MSG_FAILED: ErrorCode = bundle(2313);

const fn standard(kind: u16, code: u16) -> ErrorCode {
    ErrorCode { kind, code, experimenter: None }
}

const fn bundle(code: u16) -> ErrorCode {
    ErrorCode { kind: 0xffff, code, experimenter: Some(ONF) }
}

impl Switch {
    /// Handles one whole message.
    pub(super) fn frame(&mut self, now: Instant, id: ConnectionId, frame: &Bytes) {
        match Message::decode_shared(frame) {
            Ok((xid, message)) => {
                if let Err(code) = self.message(now, id, xid, message, frame) {
                    self.refuse(id, xid, code, frame);
                }
            }
            Err(error) => self.malformed(id, &error, frame),
        }
    }

    fn malformed(&mut self, id: ConnectionId, error: &DecodeError, frame: &[u8]) {
        let xid = frame.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        // An error gets no error in reply.
        if frame.get(1) != Some(&1) {
            self.send(id, Xid(xid), &Message::Error(ErrorMsg::reply_to(error, frame)));
        }
    }

    fn message(
        &mut self,
        now: Instant,
        id: ConnectionId,
        xid: Xid,
        message: Message,
        frame: &Bytes,
    ) -> Result<(), ErrorCode> {
        match message {
            Message::Hello(hello) => {
                if !hello.speaks_ours() {
                    self.close(id);
                }
            }
            Message::EchoRequest(payload) => self.send(id, xid, &Message::EchoReply(payload)),
            Message::FeaturesRequest => {
                self.send(id, xid, &Message::FeaturesReply(features(self.datapath)));
            }
            Message::GetConfigRequest => {
                let config = SwitchConfig { flags: 0, miss_send_len: 128 };
                self.send(id, xid, &Message::GetConfigReply(config));
            }
            Message::BarrierRequest => self.send(id, xid, &Message::BarrierReply),
            Message::RoleRequest(role) => self.send(id, xid, &Message::RoleReply(role)),
            Message::FlowMod(change) => self.flow_mod(now, id, xid, &change)?,
            Message::GroupMod(change) => self.group_mod(now, id, xid, &change)?,
            Message::MeterMod(change) => self.meter_mod(&change)?,
            Message::MultipartRequest(request) => self.multipart(now, id, xid, &request)?,
            Message::BundleControl(control) if self.abilities.bundles => {
                self.bundle_control(now, id, xid, &control, frame)?;
            }
            Message::BundleAdd(add) if self.abilities.bundles => self.bundle_add(now, id, xid, add, frame)?,
            Message::MonitorCancel(cancel) if self.abilities.monitor => {
                let connection = self.connections.get_mut(&id);
                if !connection.is_some_and(|connection| connection.monitors.cancel(cancel.id)) {
                    return Err(ErrorCode::BAD_EXPERIMENTER);
                }
            }
            // These have no reply, and change nothing here.
            Message::EchoReply(_)
            | Message::Error(_)
            | Message::SetConfig(_)
            | Message::SetAsync(_)
            | Message::PacketOut(_)
            | Message::PortMod(_)
            | Message::TableMod(_)
            | Message::CtFlush(_)
            | Message::CtFlushZone(_) => {}
            Message::BundleControl(_) | Message::BundleAdd(_) | Message::MonitorCancel(_) => {
                return Err(ErrorCode::BAD_EXPERIMENTER);
            }
            Message::Experimenter(_) => return Err(ErrorCode::BAD_EXPERIMENTER),
            _ => return Err(ErrorCode::BAD_TYPE),
        }
        Ok(())
    }

    fn send(&mut self, id: ConnectionId, xid: Xid, message: &Message) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.send(xid, message);
        }
    }

    fn close(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.open = false;
        }
    }

    fn refuse(&mut self, id: ConnectionId, xid: Xid, code: ErrorCode, frame: &[u8]) {
        self.send(id, xid, &Message::Error(ErrorMsg::with_code(code, frame)));
    }

    fn flow_mod(
        &mut self,
        now: Instant,
        id: ConnectionId,
        xid: Xid,
        change: &FlowMod,
    ) -> Result<(), ErrorCode> {
        let changes = self.table.apply(now, change)?;
        self.report(changes, Some((id, xid)));
        Ok(())
    }

    fn group_mod(
        &mut self,
        now: Instant,
        id: ConnectionId,
        xid: Xid,
        change: &GroupMod,
    ) -> Result<(), ErrorCode> {
        let changes = self.change_group(now, change)?;
        self.report(changes, Some((id, xid)));
        Ok(())
    }

    fn change_group(&mut self, now: Instant, change: &GroupMod) -> Result<Vec<Change>, ErrorCode> {
        let GroupMod { command, kind, group_id, buckets } = change.clone();
        let there = self.groups.contains_key(&group_id);
        match command {
            GroupModCommand::Add if there => return Err(GROUP_EXISTS),
            GroupModCommand::Modify if !there => return Err(UNKNOWN_GROUP),
            GroupModCommand::Add | GroupModCommand::Modify => {
                self.groups.insert(group_id, GroupDesc { kind, group_id, buckets });
            }
            GroupModCommand::Delete => {
                let gone: Vec<GroupId> = self
                    .groups
                    .keys()
                    .copied()
                    .filter(|g| group_id == GroupId::ALL || *g == group_id)
                    .collect();
                self.groups.retain(|g, _| !gone.contains(g));
                return Ok(gone.into_iter().flat_map(|group| self.table.group_gone(now, group)).collect());
            }
            GroupModCommand::Unknown(_) => return Err(standard(6, 9)),
        }
        Ok(Vec::new())
    }

    fn meter_mod(&mut self, change: &MeterMod) -> Result<(), ErrorCode> {
        let there = self.meters.contains(&change.meter_id);
        match change.command {
            _ if !self.abilities.meters => return Err(ErrorCode::BAD_TYPE),
            MeterModCommand::Add if there => return Err(METER_EXISTS),
            MeterModCommand::Add => self.meters.push(change.meter_id),
            MeterModCommand::Modify if !there => return Err(UNKNOWN_METER),
            MeterModCommand::Modify => {}
            MeterModCommand::Delete => self.meters.retain(|meter| *meter != change.meter_id),
            MeterModCommand::Unknown(_) => return Err(standard(12, 5)),
        }
        Ok(())
    }

    fn multipart(
        &mut self,
        now: Instant,
        id: ConnectionId,
        xid: Xid,
        request: &MultipartRequest,
    ) -> Result<(), ErrorCode> {
        let body = match &request.body {
            Ask::Desc => Reply::Desc(Desc { sw_desc: Bytes::from_static(b"simulated"), ..Desc::default() }),
            Ask::PortDesc => {
                Reply::PortDesc(self.ports.iter().map(|(no, name)| Port::named(*no, name.clone())).collect())
            }
            Ask::GroupDesc => Reply::GroupDesc(self.groups.values().cloned().collect()),
            Ask::Flow(asked) => {
                let stats = self.table.stats(now, asked);
                let mut parts = stats.chunks(self.abilities.part).peekable();
                while let Some(part) = parts.next() {
                    if parts.peek().is_none() {
                        break;
                    }
                    let body = Reply::Flow(part.to_vec());
                    self.send(
                        id,
                        xid,
                        &Message::MultipartReply(MultipartReply { flags: MULTIPART_MORE, body }),
                    );
                }
                let last = stats.chunks(self.abilities.part).last().unwrap_or_default();
                Reply::Flow(last.to_vec())
            }
            Ask::Monitor(requests) if self.abilities.monitor => self.subscribe(id, requests),
            Ask::Monitor(_) | Ask::Experimenter(_) => return Err(ErrorCode::BAD_EXPERIMENTER),
            _ => return Err(BAD_MULTIPART),
        };
        self.send(id, xid, &Message::MultipartReply(MultipartReply { flags: 0, body }));
        Ok(())
    }

    fn subscribe(&mut self, id: ConnectionId, requests: &[MonitorRequest]) -> Reply {
        let Some(connection) = self.connections.get_mut(&id) else { return Reply::Monitor(Vec::new()) };
        let subscribed =
            requests.iter().flat_map(|request| connection.monitors.subscribe(request, &self.table));
        Reply::Monitor(subscribed.collect())
    }

    fn bundle_control(
        &mut self,
        now: Instant,
        id: ConnectionId,
        xid: Xid,
        control: &BundleControl,
        frame: &Bytes,
    ) -> Result<(), ErrorCode> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let BundleControl { bundle_id, flags, .. } = *control;
        let done = match control.kind {
            Kind::OpenRequest => {
                if connection.bundles.contains_key(&bundle_id) {
                    connection.bundles.remove(&bundle_id);
                    return Err(BUNDLE_EXIST);
                }
                if flags & !3 != 0 {
                    return Err(BAD_FLAGS);
                }
                let bundle = Bundle { flags, closed: false, messages: Vec::new(), touched: now };
                connection.bundles.insert(bundle_id, bundle);
                Kind::OpenReply
            }
            Kind::CloseRequest => {
                let bundle = connection.bundles.get_mut(&bundle_id).ok_or(BAD_ID)?;
                if std::mem::replace(&mut bundle.closed, true) {
                    connection.bundles.remove(&bundle_id);
                    return Err(BUNDLE_CLOSED);
                }
                bundle.touched = now;
                Kind::CloseReply
            }
            Kind::DiscardRequest => {
                connection.bundles.remove(&bundle_id).ok_or(BAD_ID)?;
                Kind::DiscardReply
            }
            Kind::CommitRequest => {
                let bundle = connection.bundles.remove(&bundle_id).ok_or(BAD_ID)?;
                if bundle.flags != flags {
                    return Err(BAD_FLAGS);
                }
                self.commit(now, id, bundle, frame)?;
                Kind::CommitReply
            }
            _ => return Err(BAD_TYPE),
        };
        self.send(id, xid, &Message::BundleControl(BundleControl::new(bundle_id, done, flags)));
        Ok(())
    }

    fn bundle_add(
        &mut self,
        now: Instant,
        id: ConnectionId,
        xid: Xid,
        add: BundleAdd,
        frame: &Bytes,
    ) -> Result<(), ErrorCode> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let (inner, message) = Message::decode(&add.message).map_err(|error| error.wire_code())?;
        if inner != xid {
            return Err(MSG_BAD_XID);
        }
        if !matches!(
            message,
            Message::FlowMod(_) | Message::GroupMod(_) | Message::PortMod(_) | Message::PacketOut(_)
        ) {
            return Err(MSG_UNSUP);
        }
        // The first message of a bundle opens it implicitly (ONF EXT-230 §4.3).
        let bundle = connection.bundles.entry(add.bundle_id).or_insert_with(|| Bundle {
            flags: add.flags,
            closed: false,
            messages: Vec::new(),
            touched: now,
        });
        let wrong = match bundle {
            Bundle { closed: true, .. } => Some(BUNDLE_CLOSED),
            Bundle { flags, .. } if *flags != add.flags => Some(BAD_FLAGS),
            _ => None,
        };
        if let Some(wrong) = wrong {
            connection.bundles.remove(&add.bundle_id);
            return Err(wrong);
        }
        bundle.touched = now;
        bundle.messages.push((xid, message, frame.slice(..frame.len().min(64))));
        Ok(())
    }

    /// Commits a bundle. If a message fails, nothing is changed, and two errors follow: for the
    /// message and for the commit.
    fn commit(
        &mut self,
        now: Instant,
        id: ConnectionId,
        bundle: Bundle,
        _frame: &Bytes,
    ) -> Result<(), ErrorCode> {
        let before = (bundle.flags & BUNDLE_ATOMIC != 0).then(|| (self.table.clone(), self.groups.clone()));
        let mut made = Vec::new();
        for (xid, message, quoted) in bundle.messages {
            let outcome = match &message {
                Message::FlowMod(change) => self.table.apply(now, change),
                Message::GroupMod(change) => self.change_group(now, change),
                _ => Ok(Vec::new()),
            };
            match outcome {
                Ok(changes) => made.push((changes, xid)),
                Err(code) => {
                    self.refuse(id, xid, code, &quoted);
                    if let Some((table, groups)) = before {
                        (self.table, self.groups) = (table, groups);
                    }
                    return Err(MSG_FAILED);
                }
            }
        }
        for (changes, xid) in made {
            self.report(changes, Some((id, xid)));
        }
        Ok(())
    }
}
