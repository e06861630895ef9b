//! The beginning of a connection, which holds little: most of those that are no switch never get further.

use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;

use super::admission::Place;
use crate::session::{CloseReason, Config, Session};

/// Says HELLO, and waits for the header of a message. Returns the session with what came so far.
///
/// # Errors
/// When the other side closes, says nothing in time, or has to leave its place, or when the controller ends.
pub(super) async fn greet<R, W>(
    reader: &mut R,
    writer: &mut W,
    place: &Place,
    shutdown: &mut watch::Receiver<bool>,
) -> Result<Box<Session>, CloseReason>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    // Once, in place of in every future on the way.
    let mut session = Box::new(Session::new(Instant::now(), Config::default()));
    let ended = |error: std::io::Error| CloseReason::Connection(error.to_string());
    let end = session.poll_timeout();
    let exchange = async {
        while let Some(hello) = session.poll_transmit() {
            writer.write_all(&hello).await.map_err(ended)?;
        }
        while !session.has_header() {
            if reader.read_buf(session.inbox()).await.map_err(ended)? == 0 {
                return Err(CloseReason::Connection("the other side closed it".to_owned()));
            }
        }
        session.received(Instant::now(), |_| false);
        Ok(())
    };
    tokio::select! {
        done = exchange => done?,
        () = super::sleep_until(end) => return Err(CloseReason::HandshakeTimeout("HELLO")),
        () = place.evicted() => return Err(CloseReason::Ended(super::EVICTED.to_owned())),
        _ = shutdown.wait_for(|down| *down) => {
            return Err(CloseReason::Ended("the controller ends".to_owned()));
        }
    }
    Ok(session)
}
