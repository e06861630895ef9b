//! Handles the packets of a learning switch.

use ofproto::hot::{FlowStamp, FrameAddresses, Mac, MacStamp, PacketInView, PacketOutStamp, VlanVid};
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::oxm::Field;
use ofproto::{BufferId, Cookie, EncodeError, PortNo, TableId, Xid};

use super::{LearnOutcome, MacTable, NotedEntries, Shares};

/// The settings of a learning switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The flows that it installs, and their marks.
    pub flow: FlowKind,
    /// The limits on the number of addresses.
    pub shares: Shares,
    /// Seconds after which an unseen address is forgotten, at the end of that quarter or of the
    /// next.
    pub age: u32,
}

/// The flows between two addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowKind {
    /// Table of the flows.
    pub table: TableId,
    /// Priority of the flows.
    pub priority: u16,
    /// Cookie of the flows.
    pub cookie: Cookie,
    /// Seconds after which a flow without packets ends.
    pub idle_timeout: u16,
}

/// The counters of packets by their outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacketTally {
    /// PACKET_INs.
    pub packets: u64,
    /// Packets sent out at one port, with a flow for later ones.
    pub forwarded: u64,
    /// Packets sent out at all ports, because the destination is unknown or a group.
    pub flooded: u64,
    /// Packets that were dropped. They had an invalid source, a destination at their ingress port,
    /// no addresses, or were cut off.
    pub dropped: u64,
    /// Learned addresses.
    pub learned: u64,
    /// Addresses that moved to another port.
    pub moved: u64,
    /// Addresses that were not learned, because their port has its largest allowed number.
    pub refused: u64,
}

/// Transaction id of all messages. An answer can only be an error, which contains the message
/// itself.
const XID: Xid = Xid(0);

/// Number of addresses that fit a processor's own memory.
const LARGE: usize = 2_000;

/// A learning switch: its table, and its messages with blanks for the values.
#[derive(Debug)]
pub struct LearningSwitch {
    settings: Settings,
    table: MacTable,
    flow: FlowStamp,
    from_gone: MacStamp,
    to_gone: MacStamp,
    packet_out: PacketOutStamp,
    tally: PacketTally,
}

impl LearningSwitch {
    /// Returns a switch without addresses.
    ///
    /// # Errors
    /// [`EncodeError`] as of [`ofproto::Message::encode`]. These messages have no part that could
    /// be too long.
    pub fn new(settings: Settings) -> Result<Self, EncodeError> {
        let FlowKind { table, priority, cookie, idle_timeout } = settings.flow;
        let flow = FlowMod { table_id: table, priority, cookie, idle_timeout, ..FlowMod::default() };
        let gone = FlowMod {
            command: FlowModCommand::Delete,
            cookie_mask: u64::MAX,
            idle_timeout: 0,
            ..flow.clone()
        };
        Ok(Self {
            settings,
            table: MacTable::new(settings.shares, settings.age),
            flow: FlowStamp::new(&flow, XID)?,
            from_gone: MacStamp::new(&gone, Field::EthSrc, XID)?,
            to_gone: MacStamp::new(&gone, Field::EthDst, XID)?,
            packet_out: PacketOutStamp::new(XID)?,
            tally: PacketTally::default(),
        })
    }

    /// Returns the switch with other settings and all its addresses.
    ///
    /// # Errors
    /// As [`LearningSwitch::new`].
    pub fn with(mut self, settings: Settings) -> Result<Self, EncodeError> {
        if settings == self.settings {
            return Ok(self);
        }
        self.table.bound(settings.shares, settings.age);
        Ok(Self { table: self.table, tally: self.tally, ..Self::new(settings)? })
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns whether the table is so large that its memory is slow, and [`LearningSwitch::note`]
    /// is worth while.
    pub fn is_large(&self) -> bool {
        self.table.len() > LARGE
    }

    /// Notes the addresses of a PACKET_IN that is decided about soon. When enough are noted, it
    /// loads their entries together.
    #[inline]
    pub fn note(&self, frame: &[u8], noted: &mut NotedEntries) {
        let data = PacketInView::parse(frame).map_or(&[][..], |packet| packet.data);
        if let Some(FrameAddresses { dst, src, vlan }) = FrameAddresses::parse(data) {
            self.table.note(dst, vlan.number(), noted);
            self.table.note(src, vlan.number(), noted);
        }
    }

    /// Loads the entries that were noted since the last time.
    #[inline]
    pub fn load(&self, noted: &mut NotedEntries) {
        self.table.load(noted);
    }

    /// Decides about one whole PACKET_IN, and appends the messages to send. `now` are seconds of a
    /// clock that does not go back.
    ///
    /// Returns false if the message is no valid PACKET_IN. Nothing was done then, and its decoder
    /// reports the error.
    #[inline]
    pub fn packet_in(&mut self, frame: &[u8], now: u32, out: &mut Vec<u8>) -> bool {
        let Some(packet) = PacketInView::parse(frame) else { return false };
        self.tally.packets += 1;
        let Some(addresses) = FrameAddresses::parse(packet.data) else {
            self.drop(&packet, out);
            return true;
        };
        let FrameAddresses { src, vlan, .. } = addresses;
        match self.table.learn(src, vlan.number(), packet.in_port, now) {
            LearnOutcome::Known => {}
            LearnOutcome::New => self.tally.learned += 1,
            // The flows to the old port are wrong now, and the flows from there would let another
            // host send in its place.
            LearnOutcome::Moved(_) => {
                self.tally.moved += 1;
                self.moved(src, vlan, out);
            }
            LearnOutcome::Full => self.tally.refused += 1,
            LearnOutcome::Nobodys => {
                self.drop(&packet, out);
                return true;
            }
        }
        self.send(&packet, addresses, out);
        true
    }

    /// Deletes the flows of an address in a VLAN. Frames without a tag share their flows with
    /// priority-tagged frames.
    #[cold]
    fn moved(&self, mac: Mac, vlan: VlanVid, out: &mut Vec<u8>) {
        let tags = if vlan.number() == 0 { &[VlanVid::NONE, VlanVid::PRIORITY][..] } else { &[vlan] };
        for tag in tags {
            self.to_gone.write(out, mac, *tag);
            self.from_gone.write(out, mac, *tag);
        }
    }

    fn send(&mut self, packet: &PacketInView<'_>, addresses: FrameAddresses, out: &mut Vec<u8>) {
        let FrameAddresses { dst, src, vlan } = addresses;
        // Half a packet is not sent on. The flow for it is not made either, so that later packets
        // still arrive here.
        let whole =
            packet.buffer_id != BufferId::NO_BUFFER || packet.data.len() >= usize::from(packet.total_len);
        if !whole || is_reserved(dst) {
            return self.drop(packet, out);
        }
        let to = match self.table.port(dst, vlan.number()) {
            Some(port) if port == packet.in_port => return self.drop(packet, out),
            Some(port) => {
                self.tally.forwarded += 1;
                self.flow.write(out, (packet.in_port, src), (port, dst), vlan);
                port
            }
            // Every OpenFlow switch has ALL; FLOOD is for hybrid ones (OpenFlow 1.3.5 §4.5).
            None => {
                self.tally.flooded += 1;
                PortNo::ALL
            }
        };
        let data = if packet.buffer_id == BufferId::NO_BUFFER { packet.data } else { &[] };
        self.packet_out.write(out, packet.buffer_id, packet.in_port, to, data);
    }

    /// Drops the packet. The switch frees its buffer, if it has one.
    fn drop(&mut self, packet: &PacketInView<'_>, out: &mut Vec<u8>) {
        self.tally.dropped += 1;
        if packet.buffer_id != BufferId::NO_BUFFER {
            self.packet_out.discard(out, packet.buffer_id, packet.in_port);
        }
    }

    /// Ends a batch: forgets addresses that are too old. Returns the counters since the last batch.
    pub fn batch_ended(&mut self, now: u32) -> PacketTally {
        self.table.forget_old(now);
        std::mem::take(&mut self.tally)
    }

    /// Learns the port of an address from a flow that was installed earlier.
    pub fn remember(&mut self, mac: Mac, vlan: VlanVid, port: PortNo, now: u32) {
        self.table.learn(mac, vlan.number(), port, now);
    }

    /// Forgets the addresses at a port that is gone.
    pub fn forget_port(&mut self, port: PortNo) {
        self.table.forget_port(port);
    }

    /// Returns the number of known addresses.
    pub fn known(&self) -> usize {
        self.table.len()
    }
}

/// Returns whether an address is one that no bridge forwards (IEEE 802.1Q §8.6.3):
/// 01-80-C2-00-00-00 to -0F.
fn is_reserved([a, b, c, d, e, f]: Mac) -> bool {
    [a, b, c, d, e] == [0x01, 0x80, 0xc2, 0, 0] && f < 0x10
}
