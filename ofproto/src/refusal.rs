//! Why Open vSwitch refuses a match, actions or instructions that it can read as such.
//!
//! Decoding is forgiving: what is not known is kept, and what makes no sense is passed on. A switch is stricter, and so is what
//! `ovs-ofctl` prints of a message: it names the error. [`Match::refusal`](crate::oxm::Match::refusal),
//! [`Action::refusal`](crate::action::Action::refusal) and
//! [`Instruction::refusal`](crate::instruction::Instruction::refusal) tell which it would be.

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
    MatchType "OFPBMC_BAD_TYPE" "A match of a type that nobody knows.",
    GroupBucket "OFPGMFC_BAD_BUCKET" "A bucket of a length that it cannot have.",
    BundleMessageLen "OFPBFC_MSG_BAD_LEN" "A message in a bundle of a length that it cannot have.",
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
