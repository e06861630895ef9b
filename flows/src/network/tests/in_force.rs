//! Every word of the language takes effect in every mode, or is an error. For each word and each
//! mode of its bridge one of three things holds. The flows change with the word's value, the check
//! names the word, or the word's line states its other effect.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::*;
use crate::Flow;
use crate::compile::{TimeContext, compile};
use crate::network::names::built_in;
use crate::network::schema::file_schema::{FILE, SchemaTable, ValueKind};
use crate::verify::bridge_flows;

/// The mode of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    /// Networks whose return flows the switch learns.
    Learn,
    /// Networks whose answers the connection tracker identifies.
    Conntrack,
    /// Networks, and raw lines that the controller executes.
    Controller,
    /// A learning switch.
    Learning,
    /// Only raw lines.
    Raw,
    /// A bridge that only forwards a link.
    Forwarding,
}

/// Modes of bridges with networks.
const NETWORKS: [Mode; 3] = [Mode::Learn, Mode::Conntrack, Mode::Controller];

/// The effect of another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Other flows on a bridge, or other lines that the controller executes.
    Flows,
    /// An error with this code that names the word.
    Finding(&'static str),
    /// The check itself depends on it: one of the two values has a finding with this code.
    Answer(&'static str),
    /// The flows are equal: the word has this other effect.
    Other(&'static str),
}
use Effect::{Answer, Finding as Said, Flows, Other};

/// A part of the file: a table of the language, and its keys in the file in which words are tried.
struct FilePart {
    table: &'static str,
    /// `None` for a table in a line.
    open: Option<&'static str>,
    keys: &'static [(&'static str, &'static str)],
}

const fn part(
    table: &'static str,
    open: &'static str,
    keys: &'static [(&'static str, &'static str)],
) -> FilePart {
    FilePart { table, open: Some(open), keys }
}

const fn inline(table: &'static str, keys: &'static [(&'static str, &'static str)]) -> FilePart {
    FilePart { table, open: None, keys }
}

/// The bridge `br0` of networks; `<TABLE>` stands for the table in a line.
const WITH_NETWORKS: &[FilePart] = &[
    part("file", "", &[]),
    part("bridge", "[bridge.br0]", &[]),
    part("network", "[network.a]", &[("bridge", "\"br0\""), ("subnets", "[\"10.0.0.0/24\"]")]),
    part("", "[network.b]", &[("bridge", "\"br2\""), ("subnets", "[\"10.1.0.0/24\"]")]),
    part("endpoint", "[endpoint.x]", &[("attach", "[{ <attachment> }]")]),
    inline(
        "attachment",
        &[("network", "\"a\""), ("port", "\"px\""), ("addresses", "[\"10.0.0.1\", { <address> }]")],
    ),
    inline("address", &[("address", "\"10.0.0.200\""), ("shared", "true")]),
    part(
        "",
        "[endpoint.u]",
        &[(
            "attach",
            "[{ network = \"a\", port = \"pu\", addresses = [\"10.0.0.8\", { address = \"10.0.0.200\", shared = true }] }]",
        )],
    ),
    part(
        "",
        "[endpoint.z2]",
        &[(
            "attach",
            "[{ network = \"b\", port = \"pz2\", addresses = [\"10.1.0.2\"], mac = \"02:00:00:00:00:04\" }]",
        )],
    ),
    part(
        "",
        "[endpoint.y]",
        &[(
            "attach",
            "[{ network = \"a\", port = \"py\", addresses = [\"10.0.0.2\"], mac = \"02:00:00:00:00:02\" }]",
        )],
    ),
    part(
        "",
        "[endpoint.z]",
        &[(
            "attach",
            "[{ network = \"b\", port = \"pz\", addresses = [\"10.1.0.1\"], mac = \"02:00:00:00:00:03\" }]",
        )],
    ),
    part(
        "link",
        "[link.w]",
        &[("ends", "[{ <link-end> }, { bridge = \"br1\", port = \"w1\", forwards = \"f1\" }]")],
    ),
    inline("link-end", &[("network", "\"a\""), ("port", "\"w0\""), ("behind", "[\"10.0.0.128/25\"]")]),
    part(
        "",
        "[link.c]",
        &[("ends", "[{ bridge = \"br0\", port = \"c0\" }, { bridge = \"br2\", port = \"c2\" }]")],
    ),
    part(
        "",
        "[link.d]",
        &[("ends", "[{ bridge = \"br0\", port = \"d0\" }, { bridge = \"br2\", port = \"d2\" }]")],
    ),
    part("exit", "[exit.e]", &[("network", "\"a\""), ("port", "\"pe\"")]),
    part("", "[exit.e2]", &[("network", "\"a\""), ("port", "\"pe2\"")]),
    part("", "[exit.far]", &[("network", "\"b\""), ("port", "\"pf\"")]),
    part("outside", "[outside.o]", &[("exit", "\"e\"")]),
    part(
        "",
        "[[allow]]",
        &[("name", "\"to-o\""), ("from", "\"x\""), ("to", "\"o\""), ("protocol", "\"sctp\"")],
    ),
    part(
        "overlay",
        "[overlay.v]",
        &[
            ("protocol", "\"udp\""),
            ("ports", "[4242]"),
            ("members", "{ x = \"10.9.0.1\", y = \"10.9.0.2\" }"),
        ],
    ),
    part(
        "allow",
        "[[allow]]",
        &[
            ("name", "\"one\""),
            ("from", "\"x\""),
            ("to", "\"y\""),
            ("protocol", "\"tcp\""),
            ("ports", "[80]"),
        ],
    ),
    part("chain", "[[chain]]", &[("name", "\"k\""), ("from", "\"e\""), ("hops", "[{ <hop> }]")]),
    inline("hop", &[("to", "\"x\""), ("protocol", "\"tcp\""), ("ports", "[443]")]),
    part(
        "crossing",
        "[[crossing]]",
        &[
            ("name", "\"cross\""),
            ("from", "\"x\""),
            ("to", "\"z\""),
            ("protocol", "\"tcp\""),
            ("ports", "[22]"),
            ("over", "\"c\""),
            ("approved_by", "\"me\""),
            ("reason", "\"test\""),
        ],
    ),
    part("never", "[[never]]", &[("name", "\"n\""), ("from", "\"y\""), ("to", "\"z\"")]),
    part(
        "always",
        "[[always]]",
        &[("name", "\"s\""), ("from", "\"x\""), ("to", "\"y\""), ("protocol", "\"tcp\""), ("ports", "[80]")],
    ),
    part("confine", "[[confine]]", &[("name", "\"in\""), ("from", "\"u\""), ("to", "\"e\"")]),
    part("template", "[template.t]", &[("numbers", "\"0-9\""), ("instances", "\"1\"")]),
    part("", "[template.t.network.\"t{n}\"]", &[("bridge", "\"br0\""), ("subnets", "[\"10.2.{n}.0/24\"]")]),
    part(
        "template-attachment",
        "[[template.t.attach]]",
        &[
            ("endpoint", "\"y\""),
            ("network", "\"t{n}\""),
            ("port", "\"y{n}\""),
            ("addresses", "[\"10.2.{n}.1\"]"),
        ],
    ),
];

/// The bridge `m`, which has no networks.
const RAW: &[FilePart] = &[
    part("bridge", "[bridge.m]", &[("flows", "[\"priority=1,actions=drop\"]")]),
    part("exit", "[exit.e]", &[("bridge", "\"m\""), ("port", "\"pe\"")]),
    part("link", "[link.w]", &[("ends", "[{ <link-end> }, { bridge = \"n\", port = \"wn\" }]")]),
    inline("link-end", &[("bridge", "\"m\""), ("port", "\"wm\"")]),
];
const LEARNING: &[FilePart] = &[
    part("bridge", "[bridge.m]", &[("learning", "{ <learning> }")]),
    inline("learning", &[]),
    part("exit", "[exit.e]", &[("bridge", "\"m\""), ("port", "\"pe\"")]),
    part("link", "[link.w]", &[("ends", "[{ <link-end> }, { bridge = \"n\", port = \"wn\" }]")]),
    inline("link-end", &[("bridge", "\"m\""), ("port", "\"wm\"")]),
];
const FORWARDING: &[FilePart] = &[
    part("bridge", "[bridge.m]", &[]),
    part("exit", "[exit.e]", &[("bridge", "\"m\""), ("port", "\"pe\"")]),
    part("link", "[link.w]", &[("ends", "[{ <link-end> }, { bridge = \"n\", port = \"wn\" }]")]),
    inline("link-end", &[("bridge", "\"m\""), ("port", "\"wm\""), ("forwards", "\"fm\"")]),
];

/// A line that the controller executes.
const EXECUTED: &str = "[\"cookie=7,priority=1,in_port=9,tcp,actions=learn(table=9,limit=9,eth_type=0x800,nw_proto=6,NXM_OF_IP_SRC[],output:NXM_OF_IN_PORT[])\"]";

impl Mode {
    fn parts(self) -> &'static [FilePart] {
        match self {
            Self::Learn | Self::Conntrack | Self::Controller => WITH_NETWORKS,
            Self::Learning => LEARNING,
            Self::Raw => RAW,
            Self::Forwarding => FORWARDING,
        }
    }

    /// Returns the settings beyond the parts of the file.
    fn settings(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Conntrack => &[("network", "stateful", "\"conntrack\"")],
            Self::Controller => &[("bridge", "learn", "\"controller\""), ("bridge", "flows", EXECUTED)],
            _ => &[],
        }
    }

    /// Returns the file with some keys set; an empty value removes a key.
    fn text(self, settings: &[(&str, &str, &str)]) -> String {
        let mut tables: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
        let set = |keys: &mut Vec<(String, String)>, key: &str, value: &str| match keys
            .iter_mut()
            .find(|(other, _)| other == key)
        {
            Some((_, old)) => *old = value.to_owned(),
            None => keys.push((key.to_owned(), value.to_owned())),
        };
        for part in self.parts().iter().filter(|part| !part.table.is_empty()) {
            let keys = tables.entry(part.table).or_default();
            part.keys.iter().for_each(|(key, value)| set(keys, key, value));
        }
        for (table, key, value) in self.settings().iter().chain(settings) {
            set(tables.entry(table).or_default(), key, value);
        }
        tables.values_mut().for_each(|keys| keys.retain(|(_, value)| !value.is_empty()));
        let mut text = String::new();
        for part in self.parts() {
            let Some(open) = part.open else { continue };
            text += &format!("{open}\n");
            let own =
                || part.keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            for (key, mut value) in tables.get(part.table).cloned().unwrap_or_else(own) {
                // The innermost tables come first by name, and are inserted last.
                for (table, keys) in tables.iter().rev() {
                    let keys: Vec<String> =
                        keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                    value = value.replace(&format!("<{table}>"), &keys.join(", "));
                }
                // `$` needs quotes.
                text += &format!("{key:?} = {value}\n");
            }
        }
        text
    }
}

/// A word: its table, its key, two values (an empty one means none), the other settings it needs,
/// its effect, and the modes with another effect.
struct TriedWord(
    &'static str,
    &'static str,
    [&'static str; 2],
    &'static [(&'static str, &'static str, &'static str)],
    Effect,
    &'static [(Mode, Effect)],
);

const DOCS: Effect = Other("written into the matrix of the file, for readers");
const DECLARED: Effect = Other("a port that raw lines may name, and whose other use is an error");
const PROVED: Effect = Other("proved on the flows, and changes none of them");
const RESPONSE: Effect = Other("the controller's response to a violation on a running switch");
const LEARNER: Effect = Other("the controller's learning switch");

/// One line a word, however long.
#[rustfmt::skip]
const LINES: &[TriedWord] = &[
    TriedWord("file", "$schema", ["\"a\"", "\"b\""], &[], Other("for editors"), &[]),
    TriedWord("file", "include", ["", "\"no.toml\""], &[], Answer("unreadable"), &[]),
    TriedWord("bridge", "datapath_id", ["", "\"00000000000000b1\""], &[], Other("whose session may be the bridge's"), &[]),
    TriedWord("bridge", "ports", ["[\"q1\"]", "[\"q2\"]"], &[], DECLARED, &[]),
    TriedWord("bridge", "flows", ["[\"priority=1,actions=drop\"]", "[\"priority=2,actions=drop\"]"], &[("bridge", "learn", "")], Flows, &[]),
    TriedWord("bridge", "learn", ["\"switch\"", "\"controller\""], &[("bridge", "flows", EXECUTED)], Flows, &[(Mode::Learning, Said("learn-beside-learning"))]),
    TriedWord("bridge", "learning", ["", "{}"], &[], Said("learning-beside-networks"), &[(Mode::Raw, Flows), (Mode::Learning, Flows), (Mode::Forwarding, Said("learning-beside-forwards"))]),
    TriedWord("bridge", "sample_denied", ["", "10"], &[], Flows, &[(Mode::Learning, Said("sampling-beside-learning")), (Mode::Raw, Said("sampling-nothing"))]),
    TriedWord("learning", "idle_timeout", ["30", "60"], &[], LEARNER, &[]),
    TriedWord("learning", "age", ["30", "60"], &[], LEARNER, &[]),
    TriedWord("learning", "macs_per_port", ["30", "60"], &[], LEARNER, &[]),
    TriedWord("learning", "macs", ["30", "60"], &[], LEARNER, &[]),
    TriedWord("network", "bridge", ["\"br0\"", "\"br3\""], &[("crossing", "over", "\"c\"")], Answer("crossing-link"), &[]),
    TriedWord("network", "subnets", ["[\"10.0.0.0/24\"]", "[\"10.0.0.0/23\"]"], &[], Flows, &[]),
    TriedWord("network", "inside", ["\"deny\"", "\"allow\""], &[], Flows, &[]),
    TriedWord("network", "gateway", ["", "[\"10.0.0.2\"]"], &[], Other("the default routes of the lab, and notes"), &[]),
    TriedWord("network", "stateful", ["\"learn\"", "\"conntrack\""], &[], Flows, &[]),
    TriedWord("network", "vlan", ["", "7"], &[], Flows, &[]),
    TriedWord("network", "containers", ["", "{ ids = \"40-49\", port = \"v{id}\", addresses = [\"10.0.0.{id}\"] }"], &[], Other("where the API makes containers"), &[]),
    TriedWord("endpoint", "attach", ["[{ <attachment> }]", "[{ <attachment> }, { network = \"a\", port = \"q\", addresses = [\"10.0.0.9\"] }]"], &[], Flows, &[]),
    TriedWord("attachment", "network", ["\"a\"", "\"b\""], &[], Answer("outside-subnets"), &[]),
    TriedWord("attachment", "port", ["\"px\"", "\"q\""], &[], Flows, &[]),
    TriedWord("attachment", "addresses", ["[\"10.0.0.1\"]", "[\"10.0.0.9\"]"], &[], Flows, &[]),
    TriedWord("address", "address", ["\"10.0.0.200\"", "\"10.0.0.201\""], &[], Flows, &[]),
    TriedWord("address", "shared", ["true", "false"], &[], Answer("address-owned-twice"), &[]),
    TriedWord("address", "vrid", ["", "51"], &[], Answer("shared-differs"), &[]),
    TriedWord("attachment", "behind", ["", "[\"10.7.0.0/24\"]"], &[], Flows, &[]),
    TriedWord("attachment", "mac", ["", "\"02:00:00:00:00:01\""], &[], Flows, &[]),
    TriedWord("attachment", "router", ["false", "true"], &[("network", "subnets", "[\"10.0.0.0/24\", \"fd00::/64\"]"), ("attachment", "addresses", "[\"10.0.0.1\", \"fd00::1\"]")], Flows, &[]),
    TriedWord("attachment", "link_local", ["\"fe80::1\"", "\"fe80::2\""], &[("network", "subnets", "[\"10.0.0.0/24\", \"fd00::/64\"]"), ("attachment", "addresses", "[\"10.0.0.1\", \"fd00::1\"]")], Flows, &[]),
    TriedWord("attachment", "leased", ["false", "true"], &[("link-end", "behind", "[\"10.3.0.0/24\"]")], Flows, &[]),
    TriedWord("template-attachment", "endpoint", ["\"y\"", "\"u\""], &[], Flows, &[]),
    TriedWord("template-attachment", "network", ["\"t{n}\"", "\"a\""], &[], Answer("outside-subnets"), &[]),
    TriedWord("template-attachment", "port", ["\"y{n}\"", "\"z{n}\""], &[], Flows, &[]),
    TriedWord("template-attachment", "addresses", ["[\"10.2.{n}.1\"]", "[\"10.2.{n}.2\"]"], &[], Flows, &[]),
    TriedWord("template-attachment", "behind", ["", "[\"10.7.{n}.0/24\"]"], &[], Flows, &[]),
    TriedWord("template-attachment", "mac", ["", "\"02:00:00:00:01:0{n}\""], &[], Flows, &[]),
    TriedWord("template-attachment", "router", ["false", "true"], &[], Flows, &[]),
    TriedWord("template-attachment", "link_local", ["\"fe80::1\"", "\"fe80::2\""], &[], Flows, &[]),
    TriedWord("template-attachment", "leased", ["false", "true"], &[], Flows, &[]),
    TriedWord("link", "ends", ["[{ <link-end> }, { bridge = \"br1\", port = \"w1\", forwards = \"f1\" }]", "[{ <link-end> }, { bridge = \"br1\", port = \"w1\", forwards = \"f2\" }]"], &[], Flows, &[]),
    TriedWord("link-end", "network", ["\"a\"", "\"b\""], &[], Answer("behind-foreign"), &[(Mode::Learning, Said("network-and-bridge")), (Mode::Raw, Said("network-and-bridge")), (Mode::Forwarding, Said("network-and-bridge"))]),
    TriedWord("link-end", "bridge", ["\"m\"", "\"m2\""], &[], DECLARED, &[(Mode::Learn, Said("network-and-bridge")), (Mode::Conntrack, Said("network-and-bridge")), (Mode::Controller, Said("network-and-bridge")), (Mode::Forwarding, Flows)]),
    TriedWord("link-end", "port", ["\"w0\"", "\"q\""], &[], Flows, &[(Mode::Learning, DECLARED), (Mode::Raw, DECLARED)]),
    TriedWord("link-end", "behind", ["[\"10.0.0.128/25\"]", "[\"10.0.0.192/26\"]"], &[], Flows, &[(Mode::Learning, Said("misplaced-key")), (Mode::Raw, Said("misplaced-key")), (Mode::Forwarding, Said("misplaced-key"))]),
    TriedWord("link-end", "forwards", ["", "\"q\""], &[], Said("misplaced-key"), &[(Mode::Raw, Flows), (Mode::Learning, Said("learning-beside-forwards")), (Mode::Forwarding, Flows)]),
    TriedWord("exit", "network", ["\"a\"", "\"b\""], &[], Answer("crosses-networks"), &[(Mode::Learning, Said("network-and-bridge")), (Mode::Raw, Said("network-and-bridge")), (Mode::Forwarding, Said("network-and-bridge"))]),
    TriedWord("exit", "bridge", ["\"m\"", "\"m2\""], &[], DECLARED, &[(Mode::Learn, Said("network-and-bridge")), (Mode::Conntrack, Said("network-and-bridge")), (Mode::Controller, Said("network-and-bridge"))]),
    TriedWord("exit", "port", ["\"pe\"", "\"q\""], &[], Flows, &[(Mode::Learning, DECLARED), (Mode::Raw, DECLARED), (Mode::Forwarding, DECLARED)]),
    TriedWord("exit", "next_hop", ["", "[\"10.0.0.9\"]"], &[], Flows, &[(Mode::Learning, Said("misplaced-key")), (Mode::Raw, Said("misplaced-key")), (Mode::Forwarding, Said("misplaced-key"))]),
    TriedWord("exit", "router", ["false", "true"], &[("network", "subnets", "[\"10.0.0.0/24\", \"fd00::/64\"]")], Flows, &[(Mode::Learning, Said("misplaced-key")), (Mode::Raw, Said("misplaced-key")), (Mode::Forwarding, Said("misplaced-key"))]),
    TriedWord("exit", "link_local", ["\"fe80::1\"", "\"fe80::2\""], &[("network", "subnets", "[\"10.0.0.0/24\", \"fd00::/64\"]")], Flows, &[(Mode::Learning, Said("misplaced-key")), (Mode::Raw, Said("misplaced-key")), (Mode::Forwarding, Said("misplaced-key"))]),
    TriedWord("outside", "exit", ["\"e\"", "\"e2\""], &[], Flows, &[]),
    TriedWord("outside", "addresses", ["[\"1.0.0.0/8\"]", "[\"2.0.0.0/8\"]"], &[], Flows, &[]),
    TriedWord("overlay", "protocol", ["\"udp\"", "\"tcp\""], &[], Flows, &[]),
    TriedWord("overlay", "ports", ["[4242]", "[4243]"], &[], Flows, &[]),
    TriedWord("overlay", "members", ["{ x = \"10.9.0.1\", y = \"10.9.0.2\" }", "{ x = \"10.9.0.1\" }"], &[], Flows, &[]),
    TriedWord("template", "numbers", ["\"0-9\"", "\"2-9\""], &[], Answer("number-out-of-range"), &[]),
    TriedWord("template", "instances", ["\"1\"", "\"2\""], &[], Flows, &[]),
    TriedWord("allow", "name", ["\"one\"", "\"two\""], &[], Flows, &[]),
    TriedWord("allow", "from", ["\"x\"", "\"e\""], &[], Flows, &[]),
    TriedWord("allow", "to", ["\"y\"", "\"e\""], &[], Flows, &[]),
    TriedWord("allow", "protocol", ["\"tcp\"", "\"udp\""], &[], Flows, &[]),
    TriedWord("allow", "ports", ["[80]", "[81]"], &[], Flows, &[]),
    TriedWord("allow", "purpose", ["\"a\"", "\"b\""], &[], DOCS, &[]),
    TriedWord("allow", "limit", ["5", "6"], &[], Flows, &[(Mode::Conntrack, Said("not-in-conntrack"))]),
    TriedWord("allow", "limit", ["5", "6"], &[("allow", "to", "\"far\""), ("allow", "via", "\"y\"")], Flows, &[]),
    TriedWord("allow", "limit", ["5", "6"], &[("allow", "protocol", "\"dhcp\""), ("allow", "ports", "")], Said("contradicting-keys"), &[]),
    TriedWord("allow", "temp", ["", "\"w\""], &[], Flows, &[]),
    TriedWord("allow", "via", ["", "\"y\""], &[("allow", "to", "\"far\"")], Answer("crosses-networks"), &[]),
    TriedWord("allow", "via", ["", "\"y\""], &[("allow", "to", "\"e\"")], Flows, &[]),
    TriedWord("allow", "returns", ["\"service\"", "\"connection\""], &[], Flows, &[(Mode::Conntrack, Said("not-in-conntrack"))]),
    TriedWord("allow", "returns", ["\"service\"", "\"connection\""], &[("allow", "to", "\"far\""), ("allow", "via", "\"y\"")], Flows, &[]),
    TriedWord("allow", "returns", ["\"service\"", "\"connection\""], &[("allow", "protocol", "\"sctp\"")], Said("contradicting-keys"), &[]),
    TriedWord("allow", "overlay", ["", "\"v\""], &[], Flows, &[]),
    TriedWord("allow", "elsewhere", ["", "\"docker\""], &[], Flows, &[]),
    TriedWord("chain", "name", ["\"k\"", "\"l\""], &[], Flows, &[]),
    TriedWord("chain", "from", ["\"e\"", "\"y\""], &[], Flows, &[]),
    TriedWord("chain", "hops", ["[{ <hop> }]", "[{ <hop> }, { to = \"y\" }]"], &[], Flows, &[]),
    TriedWord("chain", "purpose", ["\"a\"", "\"b\""], &[], DOCS, &[]),
    TriedWord("chain", "limit", ["5", "6"], &[("chain", "from", "\"y\"")], Flows, &[(Mode::Conntrack, Said("not-in-conntrack"))]),
    TriedWord("chain", "limit", ["5", "6"], &[], Said("limit-without-learning"), &[(Mode::Conntrack, Said("not-in-conntrack"))]),
    TriedWord("allow", "limit", ["5", "6"], &[("allow", "from", "\"e\"")], Said("limit-without-learning"), &[(Mode::Conntrack, Said("not-in-conntrack"))]),
    TriedWord("chain", "temp", ["", "\"w\""], &[], Flows, &[]),
    TriedWord("chain", "returns", ["\"service\"", "\"connection\""], &[], Flows, &[(Mode::Conntrack, Said("not-in-conntrack"))]),
    TriedWord("chain", "returns", ["\"service\"", "\"connection\""], &[("hop", "protocol", "\"sctp\"")], Said("contradicting-keys"), &[]),
    TriedWord("hop", "to", ["\"x\"", "\"y\""], &[], Flows, &[]),
    TriedWord("hop", "protocol", ["\"tcp\"", "\"udp\""], &[], Flows, &[]),
    TriedWord("hop", "ports", ["[443]", "[444]"], &[], Flows, &[]),
    TriedWord("hop", "purpose", ["\"a\"", "\"b\""], &[], DOCS, &[]),
    TriedWord("crossing", "name", ["\"cross\"", "\"over\""], &[], Flows, &[]),
    TriedWord("crossing", "from", ["\"x\"", "\"u\""], &[], Flows, &[]),
    TriedWord("crossing", "to", ["\"z\"", "\"z2\""], &[], Flows, &[]),
    TriedWord("crossing", "protocol", ["\"tcp\"", "\"udp\""], &[], Flows, &[]),
    TriedWord("crossing", "ports", ["[22]", "[23]"], &[], Flows, &[]),
    TriedWord("crossing", "over", ["\"c\"", "\"d\""], &[], Flows, &[]),
    TriedWord("crossing", "approved_by", ["\"me\"", "\"you\""], &[], DOCS, &[]),
    TriedWord("crossing", "reason", ["\"test\"", "\"try\""], &[], DOCS, &[]),
    TriedWord("crossing", "expires", ["", "\"2031-01-01\""], &[], Flows, &[]),
    TriedWord("crossing", "limit", ["5", "6"], &[], Flows, &[]),
    TriedWord("never", "name", ["\"n\"", "\"m\""], &[], Other("checked on the flows: the name of the finding"), &[]),
    TriedWord("never", "from", ["\"y\"", "\"x\""], &[], Answer("never-violated"), &[]),
    TriedWord("never", "to", ["\"z\"", "\"e\""], &[("allow", "from", "\"y\""), ("allow", "to", "\"e\"")], Answer("never-violated"), &[]),
    TriedWord("never", "except", ["", "\"cross\""], &[("never", "from", "\"x\"")], Answer("never-violated"), &[]),
    TriedWord("never", "on_violation", ["\"report\"", "\"isolate\""], &[], RESPONSE, &[]),
    TriedWord("always", "name", ["\"s\"", "\"r\""], &[], PROVED, &[]),
    TriedWord("always", "from", ["\"x\"", "\"u\""], &[], PROVED, &[]),
    TriedWord("always", "to", ["\"y\"", "\"u\""], &[], PROVED, &[]),
    TriedWord("always", "protocol", ["\"tcp\"", "\"udp\""], &[], PROVED, &[]),
    TriedWord("always", "ports", ["[80]", "[81]"], &[], PROVED, &[]),
    TriedWord("confine", "name", ["\"in\"", "\"out\""], &[], PROVED, &[]),
    TriedWord("confine", "from", ["\"u\"", "\"x\""], &[], PROVED, &[]),
    TriedWord("confine", "to", ["[\"e\", \"y\", \"z\"]", "\"e\""], &[("confine", "from", "\"x\"")], PROVED, &[]),
    TriedWord("confine", "on_violation", ["\"report\"", "\"isolate\""], &[], RESPONSE, &[]),
    TriedWord("containers", "ids", ["\"40-49\"", "\"50-59\""], CONTAINERS, Other("where the API makes containers"), &[]),
    TriedWord("containers", "port", ["\"v{id}\"", "\"u{id}\""], CONTAINERS, Other("where the API makes containers"), &[]),
    TriedWord("containers", "addresses", ["[\"10.0.0.{id}\"]", "[\"10.0.0.1{id}\"]"], CONTAINERS, Other("where the API makes containers"), &[]),
    TriedWord("containers", "clients", ["", "\"x\""], CONTAINERS, Other("where the API makes containers"), &[]),
];

const CONTAINERS: &[(&str, &str, &str)] = &[
    ("network", "containers", "{ <containers> }"),
    ("containers", "ids", "\"40-49\""),
    ("containers", "port", "\"v{id}\""),
    ("containers", "addresses", "[\"10.0.0.{id}\"]"),
];

/// The results of a text: findings by code and text, the flows and learners of all bridges at
/// several times, the model.
struct CompiledText {
    findings: Vec<Finding>,
    flows: Vec<Flow>,
    executed: String,
    model: String,
}

/// The tables of assertions, which the check alone depends on.
const ASSERTIONS: [&str; 3] = ["never", "always", "confine"];

/// Compiles and checks a text; of its assertions only those of one table.
fn made(text: &str, asserted: Option<&str>) -> CompiledText {
    let (file, mut findings) = match parse(text, "x.toml") {
        Ok((file, findings)) => (Some(file), findings),
        Err(findings) => (None, findings),
    };
    let (mut flows, mut executed, mut model) = (Vec::new(), String::new(), String::new());
    if let Some(file) = &file {
        let mut checked = file.clone();
        if asserted != Some("never") {
            checked.nevers.clear();
        }
        if asserted != Some("always") {
            checked.always.clear();
        }
        if asserted != Some("confine") {
            checked.confines.clear();
        }
        findings.extend(crate::verify::check::check(&checked).findings);
        let now = 1_893_456_000;
        let open = BTreeMap::from([("w".to_owned(), now + 60)]);
        let closed = TimeContext { now, ..TimeContext::default() };
        let moments = if text.contains("temp") {
            vec![closed, TimeContext { now, windows: open }]
        } else {
            vec![closed]
        };
        for moment in moments {
            for bridge in &file.bridges {
                let ports = bridge_flows::numbered_ports(file, &bridge.name);
                let program = compile(file, &bridge.name, &ports, &moment);
                executed += &program.reactive().map(|line| format!("{line:?}")).collect::<String>();
                // Flows of two bridges have two cookies.
                flows.extend(program.flows().cloned());
            }
        }
        // Without the places in the text.
        for (n, piece) in format!("{file:?}").split("span: ").enumerate() {
            let rest = piece.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(piece.len());
            model += if n == 0 { piece } else { &piece[rest..] };
        }
    }
    CompiledText { findings, flows, executed, model }
}

fn applies(mode: Mode, table: &str) -> bool {
    mode.parts().iter().any(|part| part.table == table) || table == "containers" && NETWORKS.contains(&mode)
}

/// Checks that every word of a bridge of this mode takes effect there, or is an error.
fn every_word_is_in_force_or_an_error(mode: Mode) {
    let mut wrong = Vec::new();
    let mut known: BTreeMap<String, Rc<CompiledText>> = BTreeMap::new();
    for TriedWord(table, word, values, more, effect, elsewhere) in
        LINES.iter().filter(|line| applies(mode, line.0))
    {
        let effect =
            elsewhere.iter().find(|(other, _)| *other == mode).map_or(*effect, |(_, effect)| *effect);
        let [a, b] = values.map(|value| {
            let text = mode.text(&[more, &[(*table, *word, value)][..]].concat());
            let asserted = Some(*table).filter(|table| ASSERTIONS.contains(table));
            let made = || Rc::new(made(&text, asserted));
            let made = if asserted.is_some() {
                made()
            } else {
                Rc::clone(known.entry(text.clone()).or_insert_with(made))
            };
            (text, made)
        });
        let names = |made: &CompiledText, code: &str| {
            let word = format!("`{word}`");
            made.findings.iter().any(|f| f.is_error() && f.code == code && f.message.contains(&word))
        };
        let has = |made: &CompiledText, code: &str| made.findings.iter().any(|found| found.code == code);
        // An assertion is in force if the proof answers it, whatever the answer.
        let answers = ["always-violated", "confine-violated", "never-violated"];
        let is_error = |found: &Finding| found.is_error() && !answers.iter().any(|code| found.code == *code);
        let error = |made: &CompiledText| made.findings.iter().any(is_error);
        let found = match effect {
            Said(code) => names(&a.1, code) || names(&b.1, code),
            Answer(code) => has(&a.1, code) != has(&b.1, code),
            _ if error(&a.1) || error(&b.1) => false,
            Flows => a.1.flows != b.1.flows || a.1.executed != b.1.executed,
            Other(why) => {
                !why.is_empty() && a.1.flows == b.1.flows && a.1.model != b.1.model || (*word == "$schema")
            }
        };
        if !found {
            let say = |(_, made): &(String, Rc<CompiledText>)| {
                made.findings
                    .iter()
                    .map(|f| format!("{}: {}", f.code, f.message))
                    .collect::<Vec<_>>()
                    .join("; ")
            };
            wrong.push(format!(
                "{mode:?}: {table}.{word}: not {effect:?}: same flows {}, same model {}, found [{}] [{}]",
                a.1.flows == b.1.flows,
                a.1.model == b.1.model,
                say(&a),
                say(&b)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One test for each mode: these tests take longest, and run in parallel.
macro_rules! modes {
    ($($name:ident: $mode:ident),* $(,)?) => {
        const MODES: [Mode; [$(Mode::$mode),*].len()] = [$(Mode::$mode),*];
        $(
            #[test]
            fn $name() {
                every_word_is_in_force_or_an_error(Mode::$mode);
            }
        )*
    };
}

modes! {
    every_word_is_in_force_or_an_error_where_the_switch_learns: Learn,
    every_word_is_in_force_or_an_error_where_connections_are_tracked: Conntrack,
    every_word_is_in_force_or_an_error_where_the_controller_learns: Controller,
    every_word_is_in_force_or_an_error_on_a_learning_switch: Learning,
    every_word_is_in_force_or_an_error_beside_raw_lines: Raw,
    every_word_is_in_force_or_an_error_where_a_link_is_forwarded: Forwarding,
}

/// Every word of the schema has a line.
#[test]
fn every_word_has_a_line() {
    fn walk(
        table: &'static SchemaTable,
        seen: &mut BTreeSet<&'static str>,
        words: &mut BTreeSet<(&'static str, &'static str)>,
    ) {
        if !seen.insert(table.name) {
            return;
        }
        for key in table.keys {
            match key.kind {
                // Sections: only their own words count.
                ValueKind::Named(inner) | ValueKind::Rules(inner) => walk(inner, seen, words),
                ValueKind::List(inner)
                | ValueKind::One(inner)
                | ValueKind::Hops(inner)
                | ValueKind::OwnAddresses(inner) => {
                    walk(inner, seen, words);
                    words.insert((table.name, key.name));
                }
                _ => {
                    words.insert((table.name, key.name));
                }
            }
        }
    }
    let mut words = BTreeSet::new();
    walk(&FILE, &mut BTreeSet::new(), &mut words);
    let lines: BTreeSet<(&str, &str)> = LINES.iter().map(|line| (line.0, line.1)).collect();
    assert_eq!(words, lines);
    for (table, _) in lines {
        assert!(MODES.into_iter().any(|mode| applies(mode, table)), "{table} is tried in no mode");
    }
}

/// Flows that are counted under no name of the file are counted under a name that no item of a file
/// may have.
#[test]
fn what_flows_are_counted_under_is_in_the_file_or_taken() {
    for mode in MODES {
        let text = mode.text(&[]);
        let file = parse(&text, "x.toml").unwrap().0;
        for bridge in &file.bridges {
            let ports = bridge_flows::numbered_ports(&file, &bridge.name);
            let program = compile(&file, &bridge.name, &ports, &TimeContext::default());
            for (_, origin) in program.origins() {
                let rule = &*origin.rule;
                let named = text.contains(&format!(".{rule}]")) || text.contains(&format!("\"{rule}\""));
                let implied = ["t1", "k.1", "v.x.y", "v.y.x"].contains(&rule);
                assert!(named || implied || built_in::NAMES.contains(&rule), "{rule}: {origin:?}");
            }
        }
    }
    for name in built_in::NAMES {
        let text = format!(
            "[network.a]\nbridge = \"b\"\nsubnets = [\"10.0.0.0/24\"]\n[[never]]\nname = \"{name}\"\nfrom = \"a\"\nto = \"a\"\n"
        );
        assert_eq!(parse(&text, "x.toml").unwrap_err()[0].code, "built-in-name", "{name}");
    }
}
