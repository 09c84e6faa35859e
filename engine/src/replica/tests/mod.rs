//! What a replica promises: nothing lost, nothing doubled, nothing shown too early.
//!
//! Each file tests one promise; the tenant that they share is `crate::testing`.

mod arrivals;
mod books;
mod commit;
mod convergence;
mod forks;
mod heads;
mod hostile;
mod requests;
mod rights;
mod risk;
mod tamper;
mod voids;
