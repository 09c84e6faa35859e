//! The command line: what is read of it, and what it asks of a daemon.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use clap::error::ErrorKind;
use serde_json::{Value, json};
use shell::data_dir::DataDir;
use shell::extract::JsonBody;
use shell::http;
use shell::problem::Problem;
use tempfile::TempDir;

use super::*;

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from([&["tentpole-node"], arguments].concat())
}

#[track_caller]
fn check(arguments: &[&str], mend: Option<&str>) {
    let error = parse(arguments).err();
    let told = error.as_ref().map(|error| (error.kind(), error.exit_code()));
    assert_eq!(told, mend.map(|_| (ErrorKind::ValueValidation, 2)), "{arguments:?}");
    let text = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains(mend.unwrap_or_default()), "{text}");
}

#[test]
fn a_line_that_cannot_be_read_is_a_wrong_use_of_the_command() {
    let sale = Some("SKU:THOUSANDTHS:MINOR-UNITS");
    check(&["sell", "tea:1000:199", "urn:tea:1000:199"], None);
    for line in ["tea", "tea:1000", "tea:1000:x", "tea:x:199", ":1000:199", "tea:-1:199"] {
        check(&["sell", "tea:1000:199", line], sale);
    }
    let goods = Some("SKU:THOUSANDTHS, as in tea:1000");
    check(&["spoil", "tea:1000"], None);
    check(&["spoil", "tea"], goods);
    check(&["dispatch", "--to", "device", "tea:1.5"], goods);
    check(&["take-in", "dispatch", "tea:x"], goods);
    check(&["take-in", "dispatch"], None);
    check(&["catalogue", "set", "tea", "price=199", "gtin="], None);
    check(&["catalogue", "set", "tea", "price"], Some("FIELD=VALUE"));
    check(&["catalogue", "set", "tea", "price=x"], Some("no integer"));
}

#[test]
fn a_place_that_no_count_began_at_is_a_wrong_use_of_the_command() {
    let finish = |start| ["count", "finish", "--start", start, "tea:1000"];
    check(&finish("00000000000000ab:7"), None);
    for start in ["", "7", "00000000000000ab", "00000000000000ab:x", "x:7"] {
        check(&finish(start), Some("copy it from `count begin`"));
    }
}

/// What the daemon was asked to write: the key and the body.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A daemon whose books are being rebuilt: it knows how it stands, and sells.
async fn daemon() -> (TempDir, Asked) {
    let temporary = TempDir::new().unwrap();
    let dir = DataDir::at(temporary.path());
    dir.admin_token_or_new(&RealEnv::new().unwrap()).unwrap();
    let asked = Asked::default();
    let (kept, rebuilding) = (asked.clone(), async || Problem::rebuilding("half done"));
    let sell = async move |headers: HeaderMap, JsonBody(body): JsonBody<Value>| {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        kept.lock().unwrap().push((key, body));
        axum::Json(json!({ "sale": "s", "total": 199 }))
    };
    let router = Router::new()
        .route("/v1/status", get(async || axum::Json(json!({ "currency": "USD" }))))
        .route("/v1/sales/summary", get(rebuilding))
        .route("/v1/sales", post(sell));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    dir.write_api_addr(listener.local_addr().unwrap()).unwrap();
    let (listener, router) = (http::Listener::plain(listener), http::with_defaults(router));
    tokio::spawn(http::serve(listener, router, std::future::pending()));
    (temporary, asked)
}

#[tokio::test]
async fn a_repeated_sale_is_the_same_request_and_needs_no_books() {
    let (dir, asked) = daemon().await;
    let data = dir.path().to_str().unwrap();
    let cli = parse(&["--data", data, "sell", "tea:1000:199", "--key", "k1"]).unwrap();
    for _ in 0..2 {
        assert_eq!(execute(&cli).await.unwrap(), Exit::Ok);
    }
    let body = json!({ "currency": "USD", "tenders": [{ "kind": "cash", "amount": 199 }],
        "lines": [{ "sku": "tea", "quantity": 1000, "amount": 199 }] });
    let expected = ("k1".to_owned(), body);
    assert_eq!(*asked.lock().unwrap(), [expected.clone(), expected]);
}
