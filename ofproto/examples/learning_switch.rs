//! A learning switch: `cargo run -p ofproto --example learning_switch -- 127.0.0.1:6653`, then
//! `ovs-vsctl set bridge br0 protocols=OpenFlow13 -- set-controller br0 tcp:127.0.0.1:6653`.
//!
//! It learns by which port each MAC address sends, adds a flow for each pair that talks, and floods what it does not know. The
//! flows end when nothing has used them for a minute, so that a host that moves is found again.

use std::collections::HashMap;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use ofproto::action::Action;
use ofproto::hot::{FrameAddresses, PacketInView};
use ofproto::instruction::Instruction;
use ofproto::message::{ErrorMsg, FlowMod, Hello, PacketOut};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Framer, MacAddr, Message, PortNo, Xid};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6653".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("listening at {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream).map_err(|error| println!("{error}")));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let (mut framer, mut buffer) = (Framer::new(), [0; 4096]);
    let mut learned: HashMap<MacAddr, PortNo> = HashMap::new();
    stream.write_all(&Message::Hello(Hello::ours()).encode(Xid(1))?)?;
    stream.write_all(&Message::FeaturesRequest.encode(Xid(2))?)?;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Err("the switch closed the connection".into()),
            n => framer.feed(buffer.get(..n).unwrap_or_default()),
        };
        while let Some(frame) = framer.next_frame()? {
            let answers = match Message::decode_shared(&frame) {
                Ok((_, Message::Hello(hi))) if !hi.speaks_ours() => return Err("no OpenFlow 1.3".into()),
                Ok((xid, Message::EchoRequest(data))) => vec![(xid, Message::EchoReply(data))],
                Ok((_, Message::FeaturesReply(features))) => {
                    println!("datapath {} with {} tables", features.datapath_id, features.n_tables);
                    vec![(Xid(3), Message::FlowMod(table_miss()))]
                }
                Ok((_, Message::PacketIn(_))) => forward(&frame, &mut learned),
                Ok((_, Message::Error(error))) => {
                    println!("the switch refuses: {}", error.name().unwrap_or("something"));
                    Vec::new()
                }
                Ok(_) => Vec::new(),
                Err(error) => vec![(Xid(0), Message::Error(ErrorMsg::reply_to(&error, &frame)))],
            };
            for (xid, message) in answers {
                stream.write_all(&message.encode(xid)?)?;
            }
        }
    }
}

/// The flow for whatever no other matches: all of the packet to the controller.
fn table_miss() -> FlowMod {
    FlowMod { priority: 0, instructions: output(PortNo::CONTROLLER), ..FlowMod::default() }
}

fn output(port: PortNo) -> Vec<Instruction> {
    vec![Instruction::ApplyActions(vec![Action::Output { port, max_len: 0xffff }])]
}

/// Learns where the sender is, and sends the packet on; with a flow for those that follow, if it is known where to.
fn forward(frame: &[u8], learned: &mut HashMap<MacAddr, PortNo>) -> Vec<(Xid, Message)> {
    let Some(packet) = PacketInView::parse(frame) else { return Vec::new() };
    let Some(FrameAddresses { src, dst, .. }) = FrameAddresses::parse(packet.data) else { return Vec::new() };
    let (src, dst) = (MacAddr::from(src), MacAddr::from(dst));
    // A stranger may make up addresses without end.
    if !src.is_group() && (learned.len() < 10_000 || learned.contains_key(&src)) {
        learned.insert(src, packet.in_port);
    }
    let port = learned.get(&dst).copied();
    let mut answers = Vec::new();
    if let Some(port) = port {
        let exact = |field, value| Oxm::Known { field, value, mask: None };
        let fields = vec![
            exact(Field::InPortOxm, packet.in_port.0.into()),
            exact(Field::EthDst, dst.bits()),
            exact(Field::EthSrc, src.bits()),
        ];
        let (fields, instructions) = (Match { fields }, output(port));
        let flow = FlowMod { priority: 1, idle_timeout: 60, fields, instructions, ..FlowMod::default() };
        answers.push((Xid(4), Message::FlowMod(flow)));
    }
    let actions = vec![Action::Output { port: port.unwrap_or(PortNo::FLOOD), max_len: 0 }];
    let data = if packet.buffer_id == BufferId::NO_BUFFER { packet.data.to_vec() } else { Vec::new() };
    let packet =
        PacketOut { buffer_id: packet.buffer_id, in_port: packet.in_port, actions, data: data.into() };
    answers.push((Xid(5), Message::PacketOut(packet)));
    answers
}
