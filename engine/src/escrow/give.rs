//! How much to give when asked, and whether to take what was given.

use super::{Strategy, whole};

/// What a stall that has `balance` gives of `wanted` thousandths; 0 declines.
///
/// It keeps what was wanted of it in an eighth of a window: a customer who waits elsewhere goes
/// before one who may come here, but rights should not go back and forth. What it cannot give whole
/// it gives in whole units: of a piece in two halves nobody can sell any.
pub fn give(strategy: Strategy, balance: u64, recent: u64, wanted: u64) -> u64 {
    let spare = match strategy {
        Strategy::None => 0,
        Strategy::OnDemand | Strategy::LowWater => balance.saturating_sub(whole(recent / 8)),
    };
    if spare >= wanted { wanted } else { whole(spare) }
}

/// What becomes of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is accepted.
    Accepted,
    /// It came too late to be of use and goes back.
    Returned,
}

/// Whether a grant that answers a request from `age_ms` ago is taken by a stall that has `balance`
/// and wanted `recent` in the last window.
///
/// One that comes after more than four windows, and for which the stall has enough without it, goes
/// back: whoever gave it may sell it.
pub fn take(balance: u64, recent: u64, age_ms: u64, window_ms: u64) -> Taken {
    let late = age_ms > window_ms.saturating_mul(4);
    if late && balance > recent { Taken::Returned } else { Taken::Accepted }
}
