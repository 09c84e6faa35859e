//! The command line's side of a running daemon's API.
//!
//! It finds the daemon by its data directory and speaks as the operator. It only calls the
//! address written there, never through a proxy, and never follows a redirect with the token.

use std::path::{Path, PathBuf};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::data_dir::DataDir;
use crate::files::FileError;
use crate::limits::{CLIENT_ANSWER_BYTES_MAX, CLIENT_CONNECT_TIMEOUT, CLIENT_TIMEOUT};
use crate::problem;

/// The header that makes a writing call safe to repeat.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Why a call to a daemon did not give its answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nothing listens where the data directory says, or it says nothing.
    #[error(
        "no daemon is running at {}; start it with `run`, or name the directory of one that runs",
        dir.display()
    )]
    NotRunning {
        /// The data directory.
        dir: PathBuf,
    },
    /// A file of the data directory cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The daemon refused the call.
    #[error("{title}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's name, such as `unknown-sku`; empty if the answer named none.
        name: String,
        /// The kind of problem.
        title: String,
        /// What is wrong, and the mend.
        detail: String,
    },
    /// The answer is not what this program expects.
    #[error("the daemon at {} gave an answer that cannot be read: {cause}; is it this version?",
        dir.display())]
    Answer {
        /// The data directory.
        dir: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The connection broke before the answer was there.
    #[error(
        "the daemon at {} broke off before it answered ({cause}); \
         the call may have been carried out: look before repeating it",
        dir.display()
    )]
    Cut {
        /// The data directory.
        dir: PathBuf,
        /// What happened.
        cause: String,
    },
}

/// A client of the daemon that runs on one data directory.
#[derive(Debug, Clone)]
pub struct Client {
    dir: PathBuf,
    base: String,
    http: reqwest::Client,
}

impl Client {
    /// A client of the daemon at `dir`. Nothing is called yet, so it may not be running.
    pub fn open(dir: &Path) -> Result<Self, ClientError> {
        let files = DataDir::at(dir);
        let absent = |cause| match cause {
            FileError::Missing(_) => ClientError::NotRunning { dir: dir.to_owned() },
            other => other.into(),
        };
        let address = files.api_addr().map_err(absent)?;
        let token = files.admin_token().map_err(absent)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.text()))
            .expect("invariant: a token's letters may stand in a header");
        bearer.set_sensitive(true);
        let http = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(reqwest::header::AUTHORIZATION, bearer)]))
            .connect_timeout(CLIENT_CONNECT_TIMEOUT)
            .timeout(CLIENT_TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("invariant: a client without TLS needs nothing of the system");
        Ok(Self { dir: dir.to_owned(), base: format!("http://{address}"), http })
    }

    /// Where a path is, for a browser. It holds no token.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// `GET path`, which begins with `/v1/`. [`escape`] what is put into it.
    pub async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, ClientError> {
        self.answer(self.request(Method::GET, path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post<B, A>(&self, path: &str, body: &B) -> Result<A, ClientError>
    where
        B: Serialize + ?Sized,
        A: DeserializeOwned,
    {
        self.answer(self.request(Method::POST, path).json(body)).await
    }

    /// `POST path` with a JSON body and an idempotency key: visible ASCII, as the API asks.
    pub async fn post_once<B, A>(&self, path: &str, key: &str, body: &B) -> Result<A, ClientError>
    where
        B: Serialize + ?Sized,
        A: DeserializeOwned,
    {
        let request = self.request(Method::POST, path).header(IDEMPOTENCY_KEY, key);
        self.answer(request.json(body)).await
    }

    /// `PUT path` with a JSON body.
    pub async fn put<B, A>(&self, path: &str, body: &B) -> Result<A, ClientError>
    where
        B: Serialize + ?Sized,
        A: DeserializeOwned,
    {
        self.answer(self.request(Method::PUT, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn answer<A: DeserializeOwned>(&self, call: RequestBuilder) -> Result<A, ClientError> {
        let response = call.send().await.map_err(|error| self.failure(&error))?;
        let status = response.status();
        let is_problem = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|content| content.as_bytes() == problem::CONTENT.as_bytes());
        let bytes = self.bytes(response).await?;
        if !status.is_success() {
            return Err(refusal(status, is_problem.then_some(&bytes)));
        }
        // Calls that answer with nothing, such as a shutdown, read as JSON `null`.
        let text = if bytes.is_empty() { b"null".as_slice() } else { &bytes };
        serde_json::from_slice(text).map_err(|cause| self.unreadable(cause.to_string()))
    }

    async fn bytes(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(&error))? {
            if bytes.len() + chunk.len() > CLIENT_ANSWER_BYTES_MAX {
                return Err(self.unreadable(format!("over {CLIENT_ANSWER_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn failure(&self, error: &reqwest::Error) -> ClientError {
        let dir = self.dir.clone();
        if error.is_connect() {
            return ClientError::NotRunning { dir };
        }
        if error.is_builder() {
            let detail = format!("the call cannot be made: {}", root(error));
            let (name, title) = (String::new(), "this is not a call".to_owned());
            return ClientError::Refused { status: 0, name, title, detail };
        }
        ClientError::Cut { dir, cause: root(error) }
    }

    fn unreadable(&self, cause: String) -> ClientError {
        ClientError::Answer { dir: self.dir.clone(), cause }
    }
}

/// `text` as it may stand in a path segment or a parameter (RFC 3986, section 2.3).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[derive(Deserialize)]
struct ProblemBody {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: String,
}

fn refusal(status: reqwest::StatusCode, problem: Option<&Vec<u8>>) -> ClientError {
    let body = problem.and_then(|bytes| serde_json::from_slice::<ProblemBody>(bytes).ok());
    let status_code = status.as_u16();
    match body {
        Some(body) => ClientError::Refused {
            status: status_code,
            name: body.kind.trim_start_matches(problem::TYPE_PREFIX).to_owned(),
            title: body.title,
            detail: body.detail,
        },
        None => ClientError::Refused {
            status: status_code,
            name: String::new(),
            title: "the daemon refused the call".to_owned(),
            detail: format!("it gave status {status} and no reason"),
        },
    }
}

fn root(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use axum::Router;
    use axum::extract::Request;
    use axum::middleware::{Next, from_fn};
    use axum::routing::{get, post};
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use tokio::net::TcpListener;

    use super::*;
    use crate::auth;
    use crate::env::RealEnv;
    use crate::exit::Exit;
    use crate::extract::JsonBody;
    use crate::http;
    use crate::problem::Problem;

    /// A daemon that serves `router` behind its operator token, and its data directory.
    pub(crate) async fn daemon(router: Router) -> (TempDir, Client) {
        let temporary = TempDir::new().unwrap();
        let dir = DataDir::at(temporary.path());
        let operator = dir.admin_token_or_new(&RealEnv::new().unwrap()).unwrap().hash();
        let router = router.layer(from_fn(move |request: Request, next: Next| async move {
            if auth::bearer(request.headers())? != operator {
                return Err(Problem::unauthenticated("unknown"));
            }
            Ok(next.run(request).await)
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        dir.write_api_addr(listener.local_addr().unwrap()).unwrap();
        let (listener, router) = (http::Listener::plain(listener), http::with_defaults(router));
        tokio::spawn(http::serve(listener, router, std::future::pending()));
        let client = Client::open(temporary.path()).unwrap();
        (temporary, client)
    }

    #[tokio::test]
    async fn calls_carry_the_operators_token_and_give_the_answer() {
        let echo = async |JsonBody(body): JsonBody<Value>| axum::Json(body);
        let router = Router::new().route("/v1/echo", post(echo).put(echo).get(async || "[7]"));
        let (_dir, client) = daemon(router).await;
        assert_eq!(client.get::<[u8; 1]>("/v1/echo").await.unwrap(), [7]);
        let body = json!({"up": false});
        assert_eq!(client.post::<_, Value>("/v1/echo", &body).await.unwrap(), body);
        assert_eq!(client.put::<_, Value>("/v1/echo", &body).await.unwrap(), body);
    }

    #[tokio::test]
    async fn an_idempotency_key_is_sent_and_an_empty_answer_is_fine() {
        let check = async |request: Request| {
            let keys: Vec<_> = request.headers().get_all(IDEMPOTENCY_KEY).iter().collect();
            if keys == ["17"] { Ok(()) } else { Err(Problem::missing_key("send one")) }
        };
        let (_dir, client) = daemon(Router::new().route("/v1/sales", post(check))).await;
        client.post_once::<_, ()>("/v1/sales", "17", &json!({})).await.unwrap();
        let refusal = client.post::<_, ()>("/v1/sales", &json!({})).await.unwrap_err();
        assert!(matches!(refusal, ClientError::Refused { status: 422, .. }), "{refusal}");
    }

    #[tokio::test]
    async fn a_problem_becomes_its_title_and_detail() {
        let refuse = async || Problem::unknown_sku("sku: `9` is unknown; import it");
        let (_dir, client) = daemon(Router::new().route("/v1/stock", get(refuse))).await;
        let refusal = client.get::<Value>("/v1/stock").await.unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "the SKU is not in the catalogue: sku: `9` is unknown; import it"
        );
        assert!(matches!(&refusal, ClientError::Refused { name, .. } if name == "unknown-sku"));
        assert_eq!(Exit::from(&refusal), Exit::Refused);
    }

    #[tokio::test]
    async fn a_refusal_without_a_problem_still_says_the_status() {
        let refuse = async || reqwest::StatusCode::BAD_GATEWAY;
        let (_dir, client) = daemon(Router::new().route("/v1/stock", get(refuse))).await;
        let text = client.get::<Value>("/v1/stock").await.unwrap_err().to_string();
        assert!(text.contains("502"), "{text}");
    }

    #[tokio::test]
    async fn an_answer_of_another_shape_is_not_taken() {
        let (_dir, client) = daemon(Router::new().route("/v1/stock", get(async || "[1"))).await;
        let error = client.get::<Value>("/v1/stock").await.unwrap_err();
        assert!(matches!(error, ClientError::Answer { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = async || axum::response::Redirect::temporary("/v1/two");
        let router =
            Router::new().route("/v1/one", get(elsewhere)).route("/v1/two", get(async || "7"));
        let (_dir, client) = daemon(router).await;
        assert_eq!(client.get::<u8>("/v1/two").await.unwrap(), 7);
        let error = client.get::<u8>("/v1/one").await.unwrap_err();
        assert!(matches!(error, ClientError::Refused { status: 307, .. }), "{error}");
    }

    #[tokio::test]
    async fn a_connection_cut_in_the_middle_is_not_taken_for_a_missing_daemon() {
        let temporary = TempDir::new().unwrap();
        let dir = DataDir::at(temporary.path());
        dir.admin_token_or_new(&RealEnv::new().unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        dir.write_api_addr(listener.local_addr().unwrap()).unwrap();
        tokio::spawn(async move { drop(listener.accept().await) });
        let client = Client::open(temporary.path()).unwrap();
        let error = client.get::<Value>("/v1/status").await.unwrap_err();
        assert!(matches!(error, ClientError::Cut { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_stale_address_and_an_empty_directory_both_mean_that_no_daemon_runs() {
        let temporary = TempDir::new().unwrap();
        let missing = Client::open(temporary.path()).unwrap_err();
        let dir = DataDir::at(temporary.path());
        dir.admin_token_or_new(&RealEnv::new().unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        dir.write_api_addr(listener.local_addr().unwrap()).unwrap();
        drop(listener);
        let client = Client::open(temporary.path()).unwrap();
        let stale = client.get::<Value>("/v1/status").await.unwrap_err();
        for error in [missing, stale] {
            let expected = format!("no daemon is running at {}; ", temporary.path().display());
            assert!(error.to_string().starts_with(&expected), "{error}");
            assert_eq!(Exit::from(&error), Exit::NotRunning);
        }
    }

    #[test]
    fn what_is_put_into_a_path_cannot_leave_it() {
        assert_eq!(escape("1004906"), "1004906");
        assert_eq!(escape("a/b?c&d=e f%"), "a%2Fb%3Fc%26d%3De%20f%25");
        assert_eq!(escape("\u{e9}"), "%C3%A9");
    }
}
