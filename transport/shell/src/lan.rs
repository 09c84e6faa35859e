//! The listener for tills on the venue's LAN: TLS, its certificate, and the names it answers to.
//!
//! Without a certificate of the operator's it makes one that signs itself, once, and keeps it in
//! the data directory; tills pin it by its fingerprint. Which calls are served is the router's
//! business, and that no operator's token is taken here is `access`'s.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::hex;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use utoipa::ToSchema;

use crate::data_dir::DataDir;
use crate::files::{self, FileError};
use crate::host::{Hosts, normal};
use crate::limits::{CERTIFICATES_MAX, PRIVATE_FILE_BYTES_MAX};

/// The certificate that signs itself, and its key, in the data directory.
pub const TILL_PEM: &str = "till.pem";

/// What the listener is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where tills reach it.
    pub listen: SocketAddr,
    /// What tills call it besides that address: names, or addresses, without a port.
    pub hosts: Vec<String>,
    /// A certificate chain and its key, as PEM files, instead of the one made here.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Why there is no listener for tills.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LanError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file holds no PEM, or not what it should.
    #[error("{} does not hold {expected} in PEM; name the right file", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
    },
    /// The certificate or the key cannot be used with each other, or at all.
    #[error("the certificate for tills cannot be used: {0}; name a matching pair of files")]
    Pair(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("no certificate for tills could be made: {0}; check `till_hosts`")]
    Make(#[from] rcgen::Error),
    /// The address cannot be bound.
    #[error("tills cannot be listened to on {address}: {cause}; choose another address")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// How tills reach this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TillApi {
    /// The listener's address.
    pub address: String,
    /// The names that it is served under.
    pub hosts: Vec<String>,
    /// SHA-256 of the certificate, for tills to pin.
    pub fingerprint: String,
    /// The certificate in PEM, for tills that trust it by itself.
    pub certificate: String,
}

/// A bound listener.
pub struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) tls: TlsAcceptor,
    pub(crate) hosts: Hosts,
    about: TillApi,
}

impl Listener {
    /// Binds the listener. Makes its certificate where none is named and none was made.
    pub async fn bind(dir: &DataDir, settings: &Settings) -> Result<Self, LanError> {
        let Settings { listen, hosts, certificate } = settings;
        let ip = listen.ip();
        let own = (!ip.is_unspecified()).then(|| ip.to_string());
        // As certificates bear them and `Host` headers are compared: an IPv6 address may be written
        // with the brackets of a URL, and those are no part of its name.
        let names: Vec<String> = hosts.iter().map(|host| normal(host)).chain(own).collect();
        let (certificate, key) = match certificate {
            Some((certificate, key)) => (certificate.clone(), key.clone()),
            None => {
                let path = dir.file(TILL_PEM);
                make_if_missing(&path, &names)?;
                (path.clone(), path)
            }
        };
        let (text, chain) = read_chain(&certificate)?;
        let key = read_key(&key)?;
        let leaf = chain.first().cloned().ok_or_else(|| not_pem(&certificate, A_CERTIFICATE))?;
        warn_of_names(&leaf, &names);
        let tls = server_config(chain, key)?;
        let failed = |cause| LanError::Listen { address: *listen, cause };
        let tcp = TcpListener::bind(listen).await.map_err(failed)?;
        let about = TillApi {
            address: tcp.local_addr().map_err(failed)?.to_string(),
            hosts: names.clone(),
            fingerprint: hex::encode(digest(&SHA256, &leaf).as_ref()),
            certificate: first_block(&text),
        };
        let hosts = Hosts::lan(names.iter().map(String::as_str));
        Ok(Self { tcp, tls: TlsAcceptor::from(Arc::new(tls)), hosts, about })
    }

    /// How tills reach it.
    pub fn about(&self) -> &TillApi {
        &self.about
    }
}

const A_CERTIFICATE: &str = "a certificate";
const A_KEY: &str = "a private key";

fn not_pem(path: &Path, expected: &'static str) -> LanError {
    LanError::Pem { path: path.to_owned(), expected }
}

fn make_if_missing(path: &Path, names: &[String]) -> Result<(), LanError> {
    if path.exists() {
        return Ok(());
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Tentpole node");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let text = format!("{}{}", certificate.pem(), key.serialize_pem());
    Ok(files::create_private(path, text.as_bytes())?)
}

/// A chain may be public, so anybody may read its file.
fn read_chain(path: &Path) -> Result<(String, Vec<CertificateDer<'static>>), LanError> {
    let bytes = files::read_public(path, PRIVATE_FILE_BYTES_MAX)?;
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&bytes).take(CERTIFICATES_MAX).collect();
    let text = String::from_utf8(bytes).ok().zip(read.ok());
    text.ok_or_else(|| not_pem(path, A_CERTIFICATE))
}

/// The first certificate's lines, whatever ends them in the file; never a key's, which may be in
/// the same file.
fn first_block(text: &str) -> String {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let block = text.find(begin).map(|at| &text[at..]).unwrap_or_default();
    let block = block.find(end).map(|at| &block[..at + end.len()]).unwrap_or_default();
    block.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, LanError> {
    let bytes = files::read_private(path, PRIVATE_FILE_BYTES_MAX)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| not_pem(path, A_KEY))
}

/// TLS 1.3 and 1.2 with ring; nobody is asked for a certificate.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A till that pins the fingerprint need not care, one that checks names does.
fn warn_of_names(leaf: &CertificateDer<'_>, names: &[String]) {
    let Ok(parsed) = ParsedCertificate::try_from(leaf) else { return };
    for name in names {
        let asked = ServerName::try_from(name.as_str());
        if asked.is_ok_and(|asked| verify_server_name(&parsed, &asked).is_err()) {
            tracing::warn!(
                name,
                "the certificate for tills does not bear this name; name another certificate, or \
                 remove {TILL_PEM} so that a new one is made, which tills must then pin anew"
            );
        }
    }
}

#[cfg(test)]
mod tests;
