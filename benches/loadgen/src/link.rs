//! One connection: one read and one write for many messages, and what neither took yet.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

/// Room for one read, bytes: several times the longest message.
pub(super) const READ: usize = 256 << 10;
/// A stream cut into messages by their length, or why that cannot be done.
pub(super) enum StreamCut<'a> {
    /// A message, and what follows it.
    Message(&'a [u8], &'a [u8]),
    /// The rest of the message has not arrived.
    More,
    /// A length shorter than the header.
    Bad,
}

/// Cuts the next message off.
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

/// A connection that never blocks.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    token: u64,
    /// The beginning of a message whose rest has not arrived.
    partial: Vec<u8>,
    unsent: Vec<u8>,
    /// With more than this unsent the peer is not listened to until it reads.
    max_unsent: usize,
    registered: EpollFlags,
}

impl Link {
    /// Takes a stream that is set non-blocking, and tells under this token of what can be read and written.
    ///
    /// # Errors
    /// When the kernel has no room for another.
    pub(super) fn new(epoll: &Epoll, stream: TcpStream, token: u64, max_unsent: usize) -> io::Result<Self> {
        let registered = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT;
        epoll.add(&stream, EpollEvent::new(registered, token))?;
        Ok(Self { stream, token, partial: Vec::new(), unsent: Vec::new(), max_unsent, registered })
    }

    /// What the attempt to connect came to.
    pub(super) fn connected(&self) -> io::Result<()> {
        match self.stream.take_error()? {
            Some(error) => Err(error),
            None => self.stream.set_nodelay(true),
        }
    }

    /// Reads once, behind what was left of the last read; how many bytes of `buffer` there are now, if any came.
    ///
    /// # Errors
    /// `UnexpectedEof` when the peer has closed, or what the socket says.
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

    /// Writes what is left over and then these bytes, as much as the peer takes; the rest waits for [`Link::flush`].
    ///
    /// # Errors
    /// What the socket says.
    pub(super) fn write(&mut self, epoll: &Epoll, bytes: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush(epoll);
        }
        let n = if bytes.is_empty() { 0 } else { some(self.stream.write(bytes))? };
        self.unsent.extend_from_slice(bytes.get(n..).unwrap_or_default());
        self.register(epoll)
    }

    /// Writes what is left over.
    ///
    /// # Errors
    /// What the socket says.
    pub(super) fn flush(&mut self, epoll: &Epoll) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let n = some(self.stream.write(&self.unsent))?;
            self.unsent.drain(..n);
        }
        self.register(epoll)
    }

    /// Listens for what matters now.
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

/// How many bytes were written; none if the peer takes none now.
fn some(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        other => other,
    }
}
