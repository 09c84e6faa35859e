//! The catalogue as both daemons show it, and the bodies and commands that edit it.
//!
//! | file | holds |
//! |---|---|
//! | [`body`] | an item in JSON, as read and as edited |
//! | [`read`] | the read calls: items, conflicts, changes that do not stand, late ones, seasons |
//! | [`command`] | `catalogue ...` on the command line |
//! | [`import`] | items from CSV and JSON lines |
//!
//! It decides nothing: the engine checks every edit.

pub mod body;
pub mod command;
pub mod import;
pub mod read;

pub use read::{Desk, routes};
