//! The bounds on what is kept of a run for its picture. What goes beyond them is counted and left
//! out of the picture, of events and spans the older ones first; they never bound the run itself.

/// Bins over a run's whole length; when a run outgrows them, pairs are merged and a bin becomes
/// twice as long. Even, so that pairs come out.
pub const BINS_MAX: usize = 1_024;

/// The length of a bin at the start of a run, in milliseconds.
pub const BIN_MS_MIN: u64 = 250;

/// Hosts that get a lane.
pub const HOSTS_MAX: usize = 256;

/// Carriers and LANs of one host.
pub const CARRIERS_MAX: usize = 6;

/// Events of one kind. Each kind has its own, so that many refusals do not push out a crash.
pub const EVENTS_PER_KIND_MAX: usize = 4_000;

/// Outages, partitions and changes.
pub const SPANS_MAX: usize = 16_000;

/// Hosts that one of them names.
pub const SPAN_HOSTS_MAX: usize = 64;

/// Marks.
pub const MARKS_MAX: usize = 256;

/// Bytes of an event's or a span's text; longer ones are cut.
pub const TEXT_BYTES_MAX: usize = 240;

/// Bytes of what a violation says; it is the reason for looking at all.
pub const VIOLATION_BYTES_MAX: usize = 4_000;

/// Bytes of a name: of a scenario, a host, a carrier, a checker, a mark.
pub const NAME_BYTES_MAX: usize = 64;

const _: () = assert!(BINS_MAX >= 2 && BINS_MAX.is_multiple_of(2));
const _: () = assert!(BIN_MS_MIN > 0);
const _: () = assert!(EVENTS_PER_KIND_MAX.is_multiple_of(2));
