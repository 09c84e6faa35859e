//! The QUIC adapter: authenticated links that carry messages and stripes of bytes.
//!
//! This is the only place that names quinn. It proves who is at the other end, keeps each peer
//! within fixed bounds, and gives bytes to the session in the order in which they may be used;
//! it never looks into them, and never decides what a peer may do.
//!
//! ```text
//! endpoint   one socket: dials, accepts, asks unvalidated addresses to try again
//! link       one connection, from the handshake to what is sent on it
//! receive    what arrives on it
//! ```
//!
//! A link has one bidirectional stream for messages, opened by the side that dialled and always
//! sent first, and one unidirectional stream for each stripe. Back-pressure is not reading.

mod closed;
mod config;
mod endpoint;
mod frame;
mod gate;
mod identity;
pub mod limits;
mod link;
mod receive;
#[cfg(test)]
mod tests;
mod tls;

pub use closed::{Closed, Offence};
pub use config::Seeds;
pub use endpoint::{AcceptError, ConnectError, Endpoint, Incoming, OpenError};
pub use frame::TooLong;
pub use identity::{Expect, Identity, WrongSeed, pin_of};
pub use link::{Link, LinkSender, LinkStats, SendError};
// What an `Env` of its own implements.
pub use quinn::udp::{RecvMeta, Transmit};
pub use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, UdpPoller};
pub use receive::{Inbound, LinkReceiver};

/// quinn's timers and sockets on the tokio runtime of the caller.
pub fn tokio_runtime() -> std::sync::Arc<dyn Runtime> {
    std::sync::Arc::new(quinn::TokioRuntime)
}
