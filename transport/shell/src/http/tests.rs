//! The server against callers who write raw bytes.

use std::io::{Read, Write};
use std::net::SocketAddr;

use axum::http::header::CONTENT_LENGTH;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::*;
use crate::extract::JsonBody;
use crate::host::{Hosts, guard};
use crate::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};

/// Long enough for a loaded machine; a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(limits: Limits, router: Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let task = tokio::spawn(serve_within(
        limits,
        Listener::plain(listener),
        with_defaults(router),
        shutdown,
    ));
    Server { address, stop, task }
}

fn router() -> Router {
    let count = async |JsonBody(list): JsonBody<Vec<u64>>| list.len().to_string();
    Router::new()
        .route("/v1/count", post(count))
        .route("/v1/small", post(count).layer(DefaultBodyLimit::max(16)))
        .route("/v1/ping", get(async || "pong"))
}

/// A connection that has written `bytes`, and read `length` bytes of the answer.
async fn begin(address: SocketAddr, bytes: &[u8], length: usize) -> std::net::TcpStream {
    let bytes = bytes.to_vec();
    let work = spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.read_exact(&mut vec![0; length]).unwrap();
        stream
    });
    work.await.unwrap()
}

/// Writes `bytes` on a connection of its own and reads until the other side closes, without
/// closing its own side before.
fn exchange(address: SocketAddr, bytes: &[u8]) -> JoinHandle<String> {
    let bytes = bytes.to_vec();
    spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The server may rightly stop taking what it has refused.
        let _ = stream.write_all(&bytes);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
}

fn post_bytes(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             {CONTENT_LENGTH}: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn get_bytes(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Expects `answer` to be the problem `name` with `status`, and gives its detail.
#[track_caller]
fn check_problem(answer: &str, status: u16, name: &str) -> String {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/problem+json"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["type"], format!("urn:tentpole:problem:{name}"));
    assert_eq!(body["status"], status);
    body["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_well_formed_call_is_answered() {
    let server = start(Limits::default(), router()).await;
    let answer = exchange(server.address, &post_bytes("/v1/count", "[1,2,3]")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n3"), "{answer}");
}

#[tokio::test]
async fn a_slow_header_is_cut_off() {
    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    let server = start(limits, router()).await;
    let started = Instant::now();
    let answer = exchange(server.address, b"GET /v1/ping HTTP/1.1\r\nHost: loc").await.unwrap();
    assert_eq!(answer, "");
    assert!(started.elapsed() >= SHORT);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    let server = start(limits, router()).await;
    let answer = exchange(server.address, b"GET /v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert!(answer.ends_with("pong"), "{answer}");
}

#[tokio::test]
async fn a_slow_body_is_a_malformed_one() {
    let limits = Limits { body_timeout: SHORT, ..Limits::default() };
    let server = start(limits, router()).await;
    let mut bytes = post_bytes("/v1/count", "[1,2,3]");
    bytes.truncate(bytes.len() - 1);
    let detail = check_problem(&exchange(server.address, &bytes).await.unwrap(), 400, "malformed");
    assert!(detail.contains("200 ms"), "{detail}");
}

#[tokio::test]
async fn an_oversized_body_is_refused_and_the_refusal_arrives() {
    let server = start(Limits::default(), router()).await;
    let padded = |length: usize| format!("[1]{}", " ".repeat(length - 3));
    let fits =
        exchange(server.address, &post_bytes("/v1/count", &padded(BODY_BYTES_MAX))).await.unwrap();
    assert!(fits.starts_with("HTTP/1.1 200 "), "{fits}");
    for length in [BODY_BYTES_MAX + 1, 2 * BODY_BYTES_MAX, 3 * BODY_BYTES_MAX] {
        let bytes = post_bytes("/v1/count", &padded(length));
        check_problem(&exchange(server.address, &bytes).await.unwrap(), 413, "too-large");
    }
}

#[tokio::test]
async fn the_rest_of_a_refused_body_is_taken_instead_of_reset() {
    let server = start(Limits::default(), router()).await;
    let bytes = post_bytes("/v1/count", &" ".repeat(2 * BODY_BYTES_MAX));
    let (sent, rest) = bytes.split_at(bytes.len() - 2 * 1024);
    let mut stream = begin(server.address, sent, "HTTP/1.1 413 ".len()).await;
    for part in rest.chunks(1024) {
        // Time for a reset to arrive, had the connection been closed at once.
        tokio::time::sleep(SHORT).await;
        stream.write_all(part).unwrap();
    }
}

#[tokio::test]
async fn a_route_may_set_its_own_limit() {
    let server = start(Limits::default(), router()).await;
    let bytes = post_bytes("/v1/small", "[1,2,3,4,5,6,7,8]");
    check_problem(&exchange(server.address, &bytes).await.unwrap(), 413, "too-large");
    let fits = exchange(server.address, &post_bytes("/v1/small", "[1,2,3,4,5,6,7]")).await.unwrap();
    assert!(fits.ends_with("7"), "{fits}");
}

#[tokio::test]
async fn malformed_json_names_the_field() {
    let server = start(Limits::default(), router()).await;
    let answer = exchange(server.address, &post_bytes("/v1/count", r#"[1,"two"]"#)).await.unwrap();
    let detail = check_problem(&answer, 400, "malformed");
    assert!(detail.starts_with("[1]: "), "{detail}");
    let answer = exchange(server.address, &post_bytes("/v1/count", "[1,")).await.unwrap();
    check_problem(&answer, 400, "malformed");
}

#[tokio::test]
async fn an_unknown_path_and_an_unknown_method_are_problems() {
    let server = start(Limits::default(), router()).await;
    let detail = check_problem(
        &exchange(server.address, &get_bytes("/v2/nowhere")).await.unwrap(),
        404,
        "not-found",
    );
    assert!(detail.contains("/v2/nowhere"), "{detail}");
    let answer = exchange(server.address, &get_bytes("/v1/count")).await.unwrap();
    check_problem(&answer, 405, "method-not-allowed");
    assert!(answer.contains("allow: POST"), "{answer}");
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_refused() {
    let server = start(Limits::default(), router()).await;
    let many: String = (0..=HEADERS_MAX).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x: {}\r\n", "1".repeat(HEAD_BYTES_MAX));
    for extra in [many, long] {
        let bytes = format!("GET /v1/ping HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n");
        let answer = exchange(server.address, bytes.as_bytes()).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_http_are_refused() {
    let server = start(Limits::default(), router()).await;
    let answer = exchange(server.address, b"\x16\x03\x01 hello\r\n\r\n").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_rebound_name_does_not_get_through() {
    let guard = axum::middleware::from_fn_with_state(Hosts::default(), guard);
    let server = start(Limits::default(), router().layer(guard)).await;
    let answer = exchange(
        server.address,
        b"GET /v1/ping HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    )
    .await
    .unwrap();
    check_problem(&answer, 403, "forbidden");
    let answer = exchange(server.address, &get_bytes("/v1/ping")).await.unwrap();
    assert!(answer.ends_with("pong"), "{answer}");
}

#[tokio::test]
async fn one_connection_too_many_waits_for_its_turn() {
    let server = start(Limits { connections: 1, ..Limits::default() }, router()).await;
    let keeping_alive = b"GET /v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let first = begin(server.address, keeping_alive, 15).await;
    let mut second = exchange(server.address, &get_bytes("/v1/ping"));
    assert!(tokio::time::timeout(SHORT, &mut second).await.is_err(), "there is no permit");
    drop(first);
    assert!(second.await.unwrap().ends_with("pong"));
}

#[tokio::test]
async fn a_caller_who_stops_reading_is_cut_off() {
    let limits = Limits { connections: 1, write_stall_timeout: SHORT, ..Limits::default() };
    let long = get(async || "x".repeat(64 * 1024 * 1024));
    let server = start(limits, router().route("/v1/long", long)).await;
    let deaf = begin(server.address, &get_bytes("/v1/long"), 1).await;
    // The permit comes free although the caller holds its side open.
    let answer = exchange(server.address, &get_bytes("/v1/ping")).await.unwrap();
    assert!(answer.ends_with("pong"), "{answer}");
    drop(deaf);
}

#[tokio::test]
async fn a_stop_finishes_open_requests_and_closes_idle_connections() {
    let entered = std::sync::Arc::new(Notify::new());
    let (entering, wait) = (entered.clone(), Duration::from_millis(300));
    let slow = get(async move || {
        entering.notify_one();
        tokio::time::sleep(wait).await;
        "done"
    });
    let limits = Limits { drain_timeout: 2 * PATIENCE, ..Limits::default() };
    let server = start(limits, router().route("/v1/slow", slow)).await;
    let idle = begin(server.address, b"", 0).await;
    let address = server.address;
    let open = exchange(address, &get_bytes("/v1/slow"));
    entered.notified().await;
    server.stop.send(()).unwrap();
    assert!(open.await.unwrap().ends_with("done"));
    tokio::time::timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    drop(idle);
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_up_a_stop() {
    let entered = std::sync::Arc::new(Notify::new());
    let entering = entered.clone();
    let stuck = get(async move || {
        entering.notify_one();
        std::future::pending::<()>().await;
    });
    let limits = Limits { drain_timeout: SHORT, ..Limits::default() };
    let server = start(limits, router().route("/v1/stuck", stuck)).await;
    let address = server.address;
    let open = exchange(address, &get_bytes("/v1/stuck"));
    entered.notified().await;
    server.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert_eq!(open.await.unwrap(), "");
}
