//! What the live pages of both daemons share: the door, the frame, the words. They are made on the
//! server, escaped by `maud`, and need nothing from any other host.
//!
//! | file | holds |
//! |---|---|
//! | [`door`], [`sessions`] | who is let in: a token once, then a cookie |
//! | [`posted`] | forms, and the check that one of our own pages sent them |
//! | [`frame`] | the document around every page, its headers, its two assets |
//! | [`login`] | the pages that let in and out |
//! | [`findings`] | what does not fit together, and the form that settles it |
//! | [`totals`] | sales of each stall and in sum |
//! | [`words`] | money, quantities and ages as people read them |
//!
//! A page shows what the books say and hands on what people ask; it decides nothing. A cookie opens
//! pages only: the API takes tokens and knows of no cookie.

pub mod door;
pub mod findings;
pub mod frame;
pub mod login;
pub mod posted;
pub mod sessions;
#[cfg(test)]
mod tests;
pub mod totals;
pub mod words;

pub use door::{Door, Visitor};
pub use frame::{Frame, PageProblem};
pub use posted::Posted;
