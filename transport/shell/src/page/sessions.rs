//! Sessions of people who have shown a token: bounded in number and in time, known by the hash of
//! what the cookie holds. Pure: the time is an argument.
//!
//! A session keeps the hash of the token that opened it and not what that token may do, so it ends
//! with the token: a till whose token is replaced is shut out at its next click.

use std::collections::BTreeMap;

use transport::env::Instant;

use crate::auth::TokenHash;
use crate::limits::{SESSION_IDLE_MAX, SESSION_MAX, SESSIONS_MAX};

/// The sessions that are open.
#[derive(Debug, Default)]
pub struct Sessions(BTreeMap<[u8; 32], Session>);

#[derive(Debug)]
struct Session {
    token: TokenHash,
    opened: Instant,
    used: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.since(self.used) > SESSION_IDLE_MAX || now.since(self.opened) > SESSION_MAX
    }
}

impl Sessions {
    /// Opens a session. When there are too many, the one that was unused for longest ends.
    pub fn open(&mut self, id: TokenHash, token: TokenHash, now: Instant) {
        self.0.retain(|_, session| !session.is_over(now));
        while self.0.len() >= SESSIONS_MAX {
            let idle = self.0.iter().min_by_key(|(_, session)| session.used);
            let Some(idle) = idle.map(|(id, _)| *id) else { break };
            self.0.remove(&idle);
        }
        self.0.insert(id.to_bytes(), Session { token, opened: now, used: now });
    }

    /// The token that opened this session, if it is open still; the session was used now.
    pub fn token(&mut self, id: TokenHash, now: Instant) -> Option<TokenHash> {
        let session = self.0.get_mut(&id.to_bytes()).filter(|session| !session.is_over(now))?;
        session.used = now;
        Some(session.token)
    }

    /// Ends a session.
    pub fn close(&mut self, id: TokenHash) {
        self.0.remove(&id.to_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn hash(number: usize) -> TokenHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        TokenHash::from_bytes(bytes)
    }

    fn at(span: Duration) -> Instant {
        Instant(span)
    }

    #[test]
    fn a_session_lasts_while_it_is_used_and_not_beyond_its_day() {
        let mut sessions = Sessions::default();
        sessions.open(hash(1), hash(9), at(Duration::ZERO));
        let mut now = Duration::ZERO;
        while now + SESSION_IDLE_MAX <= SESSION_MAX {
            now += SESSION_IDLE_MAX;
            assert_eq!(sessions.token(hash(1), at(now)), Some(hash(9)), "{now:?}");
        }
        assert_eq!(sessions.token(hash(1), at(SESSION_MAX + Duration::from_millis(1))), None);
    }

    #[test]
    fn an_idle_session_ends() {
        let mut sessions = Sessions::default();
        sessions.open(hash(1), hash(9), at(Duration::ZERO));
        let later = SESSION_IDLE_MAX + Duration::from_millis(1);
        assert_eq!(sessions.token(hash(1), at(later)), None);
    }

    #[test]
    fn a_closed_session_and_an_unknown_one_open_nothing() {
        let mut sessions = Sessions::default();
        sessions.open(hash(1), hash(9), at(Duration::ZERO));
        assert_eq!(sessions.token(hash(2), at(Duration::ZERO)), None);
        sessions.close(hash(1));
        assert_eq!(sessions.token(hash(1), at(Duration::ZERO)), None);
    }

    #[test]
    fn of_too_many_sessions_the_longest_unused_ends() {
        let mut sessions = Sessions::default();
        for number in 0..SESSIONS_MAX {
            sessions.open(hash(number), hash(9), at(Duration::from_millis(number as u64)));
        }
        let late = at(Duration::from_secs(60));
        assert!(sessions.token(hash(0), late).is_some());
        sessions.open(hash(SESSIONS_MAX), hash(9), late);
        assert_eq!(sessions.token(hash(1), late), None);
        assert!(sessions.token(hash(0), late).is_some());
        assert!(sessions.token(hash(SESSIONS_MAX), late).is_some());
    }
}
