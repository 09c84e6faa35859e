//! The files that every data directory has beside its store.
//!
//! ```text
//! DIR             0700
//!   device.key    0600   the device's Ed25519 seed: 32 bytes as hexadecimal text
//!   admin.token   0600   the operator's bearer token
//!   tenant.id     0600   the tenant joined or founded, as hexadecimal text
//!   api.addr      0600   where the running daemon listens: HOST:PORT
//!   store/        0700   the store's own
//! ```
//!
//! This module never decides when a key may be made anew; the daemons do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use engine::hex;
use engine::ids::TenantId;
use transport::env::Env;

use crate::auth::Token;
use crate::files::{self, FileError};
use crate::limits::{PRIVATE_FILE_BYTES_MAX, SECRET_BYTES};

/// The device's key.
pub const DEVICE_KEY: &str = "device.key";
/// The operator's token.
pub const ADMIN_TOKEN: &str = "admin.token";
/// The tenant that the directory belongs to, once it has joined or founded one.
pub const TENANT_ID: &str = "tenant.id";
/// The address of the running daemon's API.
pub const API_ADDR: &str = "api.addr";

/// A data directory, by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The directory at `path`, which need not exist.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The directory at `path`, made with mode 0700 if absent.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        files::create_private_dir(path)?;
        Ok(Self::at(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of the file `name` in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The 32-byte seed in the key file `name`, such as [`DEVICE_KEY`].
    pub fn seed(&self, name: &str) -> Result<[u8; SECRET_BYTES], FileError> {
        let expected = "a key of 64 hexadecimal digits";
        let text = self.text(name, expected)?;
        hex::decode(&text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| FileError::Content { path: self.file(name), expected })
    }

    /// Makes the key file `name` with a fresh seed; [`FileError::Exists`] if there is one.
    pub fn new_seed(&self, name: &str, env: &impl Env) -> Result<[u8; SECRET_BYTES], FileError> {
        let mut seed = [0; SECRET_BYTES];
        env.fill_random(&mut seed);
        files::create_private(&self.file(name), line(&hex::encode(&seed)).as_bytes())?;
        Ok(seed)
    }

    /// The seed in the key file `name`, made if there is none. Two processes that do this at
    /// once get the same seed.
    pub fn seed_or_new(&self, name: &str, env: &impl Env) -> Result<[u8; SECRET_BYTES], FileError> {
        match self.seed(name) {
            Err(FileError::Missing(_)) => match self.new_seed(name, env) {
                Err(FileError::Exists(_)) => self.seed(name),
                made => made,
            },
            found => found,
        }
    }

    /// The operator's token.
    pub fn admin_token(&self) -> Result<Token, FileError> {
        let expected = "a token";
        Token::parse(&self.text(ADMIN_TOKEN, expected)?)
            .ok_or_else(|| FileError::Content { path: self.file(ADMIN_TOKEN), expected })
    }

    /// The operator's token, made if there is none.
    pub fn admin_token_or_new(&self, env: &impl Env) -> Result<Token, FileError> {
        match self.admin_token() {
            Err(FileError::Missing(_)) => {
                let path = self.file(ADMIN_TOKEN);
                match files::create_private(&path, line(Token::new(env).text()).as_bytes()) {
                    Ok(()) | Err(FileError::Exists(_)) => self.admin_token(),
                    Err(cause) => Err(cause),
                }
            }
            found => found,
        }
    }

    /// The tenant that the directory belongs to; `None` before it has joined or founded one.
    pub fn tenant(&self) -> Result<Option<TenantId>, FileError> {
        let expected = "64 hexadecimal digits";
        match self.text(TENANT_ID, expected) {
            Err(FileError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
            Ok(text) => {
                let path = self.file(TENANT_ID);
                text.parse().map(Some).map_err(|_| FileError::Content { path, expected })
            }
        }
    }

    /// Notes the tenant. Written last, because it says that all the rest is there.
    pub fn write_tenant(&self, tenant: TenantId) -> Result<(), FileError> {
        files::write_private(&self.file(TENANT_ID), format!("{tenant}\n").as_bytes())
    }

    /// Where the daemon that last ran here said it listens.
    pub fn api_addr(&self) -> Result<SocketAddr, FileError> {
        let expected = "an address such as 127.0.0.1:7070";
        self.text(API_ADDR, expected)?
            .parse()
            .map_err(|_| FileError::Content { path: self.file(API_ADDR), expected })
    }

    /// Says where the daemon listens. A wildcard is written as the loopback address that
    /// reaches it.
    pub fn write_api_addr(&self, address: SocketAddr) -> Result<(), FileError> {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            other => other,
        };
        let address = SocketAddr::new(ip, address.port());
        files::write_private(&self.file(API_ADDR), line(&address.to_string()).as_bytes())
    }

    /// Says that no daemon runs here any more.
    pub fn remove_api_addr(&self) -> Result<(), FileError> {
        files::remove(&self.file(API_ADDR))
    }

    fn text(&self, name: &str, expected: &'static str) -> Result<String, FileError> {
        let path = self.file(name);
        let bytes = files::read_private(&path, PRIVATE_FILE_BYTES_MAX)?;
        let text = String::from_utf8(bytes).map_err(|_| FileError::Content { path, expected })?;
        Ok(text.trim_ascii().to_owned())
    }
}

fn line(text: &str) -> String {
    format!("{text}\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;
    use crate::env::RealEnv;

    fn shop() -> (TempDir, DataDir) {
        let temporary = TempDir::new().unwrap();
        let dir = DataDir::create(&temporary.path().join("shop")).unwrap();
        (temporary, dir)
    }

    #[tokio::test]
    async fn a_key_is_made_once_and_then_found_again() {
        let env = RealEnv::new().unwrap();
        let (_temporary, dir) = shop();
        assert!(matches!(dir.seed(DEVICE_KEY), Err(FileError::Missing(_))));
        let seed = dir.seed_or_new(DEVICE_KEY, &env).unwrap();
        assert_eq!(dir.seed_or_new(DEVICE_KEY, &env).unwrap(), seed);
        assert_eq!(dir.seed(DEVICE_KEY).unwrap(), seed);
        assert!(matches!(dir.new_seed(DEVICE_KEY, &env), Err(FileError::Exists(_))));
        let mode = std::fs::metadata(dir.file(DEVICE_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[tokio::test]
    async fn two_keys_differ() {
        let env = RealEnv::new().unwrap();
        let (_temporary, dir) = shop();
        let root = dir.new_seed("root.key", &env).unwrap();
        assert_ne!(dir.new_seed(DEVICE_KEY, &env).unwrap(), root);
    }

    #[tokio::test]
    async fn a_damaged_key_is_refused_and_not_replaced() {
        let env = RealEnv::new().unwrap();
        let (_temporary, dir) = shop();
        let path = dir.file(DEVICE_KEY);
        for damaged in [&b""[..], b"abcd", &[b'g'; 64], &[b'a'; 63], &[b'a'; 66], &[0xff; 64]] {
            files::write_private(&path, damaged).unwrap();
            let text = dir.seed_or_new(DEVICE_KEY, &env).unwrap_err().to_string();
            assert!(text.contains("device.key does not hold a key of 64"), "{text}");
            assert_eq!(std::fs::read(&path).unwrap(), damaged);
        }
        files::write_private(&path, &[b'a'; 64]).unwrap();
        assert_eq!(dir.seed(DEVICE_KEY).unwrap(), [0xaa; 32]);
    }

    #[tokio::test]
    async fn the_operator_token_outlives_a_restart() {
        let env = RealEnv::new().unwrap();
        let (_temporary, dir) = shop();
        assert!(matches!(dir.admin_token(), Err(FileError::Missing(_))));
        let token = dir.admin_token_or_new(&env).unwrap();
        assert_eq!(dir.admin_token_or_new(&env).unwrap().text(), token.text());
        assert_eq!(dir.admin_token().unwrap().text(), token.text());
    }

    #[test]
    fn the_address_is_written_as_one_can_call_it() {
        let (_temporary, dir) = shop();
        for (bound, called) in [
            ("127.0.0.1:7070", "127.0.0.1:7070"),
            ("0.0.0.0:7071", "127.0.0.1:7071"),
            ("[::]:7072", "[::1]:7072"),
            ("192.0.2.7:7073", "192.0.2.7:7073"),
        ] {
            dir.write_api_addr(bound.parse().unwrap()).unwrap();
            assert_eq!(dir.api_addr().unwrap(), called.parse().unwrap());
        }
        dir.remove_api_addr().unwrap();
        assert!(matches!(dir.api_addr(), Err(FileError::Missing(_))));
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        let (_temporary, dir) = shop();
        files::write_private(&dir.file(API_ADDR), b"nowhere").unwrap();
        assert!(matches!(dir.api_addr(), Err(FileError::Content { .. })));
    }
}
