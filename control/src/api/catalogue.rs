//! Editing catalogues: items, late changes, seasons. It decides nothing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::catalogue::EditError;
use engine::replica::catalogue::{CatalogueError, Settlement};
use engine::store::ReadError;
use serde::{Deserialize, Serialize};
use shell::access::Operator;
use shell::catalogue::body::{ItemsAnswer, ItemsBody, LateBody, Settle};
use shell::extract::JsonBody;
use shell::limits::CATALOGUE_BODY_BYTES_MAX;
use shell::openapi::Routes;
use shell::problem::{Problem, ProblemBody};
use transport::env::Env;
use utoipa::ToSchema;

use super::{Api, ask, scope_named, unexpected};
use crate::core::{Answer, Call};

/// The catalogue's calls, those that read included.
pub(super) fn routes<E: Env>() -> Routes<Api<E>> {
    Routes::default()
        .large_call(__path_edit, edit::<E>, CATALOGUE_BODY_BYTES_MAX)
        .large_call(__path_settle_late, settle_late::<E>, CATALOGUE_BODY_BYTES_MAX)
        .call(__path_open_season, open_season::<E>)
        .merge(shell::catalogue::routes())
}

/// Edits items of a catalogue
#[utoipa::path(post, path = "/v1/catalogue/items", tag = "catalogue",
    security(("operator" = [])), request_body = ItemsBody,
    responses((status = 201, body = ItemsAnswer),
        (status = 422, description = "`bad-reference`: the merchant is not known",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn edit<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<ItemsBody>,
) -> Result<(StatusCode, Json<ItemsAnswer>), Problem> {
    let scope = scope_named(&api, body.merchant.clone()).await?;
    let call = Call::EditCatalogue(scope, body.into_edits()?);
    changed(ask(&api, call).await?)
}

/// Takes late changes over into the current season, or puts them aside
#[utoipa::path(post, path = "/v1/catalogue/late", tag = "catalogue",
    security(("operator" = [])), request_body = LateBody,
    responses((status = 201, body = ItemsAnswer),
        (status = 422, description = "`bad-reference`: the merchant is not known",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn settle_late<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<LateBody>,
) -> Result<(StatusCode, Json<ItemsAnswer>), Problem> {
    let scope = scope_named(&api, body.merchant.clone()).await?;
    let settlement = match body.settle {
        Settle::Take => Settlement::Take,
        Settle::PutAside => Settlement::PutAside,
    };
    let call = Call::SettleLate(scope, body.changes()?, settlement);
    changed(ask(&api, call).await?)
}

/// A season to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SeasonBody {
    /// Whose; the control's own merchant's if left out.
    merchant: Option<String>,
    /// What people call it.
    #[schema(example = "spring")]
    name: String,
    /// Whether of values in conflict those shown win; otherwise conflicts refuse it.
    #[serde(default)]
    winners: bool,
}

/// A season that has begun.
#[derive(Debug, Serialize, ToSchema)]
struct SeasonAnswer {
    /// Its number.
    season: u32,
    /// Its name.
    name: String,
}

/// Begins a new season of a catalogue
#[utoipa::path(post, path = "/v1/catalogue/seasons", tag = "catalogue",
    security(("operator" = [])), request_body = SeasonBody,
    responses((status = 201, body = SeasonAnswer),
        (status = 422, description = "`bad-reference`: the merchant is not known",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn open_season<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<SeasonBody>,
) -> Result<(StatusCode, Json<SeasonAnswer>), Problem> {
    let SeasonBody { merchant, name, winners } = body;
    let scope = scope_named(&api, merchant).await?;
    match ask(&api, Call::OpenSeason { scope, name: name.clone(), winners }).await? {
        Answer::Season(season) => Ok((StatusCode::CREATED, Json(SeasonAnswer { season, name }))),
        _ => Err(unexpected()),
    }
}

fn changed(answer: Answer) -> Result<(StatusCode, Json<ItemsAnswer>), Problem> {
    match answer {
        Answer::Done(changes) => Ok((StatusCode::CREATED, Json(ItemsAnswer { changes }))),
        _ => Err(unexpected()),
    }
}

/// The refusal of an edit.
pub(super) fn problem(error: &CatalogueError) -> Problem {
    let text = error.to_string();
    match error {
        CatalogueError::Edit(EditError::ActorNotInStep) | CatalogueError::Conflicts(_) => {
            Problem::in_conflict(text)
        }
        CatalogueError::Edit(_) | CatalogueError::SeasonName | CatalogueError::LastSeason => {
            Problem::malformed(text)
        }
        CatalogueError::NotLate(_) => Problem::bad_reference(text),
        CatalogueError::Rebuilding | CatalogueError::Read(ReadError::NotWhole(_)) => {
            Problem::rebuilding(text)
        }
        _ => Problem::halted(text),
    }
}
