//! The bounds on what a sales file may hold. It never holds a bound on the daemons.

/// The largest file read, and the largest member unpacked from a wheel, in bytes. The real wheel
/// has 31.6 MB.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// The most till lines or products read from one table. The real file has 1,469,307.
pub const ROWS_MAX: u64 = 16_000_000;

/// The most cents a line may be charged or discounted: ten million dollars.
pub const LINE_CENTS_MAX: i64 = 1_000_000_000;

/// The most pieces on one line. The real file has up to 89,638: fuel, in small measures.
pub const LINE_PIECES_MAX: u64 = 10_000_000;

/// The longest product name, in bytes; longer ones are cut.
pub const NAME_BYTES_MAX: usize = 96;

const _: () = assert!(LINE_CENTS_MAX as u64 <= u64::MAX / ROWS_MAX / 1_000);
const _: () = assert!(LINE_PIECES_MAX <= u64::MAX / ROWS_MAX / 1_000);
