//! The table of the specifications' messages that this crate supports.
//!
//! "Typed" is a variant of its own, decoded and encoded field by field. "Kept" is identified by its
//! number and encodes to the same bytes: [`Message::Experimenter`](super::Message::Experimenter),
//! [`Message::Unknown`](super::Message::Unknown) and their counterparts in
//! [`multipart`](super::multipart). A message that no table names is kept. Numbers and names are
//! those of Open vSwitch 3.1. A test checks every number with `ovs-ofctl ofp-parse`.
//!
//! # OpenFlow 1.3.5, §7.1
//! | type | message | |
//! |---|---|---|
//! | 0 | OFPT_HELLO | typed; elements other than the bitmap, and other versions' data, kept |
//! | 1 | OFPT_ERROR | typed, of any version; names of every code: [`ErrorMsg::name`](super::ErrorMsg::name) |
//! | 2, 3 | OFPT_ECHO_REQUEST, OFPT_ECHO_REPLY | typed |
//! | 4 | OFPT_EXPERIMENTER | typed for ONF and Nicira as below; others kept |
//! | 5, 6 | OFPT_FEATURES_REQUEST, OFPT_FEATURES_REPLY | typed |
//! | 7, 8, 9 | OFPT_GET_CONFIG_REQUEST, OFPT_GET_CONFIG_REPLY, OFPT_SET_CONFIG | typed |
//! | 10 | OFPT_PACKET_IN | typed, the frame without a copy |
//! | 11 | OFPT_FLOW_REMOVED | typed |
//! | 12 | OFPT_PORT_STATUS | typed |
//! | 13 | OFPT_PACKET_OUT | typed |
//! | 14 | OFPT_FLOW_MOD | typed |
//! | 15 | OFPT_GROUP_MOD | typed, with its buckets |
//! | 16 | OFPT_PORT_MOD | typed |
//! | 17 | OFPT_TABLE_MOD | typed |
//! | 18, 19 | OFPT_MULTIPART_REQUEST, OFPT_MULTIPART_REPLY | typed, see below |
//! | 20, 21 | OFPT_BARRIER_REQUEST, OFPT_BARRIER_REPLY | typed |
//! | 22, 23 | OFPT_QUEUE_GET_CONFIG_REQUEST, OFPT_QUEUE_GET_CONFIG_REPLY | typed; properties min_rate, max_rate, experimenter, others kept |
//! | 24, 25 | OFPT_ROLE_REQUEST, OFPT_ROLE_REPLY | typed |
//! | 26, 27, 28 | OFPT_GET_ASYNC_REQUEST, OFPT_GET_ASYNC_REPLY, OFPT_SET_ASYNC | typed |
//! | 29 | OFPT_METER_MOD | typed; bands drop, dscp_remark, experimenter, others kept |
//! | 30 to 35 | OFPT_ROLE_STATUS, OFPT_TABLE_STATUS, OFPT_REQUESTFORWARD, OFPT_BUNDLE_CONTROL, OFPT_BUNDLE_ADD_MESSAGE, OFPT_CONTROLLER_STATUS | kept: of 1.4 and 1.5, refused by Open vSwitch in a 1.3 session; ONF's forms of them are below |
//!
//! # OpenFlow 1.3.5, §7.3.5: multipart, request and reply
//! | type | message | |
//! |---|---|---|
//! | 0 | OFPMP_DESC | typed |
//! | 1, 2 | OFPMP_FLOW, OFPMP_AGGREGATE | typed |
//! | 3 | OFPMP_TABLE | typed |
//! | 4 | OFPMP_PORT_STATS | typed |
//! | 5 | OFPMP_QUEUE | typed |
//! | 6, 7, 8 | OFPMP_GROUP, OFPMP_GROUP_DESC, OFPMP_GROUP_FEATURES | typed |
//! | 9, 10, 11 | OFPMP_METER, OFPMP_METER_CONFIG, OFPMP_METER_FEATURES | typed |
//! | 12 | OFPMP_TABLE_FEATURES | typed, every property, in requests too |
//! | 13 | OFPMP_PORT_DESC | typed |
//! | 14 to 17 | OFPMP_TABLE_DESC, OFPMP_QUEUE_DESC, OFPMP_FLOW_MONITOR, … | kept: of 1.4 and 1.5 |
//! | 0xffff | OFPMP_EXPERIMENTER | typed for ONF and Nicira as below; others kept |
//!
//! # ONF (0x4f4e4600)
//! | type | message | |
//! |---|---|---|
//! | 1870, multipart | ONFST_FLOW_MONITOR (EXT-187) | typed; events added, deleted, modified, abbreviated; others kept |
//! | 1870 | ONFT_FLOW_MONITOR_CANCEL | typed |
//! | 1871, 1872 | ONFT_FLOW_MONITOR_PAUSED, ONFT_FLOW_MONITOR_RESUMED | typed |
//! | 1911 | ONFT_ROLE_STATUS (EXT-191) | typed |
//! | 2300, 2301 | ONFT_BUNDLE_CONTROL, ONFT_BUNDLE_ADD_MESSAGE (EXT-230) | typed, properties kept |
//! | 2350 | ONFT_REQUESTFORWARD (EXT-264) | typed; the message inside is kept, for [`Message::decode`](super::Message::decode) |
//!
//! # Nicira (0x2320)
//! | type | message | |
//! |---|---|---|
//! | 10, 11 | NXT_ROLE_REQUEST, NXT_ROLE_REPLY | typed |
//! | 12 | NXT_SET_FLOW_FORMAT | kept: of 1.0, refused in a 1.3 session |
//! | 13, 14 | NXT_FLOW_MOD, NXT_FLOW_REMOVED | typed: Open vSwitch takes the first in 1.3, with instructions; it prints the second and never sends it |
//! | 15 | NXT_FLOW_MOD_TABLE_ID | typed |
//! | 16 | NXT_SET_PACKET_IN_FORMAT | typed |
//! | 17 | NXT_PACKET_IN | typed |
//! | 18 | NXT_FLOW_AGE | typed; it has no effect in 1.3 |
//! | 19 | NXT_SET_ASYNC_CONFIG | typed |
//! | 20 | NXT_SET_CONTROLLER_ID | typed |
//! | 21, 22, 23 | NXT_FLOW_MONITOR_CANCEL, …_PAUSED, …_RESUMED | kept: in 1.3 Open vSwitch speaks ONF's in their place |
//! | 24, 25, 26 | NXT_TLV_TABLE_MOD, NXT_TLV_TABLE_REQUEST, NXT_TLV_TABLE_REPLY | typed |
//! | 27 | NXT_SET_ASYNC_CONFIG2 | typed; experimenters' properties kept |
//! | 28, 30 | NXT_RESUME, NXT_PACKET_IN2 | typed; the continuation is kept, [`ContinuationProperty`](super::ContinuationProperty) looks inside |
//! | 29 | NXT_CT_FLUSH_ZONE | typed |
//! | 31 | NXT_GROUP_MOD | kept: of 1.0 |
//! | 32 | NXT_CT_FLUSH | typed, with mark and labels (Open vSwitch 3.3); other properties kept |
//! | 132 | NXT_REQUESTFORWARD | kept: of 1.0 to 1.2 |
//! | 0, 1, multipart | NXST_FLOW, NXST_AGGREGATE | kept: of 1.0 |
//! | 2, multipart | NXST_FLOW_MONITOR | kept: in 1.3 Open vSwitch speaks ONF's in its place |
//! | 3, 4, multipart | NXST_IPFIX_BRIDGE, NXST_IPFIX_FLOW | typed |
//! | 7, 8, 9, multipart | NXST_GROUP, NXST_GROUP_DESC, NXST_GROUP_FEATURES | kept: of 1.0 |
