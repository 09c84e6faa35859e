//! Where a daemon's log lines go: to stderr, filtered.
//!
//! Only a `main` calls this, once; libraries return errors and emit `tracing` events.

use std::io::IsTerminal;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// The variable that holds the filter when no flag does.
pub const FILTER_VARIABLE: &str = "TENTPOLE_LOG";

const FILTER_DEFAULT: &str = "info";

/// Why logging could not be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoggingError {
    /// The filter is not one.
    #[error("the log filter `{filter}` is not valid: {cause}; write `info` or `info,quinn=warn`")]
    Filter {
        /// What was given.
        filter: String,
        /// Why it was refused.
        cause: ParseError,
    },
    /// Logging is set up once a process.
    #[error("logging is set up already; call this once")]
    Twice,
}

/// Sends log lines to stderr, coloured on a terminal.
///
/// The filter is `flag`, else the variable `TENTPOLE_LOG`, else `info`.
pub fn init(flag: Option<&str>) -> Result<(), LoggingError> {
    let variable = std::env::var(FILTER_VARIABLE).ok();
    let filter = filter(flag.or(variable.as_deref()))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
        .map_err(|_| LoggingError::Twice)
}

fn filter(text: Option<&str>) -> Result<EnvFilter, LoggingError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(FILTER_DEFAULT);
    EnvFilter::builder()
        .parse(text)
        .map_err(|cause| LoggingError::Filter { filter: text.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_filter_informative_lines_are_shown() {
        for text in [None, Some(""), Some("  ")] {
            assert_eq!(filter(text).unwrap().to_string(), "info");
        }
    }

    #[test]
    fn a_broken_filter_is_refused_with_an_example() {
        let error = filter(Some("info,quinn=loudly=3")).unwrap_err().to_string();
        assert!(error.contains("`info,quinn=loudly=3`") && error.contains("quinn=warn"), "{error}");
    }

    #[test]
    fn a_second_call_is_refused() {
        let _ = init(Some("error"));
        assert!(matches!(init(Some("error")), Err(LoggingError::Twice)));
    }
}
