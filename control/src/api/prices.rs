//! Publishing prices: what the operator states, or what the catalogue asks now.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::books::standing::standing;
use engine::books::whole;
use engine::decide::{self, BundleError};
use engine::event::BundlePrice;
use engine::ids::Scope;
use engine::projections::Projection;
use serde::Deserialize;
use serde_json::{Value, json};
use shell::access::Operator;
use shell::extract::JsonBody;
use shell::openapi::Routes;
use shell::problem::{Problem, ProblemBody};
use transport::env::Env;
use utoipa::ToSchema;

use super::{Api, ask, scope_named, unexpected};
use crate::core::{Answer, Call};

/// Bytes of one price list: the largest bundle fits unless its SKUs are long.
const PRICES_BYTES_MAX: usize = 12 * 1024 * 1024;
/// Conflicts that a refusal lists, and prices of each; the rest are counted.
const LISTED_MAX: usize = 5;

/// The calls about prices that write.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default().large_call(__path_publish, publish::<E>, PRICES_BYTES_MAX)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PublishBody {
    merchant: Option<String>,
    #[serde(default)]
    from_catalogue: bool,
    prices: Option<Vec<PriceBody>>,
    from: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PriceBody {
    sku: String,
    price: i64,
}

/// Publishes a price bundle, in force from an instant
#[utoipa::path(post, path = "/v1/prices/bundles", tag = "operate", security(("operator" = [])),
    request_body = PublishBody,
    responses((status = 201, body = Value), (status = 200, description = "nothing was new"),
        (status = 422, description = "`bad-reference`: the merchant is not known; `bad-amount`; \
            `bad-time`", body = ProblemBody, content_type = "application/problem+json")))]
async fn publish<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<PublishBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let from_ms = instant(&body.from)?;
    let scope = scope_named(&api, body.merchant).await?;
    let prices = match (body.prices, body.from_catalogue) {
        (Some(prices), false) => {
            let price = |price: PriceBody| BundlePrice { sku: price.sku, price: price.price };
            prices.into_iter().map(price).collect()
        }
        (None, true) => from_catalogue(&api, scope).await?,
        _ => {
            let text = "give either \"from_catalogue\": true or \"prices\", a list";
            return Err(Problem::malformed(text));
        }
    };
    let items = prices.len();
    let bundle = decide::bundle(prices).map_err(|error| match error {
        BundleError::BadPrice(_) => Problem::bad_amount(error.to_string()),
        _ => Problem::malformed(error.to_string()),
    })?;
    let name = bundle.name;
    let call = Call::PublishPrices(scope, bundle, from_ms);
    let Answer::Published(new) = ask(&api, call).await? else { return Err(unexpected()) };
    let status = if new.bundle || new.instant { StatusCode::CREATED } else { StatusCode::OK };
    let body = json!({
        "bundle": name,
        "items": items,
        "from_ms": from_ms,
        "published": new.bundle,
        "scheduled": new.instant,
    });
    Ok((status, Json(body)))
}

/// Every standing price of a merchant, unless some of them are in conflict.
async fn from_catalogue<E: Env>(api: &Api<E>, scope: Scope) -> Result<Vec<BundlePrice>, Problem> {
    let found = api.library.read(move |view| {
        whole(view.store, Projection::Catalogue)?;
        standing(view.store, scope)
    });
    let found = found.await?.body;
    if found.conflicts.is_empty() {
        return Ok(found.prices);
    }
    Err(Problem::price_conflict(in_words(&found.conflicts)))
}

fn in_words(conflicts: &[(String, Vec<i64>)]) -> String {
    let mut out = String::from("set the price of each again: ");
    for (at, (sku, prices)) in conflicts.iter().take(LISTED_MAX).enumerate() {
        let prices: Vec<String> = prices.iter().take(LISTED_MAX).map(ToString::to_string).collect();
        let comma = if at == 0 { "" } else { "; " };
        out.push_str(&format!("{comma}{sku} ({})", prices.join(", ")));
    }
    let more = conflicts.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        out.push_str(&format!(" and {more} more"));
    }
    out
}

/// Milliseconds since 1970 of an RFC 3339 time.
fn instant(text: &str) -> Result<i64, Problem> {
    let at: Option<jiff::Timestamp> = text.parse().ok();
    at.map(jiff::Timestamp::as_millisecond).ok_or_else(|| {
        Problem::bad_time(format!(
            "from {text:?} is not an RFC 3339 time with an offset, as in \
             2017-01-01T10:00:00+01:00"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_conflicts_are_listed_in_part_and_counted() {
        let conflicts: Vec<_> = (0..7).map(|at| (format!("s{at}"), vec![1, 2])).collect();
        let words = in_words(&conflicts);
        assert!(words.contains(": s0 (1, 2); s1 (1, 2)"), "{words}");
        assert!(words.ends_with("s4 (1, 2) and 2 more"), "{words}");
        assert!(!in_words(&conflicts[..5]).contains("more"));
    }

    #[test]
    fn an_instant_needs_an_offset() {
        assert_eq!(instant("1970-01-01T01:00:00.5+01:00").ok(), Some(500));
        assert_eq!(instant("1970-01-01T00:00:00").map_err(|problem| problem.name), Err("bad-time"));
    }
}
