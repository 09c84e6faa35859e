//! The real programs, end to end: `tentpole-control` and `tentpole-node` as processes on loopback,
//! asked through their API and their command line as a shop would, killed, cut off and lied to.
//!
//! | file | tells |
//! |---|---|
//! | [`harness`] | markets, controls, stalls: how the tests below start, ask and end them |
//! | [`sales`] | a sale from till to centre; commands beside a running daemon |
//! | [`outages`] | selling on without link, control or power |
//! | [`retries`] | a till that asks twice |
//! | [`kills`] | SIGKILL at random moments under load |
//! | [`neighbours`] | stalls that sync with each other |
//! | [`joining`] | join tokens; revocation |
//! | [`clones`] | one data directory that runs twice |
//! | [`directories`] | data directories that must be refused |
//! | [`refusals`] | requests that must be refused |
//! | [`goods`] | goods between stalls, set aside and counted |
//! | [`reversals`] | refunds and voids |
//! | [`findings`] | what does not fit together, and its settling |
//! | [`openapi`] | the API's document against the running programs |
//! | [`settings`] | configuration and exit codes |
//!
//! The programs are found beside this test; it never builds them. Nothing here waits for a fixed
//! time: what takes time is asked for until it is there, within a generous bound.

mod clones;
mod directories;
mod findings;
mod goods;
mod harness;
mod joining;
mod kills;
mod neighbours;
mod openapi;
mod outages;
mod refusals;
mod retries;
mod reversals;
mod sales;
mod settings;
