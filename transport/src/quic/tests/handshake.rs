//! Who is let in, who is reached, and what is said to the others.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use quinn::{Runtime, TokioRuntime};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use super::world::*;
use crate::quic::limits::HANDSHAKES_PER_SOURCE_MAX;
use crate::quic::{
    AcceptError, Closed, ConnectError, Endpoint, Expect, Inbound, Incoming, Offence, pin_of,
};

#[tokio::test]
async fn both_ends_know_each_other_and_share_a_secret() {
    let pair = pair().await;
    let [dialled, answered] = &pair.links;
    assert_eq!(dialled.peer(), device(2));
    assert_eq!(answered.peer(), device(1));
    assert_eq!(answered.remote_address(), address(&pair.endpoints[0]));
    assert_eq!(dialled.exporter(), answered.exporter());
    let another = super::world::pair().await;
    assert_ne!(dialled.exporter(), another.links[0].exporter(), "one secret for each link");
}

/// Device 1 dials device 2, expecting `expect`.
async fn dial(expect: Expect) -> Result<(), ConnectError> {
    let (one, two) = (endpoint(1), endpoint(2));
    let door = async { welcome(&two).await.map(drop) };
    let (dialled, _) = soon(async { tokio::join!(one.connect(address(&two), expect), door) }).await;
    dialled.map(drop)
}

#[tokio::test]
async fn another_device_at_the_address_is_refused_by_name() {
    let error = dial(Expect::Device(device(3))).await.expect_err("device 2 is there");
    match &error {
        ConnectError::OtherDevice { found, .. } => assert_eq!(*found, device(2)),
        other => panic!("{other}"),
    }
    let text = error.to_string();
    assert!(text.contains(&device(2).to_string()) && text.contains(&device(3).to_string()));
}

#[tokio::test]
async fn a_join_token_pins_the_key_by_its_hash() {
    dial(Expect::KeyHash(pin_of(&device(2)))).await.expect("the pinned key");
    let error = dial(Expect::KeyHash(pin_of(&device(3)))).await.expect_err("another key");
    assert!(matches!(error, ConnectError::OtherDevice { .. }), "{error}");
}

#[tokio::test]
async fn a_device_that_is_not_known_beforehand_may_be_dialled() {
    dial(Expect::AnyDevice).await.expect("anyone");
}

/// A client that has no key to show.
#[derive(Debug)]
struct NoKey {
    raw: bool,
}

impl ResolvesClientCert for NoKey {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        self.raw
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// What the endpoint says of a peer with that TLS set-up.
async fn turned_away(change: impl FnOnce(&mut rustls::ClientConfig)) -> AcceptError {
    let two = endpoint(2);
    let raw = async {
        // Such a peer may take the handshake for done before it hears of the refusal.
        if let Ok(raw) = Raw::dial(address(&two), change).await {
            soon(raw.connection.closed()).await;
        }
    };
    let (link, ()) = soon(async { tokio::join!(welcome(&two), raw) }).await;
    link.expect_err("must not be let in")
}

#[tokio::test]
async fn a_peer_without_a_key_is_turned_away() {
    for raw in [true, false] {
        let no_key = Arc::new(NoKey { raw });
        let error = turned_away(|tls| tls.client_auth_cert_resolver = no_key).await;
        let broken = matches!(&error, AcceptError::Closed { cause: Closed::Broken(_), .. });
        assert!(broken, "raw key type {raw}: {error}");
    }
}

#[tokio::test]
async fn a_peer_with_another_protocol_is_turned_away() {
    for alpn in [vec![], vec![b"h3".to_vec()], vec![b"tentpole/2".to_vec()]] {
        let error = turned_away(|tls| tls.alpn_protocols = alpn).await;
        assert!(matches!(error, AcceptError::OtherProtocol(_)), "{error}");
    }
}

#[tokio::test]
async fn a_control_stream_that_opens_with_a_message_is_an_offence() {
    let two = endpoint(2);
    let raw = async {
        let raw = Raw::dial(address(&two), |_| {}).await.expect("connects");
        let _control = raw.control(&[1, 0, 0, 0, 7]).await;
        raw.closed_with().await
    };
    let (link, code) = soon(async { tokio::join!(welcome(&two), raw) }).await;
    let cause = Closed::Offence(Offence::Opening);
    assert!(matches!(link, Err(AcceptError::Closed { cause: c, .. }) if c == cause));
    assert_eq!(code, u64::from(Offence::Opening.code()));
}

#[tokio::test]
async fn an_address_must_prove_itself_by_a_retry() {
    let tap = Tap::new(socket(0));
    let two = Endpoint::open(tap.clone(), Arc::new(TokioRuntime), &identity(2), &seeds(2))
        .expect("opens");
    let one = endpoint(1);
    let dial = one.connect(address(&two), Expect::Device(device(2)));
    let (dialled, answered) = soon(async { tokio::join!(dial, welcome(&two)) }).await;
    assert!(dialled.is_ok() && answered.is_ok());
    assert_eq!(tap.retries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_source_with_too_many_handshakes_is_refused_until_one_ends() {
    let (one, two) = (endpoint(1), endpoint(2));
    let to = address(&two);
    let mut waiting: Vec<Incoming> = Vec::new();
    let mut dials = tokio::task::JoinSet::new();
    for _ in 0..HANDSHAKES_PER_SOURCE_MAX {
        let one = one.clone();
        dials.spawn(async move { one.connect(to, Expect::AnyDevice).await });
        waiting.extend(soon(two.accept()).await);
    }
    let (refused, _) = soon(async {
        tokio::join!(one.connect(to, Expect::AnyDevice), async {
            assert!(stuck(two.accept()).await, "nobody more is let in");
        })
    })
    .await;
    assert!(matches!(refused, Err(ConnectError::Refused(_))), "{refused:?}");
    drop(waiting.pop());
    let dial = one.connect(to, Expect::AnyDevice);
    let (dialled, answered) = soon(async { tokio::join!(dial, welcome(&two)) }).await;
    assert!(dialled.is_ok() && answered.is_ok());
}

#[tokio::test]
async fn links_that_are_up_hold_up_no_handshake() {
    let (one, two) = (endpoint(1), endpoint(2));
    let mut links = Vec::new();
    for _ in 0..=HANDSHAKES_PER_SOURCE_MAX {
        let dial = one.connect(address(&two), Expect::AnyDevice);
        let (dialled, answered) = soon(async { tokio::join!(dial, welcome(&two)) }).await;
        links.push((dialled.expect("reaches"), answered.expect("lets in")));
    }
}

fn hasty(n: u8) -> Endpoint {
    Endpoint::open(socket(0), Arc::new(Hasty), &identity(n), &seeds(n)).expect("opens")
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_given_up() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let to = silent.local_addr().expect("bound");
    let result = soon(hasty(1).connect(to, Expect::AnyDevice)).await;
    assert!(matches!(result, Err(ConnectError::TimedOut(at)) if at == to));
}

#[tokio::test]
async fn a_peer_that_never_opens_its_control_stream_is_put_out() {
    let two = hasty(2);
    let raw = async {
        let raw = Raw::dial(address(&two), |_| {}).await.expect("connects");
        soon(raw.connection.closed()).await;
    };
    let (link, _) = soon(async { tokio::join!(welcome(&two), raw) }).await;
    assert!(matches!(link, Err(AcceptError::TimedOut(_))), "{link:?}");
}

#[tokio::test]
async fn an_address_that_cannot_be_dialled_is_an_error_at_once() {
    for to in ["127.0.0.1:0", "[::1]:9"] {
        let to: SocketAddr = to.parse().expect("an address");
        let result = endpoint(1).connect(to, Expect::AnyDevice).await;
        assert!(matches!(result, Err(ConnectError::Address { .. })), "{to}: {result:?}");
    }
}

#[tokio::test]
async fn a_closed_endpoint_says_goodbye_and_neither_dials_nor_answers() {
    let pair = pair().await;
    let to = address(&pair.endpoints[1]);
    let [one, two] = pair.endpoints.clone();
    let [_dialled, mut answered] = pair.ends();
    soon(one.close()).await;
    let reason = "stopping".to_owned();
    assert_eq!(answered.next().await, Inbound::Closed(Closed::ByPeer { code: 0, reason }));
    assert!(soon(one.accept()).await.is_none());
    let dialled = one.connect(to, Expect::AnyDevice).await;
    assert!(matches!(dialled, Err(ConnectError::Stopping)), "{dialled:?}");
    drop(two);
}

#[test]
fn a_restarted_peer_is_noticed_at_once() {
    let (here, there) = (runtime(), runtime());
    let (to, dialled) = {
        let two = there.block_on(async { endpoint(2) });
        let to = address(&two);
        let answer = there.spawn(async move {
            let link = welcome(&two).await;
            (two, link)
        });
        let one = here.block_on(async { endpoint(1) });
        let link = here.block_on(soon(one.connect(to, Expect::AnyDevice))).expect("reaches");
        let held = there.block_on(answer).expect("no panic");
        // A crash: the tasks are gone before anything could say goodbye.
        there.shutdown_timeout(Duration::from_secs(5));
        drop(held);
        (to, (one, link))
    };
    here.block_on(async move {
        let mut seeds = seeds(2);
        seeds.rng = [77; 32];
        let rebound = UdpSocket::bind(to).expect("the port is free again");
        let socket = TokioRuntime.wrap_udp_socket(rebound).expect("a socket");
        let _two = Endpoint::open(socket, Arc::new(TokioRuntime), &identity(2), &seeds);
        let (send, mut receive) = dialled.1.split();
        let asked = Instant::now();
        // Something on the wire may have been answered already.
        let _ = send.message(b"still there?").await;
        assert_eq!(soon(receive.next()).await, Inbound::Closed(Closed::PeerRestarted));
        assert!(asked.elapsed() < Duration::from_secs(3), "long before the idle timeout");
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[tokio::test]
async fn debug_output_shows_no_keys() {
    let pair = pair().await;
    let text = format!("{:?} {:?}", pair.endpoints[0], pair.links[0]);
    assert!(text.len() < 200, "{text}");
}
