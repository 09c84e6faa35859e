//! The pages that let in and out. A token is asked for once and never shown again.

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::html;
use serde::Deserialize;

use super::door::{Door, LOGIN, Refused};
use super::frame::{self, Frame};
use super::posted::Own;

/// The log-in, the log-out and the assets.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Door: FromRef<S>,
{
    Router::new()
        .route(LOGIN, get(ask).post(log_in))
        .route("/logout", axum::routing::post(log_out))
        .merge(frame::assets())
}

async fn ask(State(door): State<Door>) -> Response {
    form(&door, StatusCode::OK, None)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenForm {
    token: String,
}

async fn log_in(
    State(door): State<Door>,
    headers: HeaderMap,
    Own { form: TokenForm { token }, tls }: Own<TokenForm>,
) -> Response {
    match door.open(token.trim(), &headers, tls) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => {
            let tills_alone = "This token is not known here. Over the network only a till's is.";
            let said = if tls { tills_alone } else { "This token is not known here." };
            form(&door, StatusCode::UNAUTHORIZED, Some(said))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn log_out(
    State(door): State<Door>,
    headers: HeaderMap,
    own: Result<Own<Nothing>, Refused>,
) -> Response {
    match own {
        Ok(Own { tls, .. }) => {
            ([(SET_COOKIE, door.close(&headers, tls))], Redirect::to(LOGIN)).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

fn form(door: &Door, status: StatusCode, said: Option<&str>) -> Response {
    let body = html! {
        section .narrow {
            h2 { "Log in" }
            @if let Some(said) = said {
                p .alarm role="alert" { (said) }
            }
            p { (door.hint()) }
            form method="post" action=(LOGIN) {
                label for="token" { "Token" }
                input #token type="password" name="token" required autofocus
                    autocomplete="current-password" autocapitalize="off" spellcheck="false";
                button .main { "Log in" }
            }
        }
    };
    let frame = Frame { title: door.title(), visitor: None, live: None, links: &[] };
    frame.page_with(status, &body)
}
