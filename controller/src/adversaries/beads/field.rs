//! Lists the fields of each kind of message: their offset, width and false values.

use super::kind::{self, MessageKind, u16_at};
use super::random::Random;

/// The byte from which a field's offset counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OffsetBase {
    /// The message's first byte.
    Message,
    /// The first byte of one of the flows in a list.
    AnyFlow,
    /// The first byte of one of the ports in a list.
    AnyPort,
    /// The end of the match that begins at that offset of the message.
    MatchAt(usize),
    /// The end of the match of one of the flows in a list.
    AnyFlowsMatch,
}

/// The width of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    U8,
    U16,
    U32,
    U64,
    /// A port number of 32 bits.
    Port,
}

/// A field of a kind of message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    from: OffsetBase,
    offset: usize,
    width: Width,
}

use OffsetBase::{AnyFlow, AnyFlowsMatch, AnyPort, MatchAt, Message};
use Width::{Port, U8, U16, U32, U64};

const HEADER: &[Field] = &[at(0, U8, "version"), at(1, U8, "type"), at(2, U16, "length"), at(4, U32, "xid")];
const HELLO: &[Field] = &[at(8, U16, "element.type"), at(10, U16, "element.length"), at(12, U32, "bitmap")];
const ERROR: &[Field] = &[at(8, U16, "error.type"), at(10, U16, "error.code"), at(12, U32, "data")];
const ECHO: &[Field] = &[at(8, U8, "payload")];
const FEATURES: &[Field] = &[
    at(8, U64, "datapath_id"),
    at(16, U32, "n_buffers"),
    at(20, U8, "n_tables"),
    at(21, U8, "auxiliary_id"),
    at(24, U32, "capabilities"),
    at(28, U32, "reserved"),
];
const PACKET_IN: &[Field] = &[
    at(8, U32, "buffer_id"),
    at(12, U16, "total_len"),
    at(14, U8, "reason"),
    at(15, U8, "table_id"),
    at(16, U64, "cookie"),
    at(24, U16, "match.type"),
    at(26, U16, "match.length"),
    at(28, U16, "oxm.class"),
    at(30, U8, "oxm.field"),
    at(31, U8, "oxm.length"),
    at(32, Port, "in_port"),
];
const FLOW_REMOVED: &[Field] = &[
    at(8, U64, "cookie"),
    at(16, U16, "priority"),
    at(18, U8, "reason"),
    at(19, U8, "table_id"),
    at(20, U32, "duration_sec"),
    at(24, U32, "duration_nsec"),
    at(28, U16, "idle_timeout"),
    at(30, U16, "hard_timeout"),
    at(32, U64, "packet_count"),
    at(40, U64, "byte_count"),
    at(48, U16, "match.type"),
    at(50, U16, "match.length"),
];
const PORT_STATUS: &[Field] = &[
    at(8, U8, "reason"),
    at(16, Port, "port_no"),
    at(24, U32, "hw_addr"),
    at(32, U32, "name"),
    at(48, U32, "config"),
    at(52, U32, "state"),
    at(56, U32, "curr"),
    at(60, U32, "advertised"),
    at(64, U32, "supported"),
    at(68, U32, "peer"),
    at(72, U32, "curr_speed"),
    at(76, U32, "max_speed"),
];
const MULTIPART: &[Field] =
    &[at(8, U16, "multipart.type"), at(10, U16, "multipart.flags"), at(12, U32, "pad")];
const DESC: &[Field] = &[
    at(16, U32, "mfr_desc"),
    at(272, U32, "hw_desc"),
    at(528, U32, "sw_desc"),
    at(784, U32, "serial_num"),
    at(816, U32, "dp_desc"),
];
const PORTS: &[Field] = &[
    of(AnyPort, 0, Port, "port_no"),
    of(AnyPort, 8, U32, "hw_addr"),
    of(AnyPort, 16, U32, "name"),
    of(AnyPort, 32, U32, "config"),
    of(AnyPort, 36, U32, "state"),
    of(AnyPort, 40, U32, "curr"),
    of(AnyPort, 44, U32, "advertised"),
    of(AnyPort, 48, U32, "supported"),
    of(AnyPort, 52, U32, "peer"),
    of(AnyPort, 56, U32, "curr_speed"),
    of(AnyPort, 60, U32, "max_speed"),
];
const FLOWS: &[Field] = &[
    of(AnyFlow, 0, U16, "length"),
    of(AnyFlow, 2, U8, "table_id"),
    of(AnyFlow, 3, U8, "pad"),
    of(AnyFlow, 4, U32, "duration_sec"),
    of(AnyFlow, 8, U32, "duration_nsec"),
    of(AnyFlow, 12, U16, "priority"),
    of(AnyFlow, 14, U16, "idle_timeout"),
    of(AnyFlow, 16, U16, "hard_timeout"),
    of(AnyFlow, 18, U16, "flags"),
    of(AnyFlow, 20, U16, "importance"),
    of(AnyFlow, 24, U64, "cookie"),
    of(AnyFlow, 32, U64, "packet_count"),
    of(AnyFlow, 40, U64, "byte_count"),
    of(AnyFlow, 48, U16, "match.type"),
    of(AnyFlow, 50, U16, "match.length"),
    of(AnyFlow, 52, U16, "oxm.class"),
    of(AnyFlow, 54, U8, "oxm.field"),
    of(AnyFlow, 55, U8, "oxm.length"),
    of(AnyFlow, 56, Port, "oxm.value"),
    of(AnyFlowsMatch, 0, U16, "instruction.type"),
    of(AnyFlowsMatch, 2, U16, "instruction.length"),
    of(AnyFlowsMatch, 4, U8, "goto.table_id"),
    of(AnyFlowsMatch, 8, U16, "action.type"),
    of(AnyFlowsMatch, 10, U16, "action.length"),
    of(AnyFlowsMatch, 12, Port, "action.port"),
];
const GROUPS: &[Field] = &[at(16, U16, "length"), at(18, U8, "group.type"), at(20, U32, "group_id")];
const EXPERIMENTER_MULTIPART: &[Field] = &[at(16, U32, "experimenter"), at(20, U32, "exp_type")];
const MONITOR_UPDATE: &[Field] = &[
    at(24, U16, "update.length"),
    at(26, U16, "event"),
    at(28, U16, "reason"),
    at(30, U16, "priority"),
    at(32, U16, "idle_timeout"),
    at(34, U16, "hard_timeout"),
    at(36, U16, "match_len"),
    at(38, U8, "table_id"),
    at(40, U64, "cookie"),
    at(48, U16, "match.type"),
    at(50, U16, "match.length"),
    at(52, U16, "oxm.class"),
    at(54, U8, "oxm.field"),
    at(55, U8, "oxm.length"),
    at(56, Port, "oxm.value"),
];
const MONITOR_REQUEST: &[Field] = &[
    at(24, U32, "monitor.id"),
    at(28, U16, "monitor.flags"),
    at(30, U16, "match_len"),
    at(32, Port, "out_port"),
    at(36, U8, "table_id"),
    at(40, U16, "match.type"),
    at(42, U16, "match.length"),
];
const FLOW_REQUEST: &[Field] = &[
    at(16, U8, "table_id"),
    at(20, Port, "out_port"),
    at(24, U32, "out_group"),
    at(32, U64, "cookie"),
    at(40, U64, "cookie_mask"),
    at(48, U16, "match.type"),
    at(50, U16, "match.length"),
];
const EXPERIMENTER: &[Field] = &[at(8, U32, "experimenter"), at(12, U32, "exp_type")];
const BUNDLE: &[Field] = &[at(16, U32, "bundle_id"), at(20, U16, "bundle.type"), at(22, U16, "bundle.flags")];
const BUNDLE_ADD: &[Field] = &[
    at(16, U32, "bundle_id"),
    at(20, U16, "pad"),
    at(22, U16, "bundle.flags"),
    at(24, U8, "inner.version"),
    at(25, U8, "inner.type"),
    at(26, U16, "inner.length"),
    at(28, U32, "inner.xid"),
];
const SET_CONFIG: &[Field] = &[at(8, U16, "flags"), at(10, U16, "miss_send_len")];
const GROUP_MOD: &[Field] = &[at(8, U16, "command"), at(10, U8, "group.type"), at(12, U32, "group_id")];
const METER_MOD: &[Field] = &[
    at(8, U16, "command"),
    at(10, U16, "flags"),
    at(12, U32, "meter_id"),
    at(16, U16, "band.type"),
    at(18, U16, "band.length"),
    at(20, U32, "rate"),
    at(24, U32, "burst_size"),
];

const fn at(offset: usize, width: Width, name: &'static str) -> Field {
    Field { name, from: Message, offset, width }
}

const fn of(from: OffsetBase, offset: usize, width: Width, name: &'static str) -> Field {
    Field { name, from, offset, width }
}

/// Returns the fields of a FLOW_MOD that begins at an offset of the message.
fn flow_mod(by: usize) -> Vec<Field> {
    let fixed = [
        at(8, U64, "cookie"),
        at(16, U64, "cookie_mask"),
        at(24, U8, "table_id"),
        at(25, U8, "command"),
        at(26, U16, "idle_timeout"),
        at(28, U16, "hard_timeout"),
        at(30, U16, "priority"),
        at(32, U32, "buffer_id"),
        at(36, Port, "out_port"),
        at(40, U32, "out_group"),
        at(44, U16, "flags"),
        at(46, U16, "importance"),
        at(48, U16, "match.type"),
        at(50, U16, "match.length"),
        at(52, U16, "oxm.class"),
        at(54, U8, "oxm.field"),
        at(55, U8, "oxm.length"),
        at(56, Port, "oxm.value"),
    ];
    let after = [
        (0, U16, "instruction.type"),
        (2, U16, "instruction.length"),
        (4, U8, "goto.table_id"),
        (8, U16, "action.type"),
        (10, U16, "action.length"),
        (12, Port, "action.port"),
    ];
    let moved = fixed.map(|field| Field { offset: field.offset + by, ..field });
    let after = after.map(|(offset, width, name)| of(MatchAt(48 + by), offset, width, name));
    moved.into_iter().chain(after).collect()
}

/// Returns the fields of a kind of message.
pub(super) fn of_kind(kind: MessageKind) -> Vec<Field> {
    let lists: &[&[Field]] = match kind {
        kind::HELLO_OF_SWITCH | kind::HELLO_OF_CONTROLLER => &[HELLO],
        kind::ERROR => &[ERROR],
        kind::ECHO_REQUEST_OF_SWITCH
        | kind::ECHO_REPLY_OF_SWITCH
        | kind::ECHO_REQUEST_OF_CONTROLLER
        | kind::ECHO_REPLY_OF_CONTROLLER => &[ECHO],
        kind::FEATURES_REPLY => &[FEATURES],
        kind::PACKET_IN => &[PACKET_IN],
        kind::FLOW_REMOVED => &[FLOW_REMOVED],
        kind::PORT_STATUS => &[PORT_STATUS],
        kind::DESC_REPLY => &[MULTIPART, DESC],
        kind::FLOW_REPLY => &[MULTIPART, FLOWS],
        kind::GROUP_DESC_REPLY => &[MULTIPART, GROUPS],
        kind::PORT_DESC_REPLY => &[MULTIPART, PORTS],
        kind::MONITOR_REPLY => &[MULTIPART, EXPERIMENTER_MULTIPART],
        kind::MONITOR_UPDATE => &[MULTIPART, EXPERIMENTER_MULTIPART, MONITOR_UPDATE],
        kind::MONITOR_REQUEST => &[MULTIPART, EXPERIMENTER_MULTIPART, MONITOR_REQUEST],
        kind::MONITOR_PAUSED | kind::MONITOR_RESUMED => &[EXPERIMENTER],
        kind::BUNDLE_OPEN_REPLY | kind::BUNDLE_COMMIT_REPLY | kind::BUNDLE_OPEN | kind::BUNDLE_COMMIT => {
            &[EXPERIMENTER, BUNDLE]
        }
        kind::BUNDLE_ADD => &[EXPERIMENTER, BUNDLE_ADD],
        kind::SET_CONFIG => &[SET_CONFIG],
        kind::GROUP_MOD => &[GROUP_MOD],
        kind::METER_MOD => &[METER_MOD],
        kind::FLOW_REQUEST => &[MULTIPART, FLOW_REQUEST],
        kind::DESC_REQUEST | kind::GROUP_DESC_REQUEST | kind::PORT_DESC_REQUEST => &[MULTIPART],
        _ => &[],
    };
    let mut fields: Vec<Field> = HEADER.iter().chain(lists.iter().copied().flatten()).copied().collect();
    match kind {
        kind::FLOW_MOD => fields.extend(flow_mod(0)),
        kind::BUNDLE_ADD => fields.extend(flow_mod(24)),
        _ => {}
    }
    fields
}

impl Field {
    /// Returns the false values of the field, as bytes.
    pub(super) fn lies(&self) -> Vec<Vec<u8>> {
        let u32s = |values: &[u32]| values.iter().map(|value| value.to_be_bytes().to_vec()).collect();
        match self.width {
            U8 => [0u8, 128, 255].map(|value| vec![value]).into(),
            U16 => [0u16, 32_000, 65_535].map(|value| value.to_be_bytes().to_vec()).into(),
            U32 => u32s(&[0, 65_535, u32::MAX]),
            U64 => [0, u64::from(u32::MAX), u64::MAX].map(|value| value.to_be_bytes().to_vec()).into(),
            Port => {
                use ofproto::PortNo;
                let reserved = [
                    PortNo::MAX,
                    PortNo::IN_PORT,
                    PortNo::TABLE,
                    PortNo::NORMAL,
                    PortNo::FLOOD,
                    PortNo::ALL,
                    PortNo::CONTROLLER,
                    PortNo::LOCAL,
                    PortNo::ANY,
                ];
                let all: Vec<u32> = [0, 1, 2, 3, 42].into_iter().chain(reserved.map(|port| port.0)).collect();
                u32s(&all)
            }
        }
    }

    /// Writes a false value into a message. Returns whether the message has the field.
    pub(super) fn say(&self, frame: &mut [u8], lie: &[u8], random: &mut Random) -> bool {
        let Some(start) = self.start(frame, random) else { return false };
        let at = start + self.offset;
        match frame.get_mut(at..at + lie.len()) {
            Some(place) => {
                place.copy_from_slice(lie);
                true
            }
            None => false,
        }
    }

    fn start(&self, frame: &[u8], random: &mut Random) -> Option<usize> {
        let flow = |random: &mut Random| {
            let (mut starts, mut at) = (Vec::new(), 16);
            while let Some(length @ 1..) = u16_at(frame, at) {
                starts.push(at);
                at += usize::from(length);
            }
            random.pick(&starts)
        };
        let end_of_match = |at: usize| Some(at + usize::from(u16_at(frame, at + 2)?).next_multiple_of(8));
        match self.from {
            Message => Some(0),
            MatchAt(at) => end_of_match(at),
            AnyFlow => flow(random),
            AnyFlowsMatch => end_of_match(flow(random)? + 48),
            AnyPort => {
                let starts: Vec<usize> = (16..frame.len()).step_by(64).collect();
                random.pick(&starts)
            }
        }
    }
}
