//! Bounds of the catalogue. They are part of the admission rules: two replicas that
//! disagree on one of them may quarantine different changes, so a change here is a new
//! [`RULES_VERSION`]. Nothing is decided in this file.

/// Version of the rules by which a change is admitted, kept pending or quarantined.
pub const RULES_VERSION: u16 = 1;

/// Largest raw change, in bytes: leaves 4 KiB of a 32 KiB event to its envelope.
pub const CHANGE_BYTES_MAX: usize = 28 * 1024;

/// Shortest and longest actor id, in bytes.
pub const ACTOR_BYTES_MIN: usize = 16;
/// See [`ACTOR_BYTES_MIN`].
pub const ACTOR_BYTES_MAX: usize = 32;

/// Most operations in one change. A key takes at least four bytes and never repeats within
/// a change, so an honest change that fits the size stays far below.
pub const OPS_PER_CHANGE_MAX: u64 = 8 * 1024;
/// Most predecessors named in one change. They are run-length coded, so that the size of
/// the change does not bound them.
pub const PREDECESSORS_PER_CHANGE_MAX: u64 = 16 * 1024;

/// Longest SKU, in bytes.
pub const SKU_BYTES_MAX: usize = 64;
/// Longest item name, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest field name, in bytes.
pub const FIELD_BYTES_MAX: usize = 32;
/// Highest price, in minor units.
pub const PRICE_MAX: i64 = 1_000_000_000_000;

/// Most values listed for one field in conflict; the smallest are kept.
pub const CONFLICTS_SHOWN_MAX: usize = 16;

/// Most heads that one edit names as dependencies. Beyond it an edit joins some of the
/// heads and later edits join the rest, so that many heads never make an edit too large.
pub const EDIT_HEADS_MAX: usize = 256;

/// Longest dependency hash list an edit can carry, in bytes.
const EDIT_DEPENDENCY_BYTES_MAX: usize = 32 * (EDIT_HEADS_MAX + 1);

const _: () = assert!(ACTOR_BYTES_MIN <= ACTOR_BYTES_MAX);
const _: () = assert!(EDIT_DEPENDENCY_BYTES_MAX <= CHANGE_BYTES_MAX / 2);
const _: () = assert!(NAME_BYTES_MAX + 2 * SKU_BYTES_MAX + FIELD_BYTES_MAX < CHANGE_BYTES_MAX / 4);
const _: () = assert!(CHANGE_BYTES_MAX as u64 / 4 <= OPS_PER_CHANGE_MAX);
const _: () = assert!(CONFLICTS_SHOWN_MAX >= 2);
