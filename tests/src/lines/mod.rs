//! Lines of flows for both parsers, that of `ovs-ofctl` and that of Portcullis.

mod later;
mod refused;
mod taken;

pub use self::later::LATER;
pub use self::refused::{CHANGED, REFUSED};
pub use self::taken::{ACTIONS, CUT, LEARN, MATCHES, NORMALIZED};

/// The flows of the dual-socket document, unchanged.
pub const DOCUMENT: &[&str] = &[
    "priority=100,in_port=nm-privacy,actions=output:to-privacy",
    "priority=100,in_port=to-privacy,actions=output:nm-privacy",
    "priority=1,actions=drop",
    "priority=100,in_port=nm-mgmt,actions=output:to-mgmt",
    "priority=100,in_port=to-mgmt,actions=output:nm-mgmt",
    "priority=100,udp,tp_dst=51820,actions=output:veth100",
    "priority=100,in_port=veth100,actions=output:warp0",
    "priority=100,in_port=veth102,actions=output:warp0",
    "priority=100,in_port=warp0,actions=learn(table=1,hard_timeout=300,priority=110,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:normal",
    "priority=90,in_port=from-privacy,actions=output:warp0",
    "priority=10,actions=normal",
    "priority=100,tcp,tp_dst=9573,actions=output:veth201",
    "priority=100,tcp,tp_dst=9574,actions=output:veth201",
    "priority=90,in_port=from-mgmt,actions=normal",
];

/// The document's two lines for health checks, and the port that their bridge lacks.
pub const HEALTH_CHECKS: &[(&str, &str)] = &[
    ("priority=150,in_port=veth202,tcp,tp_dst=8080,nw_dst=10.0.0.102,actions=output:from-mgmt", "from-mgmt"),
    (
        "priority=150,in_port=from-privacy,tcp,tp_src=8080,nw_src=10.0.0.102,actions=output:to-privacy",
        "to-privacy",
    ),
];
