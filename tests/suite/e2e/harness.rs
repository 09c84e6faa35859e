//! How tests start, ask, break and end daemons.
//!
//! Whatever does not go as it must panics with what was seen. Every process is killed and reaped
//! when its owner is dropped, and the directory of a market goes with it.

mod api;
mod browser;
mod daemon;
mod market;
mod stall;
mod waiting;

pub use api::{Answer, Api, basket, tea};
pub use browser::Browser;
pub use daemon::{Daemon, Output, control, copy_directory, node, run_command};
pub use market::{Market, dead_address, wait_equal_digests};
pub use stall::{Sold, Stall};
pub use waiting::{eventually, within};
