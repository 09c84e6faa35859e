//! Bounds of the full-stack tier.

use std::time::Duration;

/// Bytes that a socket holds for a task that does not read: Linux's default receive buffer.
pub const SOCKET_BYTES_MAX: usize = 212_992;
/// Where every daemon listens for its peers.
pub const SYNC_PORT: u16 = 4433;
/// The first port that is given to a socket that asks for any.
pub const FREE_PORT_FIRST: u16 = 49_152;
/// How long a sync to a healthy disk takes at the least.
pub const SYNC_TIME_MIN: Duration = Duration::from_millis(1);
/// The most that is added to it at random, in microseconds.
pub const SYNC_JITTER_US: u64 = 3_000;
/// Polls within one instant of virtual time before a run is given up: tasks that wake each other
/// for ever would stop time.
pub const POLLS_AN_INSTANT_MAX: u64 = 5_000_000;
/// A deadline further away than this never comes.
pub const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);
/// Places of the trace that are kept to find where two runs part.
pub const TRACE_PLACES_MAX: usize = 65_536;

/// Bytes of a message that a stranger tries: the most that anybody may send.
pub const BIG_BYTES: usize = transport::limits::MESSAGE_BYTES_MAX;
/// How long a stranger waits for room before it dials anew.
pub const BIG_TIME_MAX: Duration = Duration::from_secs(2);
/// Between two things that a stranger sends one host over QUIC, at the least: a host that closes
/// its link each time makes it dial anew.
pub const HOSTILE_EVERY_MIN: Duration = Duration::from_millis(200);
