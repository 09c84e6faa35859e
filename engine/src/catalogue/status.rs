//! What has become of a change, in a form that is stored and told.

use super::quarantine::Quarantine;

/// What has become of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It waits for a change it depends on.
    Pending,
    /// It is part of the document.
    Applied,
    /// It is set aside for good.
    Quarantined(Quarantine),
}

impl Status {
    /// Its stable number: 0 pending, 255 applied, else the reason of the quarantine.
    pub const fn code(self) -> u8 {
        match self {
            Status::Pending => 0,
            Status::Quarantined(reason) => reason.code(),
            Status::Applied => u8::MAX,
        }
    }

    /// Reads what [`Status::code`] wrote.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Status::Pending),
            u8::MAX => Some(Status::Applied),
            _ => Quarantine::from_code(code).map(Status::Quarantined),
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Status::Pending => f.write_str("it waits for a change that it builds on"),
            Status::Applied => f.write_str("it is part of the catalogue"),
            Status::Quarantined(reason) => reason.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_comes_back_from_its_number() {
        let reasons = Quarantine::ALL.map(Status::Quarantined);
        for status in reasons.into_iter().chain([Status::Pending, Status::Applied]) {
            assert_eq!(Status::from_code(status.code()), Some(status));
        }
        assert_eq!(Status::from_code(99), None);
    }
}
