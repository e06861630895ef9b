//! One connection: one read and one write for many messages, with buffers for the rest of both.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

/// Size of one read, in bytes: several times the longest message.
pub(super) const READ: usize = 256 << 10;
/// The result of cutting the next message off a stream.
pub(super) enum StreamCut<'a> {
    /// A message, and the bytes after it.
    Message(&'a [u8], &'a [u8]),
    /// The rest of the message has not arrived.
    More,
    /// A length in the header that is shorter than the header.
    Bad,
}

/// Cuts off the next message.
#[inline]
pub(super) fn cut(bytes: &[u8]) -> StreamCut<'_> {
    let Some(&[_, _, high, low, ..]) = bytes.first_chunk::<8>() else { return StreamCut::More };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < 8 {
        return StreamCut::Bad;
    }
    match bytes.split_at_checked(length) {
        Some((message, rest)) => StreamCut::Message(message, rest),
        None => StreamCut::More,
    }
}

/// A non-blocking connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    token: u64,
    /// The beginning of a message whose rest has not arrived.
    partial: Vec<u8>,
    unsent: Vec<u8>,
    /// Limit on unsent bytes. Above it, the link stops reading from the peer until the peer reads.
    max_unsent: usize,
    registered: EpollFlags,
}

impl Link {
    /// Registers a non-blocking stream with epoll, under this token.
    ///
    /// # Errors
    /// Returns an error if the kernel cannot register another stream.
    pub(super) fn new(epoll: &Epoll, stream: TcpStream, token: u64, max_unsent: usize) -> io::Result<Self> {
        let registered = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT;
        epoll.add(&stream, EpollEvent::new(registered, token))?;
        Ok(Self { stream, token, partial: Vec::new(), unsent: Vec::new(), max_unsent, registered })
    }

    /// Returns the result of the connection attempt.
    pub(super) fn connected(&self) -> io::Result<()> {
        match self.stream.take_error()? {
            Some(error) => Err(error),
            None => self.stream.set_nodelay(true),
        }
    }

    /// Reads once, after the bytes left over from the last read. Returns the number of bytes now in
    /// `buffer`, or `None` if nothing arrived.
    ///
    /// # Errors
    /// Returns `UnexpectedEof` if the peer has closed, or the error of the socket.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let (head, room) = match buffer.split_at_mut_checked(self.partial.len()) {
            Some(halves) => halves,
            None => return Err(ErrorKind::InvalidData.into()),
        };
        match self.stream.read(room) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                head.copy_from_slice(&self.partial);
                let len = self.partial.len() + n;
                self.partial.clear();
                Ok(Some(len))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the beginning of a message for the next read.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.partial.extend_from_slice(rest);
    }

    /// Writes the leftover bytes and then these, as many as the peer accepts. The rest waits for
    /// [`Link::flush`].
    ///
    /// # Errors
    /// Returns the error of the socket.
    pub(super) fn write(&mut self, epoll: &Epoll, bytes: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush(epoll);
        }
        let n = if bytes.is_empty() { 0 } else { some(self.stream.write(bytes))? };
        self.unsent.extend_from_slice(bytes.get(n..).unwrap_or_default());
        self.register(epoll)
    }

    /// Writes the leftover bytes.
    ///
    /// # Errors
    /// Returns the error of the socket.
    pub(super) fn flush(&mut self, epoll: &Epoll) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let n = some(self.stream.write(&self.unsent))?;
            self.unsent.drain(..n);
        }
        self.register(epoll)
    }

    /// Registers the events that matter now.
    fn register(&mut self, epoll: &Epoll) -> io::Result<()> {
        let mut wanted = EpollFlags::empty();
        wanted.set(EpollFlags::EPOLLOUT, !self.unsent.is_empty());
        wanted.set(EpollFlags::EPOLLIN, self.unsent.len() <= self.max_unsent);
        if wanted != self.registered {
            epoll.modify(&self.stream, &mut EpollEvent::new(wanted, self.token))?;
            self.registered = wanted;
        }
        Ok(())
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Returns the number of bytes written, 0 if the peer accepts none now.
fn some(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        other => other,
    }
}
