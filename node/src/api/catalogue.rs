//! Editing the catalogue at the stall, with or without a network. It decides nothing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::catalogue::EditError;
use engine::replica::append::AppendError;
use engine::replica::catalogue::{CatalogueError, Settlement};
use engine::store::ReadError;
use shell::access::Operator;
use shell::catalogue::body::{ItemsAnswer, ItemsBody, LateBody, Settle};
use shell::extract::JsonBody;
use shell::limits::CATALOGUE_BODY_BYTES_MAX;
use shell::openapi::Routes;
use shell::problem::Problem;
use transport::env::Env;

use super::{Api, ask, unexpected};
use crate::core::{Answer, Call};

/// The catalogue's calls, those that read included.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default()
        .large_call(__path_edit, edit::<E>, CATALOGUE_BODY_BYTES_MAX)
        .large_call(__path_settle_late, settle_late::<E>, CATALOGUE_BODY_BYTES_MAX)
        .merge(shell::catalogue::routes())
}

/// Edits items of the catalogue
#[utoipa::path(post, path = "/v1/catalogue/items", tag = "catalogue",
    security(("operator" = [])), request_body = ItemsBody,
    responses((status = 201, body = ItemsAnswer)))]
async fn edit<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<ItemsBody>,
) -> Result<(StatusCode, Json<ItemsAnswer>), Problem> {
    own_merchant(body.merchant.as_deref())?;
    changed(ask(&api, Call::EditCatalogue(body.into_edits()?)).await?)
}

/// Takes late changes over into the current season, or puts them aside
#[utoipa::path(post, path = "/v1/catalogue/late", tag = "catalogue",
    security(("operator" = [])), request_body = LateBody,
    responses((status = 201, body = ItemsAnswer)))]
async fn settle_late<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<LateBody>,
) -> Result<(StatusCode, Json<ItemsAnswer>), Problem> {
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

fn changed(answer: Answer) -> Result<(StatusCode, Json<ItemsAnswer>), Problem> {
    match answer {
        Answer::Changed(changes) => Ok((StatusCode::CREATED, Json(ItemsAnswer { changes }))),
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
        CatalogueError::Rebuilding | CatalogueError::Read(ReadError::NotWhole(_)) => {
            Problem::rebuilding(text)
        }
        CatalogueError::Append(AppendError::NotGranted { .. }) => Problem::forbidden(text),
        _ => Problem::halted(text),
    }
}
