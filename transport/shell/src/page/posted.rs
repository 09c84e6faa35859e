//! Forms, and the check that one of our own pages sent them.
//!
//! A browser says with every POST which page sent it (`Origin`), and no page can forge that. So a
//! form counts only when its origin is the very host and port that it was sent to; with the strict
//! cookie that leaves nothing to a foreign page, nor to a page on another port of this machine.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRef, FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use axum::http::uri::Authority;
use serde::de::DeserializeOwned;

use super::door::{Door, Refused, Visitor, authority};
use crate::problem::Problem;

/// A form that somebody who was let in has sent from one of our pages.
#[derive(Debug)]
pub struct Posted<T> {
    /// Who.
    pub visitor: Visitor,
    /// What they filled in.
    pub form: T,
}

/// A form from one of our pages, by anybody: for the log-in itself.
#[derive(Debug)]
pub(super) struct Own<T> {
    pub(super) form: T,
    /// Whether the browser called over TLS.
    pub(super) tls: bool,
}

impl<S, T> FromRequest<S> for Posted<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    Door: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let visitor = Door::from_ref(state).visitor(request.headers(), request.extensions());
        let Own { form, .. } = Own::from_request(request, state).await?;
        Ok(Self { visitor: visitor.ok_or(Refused::LogIn)?, form })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Own<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let refuse = |problem: Problem| Refused::Problem(problem.into());
        let tls = own_origin(request.headers()).map_err(refuse)?;
        match Form::<T>::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self { form, tls }),
            Err(rejection) => Err(refuse(unreadable(&rejection))),
        }
    }
}

/// Refuses what no page of this daemon has sent; tells whether the page came over TLS.
pub(super) fn own_origin(headers: &HeaderMap) -> Result<bool, Problem> {
    let foreign = || {
        Problem::forbidden("this form was not sent by a page of this daemon; open the page anew")
    };
    let mut values = headers.get_all(ORIGIN).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(foreign()) };
    let (scheme, host) =
        value.to_str().ok().and_then(|text| text.split_once("://")).ok_or_else(foreign)?;
    let origin: Authority = host.parse().map_err(|_| foreign())?;
    match scheme {
        "http" | "https" if authority(headers).is_some_and(|called| called == origin) => {
            Ok(scheme == "https")
        }
        _ => Err(foreign()),
    }
}

fn unreadable(rejection: &FormRejection) -> Problem {
    match rejection {
        FormRejection::BytesRejection(_) => {
            Problem::too_large("the form is longer than this call takes")
        }
        _ => Problem::malformed(format!("the form cannot be read: {}", rejection.body_text())),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::HOST;

    use super::*;

    #[track_caller]
    fn check(host: &str, origins: &[&str], expected: Option<bool>) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        assert_eq!(own_origin(&headers).ok(), expected, "{origins:?} at {host}");
    }

    #[test]
    fn a_form_of_our_own_is_taken_and_its_scheme_noted() {
        check("127.0.0.1:7700", &["http://127.0.0.1:7700"], Some(false));
        check("stall.lan:7743", &["https://stall.lan:7743"], Some(true));
        check("Stall.lan", &["https://stall.lan"], Some(true));
    }

    #[test]
    fn a_form_of_any_other_page_is_not() {
        for origin in [
            "http://127.0.0.1:7710",
            "http://127.0.0.1",
            "http://evil.example:7700",
            "http://127.0.0.1:7700.evil.example",
            "null",
            "",
            "file://127.0.0.1:7700",
        ] {
            check("127.0.0.1:7700", &[origin], None);
        }
        check("127.0.0.1:7700", &[], None);
        check("127.0.0.1:7700", &["http://127.0.0.1:7700", "http://127.0.0.1:7700"], None);
    }
}
