//! What a replica promises: nothing lost, nothing doubled, nothing shown too early.
//!
//! Each file tests one promise; the tenant that they share is `crate::testing`.

mod arrivals;
mod books;
#[cfg(feature = "catalogue")]
mod catalogue;
mod commit;
mod convergence;
mod findings;
mod forks;
mod goods;
mod heads;
mod hostile;
mod luck;
mod money;
mod own_book;
mod rebuild;
mod requests;
mod rights;
mod risk;
mod statement;
mod tamper;
mod voids;
