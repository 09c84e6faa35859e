//! What the tests share: identities, endpoints, pairs of links, sockets that listen in.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use engine::ids::DeviceId;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{
    AsyncTimer, AsyncUdpSocket, Connection, Runtime, TokioRuntime, TransportConfig, UdpPoller,
};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::quic::config::{self, FirstIds};
use crate::quic::{
    AcceptError, Endpoint, Expect, Identity, Inbound, Link, LinkReceiver, LinkSender, Seeds, tls,
};

pub fn identity(n: u8) -> Identity {
    let seed = [n; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("any seed");
    let public = pair.public_key().as_ref().try_into().expect("32 bytes");
    Identity::new(&seed, DeviceId(public)).expect("they belong together")
}

pub fn device(n: u8) -> DeviceId {
    identity(n).device()
}

pub fn seeds(n: u8) -> Seeds {
    Seeds { rng: [n; 32], reset_key: [n; 64], token_key: [n; 32] }
}

pub fn socket(port: u16) -> Arc<dyn AsyncUdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
    TokioRuntime.wrap_udp_socket(socket).expect("a socket")
}

pub fn endpoint(n: u8) -> Endpoint {
    Endpoint::open(socket(0), Arc::new(TokioRuntime), &identity(n), &seeds(n)).expect("opens")
}

pub fn address(endpoint: &Endpoint) -> SocketAddr {
    endpoint.local_addr().expect("bound")
}

/// The next peer at the door, with its handshake done.
pub async fn welcome(endpoint: &Endpoint) -> Result<Link, AcceptError> {
    endpoint.accept().await.expect("open").establish().await
}

/// Fails rather than hangs.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it should be done by now")
}

/// Whether `work` is still waiting after a while in which it could have ended.
pub async fn stuck<T>(work: impl Future<Output = T>) -> bool {
    tokio::time::timeout(Duration::from_millis(300), work).await.is_err()
}

/// Waits until `holds`.
pub async fn until(holds: impl Fn() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Device 1 has dialled device 2.
pub struct Pair {
    pub endpoints: [Endpoint; 2],
    pub links: [Link; 2],
}

pub async fn pair() -> Pair {
    let endpoints = [endpoint(1), endpoint(2)];
    let dial = endpoints[0].connect(address(&endpoints[1]), Expect::Device(device(2)));
    let (dialled, answered) = soon(async { tokio::join!(dial, welcome(&endpoints[1])) }).await;
    let links = [dialled.expect("reaches"), answered.expect("lets in")];
    Pair { endpoints, links }
}

/// One end of a link, in halves.
pub struct End {
    pub send: LinkSender,
    pub receive: LinkReceiver,
    pub _endpoint: Endpoint,
}

impl End {
    pub async fn next(&mut self) -> Inbound {
        soon(self.receive.next()).await
    }
}

impl Pair {
    pub fn ends(self) -> [End; 2] {
        let [one, two] = self.links.map(Link::split);
        let [first, second] = self.endpoints;
        [
            End { send: one.0, receive: one.1, _endpoint: first },
            End { send: two.0, receive: two.1, _endpoint: second },
        ]
    }

    /// Both ends, each admitted by the other.
    pub async fn admitted(self) -> [End; 2] {
        let mut ends = self.ends();
        for end in &ends {
            end.send.admit();
        }
        // The wider windows travel ahead of these.
        for (from, to) in [(0, 1), (1, 0)] {
            ends[from].send.message(b"admitted").await.expect("sent");
            assert_eq!(ends[to].next().await, Inbound::Message(b"admitted".to_vec()));
        }
        ends
    }
}

/// A peer with a TLS set-up of its own, speaking QUIC by hand.
pub struct Raw {
    pub connection: Connection,
    _endpoint: quinn::Endpoint,
}

impl Raw {
    /// Dials `to` as device 9, after `change` has been at the TLS set-up.
    pub async fn dial(
        to: SocketAddr,
        change: impl FnOnce(&mut rustls::ClientConfig),
    ) -> Result<Self, quinn::ConnectionError> {
        let mut tls = tls::client_config(&identity(9), Expect::AnyDevice, Arc::default())
            .expect("a TLS set-up");
        change(&mut tls);
        let mut config = config::client(tls, &FirstIds::new(&seeds(9))).expect("a QUIC set-up");
        // No idle timeout ends the link of a peer like this.
        let mut transport = TransportConfig::default();
        transport.keep_alive_interval(Some(Duration::from_millis(100)));
        config.transport_config(Arc::new(transport));
        let endpoint = quinn::Endpoint::new_with_abstract_socket(
            config::endpoint(&seeds(9)),
            None,
            socket(0),
            Arc::new(TokioRuntime),
        )
        .expect("opens");
        let connecting = endpoint.connect_with(config, to, "tentpole.invalid").expect("dials");
        Ok(Self { connection: soon(connecting).await?, _endpoint: endpoint })
    }

    /// Opens the control stream with `bytes` and keeps it open.
    pub async fn control(&self, bytes: &[u8]) -> (quinn::SendStream, quinn::RecvStream) {
        let (mut send, receive) = self.connection.open_bi().await.expect("opens");
        send.write_all(bytes).await.expect("writes");
        (send, receive)
    }

    /// The code with which the other side closes the connection.
    pub async fn closed_with(&self) -> u64 {
        match soon(self.connection.closed()).await {
            quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("not closed by the session: {other}"),
        }
    }
}

/// A socket that counts the Retry packets sent through it (RFC 9000, section 17.2.5).
#[derive(Debug)]
pub struct Tap {
    inner: Arc<dyn AsyncUdpSocket>,
    pub retries: AtomicUsize,
}

impl Tap {
    pub fn new(inner: Arc<dyn AsyncUdpSocket>) -> Arc<Self> {
        Arc::new(Self { inner, retries: AtomicUsize::new(0) })
    }
}

impl AsyncUdpSocket for Tap {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        // Long header, packet type 3.
        if transmit.contents.first().is_some_and(|first| first & 0xb0 == 0xb0) {
            self.retries.fetch_add(1, Ordering::SeqCst);
        }
        self.inner.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, buffers, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// How many times faster [`Hasty`] is.
const HASTE: u32 = 10;
static BIRTH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A runtime whose clock runs fast, so that a time-out need not be sat through.
#[derive(Debug)]
pub struct Hasty;

#[derive(Debug)]
struct HastyTimer(Pin<Box<dyn AsyncTimer>>);

fn real(hasty: Instant) -> Instant {
    *BIRTH + hasty.saturating_duration_since(*BIRTH) / HASTE
}

impl Runtime for Hasty {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(HastyTimer(TokioRuntime.new_timer(real(at))))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        TokioRuntime.spawn(future);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> Instant {
        *BIRTH + BIRTH.elapsed() * HASTE
    }
}

impl AsyncTimer for HastyTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.0.as_mut().reset(real(at));
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}
