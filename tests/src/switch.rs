//! Switches that are not there: their side of an OpenFlow session, over a stream that is open already.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ofproto::message::{Message, Port};
use ofproto::testing::switch::{handshake, is_last};
use ofproto::{DatapathId, Framer};

/// Answers the controller's handshake as a switch with that datapath ID and these ports.
///
/// # Panics
/// When the controller does not go through with it.
pub fn shake_hands(stream: &mut TcpStream, datapath: DatapathId, ports: &[Port]) {
    try_shake_hands(stream, datapath, ports).expect("the handshake goes on");
}

/// Does the same with a controller that may end the session meanwhile.
///
/// # Errors
/// When it does.
///
/// # Panics
/// When what it says is not OpenFlow.
pub fn try_shake_hands(stream: &mut TcpStream, datapath: DatapathId, ports: &[Port]) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (mut framer, mut buffer) = (Framer::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        framer.feed(buffer.get(..n).expect("what was read"));
        while let Some(frame) = framer.next_frame().expect("OpenFlow") {
            let (xid, asked) = Message::decode_shared(&frame).expect("a message");
            let Some(answer) = handshake(&asked, datapath, ports) else { continue };
            stream.write_all(&answer.encode(xid).expect("an answer"))?;
            if is_last(&asked) {
                return Ok(());
            }
        }
    }
}
