//! `tentpole-control`: see `tentpole-control --help`.

use clap::Parser;
use shell::Exit;
use tentpole_control::cli::Cli;

#[tokio::main]
async fn main() -> Exit {
    tentpole_control::cli::run(Cli::parse()).await
}
