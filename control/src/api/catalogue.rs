//! Editing catalogues: items, late changes, seasons. It decides nothing.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use engine::catalogue::EditError;
use engine::replica::catalogue::{CatalogueError, Settlement, past_items};
use serde::Deserialize;
use serde_json::json;
use shell::access::Operator;
use shell::catalogue::body::{ItemsBody, LateBody, Settle};
use shell::catalogue::{self, Desk};
use shell::extract::JsonBody;
use shell::limits::CATALOGUE_BODY_BYTES_MAX;
use shell::problem::Problem;
use shell::read::scope_of;
use transport::env::Env;

use super::{Api, ask, unexpected};
use crate::core::{Answer, Call};

/// The catalogue's routes, those that read included.
pub(super) fn routes<E: Env>(merchant: &str) -> Router<Api<E>> {
    let desk = Desk { home: Some(scope_of(merchant)), past: past_items };
    Router::new()
        .route("/v1/catalogue/items", post(edit::<E>))
        .route("/v1/catalogue/late", post(settle_late::<E>))
        .route("/v1/catalogue/seasons", post(open_season::<E>))
        .layer(DefaultBodyLimit::max(CATALOGUE_BODY_BYTES_MAX))
        .merge(catalogue::routes(desk))
}

async fn edit<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<ItemsBody>,
) -> Result<Response, Problem> {
    let scope = scope_of(body.merchant.as_deref().unwrap_or(&api.merchant));
    let call = Call::EditCatalogue(scope, body.into_edits()?);
    changed(ask(&api, call).await?)
}

async fn settle_late<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<LateBody>,
) -> Result<Response, Problem> {
    let scope = scope_of(body.merchant.as_deref().unwrap_or(&api.merchant));
    let settlement = match body.settle {
        Settle::Take => Settlement::Take,
        Settle::PutAside => Settlement::PutAside,
    };
    let call = Call::SettleLate(scope, body.changes()?, settlement);
    changed(ask(&api, call).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeasonBody {
    merchant: Option<String>,
    name: String,
    #[serde(default)]
    winners: bool,
}

async fn open_season<E: Env>(
    _: Operator,
    State(api): State<Api<E>>,
    JsonBody(body): JsonBody<SeasonBody>,
) -> Result<Response, Problem> {
    let SeasonBody { merchant, name, winners } = body;
    let scope = scope_of(merchant.as_deref().unwrap_or(&api.merchant));
    match ask(&api, Call::OpenSeason { scope, name: name.clone(), winners }).await? {
        Answer::Season(season) => {
            let body = json!({ "season": season, "name": name });
            Ok((StatusCode::CREATED, Json(body)).into_response())
        }
        _ => Err(unexpected()),
    }
}

fn changed(answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::Done(changes) => {
            Ok((StatusCode::CREATED, Json(json!({ "changes": changes }))).into_response())
        }
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
        CatalogueError::Rebuilding => Problem::busy(text),
        _ => Problem::halted(text),
    }
}
