//! Why Open vSwitch refuses a message, or a match, actions or instructions in it.
//!
//! Decoding is forgiving: what is not known is kept, and what makes no sense is passed on. A switch is stricter, and so is what
//! `ovs-ofctl` prints of a message: it names the error. [`Match::refusal`](crate::oxm::Match::refusal),
//! [`Action::refusal`](crate::action::Action::refusal) and
//! [`Instruction::refusal`](crate::instruction::Instruction::refusal) tell which it would be.

use crate::error::{DecodeError, DecodeErrorKind};

macro_rules! refusals {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// An error of Open vSwitch, by its name there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal { $(#[doc = $doc] $variant,)* }

        impl Refusal {
            /// Its name in ovs's `ofp-errors.h`, without OFPERR_.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

refusals! {
    RequestVersion "OFPBRC_BAD_VERSION" "A version that nobody speaks.",
    RequestType "OFPBRC_BAD_TYPE" "A message that nobody knows.",
    RequestMultipart "OFPBRC_BAD_STAT" "A multipart message that nobody knows.",
    RequestVendor "OFPBRC_BAD_VENDOR" "A message of an experimenter that nobody knows.",
    RequestVendorType "OFPBRC_BAD_SUBTYPE" "A known experimenter's message that nobody knows.",
    RequestPermission "OFPBRC_EPERM" "What a controller may not ask for.",
    RequestLen "OFPBRC_BAD_LEN" "A message of a length that it cannot have.",
    RequestPort "OFPBRC_BAD_PORT" "A port that a packet cannot come from.",
    FlowCommand "OFPFMFC_BAD_COMMAND" "A change of flows that nobody knows.",
    FlowFlags "OFPFMFC_BAD_FLAGS" "Flags of a flow that OpenFlow 1.3 has not.",
    FlowTable "OFPFMFC_BAD_TABLE_ID" "All tables, where only a deletion can mean them.",
    GroupBucket "OFPGMFC_BAD_BUCKET" "A bucket that is not well-formed.",
    GroupCommand "OFPGMFC_BAD_COMMAND" "A change of groups that nobody knows.",
    GroupType "OFPGMFC_BAD_TYPE" "A type of group that nobody knows.",
    GroupWatch "OFPGMFC_BAD_WATCH" "A port that cannot be watched.",
    GroupInvalid "OFPGMFC_INVALID_GROUP" "Buckets that the type of group cannot have.",
    GroupWatchUnsupported "OFPGMFC_WATCH_UNSUPPORTED" "A bucket that watches in a group that does not.",
    MeterBand "OFPMMFC_BAD_BAND" "A band that nobody knows.",
    MeterCommand "OFPMMFC_BAD_COMMAND" "A change of meters that nobody knows.",
    MeterFlags "OFPMMFC_BAD_FLAGS" "Two units of rates at once.",
    MeterNumber "OFPMMFC_INVALID_METER" "A meter that there cannot be.",
    MonitorFlags "OFPMOFC_BAD_FLAGS" "A flow monitor that watches nothing, or flags that nobody knows.",
    QueuePort "OFPQOFC_BAD_PORT" "A port that cannot have queues.",
    Role "OFPRRFC_BAD_ROLE" "A role that nobody knows.",
    ConfigFlags "OFPSCFC_BAD_FLAGS" "Settings of a switch that nobody knows.",
    TableFeatures "OFPTFFC_BAD_FEATURES" "Features of a table that contradict each other, or are missing.",
    TableNumber "OFPTFFC_BAD_TABLE" "A table that there is not.",
    AsyncInvalid "OFPACFC_INVALID" "Reasons that there are not.",
    AsyncUnsupported "OFPACFC_UNSUPPORTED" "A kind of message that is never sent unasked.",
    BundleVersion "OFPBFC_BAD_VERSION" "A message of another version in a bundle.",
    BundleMessageLen "OFPBFC_MSG_BAD_LEN" "A message inside a message of a length that it cannot have.",
    BundleXid "OFPBFC_MSG_BAD_XID" "A message in a bundle under another xid.",
    BundleMessage "OFPBFC_MSG_UNSUP" "A message that cannot stand in another.",
    PropertyVendor "OFPBPC_BAD_EXPERIMENTER" "A property of an experimenter that nobody knows.",
    PropertyVendorType "OFPBPC_BAD_EXP_TYPE" "A known experimenter's property that nobody knows.",
    PropertyValue "OFPBPC_BAD_VALUE" "A value that a property cannot have.",
    MatchType "OFPBMC_BAD_TYPE" "A match of a type that nobody knows.",
    MatchInconsistent "OFPBAC_MATCH_INCONSISTENT" "Actions that do not fit the match.",
    InstructionTable "OFPBIC_BAD_TABLE_ID" "A next table that does not come behind its own.",
    PortReason "NXBRC_BAD_REASON" "A change of a port that nobody knows.",
    MonitorEvent "NXBRC_FM_BAD_EVENT" "An event of a flow monitor that nobody knows.",
    CookieMatch "NXBRC_NXM_INVALID" "A flow to be added that is selected by a cookie.",
    TlvCommand "NXTTMFC_BAD_COMMAND" "A change of the TLV table that nobody knows.",
    TlvField "NXTTMFC_BAD_FIELD_IDX" "A tunnel option beyond those that there are.",
    TlvLen "NXTTMFC_BAD_OPT_LEN" "A tunnel option of a length that it cannot have.",
    ActionType "OFPBAC_BAD_TYPE" "An action that nobody knows, or that cannot stand here.",
    ActionLen "OFPBAC_BAD_LEN" "An action of a length that it cannot have.",
    ActionVendor "OFPBAC_BAD_VENDOR" "An action of an experimenter that nobody knows.",
    ActionVendorType "OFPBAC_BAD_VENDOR_TYPE" "A known experimenter's action that nobody knows.",
    ActionOutPort "OFPBAC_BAD_OUT_PORT" "Nothing can be sent there.",
    ActionArgument "OFPBAC_BAD_ARGUMENT" "A value that the action cannot have.",
    ActionSetType "OFPBAC_BAD_SET_TYPE" "A field that nobody knows.",
    ActionSetLen "OFPBAC_BAD_SET_LEN" "Bits that a field has not.",
    ActionSetArgument "OFPBAC_BAD_SET_ARGUMENT" "A field that cannot be set, or not so.",
    ActionSetMask "OFPBAC_BAD_SET_MASK" "A mask where OpenFlow 1.3 has none.",
    ActionTag "OFPBAC_BAD_TAG" "More VLAN tags than Open vSwitch looks at.",
    ActionOrder "OFPBAC_UNSUPPORTED_ORDER" "Actions that stand in another order.",
    InstructionLen "OFPBIC_BAD_LEN" "An instruction of a length that it cannot have.",
    InstructionExperimenter "OFPBIC_BAD_EXPERIMENTER" "An experimenter's instruction.",
    InstructionUnknown "OFPBIC_UNKNOWN_INST" "An instruction that nobody knows.",
    InstructionUnsupported "OFPBIC_UNSUP_INST" "An instruction where an action should be.",
    InstructionTwice "OFPBIC_DUP_INST" "An instruction that stands twice.",
    MatchField "OFPBMC_BAD_FIELD" "A field that nobody knows.",
    MatchLen "OFPBMC_BAD_LEN" "A field of a length that it cannot have.",
    MatchMask "OFPBMC_BAD_MASK" "A mask that the field cannot have.",
    MatchWildcards "OFPBMC_BAD_WILDCARDS" "A value with bits outside its mask.",
    MatchValue "OFPBMC_BAD_VALUE" "A value that the field cannot have.",
    MatchPrerequisite "OFPBMC_BAD_PREREQ" "A field without what must be matched before it.",
    MatchTwice "OFPBMC_DUP_FIELD" "A field that stands twice.",
    MustBeZero "NXBRC_MUST_BE_ZERO" "Bytes that must be zero and are not.",
    Conjunction "NXBAC_BAD_CONJUNCTION" "A conjunction with impossible clauses, or beside other actions.",
    HeaderType "NXBAC_BAD_HEADER_TYPE" "A header that cannot be put in front of a packet.",
    HeaderProperty "NXBAC_UNKNOWN_ED_PROP" "A property of a header that nobody knows.",
    HeaderPropertyValue "NXBAC_BAD_ED_PROP" "A property of a header that is not well-formed.",
    PropertyType "OFPBPC_BAD_TYPE" "A property that nobody knows.",
    PropertyLen "OFPBPC_BAD_LEN" "A property of a length that it cannot have.",
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl From<DecodeError> for Refusal {
    /// What Open vSwitch says to bytes that are no message.
    fn from(error: DecodeError) -> Self {
        if let Some(refusal) = error.refusal {
            return refusal;
        }
        match error.kind {
            DecodeErrorKind::BadVersion(_) => Self::RequestVersion,
            DecodeErrorKind::BadType(_) => Self::RequestType,
            DecodeErrorKind::BadExperimenter(_) => Self::RequestVendor,
            DecodeErrorKind::BadField => Self::MatchField,
            DecodeErrorKind::BadValue(_) | DecodeErrorKind::Truncated | DecodeErrorKind::BadLength(_) => {
                Self::RequestLen
            }
        }
    }
}
