//! How long the replay waits and how much it sends at once. The daemons' own bounds are theirs.

use std::time::Duration;

/// Catalogue items in one call, the most that the API takes.
pub(crate) const ITEMS_PER_CALL: usize = 5_000;

/// Lines of goods received in one call.
pub(crate) const RECEIVED_LINES_PER_CALL: usize = 500;

/// SKUs in one page of stock, the most that the API gives.
pub(crate) const STOCK_PAGE: usize = 1_000;

/// How long a daemon may take until it answers after its start; a killed one recovers in it.
pub(crate) const START_WITHIN: Duration = Duration::from_secs(60);

/// How long a daemon may take to stop after SIGTERM.
pub(crate) const STOP_WITHIN: Duration = Duration::from_secs(20);

/// How long a command beside a daemon may take. Checking every log of a year is the longest.
pub(crate) const COMMAND_WITHIN: Duration = Duration::from_secs(300);

/// How long one HTTP call may take.
pub(crate) const CALL_WITHIN: Duration = Duration::from_secs(30);

/// How long a sale is tried again while the stall does not answer.
pub(crate) const SALE_WITHIN: Duration = Duration::from_secs(90);

/// The pause before a sale is tried again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How often replicas are asked for what they state, which bounds how finely that is timed.
pub(crate) const ASK_EVERY: Duration = Duration::from_millis(20);

/// How long replicas may disagree with none of them changing what it states.
pub(crate) const STILL_FOR: Duration = Duration::from_secs(60);

/// How long a killed stall stays down.
pub(crate) const DOWN_FOR: Duration = Duration::from_millis(300);

/// The most differences listed; the rest are counted.
pub(crate) const DIFFERENCES_LISTED: usize = 20;

/// The most bytes of an answer shown in an error, and of a daemon's log.
pub(crate) const SHOWN_BYTES: usize = 600;

const _: () = assert!(START_WITHIN.as_secs() < SALE_WITHIN.as_secs());
const _: () = assert!(RETRY_AFTER.as_millis() < DOWN_FOR.as_millis());
