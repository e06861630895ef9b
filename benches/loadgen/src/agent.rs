//! The part of a switch that is not measured: handshake, requests and refusals, encoded and decoded
//! by [`ofproto`].
//!
//! It emulates a plain OpenFlow 1.3 switch: no experimenter messages, no bundles, no monitors, no
//! groups, no meters, no LOCAL port.

use bytes::Bytes;
use ofproto::message::multipart::{
    AggregateReply, Desc, GroupFeatures, MeterFeatures, MultipartReply, MultipartReplyBody as Reply,
    MultipartRequestBody as Ask,
};
use ofproto::message::{
    AsyncConfig, ErrorMsg, FeaturesReply, GroupModCommand, Hello, MeterModCommand, Port, ROLE_EQUAL,
    ROLE_NOCHANGE, Role, SwitchConfig,
};
use ofproto::{DatapathId, EncodeError, ErrorCode, Message, PortNo, VERSION, Xid};

use super::answer::Refused;

/// OFPBRC_BAD_MULTIPART.
const BAD_MULTIPART: ErrorCode = code(1, 2);
/// OFPGMFC_OUT_OF_GROUPS.
const OUT_OF_GROUPS: ErrorCode = code(6, 3);
/// OFPMMFC_OUT_OF_METERS.
const OUT_OF_METERS: ErrorCode = code(12, 10);
/// OFPT_EXPERIMENTER.
const EXPERIMENTER: u8 = 4;
/// OFPC_FLOW_STATS, OFPC_TABLE_STATS and OFPC_PORT_STATS.
const CAPABILITIES: u32 = 7;
/// The number of tables, equal to that of Open vSwitch.
const TABLES: u8 = 254;

const fn code(kind: u16, code: u16) -> ErrorCode {
    ErrorCode { kind, code, experimenter: None }
}

/// The kind of a received message, as far as the switch's progress depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AgentEvent {
    /// The HELLO of a controller that speaks OpenFlow 1.3.
    Hello,
    /// FEATURES_REQUEST.
    Features,
    /// A HELLO with other versions only, or a refusal of OpenFlow 1.3, in the controller's own
    /// words.
    OtherVersion(String),
    /// OFPT_ERROR.
    Error,
    /// A message that the switch refused.
    Refused,
    /// Any other message.
    Other,
}

/// The management plane of one switch.
#[derive(Debug)]
pub(super) struct Agent {
    datapath_id: DatapathId,
    ports: u8,
    buffers: u32,
    config: SwitchConfig,
    role: Role,
    wanted: AsyncConfig,
}

impl Agent {
    pub(super) const fn new(index: u16, ports: u8, buffers: u32) -> Self {
        Self {
            datapath_id: DatapathId(0x0000_5043_0000_0001 + index as u64),
            ports,
            buffers,
            config: SwitchConfig { flags: 0, miss_send_len: 128 },
            role: Role { role: ROLE_EQUAL, generation_id: 0 },
            wanted: AsyncConfig {
                packet_in_mask: [7, 0],
                port_status_mask: [7, 7],
                flow_removed_mask: [15, 0],
            },
        }
    }

    /// Appends the first message, the HELLO.
    pub(super) fn hello(out: &mut Vec<u8>) -> Result<(), EncodeError> {
        send(Xid(1), &Message::Hello(Hello::ours()), out)
    }

    /// Answers a message.
    ///
    /// # Errors
    /// Returns an error if a reply cannot be encoded. A message of the controller never causes one.
    pub(super) fn take(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<AgentEvent, EncodeError> {
        let (version, kind) = (frame.first().copied(), frame.get(1).copied());
        if kind == Some(EXPERIMENTER) {
            return refuse(ErrorCode::BAD_EXPERIMENTER, frame, out);
        }
        let (xid, message) = match Message::decode(frame) {
            Ok(decoded) => decoded,
            // HELLO_FAILED, in any version.
            Err(_) if version != Some(VERSION) && kind == Some(1) && frame.get(8..10) == Some(&[0, 0]) => {
                return Ok(AgentEvent::OtherVersion("it answered HELLO with OFPT_ERROR HELLO_FAILED".into()));
            }
            Err(error) => return refuse(error.wire_code(), frame, out),
        };
        let reply = match message {
            Message::Hello(hello) if hello.speaks_ours() => return Ok(AgentEvent::Hello),
            Message::Hello(hello) => {
                refuse(code(0, 0), frame, out)?;
                let version = hello.version;
                return Ok(AgentEvent::OtherVersion(format!(
                    "its HELLO says version {version:#04x} at most"
                )));
            }
            Message::Error(error) if error.kind == 0 => {
                return Ok(AgentEvent::OtherVersion("it answered HELLO with OFPT_ERROR HELLO_FAILED".into()));
            }
            Message::Error(_) => return Ok(AgentEvent::Error),
            Message::FeaturesRequest => {
                send(xid, &Message::FeaturesReply(self.features()), out)?;
                return Ok(AgentEvent::Features);
            }
            Message::EchoRequest(payload) => Message::EchoReply(payload),
            Message::GetConfigRequest => Message::GetConfigReply(self.config),
            Message::BarrierRequest => Message::BarrierReply,
            Message::GetAsyncRequest => Message::GetAsyncReply(self.wanted),
            Message::RoleRequest(asked) => {
                if asked.role != ROLE_NOCHANGE {
                    self.role = asked;
                }
                Message::RoleReply(self.role)
            }
            Message::MultipartRequest(request) => match self.answer(&request.body) {
                Ok(body) => Message::MultipartReply(MultipartReply { flags: 0, body }),
                Err(code) => return refuse(code, frame, out),
            },
            Message::SetConfig(config) => {
                self.config = config;
                return Ok(AgentEvent::Other);
            }
            Message::SetAsync(wanted) => {
                self.wanted = wanted;
                return Ok(AgentEvent::Other);
            }
            // The switch has no groups, so every deletion succeeds.
            Message::GroupMod(group) if group.command == GroupModCommand::Delete => {
                return Ok(AgentEvent::Other);
            }
            Message::MeterMod(meter) if meter.command == MeterModCommand::Delete => {
                return Ok(AgentEvent::Other);
            }
            Message::GroupMod(_) => return refuse(OUT_OF_GROUPS, frame, out),
            Message::MeterMod(_) => return refuse(OUT_OF_METERS, frame, out),
            Message::EchoReply(_) | Message::PortMod(_) | Message::TableMod(_) => {
                return Ok(AgentEvent::Other);
            }
            _ => return refuse(ErrorCode::BAD_TYPE, frame, out),
        };
        send(xid, &reply, out)?;
        Ok(AgentEvent::Other)
    }

    /// Refuses a FLOW_MOD or PACKET_OUT.
    ///
    /// # Errors
    /// Returns the errors of [`Agent::take`].
    pub(super) fn refuse(
        Refused(kind, of): Refused,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        refuse(code(kind, of), frame, out).map(|_| ())
    }

    fn features(&self) -> FeaturesReply {
        FeaturesReply {
            datapath_id: self.datapath_id,
            n_buffers: self.buffers,
            n_tables: TABLES,
            auxiliary_id: 0,
            capabilities: CAPABILITIES,
            reserved: 0,
        }
    }

    fn answer(&self, asked: &Ask) -> Result<Reply, ErrorCode> {
        Ok(match asked {
            Ask::Desc => Reply::Desc(Desc {
                mfr_desc: Bytes::from_static(b"Portcullis"),
                hw_desc: Bytes::from_static(b"portcullis bench"),
                sw_desc: Bytes::from_static(env!("CARGO_PKG_VERSION").as_bytes()),
                serial_num: Bytes::from_static(b"none"),
                dp_desc: Bytes::from_static(b"an emulated switch"),
            }),
            Ask::Flow(_) => Reply::Flow(Vec::new()),
            Ask::Aggregate(_) => {
                Reply::Aggregate(AggregateReply { packet_count: 0, byte_count: 0, flow_count: 0 })
            }
            Ask::Table => Reply::Table(Vec::new()),
            Ask::PortStats(_) => Reply::PortStats(Vec::new()),
            Ask::Queue(_) => Reply::Queue(Vec::new()),
            Ask::Group(_) => Reply::Group(Vec::new()),
            Ask::GroupDesc => Reply::GroupDesc(Vec::new()),
            Ask::GroupFeatures => Reply::GroupFeatures(GroupFeatures {
                types: 0,
                capabilities: 0,
                max_groups: [0; 4],
                actions: [0; 4],
            }),
            Ask::Meter(_) => Reply::Meter(Vec::new()),
            Ask::MeterConfig(_) => Reply::MeterConfig(Vec::new()),
            Ask::MeterFeatures => Reply::MeterFeatures(MeterFeatures {
                max_meter: 0,
                band_types: 0,
                capabilities: 0,
                max_bands: 0,
                max_color: 0,
            }),
            Ask::PortDesc => Reply::PortDesc((1..=self.ports).map(|port| self.port(port)).collect()),
            Ask::Monitor(_) | Ask::IpfixBridge | Ask::IpfixFlow | Ask::Experimenter(_) => {
                return Err(ErrorCode::BAD_EXPERIMENTER);
            }
            _ => return Err(BAD_MULTIPART),
        })
    }

    fn port(&self, port: u8) -> Port {
        let [.., a, b] = self.datapath_id.0.to_be_bytes();
        let hw_addr = [6, 0, a, b, 0, port];
        Port { hw_addr, ..Port::named(PortNo(port.into()), format!("p{port}")) }
    }
}

fn refuse(code: ErrorCode, frame: &[u8], out: &mut Vec<u8>) -> Result<AgentEvent, EncodeError> {
    let xid = frame.get(4..).and_then(<[u8]>::first_chunk).map_or(0, |xid| u32::from_be_bytes(*xid));
    send(Xid(xid), &Message::Error(ErrorMsg::with_code(code, frame)), out)?;
    Ok(AgentEvent::Refused)
}

fn send(xid: Xid, message: &Message, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(&message.encode(xid)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use ofproto::message::multipart::{FlowStatsRequest, MultipartRequest};
    use ofproto::message::{BundleControl, BundleControlKind, ROLE_MASTER};

    use super::*;

    fn answer(frame: &[u8]) -> (AgentEvent, Option<Message>) {
        let mut out = Vec::new();
        let said = Agent::new(6, 4, 0).take(frame, &mut out).unwrap();
        let reply = (!out.is_empty()).then(|| Message::decode(&out).unwrap());
        assert!(reply.as_ref().is_none_or(|(xid, _)| *xid == Xid(77)), "{reply:?}");
        (said, reply.map(|(_, message)| message))
    }

    fn reply_to_query(message: &Message) -> Option<Message> {
        answer(&message.encode(Xid(77)).unwrap()).1
    }

    fn multipart(body: Ask) -> Message {
        match reply_to_query(&Message::MultipartRequest(MultipartRequest { flags: 0, body })) {
            Some(message) => message,
            None => panic!("no answer"),
        }
    }

    fn reply(body: Reply) -> Message {
        Message::MultipartReply(MultipartReply { flags: 0, body })
    }

    #[track_caller]
    fn refused(message: Option<Message>, name: &str) {
        let Some(Message::Error(error)) = message else { panic!("{message:?}") };
        assert_eq!(error.name(), Some(name));
    }

    #[test]
    fn a_plain_switch_answers() {
        assert_eq!(reply_to_query(&Message::EchoRequest("x".into())), Some(Message::EchoReply("x".into())));
        assert_eq!(reply_to_query(&Message::BarrierRequest), Some(Message::BarrierReply));
        let role = Role { role: ROLE_MASTER, generation_id: 5 };
        assert_eq!(reply_to_query(&Message::RoleRequest(role)), Some(Message::RoleReply(role)));
        assert!(matches!(reply_to_query(&Message::GetConfigRequest), Some(Message::GetConfigReply(_))));
        let Some(Message::FeaturesReply(features)) = reply_to_query(&Message::FeaturesRequest) else {
            panic!()
        };
        assert_eq!(features.datapath_id, DatapathId(0x5043_0000_0007));
        let Message::MultipartReply(MultipartReply { body: Reply::PortDesc(ports), .. }) =
            multipart(Ask::PortDesc)
        else {
            panic!()
        };
        let numbers: Vec<u32> = ports.iter().map(|port| port.port_no.0).collect();
        assert_eq!(numbers, [1, 2, 3, 4], "and no LOCAL port");
        assert_eq!(multipart(Ask::Flow(FlowStatsRequest::default())), reply(Reply::Flow(Vec::new())));
        assert_eq!(multipart(Ask::GroupDesc), reply(Reply::GroupDesc(Vec::new())));
    }

    #[test]
    fn it_has_no_extensions_and_says_so() {
        refused(Some(multipart(Ask::TableFeatures(Vec::new()))), "OFPBRC_BAD_STAT");
        refused(Some(multipart(Ask::Monitor(Vec::new()))), "OFPBRC_BAD_VENDOR");
        refused(Some(multipart(Ask::Unknown { kind: 99, body: Bytes::new() })), "OFPBRC_BAD_STAT");
        let open = BundleControl {
            bundle_id: 1,
            kind: BundleControlKind::OpenRequest,
            flags: 0,
            properties: Vec::new(),
        };
        refused(reply_to_query(&Message::BundleControl(open)), "OFPBRC_BAD_VENDOR");
        refused(reply_to_query(&Message::TlvTableRequest), "OFPBRC_BAD_VENDOR");
        refused(reply_to_query(&Message::BarrierReply), "OFPBRC_BAD_TYPE");
        refused(
            reply_to_query(&Message::Unknown { kind: ofproto::MessageType(40), body: Bytes::new() }),
            "OFPBRC_BAD_TYPE",
        );
        refused(answer(&[4, 18, 0, 9, 0, 0, 0, 77, 0]).1, "OFPBRC_BAD_LEN");
        refused(answer(&[1, 5, 0, 8, 0, 0, 0, 77]).1, "OFPBRC_BAD_VERSION");
        for (code, name) in
            [(OUT_OF_GROUPS, "OFPGMFC_OUT_OF_GROUPS"), (OUT_OF_METERS, "OFPMMFC_OUT_OF_METERS")]
        {
            refused(Some(Message::Error(ErrorMsg::with_code(code, &[]))), name);
        }
        let mut out = Vec::new();
        Agent::refuse(Refused(2, 2), &[4, 14, 0, 8, 0, 0, 0, 77], &mut out).unwrap();
        refused(Some(Message::decode(&out).unwrap().1), "OFPBAC_BAD_VENDOR");
    }

    #[test]
    fn other_versions_are_told_apart() {
        assert_eq!(answer(&[4, 0, 0, 8, 0, 0, 0, 77]), (AgentEvent::Hello, None));
        let (said, reply) = answer(&[1, 0, 0, 8, 0, 0, 0, 77]);
        assert!(matches!(said, AgentEvent::OtherVersion(_)));
        refused(reply, "OFPHFC_INCOMPATIBLE");
        // HELLO_FAILED in a version of its own.
        assert!(matches!(answer(&[1, 1, 0, 12, 0, 0, 0, 77, 0, 0, 0, 0]).0, AgentEvent::OtherVersion(_)));
    }
}
