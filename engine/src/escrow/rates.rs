//! How fast each SKU sells here: sums over a window of time that slides, in integers.

use std::collections::BTreeMap;

use crate::limits::RATES_MAX;

/// Sales of this and of the last window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Rate {
    /// The number of the window that `now` belongs to.
    window: u64,
    now: u64,
    before: u64,
}

impl Rate {
    /// Moves on to a window.
    fn at(self, window: u64) -> Self {
        match window.saturating_sub(self.window) {
            0 => self,
            1 => Self { window, now: 0, before: self.now },
            _ => Self { window, now: 0, before: 0 },
        }
    }
}

/// What was wanted here of each SKU lately. It is lost with the process, and learned again.
#[derive(Debug, Clone)]
pub struct Rates {
    window_ms: u64,
    rates: BTreeMap<String, Rate>,
}

impl Rates {
    /// Nothing was wanted yet; `window_ms` is at least 1.
    pub fn new(window_ms: u64) -> Self {
        Self { window_ms: window_ms.max(1), rates: BTreeMap::new() }
    }

    /// Notes that so many thousandths were wanted at `ms`, a clock that only runs forward.
    pub fn note(&mut self, sku: &str, quantity: u64, ms: u64) {
        let window = ms / self.window_ms;
        if !self.rates.contains_key(sku) && self.rates.len() >= RATES_MAX {
            self.rates.retain(|_, rate| {
                let moved = rate.at(window);
                moved.now + moved.before > 0
            });
            if self.rates.len() >= RATES_MAX {
                return;
            }
        }
        let rate = self.rates.entry(sku.to_owned()).or_default();
        *rate = rate.at(window);
        rate.now = rate.now.saturating_add(quantity);
    }

    /// What was wanted of a SKU in the last window before `ms`: all of this one, and of the one
    /// before the part that the sliding window still covers.
    pub fn recent(&self, sku: &str, ms: u64) -> u64 {
        let Some(rate) = self.rates.get(sku) else { return 0 };
        let rate = rate.at(ms / self.window_ms);
        let left = u128::from(self.window_ms - ms % self.window_ms);
        let before = u128::from(rate.before) * left / u128::from(self.window_ms);
        rate.now.saturating_add(u64::try_from(before).unwrap_or(u64::MAX))
    }

    /// Every SKU that was wanted lately.
    pub fn skus(&self) -> impl Iterator<Item = &str> {
        self.rates.keys().map(String::as_str)
    }
}
