//! Extractors that answer with a [`Problem`] and name the field.
//!
//! Whether unknown fields are refused is up to the type (`#[serde(deny_unknown_fields)]`). The
//! content type of a request is not looked at: no call takes anything but JSON, and a page that
//! leaves it out to avoid a browser's preflight still has no token.

use std::error::Error;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body of at most the route's limit (axum's `DefaultBodyLimit`).
///
/// Anything else is [`Problem::malformed`], or [`Problem::too_large`].
#[derive(Debug, Clone, Copy)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::too_large("the body is longer than this call takes; send it in parts")
            } else {
                Problem::malformed(format!("the body did not arrive whole: {}", root(&rejection)))
            }
        })?;
        parse_json(&bytes).map(Self)
    }
}

/// The parameters behind the `?`. Anything unreadable is [`Problem::malformed`].
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| Problem::malformed(format!("query: {}", root(&rejection))))
    }
}

/// The variable parts of the path. Anything unreadable is [`Problem::malformed`].
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(Problem::malformed(format!("path: {}", root(&rejection)))),
        }
    }
}

/// The one JSON value that `bytes` hold. A refusal names the field: `lines[2].quantity: ...`.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::malformed("the body is empty; send JSON"));
    }
    // Following the path costs time, so that is left to bodies that are refused.
    serde_json::from_slice(bytes).map_err(|cause| match path_of_error::<T>(bytes) {
        Some(path) => Problem::malformed(format!("{path}: {cause}")),
        None => Problem::malformed(cause.to_string()),
    })
}

/// Where in the value reading `T` fails; `None` outside any field, or after the value.
fn path_of_error<T: DeserializeOwned>(bytes: &[u8]) -> Option<String> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let error = serde_path_to_error::deserialize::<_, T>(&mut json).err()?;
    error.path().iter().next()?;
    Some(error.path().to_string())
}

/// The innermost cause: the layers around it only say that something failed.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        quantity: u64,
    }

    #[track_caller]
    fn check(body: &str, words: &[&str]) {
        let problem = parse_json::<Order>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.name, "malformed");
        for word in words {
            assert!(problem.detail.contains(word), "{}", problem.detail);
        }
    }

    #[test]
    fn a_well_formed_body_is_read() {
        let order = parse_json::<Order>(br#" {"lines": [{"quantity": 3}]} "#).unwrap();
        assert_eq!(order, Order { lines: vec![Line { quantity: 3 }] });
    }

    #[test]
    fn a_refusal_names_the_field() {
        check(
            r#"{"lines": [{"quantity": 1}, {"quantity": -2}]}"#,
            &["lines[1].quantity: ", "`-2`"],
        );
        check(r#"{"lines": [{"quantity": 1.5}]}"#, &["lines[0].quantity: ", "`1.5`"]);
        check(r#"{"lines": [{}]}"#, &["lines[0]: ", "missing field `quantity`"]);
        check(
            r#"{"lines": [{"quantity": 1, "price": 2}]}"#,
            &["lines[0].price: ", "unknown field"],
        );
        check(r#"{"lines": [], "lines": []}"#, &["duplicate field `lines`"]);
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        check("", &["the body is empty"]);
        check("{", &["EOF", "line 1 column 1"]);
        check("lines", &["line 1"]);
        check(r#"{"lines": []} {}"#, &["trailing characters"]);
        check(&"[".repeat(100_000), &["[0][0][0]: "]);
        check(&format!(r#"{{"lines": [{{"quantity": {}"#, "[".repeat(9_999)), &["quantity"]);
    }

    #[test]
    fn deep_nesting_is_refused_without_a_deep_stack() {
        let deep = "[".repeat(200_000);
        let problem = parse_json::<serde_json::Value>(deep.as_bytes()).unwrap_err();
        assert!(problem.detail.contains("recursion limit"), "{}", problem.detail);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_no_detail_is_long(bytes: Vec<u8>) {
            if let Err(problem) = parse_json::<Order>(&bytes) {
                prop_assert!(problem.detail.len() <= crate::limits::DETAIL_BYTES_MAX);
            }
        }
    }
}
