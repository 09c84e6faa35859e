//! Editing the catalogue at the stall, with or without a network. It decides nothing.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use engine::catalogue::EditError;
use engine::replica::append::AppendError;
use engine::replica::catalogue::{CatalogueError, Settlement, past_items};
use serde_json::json;
use shell::access::Operator;
use shell::catalogue::body::{ItemsBody, LateBody, Settle};
use shell::catalogue::{self, Desk};
use shell::extract::JsonBody;
use shell::limits::CATALOGUE_BODY_BYTES_MAX;
use shell::problem::Problem;
use transport::env::Env;

use super::{Api, ask, unexpected};
use crate::core::{Answer, Call};

/// The catalogue's routes, those that read included.
pub(super) fn routes<E: Env>() -> Router<Api<E>> {
    Router::new()
        .route("/v1/catalogue/items", post(edit::<E>))
        .route("/v1/catalogue/late", post(settle_late::<E>))
        .layer(DefaultBodyLimit::max(CATALOGUE_BODY_BYTES_MAX))
        .merge(catalogue::routes(Desk { home: None, past: past_items }))
}

async fn edit<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<ItemsBody>,
) -> Result<Response, Problem> {
    own_merchant(body.merchant.as_deref())?;
    changed(ask(&api, Call::EditCatalogue(body.into_edits()?)).await?)
}

async fn settle_late<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<LateBody>,
) -> Result<Response, Problem> {
    own_merchant(body.merchant.as_deref())?;
    let settlement = match body.settle {
        Settle::Take => Settlement::Take,
        Settle::PutAside => Settlement::PutAside,
    };
    changed(ask(&api, Call::SettleLate(body.changes()?, settlement)).await?)
}

fn own_merchant(named: Option<&str>) -> Result<(), Problem> {
    match named {
        None => Ok(()),
        Some(_) => Err(Problem::malformed(
            "merchant: a stall edits its own merchant's catalogue; leave it out",
        )),
    }
}

fn changed(answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::Changed(changes) => {
            Ok((StatusCode::CREATED, Json(json!({ "changes": changes }))).into_response())
        }
        other => Err(unexpected(&other)),
    }
}

/// The refusal of an edit.
pub(super) fn problem(error: &CatalogueError) -> Problem {
    let text = error.to_string();
    match error {
        CatalogueError::Edit(EditError::ActorNotInStep) => Problem::in_conflict(text),
        CatalogueError::Edit(_) => Problem::malformed(text),
        CatalogueError::NotLate(_) => Problem::bad_reference(text),
        CatalogueError::Rebuilding => Problem::busy(text),
        CatalogueError::Append(AppendError::NotGranted { .. }) => Problem::forbidden(text),
        _ => Problem::halted(text),
    }
}
