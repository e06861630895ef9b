//! What a learning switch does with a packet.

use ofproto::hot::{FlowStamp, FrameAddresses, Mac, MacStamp, PacketInView, PacketOutStamp, VlanVid};
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::oxm::Field;
use ofproto::{BufferId, Cookie, EncodeError, PortNo, TableId, Xid};

use super::{LearnOutcome, MacTable, NotedEntries, Shares};

/// How a bridge learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The flows that it installs: where, and how they are told from others.
    pub flow: FlowKind,
    /// How many addresses there may be.
    pub shares: Shares,
    /// Seconds after which an address that was not seen is forgotten: at the end of that quarter of them, or of the next.
    pub age: u32,
}

/// The flows between two addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowKind {
    /// Their table.
    pub table: TableId,
    /// Their priority.
    pub priority: u16,
    /// Their cookie.
    pub cookie: Cookie,
    /// Seconds after which one that no packet matched ends.
    pub idle_timeout: u16,
}

/// What became of packets, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacketTally {
    /// PACKET_INs.
    pub packets: u64,
    /// Sent out at one port, with a flow for those that follow.
    pub forwarded: u64,
    /// Sent out at all ports: nobody knows where the destination is, or it is a group.
    pub flooded: u64,
    /// Dropped: from nobody's address, to where it came from, too short to have addresses, or not whole.
    pub dropped: u64,
    /// Addresses that were learned.
    pub learned: u64,
    /// Addresses that came to another port.
    pub moved: u64,
    /// Addresses that were not learned, because their port has as many as it may have.
    pub refused: u64,
}

/// Each message carries this id: an answer to one can only be an error, which says itself what it is about.
const XID: Xid = Xid(0);

/// So many addresses fit a processor's own memory.
const LARGE: usize = 2_000;

/// A learning switch: its table, and its messages ready but for the values.
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
    /// One that knows nobody yet.
    ///
    /// # Errors
    /// As [`ofproto::Message::encode`]; these messages have no part that could be too long.
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

    /// The same with other settings, and all that it knows.
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

    /// How it learns.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether its table is so large that the memory behind it is slow, and [`LearningSwitch::note`] is worth while.
    pub fn is_large(&self) -> bool {
        self.table.len() > LARGE
    }

    /// Notes the addresses of a PACKET_IN that is decided about soon. When enough are noted, it loads
    /// their entries together.
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

    /// Decides about one whole PACKET_IN and appends what is to be sent. `now` are seconds of a clock that does not go
    /// back. False where it is no PACKET_IN as it should be: nothing was done, and whoever decodes it says what is wrong.
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
            // The flows to where it was are wrong now, and those from there are somebody else's chance.
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

    /// Deletes the flows of an address in a VLAN. That of frames without a tag is also that of frames with a priority alone.
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
        // Half a packet is not sent on; the flow that would have let it pass is not made either, so that it is seen.
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

    /// The packet goes nowhere. One that the switch keeps it need not keep any longer.
    fn drop(&mut self, packet: &PacketInView<'_>, out: &mut Vec<u8>) {
        self.tally.dropped += 1;
        if packet.buffer_id != BufferId::NO_BUFFER {
            self.packet_out.discard(out, packet.buffer_id, packet.in_port);
        }
    }

    /// After each batch: forgets what is too old. Gives what was counted since the last time.
    pub fn batch_ended(&mut self, now: u32) -> PacketTally {
        self.table.forget_old(now);
        std::mem::take(&mut self.tally)
    }

    /// Somebody is known to be at a port, from a flow that was installed before.
    pub fn remember(&mut self, mac: Mac, vlan: VlanVid, port: PortNo, now: u32) {
        self.table.learn(mac, vlan.number(), port, now);
    }

    /// A port is gone, and whoever was there.
    pub fn forget_port(&mut self, port: PortNo) {
        self.table.forget_port(port);
    }

    /// How many addresses it knows.
    pub fn known(&self) -> usize {
        self.table.len()
    }
}

/// What no bridge passes on (IEEE 802.1Q §8.6.3): 01-80-C2-00-00-00 to -0F.
fn is_reserved([a, b, c, d, e, f]: Mac) -> bool {
    [a, b, c, d, e] == [0x01, 0x80, 0xc2, 0, 0] && f < 0x10
}
