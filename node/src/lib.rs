//! The stall's node: it takes sales and keeps them.
//!
//! # Layout
//!
//! - [`core`]: the stall itself; pure.
//! - [`api`]: the till's HTTP API in front of it.
//! - [`pages`]: the live page for people, on the same calls.
//! - [`config`]: file, environment and flags.
//! - [`daemon`], [`join`]: starting, and joining a tenant.
//! - [`cli`]: the commands of `tentpole-node`.

pub mod api;
pub mod cli;
pub mod config;
pub mod core;
pub mod daemon;
pub mod join;
pub mod pages;
