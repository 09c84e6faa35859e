//! What both daemons share: the real world behind `Env`, and the plumbing of their HTTP APIs.
//!
//! | file | holds |
//! |---|---|
//! | [`env`](mod@env) | `RealEnv`: clocks, tasks, randomness, sockets, names |
//! | [`disk`] | `RealDisk`: one writer thread in front of a store |
//! | [`daemon`] | the start that both daemons have in common |
//! | [`files`], [`data_dir`] | private files, and the ones every data directory has |
//! | [`http`] | the server: time limits, size limits, graceful stop |
//! | [`driver`], [`paths`] | a pure core run against the world; the tasks around each QUIC link |
//! | [`access`], [`read`], [`export`] | who may call what; the read calls that both daemons have |
//! | [`catalogue`] | the catalogue's read calls, bodies and commands |
//! | [`rights`] | reading promise rights |
//! | [`feed`] | the change feed: pages and streams of events |
//! | [`openapi`], [`answer`] | the table of calls and its document; answers with their vector |
//! | [`problem`], [`extract`] | RFC 9457 refusals, and extractors that answer with them |
//! | [`page`] | what the live pages share: log-in, frame, words |
//! | [`findings`] | the commands about findings |
//! | [`refusal`] | the problem of each refusal |
//! | [`idempotency`], [`settle`] | keys that make a call safe to repeat; the settling of findings |
//! | [`auth`], [`host`] | bearer tokens; which Host and Origin headers are served |
//! | [`lan`], [`metrics`] | the TLS listener for tills; what a daemon counts of itself |
//! | [`client`], [`arguments`], [`show`], [`exit`] | the command line's side of the API |
//! | [`logging`], [`signals`] | what a daemon's `main` sets up |
//! | [`limits`] | every bound |
//!
//! Nothing here knows what a sale is, and nothing here decides: the daemons do.

pub mod access;
pub mod answer;
pub mod arguments;
pub mod auth;
pub mod catalogue;
pub mod client;
pub mod daemon;
pub mod data_dir;
pub mod disk;
pub mod driver;
pub mod env;
pub mod exit;
pub mod export;
pub mod extract;
pub mod feed;
pub mod files;
pub mod findings;
pub mod host;
pub mod http;
pub mod idempotency;
pub mod lan;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod openapi;
pub mod page;
pub mod paths;
pub mod problem;
pub mod read;
pub mod refusal;
pub mod rights;
pub mod settle;
pub mod show;
pub mod signals;

/// The result of a process that ends with one of [`exit::Exit`]'s codes.
pub use exit::Exit;
