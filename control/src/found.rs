//! Founding a tenant: the root key, the first control, the first charter.

use std::path::{Path, PathBuf};

use engine::authority::{Charter, DocumentError, SignedDocument};
use engine::ids::TenantId;
use engine::keys;
use engine::replica::Replica;
use engine::sign::Keypair;
use engine::store::{ReadError, WriteError};
use shell::daemon::{StartError, fresh_epoch};
use shell::data_dir::{DEVICE_KEY, DataDir};
use thiserror::Error;
use transport::env::Env;

/// The root key's file, to be moved to a safe place.
pub const ROOT_KEY: &str = "root.key";
/// The daemon's own rows: names.
const NAMES: u8 = 2;

/// Why a tenant was not founded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FoundError {
    /// The directory has one already.
    #[error("{0} already holds tenant {1}; use another data directory for another tenant")]
    Founded(String, TenantId),
    /// A name or currency is not usable.
    #[error("{field} {found:?} is not usable; {mend}")]
    BadName {
        /// Which.
        field: &'static str,
        /// What was given.
        found: String,
        /// What to give.
        mend: &'static str,
    },
    /// The data directory.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The charter.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A founded tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founded {
    /// The tenant.
    pub tenant: TenantId,
    /// Where the root key lies now.
    pub root_key: PathBuf,
}

/// The merchant that is meant where none is named.
pub fn merchant(replica: &Replica) -> Result<String, ReadError> {
    let row = replica.local(&keys::local(NAMES, b"merchant"))?;
    Ok(row.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| "main".to_owned()))
}

/// Founds a tenant in `data`. May be repeated after a crash until it succeeds.
pub async fn found<E: Env>(
    env: &E,
    data: &Path,
    name: &str,
    merchant: &str,
    currency: &str,
) -> Result<Founded, FoundError> {
    for (field, text) in [("tenant", name), ("merchant", merchant)] {
        if text.is_empty() || text.len() > 64 || text.chars().any(char::is_control) {
            let found = text.to_owned();
            return Err(FoundError::BadName { field, found, mend: "use 1 to 64 plain characters" });
        }
    }
    let code = <[u8; 3]>::try_from(currency.as_bytes()).ok();
    let code = code.filter(|code| code.iter().all(u8::is_ascii_uppercase));
    let currency = code.ok_or_else(|| FoundError::BadName {
        field: "currency",
        found: currency.to_owned(),
        mend: "use an ISO 4217 code, as in EUR",
    })?;
    let dir = DataDir::create(data).map_err(StartError::from)?;
    if let Some(tenant) = dir.tenant().map_err(StartError::from)? {
        return Err(FoundError::Founded(data.display().to_string(), tenant));
    }
    let seed = |name| dir.seed_or_new(name, env).map_err(StartError::from);
    let root = Keypair::from_seed(&seed(ROOT_KEY)?);
    let key = Keypair::from_seed(&seed(DEVICE_KEY)?);
    let disk = env.open_disk(data, &key.device()).map_err(StartError::from)?;
    let charter = Charter {
        tenant: root.tenant(),
        serial: 1,
        name: name.to_owned(),
        currency,
        controls: [key.device()].into(),
        removed: Vec::new(),
    };
    let mut replica = Replica::open(key, root.tenant(), fresh_epoch(env), disk.store())
        .map_err(StartError::from)?;
    replica.take_charter(&SignedDocument::sign(&charter, &root)?)?;
    replica.set_local(keys::local(NAMES, b"merchant"), Some(merchant.as_bytes().to_vec()));
    let batch = replica.close()?;
    disk.submit(batch).await?;
    // Last, because it is what says that all the rest is there.
    dir.write_tenant(root.tenant()).map_err(StartError::from)?;
    Ok(Founded { tenant: root.tenant(), root_key: dir.file(ROOT_KEY) })
}
