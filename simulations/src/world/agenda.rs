//! What happens next: a queue ordered by time, and by order of entry within one instant.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// Things that happen at times.
#[derive(Debug)]
pub struct Agenda<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    next: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Duration,
    order: u64,
    what: T,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), next: 0 }
    }
}

impl<T> Agenda<T> {
    /// `what` happens at `at`.
    pub fn put(&mut self, at: Duration, what: T) {
        self.next += 1;
        self.heap.push(Reverse(Entry { at, order: self.next, what }));
    }

    /// When something happens next.
    pub fn next_at(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next thing, when it happens by `until`.
    pub fn take(&mut self, until: Duration) -> Option<(Duration, T)> {
        if self.next_at()? > until {
            return None;
        }
        let Reverse(Entry { at, what, .. }) = self.heap.pop()?;
        Some((at, what))
    }

    /// How many things wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_happen_in_order_of_time_and_then_of_entry() {
        let mut agenda = Agenda::default();
        for (at, what) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b'), (9, 'x')] {
            agenda.put(Duration::from_nanos(at), what);
        }
        let taken = std::iter::from_fn(|| agenda.take(Duration::from_nanos(2)));
        assert_eq!(taken.map(|(_, what)| what).collect::<String>(), "abcd");
        assert_eq!((agenda.len(), agenda.next_at()), (1, Some(Duration::from_nanos(9))));
    }
}
