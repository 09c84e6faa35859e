//! Configuration: defaults, then the file, then the environment, then flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What `tentpole-control run` is set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where commands and pages reach the API; loopback only.
    pub api: SocketAddr,
    /// Where stalls reach this control, over QUIC (UDP).
    pub listen: SocketAddr,
    /// What join tokens say instead of `listen`, as stalls reach it from outside.
    pub address: Option<String>,
    /// Whether metrics need no token on loopback.
    pub metrics_open: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api: SocketAddr::from(([127, 0, 0, 1], 7710)),
            listen: SocketAddr::from(([0, 0, 0, 0], 7711)),
            address: None,
            metrics_open: false,
        }
    }
}

/// Settings given on the command line.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Flags {
    /// Where commands reach the API (loopback only)
    #[arg(long, value_name = "IP:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<SocketAddr>,
    /// Where stalls reach this control, over QUIC (UDP)
    #[arg(long, value_name = "IP:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// What join tokens say, as stalls reach this control from outside
    #[arg(long, value_name = "HOST:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// The configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file or variable does not read as configuration.
    #[error("configuration: {0}; see docs/operations.md for the settings")]
    Read(#[from] Box<figment::Error>),
    /// The file is not there.
    #[error("configuration file {0} does not exist; name another, or leave --config out")]
    Missing(PathBuf),
    /// The API would be reachable from the network.
    #[error("configuration: api is {0}; it speaks plain HTTP, so keep it on 127.0.0.1")]
    NotLoopback(SocketAddr),
}

/// Reads the configuration: `file`, or `control.toml` in the data directory if there is one.
pub fn read(data: &Path, file: Option<&Path>, flags: &Flags) -> Result<Config, ConfigError> {
    if let Some(file) = file.filter(|file| !file.is_file()) {
        return Err(ConfigError::Missing(file.to_owned()));
    }
    let file = file.map_or_else(|| data.join("control.toml"), Path::to_owned);
    let config: Config = Figment::from(Serialized::defaults(Config::default()))
        .merge(Toml::file(file))
        .merge(Env::prefixed("TENTPOLE_CONTROL_"))
        .merge(Serialized::defaults(flags))
        .extract()
        .map_err(Box::new)?;
    match config.api.ip().is_loopback() {
        true => Ok(config),
        false => Err(ConfigError::NotLoopback(config.api)),
    }
}

impl Config {
    /// The address that join tokens carry.
    pub fn public_address(&self) -> String {
        match &self.address {
            Some(address) => address.clone(),
            None if self.listen.ip().is_unspecified() => {
                format!("127.0.0.1:{}", self.listen.port())
            }
            None => self.listen.to_string(),
        }
    }
}
