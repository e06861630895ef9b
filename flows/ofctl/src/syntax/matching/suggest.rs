//! Suggestions for unknown words.

use ofproto::oxm::Field;

use crate::nearest::nearest;
use crate::syntax::matching::shorthand_names;

/// Words that begin an action or an instruction.
const ACTIONS: &[&str] = &[
    "bundle",
    "bundle_load",
    "check_pkt_larger",
    "clear_actions",
    "clone",
    "conjunction",
    "controller",
    "ct",
    "ct_clear",
    "dec_mpls_ttl",
    "dec_nsh_ttl",
    "dec_ttl",
    "decap",
    "delete_field",
    "drop",
    "encap",
    "enqueue",
    "exit",
    "fin_timeout",
    "flood",
    "goto_table",
    "group",
    "in_port",
    "learn",
    "load",
    "local",
    "meter",
    "mod_dl_dst",
    "mod_dl_src",
    "mod_nw_dst",
    "mod_nw_ecn",
    "mod_nw_src",
    "mod_nw_tos",
    "mod_nw_ttl",
    "mod_tp_dst",
    "mod_tp_src",
    "mod_vlan_pcp",
    "mod_vlan_vid",
    "move",
    "multipath",
    "normal",
    "note",
    "output",
    "pop",
    "pop_mpls",
    "pop_queue",
    "pop_vlan",
    "push",
    "push_mpls",
    "push_vlan",
    "resubmit",
    "sample",
    "set_field",
    "set_mpls_label",
    "set_mpls_tc",
    "set_mpls_ttl",
    "set_queue",
    "set_tunnel",
    "strip_vlan",
    "write_actions",
    "write_metadata",
];

/// Words of a flow that are not fields.
const PROPERTIES: &[&str] = &[
    "actions",
    "check_overlap",
    "cookie",
    "hard_timeout",
    "idle_timeout",
    "no_byte_counts",
    "no_packet_counts",
    "priority",
    "reset_counts",
    "send_flow_rem",
    "table",
    "dl_vlan",
];

/// Suggests the action nearest to a word.
pub(in crate::syntax) fn action(word: &str) -> Option<String> {
    nearest(word, ACTIONS.iter().copied()).map(did_you_mean)
}

/// Suggests the field or property nearest to a word.
pub(in crate::syntax) fn field(word: &str) -> Option<String> {
    let names = Field::ALL.iter().flat_map(|f| [Some(f.info().name), f.info().extra]).flatten();
    nearest(word, names.chain(shorthand_names()).chain(PROPERTIES.iter().copied())).map(did_you_mean)
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean {name:?}?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{NoNames, parse_flow};

    #[test]
    fn every_action_that_is_proposed_is_one() {
        for name in ACTIONS {
            let error = parse_flow(&format!("actions={name}"), &NoNames).err();
            assert!(error.is_none_or(|e| !e.message.contains("unknown action")), "{name}");
        }
    }

    #[test]
    fn slips_are_told() {
        let help = |line: &str| parse_flow(line, &NoNames).unwrap_err().help.unwrap();
        assert_eq!(help("tcp,nw_dts=10.0.0.1,actions=drop"), "did you mean \"nw_dst\"?");
        assert_eq!(help("tpc,actions=drop"), "did you mean \"tcp\"?");
        assert_eq!(help("prority=5,actions=drop"), "did you mean \"priority\"?");
        assert_eq!(help("actions=resumbit(,1)"), "did you mean \"resubmit\"?");
        assert!(help("wholly_else=5,actions=drop").contains("ovs-fields(7)"));
    }
}
