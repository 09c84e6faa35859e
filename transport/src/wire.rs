//! Messages of the control stream and their bytes. bincode is used here and nowhere else in the
//! transport.
//!
//! ```text
//! message   variant varint | fields, bincode 2 standard (drawn in docs/sync-protocol.md)
//! ```
//!
//! Segments are not messages: each travels on a stream of its own, in the engine's encoding.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use engine::authority::SignedDocument;
use engine::authority::join::InviteId;
use engine::hash::Hash;
use engine::ids::{DeviceId, Epoch, Log, TenantId, Tip};
use engine::log::vector::VersionVector;
use engine::replica::statement::Statement;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::MESSAGE_BYTES_MAX;

/// The protocol version spoken here; `Hello` states a range.
pub const PROTOCOL: u16 = 1;

type Config = Configuration<LittleEndian, Varint, Limit<MESSAGE_BYTES_MAX>>;

const CONFIG: Config = bincode::config::standard().with_limit::<MESSAGE_BYTES_MAX>();

/// What two peers say to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Who I am and what I hold; the first message on every path.
    Hello(Box<Hello>),
    /// What I hold now.
    Have(Have),
    /// What I lack: send it.
    Want(Vec<Want>),
    /// Durable receipts, by or relayed from a control.
    Receipts(Vec<SignedDocument>),
    /// Are you there, and is this what you think I hold?
    Ping(Ping),
    /// The answer to a ping.
    Pong(Pong),
    /// A device without a grant asks for one.
    Join(Join),
    /// The answer to a join.
    Joined(Result<Box<Joined>, JoinRefusal>),
}

/// The greeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The lowest and highest protocol version spoken.
    pub protocol: (u16, u16),
    /// Segment codecs read here.
    pub codecs: Vec<u8>,
    /// The tenant.
    pub tenant: TenantId,
    /// The charter held.
    pub charter: Option<SignedDocument>,
    /// The sender's own grant; a control has none.
    pub grant: Option<SignedDocument>,
    /// The epoch of the sender's start: tells two running copies of one device apart.
    pub instance: Epoch,
    /// Whether the sender has heard the receiver's hello; if not, it is due again.
    pub heard: bool,
    /// What the sender holds, as far as the receiver may know it; none before it knows the
    /// receiver's rights, then a `Have` follows.
    pub have: Option<VersionVector>,
}

/// News of what the sender holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// Whether this begins a full statement: logs that neither it nor what follows names are not
    /// held.
    pub full: bool,
    /// Whether nothing more of the statement follows.
    pub last: bool,
    /// The leaves of the logs named.
    pub vector: VersionVector,
    /// The grants of devices whose logs are named.
    pub grants: Vec<SignedDocument>,
}

/// A log that the sender lacks part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The log.
    pub log: Log,
    /// Places that the sender holds: leaves first, then ancestors further and further back.
    pub known: Vec<Tip>,
}

/// A sign of life, with a check that nothing said before was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Comes back in the pong.
    pub nonce: u64,
    /// The hash of what the sender has announced to the receiver.
    pub announced: Hash,
    /// What a stall's books come to, to its control, while both hold the same.
    pub books: Option<Statement>,
}

/// The answer to a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The ping's.
    pub nonce: u64,
    /// Whether the announced hash is that of what arrived; if not, a full `Have` is due.
    pub current: bool,
}

/// A device proves that it was invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The invitation.
    pub invite: InviteId,
    /// See `engine::authority::join::proof`.
    pub proof: Hash,
}

/// What a device that joined needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The tenant.
    pub tenant: TenantId,
    /// Its charter.
    pub charter: SignedDocument,
    /// The device's grant.
    pub grant: SignedDocument,
}

/// Why a device may not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum JoinRefusal {
    /// Unknown, wrong secret, or used by another device: not told apart, to teach nothing.
    #[error("the join token is not valid here, or another device has used it; ask for a new one")]
    NotValid,
    /// Too old.
    #[error("the join token has expired; ask for a new one")]
    Expired,
    /// Too many attempts.
    #[error("too many attempts to join; wait a minute and try again")]
    TooMany,
    /// The control cannot write now.
    #[error("the control cannot enrol devices right now; look at its status")]
    Unavailable,
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// Longer than any message.
    #[error("the message exceeds {MESSAGE_BYTES_MAX} bytes")]
    TooLarge,
    /// It does not decode.
    #[error("the message is malformed: {0}; the peer's program is at fault or newer")]
    Malformed(String),
}

/// The bytes of a message.
pub fn encode(message: &Message) -> Result<Vec<u8>, WireError> {
    let bytes = bincode::serde::encode_to_vec(message, CONFIG).map_err(|_| WireError::TooLarge)?;
    if bytes.len() > MESSAGE_BYTES_MAX { Err(WireError::TooLarge) } else { Ok(bytes) }
}

/// Reads a message.
pub fn decode(bytes: &[u8]) -> Result<Message, WireError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(WireError::TooLarge);
    }
    let (message, consumed): (Message, usize) = bincode::serde::decode_from_slice(bytes, CONFIG)
        .map_err(|error| WireError::Malformed(error.to_string()))?;
    if consumed == bytes.len() {
        Ok(message)
    } else {
        Err(WireError::Malformed("bytes follow its end".to_owned()))
    }
}

/// The peer that a path leads to, as the handshake proved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its device id.
    pub device: DeviceId,
    /// The TLS exporter of the connection, for join proofs.
    pub exporter: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_survives_the_wire() {
        let ping = Message::Ping(Ping { nonce: 7, announced: Hash([1; 32]), books: None });
        assert_eq!(decode(&encode(&ping).unwrap()), Ok(ping));
    }

    #[test]
    fn a_list_length_beyond_the_limit_is_refused_before_it_is_allocated() {
        // Variant 2 (`Want`) with 2^62 entries.
        let bytes = [2, 253, 0, 0, 0, 0, 0, 0, 0, 64];
        assert!(matches!(decode(&bytes), Err(WireError::Malformed(_))));
    }

    #[test]
    fn bytes_after_a_message_are_refused() {
        let mut bytes = encode(&Message::Want(Vec::new())).unwrap();
        bytes.push(0);
        assert!(matches!(decode(&bytes), Err(WireError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = decode(&bytes);
        }
    }
}
