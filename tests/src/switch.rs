//! Emulated switches: their side of an OpenFlow session, over an open stream.

use std::io::{self, Read, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ofproto::message::{Message, Port};
use ofproto::testing::switch::{handshake, is_last};
use ofproto::{DatapathId, Framer, Xid};

/// Answers the controller's handshake as a switch with that datapath ID and these ports.
///
/// # Panics
/// Panics if the controller does not complete the handshake.
pub fn shake_hands(stream: &mut TcpStream, datapath: DatapathId, ports: &[Port]) {
    try_shake_hands(stream, datapath, ports).expect("the handshake goes on");
}

/// Answers the handshake of a controller that may end the session meanwhile.
///
/// # Errors
/// Returns an error if the controller ends the session.
///
/// # Panics
/// Panics if the controller sends bytes that are not OpenFlow.
pub fn try_shake_hands(stream: &mut TcpStream, datapath: DatapathId, ports: &[Port]) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut framer = Framer::new();
    loop {
        let (xid, asked) = next(stream, &mut framer)?;
        let Some(answer) = handshake(&asked, datapath, ports) else { continue };
        stream.write_all(&answer.encode(xid).expect("an answer"))?;
        if is_last(&asked) {
            return Ok(());
        }
    }
}

/// Reads the next message.
fn next(stream: &mut impl Read, framer: &mut Framer) -> io::Result<(Xid, Message)> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(frame) = framer.next_frame().expect("OpenFlow") {
            return Ok(Message::decode_shared(&frame).expect("a message"));
        }
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        framer.feed(buffer.get(..n).expect("what was read"));
    }
}

/// Simulates a switch that answers only echo requests, and records the messages after the
/// handshake.
#[derive(Debug)]
pub struct Listening {
    stream: TcpStream,
    told: Arc<Mutex<ToldMessage>>,
}

#[derive(Debug, Default)]
struct ToldMessage {
    names: Vec<&'static str>,
    is_over: bool,
}

impl Listening {
    /// Goes through the handshake, and listens from then on.
    ///
    /// # Panics
    /// Panics if the controller does not complete the handshake.
    pub fn new(mut stream: TcpStream, datapath: DatapathId, ports: &[Port]) -> Self {
        shake_hands(&mut stream, datapath, ports);
        stream.set_read_timeout(None).expect("no timeout");
        let told = Arc::<Mutex<ToldMessage>>::default();
        let (mut reading, notes) = (stream.try_clone().expect("the stream"), Arc::clone(&told));
        std::thread::spawn(move || {
            let mut framer = Framer::new();
            while let Ok((xid, message)) = next(&mut reading, &mut framer) {
                if let Message::EchoRequest(payload) = message {
                    let answer = Message::EchoReply(payload).encode(xid).expect("an answer");
                    // The end of the connection is read next.
                    let _ = reading.write_all(&answer);
                } else {
                    notes.lock().expect("the notes").names.push(message.name());
                }
            }
            notes.lock().expect("the notes").is_over = true;
        });
        Self { stream, told }
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// Panics if the connection is over.
    pub fn say(&self, bytes: &[u8]) {
        (&self.stream).write_all(bytes).expect("the controller reads");
    }

    /// Returns the names of the received messages, except echo requests.
    ///
    /// # Panics
    /// Panics if the received bytes are not OpenFlow.
    pub fn told(&self) -> Vec<&'static str> {
        self.told.lock().expect("the notes").names.clone()
    }

    /// Returns whether the controller ended the session.
    ///
    /// # Panics
    /// Panics if the received bytes are not OpenFlow.
    pub fn is_over(&self) -> bool {
        self.told.lock().expect("the notes").is_over
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The reading thread holds the connection, too.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
