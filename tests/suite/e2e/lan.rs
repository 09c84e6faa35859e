//! A till on the venue's LAN: the real node, over real TLS, found and pinned as a person would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use super::harness::{Market, Stall, tea, within};

/// A till that was given an address and a certificate.
struct Till {
    address: String,
    certificate: String,
}

impl Till {
    /// What `till certificate` prints, put into a till.
    async fn of(stall: &Stall) -> Self {
        let shown = stall.ask(&["till", "certificate"]).await;
        let text = |field: &str| shown[field].as_str().expect("a text").to_owned();
        assert_eq!(stall.status().await["till_api"]["fingerprint"], shown["fingerprint"]);
        Self { address: text("address"), certificate: text("certificate") }
    }

    /// Calls over TLS. Returns the status and the body.
    async fn call(&self, method: &str, path: &str, head: &str, body: &str) -> (u16, Value) {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        roots.add(certificate.expect("PEM")).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("stall.lan").expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        let tcp = TcpStream::connect(&self.address).expect("it listens");
        let mut stream = StreamOwned::new(tls, tcp);
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: stall.lan:7702\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{head}\r\n{body}"
        );
        let exchange = tokio::task::spawn_blocking(move || {
            stream.write_all(request.as_bytes()).expect("the certificate is the pinned one");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        });
        let answer = within("an answer", exchange).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), serde_json::from_str(body).unwrap_or_default())
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn a_till_on_the_lan_sells_and_the_operator_is_not_let_in() {
    let market = Market::open().await;
    let flags = ["--till-listen", "127.0.0.1:0", "--till-host", "stall.lan", "--log", "trace"];
    let mut north = market.stall_with("north", &flags).await;
    let token = north.ask(&["till", "add", "lan-1"]).await["token"].as_str().unwrap().to_owned();
    let till = Till::of(&north).await;
    let sell = format!("{}Idempotency-Key: 1\r\n", bearer(&token));
    let body = tea(250).to_string();
    let (status, answer) = till.call("POST", "/v1/sales", &sell, &body).await;
    assert_eq!((status, &answer["total"]), (201, &250.into()), "{answer}");
    assert_eq!(north.total().await["amount"], 250);

    let operator = std::fs::read_to_string(north.data.join("admin.token")).unwrap();
    let operator = operator.trim();
    for path in ["/v1/status", "/v1/verify", "/metrics"] {
        let (status, answer) = till.call("GET", path, &bearer(operator), "").await;
        assert_eq!(status, 403, "{path}: {answer}");
    }
    let foreign = format!("{sell}Origin: https://evil.example\r\n");
    assert_eq!(till.call("POST", "/v1/sales", &foreign, &body).await.0, 403);
    assert_eq!(till.call("GET", "/v1/stock", "", "").await.0, 401);
    assert_eq!(till.call("GET", "/openapi.json", "", "").await.0, 200);

    // The same certificate after a restart, and no token in a log that tells everything.
    north.stop().await;
    north.start().await;
    let again = Till::of(&north).await;
    assert_eq!(again.certificate, till.certificate);
    let log = north.log();
    assert!(log.contains("tills on the LAN are served"), "the log is not empty");
    for secret in [token.as_str(), operator] {
        assert!(!log.contains(secret), "a token is in the log");
    }
}

#[tokio::test]
async fn metrics_that_are_open_on_loopback_are_not_on_the_lan() {
    let market = Market::open().await;
    let flags = ["--till-listen", "127.0.0.1:0", "--till-host", "stall.lan"];
    let mut north = market.stall_with("north", &flags).await;
    std::fs::write(north.data.join("node.toml"), "metrics_open = true\n").unwrap();
    north.stop().await;
    north.start().await;
    let till = Till::of(&north).await;
    assert_eq!(till.call("GET", "/metrics", "", "").await.0, 401);
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_on_loopback_either() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    let events = north.status().await["events"].clone();
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        for api in [north.api(), market.control.api()] {
            let request = api.request(reqwest::Method::POST, "/v1/shutdown");
            let answer = super::harness::Api::send(request.header("origin", origin)).await.unwrap();
            assert_eq!(answer.status, 403, "{origin}: {answer:?}");
        }
    }
    assert_eq!(north.status().await["events"], events);
}

#[tokio::test]
async fn without_the_setting_nothing_listens_and_the_command_says_so() {
    let market = Market::open().await;
    let north = market.stall("north").await;
    assert_eq!(north.status().await["till_api"], Value::Null);
    north.command(&["till", "certificate"]).await.refused(1, &["till_listen"]);
    let refused = north.command(&["run", "--till-listen", "0.0.0.0:7702"]).await;
    refused.refused(2, &["till_listen", "till_hosts"]);
}
