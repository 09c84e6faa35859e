//! Exit codes that mean something to a script.

use std::process::{ExitCode, Termination};

use crate::client::ClientError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// It was refused, or it failed.
    Refused = 1,
    /// The command line or the configuration is wrong; clap uses the same code.
    Usage = 2,
    /// It needs a running daemon and there is none.
    NotRunning = 3,
    /// It ran, and found something wrong with the data.
    Data = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}

impl From<&ClientError> for Exit {
    fn from(error: &ClientError) -> Self {
        match error {
            ClientError::NotRunning { .. } => Self::NotRunning,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_daemon_has_a_code_of_its_own() {
        let missing = ClientError::NotRunning { dir: "shop".into() };
        assert_eq!(Exit::from(&missing), Exit::NotRunning);
        let cut = ClientError::Cut { dir: "shop".into(), cause: "reset".into() };
        assert_eq!(Exit::from(&cut), Exit::Refused);
    }

    #[test]
    fn the_codes_are_those_that_scripts_rely_on() {
        let codes = [Exit::Ok, Exit::Refused, Exit::Usage, Exit::NotRunning, Exit::Data];
        assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4]);
    }
}
