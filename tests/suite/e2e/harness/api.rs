//! A daemon's HTTP API, as one caller with a token or without; and the bodies of sales.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// One call; a daemon that is killed answers nothing, so this is not how tests wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// An API and who calls it.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: String,
    token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type.
    pub content: String,
    /// The hash of the version vector that it holds at, where it says so.
    pub vector: Option<String>,
    /// Whether the daemon says that it gave this answer before.
    pub replayed: bool,
    /// The body; null where it is no JSON.
    pub body: Value,
}

impl Api {
    /// Somebody without a token.
    pub fn at(address: SocketAddr) -> Self {
        let client = Client::builder().no_proxy().timeout(ANSWER_WITHIN).tcp_nodelay(true).build();
        let client = client.expect("a client");
        Self { client, base: format!("http://{address}"), token: None }
    }

    /// Somebody with this token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A request that is yet to be filled in.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request. An error is one of the connection.
    pub async fn send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let status = response.status().as_u16();
        let replayed = header("idempotent-replayed").as_deref() == Some("true");
        let content = header("content-type").unwrap_or_default();
        let vector = header("tentpole-vector");
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer { status, content, vector, replayed, body })
    }

    /// Writes once under a key, and gives whatever came back.
    pub async fn write(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.request(Method::POST, path).header("idempotency-key", key);
        Self::send(request.json(body)).await
    }

    /// Writes under a key what must be accepted.
    pub async fn must_write(&self, path: &str, key: &str, body: &Value) -> Answer {
        let answer = self.write(path, key, body).await.expect("an answer");
        assert_eq!(answer.status, 201, "POST {path} {body}: {answer:?}");
        answer
    }

    /// Reads what must be there.
    pub async fn get(&self, path: &str) -> Value {
        self.try_get(path).await.unwrap_or_else(|said| panic!("{said}"))
    }

    /// Reads; anything but 200 is an error in words.
    pub async fn try_get(&self, path: &str) -> Result<Value, String> {
        match Self::send(self.request(Method::GET, path)).await {
            Ok(answer) if answer.status == 200 => Ok(answer.body),
            Ok(answer) => Err(format!("GET {path}: {answer:?}")),
            Err(error) => Err(format!("GET {path}: {error:?}")),
        }
    }

    /// Posts what must be accepted, without a key.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.request(Method::POST, path).json(body);
        let answer = Self::send(request).await.expect("an answer");
        assert!((200..300).contains(&answer.status), "POST {path} {body}: {answer:?}");
        answer.body
    }
}

/// A sale of these lines, paid in cash to the cent.
pub fn basket(lines: &[Value]) -> Value {
    let due: i64 = lines.iter().map(|line| line["amount"].as_i64().unwrap_or(0)).sum();
    json!({
        "cashier": "ann",
        "sold_at": "2017-01-01T10:00:00+01:00",
        "currency": "USD",
        "lines": lines,
        "tenders": [{ "kind": "cash", "amount": due }],
    })
}

/// A sale of one tea for this amount.
pub fn tea(amount: i64) -> Value {
    basket(&[json!({ "sku": "tea", "quantity": 1000, "amount": amount })])
}
