//! Links between hosts: delay, loss, repetition, reordering, partitions.
//!
//! A message either arrives whole or not at all. Nothing is promised about order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use transport::session::PathId;

use super::world::Draw;

/// How a link treats messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// The shortest time on the way, in milliseconds.
    pub delay_ms: u64,
    /// The most that is added to it at random, which reorders.
    pub jitter_ms: u64,
    /// Messages lost of a thousand.
    pub lost_permille: u64,
    /// Messages repeated of a thousand.
    pub repeated_permille: u64,
}

impl Quality {
    /// A link that loses nothing and takes one millisecond.
    pub const CLEAN: Self =
        Self { delay_ms: 1, jitter_ms: 0, lost_permille: 0, repeated_permille: 0 };
}

/// Hosts by index, links by path.
pub struct Network {
    quality: Quality,
    ends: BTreeMap<PathId, (usize, usize)>,
    cut: BTreeSet<(usize, usize)>,
    next: u64,
}

impl Network {
    /// A network without links.
    pub fn new(quality: Quality) -> Self {
        Self { quality, ends: BTreeMap::new(), cut: BTreeSet::new(), next: 1 }
    }

    /// A new path between two hosts.
    pub fn open(&mut self, a: usize, b: usize) -> PathId {
        let path = PathId(self.next);
        self.next += 1;
        self.ends.insert(path, (a, b));
        path
    }

    /// The path is gone.
    pub fn close(&mut self, path: PathId) -> Option<(usize, usize)> {
        self.ends.remove(&path)
    }

    /// The paths of a host.
    pub fn paths_of(&self, host: usize) -> Vec<PathId> {
        let mine = self.ends.iter().filter(|(_, (a, b))| *a == host || *b == host);
        mine.map(|(path, _)| *path).collect()
    }

    /// The paths between two hosts.
    pub fn between(&self, a: usize, b: usize) -> Vec<PathId> {
        let pair = pair(a, b);
        self.ends.iter().filter(|(_, ends)| **ends == pair).map(|(path, _)| *path).collect()
    }

    /// Cuts or mends the link between two hosts. A cut loses messages and closes nothing.
    pub fn set_cut(&mut self, a: usize, b: usize, cut: bool) {
        if cut {
            self.cut.insert(pair(a, b));
        } else {
            self.cut.remove(&pair(a, b));
        }
    }

    /// Whether the link between two hosts is cut.
    pub fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut.contains(&pair(a, b))
    }

    /// Mends everything and loses nothing more.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.quality.lost_permille = 0;
    }

    /// Who is at the other end of a path, seen from `from`.
    pub fn other_end(&self, path: PathId, from: usize) -> Option<usize> {
        let (a, b) = self.ends.get(&path)?;
        Some(if *a == from { *b } else { *a })
    }

    /// When copies of a message sent now arrive: none, one or two times from now.
    pub fn fate(&self, from: usize, to: usize, draw: &mut Draw) -> Vec<Duration> {
        let Quality { delay_ms, jitter_ms, lost_permille, repeated_permille } = self.quality;
        if self.is_cut(from, to) || draw.permille(lost_permille) {
            return Vec::new();
        }
        let copies = 1 + usize::from(draw.permille(repeated_permille));
        (0..copies).map(|_| Duration::from_millis(delay_ms + draw.below(jitter_ms + 1))).collect()
    }
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}
