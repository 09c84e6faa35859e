//! How quinn is set up: fixed keys, own limits, nothing left to its defaults that matters.
//!
//! Given the same [`Seeds`], an endpoint draws the same ids and packet numbers every time, which
//! is what a simulation stands on; only TLS draws its own random bytes, of fixed length.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinn::congestion::CubicConfig;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{
    AckFrequencyConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, NoneTokenLog,
    NoneTokenStore, Runtime, TimeSource, TransportConfig, ValidationTokenConfig, VarInt,
};
use ring::{hkdf, hmac};

use super::limits::{
    ACK_EVERY_PACKETS, HANDSHAKE_BYTES_MAX, IDLE_MS_MAX, INCOMING_BYTES_MAX,
    INCOMING_BYTES_TOTAL_MAX, INCOMING_MAX, RESET_INTERVAL, RETRY_TIME_MAX, SEND_WINDOW_BYTES,
    STRANGER_WINDOW_BYTES, STREAM_WINDOW_BYTES,
};

/// Bytes of the connection ids that this endpoint hands out.
const CID_BYTES: usize = 8;
/// Of these, the ones that differ; the rest say that the id is ours.
const CID_NONCE_BYTES: usize = 5;

/// What an endpoint's random choices and tokens derive from.
#[derive(Clone)]
pub struct Seeds {
    /// Fresh at every start, and for every endpoint: connection ids, packet numbers, nonces.
    pub rng: [u8; 32],
    /// Kept with the device: with it, an endpoint that has restarted tells its old peers at once
    /// that their connections are gone (RFC 9000, section 10.3).
    pub reset_key: [u8; 64],
    /// Fresh at every start: seals the answers to a Retry.
    pub token_key: [u8; 32],
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeds").finish_non_exhaustive()
    }
}

/// What holds for the whole endpoint.
pub fn endpoint(seeds: &Seeds) -> EndpointConfig {
    let reset_key = hmac::Key::new(hmac::HMAC_SHA256, &seeds.reset_key);
    let ids = Ids::new(seeds);
    let mut config = EndpointConfig::new(Arc::new(reset_key));
    config
        .rng_seed(Some(blake3::derive_key("tentpole v1 quic rng", &seeds.rng)))
        .cid_generator(move || Box::new(ids.clone()))
        .min_reset_interval(RESET_INTERVAL)
        .supported_versions(vec![1]);
    config
}

/// The side that is dialled.
pub fn server(
    tls: rustls::ServerConfig,
    seeds: &Seeds,
    runtime: Arc<dyn Runtime>,
) -> Result<quinn::ServerConfig, NoInitialCipherSuite> {
    let token_key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&seeds.token_key);
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0).log(Arc::new(NoneTokenLog));
    let crypto = Arc::new(QuicServerConfig::try_from(tls)?);
    let mut config = quinn::ServerConfig::new(crypto, Arc::new(token_key));
    config
        .transport_config(Arc::new(transport(1)))
        .validation_token_config(tokens)
        .retry_token_lifetime(RETRY_TIME_MAX)
        .migration(true)
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        .incoming_buffer_size_total(INCOMING_BYTES_TOTAL_MAX)
        .time_source(Arc::new(Uptime { opened: runtime.now(), runtime }));
    Ok(config)
}

/// The side that dials.
pub fn client(
    tls: rustls::ClientConfig,
    first_ids: &FirstIds,
) -> Result<quinn::ClientConfig, NoInitialCipherSuite> {
    let first_ids = first_ids.clone();
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config
        .transport_config(Arc::new(transport(0)))
        .token_store(Arc::new(NoneTokenStore))
        .initial_dst_cid_provider(Arc::new(move || first_ids.draw()));
    Ok(config)
}

/// One connection of a stranger; [`super::LinkSender::admit`] widens it.
fn transport(bidi_streams: u32) -> TransportConfig {
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY_PACKETS));
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(bidi_streams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        // One stripe after the other: a cut then spoils one of them, not all a little.
        .send_fairness(false)
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_MS_MAX).into()))
        // The session pings, and knows when it needs to.
        .keep_alive_interval(None)
        .ack_frequency_config(Some(acks))
        .congestion_controller_factory(Arc::new(CubicConfig::default()))
        .crypto_buffer_size(HANDSHAKE_BYTES_MAX)
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .allow_spin(false);
    config
}

/// Connection ids: `nonce 5 | tag 3`.
///
/// The nonce comes from this start's seed, the tag is keyed with what outlives a restart: so the
/// ids of the previous run are known for ours, and answered with a reset that makes the peer
/// dial again, while chance packets are not answered at all.
#[derive(Clone)]
struct Ids {
    nonce_key: [u8; 32],
    tag_key: [u8; 32],
    drawn: u64,
}

impl Ids {
    fn new(seeds: &Seeds) -> Self {
        Self {
            nonce_key: blake3::derive_key("tentpole v1 quic id nonce", &seeds.rng),
            tag_key: blake3::derive_key("tentpole v1 quic id tag", &seeds.reset_key),
            drawn: 0,
        }
    }

    fn with_tag(&self, nonce: &[u8]) -> [u8; CID_BYTES] {
        let tag = blake3::keyed_hash(&self.tag_key, nonce);
        let mut id = [0; CID_BYTES];
        id[..CID_NONCE_BYTES].copy_from_slice(nonce);
        id[CID_NONCE_BYTES..].copy_from_slice(&tag.as_bytes()[..CID_BYTES - CID_NONCE_BYTES]);
        id
    }
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.drawn += 1;
        let nonce = blake3::keyed_hash(&self.nonce_key, &self.drawn.to_le_bytes());
        ConnectionId::new(&self.with_tag(&nonce.as_bytes()[..CID_NONCE_BYTES]))
    }

    fn validate(&self, id: &ConnectionId) -> Result<(), quinn_proto::InvalidCid> {
        match id.get(..CID_NONCE_BYTES) {
            Some(nonce) if self.with_tag(nonce) == id[..] => Ok(()),
            _ => Err(quinn_proto::InvalidCid),
        }
    }

    fn cid_len(&self) -> usize {
        CID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// The ids that a dialling side makes up for its peer's first packets.
#[derive(Clone)]
pub struct FirstIds {
    key: [u8; 32],
    drawn: Arc<AtomicU64>,
}

impl FirstIds {
    /// The ids of one endpoint.
    pub fn new(seeds: &Seeds) -> Self {
        let key = blake3::derive_key("tentpole v1 quic first id", &seeds.rng);
        Self { key, drawn: Arc::default() }
    }

    fn draw(&self) -> ConnectionId {
        let count = self.drawn.fetch_add(1, Ordering::Relaxed);
        ConnectionId::new(&blake3::keyed_hash(&self.key, &count.to_le_bytes()).as_bytes()[..16])
    }
}

/// The age of the endpoint as a date; Retry tokens only compare such dates with each other.
struct Uptime {
    opened: Instant,
    runtime: Arc<dyn Runtime>,
}

impl TimeSource for Uptime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.runtime.now().saturating_duration_since(self.opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(rng: u8, reset_key: u8) -> Seeds {
        Seeds { rng: [rng; 32], reset_key: [reset_key; 64], token_key: [3; 32] }
    }

    fn draw(seeds: &Seeds, count: usize) -> Vec<ConnectionId> {
        let mut ids = Ids::new(seeds);
        (0..count).map(|_| ids.generate_cid()).collect()
    }

    #[test]
    fn equal_seeds_give_equal_ids() {
        assert_eq!(draw(&seeds(1, 1), 100), draw(&seeds(1, 1), 100));
        let (one, other) = (FirstIds::new(&seeds(1, 1)), FirstIds::new(&seeds(1, 1)));
        assert_eq!((one.draw(), one.draw()), (other.draw(), other.draw()));
    }

    #[test]
    fn another_start_gives_other_ids() {
        let mut all = [draw(&seeds(1, 1), 500), draw(&seeds(2, 1), 500)].concat();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 1000);
        assert_ne!(FirstIds::new(&seeds(1, 1)).draw(), FirstIds::new(&seeds(2, 1)).draw());
    }

    #[test]
    fn ids_of_the_previous_run_are_known_for_ours() {
        let restarted = Ids::new(&seeds(2, 1));
        assert!(draw(&seeds(1, 1), 100).iter().all(|id| restarted.validate(id).is_ok()));
    }

    #[test]
    fn ids_of_others_are_not() {
        let ids = Ids::new(&seeds(1, 1));
        assert!(draw(&seeds(1, 2), 100).iter().all(|id| ids.validate(id).is_err()));
        assert!(ids.validate(&ConnectionId::new(&[1, 2])).is_err());
    }

    #[test]
    fn seeds_do_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", seeds(77, 77)), "Seeds { .. }");
    }
}
