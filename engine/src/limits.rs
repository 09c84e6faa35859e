//! Every bound of the engine, in one place.
//!
//! A bound here is part of what peers rely on; raising one is a change of format.

/// Canonical bytes of one event. Larger edits are split.
pub const EVENT_BYTES_MAX: usize = 32 * 1024;
/// Events in a commit group: a signed head closes it at the latest here.
pub const GROUP_EVENTS_MAX: usize = 64;
/// Canonical bytes in a commit group.
pub const GROUP_BYTES_MAX: usize = 32 * 1024;
/// A segment as it travels.
pub const SEGMENT_WIRE_BYTES_MAX: usize = 64 * 1024;
/// The rows of a segment before compression; bounds what a hostile one may unpack to.
pub const SEGMENT_RAW_BYTES_MAX: usize = 512 * 1024;
/// Events in a segment.
pub const SEGMENT_EVENTS_MAX: usize = 8 * 1024;
/// Signed heads in a segment.
pub const SEGMENT_HEADS_MAX: usize = 512;
/// Bytes around the compressed rows of a segment, heads aside.
pub const SEGMENT_HEADER_BYTES: usize = 256;

/// A signed document: charter, grant, revocation, receipt.
pub const DOCUMENT_BYTES_MAX: usize = 24 * 1024;
/// Leaves of one log that a vector states; a device that forks more often is cut off here.
pub const LEAVES_MAX: usize = 32;
/// Places named in a want, to find where two histories part.
pub const CHECKPOINTS_MAX: usize = 96;
/// Verified segments that wait for their parents.
pub const STAGED_SEGMENTS_MAX: usize = 256;
/// Of these, the ones of one log: a device that makes up parents fills no more.
pub const STAGED_A_LOG_MAX: usize = 64;
/// Their canonical bytes, with what each event costs in memory.
pub const STAGED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Events that a finding names; the first in order.
pub const EVIDENCE_MAX: usize = 64;
/// Bytes of the words that a finding calls its subject.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// Closes of one shift that are kept; a clone alone makes more than one.
pub const CLOSES_MAX: usize = 32;
/// Events of a device, and forfeits, that prove that its promise rights are overdrawn.
pub const ACCOUNT_EVIDENCE_MAX: usize = 8;
/// A till's and its stall's clock further apart than this are a finding, in milliseconds.
pub const CLOCK_ODD_MS: u64 = 2 * 24 * 60 * 60 * 1000;
/// Events that one step of a rebuild folds.
pub const REBUILD_EVENTS_MAX: u64 = 256;
/// Rows that one step of a rebuild clears.
pub const REBUILD_ROWS_MAX: usize = 4 * 1024;
/// Forks of one device that are proven; more prove nothing new.
pub const FORKS_PROVEN_MAX: usize = 8;

/// How far a foreign clock may pull ours forward, in milliseconds.
pub const CLOCK_PULL_MS_MAX: u64 = 60_000;

/// Lines of one sale.
pub const SALE_LINES_MAX: usize = 500;
/// Lines of one event that mints or spends rights with goods; what is more takes another event.
pub const MINT_LINES_MAX: usize = 250;
/// Devices that are asked for rights of one SKU at a time.
pub const ASKED_MAX: usize = 8;
/// SKUs whose rate of sale a stall keeps in mind.
pub const RATES_MAX: usize = 4_096;
/// Tenders of one sale.
pub const TENDERS_MAX: usize = 16;
/// Bytes of a SKU.
pub const SKU_BYTES_MAX: usize = 64;
/// Bytes of a note that somebody writes.
pub const NOTE_BYTES_MAX: usize = 512;
/// Bytes of a till's name, a cashier, a reference or an idempotency key.
pub const NAME_BYTES_MAX: usize = 64;
/// Minor units of one amount, if a node's configuration does not set less.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000;
/// Thousandths of one quantity.
pub const QUANTITY_MAX: u64 = 1_000_000_000_000;
/// Events of the stall's ledger that may lie between the beginning of a stock-take and its end, and
/// on branches of copies of its disk.
pub const COUNT_EVENTS_MAX: u64 = 20_000;
/// Variances that are kept of one SKU at one stall; the last.
pub const DRIFT_TAKES_MAX: usize = 8;
/// How far ahead a reservation may end, in milliseconds.
pub const RESERVATION_MS_MAX: i64 = 31 * 24 * 60 * 60 * 1000;
/// Metrics of one telemetry sample.
pub const METRICS_MAX: usize = 64;
/// Prices of one bundle.
pub const BUNDLE_PRICES_MAX: usize = 128 * 1024;
/// Pieces of one bundle.
pub const BUNDLE_PIECES_MAX: u16 = 512;
/// Canonical bytes of the prices of one piece.
pub const BUNDLE_PIECE_BYTES_MAX: usize = 28 * 1024;
/// Canonical bytes of one price at most: the SKU's length, the SKU, the price.
pub const BUNDLE_PRICE_BYTES_MAX: usize = SKU_BYTES_MAX + 1 + 9;
/// Statements of when prices hold that are looked at, latest first, for one whose bundle is whole.
pub const SWITCHES_TRIED_MAX: usize = 64;

const _: () = assert!(GROUP_BYTES_MAX >= EVENT_BYTES_MAX, "one event must fit in a group");
const _: () = assert!(
    // Two bytes of length an event, and zstd's worst case of 1/255 plus a frame header.
    GROUP_BYTES_MAX + GROUP_BYTES_MAX / 128 + 2 * GROUP_EVENTS_MAX + 512 + SEGMENT_HEADER_BYTES
        <= SEGMENT_WIRE_BYTES_MAX,
    "one group must fit in a segment, whatever its content"
);
const _: () = assert!(
    // Two kept heads are never both within one group's bounds.
    2 * (SEGMENT_EVENTS_MAX / GROUP_EVENTS_MAX + SEGMENT_RAW_BYTES_MAX / GROUP_BYTES_MAX)
        < SEGMENT_HEADS_MAX,
    "a full segment's kept heads fit"
);
const _: () = assert!(EVENT_BYTES_MAX <= u16::MAX as usize, "segment rows have u16 lengths");
const _: () = assert!(DOCUMENT_BYTES_MAX + 512 <= EVENT_BYTES_MAX, "a document fits in an event");
const _: () =
    assert!((SALE_LINES_MAX + 1) * (3 + 17 + 17) + 8 <= EVENT_BYTES_MAX, "a reversal is a row");
const _: () = assert!(4 * (EVIDENCE_MAX * 64 + 8) <= EVENT_BYTES_MAX, "references are a row");
const _: () = assert!(CLOSES_MAX * (64 + 18) + 16 <= EVENT_BYTES_MAX, "a shift is a row");
const _: () = assert!(
    // The envelope, the bundle's name, two numbers of a piece, the length of its list.
    BUNDLE_PIECE_BYTES_MAX + 32 + 64 <= EVENT_BYTES_MAX,
    "a piece of a bundle is an event, and its prices are a row"
);
const _: () = assert!(
    // A piece is cut where the next price does not fit.
    BUNDLE_PRICES_MAX * BUNDLE_PRICE_BYTES_MAX
        <= BUNDLE_PIECES_MAX as usize * (BUNDLE_PIECE_BYTES_MAX - BUNDLE_PRICE_BYTES_MAX),
    "the largest bundle fits in its pieces"
);
const _: () = assert!(MINT_LINES_MAX * (SKU_BYTES_MAX + 10) + 128 <= EVENT_BYTES_MAX, "it fits");
const _: () = assert!(EVIDENCE_MAX * 64 + 1024 <= EVENT_BYTES_MAX, "a finding is a row, an event");
const _: () = assert!(
    SALE_LINES_MAX as i128 * AMOUNT_MAX as i128 * 4 < i64::MAX as i128,
    "a sale's sums fit in an i64"
);
