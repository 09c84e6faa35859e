//! TLS 1.3 with Ed25519 raw public keys on both sides (RFC 7250): who is at the other end.
//!
//! There are no certificates, names, clocks, tickets or early data here, and one choice each of
//! cipher suite, group and signature. A device is its public key, and this module only proves
//! that the peer holds it; whether the device may do anything is decided from its grant.

use std::sync::{Arc, OnceLock};

use engine::ids::DeviceId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::verify_tls13_signature_with_raw_key;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::version::TLS13;
use rustls::{
    CertificateError, CipherSuite, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    NamedGroup, PeerIncompatible, ServerConfig, SignatureScheme,
};

use super::identity::{Expect, Identity, device_of};

/// The protocol's name and major version in the handshake (RFC 7301).
pub const ALPN: &[u8] = b"tentpole/1";

/// The side that dials. When the peer is not the expected one, its device goes to `found`.
pub fn client_config(
    identity: &Identity,
    expect: Expect,
    found: Arc<OnceLock<DeviceId>>,
) -> Result<ClientConfig, Error> {
    let provider = provider()?;
    let verifier = Verifier { expect, found, schemes: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
            identity.key.clone(),
        )));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.enable_early_data = false;
    Ok(config)
}

/// The side that is dialled: it takes any device, and no peer without a key.
pub fn server_config(identity: &Identity) -> Result<ServerConfig, Error> {
    let provider = provider()?;
    let verifier = Verifier {
        expect: Expect::AnyDevice,
        found: Arc::default(),
        schemes: provider.signature_verification_algorithms,
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(identity.key.clone())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// ring's primitives, cut down to one of each kind.
fn provider() -> Result<Arc<CryptoProvider>, Error> {
    let mut provider = ring::default_provider();
    // The suite that QUIC's first packets use anyway (RFC 9001, section 5.2).
    provider.cipher_suites.retain(|s| s.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256);
    provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
    let schemes = provider.signature_verification_algorithms.mapping;
    let ed25519 = schemes.iter().find(|(scheme, _)| *scheme == SignatureScheme::ED25519);
    let Some(ed25519) = ed25519 else {
        return Err(Error::General("the TLS library has no Ed25519; build it with ring".into()));
    };
    provider.signature_verification_algorithms =
        WebPkiSupportedAlgorithms { all: ed25519.1, mapping: std::slice::from_ref(ed25519) };
    Ok(Arc::new(provider))
}

/// Takes a raw Ed25519 key that is the expected one, and checks that the peer holds it.
#[derive(Debug)]
struct Verifier {
    expect: Expect,
    found: Arc<OnceLock<DeviceId>>,
    schemes: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn check(&self, spki: &[u8], more: usize) -> Result<(), Error> {
        let device = device_of(spki).filter(|_| more == 0);
        let Some(device) = device else {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        };
        if !self.expect.admits(&device) {
            // Set at most once: a handshake has one certificate message.
            let _ = self.found.set(device);
            return Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ));
        }
        Ok(())
    }

    fn check_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = SubjectPublicKeyInfoDer::from(spki.as_ref());
        verify_tls13_signature_with_raw_key(message, &spki, signature, &self.schemes)
    }
}

/// Unreachable, since only TLS 1.3 is offered.
fn old_tls() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        spki: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(spki, more.len()).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        old_tls()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, spki, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        spki: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(spki, more.len()).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        old_tls()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, spki, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_primitive_is_offered() {
        let provider = provider().expect("ring has them");
        assert_eq!(provider.cipher_suites.len(), 1);
        assert_eq!(provider.kx_groups.len(), 1);
        assert_eq!(provider.signature_verification_algorithms.all.len(), 1);
    }
}
