//! Adds a flow to a switch, and asks whether it is there:
//! `cargo run -p ofproto --example add_flow -- unix:/var/run/openvswitch/br0.mgmt 1 2`.
//!
//! What comes in by the first port goes out by the second: `in_port=1,actions=output:2` in the words of ovs-ofctl. The target
//! is a management socket, or `tcp:ADDRESS:PORT` of a switch that listens (`ptcp:`).

#![allow(
    clippy::indexing_slicing,
    reason = "lengths are those that read and feed return, or of fixed headers"
)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::{
    FlowStatsRequest, MULTIPART_MORE, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{FlowMod, Hello};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{Framer, Message, PortNo, Xid};

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A session with a switch.
struct Session {
    stream: Box<dyn Stream>,
    framer: Framer,
}

impl Session {
    fn open(target: &str) -> Result<Self, Box<dyn Error>> {
        let stream: Box<dyn Stream> = match target.split_once(':') {
            Some(("unix", path)) => Box::new(UnixStream::connect(path)?),
            Some(("tcp", address)) => Box::new(TcpStream::connect(address)?),
            _ => return Err(format!("{target}: unix:PATH or tcp:ADDRESS:PORT").into()),
        };
        let mut session = Self { stream, framer: Framer::new() };
        session.send(1, &Message::Hello(Hello::ours()))?;
        match session.receive()? {
            (_, Message::Hello(hello)) if hello.speaks_ours() => Ok(session),
            (_, other) => Err(format!("the switch does not speak OpenFlow 1.3: {other:?}").into()),
        }
    }

    fn send(&mut self, xid: u32, message: &Message) -> Result<(), Box<dyn Error>> {
        Ok(self.stream.write_all(&message.encode(Xid(xid))?)?)
    }

    /// The next message; echo requests are answered on the way.
    fn receive(&mut self) -> Result<(Xid, Message), Box<dyn Error>> {
        let mut buffer = [0; 4096];
        loop {
            while let Some(frame) = self.framer.next_frame()? {
                match Message::decode_shared(&frame)? {
                    (Xid(xid), Message::EchoRequest(data)) => self.send(xid, &Message::EchoReply(data))?,
                    message => return Ok(message),
                }
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err("the switch closed the connection".into()),
                // Less than the framer holds: it takes all of it.
                n => self.framer.feed(&buffer[..n]),
            };
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, in_port, output] = &arguments[..] else {
        return Err("usage: add_flow TARGET IN_PORT OUT_PORT".into());
    };
    let (in_port, output) = (PortNo(in_port.parse()?), PortNo(output.parse()?));
    let mut session = Session::open(target)?;

    let fields = vec![Oxm::Known { field: Field::InPortOxm, value: in_port.0.into(), mask: None }];
    let fields = Match { fields };
    let output = vec![Action::Output { port: output, max_len: 0 }];
    let instructions = vec![Instruction::ApplyActions(output)];
    let flow = FlowMod { priority: 100, fields: fields.clone(), instructions, ..FlowMod::default() };
    session.send(2, &Message::FlowMod(flow))?;
    // An error comes before the answer to the barrier, or not at all.
    session.send(3, &Message::BarrierRequest)?;
    loop {
        match session.receive()? {
            (Xid(2), Message::Error(error)) => {
                return Err(match error.ovs_error() {
                    Some(error) => format!("the switch refuses the flow: {error}: {}", error.meaning()),
                    None => format!("the switch refuses the flow: {error:?}"),
                }
                .into());
            }
            (Xid(3), Message::BarrierReply) => break,
            _ => {}
        }
    }

    let request = FlowStatsRequest { fields, ..FlowStatsRequest::default() };
    let body = MultipartRequestBody::Flow(request);
    session.send(4, &Message::MultipartRequest(MultipartRequest { flags: 0, body }))?;
    loop {
        let (Xid(4), Message::MultipartReply(reply)) = session.receive()? else { continue };
        if let MultipartReplyBody::Flow(flows) = &reply.body {
            for flow in flows {
                println!("priority {}: {:?} → {:?}", flow.priority, flow.fields, flow.instructions);
            }
        }
        if reply.flags & MULTIPART_MORE == 0 {
            return Ok(());
        }
    }
}
