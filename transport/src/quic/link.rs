//! One connection to one device: its making, and what is sent on it.
//!
//! ```text
//! control stream   bidirectional, opened by the side that dialled with an empty message;
//!                  then messages (see `frame`), ahead of every stripe
//! stripe           a unidirectional stream: its bytes, then its end
//! ```
//!
//! Nothing here is acknowledged by the peer's session: a message or stripe that was sent may
//! still be lost with the link.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use engine::ids::DeviceId;
use quinn::rustls::pki_types::CertificateDer;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use thiserror::Error;
use tokio::sync::{Mutex, Notify};

use super::closed::{CODE_ABANDONED, CODE_DONE, Closed, Offence};
use super::endpoint::Failure;
use super::frame::{self, TooLong};
use super::gate::Seat;
use super::identity::device_of;
use super::limits::{
    CONNECTION_WINDOW_BYTES, MESSAGE_BYTES_MAX, STRANGER_MESSAGE_BYTES_MAX, STRIPE_BYTES_MAX,
    STRIPES_OPEN_MAX,
};
use super::receive::LinkReceiver;

/// The label of RFC 8446, section 7.5, under which both sides derive the same 32 bytes.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-tentpole-join";
/// The message that opens a control stream.
const OPENING: [u8; 4] = [0; 4];
/// Ahead of every stripe.
const CONTROL_PRIORITY: i32 = i32::MAX;

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message is over the bound; the link is unharmed.
    #[error(transparent)]
    Message(#[from] TooLong),
    /// The stripe is over the bound; the link is unharmed.
    #[error("a stripe of {0} bytes is over the bound of {STRIPE_BYTES_MAX}")]
    Stripe(usize),
    /// The link has ended.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// What both halves of a link hold; the link is closed when the last of them is dropped.
pub(super) struct Shared {
    pub(super) connection: Connection,
    control: Mutex<Outgoing>,
    peer: DeviceId,
    exporter: [u8; 32],
    admitted: AtomicBool,
    admission: Notify,
    /// Held for a peer that dialled; the gate counts it until the link is dropped.
    _seat: Option<Seat>,
}

impl Shared {
    /// Ready once a peer of whose message `held` bytes lie here may send more of it.
    pub(super) async fn room(&self, held: usize) {
        // Made before the flag is read, so that no admission falls between.
        let admission = self.admission.notified();
        if held < STRANGER_MESSAGE_BYTES_MAX || self.admitted.load(Ordering::SeqCst) {
            return;
        }
        tokio::select! {
            biased;
            () = admission => {}
            _ = self.connection.closed() => {}
        }
    }

    /// Whether this side has closed the link; what still lies unread is then nobody's.
    pub(super) fn closed_here(&self) -> bool {
        matches!(self.connection.close_reason(), Some(quinn::ConnectionError::LocallyClosed))
    }

    pub(super) fn close(&self, code: u32, reason: &str) {
        self.connection.close(VarInt::from_u32(code), reason.as_bytes());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Before the streams are dropped, which would look like an offence to the peer.
        self.close(CODE_DONE, "");
    }
}

/// A connection to a device that has proved its key.
pub struct Link {
    shared: Arc<Shared>,
    receiver: LinkReceiver,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("peer", &self.peer()).finish_non_exhaustive()
    }
}

impl Link {
    /// The dialling side: opens the control stream.
    pub(super) async fn opened(connection: Connection) -> Result<Self, Failure> {
        let (mut send, receive) = connection.open_bi().await?;
        send.write_all(&OPENING).await.map_err(Closed::from)?;
        Self::new(connection, send, receive, None)
    }

    /// The side that was dialled: waits for the control stream.
    pub(super) async fn answered(connection: Connection, mut seat: Seat) -> Result<Self, Failure> {
        let (send, mut receive) = connection.accept_bi().await?;
        let mut opening = [1; OPENING.len()];
        let read = receive.read_exact(&mut opening).await;
        match read {
            Ok(()) if opening == OPENING => {}
            Err(quinn::ReadExactError::ReadError(quinn::ReadError::ConnectionLost(error))) => {
                return Err(error.into());
            }
            _ => {
                let offence = Offence::Opening;
                connection.close(VarInt::from_u32(offence.code()), offence.to_string().as_bytes());
                return Err(Closed::from(offence).into());
            }
        }
        seat.settle();
        Self::new(connection, send, receive, Some(seat))
    }

    fn new(
        connection: Connection,
        stream: SendStream,
        receive: RecvStream,
        seat: Option<Seat>,
    ) -> Result<Self, Failure> {
        stream.set_priority(CONTROL_PRIORITY).map_err(Closed::from)?;
        let peer = peer_of(&connection)
            .ok_or_else(|| Closed::Broken("the peer has no Ed25519 raw public key".into()))?;
        let mut exporter = [0; 32];
        connection
            .export_keying_material(&mut exporter, EXPORTER_LABEL, b"")
            .map_err(|_| Closed::Broken("TLS exports no key material".into()))?;
        let control = Mutex::new(Outgoing { stream, unsent: Bytes::new() });
        let (admitted, admission) = (AtomicBool::new(false), Notify::new());
        let shared =
            Shared { connection, control, peer, exporter, admitted, admission, _seat: seat };
        let shared = Arc::new(shared);
        let receiver = LinkReceiver::new(shared.clone(), receive);
        Ok(Self { shared, receiver })
    }

    /// The device at the other end.
    pub fn peer(&self) -> DeviceId {
        self.shared.peer
    }

    /// Where it is now; it may move.
    pub fn remote_address(&self) -> SocketAddr {
        self.shared.connection.remote_address()
    }

    /// 32 secret bytes that both ends, and nobody else, derive from this handshake (RFC 8446,
    /// section 7.5).
    pub fn exporter(&self) -> [u8; 32] {
        self.shared.exporter
    }

    /// The sending and the receiving half. Use them from different tasks, or from branches of one
    /// `select`: a side that only sends while its peer only sends waits for ever.
    pub fn split(self) -> (LinkSender, LinkReceiver) {
        (LinkSender { shared: self.shared }, self.receiver)
    }
}

/// The device that the handshake verified.
fn peer_of(connection: &Connection) -> Option<DeviceId> {
    let identity = connection.peer_identity()?;
    let keys = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    device_of(keys.first()?)
}

/// The sending half. Clones share the link.
#[derive(Clone)]
pub struct LinkSender {
    shared: Arc<Shared>,
}

impl fmt::Debug for LinkSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSender").field("peer", &self.peer()).finish_non_exhaustive()
    }
}

/// What a link has carried, for health and for bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkStats {
    /// The smoothed round-trip time.
    pub rtt: Duration,
    /// UDP payload sent, with everything QUIC adds.
    pub sent_bytes: u64,
    /// UDP payload received.
    pub received_bytes: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Of these, the ones found lost.
    pub lost_packets: u64,
    /// Bytes that may be in flight.
    pub congestion_window_bytes: u64,
}

impl LinkSender {
    /// The device at the other end.
    pub fn peer(&self) -> DeviceId {
        self.shared.peer
    }

    /// Where it is now; it may move.
    pub fn remote_address(&self) -> SocketAddr {
        self.shared.connection.remote_address()
    }

    /// See [`Link::exporter`].
    pub fn exporter(&self) -> [u8; 32] {
        self.shared.exporter
    }

    /// The session has verified the peer's grant: from now on it may send stripes, and messages
    /// up to the full bound. Until then both wait with the peer, which can make this side hold
    /// next to nothing.
    pub fn admit(&self) {
        let already = self.shared.admitted.swap(true, Ordering::SeqCst);
        if !already {
            let connection = &self.shared.connection;
            connection.set_receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES));
            connection.set_max_concurrent_uni_streams(VarInt::from_u32(STRIPES_OPEN_MAX));
            self.shared.admission.notify_waiters();
        }
    }

    /// Sends a message on the control stream, after those sent before and ahead of every stripe.
    /// Ready once QUIC has taken it over. A call that is dropped while it waits sends its message
    /// whole or not at all.
    pub async fn message(&self, body: &[u8]) -> Result<(), SendError> {
        let frame = frame::encode(body, MESSAGE_BYTES_MAX)?;
        let mut control = self.shared.control.lock().await;
        control.flush().await?;
        control.unsent = frame.into();
        control.flush().await?;
        Ok(())
    }

    /// Sends a stripe; those with a higher `priority` overtake it. Ready once QUIC has taken it
    /// over; waits while the peer takes no more. A call that is dropped while it waits sends
    /// nothing that the peer would take for a stripe.
    pub async fn stripe(&self, priority: i32, bytes: impl Into<Bytes>) -> Result<(), SendError> {
        let bytes = bytes.into();
        if bytes.len() > STRIPE_BYTES_MAX {
            return Err(SendError::Stripe(bytes.len()));
        }
        let stream = self.shared.connection.open_uni().await.map_err(Closed::from)?;
        let priority = priority.min(CONTROL_PRIORITY - 1);
        stream.set_priority(priority).map_err(Closed::from)?;
        Unfinished(Some(stream)).finish(bytes).await?;
        Ok(())
    }

    /// Ends the link at once; what is still on its way may be lost. The peer sees `code`, which
    /// is 16 or more unless the adapter chose it, and `reason`.
    pub fn close(&self, code: u32, reason: &str) {
        self.shared.close(code, reason);
    }

    /// Why the link has ended, if it has.
    pub fn closed(&self) -> Option<Closed> {
        self.shared.connection.close_reason().map(Closed::from)
    }

    /// What it has carried so far.
    pub fn stats(&self) -> LinkStats {
        let stats = self.shared.connection.stats();
        LinkStats {
            rtt: stats.path.rtt,
            sent_bytes: stats.udp_tx.bytes,
            received_bytes: stats.udp_rx.bytes,
            sent_packets: stats.path.sent_packets,
            lost_packets: stats.path.lost_packets,
            congestion_window_bytes: stats.path.cwnd,
        }
    }
}

/// The sending side of the control stream, with what an abandoned call left unsent.
struct Outgoing {
    stream: SendStream,
    unsent: Bytes,
}

impl Outgoing {
    async fn flush(&mut self) -> Result<(), Closed> {
        while !self.unsent.is_empty() {
            self.stream.write_chunks(std::slice::from_mut(&mut self.unsent)).await?;
        }
        Ok(())
    }
}

/// A stripe under way. quinn would end a dropped stream as if it were whole; this resets it.
struct Unfinished(Option<SendStream>);

impl Unfinished {
    async fn finish(mut self, bytes: Bytes) -> Result<(), Closed> {
        if let Some(stream) = &mut self.0 {
            stream.write_chunk(bytes).await?;
            stream.finish()?;
        }
        // A reset from here on would take back what is not acknowledged yet.
        self.0 = None;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.0 {
            // An error means that the link has ended.
            let _ = stream.reset(VarInt::from_u32(CODE_ABANDONED));
        }
    }
}
