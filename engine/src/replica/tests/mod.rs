//! What a replica promises: nothing lost, nothing doubled, nothing shown too early.
//!
//! Each file tests one promise; the tenant that they share is `crate::testing`.

mod arrivals;
mod books;
mod commit;
mod convergence;
mod findings;
mod forks;
mod goods;
mod heads;
mod hostile;
mod own_book;
mod rebuild;
mod requests;
mod risk;
mod tamper;
mod voids;
