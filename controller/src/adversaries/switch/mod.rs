//! Simulates a switch: OpenFlow bytes go in and come out, its flows can be inspected, and time is
//! an argument.
//!
//! It keeps flows, groups, meters, bundles and flow monitors as Open vSwitch does over OpenFlow
//! 1.3, as far as this controller uses them. It serves several connections at once. It refuses
//! features that it lacks ([`Abilities`]), so that tests reach each of the controller's fallbacks.

mod agent;
mod monitor;
mod table;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flows::Flow;
use ofproto::message::multipart::GroupDesc;
use ofproto::message::{FlowMod, FlowRemoved, Hello, Message, Port, PortStatus, PortStatusReason};
use ofproto::{DatapathId, Framer, GroupId, MeterId, PortNo, Xid};

use self::monitor::Monitors;
pub(crate) use self::monitor::update;
pub(crate) use self::table::{Change, FlowTable, Removal};

/// Open vSwitch's default `inactivity_probe`.
const PROBE: Duration = Duration::from_secs(5);
/// Time for which a bundle is kept after its last message.
const BUNDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The features of a switch beyond plain OpenFlow 1.3.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abilities {
    pub(crate) name: &'static str,
    /// ONF EXT-230.
    pub(crate) bundles: bool,
    /// ONF's flow monitor.
    pub(crate) monitor: bool,
    /// OFPT_METER_MOD.
    pub(crate) meters: bool,
    /// Number of flows in one part of a reply.
    pub(crate) part: usize,
}

impl Abilities {
    /// Returns the features of Open vSwitch.
    pub(crate) const OPEN_VSWITCH: Self =
        Self { name: "Open vSwitch", bundles: true, monitor: true, meters: true, part: 6 };
    /// Returns the features of a switch without bundles.
    pub(crate) const WITHOUT_BUNDLES: Self =
        Self { name: "a switch without bundles", bundles: false, ..Self::OPEN_VSWITCH };
    /// Returns the features of an OpenFlow 1.3 switch without extensions.
    pub(crate) const PLAIN: Self =
        Self { name: "a plain switch", bundles: false, monitor: false, meters: false, part: 1_000 };
}

/// The identifier of a switch's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u32);

/// A simulated switch.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) datapath: DatapathId,
    pub(crate) table: FlowTable,
    ports: BTreeMap<PortNo, Bytes>,
    groups: BTreeMap<GroupId, GroupDesc>,
    meters: Vec<MeterId>,
    abilities: Abilities,
    connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u32,
}

/// The switch's end of a connection.
#[derive(Debug)]
struct Connection {
    framer: Framer,
    /// Whole messages to send.
    out: Vec<Bytes>,
    bundles: BTreeMap<u32, Bundle>,
    monitors: Monitors,
    heard: Instant,
    probed: Option<Instant>,
    open: bool,
    next_xid: u32,
}

#[derive(Debug)]
struct Bundle {
    flags: u16,
    closed: bool,
    /// With the xid and the beginning of the message that carried it.
    messages: Vec<(Xid, Message, Bytes)>,
    touched: Instant,
}

impl Connection {
    fn send(&mut self, xid: Xid, message: &Message) {
        if self.open {
            self.out.push(message.encode(xid).expect("a switch's message").into());
        }
    }

    /// Sends a message without a request.
    fn tell(&mut self, message: &Message) {
        let xid = Xid(self.next_xid);
        self.next_xid += 1;
        self.send(xid, message);
    }
}

impl Switch {
    /// Returns a switch with that name for its LOCAL port, and with ports of these names, numbered
    /// from 1.
    pub(crate) fn new(
        datapath: u64,
        bridge: &'static str,
        ports: &[&'static str],
        abilities: Abilities,
    ) -> Self {
        let numbered = (1..).zip(ports).map(|(n, name)| (PortNo(n), Bytes::from_static(name.as_bytes())));
        let local = (PortNo::LOCAL, Bytes::from_static(bridge.as_bytes()));
        Self {
            datapath: DatapathId(datapath),
            table: FlowTable::default(),
            ports: numbered.chain([local]).collect(),
            groups: BTreeMap::new(),
            meters: Vec::new(),
            abilities,
            connections: BTreeMap::new(),
            next_connection: 0,
        }
    }

    /// Opens a connection, with a HELLO pending.
    pub(crate) fn connect(&mut self, now: Instant) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let mut connection = Connection {
            framer: Framer::new(),
            out: Vec::new(),
            bundles: BTreeMap::new(),
            monitors: Monitors::default(),
            heard: now,
            probed: None,
            open: true,
            next_xid: 1 << 24,
        };
        connection.tell(&Message::Hello(Hello::ours()));
        self.connections.insert(id, connection);
        id
    }

    /// Ends a connection, with its bundles and monitors.
    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
    }

    /// Returns whether the switch still holds a connection.
    pub(crate) fn is_open(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.open)
    }

    /// Takes bytes from the controller.
    pub(crate) fn receive(&mut self, now: Instant, id: ConnectionId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(connection) = self.connections.get_mut(&id).filter(|c| c.open) else { return };
            let taken = connection.framer.feed(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
            loop {
                let Some(connection) = self.connections.get_mut(&id).filter(|c| c.open) else { return };
                match connection.framer.next_frame() {
                    Ok(Some(frame)) => {
                        connection.heard = now;
                        connection.probed = None;
                        self.frame(now, id, &frame);
                    }
                    Ok(None) => break,
                    Err(_) => {
                        connection.open = false;
                        return;
                    }
                }
            }
        }
    }

    /// Returns the pending messages for the controller, one by one.
    pub(crate) fn transmit(&mut self, id: ConnectionId) -> Vec<Bytes> {
        self.connections
            .get_mut(&id)
            .map(|connection| std::mem::take(&mut connection.out))
            .unwrap_or_default()
    }

    /// Returns the time at which [`Switch::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let open = self.connections.values().filter(|connection| connection.open);
        let probes = open.clone().map(|c| c.probed.unwrap_or(c.heard) + PROBE);
        let bundles = open.flat_map(|c| c.bundles.values().map(|b| b.touched + BUNDLE_TIMEOUT));
        probes.chain(bundles).chain(self.table.next_end()).min()
    }

    /// Expires flows and bundles, and sends echo requests to controllers.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let changes = self.table.expire(now);
        self.report(changes, None);
        for connection in self.connections.values_mut().filter(|connection| connection.open) {
            connection.bundles.retain(|_, bundle| bundle.touched + BUNDLE_TIMEOUT > now);
            match connection.probed {
                Some(at) if at + PROBE <= now => connection.open = false,
                None if connection.heard + PROBE <= now => {
                    connection.probed = Some(now);
                    connection.tell(&Message::EchoRequest(Bytes::from_static(b"alive?")));
                }
                _ => {}
            }
        }
    }

    /// Changes flows as a foreign hand does, for instance with `ovs-ofctl`.
    pub(crate) fn foreign(&mut self, now: Instant, change: &FlowMod) {
        let changes = self.table.apply(now, change).expect("a change that makes sense");
        self.report(changes, None);
    }

    /// Adds a group as a foreign hand does.
    pub(crate) fn foreign_group(&mut self, group: GroupDesc) {
        self.groups.insert(group.group_id, group);
    }

    /// Writes flows as one of its `learn` actions does.
    pub(crate) fn learn(&mut self, now: Instant, learned: Vec<Flow>) {
        for flow in learned {
            let changes = self.table.learn(now, flow);
            self.report(changes, None);
        }
    }

    /// Restarts, as after a crash: without flows, groups and connections.
    pub(crate) fn reboot(&mut self) {
        self.table = FlowTable::default();
        self.groups.clear();
        self.meters.clear();
        self.connections.clear();
    }

    /// Returns the groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.groups.keys().copied()
    }

    /// Returns its ports, with their names.
    pub(crate) fn ports(&self) -> &BTreeMap<PortNo, Bytes> {
        &self.ports
    }

    /// Adds a port, or renames one.
    pub(crate) fn put_port(&mut self, number: PortNo, name: &'static str) {
        let name = Bytes::from_static(name.as_bytes());
        let reason = match self.ports.insert(number, name.clone()) {
            Some(_) => PortStatusReason::Modify,
            None => PortStatusReason::Add,
        };
        self.tell_port(reason, Port::named(number, name));
    }

    /// Removes a port.
    pub(crate) fn remove_port(&mut self, number: PortNo) {
        if let Some(name) = self.ports.remove(&number) {
            self.tell_port(PortStatusReason::Delete, Port::named(number, name));
        }
    }

    /// Holds back or sends again the updates of all flow monitors (OpenFlow 1.4.1 §7.4.5.1).
    pub(crate) fn pause(&mut self, paused: bool) {
        for connection in self.connections.values_mut().filter(|c| c.open && !c.monitors.is_empty()) {
            match (paused, connection.monitors.is_paused()) {
                (true, false) => {
                    connection.monitors.pause();
                    connection.tell(&Message::MonitorPaused);
                }
                (false, true) => {
                    let missed = connection.monitors.resume();
                    connection.tell(&Message::MonitorResumed);
                    missed.iter().for_each(|update| connection.send(Xid(0), update));
                }
                _ => {}
            }
        }
    }

    /// Sends an unrequested message to all controllers.
    pub(crate) fn tell(&mut self, message: &Message) {
        self.connections.values_mut().for_each(|connection| connection.tell(message));
    }

    fn tell_port(&mut self, reason: PortStatusReason, port: Port) {
        self.tell(&Message::PortStatus(PortStatus { reason, port }));
    }

    /// Reports changes to monitors, and to controllers that want FLOW_REMOVED. `by` made them, with
    /// that xid.
    fn report(&mut self, changes: Vec<Change>, by: Option<(ConnectionId, Xid)>) {
        if changes.is_empty() {
            return;
        }
        for (id, connection) in &mut self.connections {
            let own = by.filter(|(by, _)| by == id).map(|(_, xid)| xid);
            for update in connection.monitors.updates(&changes, own) {
                connection.send(Xid(0), &update);
            }
            for change in &changes {
                if let Change::Removed(flow, reason, age) = change
                    && flow.flags & ofproto::message::FLOW_SEND_FLOW_REM != 0
                {
                    connection.tell(&Message::FlowRemoved(flow_removed(flow, *reason, *age)));
                }
            }
        }
    }
}

/// Reports that a flow ended.
pub(crate) fn flow_removed(flow: &Flow, reason: Removal, age: Duration) -> FlowRemoved {
    FlowRemoved {
        cookie: flow.cookie,
        priority: flow.priority,
        reason: match reason {
            Removal::Idle => 0,
            Removal::Hard => 1,
            Removal::Delete => 2,
            Removal::Group => 3,
        },
        table_id: flow.table,
        duration_sec: u32::try_from(age.as_secs()).unwrap_or(u32::MAX),
        duration_nsec: age.subsec_nanos(),
        idle_timeout: flow.idle_timeout,
        hard_timeout: flow.hard_timeout,
        packet_count: 0,
        byte_count: 0,
        fields: flow.matches.to_wire(),
    }
}
