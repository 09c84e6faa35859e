//! Why a link ended.
//!
//! Codes below 16 are the adapter's own; the session chooses from the rest.

use quinn::ConnectionError;
use thiserror::Error;

use super::frame::TooLong;
use super::limits::{IDLE_MS_MAX, REASON_CHARS_MAX, STRIPE_BYTES_MAX};

/// The link is no longer needed, or the endpoint stops.
pub const CODE_DONE: u32 = 0;
/// A stripe was given up before its end; says nothing about the link.
pub const CODE_ABANDONED: u32 = 5;

/// Why a link ended, as this side sees it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Closed {
    /// The peer closed it.
    #[error("closed by the peer with code {code}: {reason}")]
    ByPeer {
        /// What the peer's session or adapter gave; saturates.
        code: u32,
        /// The peer's words, cut and stripped of control characters. Untrusted.
        reason: String,
    },
    /// This side closed it.
    #[error("closed on this side")]
    Here,
    /// Nothing came from the peer for too long.
    #[error("the peer was silent for {} s; check the path to it", IDLE_MS_MAX / 1000)]
    TimedOut,
    /// The peer no longer knows the link; dialling again at once is right.
    #[error("the peer has restarted; dial it again")]
    PeerRestarted,
    /// The peer did what no peer may; this side closed the link.
    #[error("the peer broke the protocol: {0}")]
    Offence(#[from] Offence),
    /// TLS or QUIC failed.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// What a peer must not do on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Offence {
    /// The control stream does not begin with an empty message.
    #[error("its control stream does not begin with an empty message")]
    Opening,
    /// A message over the bound.
    #[error(transparent)]
    Message(#[from] TooLong),
    /// A stripe over the bound.
    #[error("a stripe is over the bound of {STRIPE_BYTES_MAX} bytes")]
    Stripe,
    /// The control stream ended before the link.
    #[error("it ended its control stream before the link")]
    ControlEnded,
}

impl Offence {
    /// The code with which the link is closed.
    pub fn code(&self) -> u32 {
        match self {
            Self::Opening => 1,
            Self::Message(_) => 2,
            Self::Stripe => 3,
            Self::ControlEnded => 4,
        }
    }
}

impl From<ConnectionError> for Closed {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::ByPeer {
                code: u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX),
                reason: printable(&close.reason),
            },
            ConnectionError::LocallyClosed => Self::Here,
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::Reset => Self::PeerRestarted,
            other => Self::Broken(printable(other.to_string().as_bytes())),
        }
    }
}

impl From<quinn::ReadError> for Closed {
    fn from(error: quinn::ReadError) -> Self {
        match error {
            quinn::ReadError::ConnectionLost(error) => error.into(),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<quinn::WriteError> for Closed {
    fn from(error: quinn::WriteError) -> Self {
        match error {
            quinn::WriteError::ConnectionLost(error) => error.into(),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<quinn::ClosedStream> for Closed {
    fn from(error: quinn::ClosedStream) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Text from outside, fit for a terminal and a log.
fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .filter(|c| !c.is_control())
        .take(REASON_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_from_outside_cannot_write_to_a_terminal() {
        assert_eq!(printable(b"bye\x1b[2J\r\n\xff"), "bye[2J\u{fffd}");
        assert_eq!(printable(&[b'a'; 5_000]).len(), REASON_CHARS_MAX);
    }
}
