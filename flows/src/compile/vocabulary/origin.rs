//! The origin of a flow: the way back from the switch to the file.

/// The purpose of a compiled flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The kind of flow.
    pub kind: OriginKind,
    /// The rule of the file (allow, link, network), or the kind again for a flow without a single
    /// rule.
    pub rule: String,
    /// The reason for the drop, if the flow drops.
    pub reason: Option<Reason>,
    /// A description in words: sender, receiver, traffic.
    pub detail: String,
}

/// The kinds of compiled flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OriginKind {
    /// Decides which packets may enter at a port.
    Admission,
    /// Passes packets without a return flow on to policy.
    Returns,
    /// Finds the port of the address that a packet goes to.
    Destination,
    /// Keeps networks apart.
    Isolation,
    /// An `allow` of the file.
    Allow,
    /// A crossing of the file.
    Crossing,
    /// Passes packets between members of a network with `inside = "allow"`.
    Inside,
    /// ARP and neighbour discovery between parties that a rule joins.
    Resolution,
    /// Traffic that no rule allows.
    Deny,
    /// Outputs.
    Forwarding,
    /// One direction of a forwarding link.
    Wire,
    /// A learning switch: packets that the controller decides about.
    Learning,
    /// A raw line of the file.
    Raw,
}

impl OriginKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Admission,
        Self::Returns,
        Self::Destination,
        Self::Isolation,
        Self::Allow,
        Self::Crossing,
        Self::Inside,
        Self::Resolution,
        Self::Deny,
        Self::Forwarding,
        Self::Wire,
        Self::Learning,
        Self::Raw,
    ];

    /// Returns the kind's name in metrics and comments.
    pub fn label(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::Returns => "returns",
            Self::Destination => "destination",
            Self::Isolation => "isolation",
            Self::Allow => "allow",
            Self::Crossing => "crossing",
            Self::Inside => "inside",
            Self::Resolution => "resolution",
            Self::Deny => "deny",
            Self::Forwarding => "forwarding",
            Self::Wire => "wire",
            Self::Learning => "learning",
            Self::Raw => "raw",
        }
    }
}

/// The reason why a packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The frame carries a VLAN tag.
    Tagged,
    /// The file does not know the port.
    UnknownPort,
    /// The sender's address is not its own.
    Spoofed,
    /// The sender has not obtained the address that it uses, or another port has it.
    NotLeased,
    /// Another holder announced the sender's shared address.
    NotHolder,
    /// IPv6 router solicitations, listener reports and similar messages, from a link-local address.
    LinkLocal,
    /// The packet would cross from one network into another.
    Isolation,
    /// A DHCP answer, router advertisement or redirect from a port that may not send them.
    Rogue,
    /// IP multicast or broadcast that no rule asks for.
    Multicast,
    /// No rule allows the packet.
    NotAllowed,
    /// ARP or neighbour discovery for a party that no rule joins to the sender.
    NotJoined,
    /// The bridge lacks the output port.
    NoPort,
}

impl Reason {
    /// Returns the reason's name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tagged => "tagged",
            Self::UnknownPort => "unknown-port",
            Self::Spoofed => "spoofed",
            Self::NotLeased => "not-leased",
            Self::NotHolder => "not-holder",
            Self::LinkLocal => "link-local",
            Self::Isolation => "isolation",
            Self::Rogue => "rogue",
            Self::Multicast => "multicast",
            Self::NotAllowed => "not-allowed",
            Self::NotJoined => "not-joined",
            Self::NoPort => "no-port",
        }
    }
}
