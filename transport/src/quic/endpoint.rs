//! One socket: dials peers, and lets peers in.
//!
//! An address that has not been validated costs nothing here: it is told to try again with a
//! token (Retry, RFC 9000, section 8.1.2), and no state is kept. The endpoint spawns nothing but
//! quinn's own drivers, through the `Runtime` it is given.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::ids::DeviceId;
use quinn::{AsyncUdpSocket, ConnectionError, Runtime, TransportErrorCode, VarInt};
use thiserror::Error;

use super::closed::{CODE_DONE, Closed};
use super::config::{self, FirstIds, Seeds};
use super::gate::{Gate, Seat};
use super::identity::{Expect, Identity};
use super::limits::{GOODBYE_TIME_MAX, HANDSHAKE_TIME_MAX};
use super::link::Link;
use super::tls;

/// quinn wants a name for every peer; it is neither sent nor checked.
const NO_NAME: &str = "tentpole.invalid";
/// `no_application_protocol` (RFC 7301) as a QUIC error code (RFC 9001, section 4.8).
const OTHER_PROTOCOL: u64 = 0x100 + 120;

/// Why an endpoint could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The socket does not work.
    #[error("the UDP socket cannot be used: {0}")]
    Socket(#[from] io::Error),
    /// The TLS library refused the set-up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Why a peer was not let in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The handshake took too long.
    #[error("{0} did not finish its handshake in time")]
    TimedOut(SocketAddr),
    /// The peer speaks another protocol.
    #[error("{0} speaks another protocol or version than tentpole/1")]
    OtherProtocol(SocketAddr),
    /// The handshake failed or the link ended during it.
    #[error("{address} was not let in: {cause}")]
    Closed {
        /// The peer.
        address: SocketAddr,
        /// What happened.
        cause: Closed,
    },
}

/// Why a peer was not reached.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be dialled from this endpoint.
    #[error("{address} cannot be dialled: {cause}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What quinn said.
        cause: String,
    },
    /// This endpoint is closed.
    #[error("this endpoint is closed")]
    Stopping,
    /// Another device answers there.
    #[error(
        "{address} is device {found}, and {expect} was expected; check the address or the token"
    )]
    OtherDevice {
        /// The address.
        address: SocketAddr,
        /// Who was meant.
        expect: Expect,
        /// Who answered.
        found: DeviceId,
    },
    /// The peer has no room for more connections.
    #[error("{0} has no room for another connection; try again later")]
    Refused(SocketAddr),
    /// The peer speaks another protocol.
    #[error("{0} speaks another protocol or version than tentpole/1; install the same version")]
    OtherProtocol(SocketAddr),
    /// Nobody answered in time.
    #[error("{0} did not answer in time; check the address and the path to it")]
    TimedOut(SocketAddr),
    /// The handshake failed or the link ended during it.
    #[error("no link to {address}: {cause}")]
    Closed {
        /// The address.
        address: SocketAddr,
        /// What happened.
        cause: Closed,
    },
    /// The TLS library refused the set-up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// One socket with everything that dials and answers on it. Clones share it.
#[derive(Clone)]
pub struct Endpoint {
    inner: quinn::Endpoint,
    identity: Identity,
    runtime: Arc<dyn Runtime>,
    first_ids: FirstIds,
    gate: Gate,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // quinn's own output would show the seed.
        f.debug_struct("Endpoint").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Opens an endpoint of `identity` on `socket`. It answers at once, but lets nobody in until
    /// [`Endpoint::accept`] is called.
    pub fn open(
        socket: Arc<dyn AsyncUdpSocket>,
        runtime: Arc<dyn Runtime>,
        identity: &Identity,
        seeds: &Seeds,
    ) -> Result<Self, OpenError> {
        let tls = tls::server_config(identity).map_err(|e| OpenError::Tls(e.to_string()))?;
        let server = config::server(tls, seeds, runtime.clone())
            .map_err(|e| OpenError::Tls(e.to_string()))?;
        let inner = quinn::Endpoint::new_with_abstract_socket(
            config::endpoint(seeds),
            Some(server),
            socket,
            runtime.clone(),
        )?;
        let (identity, first_ids) = (identity.clone(), FirstIds::new(seeds));
        Ok(Self { inner, identity, runtime, first_ids, gate: Gate::default() })
    }

    /// The address that the socket is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// The next peer that wants in, from a validated address and within the limits; none once the
    /// endpoint is closed. Cancel-safe. It never waits for a handshake, so call it in a loop and
    /// run [`Incoming::establish`] in a task of its own.
    pub async fn accept(&self) -> Option<Incoming> {
        loop {
            let inner = self.inner.accept().await?;
            if !inner.remote_address_validated() {
                // Cannot fail: an address that is not validated may always be asked again.
                let _ = inner.retry();
                continue;
            }
            let Some(seat) = self.gate.enter(inner.remote_address().ip()) else {
                inner.refuse();
                continue;
            };
            return Some(Incoming { inner, seat, runtime: self.runtime.clone() });
        }
    }

    /// Dials `address` and makes sure that whom `expect` means is there. The peer has not yet
    /// checked this side when it returns; if it refuses, the first receive says so.
    pub async fn connect(&self, address: SocketAddr, expect: Expect) -> Result<Link, ConnectError> {
        let found = Arc::new(OnceLock::new());
        let tls_error = |cause: String| ConnectError::Tls(cause);
        let tls = tls::client_config(&self.identity, expect, found.clone())
            .map_err(|e| tls_error(e.to_string()))?;
        let config = config::client(tls, &self.first_ids).map_err(|e| tls_error(e.to_string()))?;
        let connecting =
            self.inner.connect_with(config, address, NO_NAME).map_err(|e| match e {
                quinn::ConnectError::EndpointStopping => ConnectError::Stopping,
                other => ConnectError::Address { address, cause: other.to_string() },
            })?;
        let dial = async { Link::opened(connecting.await?).await };
        let result = within(&*self.runtime, HANDSHAKE_TIME_MAX, dial).await;
        match (found.get(), result) {
            (Some(&found), _) => Err(ConnectError::OtherDevice { address, expect, found }),
            (None, None) => Err(ConnectError::TimedOut(address)),
            (None, Some(result)) => result.map_err(|failure| failure.while_dialling(address)),
        }
    }

    /// Says goodbye on every link, lets nobody in any more, and waits a moment for the goodbyes
    /// to leave.
    pub async fn close(&self) {
        self.inner.close(VarInt::from_u32(CODE_DONE), b"stopping");
        let _ = within(&*self.runtime, GOODBYE_TIME_MAX, self.inner.wait_idle()).await;
    }
}

/// A peer at the door: its address is its own, and who it is comes with the handshake. Dropped,
/// it is refused.
pub struct Incoming {
    inner: quinn::Incoming,
    seat: Seat,
    runtime: Arc<dyn Runtime>,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.remote_address();
        f.debug_struct("Incoming").field("remote_address", &address).finish_non_exhaustive()
    }
}

impl Incoming {
    /// Where the peer is.
    pub fn remote_address(&self) -> SocketAddr {
        self.inner.remote_address()
    }

    /// Completes the handshake: the peer has proved its key and opened the control stream.
    pub async fn establish(self) -> Result<Link, AcceptError> {
        let Self { inner, seat, runtime } = self;
        let address = inner.remote_address();
        let answer = async { Link::answered(inner.accept()?.await?, seat).await };
        within(&*runtime, HANDSHAKE_TIME_MAX, answer)
            .await
            .ok_or(AcceptError::TimedOut(address))?
            .map_err(|failure| failure.while_answering(address))
    }
}

/// A handshake that failed on either side.
pub(super) enum Failure {
    Refused(Closed),
    OtherProtocol,
    TimedOut,
    Closed(Closed),
}

impl Failure {
    fn while_dialling(self, address: SocketAddr) -> ConnectError {
        match self {
            Self::Refused(_) => ConnectError::Refused(address),
            Self::OtherProtocol => ConnectError::OtherProtocol(address),
            Self::TimedOut => ConnectError::TimedOut(address),
            Self::Closed(cause) => ConnectError::Closed { address, cause },
        }
    }

    fn while_answering(self, address: SocketAddr) -> AcceptError {
        match self {
            Self::OtherProtocol => AcceptError::OtherProtocol(address),
            Self::TimedOut => AcceptError::TimedOut(address),
            Self::Refused(cause) | Self::Closed(cause) => AcceptError::Closed { address, cause },
        }
    }
}

impl From<Closed> for Failure {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        let code = match &error {
            ConnectionError::TransportError(error) => u64::from(error.code),
            ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
            ConnectionError::TimedOut => return Self::TimedOut,
            _ => return Self::Closed(error.into()),
        };
        if code == OTHER_PROTOCOL {
            Self::OtherProtocol
        } else if code == u64::from(TransportErrorCode::CONNECTION_REFUSED) {
            Self::Refused(error.into())
        } else {
            Self::Closed(error.into())
        }
    }
}

/// The result of `work`, or none when it is not there after `span`.
async fn within<T>(
    runtime: &dyn Runtime,
    span: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut timer = runtime.new_timer(runtime.now() + span);
    tokio::select! {
        biased;
        done = work => Some(done),
        () = poll_fn(|cx| timer.as_mut().poll(cx)) => None,
    }
}
