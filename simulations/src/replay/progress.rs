//! Says on stderr what is going on: a bar on a terminal, plain lines elsewhere.
//!
//! Results never come this way; they are for stdout.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Says that an act begins.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Shows how far something counted is, until it is done or dropped with the returned future.
///
/// `now` is asked about five times a second; elsewhere than on a terminal each full tenth is one
/// line.
pub(crate) async fn show(what: &str, total: u64, now: impl Fn() -> u64) {
    let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
    let mut tenths = 0;
    loop {
        let done = now().min(total);
        match &bar {
            Some(bar) => bar.set_position(done),
            None => {
                let full = (done * 10).checked_div(total).unwrap_or(10);
                if full > tenths {
                    tenths = full;
                    eprintln!("{what}: {done} of {total}");
                }
            }
        }
        if done == total {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    if let Some(bar) = bar {
        bar.finish();
    }
}

fn bar(what: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}: [{bar:40}] {pos} of {len}, {elapsed} so far");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    ProgressBar::new(total).with_style(style).with_message(what.to_owned())
}
