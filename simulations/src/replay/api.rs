//! A client of the daemons' HTTP API: a bearer token, JSON both ways, problems as errors.
//!
//! Nothing here tries again; see `selling` for what may be.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use reqwest::{Client, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::replay::limits::{CALL_WITHIN, SHOWN_BYTES};

/// One daemon's API, as one caller with a token.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    /// A caller with this token. Connections are kept and shared by all clones.
    pub fn new(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(CALL_WITHIN).tcp_nodelay(true).build()?;
        Ok(Self { client, base: format!("http://{address}"), token: token.trim().to_owned() })
    }

    /// The operator, with the token that the daemon wrote into its data directory.
    pub fn operator(address: SocketAddr, data: &Path) -> anyhow::Result<Self> {
        let path = data.join("admin.token");
        let token = std::fs::read_to_string(&path);
        Self::new(address, &token.with_context(|| format!("cannot read {}", path.display()))?)
    }

    /// The same daemon with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Where the daemon listens, as a URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Reads; anything but 200 is an error.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let call = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let sent = call.send().await;
        let (status, body) = taken(sent.with_context(|| format!("GET {path}"))?).await?;
        if status != StatusCode::OK {
            bail!("GET {path} was answered {}", refusal(status, &body));
        }
        serde_json::from_slice(&body).with_context(|| format!("GET {path}: {}", shown(&body)))
    }

    /// Writes, under an idempotency key where the call needs one; anything but 201 is an error.
    pub async fn post(
        &self,
        path: &str,
        key: Option<&str>,
        body: &impl Serialize,
    ) -> anyhow::Result<Value> {
        let answer = self.post_bytes(path, key, serde_json::to_vec(body)?).await?;
        if answer.status != StatusCode::CREATED {
            bail!("POST {path} was answered {}", refusal(answer.status, &answer.body));
        }
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("POST {path}: {}", shown(&answer.body)))
    }

    /// Writes once and gives whatever came back. Errors are those of the connection.
    pub async fn post_bytes(
        &self,
        path: &str,
        key: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let mut call = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        call = call.header("content-type", "application/json").body(body);
        if let Some(key) = key {
            call = call.header("idempotency-key", key);
        }
        let response = call.send().await?;
        let replayed = response.headers().contains_key("idempotent-replayed");
        let (status, body) = taken(response).await?;
        Ok(Answer { status, replayed, body })
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Whether the daemon says that it gave this answer before.
    pub replayed: bool,
    /// The whole body.
    pub body: Vec<u8>,
}

async fn taken(response: Response) -> Result<(StatusCode, Vec<u8>), reqwest::Error> {
    let status = response.status();
    Ok((status, response.bytes().await?.to_vec()))
}

/// The status with the problem's `detail`, or with the body where it is no problem.
pub(crate) fn refusal(status: StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    match problem.get("detail").and_then(Value::as_str) {
        Some(detail) => format!("{status}: {detail}"),
        None => format!("{status}: {}", shown(body)),
    }
}

/// The beginning of a body, as text fit for an error.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let start = bytes.get(..SHOWN_BYTES).unwrap_or(bytes);
    String::from_utf8_lossy(start).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_detail() {
        let problem =
            br#"{"type":"urn:tentpole:problem:unknown-sku","detail":"lines[0].sku is unknown"}"#;
        let said = refusal(StatusCode::UNPROCESSABLE_ENTITY, problem);
        assert_eq!(said, "422 Unprocessable Entity: lines[0].sku is unknown");
        let said = refusal(StatusCode::BAD_GATEWAY, b"upstream\n");
        assert_eq!(said, "502 Bad Gateway: upstream");
        assert!(shown(&[b'x'; 10_000]).len() <= SHOWN_BYTES);
    }
}
