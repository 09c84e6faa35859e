//! The control: the central aggregator that stalls sync to.
//!
//! # Layout
//!
//! - [`core`]: the hub itself; pure.
//! - [`api`]: the operator's HTTP API in front of it.
//! - [`pages`]: the live page for people, on the same calls.
//! - [`config`]: file, environment and flags.
//! - [`daemon`], [`found`]: starting, and founding a tenant.
//! - [`cli`]: the commands of `tentpole-control`.

pub mod api;
pub mod cli;
pub mod config;
pub mod core;
pub mod daemon;
pub mod found;
pub mod pages;
