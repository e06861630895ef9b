//! Where a flow comes from: the way back from the switch to the file.

/// What a compiled flow is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What kind of flow it is.
    pub kind: OriginKind,
    /// The rule of the file (allow, link, network), or the kind again where no single rule asks for it.
    pub rule: String,
    /// Why it drops, if it does.
    pub reason: Option<Reason>,
    /// In words: who, to whom, what.
    pub detail: String,
}

/// The kinds of compiled flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OriginKind {
    /// Says who may send at a port.
    Admission,
    /// Passes what has no return flow on to policy.
    Returns,
    /// Finds the port of the address that a packet goes to.
    Destination,
    /// Keeps networks apart.
    Isolation,
    /// An `allow` of the file.
    Allow,
    /// A crossing of the file.
    Crossing,
    /// Members of a network with `inside = "allow"` among themselves.
    Inside,
    /// ARP and neighbour discovery between those whom a rule joins.
    Resolution,
    /// What no rule allows.
    Deny,
    /// Outputs.
    Forwarding,
    /// One direction of a forwarding link.
    Wire,
    /// A learning switch: what the controller decides about.
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

    /// Its name in metrics and comments.
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

/// Why a packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// It carries a VLAN tag.
    Tagged,
    /// The port is none that the file knows.
    UnknownPort,
    /// The sender's address is not its own.
    Spoofed,
    /// The sender could have got the address that it speaks from or of, and has not: or another port has it.
    NotLeased,
    /// Another holder announced the sender's shared address.
    NotHolder,
    /// IPv6 router solicitations, listener reports and their like, from a link-local address.
    LinkLocal,
    /// It would cross from one network into another.
    Isolation,
    /// A DHCP answer, router advertisement or redirect from a port that may not send them.
    Rogue,
    /// IP multicast or broadcast that nothing asks for.
    Multicast,
    /// No rule allows it.
    NotAllowed,
    /// ARP or neighbour discovery for somebody whom no rule joins to the sender.
    NotJoined,
    /// The port it is for is not there.
    NoPort,
}

impl Reason {
    /// Its name in metrics.
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
