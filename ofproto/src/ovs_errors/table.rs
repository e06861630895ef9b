//! Every error that has a name in OpenFlow 1.3 or in Open vSwitch, with its searchable name and its
//! meaning.

use std::fmt;

use super::ErrorCode;

/// Parses the number of a row: that of a standard type, that of an experimenter, or none.
macro_rules! code {
    (standard($kind:literal, $code:literal)) => {
        Some(ErrorCode::standard($kind, $code))
    };
    (onf($code:literal)) => {
        Some(ErrorCode::onf($code))
    };
    (nicira($code:literal)) => {
        Some(ErrorCode::nicira($code))
    };
    (none()) => {
        None
    };
}

macro_rules! errors {
    ($($variant:ident $name:literal $source:ident($($number:literal),*) $doc:literal;)*) => {
        /// An error of Open vSwitch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum OvsError { $(#[doc = concat!($name, ": ", $doc)] $variant,)* }

        impl OvsError {
            /// All errors: those of OpenFlow by type and code, then ONF's, Nicira's, and those
            /// without a number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the name in Open vSwitch's `ofp-errors.h`, without OFPERR_. It may differ
            /// from the standard's name: `OFPBRC_BAD_STAT` is the standard's
            /// `OFPBRC_BAD_MULTIPART`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the meaning, as a noun phrase with a full stop.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }

            /// Returns the type and code of the OFPT_ERROR in OpenFlow 1.3. `None` if that version
            /// has no number for it.
            pub const fn wire_code(self) -> Option<ErrorCode> {
                match self { $(Self::$variant => code!($source($($number),*)),)* }
            }
        }
    };
}

impl OvsError {
    /// Returns the error with these numbers, if there is one.
    pub fn from_wire_code(code: ErrorCode) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.wire_code() == Some(code))
    }
}

impl fmt::Display for OvsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for OvsError {}

errors! {
    // OFPET_HELLO_FAILED
    HelloIncompatible "OFPHFC_INCOMPATIBLE" standard(0, 0) "No version in common.";
    HelloPermission "OFPHFC_EPERM" standard(0, 1) "A session that is not permitted.";
    // OFPET_BAD_REQUEST
    RequestVersion "OFPBRC_BAD_VERSION" standard(1, 0) "A version that nobody speaks.";
    RequestType "OFPBRC_BAD_TYPE" standard(1, 1) "A message that nobody knows.";
    RequestMultipart "OFPBRC_BAD_STAT" standard(1, 2) "A multipart message that nobody knows.";
    RequestVendor "OFPBRC_BAD_VENDOR" standard(1, 3) "A message of an experimenter that nobody knows.";
    RequestVendorType "OFPBRC_BAD_SUBTYPE" standard(1, 4) "A known experimenter's message that nobody knows.";
    RequestPermission "OFPBRC_EPERM" standard(1, 5) "What a controller may not ask for.";
    RequestLen "OFPBRC_BAD_LEN" standard(1, 6) "A message of a length that it cannot have.";
    RequestBufferEmpty "OFPBRC_BUFFER_EMPTY" standard(1, 7) "A buffer that has been used.";
    RequestBufferUnknown "OFPBRC_BUFFER_UNKNOWN" standard(1, 8) "A buffer that there is not.";
    RequestTable "OFPBRC_BAD_TABLE_ID" standard(1, 9) "A table that there is not.";
    RequestSecondary "OFPBRC_IS_SECONDARY" standard(1, 10) "A change by a controller whose role is slave.";
    RequestPort "OFPBRC_BAD_PORT" standard(1, 11) "A port that a packet cannot come from.";
    RequestPacket "OFPBRC_BAD_PACKET" standard(1, 12) "A packet that cannot be sent.";
    RequestMultipartOverflow "OFPBRC_MULTIPART_BUFFER_OVERFLOW" standard(1, 13) "A multipart request longer than the switch keeps.";
    // OFPET_BAD_ACTION
    ActionType "OFPBAC_BAD_TYPE" standard(2, 0) "An action that nobody knows, or that cannot stand here.";
    ActionLen "OFPBAC_BAD_LEN" standard(2, 1) "An action of a length that it cannot have.";
    ActionVendor "OFPBAC_BAD_VENDOR" standard(2, 2) "An action of an experimenter that nobody knows.";
    ActionVendorType "OFPBAC_BAD_VENDOR_TYPE" standard(2, 3) "A known experimenter's action that nobody knows.";
    ActionOutPort "OFPBAC_BAD_OUT_PORT" standard(2, 4) "Nothing can be sent there.";
    ActionArgument "OFPBAC_BAD_ARGUMENT" standard(2, 5) "A value that the action cannot have.";
    ActionPermission "OFPBAC_EPERM" standard(2, 6) "An action that is not permitted.";
    ActionTooMany "OFPBAC_TOO_MANY" standard(2, 7) "More actions than the switch takes.";
    ActionQueue "OFPBAC_BAD_QUEUE" standard(2, 8) "A queue that there is not.";
    ActionOutGroup "OFPBAC_BAD_OUT_GROUP" standard(2, 9) "A group that there is not.";
    MatchInconsistent "OFPBAC_MATCH_INCONSISTENT" standard(2, 10) "Actions that do not fit the match.";
    ActionOrder "OFPBAC_UNSUPPORTED_ORDER" standard(2, 11) "Actions that stand in another order.";
    ActionTag "OFPBAC_BAD_TAG" standard(2, 12) "More VLAN tags than Open vSwitch looks at.";
    ActionSetType "OFPBAC_BAD_SET_TYPE" standard(2, 13) "A field that nobody knows.";
    ActionSetLen "OFPBAC_BAD_SET_LEN" standard(2, 14) "Bits that a field has not.";
    ActionSetArgument "OFPBAC_BAD_SET_ARGUMENT" standard(2, 15) "A field that cannot be set, or not so.";
    // OFPET_BAD_INSTRUCTION
    InstructionUnknown "OFPBIC_UNKNOWN_INST" standard(3, 0) "An instruction that nobody knows.";
    InstructionUnsupported "OFPBIC_UNSUP_INST" standard(3, 1) "An instruction where an action should be.";
    InstructionTable "OFPBIC_BAD_TABLE_ID" standard(3, 2) "A next table that does not come behind its own.";
    InstructionMetadata "OFPBIC_UNSUP_METADATA" standard(3, 3) "Metadata that the table cannot write.";
    InstructionMetadataMask "OFPBIC_UNSUP_METADATA_MASK" standard(3, 4) "A mask of metadata that the table cannot write.";
    InstructionExperimenter "OFPBIC_BAD_EXPERIMENTER" standard(3, 5) "An experimenter's instruction.";
    InstructionExperimenterType "OFPBIC_BAD_EXP_TYPE" standard(3, 6) "A known experimenter's instruction that nobody knows.";
    InstructionLen "OFPBIC_BAD_LEN" standard(3, 7) "An instruction of a length that it cannot have.";
    InstructionPermission "OFPBIC_EPERM" standard(3, 8) "An instruction that is not permitted.";
    // OFPET_BAD_MATCH
    MatchType "OFPBMC_BAD_TYPE" standard(4, 0) "A match of a type that nobody knows.";
    MatchLen "OFPBMC_BAD_LEN" standard(4, 1) "A field of a length that it cannot have.";
    MatchTag "OFPBMC_BAD_TAG" standard(4, 2) "A tag or encapsulation that cannot be matched.";
    MatchEthernetMask "OFPBMC_BAD_DL_ADDR_MASK" standard(4, 3) "A mask of an Ethernet address that the switch cannot match.";
    MatchNetworkMask "OFPBMC_BAD_NW_ADDR_MASK" standard(4, 4) "A mask of a network address that the switch cannot match.";
    MatchWildcards "OFPBMC_BAD_WILDCARDS" standard(4, 5) "A value with bits outside its mask.";
    MatchField "OFPBMC_BAD_FIELD" standard(4, 6) "A field that nobody knows.";
    MatchValue "OFPBMC_BAD_VALUE" standard(4, 7) "A value that the field cannot have.";
    MatchMask "OFPBMC_BAD_MASK" standard(4, 8) "A mask that the field cannot have.";
    MatchPrerequisite "OFPBMC_BAD_PREREQ" standard(4, 9) "A field without what must be matched before it.";
    MatchTwice "OFPBMC_DUP_FIELD" standard(4, 10) "A field that stands twice.";
    MatchPermission "OFPBMC_EPERM" standard(4, 11) "A match that is not permitted.";
    // OFPET_FLOW_MOD_FAILED
    FlowUnknown "OFPFMFC_UNKNOWN" standard(5, 0) "A change of flows that failed for a reason that is not told.";
    FlowTableFull "OFPFMFC_TABLE_FULL" standard(5, 1) "A table that is full.";
    FlowTable "OFPFMFC_BAD_TABLE_ID" standard(5, 2) "All tables, where only a deletion can mean them.";
    FlowOverlap "OFPFMFC_OVERLAP" standard(5, 3) "A flow that overlaps another one, where that was to be checked.";
    FlowPermission "OFPFMFC_EPERM" standard(5, 4) "A change of flows that is not permitted.";
    FlowTimeout "OFPFMFC_BAD_TIMEOUT" standard(5, 5) "A timeout that the switch cannot have.";
    FlowCommand "OFPFMFC_BAD_COMMAND" standard(5, 6) "A change of flows that nobody knows.";
    FlowFlags "OFPFMFC_BAD_FLAGS" standard(5, 7) "Flags of a flow that OpenFlow 1.3 has not.";
    // OFPET_GROUP_MOD_FAILED
    GroupExists "OFPGMFC_GROUP_EXISTS" standard(6, 0) "A group that there is already.";
    GroupInvalid "OFPGMFC_INVALID_GROUP" standard(6, 1) "Buckets that the type of group cannot have.";
    GroupWeightUnsupported "OFPGMFC_WEIGHT_UNSUPPORTED" standard(6, 2) "Weights of buckets, where the switch has none.";
    GroupsFull "OFPGMFC_OUT_OF_GROUPS" standard(6, 3) "More groups than the switch holds.";
    BucketsFull "OFPGMFC_OUT_OF_BUCKETS" standard(6, 4) "More buckets than the switch holds.";
    GroupChainingUnsupported "OFPGMFC_CHAINING_UNSUPPORTED" standard(6, 5) "A group inside a group, where the switch has none.";
    GroupWatchUnsupported "OFPGMFC_WATCH_UNSUPPORTED" standard(6, 6) "A bucket that watches in a group that does not.";
    GroupLoop "OFPGMFC_LOOP" standard(6, 7) "Groups that form a loop.";
    GroupUnknown "OFPGMFC_UNKNOWN_GROUP" standard(6, 8) "A change of a group that there is not.";
    GroupChained "OFPGMFC_CHAINED_GROUP" standard(6, 9) "A group that another one sends packets to.";
    GroupType "OFPGMFC_BAD_TYPE" standard(6, 10) "A type of group that nobody knows.";
    GroupCommand "OFPGMFC_BAD_COMMAND" standard(6, 11) "A change of groups that nobody knows.";
    GroupBucket "OFPGMFC_BAD_BUCKET" standard(6, 12) "A bucket that is not well-formed.";
    GroupWatch "OFPGMFC_BAD_WATCH" standard(6, 13) "A port that cannot be watched.";
    GroupPermission "OFPGMFC_EPERM" standard(6, 14) "A change of groups that is not permitted.";
    // OFPET_PORT_MOD_FAILED
    PortNumber "OFPPMFC_BAD_PORT" standard(7, 0) "A port that there is not.";
    PortAddress "OFPPMFC_BAD_HW_ADDR" standard(7, 1) "A MAC address other than the port has.";
    PortConfig "OFPPMFC_BAD_CONFIG" standard(7, 2) "Settings that a port cannot have.";
    PortAdvertise "OFPPMFC_BAD_ADVERTISE" standard(7, 3) "Features that a port cannot advertise.";
    PortPermission "OFPPMFC_EPERM" standard(7, 4) "A change of a port that is not permitted.";
    // OFPET_TABLE_MOD_FAILED
    TableModNumber "OFPTMFC_BAD_TABLE" standard(8, 0) "A change of a table that there is not.";
    TableModConfig "OFPTMFC_BAD_CONFIG" standard(8, 1) "Settings that a table cannot have.";
    TableModPermission "OFPTMFC_EPERM" standard(8, 2) "A change of a table that is not permitted.";
    // OFPET_QUEUE_OP_FAILED
    QueuePort "OFPQOFC_BAD_PORT" standard(9, 0) "A port that cannot have queues.";
    QueueNumber "OFPQOFC_BAD_QUEUE" standard(9, 1) "A queue that there is not.";
    QueuePermission "OFPQOFC_EPERM" standard(9, 2) "A question about queues that is not permitted.";
    // OFPET_SWITCH_CONFIG_FAILED
    ConfigFlags "OFPSCFC_BAD_FLAGS" standard(10, 0) "Settings of a switch that nobody knows.";
    ConfigLen "OFPSCFC_BAD_LEN" standard(10, 1) "A length of packets that the switch cannot send.";
    ConfigPermission "OFPSCFC_EPERM" standard(10, 2) "A change of settings that is not permitted.";
    // OFPET_ROLE_REQUEST_FAILED
    RoleStale "OFPRRFC_STALE" standard(11, 0) "A generation of an election that is over.";
    RoleUnsupported "OFPRRFC_UNSUP" standard(11, 1) "A change of roles, where the switch has none.";
    Role "OFPRRFC_BAD_ROLE" standard(11, 2) "A role that nobody knows.";
    // OFPET_METER_MOD_FAILED
    MeterUnknown "OFPMMFC_UNKNOWN" standard(12, 0) "A change of meters that failed for a reason that is not told.";
    MeterExists "OFPMMFC_METER_EXISTS" standard(12, 1) "A meter that there is already.";
    MeterNumber "OFPMMFC_INVALID_METER" standard(12, 2) "A meter that there cannot be.";
    MeterMissing "OFPMMFC_UNKNOWN_METER" standard(12, 3) "A change of a meter that there is not.";
    MeterCommand "OFPMMFC_BAD_COMMAND" standard(12, 4) "A change of meters that nobody knows.";
    MeterFlags "OFPMMFC_BAD_FLAGS" standard(12, 5) "Two units of rates at once.";
    MeterRate "OFPMMFC_BAD_RATE" standard(12, 6) "A rate that a meter cannot have.";
    MeterBurst "OFPMMFC_BAD_BURST" standard(12, 7) "A burst size that a meter cannot have.";
    MeterBand "OFPMMFC_BAD_BAND" standard(12, 8) "A band that nobody knows.";
    MeterBandValue "OFPMMFC_BAD_BAND_VALUE" standard(12, 9) "A value that a band cannot have.";
    MetersFull "OFPMMFC_OUT_OF_METERS" standard(12, 10) "More meters than the switch holds.";
    BandsFull "OFPMMFC_OUT_OF_BANDS" standard(12, 11) "More bands than a meter can have.";
    // OFPET_TABLE_FEATURES_FAILED
    TableNumber "OFPTFFC_BAD_TABLE" standard(13, 0) "A table that there is not.";
    TableMetadata "OFPTFFC_BAD_METADATA" standard(13, 1) "Metadata that a table cannot have.";
    PropertyType "OFPBPC_BAD_TYPE" standard(13, 2) "A property that nobody knows.";
    PropertyLen "OFPBPC_BAD_LEN" standard(13, 3) "A property of a length that it cannot have.";
    PropertyValue "OFPBPC_BAD_VALUE" standard(13, 4) "A value that a property cannot have.";
    TablePermission "OFPTFFC_EPERM" standard(13, 5) "A change of features that is not permitted.";
    // ONF's extensions of 1.3 (OFPET_EXPERIMENTER)
    BundleUnknown "OFPBFC_UNKNOWN" onf(2300) "A bundle that failed for a reason that is not told.";
    BundlePermission "OFPBFC_EPERM" onf(2301) "A bundle that is not permitted.";
    BundleId "OFPBFC_BAD_ID" onf(2302) "A bundle that there is not.";
    BundleExists "OFPBFC_BUNDLE_EXIST" onf(2303) "A bundle that is open already.";
    BundleClosed "OFPBFC_BUNDLE_CLOSED" onf(2304) "A bundle that is closed.";
    BundlesFull "OFPBFC_OUT_OF_BUNDLES" onf(2305) "More bundles than the switch holds.";
    BundleType "OFPBFC_BAD_TYPE" onf(2306) "A control message of a bundle that nobody knows.";
    BundleFlags "OFPBFC_BAD_FLAGS" onf(2307) "Flags other than the bundle was opened with, or that nobody knows.";
    BundleMessageLen "OFPBFC_MSG_BAD_LEN" onf(2308) "A message inside a message of a length that it cannot have.";
    BundleXid "OFPBFC_MSG_BAD_XID" onf(2309) "A message in a bundle under another xid.";
    BundleMessage "OFPBFC_MSG_UNSUP" onf(2310) "A message that cannot stand in another.";
    BundleMessageConflict "OFPBFC_MSG_CONFLICT" onf(2311) "A message that contradicts another one of its bundle.";
    BundleMessageTooMany "OFPBFC_MSG_TOO_MANY" onf(2312) "More messages than a bundle holds.";
    BundleMessageFailed "OFPBFC_MSG_FAILED" onf(2313) "A bundle of which a message failed.";
    BundleTimeout "OFPBFC_TIMEOUT" onf(2314) "A bundle that was open for too long.";
    BundleInProgress "OFPBFC_BUNDLE_IN_PROGRESS" onf(2315) "A bundle that is being committed.";
    FlowPriority "OFPFMFC_BAD_PRIORITY" onf(2360) "A priority that a flow cannot have.";
    AsyncInvalid "OFPACFC_INVALID" onf(2370) "Reasons that there are not.";
    AsyncUnsupported "OFPACFC_UNSUPPORTED" onf(2371) "A kind of message that is never sent unasked.";
    AsyncPermission "OFPACFC_EPERM" onf(2372) "A choice of messages that is not permitted.";
    InstructionTwice "OFPBIC_DUP_INST" onf(2600) "An instruction that stands twice.";
    MultipartRequestTimeout "OFPBRC_MULTIPART_REQUEST_TIMEOUT" onf(2640) "A multipart request whose next part did not come.";
    MultipartReplyTimeout "OFPBRC_MULTIPART_REPLY_TIMEOUT" onf(2641) "A multipart reply whose next part did not come.";
    ActionSetMask "OFPBAC_BAD_SET_MASK" onf(4250) "A mask where OpenFlow 1.3 has none.";
    PropertyTooMany "OFPBPC_TOO_MANY" onf(4443) "More properties of one type than there can be.";
    PropertyTwice "OFPBPC_DUP_TYPE" onf(4444) "A property that stands twice.";
    PropertyVendor "OFPBPC_BAD_EXPERIMENTER" onf(4445) "A property of an experimenter that nobody knows.";
    PropertyVendorType "OFPBPC_BAD_EXP_TYPE" onf(4446) "A known experimenter's property that nobody knows.";
    PropertyVendorValue "OFPBPC_BAD_EXP_VALUE" onf(4447) "A value that an experimenter's property cannot have.";
    PropertyPermission "OFPBPC_EPERM" onf(4448) "A property that is not permitted.";
    // Nicira's (OFPET_EXPERIMENTER)
    CookieMatch "NXBRC_NXM_INVALID" nicira(2) "A flow to be added that is selected by a cookie.";
    NxmType "NXBRC_NXM_BAD_TYPE" nicira(3) "A field of NXM that nobody knows.";
    MustBeZero "NXBRC_MUST_BE_ZERO" nicira(4) "Bytes that must be zero and are not.";
    PortReason "NXBRC_BAD_REASON" nicira(5) "A change of a port that nobody knows.";
    MonitorExists "OFPMOFC_MONITOR_EXISTS" nicira(6) "A flow monitor that there is already.";
    MonitorFlags "OFPMOFC_BAD_FLAGS" nicira(7) "A flow monitor that watches nothing, or flags that nobody knows.";
    MonitorUnknown "OFPMOFC_UNKNOWN_MONITOR" nicira(8) "A flow monitor that there is not.";
    MonitorEvent "NXBRC_FM_BAD_EVENT" nicira(9) "An event of a flow monitor that nobody knows.";
    Unencodable "NXBRC_UNENCODABLE_ERROR" nicira(10) "An error that has no number in this version.";
    ActionMustBeZero "NXBAC_MUST_BE_ZERO" nicira(11) "Bytes of an action that must be zero and are not.";
    FlowHardware "NXFMFC_HARDWARE" nicira(12) "A change of flows that the hardware refuses.";
    FlowTableNumber "NXFMFC_BAD_TABLE_ID" nicira(13) "A table that there is not, in a change of flows.";
    Conjunction "NXBAC_BAD_CONJUNCTION" nicira(15) "A conjunction with impossible clauses, or beside other actions.";
    TlvCommand "NXTTMFC_BAD_COMMAND" nicira(16) "A change of the TLV table that nobody knows.";
    TlvLen "NXTTMFC_BAD_OPT_LEN" nicira(17) "A tunnel option of a length that it cannot have.";
    TlvField "NXTTMFC_BAD_FIELD_IDX" nicira(18) "A tunnel option beyond those that there are.";
    TlvTableFull "NXTTMFC_TABLE_FULL" nicira(19) "More tunnel options than the switch maps.";
    TlvMapped "NXTTMFC_ALREADY_MAPPED" nicira(20) "A field that stands for a tunnel option already.";
    TlvTwice "NXTTMFC_DUP_ENTRY" nicira(21) "A tunnel option that stands twice.";
    ResumeUnsupported "NXR_NOT_SUPPORTED" nicira(34) "A packet that cannot be gone on with.";
    ResumeStale "NXR_STALE" nicira(35) "A packet whose bridge or tables are not as they were.";
    IpfixNotConfigured "NXST_NOT_CONFIGURED" nicira(36) "Counters of IPFIX, where it is not set up.";
    FlowTlvField "NXFMFC_INVALID_TLV_FIELD" nicira(37) "A flow with a tunnel option that is not mapped.";
    TlvInUse "NXTTMFC_INVALID_TLV_DEL" nicira(38) "A tunnel option that flows use.";
    HeaderType "NXBAC_BAD_HEADER_TYPE" nicira(39) "A header that cannot be put in front of a packet.";
    HeaderProperty "NXBAC_UNKNOWN_ED_PROP" nicira(40) "A property of a header that nobody knows.";
    HeaderPropertyValue "NXBAC_BAD_ED_PROP" nicira(41) "A property of a header that is not well-formed.";
    ActionConntrack "NXBAC_CT_DATAPATH_SUPPORT" nicira(42) "Connection tracking that the datapath does not have.";
    MatchConntrack "NXBMC_CT_DATAPATH_SUPPORT" nicira(43) "A match of connections that the datapath does not have.";
    TableTwice "NXTFFC_DUP_TABLE" nicira(44) "A table that stands twice.";
    // Without a number in OpenFlow 1.3
    TableFeatures "OFPTFFC_BAD_FEATURES" none() "Features of a table that contradict each other, or are missing.";
    BundleVersion "OFPBFC_BAD_VERSION" none() "A message of another version in a bundle.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_finds_its_error_again_and_no_name_stands_twice() {
        let names: HashSet<&str> = OvsError::ALL.iter().map(|error| error.name()).collect();
        assert_eq!(names.len(), OvsError::ALL.len());
        for &error in OvsError::ALL {
            if let Some(code) = error.wire_code() {
                assert_eq!(OvsError::from_wire_code(code), Some(error), "{error}");
                assert!(code.kind_name().is_some(), "{error}");
            }
        }
        assert_eq!(OvsError::from_wire_code(ErrorCode::BAD_LEN), Some(OvsError::RequestLen));
        assert_eq!(OvsError::from_wire_code(ErrorCode::standard(14, 0)), None);
    }
}
