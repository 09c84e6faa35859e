//! Join tokens: how a device proves, once, that an operator invited it.
//!
//! The secret never travels. Both ends know the TLS exporter of their connection (RFC 8446,
//! section 7.5); the device shows a keyed hash of it, which is worth nothing on another connection.
//!
//! ```text
//! token   "tp1" | id 8 | secret 16 | hash of the control's key 32 | address length u8 | address
//!         | first 4 bytes of BLAKE3 of all before, everything after "tp1" in hexadecimal
//! ```

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::hash::{self, Hash};
use crate::hex;
use crate::hex::fixed_bytes;
use crate::ids::DeviceId;

fixed_bytes! {
    /// Names an invitation; not secret.
    pub struct InviteId(8);
}

const PREFIX: &str = "tp1";
const FIXED_BYTES: usize = 8 + 16 + 32 + 1;
const CHECK_BYTES: usize = 4;

/// A one-time invitation, as an operator hands it over.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Which invitation.
    pub id: InviteId,
    /// What proves it.
    pub secret: [u8; 16],
    /// Pins the control that issued it.
    pub control_pin: Hash,
    /// Where that control listens, `host:port`.
    pub address: String,
}

/// The text is not a join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// It does not begin like one.
    #[error("a join token begins with \"tp1\"; copy it whole from `tentpole-control invite`")]
    NotAToken,
    /// It was cut or mistyped.
    #[error("the join token is incomplete or mistyped; copy it whole")]
    Garbled,
}

/// The pin of a public key.
pub fn pin(device: &DeviceId) -> Hash {
    hash::KEY_PIN.of(&[&device.0])
}

/// The key that both ends prove with; a control keeps this and forgets the secret.
pub fn proof_key(id: &InviteId, secret: &[u8; 16]) -> Hash {
    hash::JOIN_KEY.of(&[&id.0, secret])
}

/// The proof that `device` holds the secret, on the connection with this exporter.
pub fn proof(key: &Hash, exporter: &[u8; 32], device: &DeviceId) -> Hash {
    hash::JOIN_PROOF.of(&[&key.0, exporter, &device.0])
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.as_bytes();
        let length = u8::try_from(address.len()).map_err(|_| fmt::Error)?;
        let parts: [&[u8]; 5] = [&self.id.0, &self.secret, &self.control_pin.0, &[length], address];
        let mut bytes = parts.concat();
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(&check.as_bytes()[..CHECK_BYTES]);
        write!(f, "{PREFIX}{}", hex::encode(&bytes))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({}, secret, {})", self.id, self.address)
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim().strip_prefix(PREFIX).ok_or(TokenError::NotAToken)?;
        let bytes = hex::decode(text).map_err(|_| TokenError::Garbled)?;
        let body_bytes = bytes.len().checked_sub(CHECK_BYTES).ok_or(TokenError::Garbled)?;
        let (body, check) = bytes.split_at(body_bytes);
        if body.len() < FIXED_BYTES || &blake3::hash(body).as_bytes()[..CHECK_BYTES] != check {
            return Err(TokenError::Garbled);
        }
        let (fixed, address) = body.split_at(FIXED_BYTES);
        if address.len() != usize::from(fixed[FIXED_BYTES - 1]) {
            return Err(TokenError::Garbled);
        }
        let mut token = Self {
            id: InviteId([0; 8]),
            secret: [0; 16],
            control_pin: Hash([0; 32]),
            address: String::from_utf8(address.to_vec()).map_err(|_| TokenError::Garbled)?,
        };
        token.id.0.copy_from_slice(&fixed[..8]);
        token.secret.copy_from_slice(&fixed[8..24]);
        token.control_pin.0.copy_from_slice(&fixed[24..56]);
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken {
            id: InviteId([1; 8]),
            secret: [2; 16],
            control_pin: Hash([3; 32]),
            address: "127.0.0.1:4433".to_owned(),
        }
    }

    #[test]
    fn a_token_survives_being_written_down() {
        assert_eq!(token().to_string().parse(), Ok(token()));
    }

    #[test]
    fn one_mistyped_digit_is_noticed() {
        let text = token().to_string();
        for at in PREFIX.len()..text.len() {
            let mut typed = text.clone().into_bytes();
            typed[at] = if typed[at] == b'0' { b'1' } else { b'0' };
            let typed = String::from_utf8(typed).unwrap();
            assert_eq!(typed.parse::<JoinToken>(), Err(TokenError::Garbled), "digit {at}");
        }
    }

    #[test]
    fn a_proof_for_one_connection_or_device_does_not_hold_for_another() {
        let key = proof_key(&InviteId([1; 8]), &[2; 16]);
        let good = proof(&key, &[7; 32], &DeviceId([9; 32]));
        assert_ne!(good, proof(&key, &[8; 32], &DeviceId([9; 32])));
        assert_ne!(good, proof(&key, &[7; 32], &DeviceId([8; 32])));
    }

    #[test]
    fn the_secret_is_not_printed_by_debug() {
        assert!(!format!("{:?}", token()).contains("0202"));
    }
}
