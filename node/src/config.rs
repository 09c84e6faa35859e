//! Configuration: defaults, then the file, then the environment, then flags.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use engine::escrow::Strategy;
use engine::ids::DeviceId;
use engine::limits::AMOUNT_MAX;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::core::{Rebalance, Settings};

/// The longest time over which sales are expected to go on as they did.
const REBALANCE_MINUTES_MAX: u64 = 7 * 24 * 60;

/// What `tentpole-node run` is set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where tills and commands reach the API; loopback only.
    pub api: SocketAddr,
    /// Where peers reach this node, over QUIC (UDP).
    pub listen: SocketAddr,
    /// The control's `host:port`; the one that the join token named if absent.
    pub control: Option<String>,
    /// Other stalls' `host:port`, or `host:port#DEVICE` to pin who answers.
    pub peers: Vec<String>,
    /// The largest amount of a line, a tender or a tip, in minor units.
    pub amount_max: i64,
    /// Whether SKUs that the catalogue does not know may be sold.
    pub open_items: bool,
    /// Where tills on the LAN reach the API, over TLS; nowhere if absent.
    pub till_listen: Option<SocketAddr>,
    /// What tills call this node there, besides that address.
    pub till_hosts: Vec<String>,
    /// A certificate chain in PEM, instead of the one made at the first start.
    pub till_certificate: Option<PathBuf>,
    /// Its key.
    pub till_key: Option<PathBuf>,
    /// Whether metrics need no token on loopback.
    pub metrics_open: bool,
    /// How promise rights move by themselves: none, on-demand or low-water.
    pub rebalance: Strategy,
    /// Over how many minutes sales are expected to go on as they did: 1 to 10,080, a week.
    pub rebalance_minutes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api: SocketAddr::from(([127, 0, 0, 1], 7700)),
            listen: SocketAddr::from(([0, 0, 0, 0], 7701)),
            control: None,
            peers: Vec::new(),
            amount_max: 100_000_000,
            open_items: false,
            till_listen: None,
            till_hosts: Vec::new(),
            till_certificate: None,
            till_key: None,
            metrics_open: false,
            rebalance: Strategy::LowWater,
            rebalance_minutes: 60,
        }
    }
}

/// Settings given on the command line.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Flags {
    /// Where tills and commands reach the API (loopback only)
    #[arg(long, value_name = "IP:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<SocketAddr>,
    /// Where peers reach this node, over QUIC (UDP)
    #[arg(long, value_name = "IP:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// The control's address, if it is not the one in the join token
    #[arg(long, value_name = "HOST:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// Another stall to sync with; may be given several times
    #[arg(long = "peer", value_name = "HOST:PORT[#DEVICE]")]
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "peers")]
    pub peer: Vec<String>,
    /// Sell SKUs that the catalogue does not know
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open_items: bool,
    /// Where tills on the LAN reach the API, over TLS
    #[arg(long, value_name = "IP:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub till_listen: Option<SocketAddr>,
    /// What tills call this node there; may be given several times
    #[arg(long = "till-host", value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "till_hosts")]
    pub till_host: Vec<String>,
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
    /// A setting makes no sense.
    #[error("configuration: {field} is {found}; {mend}")]
    Nonsense {
        /// The setting.
        field: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        mend: &'static str,
    },
}

/// Reads the configuration: `file`, or `node.toml` in the data directory if there is one.
pub fn read(data: &Path, file: Option<&Path>, flags: &Flags) -> Result<Config, ConfigError> {
    if let Some(file) = file.filter(|file| !file.is_file()) {
        return Err(ConfigError::Missing(file.to_owned()));
    }
    let file = file.map_or_else(|| data.join("node.toml"), Path::to_owned);
    let config: Config = Figment::from(Serialized::defaults(Config::default()))
        .merge(Toml::file(file))
        .merge(Env::prefixed("TENTPOLE_NODE_"))
        .merge(Serialized::defaults(flags))
        .extract()
        .map_err(Box::new)?;
    if !(1..=AMOUNT_MAX).contains(&config.amount_max) {
        return Err(ConfigError::Nonsense {
            field: "amount_max",
            found: config.amount_max.to_string(),
            mend: "set it to 1 to 1000000000000 minor units",
        });
    }
    if !(1..=REBALANCE_MINUTES_MAX).contains(&config.rebalance_minutes) {
        return Err(ConfigError::Nonsense {
            field: "rebalance_minutes",
            found: config.rebalance_minutes.to_string(),
            mend: "set it to 1 to 10080, a week",
        });
    }
    if !config.api.ip().is_loopback() {
        return Err(ConfigError::Nonsense {
            field: "api",
            found: config.api.to_string(),
            mend: "it speaks plain HTTP, so keep it on 127.0.0.1",
        });
    }
    for address in config.control.iter().chain(&config.peers) {
        check_address(address)?;
    }
    check_tills(&config)?;
    Ok(config)
}

/// The listener for tills has a name, plain names alone, and a certificate with its key or neither.
fn check_tills(config: &Config) -> Result<(), ConfigError> {
    let wrong = |field, found: String, mend| Err(ConfigError::Nonsense { field, found, mend });
    let shown = |path: &Option<PathBuf>| {
        path.as_ref().map_or_else(|| "absent".to_owned(), |path| path.display().to_string())
    };
    match (&config.till_certificate, &config.till_key) {
        (Some(_), None) => {
            return wrong("till_key", shown(&None), "name the certificate's key too");
        }
        (None, Some(_)) => {
            return wrong("till_certificate", shown(&None), "name the key's certificate too");
        }
        _ => {}
    }
    let is_name = |host: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || !host.is_empty() && host.len() <= 253 && host.bytes().all(letter)
    };
    if let Some(host) = config.till_hosts.iter().find(|host| !is_name(host)) {
        let mend = "write names or addresses without a port, as in stall.lan";
        return wrong("till_hosts", host.clone(), mend);
    }
    match config.till_listen {
        Some(listen) if listen.ip().is_unspecified() && config.till_hosts.is_empty() => {
            let mend = "give an address of this machine, or say in till_hosts what tills call it";
            wrong("till_listen", listen.to_string(), mend)
        }
        _ => Ok(()),
    }
}

/// `HOST:PORT`, or `HOST:PORT#DEVICE`.
fn check_address(address: &str) -> Result<(), ConfigError> {
    let (place, pin) =
        address.split_once('#').map_or((address, None), |(place, pin)| (place, Some(pin)));
    let port = place.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let mend = if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        "write it as HOST:PORT"
    } else if pin.is_some_and(|pin| pin.parse::<DeviceId>().is_err()) {
        "write it as HOST:PORT#DEVICE, the device as its `status` shows it"
    } else {
        return Ok(());
    };
    Err(ConfigError::Nonsense { field: "control or peers", found: address.to_owned(), mend })
}

impl Config {
    /// What the core needs to know.
    pub fn settings(&self) -> Settings {
        let rebalance = Rebalance::new(self.rebalance, self.rebalance_minutes * 60_000);
        Settings { amount_max: self.amount_max, open_items: self.open_items, rebalance }
    }

    /// What the listener for tills on the LAN is set to; `None` where there is none.
    pub fn tills(&self) -> Option<shell::lan::Settings> {
        let certificate = self.till_certificate.clone().zip(self.till_key.clone());
        let hosts = self.till_hosts.clone();
        self.till_listen.map(|listen| shell::lan::Settings { listen, hosts, certificate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("node.toml"), text).unwrap();
        read(dir.path(), None, &Flags::default())
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("node.toml"), "api = \"127.0.0.1:1\"").unwrap();
        let api = Some(SocketAddr::from(([127, 0, 0, 1], 2)));
        let config = read(dir.path(), None, &Flags { api, ..Flags::default() }).unwrap();
        assert_eq!(config.api.port(), 2);
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let text = with("open_item = true").unwrap_err().to_string();
        assert!(text.contains("open_item"), "{text}");
    }

    #[test]
    fn a_strategy_that_does_not_exist_is_refused_by_name() {
        assert_eq!(with("rebalance = \"on-demand\"").unwrap().rebalance, Strategy::OnDemand);
        let text = with("rebalance = \"greedy\"").unwrap_err().to_string();
        assert!(text.contains("low-water"), "{text}");
        assert!(matches!(with("rebalance_minutes = 0"), Err(ConfigError::Nonsense { .. })));
    }

    #[test]
    fn an_address_without_a_port_is_refused() {
        assert!(matches!(with("control = \"market.lan\""), Err(ConfigError::Nonsense { .. })));
    }

    #[test]
    fn a_pin_that_is_no_device_is_refused() {
        assert!(matches!(with("peers = [\"a:1#b\"]"), Err(ConfigError::Nonsense { .. })));
        assert!(with(&format!("peers = [\"a:1#{}\"]", "ab".repeat(32))).is_ok());
    }

    #[test]
    fn an_api_that_others_could_reach_is_refused() {
        assert!(matches!(with("api = \"0.0.0.0:1\""), Err(ConfigError::Nonsense { .. })));
    }

    #[test]
    fn a_negative_maximum_is_refused() {
        assert!(matches!(with("amount_max = -1"), Err(ConfigError::Nonsense { .. })));
    }

    #[test]
    fn a_listener_for_tills_without_a_name_is_refused() {
        assert!(matches!(with("till_listen = \"0.0.0.0:1\""), Err(ConfigError::Nonsense { .. })));
        assert!(with("till_listen = \"0.0.0.0:1\"\ntill_hosts = [\"a.lan\"]").is_ok());
        assert!(with("till_listen = \"192.0.2.7:1\"").is_ok());
    }

    #[test]
    fn a_host_with_a_port_or_a_scheme_is_refused() {
        for host in ["a.lan:1", "https://a.lan", "", "a b", "*.lan"] {
            let found = with(&format!("till_hosts = [\"{host}\"]"));
            assert!(matches!(found, Err(ConfigError::Nonsense { .. })), "{host}");
        }
        for host in ["a.lan", "192.0.2.7", "[2001:db8::7]", "2001:db8::7"] {
            assert!(with(&format!("till_hosts = [\"{host}\"]")).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        for text in ["till_key = \"k.pem\"", "till_certificate = \"c.pem\""] {
            assert!(matches!(with(text), Err(ConfigError::Nonsense { .. })), "{text}");
        }
    }
}
