//! The bounds on what a scenario may ask for. They hold before anything is allocated for it.

use crate::net::limits::HOSTS_MAX;

/// Bytes of a scenario file.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of a name: of a scenario, a fault, a promised SKU.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of the sentence that says what a scenario is about.
pub const ABOUT_BYTES_MAX: usize = 400;
/// What is found wrong in one file before the search ends.
pub const PROBLEMS_MAX: usize = 20;

/// Stalls of a market.
pub const STALLS_MAX: usize = 200;
/// Minutes of a market: a week.
pub const MINUTES_MAX: u32 = 10_080;
/// Seconds of the phase in which everything heals: a day.
pub const SETTLE_SECONDS_MAX: u32 = 86_400;
/// Machines besides the control and the stalls: copies of stalls, and hostile ones.
pub const EXTRA_MACHINES_MAX: usize = 32;

/// Entries of the time line.
pub const FAULTS_MAX: usize = 10_000;
/// Changes and deeds that all faults together come to, their ends included.
pub const EFFECTS_MAX: u64 = 200_000;
/// Faults that a seed draws.
pub const SWARM_FAULTS_MAX: u32 = 200;
/// The largest weight of a kind of fault.
pub const SWARM_WEIGHT_MAX: u32 = 1_000;
/// How much faster or slower a clock may run, in millionths: a tenth.
pub const DRIFT_PPM_MAX: i32 = 100_000;
/// How far a clock may jump, in seconds: ten years.
pub const CLOCK_STEP_SECONDS_MAX: i32 = 315_360_000;
/// Milliseconds that a sync to a slow disk may take.
pub const DISK_SLOW_MS_MAX: u32 = 600_000;
/// Bits that rot at once.
pub const BIT_ROT_MAX: u32 = 1_000;
/// How many writes or await points ahead a machine may be made to crash.
pub const CRASH_NTH_MAX: u32 = 100_000;
/// What a hostile peer may send in a second.
pub const HOSTILE_A_SECOND_MAX: u32 = 1_000;

/// Sales of a plan.
pub const SALES_MAX: u64 = 500_000;
/// Lines of a basket on average.
pub const LINES_MAX: u32 = 20;
/// Items that a stall keeps.
pub const SKUS_MAX: u32 = 1_000;
/// Items that are promised.
pub const PROMISES_MAX: usize = 16;
/// Pieces of one item.
pub const PIECES_MAX: u32 = 1_000_000;
/// Times of more, or fewer, customers than usual.
pub const SURGES_MAX: usize = 64;
/// How many times as many customers a surge may bring.
pub const FACTOR_MAX: u64 = 1_000;
/// The most uneven that the popularity of items may be; 1 is the law of Zipf.
pub const ZIPF_MAX: u64 = 4;
/// The largest number with decimals: seconds, factors.
pub const DECIMAL_MAX: u64 = 1_000_000_000;

const _: () = assert!(
    1 + STALLS_MAX + EXTRA_MACHINES_MAX <= HOSTS_MAX,
    "the control, the stalls and the machines that join later are hosts of one topology"
);
const _: () = assert!(
    MINUTES_MAX as u64 * 60 <= DECIMAL_MAX,
    "every instant of a market can be written in seconds"
);
const _: () = assert!(SALES_MAX <= u32::MAX as u64, "sales of a stall are numbered with 32 bits");
