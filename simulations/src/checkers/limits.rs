//! Bounds of what checkers hold daemons to, and of what they keep themselves.

use std::time::Duration;

/// Places whose digests are kept to compare with what others state later; the oldest go.
pub const PLACES_MAX: usize = 4_096;
/// Hosts whose digests are read in one look; the others have their turn in the next ones.
pub const DIGESTS_A_LOOK: usize = 8;
/// Events of a scope that the reference folds at the end. It is quadratic without shame.
pub const REFERENCE_FACTS_MAX: usize = 1_500;
/// Names of events and hosts that a violation spells out.
pub const SHOWN_MAX: usize = 5;

/// A sale waits for the batch before its own, and for its own. Far below any round trip over a
/// carrier, so that nobody can ask the network within it.
pub const SALE_WITHIN: Duration = Duration::from_millis(30);
/// Batches of a slow disk that a sale may wait for on top of that: the one under way, its own, and
/// one that a start or a change of the disk puts between.
pub const SALE_BATCHES: u32 = 3;

/// Sessions that a daemon may keep with one device: those that greet, those that run, the last.
pub const SESSIONS_A_PEER_MAX: usize = transport::limits::PATHS_MAX + 1;
/// Batches that a daemon may have on their way to its disk.
pub const BATCHES_MAX: usize = 1;
/// Things that may wait to happen in the whole world, for each pair of hosts. A window of segments
/// in datagrams, both ways, over each of a handful of paths.
pub const WAITING_A_PAIR_MAX: usize = 16 * 1024;

/// How often a byte that somebody lacks may be sent: headers, acknowledgements and receipts
/// included, and what a path that dies takes with it.
pub const SENT_A_BYTE: u64 = 2;
/// Bytes that an event costs beside its own: heads, what is announced of it, its receipts.
pub const EVENT_EXTRA_BYTES: u64 = 400;
/// Bytes a second for each peer: pings, probes of paths, handshakes of one who is not there.
pub const IDLE_RATE_BYTES: u64 = 2 * 1024;
/// Bytes that may be sent at once for each peer whatever is missing: a handshake, a full
/// statement, and a window of segments that is sent again.
pub const BURST_BYTES: u64 = 256 * 1024;
