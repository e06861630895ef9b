//! A session with a switch that we call: for tools that look once and go.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ofproto::Xid;
use ofproto::message::Message;
use ofproto::message::multipart::{
    FlowStats, FlowStatsRequest, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};

use super::Address;
use crate::session::{CloseReason, Config, Connected, Event, SendError, Session, error_names};

/// A switch has so long for each answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a switch gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where.
        address: Address,
        /// What the system said.
        source: std::io::Error,
    },
    /// The session ended.
    #[error("{0}")]
    Closed(CloseReason),
    /// The switch refused.
    #[error("the switch refused: {0}")]
    Refused(String),
    /// Something could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It takes too long.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
}

trait Stream: std::io::Read + std::io::Write {}
impl<T: std::io::Read + std::io::Write> Stream for T {}

/// A blocking session.
pub struct Client {
    stream: Box<dyn Stream>,
    session: Session,
    /// What the handshake found out.
    pub connected: Connected,
}

impl Client {
    /// Calls a switch and does the handshake. Its configuration is left alone.
    ///
    /// # Errors
    /// When nobody is there, or speaks OpenFlow 1.3.
    pub fn connect(address: &Address) -> Result<Self, ClientError> {
        let failed = |source| ClientError::Connect { address: address.clone(), source };
        let mut stream: Box<dyn Stream> = match address {
            Address::Tcp(at) => {
                let stream = TcpStream::connect_timeout(at, TIMEOUT).map_err(failed)?;
                stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
                stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
                Box::new(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).map_err(failed)?;
                stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
                stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
                Box::new(stream)
            }
        };
        let mut session = Session::new(Instant::now(), Config { set_config: false, ..Config::default() });
        loop {
            if let Event::Connected(connected) = next(&mut *stream, &mut session)? {
                return Ok(Self { stream, session, connected: *connected });
            }
        }
    }

    /// The switch's flows that `request` selects, in its order.
    ///
    /// # Errors
    /// When the switch refuses or the session ends.
    pub fn flows(&mut self, request: FlowStatsRequest) -> Result<Vec<FlowStats>, ClientError> {
        match self.ask(MultipartRequestBody::Flow(request))? {
            MultipartReplyBody::Flow(flows) => Ok(flows),
            _ => Err(ClientError::Refused("it answered something else".to_owned())),
        }
    }

    fn ask(&mut self, body: MultipartRequestBody) -> Result<MultipartReplyBody, ClientError> {
        let request = Message::MultipartRequest(MultipartRequest { flags: 0, body });
        let asked: Xid = self.session.send(&request)?;
        loop {
            match next(&mut *self.stream, &mut self.session)? {
                Event::Replied(xid, body) if xid == asked => return Ok(body),
                Event::Refused(xid, error) if xid == asked => {
                    return Err(ClientError::Refused(error_names::describe(&error)));
                }
                Event::Garbled { xid, error, .. } if xid == asked => {
                    return Err(ClientError::Refused(format!("its answer is garbled: {error}")));
                }
                _ => {}
            }
        }
    }
}

/// Writes what is to be written and reads until something happened.
fn next(stream: &mut dyn Stream, session: &mut Session) -> Result<Event, ClientError> {
    let started = Instant::now();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match session.poll_event() {
            Some(Event::Closed(reason)) => return Err(ClientError::Closed(reason)),
            Some(event) => return Ok(event),
            None => {}
        }
        if started.elapsed() > TIMEOUT {
            return Err(ClientError::Timeout);
        }
        let broken = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => ClientError::Timeout,
            _ => ClientError::Closed(CloseReason::Connection(error.to_string())),
        };
        while let Some(chunk) = session.poll_transmit() {
            stream.write_all(&chunk).map_err(broken)?;
        }
        match stream.read(&mut buffer).map_err(broken)? {
            0 => session.close(CloseReason::Connection("the switch closed it".to_owned())),
            n => session.receive(Instant::now(), buffer.get(..n).unwrap_or_default()),
        }
    }
}
