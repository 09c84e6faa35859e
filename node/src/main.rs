//! `tentpole-node`: see `tentpole-node --help`.

use clap::Parser;
use shell::Exit;
use tentpole_node::cli::Cli;

#[tokio::main]
async fn main() -> Exit {
    Box::pin(tentpole_node::cli::run(Cli::parse())).await
}
