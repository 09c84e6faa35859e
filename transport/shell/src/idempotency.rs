//! The header that makes a writing call safe to repeat.

use axum::http::HeaderMap;
use engine::event::sale::{Key, KeyNumber};

use crate::access::Caller;
use crate::client::IDEMPOTENCY_KEY;
use crate::problem::Problem;

/// The caller's key; [`Problem::missing_key`] unless there is exactly one.
pub fn key(caller: &Caller, headers: &HeaderMap) -> Result<Key, Problem> {
    let missing = || {
        Problem::missing_key(
            "send the header `Idempotency-Key`: the till's own counter, or any text of 1 to 64 \
             visible characters",
        )
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let text = value.to_str().ok().filter(|text| !text.is_empty()).ok_or_else(missing)?;
    Ok(Key { till: caller.till().to_owned(), number: KeyNumber::parse(text) })
}
