use ofproto::TableId;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::*;
use crate::compile::compile;
use crate::network;

const DUAL_SOCKET: &str = include_str!("../../networks/dual-socket.toml");

fn compiled(file: &NetworkFile) -> Vec<BridgeFlows<'_>> {
    let bridges = file.bridges.iter().map(|b| {
        let ports = numbered_ports(file, &b.name);
        let program = compile(file, &b.name, &ports);
        BridgeFlows { name: &b.name, ports, flows: program.flows, origins: program.origins }
    });
    bridges.collect()
}

fn file(text: &str) -> NetworkFile {
    network::parse(text, "n.toml").unwrap().0
}

#[test]
fn dual_socket_holds() {
    let file = file(DUAL_SOCKET);
    let report = check(&file, &compiled(&file));
    for w in &report.witnesses {
        println!("{}\n{w}", w.summary());
    }
    println!("{} packets, {} run, {} learned, {:?}", report.packets, report.runs, report.learned, report.incomplete);
    assert!(report.witnesses.is_empty());
    assert!(report.incomplete.is_empty());
    assert!(report.packets > 1_000_000);
}
