//! The words of the language: the sections, their keys, and the values of each key. The reader, the
//! proposals for wrong keys, and the JSON Schema all use these tables.

/// A table of the file.
#[derive(Debug)]
pub(in crate::network) struct SchemaTable {
    /// Its name among the definitions of the schema.
    pub(in crate::network) name: &'static str,
    /// Its description in the schema.
    pub(in crate::network) doc: &'static str,
    pub(in crate::network) keys: &'static [SchemaKey],
}

/// A key of a table.
#[derive(Debug)]
pub(in crate::network) struct SchemaKey {
    pub(in crate::network) name: &'static str,
    pub(in crate::network) kind: ValueKind,
    pub(in crate::network) required: bool,
    pub(in crate::network) doc: &'static str,
}

/// The kind of value under a key.
#[derive(Debug)]
pub(in crate::network) enum ValueKind {
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// A name of an item in the file, or of a window.
    Name,
    /// One name, or a list of them.
    Names,
    /// The name of one file, or a list of them.
    Files,
    /// An address.
    Address,
    /// A list of addresses.
    Addresses,
    /// A list of addresses, each by itself or in a table.
    OwnAddresses(&'static SchemaTable),
    /// A list of prefixes.
    Prefixes,
    /// A list of prefixes and addresses.
    Places,
    /// A MAC address.
    Mac,
    /// A datapath id.
    DatapathId,
    /// A list of port numbers.
    Ports,
    /// A whole number within bounds.
    Number(u32, u32),
    /// A truth value.
    Flag,
    /// A date, or a date and time.
    Date,
    /// One of a few words.
    Words(&'static [&'static str]),
    /// A first and a last number: `1-9`.
    Range,
    /// Numbers: ranges in a string, a list, or the word `all`.
    Numbers,
    /// The members of an overlay: names, each with one address or a list of them.
    Members,
    /// A table.
    One(&'static SchemaTable),
    /// A list of tables.
    List(&'static SchemaTable),
    /// A list of tables, or of lists of them.
    Hops(&'static SchemaTable),
    /// Tables by name: `[SECTION.NAME]`.
    Named(&'static SchemaTable),
    /// Rules: `[[SECTION]]`.
    Rules(&'static SchemaTable),
}

const fn key(name: &'static str, kind: ValueKind, doc: &'static str) -> SchemaKey {
    SchemaKey { name, kind, required: false, doc }
}

const fn required(name: &'static str, kind: ValueKind, doc: &'static str) -> SchemaKey {
    SchemaKey { name, kind, required: true, doc }
}

impl SchemaTable {
    /// Returns the key of that name.
    pub(in crate::network) fn key(&self, name: &str) -> Option<&'static SchemaKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Returns the names of all keys.
    pub(in crate::network) fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.keys.iter().map(|key| key.name)
    }

    /// Returns the words that a key accepts.
    pub(in crate::network) fn words(&self, name: &str) -> &'static [&'static str] {
        match self.key(name).map(|key| &key.kind) {
            Some(ValueKind::Words(words)) => words,
            _ => &[],
        }
    }
}

/// Limits the number of a template's instances, and the highest number: a third of an IPv4 address
/// is less.
pub(in crate::network) const MAX_NUMBER: u32 = 65_535;

pub(in crate::network) static FILE: SchemaTable = SchemaTable {
    name: "file",
    doc: "A network file of Portcullis: which networks there are, and who may talk to whom",
    keys: &[
        key("$schema", ValueKind::Text, "For editors: where the schema is"),
        key("include", ValueKind::Files, "Further files, relative to this one"),
        key("bridge", ValueKind::Named(&BRIDGE), "Bridges, where they have raw flows or further ports"),
        key("network", ValueKind::Named(&NETWORK), "The isolated networks"),
        key("endpoint", ValueKind::Named(&ENDPOINT), "What is attached to them"),
        key("link", ValueKind::Named(&LINK), "Wires that join two bridges"),
        key("exit", ValueKind::Named(&EXIT), "Ports that lead outside"),
        key("outside", ValueKind::Named(&OUTSIDE), "Names for what is outside, behind an exit"),
        key(
            "overlay",
            ValueKind::Named(&OVERLAY),
            "Tunnels between endpoints, of which a switch sees the envelope",
        ),
        key("template", ValueKind::Named(&TEMPLATE), "What is stamped out by a number"),
        key("allow", ValueKind::Rules(&ALLOW), "Who may open a connection to whom"),
        key("chain", ValueKind::Rules(&CHAIN), "Hops that may only be passed in order"),
        key("crossing", ValueKind::Rules(&CROSSING), "Allows between networks that are otherwise isolated"),
        key("never", ValueKind::Rules(&NEVER), "What must never be reachable"),
        key("always", ValueKind::Rules(&ALWAYS), "What must always be reachable"),
        key("confine", ValueKind::Rules(&CONFINE), "Where alone traffic may leave"),
    ],
};

pub(in crate::network) static TEMPLATE: SchemaTable = SchemaTable {
    name: "template",
    doc: "Stamped out for each of its numbers; `{n}` in every name and string stands for the number",
    keys: &[
        required("numbers", ValueKind::Range, "The numbers that may be, like \"0-255\""),
        key(
            "instances",
            ValueKind::Numbers,
            "The numbers that are: \"1-3\", [1, 2, 17] or \"all\"; more come at run time",
        ),
        key("network", ValueKind::Named(&NETWORK), "As in the file"),
        key("endpoint", ValueKind::Named(&ENDPOINT), "As in the file"),
        key("attach", ValueKind::Rules(&TEMPLATE_ATTACH), "Further attachments of endpoints"),
        key("link", ValueKind::Named(&LINK), "As in the file"),
        key("exit", ValueKind::Named(&EXIT), "As in the file"),
        key("outside", ValueKind::Named(&OUTSIDE), "As in the file"),
        key("overlay", ValueKind::Named(&OVERLAY), "As in the file"),
        key("allow", ValueKind::Rules(&ALLOW), "As in the file"),
        key("chain", ValueKind::Rules(&CHAIN), "As in the file"),
        key("crossing", ValueKind::Rules(&CROSSING), "As in the file"),
        key("never", ValueKind::Rules(&NEVER), "As in the file"),
        key("always", ValueKind::Rules(&ALWAYS), "As in the file"),
        key("confine", ValueKind::Rules(&CONFINE), "As in the file"),
    ],
};

pub(in crate::network) static BRIDGE: SchemaTable = SchemaTable {
    name: "bridge",
    doc: "A bridge, by its name in Open vSwitch; a switch without a LOCAL port by the 16 digits of its datapath id; `*` for every one that \
          the file does not name",
    keys: &[
        key(
            "datapath_id",
            ValueKind::DatapathId,
            "The switch's datapath id, 16 hexadecimal digits: another one that has the bridge's name is none of the file's",
        ),
        key("ports", ValueKind::Texts, "Ports beyond those of endpoints, links and exits"),
        key("flows", ValueKind::Texts, "Raw flows in the syntax of ovs-ofctl, installed as they are"),
        key(
            "learn",
            ValueKind::Words(&["switch", "controller"]),
            "Who executes learn(...) of the raw flows: the switch itself, or the controller for one that has no such action",
        ),
        key(
            "learning",
            ValueKind::One(&LEARNING),
            "A learning switch, whose packets the controller decides about",
        ),
        key(
            "sample_denied",
            ValueKind::Number(1, 1_000),
            "Denied packets that the controller is shown, at most so many a second; none without",
        ),
    ],
};

pub(in crate::network) static LEARNING: SchemaTable = SchemaTable {
    name: "learning",
    doc: "How a bridge learns which MAC address is at which port",
    keys: &[
        key("idle_timeout", ValueKind::Number(1, 65_535), "Seconds after which an unused flow ends (60)"),
        key(
            "age",
            ValueKind::Number(1, 1_000_000),
            "Seconds after which an address that was not seen is forgotten (300)",
        ),
        key("macs_per_port", ValueKind::Number(1, 1_048_576), "Addresses that one port may have (4096)"),
        key("macs", ValueKind::Number(1, 1_048_576), "Addresses that the bridge may have (65536)"),
    ],
};

pub(in crate::network) static NETWORK: SchemaTable = SchemaTable {
    name: "network",
    doc: "A set of endpoints on one bridge, isolated from every other network",
    keys: &[
        required("bridge", ValueKind::Text, "The bridge that it lives on"),
        required("subnets", ValueKind::Prefixes, "Its subnets, IPv4 and IPv6"),
        key(
            "inside",
            ValueKind::Words(&["deny", "allow"]),
            "Whether its endpoints may talk to each other freely",
        ),
        key("gateway", ValueKind::Addresses, "The default routers of its members"),
        key("stateful", ValueKind::Words(&["learn", "conntrack"]), "How replies are told from the rest"),
        key("vlan", ValueKind::Number(1, 4094), "The tag that its frames carry at its ports"),
        key(
            "containers",
            ValueKind::One(&CONTAINERS),
            "Where containers that the API makes have their place",
        ),
    ],
};

pub(in crate::network) static CONTAINERS: SchemaTable = SchemaTable {
    name: "containers",
    doc: "The place of a network's containers; `{id}` stands for a container's number",
    keys: &[
        required("ids", ValueKind::Range, "The first and the last number, like \"100-199\""),
        required("port", ValueKind::Text, "The port's name, like \"veth{id}\""),
        required("addresses", ValueKind::Texts, "The addresses, like [\"10.0.0.{id}\"]"),
        key("clients", ValueKind::Names, "Who may open connections to a container's services"),
    ],
};

pub(in crate::network) static ENDPOINT: SchemaTable = SchemaTable {
    name: "endpoint",
    doc: "A thing with one or more attachments; with several it is multi-homed",
    keys: &[required("attach", ValueKind::List(&ATTACH), "Where it is plugged in")],
};

pub(in crate::network) static ATTACH: SchemaTable = SchemaTable {
    name: "attachment",
    doc: "One plug of an endpoint",
    keys: &[
        required("network", ValueKind::Name, "The network"),
        required("port", ValueKind::Text, "The bridge's port, LOCAL for the bridge's own"),
        key("addresses", ValueKind::OwnAddresses(&ADDRESS), "The addresses that it owns, or shares"),
        key("behind", ValueKind::Prefixes, "Prefixes that it also sends from and answers for"),
        key("mac", ValueKind::Mac, "Its MAC, where it is to be pinned"),
        key(
            "leased",
            ValueKind::Flag,
            "Whether its address comes from DHCP: it may use what it leased, and over IPv6 what it made of a router's advertisement and no other port has",
        ),
        key("router", ValueKind::Flag, "Whether its IPv6 router advertisements pass"),
        key(
            "link_local",
            ValueKind::Address,
            "Its link-local address; without, any that is nobody else's, and that of a pinned MAC is its own",
        ),
    ],
};

pub(in crate::network) static ADDRESS: SchemaTable = SchemaTable {
    name: "address",
    doc: "An address of an attachment, where more is said of it",
    keys: &[
        required("address", ValueKind::Address, "The address"),
        key("shared", ValueKind::Flag, "Whether others may hold it too, one at a time (VRRP, CARP)"),
        key(
            "vrid",
            ValueKind::Number(1, 255),
            "The virtual router's number: its virtual MAC is admitted at the holders' ports alone",
        ),
    ],
};

pub(in crate::network) static TEMPLATE_ATTACH: SchemaTable = SchemaTable {
    name: "template-attachment",
    doc: "A further plug of an endpoint",
    keys: &[
        required("endpoint", ValueKind::Name, "The endpoint"),
        required("network", ValueKind::Name, "The network"),
        required("port", ValueKind::Text, "The bridge's port"),
        key("addresses", ValueKind::OwnAddresses(&ADDRESS), "The addresses that it owns, or shares"),
        key("behind", ValueKind::Prefixes, "Prefixes that it also sends from and answers for"),
        key("mac", ValueKind::Mac, "Its MAC, where it is to be pinned"),
        key(
            "leased",
            ValueKind::Flag,
            "Whether its address comes from DHCP: it may use what it leased, and over IPv6 what it made of a router's advertisement and no other port has",
        ),
        key("router", ValueKind::Flag, "Whether its IPv6 router advertisements pass"),
        key(
            "link_local",
            ValueKind::Address,
            "Its link-local address; without, any that is nobody else's, and that of a pinned MAC is its own",
        ),
    ],
};

pub(in crate::network) static LINK: SchemaTable = SchemaTable {
    name: "link",
    doc: "A wire that joins two bridges, a veth or patch pair",
    keys: &[required("ends", ValueKind::List(&LINK_END), "Its two ends")],
};

pub(in crate::network) static LINK_END: SchemaTable = SchemaTable {
    name: "link-end",
    doc: "One end of a link: on a network, forwarding to a port, or only declared (for crossings)",
    keys: &[
        key("network", ValueKind::Name, "The network whose remote members it brings in"),
        key("bridge", ValueKind::Text, "The bridge, where it is on no network"),
        required("port", ValueKind::Text, "The bridge's port"),
        key("behind", ValueKind::Prefixes, "Where the remote members are"),
        key("forwards", ValueKind::Text, "The port of the same bridge to and from which everything passes"),
    ],
};

pub(in crate::network) static EXIT: SchemaTable = SchemaTable {
    name: "exit",
    doc: "A port that leads outside; without the port there is no way out",
    keys: &[
        key("network", ValueKind::Name, "The network that leaves by it"),
        key("bridge", ValueKind::Text, "The bridge, where it is only declared"),
        required("port", ValueKind::Text, "The bridge's port"),
        key(
            "next_hop",
            ValueKind::Addresses,
            "Addresses of the network's subnets that answer behind the port",
        ),
        key("router", ValueKind::Flag, "Whether IPv6 router advertisements of what is behind the port pass"),
        key(
            "link_local",
            ValueKind::Address,
            "The one link-local address behind the port; without, any that is nobody else's",
        ),
    ],
};

pub(in crate::network) static OUTSIDE: SchemaTable = SchemaTable {
    name: "outside",
    doc: "A name for hosts behind an exit",
    keys: &[
        required("exit", ValueKind::Name, "The exit"),
        key("addresses", ValueKind::Places, "Where they are; anywhere outside when it is left out"),
    ],
};

pub(in crate::network) static OVERLAY: SchemaTable = SchemaTable {
    name: "overlay",
    doc: "A tunnel between endpoints: every two on one network may exchange its envelope",
    keys: &[
        required("protocol", ValueKind::Words(&["tcp", "udp", "sctp"]), "The envelope's protocol"),
        required("ports", ValueKind::Ports, "The envelope's destination ports"),
        required("members", ValueKind::Members, "The endpoints, and their addresses inside"),
    ],
};

const PROTOCOLS: &[&str] = &["any", "tcp", "udp", "sctp", "icmp", "dhcp", "vrrp"];
const RETURNS: &[&str] = &["connection", "service"];
const RESPONSES: &[&str] = &["report", "isolate"];
const ON_VIOLATION: &str = "Whether a violation on a running switch is reported (the default), or also isolates the parties of `from`";

pub(in crate::network) static ALLOW: SchemaTable = SchemaTable {
    name: "allow",
    doc: "Who may open a connection to whom; replies come back, and nothing else",
    keys: &[
        required("name", ValueKind::Name, "Its name, for counters"),
        required("from", ValueKind::Names, "Endpoints, links, exits, outsides or networks"),
        required("to", ValueKind::Names, "Likewise"),
        key("protocol", ValueKind::Words(PROTOCOLS), "The protocol"),
        key("ports", ValueKind::Ports, "Destination ports; any when they are left out"),
        key("purpose", ValueKind::Text, "Why"),
        key(
            "limit",
            ValueKind::Number(1, u32::MAX),
            "At most so many learned return flows for each of its flows",
        ),
        key("temp", ValueKind::Name, "The window that opens it; always open without"),
        key(
            "via",
            ValueKind::Name,
            "The endpoint, with a mac, that its packets take as next hop to what is outside",
        ),
        key("returns", ValueKind::Words(RETURNS), "What its learned return flows stand for"),
        key("overlay", ValueKind::Name, "The overlay inside which it travels: carried here, not enforced"),
        key(
            "elsewhere",
            ValueKind::Text,
            "Where it travels if it passes no bridge: carried here, not enforced",
        ),
    ],
};

pub(in crate::network) static CHAIN: SchemaTable = SchemaTable {
    name: "chain",
    doc: "Hops that may only be passed in order: none is skipped, none goes back",
    keys: &[
        required("name", ValueKind::Name, "Its name; its allows are NAME.1, NAME.2 and so on"),
        required("from", ValueKind::Names, "Who is before the first hop"),
        required("hops", ValueKind::Hops(&HOP), "The hops in order; a list among them holds alternatives"),
        key("purpose", ValueKind::Text, "Why"),
        key("limit", ValueKind::Number(1, u32::MAX), "As in an allow, for every hop"),
        key("temp", ValueKind::Name, "The window that opens it"),
        key("returns", ValueKind::Words(RETURNS), "As in an allow, for every hop"),
    ],
};

pub(in crate::network) static HOP: SchemaTable = SchemaTable {
    name: "hop",
    doc: "A hop: whom those of the hop before may open a connection to",
    keys: &[
        required("to", ValueKind::Names, "Who is next"),
        key(
            "protocol",
            ValueKind::Words(&["any", "tcp", "udp", "sctp", "icmp"]),
            "The protocol; that of the hop before without",
        ),
        key("ports", ValueKind::Ports, "Destination ports"),
        key("purpose", ValueKind::Text, "Why; what the chain says without"),
    ],
};

pub(in crate::network) static CROSSING: SchemaTable = SchemaTable {
    name: "crossing",
    doc: "An allow between two networks that are otherwise isolated, over a link of its own",
    keys: &[
        required("name", ValueKind::Name, "Its name, for counters"),
        required("from", ValueKind::Names, "Endpoints with addresses, on one network"),
        required("to", ValueKind::Names, "Endpoints with addresses and a mac, on one other network"),
        required("protocol", ValueKind::Words(&["tcp", "udp", "sctp", "icmp"]), "The protocol"),
        key("ports", ValueKind::Ports, "Destination ports; all but icmp need them"),
        required(
            "over",
            ValueKind::Name,
            "The link that it takes: its ends on the bridges of the two networks",
        ),
        required("approved_by", ValueKind::Text, "Who approved it"),
        required("reason", ValueKind::Text, "Why it has to be"),
        key("expires", ValueKind::Date, "When it ends; a date ends with its day, UTC"),
        key(
            "limit",
            ValueKind::Number(1, u32::MAX),
            "At most so many learned return flows for each of its flows",
        ),
    ],
};

pub(in crate::network) static NEVER: SchemaTable = SchemaTable {
    name: "never",
    doc: "An assertion: no packet from here ever reaches there",
    keys: &[
        required("name", ValueKind::Name, "Its name"),
        required("from", ValueKind::Names, "Endpoints, links, exits or networks with all that is on them"),
        required("to", ValueKind::Names, "Likewise"),
        key("except", ValueKind::Names, "Crossings that may all the same"),
        key("on_violation", ValueKind::Words(RESPONSES), ON_VIOLATION),
    ],
};

pub(in crate::network) static ALWAYS: SchemaTable = SchemaTable {
    name: "always",
    doc: "An assertion: each from here can open connections to each there, without learned flows",
    keys: &[
        required("name", ValueKind::Name, "Its name"),
        required("from", ValueKind::Names, "Endpoints, links, exits or networks with their endpoints"),
        required("to", ValueKind::Names, "Likewise"),
        key("protocol", ValueKind::Words(PROTOCOLS), "The protocol; any when it is left out"),
        key("ports", ValueKind::Ports, "Destination ports; any when they are left out"),
    ],
};

pub(in crate::network) static CONFINE: SchemaTable = SchemaTable {
    name: "confine",
    doc: "An assertion: what is sent from here arrives there or here, and nowhere else",
    keys: &[
        required("name", ValueKind::Name, "Its name"),
        required(
            "from",
            ValueKind::Names,
            "Endpoints, links, exits or networks with their endpoints and links",
        ),
        required("to", ValueKind::Names, "Likewise: the exits and other parties where traffic may leave"),
        key("on_violation", ValueKind::Words(RESPONSES), ON_VIOLATION),
    ],
};
