//! What a replica promises: nothing lost, nothing doubled, nothing shown too early.
//!
//! Each file tests one promise; the tenant that they share is `crate::testing`.

mod books;
mod commit;
mod convergence;
mod forks;
mod heads;
mod hostile;
mod requests;
mod risk;
mod statement;
mod tamper;
mod voids;
