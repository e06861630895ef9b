#![no_main]
//! A flow line: what is read prints as a line that reads as the same flow, and it has a wire form or says why not.

use flows::{Flow, Masked};
use libfuzzer_sys::fuzz_target;
use ofctl::syntax::{NoNames, parse_flow, parse_match, print_flow};
use ofproto::message::FlowModCommand;
use ofproto::oxm::Field;
use ofproto::{Message, Xid};

/// Whether it has fields that `ovs-ofctl`, and so we, print without their masks, or only beside others.
fn is_said_short(flow: &Flow) -> bool {
    let short = |field: Field| {
        let name = field.info().name;
        ["tun_erspan", "tun_gtpu", "tun_gbp_flags"].iter().any(|prefix| name.starts_with(prefix))
    };
    flow.matches.iter().any(|(field, _)| short(field))
}

fn ethernet(mut flow: Flow) -> Flow {
    if flow.matches.exact(Field::PacketType) == Some(0) {
        flow.matches.set(Field::PacketType, Masked { value: 0, mask: 0 });
    }
    flow
}

fuzz_target!(|line: &str| {
    let _ = parse_match(line, &NoNames);
    match parse_flow(line, &NoNames) {
        Ok(flow) => {
            let printed = print_flow(&flow, &NoNames);
            let again = parse_flow(&printed, &NoNames).unwrap_or_else(|e| panic!("{printed}: {e:?}"));
            if !is_said_short(&flow) {
                // That packets are Ethernet is not printed where it goes without saying.
                assert_eq!(ethernet(again.clone()), ethernet(flow.clone()), "{printed}");
            }
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
