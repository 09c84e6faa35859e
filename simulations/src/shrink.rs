//! Makes a failing run small: leaves out what the failure does not need.
//!
//! Delta debugging after A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing
//! Input", IEEE Transactions on Software Engineering 28(2), 2002: parts of a list are left out as
//! long as the run still fails in the same way, larger parts first. As most of their followers do,
//! this tries only what is left without a part: with two parts that is the other part, and among
//! more parts hardly one fails alone. The length is halved down in the same way.
//!
//! Pure: whether a run still fails is asked of the caller, and it must be certain. The same answers
//! give the same result. What is returned has failed, and is part of what was given.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use thiserror::Error;

/// What can be left out of a run, and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset<T> {
    /// Lists of what can be left out, in the order in which they are tried: stalls before faults
    /// before sales, as what comes with a stall goes with it. Neighbours in a list go together.
    pub groups: Vec<Vec<T>>,
    /// How long the run goes on.
    pub length: Duration,
}

/// How much is spent on shrinking, and how fine it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// The most runs, the first included.
    pub runs_max: u32,
    /// Lengths are tried in multiples of this. Not 0.
    pub grain: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk<T> {
    /// What still fails.
    pub kept: Subset<T>,
    /// When it fails.
    pub fails_at: Duration,
    /// Runs that it took.
    pub runs: u32,
    /// Whether the failure goes away if any single one of what is kept is left out, and with the
    /// next shorter length that was tried; if not, there were too few runs to say so.
    pub is_minimal: bool,
}

/// Why nothing was shrunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ShrinkError {
    /// The whole run does not fail.
    #[error("the whole run does not fail in that way; name a seed and a checker that it violates")]
    Holds,
    /// No run is allowed.
    #[error("no run is allowed; allow at least 1, better some hundreds")]
    NoRuns,
    /// Lengths cannot be tried in steps of nothing.
    #[error("the length is to be tried in steps of 0 s; give at least a millisecond")]
    NoGrain,
}

/// Makes a failing run small. `fails` runs a subset and says when it fails in the same way, by the
/// same checker; none if it does not.
pub fn shrink<T: Clone>(
    whole: &Subset<T>,
    effort: Effort,
    fails: impl FnMut(&Subset<T>) -> Option<Duration>,
) -> Result<Shrunk<T>, ShrinkError> {
    if effort.grain.is_zero() {
        return Err(ShrinkError::NoGrain);
    }
    let all = |group: &Vec<T>| (0..group.len()).collect();
    let best = Kept { groups: whole.groups.iter().map(all).collect(), length: whole.length };
    let mut search = Search {
        whole,
        effort,
        fails,
        best: best.clone(),
        fails_at: Duration::ZERO,
        runs: 0,
        is_spent: false,
        held: BTreeSet::new(),
    };
    if !search.still_fails(best) {
        return Err(if search.is_spent { ShrinkError::NoRuns } else { ShrinkError::Holds });
    }
    // A list may shrink further after a later one did, so all are tried until none does.
    loop {
        let before = search.best.clone();
        search.shorten();
        (0..whole.groups.len()).for_each(|group| search.reduce(group));
        if search.best == before || search.is_spent {
            break;
        }
    }
    Ok(Shrunk {
        kept: search.subset(&search.best),
        fails_at: search.fails_at,
        runs: search.runs,
        is_minimal: !search.is_spent,
    })
}

/// A subset, by places in the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    groups: Vec<Vec<usize>>,
    length: Duration,
}

impl Kept {
    /// A name for what was tried. Two with the same name would only leave the result larger.
    fn name(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.length.as_nanos().to_le_bytes());
        for group in &self.groups {
            hasher.update(&(group.len() as u64).to_le_bytes());
            for place in group {
                hasher.update(&(*place as u64).to_le_bytes());
            }
        }
        *hasher.finalize().as_bytes()
    }

    fn without(&self, group: usize, part: Range<usize>) -> Self {
        let mut kept = self.clone();
        kept.groups[group].drain(part);
        kept
    }
}

struct Search<'a, T, F> {
    whole: &'a Subset<T>,
    effort: Effort,
    fails: F,
    /// The smallest that failed.
    best: Kept,
    fails_at: Duration,
    runs: u32,
    /// Whether a run was not made because there were too many.
    is_spent: bool,
    /// Names of what was tried and did not fail.
    held: BTreeSet<[u8; 32]>,
}

impl<T: Clone, F: FnMut(&Subset<T>) -> Option<Duration>> Search<'_, T, F> {
    fn subset(&self, kept: &Kept) -> Subset<T> {
        let of = |(group, places): (&Vec<T>, &Vec<usize>)| {
            places.iter().map(|place| group[*place].clone()).collect()
        };
        let groups = self.whole.groups.iter().zip(&kept.groups).map(of).collect();
        Subset { groups, length: kept.length }
    }

    /// Runs what is kept, unless that is known, and keeps it from now on if it fails.
    fn still_fails(&mut self, kept: Kept) -> bool {
        let name = kept.name();
        if self.is_spent || self.held.contains(&name) {
            return false;
        }
        if self.runs == self.effort.runs_max {
            self.is_spent = true;
            return false;
        }
        self.runs += 1;
        let subset = self.subset(&kept);
        let Some(fails_at) = (self.fails)(&subset) else {
            self.held.insert(name);
            return false;
        };
        self.fails_at = fails_at;
        self.best = kept;
        true
    }

    /// Looks for a shorter length: first up to the failure, as what comes after it is not needed;
    /// then by halves.
    fn shorten(&mut self) {
        let ticks = |time: Duration| time.as_nanos().div_ceil(self.effort.grain.as_nanos());
        // Whatever happens in the same tick as the failure happens before its end.
        let failing = ticks(self.fails_at) + 1;
        let (mut holds, mut fails) = (0, ticks(self.best.length));
        let grain = self.effort.grain;
        if failing < fails && self.fails_with(failing, grain) {
            fails = failing;
        }
        while fails - holds > 1 {
            let middle = holds + (fails - holds) / 2;
            if self.fails_with(middle, grain) {
                fails = middle;
            } else {
                holds = middle;
            }
        }
    }

    fn fails_with(&mut self, ticks: u128, grain: Duration) -> bool {
        let nanos = ticks.saturating_mul(grain.as_nanos());
        let length = u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos);
        let kept = Kept { length, ..self.best.clone() };
        length < self.best.length && self.still_fails(kept)
    }

    /// Leaves out parts of a group until no single item of it can be left out.
    fn reduce(&mut self, group: usize) {
        let len = self.best.groups[group].len();
        if len == 0 || self.still_fails(self.best.without(group, 0..len)) {
            return;
        }
        let mut size = len.div_ceil(2);
        loop {
            let shrank = self.leave_out_parts(group, size);
            let half = self.best.groups[group].len().div_ceil(2);
            if self.is_spent || (size == 1 && !shrank) {
                return;
            }
            size = if shrank { size.min(half) } else { size.div_ceil(2) };
        }
    }

    /// Tries to leave out each part of so many items in turn, and says whether one was.
    fn leave_out_parts(&mut self, group: usize, size: usize) -> bool {
        let (mut from, mut shrank) = (0, false);
        while from < self.best.groups[group].len() {
            let to = (from + size).min(self.best.groups[group].len());
            if self.still_fails(self.best.without(group, from..to)) {
                // What came after the part now stands in its place.
                shrank = true;
            } else {
                from = to;
            }
        }
        shrank
    }
}

#[cfg(test)]
mod tests;
