//! Streams of random numbers, one for each purpose: removing one fault reshuffles nothing else.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for. Hosts and their starts have streams of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What a daemon draws through `Env::fill_random` in one of its starts.
    Host {
        /// Which host.
        host: usize,
        /// Its how-manieth start.
        run: u64,
    },
    /// How long the syncs of a host take.
    Sync {
        /// Which host.
        host: usize,
    },
    /// What a host's disk keeps when the power goes.
    Crash {
        /// Which host.
        host: usize,
    },
    /// Which of the ready tasks goes first.
    Schedule,
    /// What the network does to datagrams.
    Network,
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `purpose` under `seed`.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let (kind, host, run) = match purpose {
            Purpose::Host { host, run } => (0_u64, host, run),
            Purpose::Sync { host } => (1, host, 0),
            Purpose::Crash { host } => (2, host, 0),
            Purpose::Schedule => (3, 0, 0),
            Purpose::Network => (4, 0, 0),
        };
        let mut hasher = blake3::Hasher::new_derive_key("tentpole simulation stream v1");
        for number in [seed, kind, host as u64, run] {
            hasher.update(&number.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// A number below `bound`; 0 when that is 0. The bias is far below what a simulation can see.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Fills `buffer`.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        self.0.fill_bytes(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_different_purposes_have_nothing_in_common() {
        let purposes = [
            Purpose::Host { host: 1, run: 1 },
            Purpose::Host { host: 1, run: 2 },
            Purpose::Host { host: 2, run: 1 },
            Purpose::Sync { host: 1 },
            Purpose::Crash { host: 1 },
            Purpose::Schedule,
            Purpose::Network,
        ];
        let mut firsts: Vec<u64> = purposes.iter().map(|p| Draw::new(7, *p).number()).collect();
        firsts.push(Draw::new(8, Purpose::Network).number());
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), purposes.len() + 1);
    }

    #[test]
    fn one_seed_gives_one_stream() {
        let draw = || {
            let mut draw = Draw::new(7, Purpose::Schedule);
            (0..100).map(|_| draw.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
        assert!(draw().iter().all(|number| *number < 10));
    }
}
