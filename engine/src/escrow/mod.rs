//! Who asks whom for promise rights, and who gives how much: rules over numbers.
//!
//! Pure and without memory but for [`Rates`]: nothing here reads a store, a clock or a log. What
//! keeps stock from being oversold is the balance, in `crate::decide::rights`; whatever a strategy
//! does, it can only be unfair or slow.

mod ask;
mod give;
mod rates;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use ask::{Holder, Wanted, ask, low};
pub use give::{Taken, give, take};
pub use rates::Rates;

/// How rights move between stalls without anybody's doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// They do not: a stall sells what came to it.
    None,
    /// A stall asks when a customer wants more than it may sell.
    OnDemand,
    /// It also asks before it runs dry.
    #[default]
    LowWater,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 3] = [Self::None, Self::OnDemand, Self::LowWater];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OnDemand => "on-demand",
            Self::LowWater => "low-water",
        }
    }
}

impl std::str::FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|strategy| strategy.name() == name);
        found.ok_or_else(|| UnknownStrategy(name.to_owned()))
    }
}

/// The whole units in a quantity, in thousandths.
fn whole(quantity: u64) -> u64 {
    quantity / UNIT * UNIT
}

/// Thousandths of one unit.
const UNIT: u64 = 1_000;

/// There is no such strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no strategy; choose none, on-demand or low-water")]
pub struct UnknownStrategy(String);
