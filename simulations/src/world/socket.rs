//! A UDP socket over the simulated network. It never blocks: a full queue drops, as on the way.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use transport::quic::{AsyncUdpSocket, RecvMeta, Transmit, UdpPoller};

use super::body::Inbox;
use super::executor::Owner;
use super::universe::Universe;

/// A socket of one process.
pub struct SimSocket {
    universe: Arc<Universe>,
    owner: Owner,
    local: SocketAddr,
}

impl SimSocket {
    /// Binds a port of the host; 0 picks one.
    pub fn bind(universe: &Arc<Universe>, owner: Owner, address: SocketAddr) -> io::Result<Self> {
        let mut state = universe.state();
        let body = state.living(owner).ok_or(io::ErrorKind::NotConnected)?;
        let port = match address.port() {
            0 => body.free_port().ok_or(io::ErrorKind::AddrInUse)?,
            port if body.sockets.contains_key(&port) => {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            port => port,
        };
        body.sockets.insert(port, Inbox::default());
        drop(state);
        let local = SocketAddr::new(address.ip(), port);
        Ok(Self { universe: universe.clone(), owner, local })
    }
}

impl std::fmt::Debug for SimSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimSocket").field("owner", &self.owner).field("local", &self.local).finish()
    }
}

impl AsyncUdpSocket for SimSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let mut state = self.universe.state();
        state.send(self.owner, self.local.port(), transmit.destination, transmit.contents);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.universe.state();
        let body = state.living(self.owner);
        let Some(inbox) = body.and_then(|body| body.sockets.get_mut(&self.local.port())) else {
            return Poll::Pending;
        };
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            let Some(packet) = inbox.take() else { break };
            // What does not fit is cut off, as a real socket does.
            let len = packet.bytes.len().min(buffer.len());
            buffer[..len].copy_from_slice(&packet.bytes[..len]);
            *meta = RecvMeta { addr: packet.from, len, stride: len, ecn: None, dst_ip: None };
            count += 1;
        }
        if count == 0 {
            inbox.watch(cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(Ok(count))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        let mut state = self.universe.state();
        if let Some(body) = state.living(self.owner) {
            body.sockets.remove(&self.local.port());
        }
    }
}

/// Always ready.
#[derive(Debug)]
struct Writable;

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
