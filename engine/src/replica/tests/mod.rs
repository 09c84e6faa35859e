//! What a replica promises: nothing lost, nothing doubled, nothing shown too early.
//!
//! Each file tests one promise; the tenant that they share is `crate::testing`.

mod books;
mod commit;
mod convergence;
mod forks;
mod goods;
mod heads;
mod hostile;
mod own_book;
mod requests;
mod risk;
mod tamper;
mod voids;
