//! The bounds of the tables of learned flows: Open vSwitch's own eviction (ovs-vswitchd.conf.db(5),
//! "Flow_Table").
//!
//! A full table evicts a flow for each new one. It evicts the flow of the largest group that would
//! end first. So a new flow always gets in, and an endpoint that fills a table loses its own flows.
//! Groups are made of fields that learned flows match.
//!
//! Measured on Open vSwitch 3.1.0:
//! - A learned flow takes about 1.2 KB, so the four tables of a bridge take at most some 400 MB.
//! - `learn()` evicts as FLOW_MOD does.
//! - Once a second each table is sorted anew, which takes 100 ms of one core with 131,072 flows,
//!   and 50 ms with 65,536.

use flows::compile::layout::{FOLLOWING, RELATED, RETURNS, VISITORS};
use flows::network::NetworkFile;
use ofproto::TableId;

use super::database::{DatabaseRow, DatabaseTable};
use super::vsctl::quoted;

/// The bound of a table of learned flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvictionBound {
    /// The table.
    pub table: TableId,
    /// The table's name in messages.
    pub name: &'static str,
    /// Largest number of flows.
    pub flow_limit: u32,
    groups: &'static [&'static str],
}

/// The address of the client that opened the connection: answers go there.
const OPENER: &[&str] = &["NXM_NX_IPV6_DST[]", "NXM_OF_IP_DST[]"];
/// The port that answers. Clients choose their addresses, so these do not tell one client from
/// another.
const ANSWERER: &[&str] = &["NXM_OF_IN_PORT[]"];

/// The bounds of a bridge's learned tables.
pub const BOUNDS: [EvictionBound; 4] = [
    EvictionBound { table: RETURNS, name: "returns", flow_limit: 131_072, groups: OPENER },
    EvictionBound { table: RELATED, name: "related", flow_limit: 65_536, groups: OPENER },
    EvictionBound { table: VISITORS, name: "visitors", flow_limit: 65_536, groups: ANSWERER },
    EvictionBound { table: FOLLOWING, name: "following", flow_limit: 65_536, groups: OPENER },
];

/// Returns whether the file has the bridge learn return flows.
pub(super) fn learns(file: &NetworkFile, bridge: &str) -> bool {
    file.networks.iter().any(|network| network.bridge == bridge)
}

/// Returns the `ovs-vsctl` arguments that set the bounds of a bridge, as one command of several,
/// without the first `--`.
pub(super) fn words(bridge: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut set: Vec<String> = ["--", "set", "bridge", bridge].map(str::to_owned).into();
    for EvictionBound { table, name, flow_limit, groups } in BOUNDS {
        if !words.is_empty() {
            words.push("--".to_owned());
        }
        let groups: Vec<String> = groups.iter().map(|group| format!("{group:?}")).collect();
        words.extend([format!("--id=@{name}"), "create".to_owned(), "Flow_Table".to_owned()]);
        // Without a name: ovs-ofctl would print it in place of the table's number.
        words.extend([format!("flow_limit={flow_limit}"), "overflow_policy=evict".to_owned()]);
        words.push(format!("groups={}", groups.join(",")));
        set.push(format!("flow_tables:{}=@{name}", table.0));
    }
    words.extend(set);
    words
}

/// Returns the arguments that remove the bounds.
pub(super) fn no_words(bridge: &str) -> Vec<String> {
    let keys = BOUNDS.map(|bound| bound.table.0.to_string());
    ["remove", "bridge", bridge, "flow_tables"].map(str::to_owned).into_iter().chain(keys).collect()
}

/// Returns the command that sets the bounds, as a person types it.
pub(super) fn command(bridge: &str) -> String {
    let words: Vec<String> = words(bridge).iter().map(|word| quoted(word)).collect();
    format!("ovs-vsctl -- {}", words.join(" "))
}

/// Returns the tables of a bridge's row that lack their bound.
pub(super) fn missing(row: &DatabaseRow, flow_tables: &DatabaseTable) -> Vec<&'static str> {
    let bounded = |bound: &EvictionBound| {
        let Some(id) = row.key("flow_tables", &bound.table.0.to_string()) else { return false };
        let ids = [id];
        let mut rows = flow_tables.with_ids(&ids);
        rows.next().is_some_and(|table| {
            let mut groups = table.values("groups");
            groups.sort();
            table.value("overflow_policy").as_deref() == Some("evict")
                && table.value("flow_limit").is_some()
                && groups == bound.groups
        })
    };
    BOUNDS.iter().filter(|bound| !bounded(bound)).map(|bound| bound.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_that_a_shell_takes() {
        assert_eq!(
            command("br0"),
            "ovs-vsctl -- --id=@returns create Flow_Table flow_limit=131072 overflow_policy=evict \
             'groups=\"NXM_NX_IPV6_DST[]\",\"NXM_OF_IP_DST[]\"' -- \
             --id=@related create Flow_Table flow_limit=65536 overflow_policy=evict \
             'groups=\"NXM_NX_IPV6_DST[]\",\"NXM_OF_IP_DST[]\"' -- \
             --id=@visitors create Flow_Table flow_limit=65536 overflow_policy=evict \
             'groups=\"NXM_OF_IN_PORT[]\"' -- \
             --id=@following create Flow_Table flow_limit=65536 overflow_policy=evict \
             'groups=\"NXM_NX_IPV6_DST[]\",\"NXM_OF_IP_DST[]\"' -- \
             set bridge br0 flow_tables:1=@returns flow_tables:5=@related flow_tables:6=@visitors \
             flow_tables:18=@following"
        );
    }
}
