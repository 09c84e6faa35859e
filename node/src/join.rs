//! Joining a tenant with a token, and what a data directory says about having joined.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::authority::join::{TokenError, proof, proof_key};
use engine::authority::{DocumentError, JoinToken};
use engine::ids::TenantId;
use engine::keys;
use engine::replica::Replica;
use engine::sign::Keypair;
use engine::store::{ReadError, WriteError};
use shell::daemon::{StartError, endpoint, fresh_epoch};
use shell::data_dir::{DEVICE_KEY, DataDir};
use thiserror::Error;
use transport::env::{Disk, Env};
use transport::quic::{ConnectError, Endpoint, Expect, Inbound, Link};
use transport::wire::{self, Join, JoinRefusal, Joined, Message};

/// The daemon's own rows: where things are.
const PLACES: u8 = 2;
/// How long the control may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Why a node did not join.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It has joined before.
    #[error("this node has already joined tenant {0}; use another data directory for another")]
    AlreadyJoined(TenantId),
    /// The data directory or the endpoint.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The control's name does not resolve.
    #[error("{address} cannot be found: {cause}; check the network or give --control HOST:PORT")]
    Resolve {
        /// The address.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The control refused.
    #[error(transparent)]
    Refused(#[from] JoinRefusal),
    /// The connection ended, or the answer was none.
    #[error("the control did not answer the join: {0}; try again with the same token")]
    NoAnswer(String),
    /// The answer does not hold.
    #[error("the control's answer does not hold: {0}")]
    Document(#[from] DocumentError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The control's address that the join token named.
pub fn control_address(replica: &Replica) -> Result<Option<String>, ReadError> {
    let row = replica.local(&keys::local(PLACES, b"control"))?;
    Ok(row.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// Joins: proves the token's secret, and keeps charter, grant and the control's address. May be
/// repeated with the same token until it succeeds.
pub async fn join<E: Env>(
    env: &E,
    data: &Path,
    token: &str,
    control: Option<&str>,
) -> Result<Joined, JoinError> {
    let token: JoinToken = token.parse()?;
    let dir = DataDir::create(data).map_err(StartError::from)?;
    if let Some(tenant) = dir.tenant().map_err(StartError::from)? {
        return Err(JoinError::AlreadyJoined(tenant));
    }
    let seed = dir.seed_or_new(DEVICE_KEY, env).map_err(StartError::from)?;
    let key = Keypair::from_seed(&seed);
    let disk = env.open_disk(data, &key.device()).map_err(StartError::from)?;
    let address = control.unwrap_or(&token.address).to_owned();
    let joined = ask(env, &seed, &token, &address).await?;
    keep(env, disk, key, &joined, &address).await?;
    // Last, because it is what says that all the rest is there.
    dir.write_tenant(joined.tenant).map_err(StartError::from)?;
    Ok(joined)
}

async fn ask<E: Env>(
    env: &E,
    seed: &[u8; 32],
    token: &JoinToken,
    address: &str,
) -> Result<Joined, JoinError> {
    let resolve_error = |cause: String| JoinError::Resolve { address: address.to_owned(), cause };
    let found = env.resolve(address).await.map_err(|error| resolve_error(error.to_string()))?;
    let mut last = resolve_error("the name has no address".to_owned());
    for at in found {
        let any = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let any = any.parse().expect("invariant: a literal address");
        let endpoint = endpoint(env, seed, any)?;
        match endpoint.connect(at, Expect::KeyHash(token.control_pin)).await {
            Ok(link) => return converse_within(env, &endpoint, link, seed, token).await,
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

async fn converse_within<E: Env>(
    env: &E,
    endpoint: &Endpoint,
    link: Link,
    seed: &[u8; 32],
    token: &JoinToken,
) -> Result<Joined, JoinError> {
    let until = env.now().instant.after(ANSWER_WITHIN);
    let joined = tokio::select! {
        biased;
        joined = converse(link, seed, token) => joined,
        () = env.sleep_until(until) => Err(JoinError::NoAnswer("it took too long".to_owned())),
    };
    endpoint.close().await;
    joined
}

async fn converse(link: Link, seed: &[u8; 32], token: &JoinToken) -> Result<Joined, JoinError> {
    let device = Keypair::from_seed(seed).device();
    let key = proof_key(&token.id, &token.secret);
    let proof = proof(&key, &link.exporter(), &device);
    let (sender, mut receiver) = link.split();
    let no_answer = |cause: String| JoinError::NoAnswer(cause);
    let ask = wire::encode(&Message::Join(Join { invite: token.id, proof }))
        .map_err(|error| no_answer(error.to_string()))?;
    sender.message(&ask).await.map_err(|error| no_answer(error.to_string()))?;
    loop {
        match receiver.next().await {
            Inbound::Message(bytes) => match wire::decode(&bytes) {
                Ok(Message::Joined(answer)) => return Ok(*answer?),
                // The control greets everyone; only its answer counts here.
                Ok(_) => {}
                Err(error) => return Err(no_answer(error.to_string())),
            },
            Inbound::Stripe(_) => {}
            Inbound::Closed(reason) => return Err(no_answer(reason.to_string())),
        }
    }
}

async fn keep<E: Env>(
    env: &E,
    disk: Arc<dyn Disk>,
    key: Keypair,
    joined: &Joined,
    address: &str,
) -> Result<(), JoinError> {
    let mut replica = Replica::open(key, joined.tenant, fresh_epoch(env), disk.store())
        .map_err(StartError::from)?;
    replica.take_charter(&joined.charter)?;
    replica.take_grant(&joined.grant)?;
    if replica.rights().grant(&replica.device()).is_none() {
        return Err(JoinError::NoAnswer("it granted another device".to_owned()));
    }
    replica.set_local(keys::local(PLACES, b"control"), Some(address.as_bytes().to_vec()));
    let batch = replica.close()?;
    Ok(disk.submit(batch).await?)
}
