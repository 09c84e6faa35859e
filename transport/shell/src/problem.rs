//! Refusals as RFC 9457 problem bodies.
//!
//! The names are a contract with callers: one is added, none changes. A detail names the field
//! and the mend; it never holds a secret or an internal error.

use std::fmt;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits::DETAIL_BYTES_MAX;

/// The content type of a problem body.
pub const CONTENT: &str = "application/problem+json";
/// What stands before the name in a problem's `type`.
pub const TYPE_PREFIX: &str = "urn:tentpole:problem:";

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable name; `type` is `urn:tentpole:problem:NAME`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind of problem in words, the same for every one of its name.
    pub title: &'static str,
    /// What is wrong with this request, and the mend. At most `DETAIL_BYTES_MAX` bytes.
    pub detail: String,
}

/// A problem as its body says it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `urn:tentpole:problem:NAME`; the name is stable.
    #[schema(
        pattern = "^urn:tentpole:problem:[a-z-]+$",
        example = "urn:tentpole:problem:unknown-sku"
    )]
    r#type: String,
    /// The kind of problem in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request, and the mend.
    detail: String,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $make:ident = $name:literal, $status:ident, $title:literal;)*) => {
        impl Problem {
            $(
                $(#[$doc])*
                pub fn $make(detail: impl Into<String>) -> Self {
                    Self::new($name, StatusCode::$status, $title, detail.into())
                }
            )*

            /// Every kind: its name, its status, and what it is in words.
            pub fn kinds() -> Vec<(&'static str, StatusCode, &'static str)> {
                vec![$(($name, StatusCode::$status, $title)),*]
            }
        }
    };
}

problems! {
    /// The request, its body or a parameter cannot be read as what it should be.
    malformed = "malformed", BAD_REQUEST, "the request cannot be read";
    /// There is no token, or it is not known.
    unauthenticated = "unauthenticated", UNAUTHORIZED, "a known token is needed";
    /// The token may not make this call.
    forbidden = "forbidden", FORBIDDEN, "this caller may not do that";
    /// There is no such thing.
    not_found = "not-found", NOT_FOUND, "there is no such thing";
    /// The path is known, the method is not.
    method_not_allowed =
        "method-not-allowed", METHOD_NOT_ALLOWED, "this path has no such method";
    /// A cursor is not of this feed, or no longer.
    unknown_cursor = "unknown-cursor", GONE, "the cursor is not of this feed";
    /// The body is longer than the call takes.
    too_large = "too-large", PAYLOAD_TOO_LARGE, "the body is too large";
    /// The idempotency key was used with another body.
    key_reused = "key-reused", UNPROCESSABLE_ENTITY, "the idempotency key was used before";
    /// The sale is not in the market's currency.
    wrong_currency = "wrong-currency", UNPROCESSABLE_ENTITY, "the currency is not the market's";
    /// The SKU is not in the catalogue.
    unknown_sku = "unknown-sku", UNPROCESSABLE_ENTITY, "the SKU is not in the catalogue";
    /// A quantity is negative, zero where it may not be, or too large.
    bad_quantity = "bad-quantity", UNPROCESSABLE_ENTITY, "a quantity is not possible";
    /// An amount is negative where it may not be, or too large.
    bad_amount = "bad-amount", UNPROCESSABLE_ENTITY, "an amount is not possible";
    /// The tenders do not pay for the sale, or too much of it.
    tenders_short = "tenders-short", UNPROCESSABLE_ENTITY, "the tenders do not fit the total";
    /// A sale or a line that is referred to is not there, or no longer open to this.
    bad_reference = "bad-reference", UNPROCESSABLE_ENTITY, "a reference does not hold";
    /// More is asked for than is free to be promised.
    not_available = "not-available", UNPROCESSABLE_ENTITY, "there is not that much to promise";
    /// A time is not RFC 3339, or a date does not exist.
    bad_time = "bad-time", UNPROCESSABLE_ENTITY, "a time is not possible";
    /// A writing call has no idempotency key.
    missing_key = "missing-key", UNPROCESSABLE_ENTITY, "an idempotency key is needed";
    /// More is asked of the daemon than it can do now.
    busy = "busy", TOO_MANY_REQUESTS, "too much at once";
    /// A projection that the call needs is being rebuilt.
    rebuilding = "rebuilding", SERVICE_UNAVAILABLE, "the books are being rebuilt";
    /// The device has not joined a tenant.
    not_enrolled = "not-enrolled", SERVICE_UNAVAILABLE, "this device has not joined a tenant";
    /// The daemon keeps what it has and takes nothing new.
    halted = "halted", SERVICE_UNAVAILABLE, "this daemon takes no new events";
    /// The daemon is about to end.
    stopping = "stopping", SERVICE_UNAVAILABLE, "this daemon is stopping";
}

impl Problem {
    fn new(name: &'static str, status: StatusCode, title: &'static str, detail: String) -> Self {
        Self { name, status, title, detail: cut(detail) }
    }

    /// The body: `{"type", "title", "status", "detail"}`.
    pub fn body(&self) -> ProblemBody {
        ProblemBody {
            r#type: format!("{TYPE_PREFIX}{}", self.name),
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// The detail may quote a caller's text, so it is cut where it gets long.
fn cut(mut detail: String) -> String {
    const MARK: &str = "...";
    if detail.len() > DETAIL_BYTES_MAX {
        let mut end = DETAIL_BYTES_MAX - MARK.len();
        while !detail.is_char_boundary(end) {
            end -= 1;
        }
        detail.truncate(end);
        detail.push_str(MARK);
    }
    detail
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/api.md");

    /// The rows "| `name`, `name` | status |" under the heading "Errors".
    fn documented() -> BTreeSet<(&'static str, u16)> {
        let (_, errors) = DOCUMENT.split_once("## Errors").unwrap();
        let rows = errors.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | "));
        rows.filter_map(|(names, status)| Some((names, status.parse().ok()?)))
            .flat_map(|(names, status)| {
                names.split('`').skip(1).step_by(2).zip([status].repeat(99))
            })
            .collect()
    }

    #[test]
    fn every_documented_problem_can_be_made_with_its_status() {
        let made: BTreeSet<_> =
            Problem::kinds().iter().map(|(name, status, _)| (*name, status.as_u16())).collect();
        let documented = documented();
        assert!(documented.len() >= 18, "the table was found: {documented:?}");
        assert_eq!(
            documented.difference(&made).collect::<Vec<_>>(),
            <[&(&str, u16); 0]>::default()
        );
    }

    #[test]
    fn the_body_has_the_four_members_of_the_rfc() {
        let problem = Problem::unknown_sku("lines[2].sku: `x` is not in the catalogue");
        let expected = json!({
            "type": "urn:tentpole:problem:unknown-sku",
            "title": "the SKU is not in the catalogue",
            "status": 422,
            "detail": "lines[2].sku: `x` is not in the catalogue",
        });
        assert_eq!(serde_json::to_value(problem.body()).unwrap(), expected);
        let response = problem.into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn a_refusal_says_how_to_come_back() {
        let headers = |problem: Problem| problem.into_response().headers().clone();
        assert_eq!(headers(Problem::unauthenticated(""))[WWW_AUTHENTICATE], "Bearer");
        assert_eq!(headers(Problem::busy(""))[RETRY_AFTER], "1");
    }

    #[test]
    fn a_long_detail_is_cut_between_letters() {
        let short = "e".repeat(DETAIL_BYTES_MAX);
        assert_eq!(Problem::malformed(short.clone()).detail, short);
        let long = Problem::malformed("\u{20ac}".repeat(DETAIL_BYTES_MAX)).detail;
        assert!(long.len() <= DETAIL_BYTES_MAX && long.ends_with("\u{20ac}..."), "{long}");
    }
}
