//! Exchanges HELLO with a new connection. It holds little memory until then: most peers that are
//! not switches never get further.

use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;

use super::admission::SessionPlace;
use crate::session::{CloseReason, Config, Session};

/// Sends HELLO, and waits for the header of a message. Returns the session with the bytes received
/// so far.
///
/// # Errors
/// - [`CloseReason::Connection`] if the peer closes the connection or the socket fails.
/// - [`CloseReason::HandshakeTimeout`] if the peer sends nothing in time.
/// - [`CloseReason::Ended`] if the session is evicted or the controller ends.
pub(super) async fn greet<R, W>(
    reader: &mut R,
    writer: &mut W,
    place: &SessionPlace,
    shutdown: &mut watch::Receiver<bool>,
) -> Result<Box<Session>, CloseReason>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    // Boxed once, so that the futures on the way do not each hold a copy.
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
