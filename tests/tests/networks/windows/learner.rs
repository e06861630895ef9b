//! What Open vSwitch does with the flows that a learner taught, when the learner goes: the facts that windows rest on.

use std::time::Duration;

use portcullis_tests::PrivateOvs;

/// A learner with `delete_learned` that ends after `seconds`, at a priority.
fn learner(seconds: u16, priority: u16) -> String {
    format!(
        "cookie=0x7,table=2,hard_timeout={seconds},priority={priority},udp,nw_dst=10.0.0.2,actions=learn(table=1,\
         cookie=0x7,hard_timeout=300,priority=110,delete_learned,in_port=2,eth_type=0x800,nw_proto=17,\
         NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],NXM_OF_UDP_DST[]=NXM_OF_UDP_SRC[],output:NXM_OF_IN_PORT[]),output:2"
    )
}

struct Switch(PrivateOvs);

impl Switch {
    fn new() -> Self {
        let ovs = PrivateOvs::new();
        ovs.add_bridge("B");
        for flow in ["table=0,actions=goto_table:1", "table=1,priority=0,actions=goto_table:2"] {
            ovs.ofctl(&["add-flow", "B", flow]);
        }
        Self(ovs)
    }

    fn teach(&self) {
        let packet = "in_port=LOCAL,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,udp_src=1000,udp_dst=53";
        self.0.appctl(&["ofproto/trace", "B", packet, "-generate"]);
        assert_eq!(self.learned(), 1);
    }

    fn learned(&self) -> usize {
        self.0.ofctl(&["dump-flows", "B", "table=1"]).lines().filter(|l| l.contains("priority=110")).count()
    }

    fn learners(&self) -> usize {
        self.0.ofctl(&["dump-flows", "B", "table=2"]).lines().filter(|l| l.contains("actions=")).count()
    }

    /// Changes in one bundle.
    fn bundle(&self, changes: &[String]) {
        let path = self.0.rundir().join("changes");
        std::fs::write(&path, changes.join("\n") + "\n").unwrap();
        self.0.ofctl(&["--bundle", "add-flows", "B", path.to_str().unwrap()]);
    }
}

#[test]
fn delete_learned_deletes_also_when_the_learner_ends_by_itself() {
    let switch = Switch::new();
    switch.0.ofctl(&["add-flow", "B", &learner(3, 50)]);
    switch.teach();
    while switch.learners() > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(switch.learned(), 0);
}

#[test]
fn a_learner_that_is_armed_again_keeps_what_it_taught() {
    let switch = Switch::new();
    switch.0.ofctl(&["add-flow", "B", &learner(300, 50)]);
    switch.teach();
    switch.bundle(&[format!("add {}", learner(400, 50))]);
    assert_eq!((switch.learners(), switch.learned()), (1, 1), "added over itself");
    let delete = |priority: u16| format!("delete_strict table=2,priority={priority},udp,nw_dst=10.0.0.2");
    switch.bundle(&[format!("add {}", learner(400, 51)), delete(50)]);
    assert_eq!((switch.learners(), switch.learned()), (1, 1), "added elsewhere, then deleted");
    // The other way round there is a moment without any learner of that cookie.
    switch.bundle(&[delete(51), format!("add {}", learner(400, 50))]);
    assert_eq!((switch.learners(), switch.learned()), (1, 0), "deleted, then added elsewhere");
}
