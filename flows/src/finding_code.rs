//! The codes of findings: stable names for scripts, editors and documents.

use std::fmt;

macro_rules! finding_codes {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// The kind of a finding; its text stays the same from release to release.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FindingCode {
            $($(#[$doc])* $name,)*
        }

        impl FindingCode {
            /// Every code, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the code as it is printed, in kebab-case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

finding_codes! {
    /// `addition-name-taken`
    AdditionNameTaken => "addition-name-taken",
    /// `addition-number-taken`
    AdditionNumberTaken => "addition-number-taken",
    /// `addition-out-of-range`
    AdditionOutOfRange => "addition-out-of-range",
    /// `addition-service`
    AdditionService => "addition-service",
    /// `addition-there-already`
    AdditionThereAlready => "addition-there-already",
    /// `addition-unknown-network`
    AdditionUnknownNetwork => "addition-unknown-network",
    /// `addition-unknown-template`
    AdditionUnknownTemplate => "addition-unknown-template",
    /// `address-differs`
    AddressDiffers => "address-differs",
    /// `address-owned-twice`
    AddressOwnedTwice => "address-owned-twice",
    /// `allow-to-itself`
    AllowToItself => "allow-to-itself",
    /// `already-allowed`
    AlreadyAllowed => "already-allowed",
    /// `always-violated`
    AlwaysViolated => "always-violated",
    /// `always-without-address`
    AlwaysWithoutAddress => "always-without-address",
    /// `assumed-address`
    AssumedAddress => "assumed-address",
    /// `assumed-bridge`
    AssumedBridge => "assumed-bridge",
    /// `assumed-subnet`
    AssumedSubnet => "assumed-subnet",
    /// `bad-address`
    BadAddress => "bad-address",
    /// `bad-bridge-name`
    BadBridgeName => "bad-bridge-name",
    /// `bad-datapath-id`
    BadDatapathId => "bad-datapath-id",
    /// `bad-date`
    BadDate => "bad-date",
    /// `bad-envelope`
    BadEnvelope => "bad-envelope",
    /// `bad-link-local`
    BadLinkLocal => "bad-link-local",
    /// `bad-mac`
    BadMac => "bad-mac",
    /// `bad-name`
    BadName => "bad-name",
    /// `bad-port`
    BadPort => "bad-port",
    /// `bad-port-name`
    BadPortName => "bad-port-name",
    /// `bad-prefix`
    BadPrefix => "bad-prefix",
    /// `bad-protocol`
    BadProtocol => "bad-protocol",
    /// `bad-range`
    BadRange => "bad-range",
    /// `bad-temp`
    BadTemp => "bad-temp",
    /// `bad-value`
    BadValue => "bad-value",
    /// `bad-via`
    BadVia => "bad-via",
    /// `behind-foreign`
    BehindForeign => "behind-foreign",
    /// `broken-table`
    BrokenTable => "broken-table",
    /// `built-in-name`
    BuiltInName => "built-in-name",
    /// `client-elsewhere`
    ClientElsewhere => "client-elsewhere",
    /// `confine-violated`
    ConfineViolated => "confine-violated",
    /// `confined-to-itself`
    ConfinedToItself => "confined-to-itself",
    /// `container-numbers-taken`
    ContainerNumbersTaken => "container-numbers-taken",
    /// `container-numbers-without-place`
    ContainerNumbersWithoutPlace => "container-numbers-without-place",
    /// `contradicting-keys`
    ContradictingKeys => "contradicting-keys",
    /// `crosses-networks`
    CrossesNetworks => "crosses-networks",
    /// `crossing-ambiguous`
    CrossingAmbiguous => "crossing-ambiguous",
    /// `crossing-link`
    CrossingLink => "crossing-link",
    /// `crossing-party`
    CrossingParty => "crossing-party",
    /// `datapath-and-name`
    DatapathAndName => "datapath-and-name",
    /// `datapath-of-any`
    DatapathOfAny => "datapath-of-any",
    /// `datapath-twice`
    DatapathTwice => "datapath-twice",
    /// `document-too-big`
    DocumentTooBig => "document-too-big",
    /// `duplicate-bridge`
    DuplicateBridge => "duplicate-bridge",
    /// `duplicate-name`
    DuplicateName => "duplicate-name",
    /// `duplicate-rule`
    DuplicateRule => "duplicate-rule",
    /// `duplicate-template`
    DuplicateTemplate => "duplicate-template",
    /// `empty-file`
    EmptyFile => "empty-file",
    /// `empty-list`
    EmptyList => "empty-list",
    /// `empty-text`
    EmptyText => "empty-text",
    /// `envelope-differs`
    EnvelopeDiffers => "envelope-differs",
    /// `envelope-not-in-document`
    EnvelopeNotInDocument => "envelope-not-in-document",
    /// `file-too-big`
    FileTooBig => "file-too-big",
    /// `flow-not-as-written`
    FlowNotAsWritten => "flow-not-as-written",
    /// `flow-replaced`
    FlowReplaced => "flow-replaced",
    /// `flow-syntax`
    FlowSyntax => "flow-syntax",
    /// `flows-beside-networks`
    FlowsBesideNetworks => "flows-beside-networks",
    /// `forwards-beside-networks`
    ForwardsBesideNetworks => "forwards-beside-networks",
    /// `gateway-nobody`
    GatewayNobody => "gateway-nobody",
    /// `gateway-owned`
    GatewayOwned => "gateway-owned",
    /// `host-bits`
    HostBits => "host-bits",
    /// `host-not-in-document`
    HostNotInDocument => "host-not-in-document",
    /// `host-nowhere`
    HostNowhere => "host-nowhere",
    /// `include-cycle`
    IncludeCycle => "include-cycle",
    /// `include-twice`
    IncludeTwice => "include-twice",
    /// `learn-beside-learning`
    LearnBesideLearning => "learn-beside-learning",
    /// `learn-by-controller`
    LearnByController => "learn-by-controller",
    /// `learn-cookie`
    LearnCookie => "learn-cookie",
    /// `learn-without-flows`
    LearnWithoutFlows => "learn-without-flows",
    /// `learn-without-limit`
    LearnWithoutLimit => "learn-without-limit",
    /// `learn-wrong-direction`
    LearnWrongDirection => "learn-wrong-direction",
    /// `learned-table-unused`
    LearnedTableUnused => "learned-table-unused",
    /// `learning-beside-forwards`
    LearningBesideForwards => "learning-beside-forwards",
    /// `learning-beside-networks`
    LearningBesideNetworks => "learning-beside-networks",
    /// `lease-beside-link`
    LeaseBesideLink => "lease-beside-link",
    /// `leased-address`
    LeasedAddress => "leased-address",
    /// `leased-without-dhcp`
    LeasedWithoutDhcp => "leased-without-dhcp",
    /// `limit-without-learning`
    LimitWithoutLearning => "limit-without-learning",
    /// `link-ends`
    LinkEnds => "link-ends",
    /// `link-joins-networks`
    LinkJoinsNetworks => "link-joins-networks",
    /// `link-local-owned-twice`
    LinkLocalOwnedTwice => "link-local-owned-twice",
    /// `link-one-bridge`
    LinkOneBridge => "link-one-bridge",
    /// `links-overlap`
    LinksOverlap => "links-overlap",
    /// `mac-used-twice`
    MacUsedTwice => "mac-used-twice",
    /// `maybe-a-host`
    MaybeAHost => "maybe-a-host",
    /// `misplaced-key`
    MisplacedKey => "misplaced-key",
    /// `missing-column`
    MissingColumn => "missing-column",
    /// `missing-key`
    MissingKey => "missing-key",
    /// `network-and-bridge`
    NetworkAndBridge => "network-and-bridge",
    /// `never-violated`
    NeverViolated => "never-violated",
    /// `next-hop-owned`
    NextHopOwned => "next-hop-owned",
    /// `no-address`
    NoAddress => "no-address",
    /// `no-bridge`
    NoBridge => "no-bridge",
    /// `no-dhcp-row`
    NoDhcpRow => "no-dhcp-row",
    /// `no-envelope`
    NoEnvelope => "no-envelope",
    /// `no-flows`
    NoFlows => "no-flows",
    /// `no-hosts`
    NoHosts => "no-hosts",
    /// `no-network`
    NoNetwork => "no-network",
    /// `no-placeholder`
    NoPlaceholder => "no-placeholder",
    /// `no-rule`
    NoRule => "no-rule",
    /// `no-way-out`
    NoWayOut => "no-way-out",
    /// `normal-as-isolation`
    NormalAsIsolation => "normal-as-isolation",
    /// `not-a-member`
    NotAMember => "not-a-member",
    /// `not-a-party`
    NotAParty => "not-a-party",
    /// `not-attached`
    NotAttached => "not-attached",
    /// `not-enforced`
    NotEnforced => "not-enforced",
    /// `not-for-always`
    NotForAlways => "not-for-always",
    /// `not-for-confine`
    NotForConfine => "not-for-confine",
    /// `not-for-never`
    NotForNever => "not-for-never",
    /// `not-in-conntrack`
    NotInConntrack => "not-in-conntrack",
    /// `not-on-a-network`
    NotOnANetwork => "not-on-a-network",
    /// `not-outside`
    NotOutside => "not-outside",
    /// `number-out-of-range`
    NumberOutOfRange => "number-out-of-range",
    /// `out-of-range`
    OutOfRange => "out-of-range",
    /// `outside-subnets`
    OutsideSubnets => "outside-subnets",
    /// `overlap`
    Overlap => "overlap",
    /// `overlay-alone`
    OverlayAlone => "overlay-alone",
    /// `place-differs`
    PlaceDiffers => "place-differs",
    /// `place-not-in-document`
    PlaceNotInDocument => "place-not-in-document",
    /// `port-on-two-bridges`
    PortOnTwoBridges => "port-on-two-bridges",
    /// `port-used-twice`
    PortUsedTwice => "port-used-twice",
    /// `ports-without-protocol`
    PortsWithoutProtocol => "ports-without-protocol",
    /// `ranges-overlap`
    RangesOverlap => "ranges-overlap",
    /// `repeated`
    Repeated => "repeated",
    /// `repeated-column`
    RepeatedColumn => "repeated-column",
    /// `repeated-host`
    RepeatedHost => "repeated-host",
    /// `repeated-row`
    RepeatedRow => "repeated-row",
    /// `router-link-local`
    RouterLinkLocal => "router-link-local",
    /// `row-differs`
    RowDiffers => "row-differs",
    /// `row-not-allowed`
    RowNotAllowed => "row-not-allowed",
    /// `row-not-in-document`
    RowNotInDocument => "row-not-in-document",
    /// `sampling-beside-learning`
    SamplingBesideLearning => "sampling-beside-learning",
    /// `sampling-nothing`
    SamplingNothing => "sampling-nothing",
    /// `shared-alone`
    SharedAlone => "shared-alone",
    /// `shared-differs`
    SharedDiffers => "shared-differs",
    /// `subnets-overlap`
    SubnetsOverlap => "subnets-overlap",
    /// `syntax`
    Syntax => "syntax",
    /// `table-not-read`
    TableNotRead => "table-not-read",
    /// `tables-disagree`
    TablesDisagree => "tables-disagree",
    /// `too-many`
    TooMany => "too-many",
    /// `too-many-cells`
    TooManyCells => "too-many-cells",
    /// `too-many-findings`
    TooManyFindings => "too-many-findings",
    /// `too-many-overlaps`
    TooManyOverlaps => "too-many-overlaps",
    /// `too-much-to-compare`
    TooMuchToCompare => "too-much-to-compare",
    /// `two-envelopes`
    TwoEnvelopes => "two-envelopes",
    /// `undecided`
    Undecided => "undecided",
    /// `unknown-column`
    UnknownColumn => "unknown-column",
    /// `unknown-crossing`
    UnknownCrossing => "unknown-crossing",
    /// `unknown-endpoint`
    UnknownEndpoint => "unknown-endpoint",
    /// `unknown-exit`
    UnknownExit => "unknown-exit",
    /// `unknown-host`
    UnknownHost => "unknown-host",
    /// `unknown-key`
    UnknownKey => "unknown-key",
    /// `unknown-link`
    UnknownLink => "unknown-link",
    /// `unknown-name`
    UnknownName => "unknown-name",
    /// `unknown-network`
    UnknownNetwork => "unknown-network",
    /// `unknown-outside`
    UnknownOutside => "unknown-outside",
    /// `unknown-overlay`
    UnknownOverlay => "unknown-overlay",
    /// `unknown-port`
    UnknownPort => "unknown-port",
    /// `unnamed-host`
    UnnamedHost => "unnamed-host",
    /// `unnamed-party`
    UnnamedParty => "unnamed-party",
    /// `unreadable`
    Unreadable => "unreadable",
    /// `unusable-address`
    UnusableAddress => "unusable-address",
    /// `via-inside`
    ViaInside => "via-inside",
    /// `w`
    W => "w",
    /// `wider-than-row`
    WiderThanRow => "wider-than-row",
    /// `wrong-type`
    WrongType => "wrong-type",
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for FindingCode {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for FindingCode {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}
