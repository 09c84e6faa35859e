//! Bounds of a run, and how often it is looked at.

use std::time::Duration;

/// Between two looks while things change.
pub const LOOK_MIN: Duration = Duration::from_secs(1);
/// Between two looks while nothing changes: each look that finds nothing doubles the wait.
pub const LOOK_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether all hosts have converged.
pub const HEAL_LOOK: Duration = Duration::from_millis(250);
/// How many looks of a picture a run gets at the most; no more than it has bins.
pub const SAMPLES_MAX: u32 = 1_000;
/// Between two asks of a till for promised goods that run short.
pub const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Asks before the customer goes without.
pub const ASKS_MAX: u32 = 6;
/// When an answer is looked for that may be that promised goods run short.
pub const ANSWER: Duration = Duration::from_millis(20);
/// What a halted daemon gets to end in order before it is started again.
pub const IN_ORDER: Duration = Duration::from_secs(5);
/// Things that may wait to happen: datagrams on their way, timers. A run with more is given up.
pub const WAITING_MAX: usize = 2_000_000;
/// Lines of a delivery: more than this are several.
pub const DELIVERY_LINES_MAX: usize = 200;
/// Names of violations, hosts and the like that a person is shown.
pub const SHOWN_MAX: usize = 10;
