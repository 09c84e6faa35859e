//! A TCP stream that gives up on a caller who stops reading, and that closes without cutting
//! off its own last answer.
//!
//! Closing a socket with unread bytes in it makes the system reset the connection, and a reset
//! can overtake an answer. That is what happens after a body that is too large. So a close says
//! that nothing more will be written, then reads and forgets for a bounded while (RFC 9112,
//! section 9.6). This module never looks at the bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::limits::{LINGER_BYTES_MAX, LINGER_TIMEOUT};

const SCRATCH_BYTES: usize = 8 * 1024;

pub(super) struct GuardedStream {
    stream: TcpStream,
    stall_timeout: Duration,
    /// Set while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Set once our side is closed.
    lingering: Option<Lingering>,
}

struct Lingering {
    deadline: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl GuardedStream {
    pub(super) fn new(stream: TcpStream, stall_timeout: Duration) -> Self {
        Self { stream, stall_timeout, stalled: None, lingering: None }
    }

    /// Passes on the outcome of a write, or an error when writes have waited too long.
    fn guard<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let span = self.stall_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(span)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Lingering {
    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; SCRATCH_BYTES];
        while self.deadline.as_mut().poll(cx).is_pending() {
            let mut read = ReadBuf::new(&mut scratch);
            let end = ready!(Pin::new(&mut *stream).poll_read(cx, &mut read)).is_err();
            let count = read.filled().len();
            if end || count == 0 || count >= self.bytes_left {
                break;
            }
            self.bytes_left -= count;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.guard(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.guard(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let lingering = this.lingering.get_or_insert_with(|| Lingering {
            deadline: Box::pin(tokio::time::sleep(LINGER_TIMEOUT)),
            bytes_left: LINGER_BYTES_MAX,
        });
        lingering.poll(&mut this.stream, cx).map(Ok)
    }
}
