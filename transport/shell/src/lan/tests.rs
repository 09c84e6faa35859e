//! The listener for tills against real TLS clients, and against those that are none.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::*;
use crate::access::{Access, Caller, Operator};
use crate::auth::Token;
use crate::host;
use crate::http::{self, Limits};

const LOCAL: &str = "127.0.0.1:0";

fn settings(hosts: &[&str]) -> Settings {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    Settings { listen: LOCAL.parse().unwrap(), hosts, certificate: None }
}

async fn bind(dir: &TempDir, settings: &Settings) -> Result<Listener, LanError> {
    Listener::bind(&DataDir::at(dir.path()), settings).await
}

/// What a token in words is known by.
fn hash(token: &str) -> crate::auth::TokenHash {
    Token::parse(token).unwrap().hash()
}

#[derive(Clone)]
struct State(Access);

impl FromRef<State> for Access {
    fn from_ref(state: &State) -> Self {
        state.0.clone()
    }
}

struct Server {
    about: TillApi,
    _stop: oneshot::Sender<()>,
    _dir: TempDir,
}

async fn start(limits: Limits) -> Server {
    start_as(limits, &["stall.lan"]).await
}

/// A node's listener with two calls, one for tills and one for the operator.
async fn start_as(limits: Limits, hosts: &[&str]) -> Server {
    let dir = TempDir::new().unwrap();
    let listener = bind(&dir, &settings(hosts)).await.unwrap();
    let about = listener.about().clone();
    let tills = BTreeMap::from([(hash("till-token").to_bytes(), "t1".to_owned())]);
    let router = Router::new()
        .route("/v1/stock", get(async |caller: Caller| caller.till().to_owned()))
        .route("/v1/sales", post(async |_: Caller| "sold"))
        .route("/v1/verify", get(async |_: Operator| "verified"))
        .with_state(State(Access::new(hash("operator-token"), tills)))
        .layer(from_fn_with_state(listener.hosts.clone(), host::guard));
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let here = http::Listener::tls(listener.tcp, listener.tls);
    tokio::spawn(http::serve_within(limits, here, router, shutdown));
    Server { about, _stop: stop, _dir: dir }
}

/// A connection of a till that trusts this one certificate.
fn till(
    about: &TillApi,
    name: &'static str,
    version: &'static SupportedProtocolVersion,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(about.certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(tls, TcpStream::connect(&about.address).unwrap())
}

/// What comes back to these bytes over TLS, and the fingerprint of whoever answered.
async fn exchange_as(
    about: &TillApi,
    name: &'static str,
    version: &'static SupportedProtocolVersion,
    bytes: String,
) -> (String, String) {
    let mut stream = till(about, name, version);
    let done = spawn_blocking(move || {
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let leaf = stream.conn.peer_certificates().unwrap()[0].clone();
        (answer, hex::encode(digest(&SHA256, &leaf).as_ref()))
    });
    done.await.unwrap()
}

async fn exchange(about: &TillApi, bytes: &str) -> String {
    exchange_as(about, "stall.lan", &version::TLS13, bytes.to_owned()).await.0
}

/// What comes back to these bytes without TLS. A reset is as good an end as any.
async fn exchange_plain(about: &TillApi, bytes: &[u8]) -> Vec<u8> {
    let mut tcp = TcpStream::connect(&about.address).unwrap();
    let bytes = bytes.to_vec();
    let done = spawn_blocking(move || {
        tcp.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        let _ = tcp.read_to_end(&mut answer);
        answer
    });
    done.await.unwrap()
}

fn request(line: &str, host: &str, token: &str, more: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\
         Authorization: Bearer {token}\r\n{more}\r\n"
    )
}

#[track_caller]
fn check(answer: &str, status: u16, words: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(words), "{words:?} is not in {answer}");
}

#[tokio::test]
async fn a_till_that_trusts_the_certificate_is_served_over_both_versions_of_tls() {
    let server = start(Limits::default()).await;
    for version in [&version::TLS13, &version::TLS12] {
        for name in ["stall.lan", "127.0.0.1"] {
            let call = request("GET /v1/stock", name, "till-token", "");
            let (answer, pinned) = exchange_as(&server.about, name, version, call).await;
            check(&answer, 200, "t1");
            assert_eq!(pinned, server.about.fingerprint);
        }
    }
}

#[tokio::test]
async fn another_host_is_refused_and_so_is_loopback_by_another_name() {
    let server = start(Limits::default()).await;
    for host in ["evil.example", "localhost", "stall.lan.evil.example", "127.0.0.2"] {
        let call = request("GET /v1/stock", host, "till-token", "");
        check(&exchange(&server.about, &call).await, 403, "till_hosts");
    }
}

#[tokio::test]
async fn an_ipv6_address_is_a_name_with_the_brackets_of_a_url_and_without() {
    for written in ["[2001:db8::7]", "2001:db8::7", "2001:DB8:0::7"] {
        let server = start_as(Limits::default(), &[written]).await;
        assert_eq!(server.about.hosts, ["2001:db8::7", "127.0.0.1"], "{written}");
        let sell = request("POST /v1/sales", "[2001:db8::7]:7702", "till-token", "");
        let (answer, _) = exchange_as(&server.about, "2001:db8::7", &version::TLS13, sell).await;
        check(&answer, 200, "sold");
    }
}

#[tokio::test]
async fn a_certificate_is_shown_whole_whatever_ends_its_lines() {
    let dir = TempDir::new().unwrap();
    let made = bind(&dir, &settings(&["stall.lan"])).await.unwrap().about().clone();
    let text = std::fs::read_to_string(dir.path().join(TILL_PEM)).unwrap();
    let (ends, given) = (["\r\n", "\n"], dir.path().join("given.pem"));
    for (end, last) in ends.into_iter().flat_map(|end| [(end, end), (end, "")]) {
        // The key first, so that the certificate's end is that of the file.
        let (certificate, key) = text.split_at(made.certificate.len());
        let text = format!("{key}{}", certificate.trim_end()).replace('\n', end);
        files::write_private(&given, format!("{text}{last}").as_bytes()).unwrap();
        let certificate = Some((given.clone(), given.clone()));
        let with = Settings { certificate, ..settings(&["stall.lan"]) };
        let shown = bind(&dir, &with).await.unwrap().about().clone();
        assert_eq!(shown.certificate, made.certificate, "{end:?}, {last:?} at the end");
        assert_eq!(shown.fingerprint, made.fingerprint);
    }
}

#[tokio::test]
async fn a_page_of_another_origin_sells_nothing() {
    let server = start(Limits::default()).await;
    let port = server.about.address.rsplit_once(':').unwrap().1;
    let host = format!("stall.lan:{port}");
    let sell = |origin: &str| {
        let more = format!("Origin: {origin}\r\n");
        request("POST /v1/sales", &host, "till-token", &more)
    };
    for origin in ["https://evil.example", &format!("http://{host}"), "null"] {
        check(&exchange(&server.about, &sell(origin)).await, 403, "Origin");
    }
    check(&exchange(&server.about, &sell(&format!("https://{host}"))).await, 200, "sold");
}

#[tokio::test]
async fn the_operators_token_is_refused_on_the_lan() {
    let server = start(Limits::default()).await;
    for line in ["GET /v1/stock", "GET /v1/verify", "POST /v1/sales"] {
        let call = request(line, "stall.lan", "operator-token", "");
        check(&exchange(&server.about, &call).await, 403, "loopback");
    }
    let call = request("GET /v1/verify", "stall.lan", "till-token", "");
    check(&exchange(&server.about, &call).await, 403, "a till may not");
    let call = request("GET /v1/stock", "stall.lan", "guessed", "");
    check(&exchange(&server.about, &call).await, 401, "not known");
}

#[tokio::test]
async fn plain_http_to_the_tls_port_gets_no_answer() {
    let server = start(Limits::default()).await;
    let call = request("GET /v1/stock", "stall.lan", "till-token", "");
    let answer = exchange_plain(&server.about, call.as_bytes()).await;
    assert!(!answer.windows(4).any(|window| window == b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_slow_handshake_is_cut_off() {
    let short = Duration::from_millis(200);
    let server = start(Limits { handshake_timeout: short, ..Limits::default() }).await;
    // Nothing at all, and the beginning of a record that never ends.
    for begun in [&b""[..], &[22, 3, 1, 2, 0]] {
        let started = Instant::now();
        let answer = exchange_plain(&server.about, begun).await;
        assert_eq!(answer, b"");
        assert!(started.elapsed() >= short);
        assert!(started.elapsed() < Duration::from_secs(9), "the default would be longer");
    }
}

#[tokio::test]
async fn the_certificate_is_made_once_and_kept_private() {
    let dir = TempDir::new().unwrap();
    let first = bind(&dir, &settings(&["stall.lan"])).await.unwrap().about().clone();
    let again = bind(&dir, &settings(&["other.lan"])).await.unwrap().about().clone();
    assert_eq!(first.fingerprint, again.fingerprint);
    assert_eq!(first.hosts, ["stall.lan", "127.0.0.1"]);
    assert_eq!(first.fingerprint.len(), 64);
    assert!(!first.certificate.contains("PRIVATE"), "the key is in the same file");
    let path = dir.path().join(TILL_PEM);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = bind(&dir, &settings(&[])).await.err().unwrap().to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
}

#[tokio::test]
async fn files_that_are_no_pair_are_refused_with_their_names() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    bind(&one, &settings(&["a.lan"])).await.unwrap();
    let known = bind(&other, &settings(&["b.lan"])).await.unwrap().about().clone();
    let (ours, theirs) = (one.path().join(TILL_PEM), other.path().join(TILL_PEM));
    let with = |certificate: &Path, key: &Path| Settings {
        certificate: Some((certificate.to_owned(), key.to_owned())),
        ..settings(&["b.lan"])
    };
    let given = bind(&one, &with(&theirs, &theirs)).await.unwrap();
    assert_eq!(given.about().fingerprint, known.fingerprint);
    let mixed = bind(&one, &with(&theirs, &ours)).await.err().unwrap();
    assert!(matches!(mixed, LanError::Pair(_)), "{mixed}");
    let empty = one.path().join("empty.pem");
    files::write_private(&empty, b"nothing").unwrap();
    for (certificate, key) in [(&empty, &ours), (&ours, &empty)] {
        let refused = bind(&one, &with(certificate, key)).await.err().unwrap().to_string();
        assert!(refused.contains("empty.pem does not hold"), "{refused}");
    }
    let missing = bind(&one, &with(&one.path().join("absent.pem"), &ours)).await.err().unwrap();
    assert!(missing.to_string().contains("absent.pem does not exist"), "{missing}");
}
