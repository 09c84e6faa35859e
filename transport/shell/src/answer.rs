//! Answers of the read calls: JSON, and the version vector that it holds at.
//!
//! It never decides what an answer says.

use axum::Json;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use engine::hash::Hash;
use serde::Serialize;
use utoipa::ToSchema;

/// The header with the hash of the version vector, as documents write it.
pub const VECTOR_HEADER: &str = "Tentpole-Vector";
const VECTOR: HeaderName = HeaderName::from_static("tentpole-vector");

/// A body, and the hash of the version vector of the state that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The hash of the vector.
    pub vector: Hash,
    /// What was read.
    pub body: T,
}

/// The vector's header.
pub fn vector_header(vector: &Hash) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&vector.to_string());
    (VECTOR, value.expect("invariant: a hash is written in hexadecimal digits"))
}

impl<T: Serialize> IntoResponse for At<T> {
    fn into_response(self) -> Response {
        ([vector_header(&self.vector)], Json(self.body)).into_response()
    }
}

/// The daemon is about to end.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shutdown {
    /// True.
    pub stopping: bool,
}
