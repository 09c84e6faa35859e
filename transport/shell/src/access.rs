//! Who may call what: the operator's token everything, a till's token what tills do.
//!
//! Tokens are known by their hashes alone. Handlers take the caller as an extractor, so a route
//! without one does not compile into an open door by accident: it has to ask for nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use crate::auth::{self, TokenHash};
use crate::host::Lan;
use crate::problem::Problem;

/// The till that the operator writes as.
pub const OPERATOR: &str = "operator";

/// The tokens that are known. Clones share them.
#[derive(Clone)]
pub struct Access {
    operator: TokenHash,
    tills: Arc<RwLock<BTreeMap<[u8; 32], String>>>,
}

impl Access {
    /// The operator's token and the tills'.
    pub fn new(operator: TokenHash, tills: BTreeMap<[u8; 32], String>) -> Self {
        Self { operator, tills: Arc::new(RwLock::new(tills)) }
    }

    /// A till has a new token; its old one is no longer known.
    pub fn add_till(&self, name: &str, token: TokenHash) {
        let mut tills = self.tills.write().unwrap_or_else(PoisonError::into_inner);
        tills.retain(|_, till| till != name);
        tills.insert(token.to_bytes(), name.to_owned());
    }

    /// The bearer of this token, to look at again later; `None` if nobody knows it.
    pub fn bearer(&self, token: TokenHash) -> Option<Bearer> {
        let caller = self.caller(token)?;
        Some(Bearer { access: self.clone(), token, caller })
    }

    /// Who bears this token.
    pub fn caller(&self, token: TokenHash) -> Option<Caller> {
        if token == self.operator {
            return Some(Caller { till: None });
        }
        let tills = self.tills.read().unwrap_or_else(PoisonError::into_inner);
        // The map is ordered by the hash of a secret, so a lookup's timing tells nothing of use.
        tills.get(&token.to_bytes()).map(|till| Caller { till: Some(till.clone()) })
    }
}

/// Who calls: anyone with a known token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    till: Option<String>,
}

impl Caller {
    /// The till that a write is for.
    pub fn till(&self) -> &str {
        self.till.as_deref().unwrap_or(OPERATOR)
    }

    /// Whether it is the operator.
    pub fn is_operator(&self) -> bool {
        self.till.is_none()
    }
}

/// Who calls, for an answer that goes on for long: its token may be replaced meanwhile.
#[derive(Clone)]
pub struct Bearer {
    access: Access,
    token: TokenHash,
    caller: Caller,
}

impl Bearer {
    /// Who called.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether the token still opens what it opened.
    pub fn still_stands(&self) -> bool {
        self.access.caller(self.token).as_ref() == Some(&self.caller)
    }
}

/// The operator calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator;

impl<S: Send + Sync> FromRequestParts<S> for Bearer
where
    Access: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = auth::bearer(&parts.headers)?;
        let bearer = Access::from_ref(state)
            .bearer(token)
            .ok_or_else(|| Problem::unauthenticated("the token is not known here"))?;
        if bearer.caller.is_operator() && parts.extensions.get::<Lan>().is_some() {
            return Err(Problem::forbidden(
                "the operator's token is not taken over the LAN; use it on loopback, and a till's \
                 token here",
            ));
        }
        Ok(bearer)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Access: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Bearer::from_request_parts(parts, state).await?.caller)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator
where
    Access: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        match caller.till {
            None => Ok(Self),
            Some(_) => Err(Problem::forbidden("a till may not; use the operator's token")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tills_new_token_replaces_its_old_one() {
        let hash = |byte| TokenHash::from_bytes([byte; 32]);
        let access = Access::new(hash(1), BTreeMap::from([([2; 32], "t1".to_owned())]));
        let bearers = [2, 1].map(|token| access.bearer(hash(token)).unwrap());
        assert_eq!(bearers[0].caller().till(), "t1");
        access.add_till("t1", hash(3));
        assert_eq!(access.caller(hash(2)), None);
        assert_eq!(bearers.map(|bearer| bearer.still_stands()), [false, true]);
        assert_eq!(access.caller(hash(3)).unwrap().till(), "t1");
        assert_eq!(access.caller(hash(1)).unwrap().till(), OPERATOR);
    }
}
