//! Every bound of the QUIC adapter, in one place.
//!
//! What a peer may make this machine hold is the sum of these; quinn's own defaults allow
//! about 250 MB a peer.

use std::time::Duration;

/// Bytes of one message on the control stream.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Of these, what is taken from a peer that the session has not admitted yet; the rest of a
/// longer message waits with the peer.
pub const STRANGER_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one stripe.
pub const STRIPE_BYTES_MAX: usize = 72 * 1024;
/// Stripes that an admitted peer may have open at once; a stranger may open none.
pub const STRIPES_OPEN_MAX: u32 = 32;

/// Unread bytes of one stream: a whole stripe, and no more.
pub const STREAM_WINDOW_BYTES: u32 = STRIPE_BYTES_MAX as u32;
/// What stripes can never take from the control stream; see the assertion below.
pub const CONTROL_RESERVE_BYTES: u32 = 512 * 1024;
/// Unread bytes of all streams of an admitted peer.
pub const CONNECTION_WINDOW_BYTES: u32 =
    STRIPES_OPEN_MAX * STREAM_WINDOW_BYTES + CONTROL_RESERVE_BYTES;
/// Unread bytes of a stranger.
pub const STRANGER_WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES;
/// Bytes handed over for sending that the peer has not acknowledged.
pub const SEND_WINDOW_BYTES: u64 = 1024 * 1024;

/// Connections that peers opened to one endpoint.
pub const CONNECTIONS_MAX: usize = 1024;
/// Of these, from one source; a whole market may sit behind one address.
pub const CONNECTIONS_PER_SOURCE_MAX: usize = 512;
/// Handshakes under way on one endpoint.
pub const HANDSHAKES_MAX: usize = 64;
/// Of these, from one source.
pub const HANDSHAKES_PER_SOURCE_MAX: usize = 16;
/// First datagrams that wait for `accept`.
pub const INCOMING_MAX: usize = 256;
/// Bytes kept of what follows one first datagram.
pub const INCOMING_BYTES_MAX: u64 = 8 * 1024;
/// Bytes kept of what follows all of them.
pub const INCOMING_BYTES_TOTAL_MAX: u64 = 256 * 1024;
/// Out-of-order handshake bytes of one connection; a handshake has about one kilobyte.
pub const HANDSHAKE_BYTES_MAX: usize = 4 * 1024;

/// From the first datagram to the open control stream.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// Silence after which a connection is given up, in milliseconds. The session pings sooner.
pub const IDLE_MS_MAX: u32 = 10_000;
/// How long a closing endpoint waits for its goodbyes to leave.
pub const GOODBYE_TIME_MAX: Duration = Duration::from_secs(1);
/// How long an answer to a Retry is good for.
pub const RETRY_TIME_MAX: Duration = Duration::from_secs(15);
/// Between two stateless resets. They are always shorter than what asked for them.
pub const RESET_INTERVAL: Duration = Duration::from_millis(1);
/// Packets that a receiver may take before it must acknowledge.
pub const ACK_EVERY_PACKETS: u32 = 8;
/// Characters kept of a reason that a peer gave.
pub const REASON_CHARS_MAX: usize = 200;

const _: () = assert!(
    // quinn returns credit once an eighth of the window has been read; a smaller reserve would
    // leave the control stream without any while stripes lie unread.
    CONTROL_RESERVE_BYTES > CONNECTION_WINDOW_BYTES / 8,
    "the control stream must move while no stripe is read"
);
const _: () = assert!(
    engine::limits::SEGMENT_WIRE_BYTES_MAX <= STRIPE_BYTES_MAX,
    "a stripe must take any segment"
);
const _: () = assert!(
    STRIPE_BYTES_MAX <= STREAM_WINDOW_BYTES as usize,
    "a whole stripe must fit in the window of its stream"
);
const _: () = assert!(
    CONNECTIONS_MAX * (STRANGER_MESSAGE_BYTES_MAX + STRANGER_WINDOW_BYTES as usize)
        <= 512 * 1024 * 1024,
    "strangers alone must not exhaust a small machine"
);
const _: () = assert!(
    STRIPES_OPEN_MAX as usize * (STRIPE_BYTES_MAX + STREAM_WINDOW_BYTES as usize)
        + MESSAGE_BYTES_MAX
        + CONTROL_RESERVE_BYTES as usize
        <= 8 * 1024 * 1024,
    "one admitted peer holds a few megabytes at most"
);
const _: () = assert!(STRANGER_MESSAGE_BYTES_MAX <= MESSAGE_BYTES_MAX, "admission never narrows");
const _: () = assert!(MESSAGE_BYTES_MAX <= u32::MAX as usize, "a message has a u32 length");
const _: () = assert!(
    CONNECTIONS_PER_SOURCE_MAX <= CONNECTIONS_MAX && HANDSHAKES_PER_SOURCE_MAX <= HANDSHAKES_MAX,
    "one source never holds more than all"
);
