//! Bounds of the catalogue. They are part of the admission rules: two replicas that
//! disagree on one of them may quarantine different changes, so a change here is a new
//! [`RULES_VERSION`]. Nothing is decided in this file.

/// Version of the rules by which a change is admitted, kept pending or quarantined.
pub const RULES_VERSION: u16 = 2;

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
/// Longest language tag, in bytes.
pub const LANGUAGE_BYTES_MAX: usize = 27;
/// Longest code of a unit, a tax class or a policy, in bytes.
pub const CODE_BYTES_MAX: usize = 16;
/// Longest category, in bytes.
pub const CATEGORY_BYTES_MAX: usize = 64;
/// Highest page of a till's screen, and highest place on one.
pub const PLACE_MAX: i64 = 9_999;
/// Highest price, in minor units.
pub const PRICE_MAX: i64 = 1_000_000_000_000;

/// Most languages that an item is named in; of more the first by tag are shown.
pub const LANGUAGES_MAX: usize = 12;
/// Most values listed for one field in conflict; the smallest are kept.
pub const CONFLICTS_SHOWN_MAX: usize = 16;
/// Most bytes of texts listed for one field in conflict.
pub const CONFLICT_BYTES_SHOWN_MAX: usize = 1_024;

/// Most heads that one edit names as dependencies. Beyond it an edit joins some of the
/// heads and later edits join the rest, so that many heads never make an edit too large.
pub const EDIT_HEADS_MAX: usize = 256;

/// Longest value of a field of a later version that a new season takes over, in bytes.
pub const CARRIED_BYTES_MAX: usize = 4 * 1024;
/// Documents of other seasons than the current one that stay in memory.
pub const PAST_SEASONS_KEPT_MAX: usize = 2;
/// Fields that are listed of one late change.
pub const LATE_FIELDS_SHOWN_MAX: usize = 32;

/// Longest dependency hash list an edit can carry, in bytes.
const EDIT_DEPENDENCY_BYTES_MAX: usize = 32 * (EDIT_HEADS_MAX + 1);

const _: () = assert!(ACTOR_BYTES_MIN <= ACTOR_BYTES_MAX);
const _: () = assert!(EDIT_DEPENDENCY_BYTES_MAX <= CHANGE_BYTES_MAX / 2);
const _: () = assert!(NAME_BYTES_MAX + 2 * SKU_BYTES_MAX + FIELD_BYTES_MAX < CHANGE_BYTES_MAX / 4);
const _: () = assert!(CHANGE_BYTES_MAX as u64 / 4 <= OPS_PER_CHANGE_MAX);
const _: () = assert!(CONFLICTS_SHOWN_MAX >= 2 && CONFLICT_BYTES_SHOWN_MAX >= 2 * NAME_BYTES_MAX);
const _: () = {
    // The row of an item: every field's value, and every field's conflicts.
    let names = (1 + LANGUAGES_MAX) * (NAME_BYTES_MAX + LANGUAGE_BYTES_MAX + 8);
    let others = 9 * (CATEGORY_BYTES_MAX + 8);
    let listed = FIELD_BYTES_MAX + 8 + CONFLICT_BYTES_SHOWN_MAX + CONFLICTS_SHOWN_MAX * 4;
    let row = names + others + (10 + LANGUAGES_MAX) * listed;
    assert!(row <= crate::limits::EVENT_BYTES_MAX);
};
