//! Every bound of the shell, in one place.

use std::time::Duration;

/// Body of a request, unless a route sets its own with axum's `DefaultBodyLimit`.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Request line and headers together.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of one request.
pub const HEADERS_MAX: usize = 64;
/// Open connections; the next one waits in the listener's backlog.
pub const CONNECTIONS_MAX: usize = 256;

/// From the opening of a connection, or the end of an answer, to the end of the next head. So
/// an idle connection is closed after this time too.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// From the end of a request's head to the end of its body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// A caller that takes no byte of its answer for so long is cut off.
pub const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long open requests may take to finish once the daemon stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a closing connection goes on reading, so that the answer is not lost to a reset.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// How much it reads meanwhile.
pub const LINGER_BYTES_MAX: usize = 1024 * 1024;
/// Pause after the system refuses to accept a connection, usually for want of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Text of a problem's detail; it may quote what a caller sent.
pub const DETAIL_BYTES_MAX: usize = 512;
/// A bearer token as it arrives.
pub const TOKEN_BYTES_MAX: usize = 128;
/// Randomness in a token or a seed.
pub const SECRET_BYTES: usize = 32;

/// A private file of the data directory.
pub const PRIVATE_FILE_BYTES_MAX: usize = 64 * 1024;
/// Batches that wait for the writer thread; the next submission blocks its thread.
pub const DISK_QUEUE_MAX: usize = 64;
/// Addresses taken from one name.
pub const RESOLVED_ADDRESSES_MAX: usize = 16;

/// Connecting to a daemon on this machine.
pub const CLIENT_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One call; checking every log of a large directory is the longest.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(600);
/// One answer: a page of 1,000 SKUs at 500 stalls fits.
pub const CLIENT_ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;

const _: () = assert!(HEAD_BYTES_MAX >= 8 * 1024, "hyper refuses smaller buffers");
const _: () = assert!(LINGER_BYTES_MAX >= 2 * BODY_BYTES_MAX, "a body twice too large is drained");
const _: () = assert!(2 * SECRET_BYTES <= TOKEN_BYTES_MAX, "a token of ours fits");
const _: () = assert!(LINGER_TIMEOUT.as_nanos() < DRAIN_TIMEOUT.as_nanos(), "a stop waits for it");

/// Calls that wait for the core; the next caller waits for a place.
pub const CALLS_MAX: usize = 1024;
/// Things that arrived on any path and wait for the core; past that paths stop reading.
pub const EVENTS_MAX: usize = 64;
/// Things that arrived, taken in before the core looks at its calls again.
pub const INPUTS_A_TURN_MAX: usize = 8;
/// Messages handed to a path and not yet to QUIC.
pub const PATH_MESSAGES_MAX: usize = 64;
/// Segments handed to a path and not yet to QUIC.
pub const PATH_SEGMENTS_MAX: usize = 4;

/// A link that held for so long was a success: the next dial after it waits shortly again.
pub const LINK_SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Findings in one page.
pub const FINDINGS_PAGE_MAX: usize = 200;
/// SKUs in one page of stock.
pub const STOCK_PAGE_MAX: usize = 1_000;

/// Events in one page of the feed.
pub const FEED_PAGE_EVENTS_MAX: usize = 1_000;
/// Canonical bytes in one page of the feed, before the event that goes beyond.
pub const FEED_PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Events looked at for one page, whether the filter takes them or not.
pub const FEED_LOOKS_MAX: usize = 10_000;
/// Streams of the feed that are open at once.
pub const STREAMS_MAX: usize = 32;
/// Events handed to a stream's connection at once.
pub const STREAM_CHUNK_EVENTS_MAX: usize = 100;
/// How often a stream that has nothing to say shows that it lives.
pub const STREAM_HEARTBEAT: Duration = Duration::from_secs(15);
/// Between two looks of one stream, so that quick commits are read together.
pub const STREAM_PAUSE: Duration = Duration::from_millis(20);
/// A stream whose caller takes nothing for so long is cut off.
pub const STREAM_STALL_TIMEOUT: Duration = Duration::from_secs(30);

const _: () = assert!(STREAMS_MAX * 2 <= CONNECTIONS_MAX, "streams leave room for calls");
const _: () = assert!(FEED_PAGE_EVENTS_MAX < FEED_LOOKS_MAX, "a page can be filled");
