//! The command line, command by command. What commands do is in the library; here is what they say.

pub mod args;
pub mod protocol;
pub mod run;
pub mod shrink;
pub mod sweep;

use std::ops::Range;

use indicatif::{ProgressBar, ProgressStyle};

/// FIRST..END, END not included.
pub fn seeds(text: &str) -> Result<Range<u64>, String> {
    let mend = || format!("{text:?} is not FIRST..END, as in 0..100");
    let (first, end) = text.split_once("..").ok_or_else(mend)?;
    let range = first.parse().map_err(|_| mend())?..end.parse().map_err(|_| mend())?;
    if range.is_empty() { Err(mend()) } else { Ok(range) }
}

/// A bar over seeds.
pub fn progress(seeds: &Range<u64>) -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new(seeds.end - seeds.start);
    let style = "{bar:40} {pos}/{len} seeds, {eta} left";
    bar.set_style(ProgressStyle::with_template(style)?);
    Ok(bar)
}
