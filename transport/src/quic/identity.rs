//! Who a device is in a handshake: its key pair, and whom it expects at the other end.
//!
//! DER is written and compared as fixed bytes, never parsed. Key material is neither copied out
//! nor printed.

use std::fmt;
use std::sync::Arc;

use engine::hash::{Hash, KEY_PIN};
use engine::ids::DeviceId;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;

/// What precedes the 32-byte seed of an Ed25519 private key (RFC 8410, section 7):
///
/// ```text
/// 30 2e           SEQUENCE, 46 bytes
///   02 01 00        version 0
///   30 05           AlgorithmIdentifier
///     06 03 2b 65 70  1.3.101.112, Ed25519
///   04 22           privateKey, 34 bytes
///     04 20           CurvePrivateKey, 32 bytes: the seed
/// ```
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What precedes the 32 bytes of an Ed25519 public key (RFC 8410, section 4):
///
/// ```text
/// 30 2a           SubjectPublicKeyInfo, 42 bytes
///   30 05           AlgorithmIdentifier
///     06 03 2b 65 70  1.3.101.112, Ed25519
///   03 21 00        BIT STRING, 33 bytes, no unused bits: the key
/// ```
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The private key given is not that of the device given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the private key is not that of device {0}; use the key file of that device")]
pub struct WrongSeed(pub DeviceId);

/// This device's key pair, ready for handshakes.
#[derive(Clone)]
pub struct Identity {
    device: DeviceId,
    pub(super) key: Arc<CertifiedKey>,
}

impl Identity {
    /// The identity of `device`, whose Ed25519 private key (RFC 8032) is `seed`.
    pub fn new(seed: &[u8; 32], device: DeviceId) -> Result<Self, WrongSeed> {
        let mut pkcs8 = PKCS8_PREFIX.to_vec();
        pkcs8.extend_from_slice(seed);
        let key = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8))
            .map_err(|_| WrongSeed(device))?;
        let public = key.public_key().ok_or(WrongSeed(device))?;
        if device_of(&public) != Some(device) {
            return Err(WrongSeed(device));
        }
        let chain = vec![CertificateDer::from(public.to_vec())];
        Ok(Self { device, key: Arc::new(CertifiedKey::new(chain, key)) })
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.device
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("device", &self.device).finish_non_exhaustive()
    }
}

/// Whom a connection must reach to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// This device.
    Device(DeviceId),
    /// The device whose public key has this hash, as a join token pins it (see [`pin_of`]).
    KeyHash(Hash),
    /// Whoever answers; the session decides from the grant.
    AnyDevice,
}

impl Expect {
    /// Whether `device` is the one that was meant.
    pub fn admits(&self, device: &DeviceId) -> bool {
        match self {
            Self::Device(expected) => expected == device,
            Self::KeyHash(pin) => *pin == pin_of(device),
            Self::AnyDevice => true,
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(device) => write!(f, "device {device}"),
            Self::KeyHash(pin) => write!(f, "the device whose key hashes to {pin}"),
            Self::AnyDevice => f.write_str("any device"),
        }
    }
}

/// The hash by which a join token pins a device's public key.
pub fn pin_of(device: &DeviceId) -> Hash {
    KEY_PIN.of(&[&device.0])
}

/// The device behind a SubjectPublicKeyInfo; none when it is anything but an Ed25519 key in the
/// one DER form that it has.
pub fn device_of(spki: &[u8]) -> Option<DeviceId> {
    let key = spki.strip_prefix(&SPKI_PREFIX)?;
    Some(DeviceId(key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seed and public key of RFC 8032, section 7.1, test 1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn bytes(text: &str) -> [u8; 32] {
        engine::hex::decode(text).expect("hex").try_into().expect("32 bytes")
    }

    #[test]
    fn an_identity_is_made_from_a_seed_of_the_rfc() {
        let device = DeviceId(bytes(PUBLIC));
        let identity = Identity::new(&bytes(SEED), device).expect("they belong together");
        assert_eq!(identity.device(), device);
        assert_eq!(identity.key.cert[0].as_ref(), [&SPKI_PREFIX[..], &device.0].concat());
    }

    #[test]
    fn a_seed_of_another_device_is_refused() {
        let device = DeviceId([7; 32]);
        assert_eq!(Identity::new(&bytes(SEED), device).err(), Some(WrongSeed(device)));
    }

    #[test]
    fn debug_output_holds_no_key_material() {
        let identity = Identity::new(&bytes(SEED), DeviceId(bytes(PUBLIC))).expect("valid");
        let text = format!("{identity:?}");
        assert!(text.contains(&PUBLIC[..16]), "{text}");
        assert!(!text.contains(&SEED[..8]) && !text.contains("157, 97"), "{text}");
    }

    #[test]
    fn only_the_one_der_form_of_a_key_is_a_device() {
        let spki = [&SPKI_PREFIX[..], &[9; 32]].concat();
        assert_eq!(device_of(&spki), Some(DeviceId([9; 32])));
        for (at, _) in SPKI_PREFIX.iter().enumerate() {
            let mut other = spki.clone();
            other[at] ^= 1;
            assert_eq!(device_of(&other), None, "byte {at}");
        }
        assert_eq!(device_of(&spki[..43]), None);
        assert_eq!(device_of(&[&spki[..], &[0]].concat()), None);
    }
}
