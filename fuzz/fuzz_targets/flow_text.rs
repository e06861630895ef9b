#![no_main]
//! A flow line: what is read prints as a line that reads as the same flow, and it has a wire form or says why not.

use flows::syntax::{NoNames, parse_flow, parse_match, print_flow};
use libfuzzer_sys::fuzz_target;
use ofproto::message::FlowModCommand;
use ofproto::{Message, Xid};

fuzz_target!(|line: &str| {
    let _ = parse_match(line, &NoNames);
    match parse_flow(line, &NoNames) {
        Ok(flow) => {
            let printed = print_flow(&flow, &NoNames);
            let again = parse_flow(&printed, &NoNames).unwrap_or_else(|e| panic!("{printed}: {e:?}"));
            assert_eq!(again, flow, "{printed}");
            assert_eq!(print_flow(&again, &NoNames), printed);
            let message = Message::FlowMod(flow.to_flow_mod(FlowModCommand::Add));
            if let Ok(bytes) = message.encode(Xid(1)) {
                Message::decode(&bytes).unwrap_or_else(|e| panic!("{printed}: {e:?}"));
            }
        }
        // What is wrong is a part of the line.
        Err(error) => assert!(line.get(error.span.clone()).is_some(), "{error:?}"),
    }
});
