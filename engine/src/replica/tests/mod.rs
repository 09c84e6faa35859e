//! What a replica promises: nothing lost, nothing doubled, nothing shown too early.
//!
//! Each file tests one promise; the tenant that they share is `crate::testing`.

mod books;
mod commit;
mod convergence;
mod findings;
mod forks;
mod heads;
mod hostile;
mod rebuild;
mod requests;
mod risk;
mod tamper;
mod voids;
