//! Who is let in to the pages: whoever shows a known token once; a cookie remembers it.
//!
//! The cookie is `HttpOnly` and `SameSite=Strict`, and `Secure` when the browser says that it came
//! over TLS. Cookies are not told apart by port, and two stalls may run on one machine, so the port
//! is in the cookie's name. A token never goes into a URL, a page or a log.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::{COOKIE, HOST};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, Method};
use axum::response::{IntoResponse, Redirect, Response};
use engine::hex;
use transport::env::{Env, Instant};

use super::frame::PageProblem;
use super::sessions::Sessions;
use crate::access::{Access, Caller};
use crate::auth::{Token, TokenHash};
use crate::host::Lan;
use crate::limits::{SECRET_BYTES, SESSION_MAX};
use crate::problem::Problem;

/// The page that asks for a token.
pub const LOGIN: &str = "/login";

const COOKIE_NAME: &str = "tentpole";

/// What the door needs of the world, whichever world it is.
trait World: Send + Sync {
    fn now(&self) -> Instant;
    fn fill_random(&self, buffer: &mut [u8]);
}

impl<E: Env> World for E {
    fn now(&self) -> Instant {
        Env::now(self).instant
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        Env::fill_random(self, buffer);
    }
}

/// Lets people in. Clones share the sessions.
#[derive(Clone)]
pub struct Door {
    access: Access,
    sessions: Arc<Mutex<Sessions>>,
    world: Arc<dyn World>,
    title: Arc<str>,
    hint: &'static str,
}

/// Somebody who was let in, and may look. A form is taken by [`super::Posted`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor(pub Caller);

impl Door {
    /// A door for whoever `access` knows. The log-in bears the title, and the hint says which
    /// tokens there are and where they come from.
    pub fn new<E: Env>(env: E, access: Access, title: &str, hint: &'static str) -> Self {
        let (sessions, world) = (Arc::default(), Arc::new(env));
        Self { access, sessions, world, title: title.into(), hint }
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn hint(&self) -> &str {
        self.hint
    }

    /// The `Set-Cookie` of a new session for the bearer of `token`; `None` if nobody knows it. What
    /// comes over TLS comes from the network, where the operator's token is not taken.
    pub(super) fn open(&self, token: &str, headers: &HeaderMap, tls: bool) -> Option<String> {
        let token = Token::parse(token)?.hash();
        self.access.caller(token).filter(|caller| !(tls && caller.is_operator()))?;
        let mut secret = [0; SECRET_BYTES];
        self.world.fill_random(&mut secret);
        let id = hex::encode(&secret);
        self.sessions().open(Token::parse(&id)?.hash(), token, self.world.now());
        Some(set_cookie(headers, &id, SESSION_MAX.as_secs(), tls))
    }

    /// The `Set-Cookie` that forgets the session, which ends.
    pub(super) fn close(&self, headers: &HeaderMap, tls: bool) -> String {
        if let Some(id) = session_id(headers) {
            self.sessions().close(id);
        }
        set_cookie(headers, "", 0, tls)
    }

    /// Who bears the session's cookie. Over the LAN a session of the operator's opens nothing, as
    /// the operator's token does not: however the cookie got there.
    pub(super) fn visitor(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<Visitor> {
        let id = session_id(headers)?;
        let token = self.sessions().token(id, self.world.now())?;
        let lan = extensions.get::<Lan>().is_some();
        self.access.caller(token).filter(|caller| !(lan && caller.is_operator())).map(Visitor)
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitor {
    /// Refuses whoever is not the operator.
    pub fn must_be_operator(&self) -> Result<(), Problem> {
        match self.0.is_operator() {
            true => Ok(()),
            false => Err(Problem::forbidden("a till may not; log in with the operator's token")),
        }
    }
}

/// Why somebody does not see a page.
#[derive(Debug)]
pub enum Refused {
    /// The door is shut: go and log in.
    LogIn,
    /// Something else is wrong with the request.
    Problem(PageProblem),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::LogIn => Redirect::to(LOGIN).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor
where
    Door: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            let problem = Problem::method_not_allowed("forms are taken with a check of their own");
            return Err(Refused::Problem(problem.into()));
        }
        Door::from_ref(state).visitor(&parts.headers, &parts.extensions).ok_or(Refused::LogIn)
    }
}

/// The host and port that the browser called, from the one `Host` header.
pub(super) fn authority(headers: &HeaderMap) -> Option<Authority> {
    let mut values = headers.get_all(HOST).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    Authority::try_from(value.as_bytes()).ok()
}

fn cookie_name(headers: &HeaderMap) -> String {
    match authority(headers).and_then(|authority| authority.port_u16()) {
        Some(port) => format!("{COOKIE_NAME}-{port}"),
        None => COOKIE_NAME.to_owned(),
    }
}

fn set_cookie(headers: &HeaderMap, value: &str, seconds: u64, tls: bool) -> String {
    let name = cookie_name(headers);
    let secure = if tls { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

fn session_id(headers: &HeaderMap) -> Option<TokenHash> {
    let name = cookie_name(headers);
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, id) = pairs.find(|(found, _)| found.trim() == name)?;
    Some(Token::parse(id.trim())?.hash())
}
