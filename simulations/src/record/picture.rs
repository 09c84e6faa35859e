//! Draws a finished run as one HTML file that needs nothing else: no network, no other file.
//!
//! The drawing is done by the script in the file, so here the run is only put into it, as data that
//! no name or text in it can break out of. What is drawn is described in [`super::run`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use super::run::Run;

/// The file around style, run and script; each takes the place of its marker.
const TEMPLATE: &str = include_str!("picture.html");
const STYLE: &str = include_str!("picture/style.css");
const ROWS: &str = include_str!("picture/rows.js");
const VIEW: &str = include_str!("picture/view.js");

/// The run as the script reads it.
#[derive(Serialize)]
struct Page<'a> {
    run: &'a Run,
    /// As text: a script's numbers are exact to 2^53 only.
    seed: String,
}

/// Why a picture was not written.
#[derive(Debug, Error)]
#[error(
    "the picture cannot be written to {}: {source}; name a file in a folder that exists",
    path.display()
)]
pub struct PictureError {
    path: PathBuf,
    source: io::Error,
}

/// The picture of a run, as HTML.
pub fn html(run: &Run) -> String {
    let page = Page { run, seed: run.seed.to_string() };
    let json = serde_json::to_string(&page).expect("invariant: keys are texts, values plain data");
    let json = in_script(&json);
    let parts = [("/*style*/", STYLE), ("/*run*/", &json), ("/*rows*/", ROWS), ("/*view*/", VIEW)];
    let mut out = String::with_capacity(json.len() + 64 * 1024);
    let mut rest = TEMPLATE;
    for (marker, part) in parts {
        // The template alone is searched, so a marker in a run's text stays text.
        let (before, after) =
            rest.split_once(marker).expect("invariant: the template has each marker, in order");
        out.push_str(before);
        out.push_str(part);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Writes the picture of a run to a file, in place of what it held.
pub fn write(run: &Run, path: &Path) -> Result<(), PictureError> {
    fs::write(path, html(run)).map_err(|source| PictureError { path: path.to_owned(), source })
}

/// JSON as it may stand inside a script element: nothing in it can end the element or open a
/// comment there, and it has no line ends of its own. These characters stand in JSON's texts alone,
/// where an escape means the same.
fn in_script(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
