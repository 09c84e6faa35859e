//! Every bound of the sync protocol, in one place.

use std::time::Duration;

/// One message on the control stream, encoded.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Logs in one `Have`; more follow in further ones.
pub const HAVE_LOGS_MAX: usize = 512;
/// Logs in one `Want`.
pub const WANT_LOGS_MAX: usize = 64;
/// Receipts in one message.
pub const RECEIPTS_MAX: usize = 64;
/// Grants in one `Have`.
pub const GRANTS_MAX: usize = 256;

/// Segment bytes that a session sends ahead of the peer's word that it holds them.
pub const WINDOW_BYTES: usize = 1024 * 1024;
/// Messages and segments that wait in a session for a path.
pub const OUTBOX_MAX: usize = 4096;
/// Sessions of one router.
pub const SESSIONS_MAX: usize = 2048;
/// Paths of one session.
pub const PATHS_MAX: usize = 8;

/// News within this long after the last is gathered: one busy log costs one announcement and one
/// receipt in it, and a quiet one is announced at once.
pub const GATHER_FOR: Duration = Duration::from_millis(40);
/// A peer that has not shown a valid grant by then is cut off.
pub const GREET_WITHIN: Duration = Duration::from_secs(20);
/// An idle session pings this often.
pub const PING_EVERY: Duration = Duration::from_secs(2);
/// A stall whose receipts do not come asks for them at most this rarely.
pub const PLEAD_EVERY_MAX: Duration = Duration::from_secs(120);
/// Logs of one peer that are remembered.
pub const THEIRS_LOGS_MAX: usize = 16 * 1024;
/// Segments not acknowledged after this are sent again; doubled each time.
pub const RESEND_AFTER: Duration = Duration::from_secs(4);
/// Ceiling of the doubled time above.
pub const RESEND_AFTER_MAX: Duration = Duration::from_secs(60);
/// A log that was asked for and made no progress is asked for again.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_millis(400);
/// Ceiling of the doubled time above.
pub const ASK_AGAIN_AFTER_MAX: Duration = Duration::from_secs(8);
/// How long a control waits for a stall to push its own log before it asks.
pub const PUSH_GRACE: Duration = Duration::from_millis(1_500);
/// Reconnecting starts here and doubles, with jitter.
pub const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Ceiling of the time above.
pub const BACKOFF_MAX: Duration = Duration::from_secs(15);

const _: () = assert!(WINDOW_BYTES >= 4 * engine::limits::SEGMENT_WIRE_BYTES_MAX);
// A log with its ordinary one or two leaves takes some 200 bytes in a `Have`, a grant some 600.
const _: () = assert!(HAVE_LOGS_MAX * 256 + GRANTS_MAX * 1024 < MESSAGE_BYTES_MAX);
const _: () = assert!(WANT_LOGS_MAX * engine::limits::CHECKPOINTS_MAX * 64 < MESSAGE_BYTES_MAX);
