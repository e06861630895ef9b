//! Actions inside actions as deep as Open vSwitch reads them, in half the stack of a thread, debug builds too.

use ofctl::ofp_print::print_message;
use ofctl::syntax::{NoNames, parse_flow, print_flow};
use ofproto::action::MAX_DEPTH;
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::{Message, Reader, Wire as _, Xid};

const STACK: usize = 1 << 20;

fn nested(depth: usize) -> String {
    format!("actions={}output:1{}", "clone(".repeat(depth), ")".repeat(depth))
}

#[test]
fn the_deepest_flow_needs_little_of_the_stack() {
    let deepest = || {
        let line = nested(MAX_DEPTH);
        let flow = parse_flow(&line, &NoNames).unwrap();
        assert_eq!(print_flow(&flow, &NoNames), line);
        let flow_mod = flow.to_flow_mod(FlowModCommand::Add);
        let bytes = Message::FlowMod(flow_mod.clone()).encode(Xid(7)).unwrap();
        let decoded = FlowMod::decode(&mut Reader::new(&bytes[8..])).unwrap();
        assert_eq!(decoded, flow_mod);
        assert!(format!("{:#?}", decoded.clone()).contains("Output"));
        assert!(print_message(&bytes, 2, &NoNames).contains(&line));
    };
    std::thread::Builder::new().stack_size(STACK).spawn(deepest).unwrap().join().unwrap();
    assert!(parse_flow(&nested(MAX_DEPTH + 1), &NoNames).is_err());
}
